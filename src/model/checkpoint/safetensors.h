/* The header of a safetensors file, checked whole: what it says is true of the file and nothing of the file is left
 * over. Values are not looked at. */
#ifndef TM_MODEL_CHECKPOINT_SAFETENSORS_H
#define TM_MODEL_CHECKPOINT_SAFETENSORS_H

#include "model/checkpoint/scan.h"
#include "model/checkpoint/stored.h"

#define TM_SAFETENSORS_MOST_HEADER UINT64_C(100000000)

typedef struct tm_safetensors_entry {
    uint64_t begin, bytes; /* within the data, which begins at `data` of the file */
    uint32_t name;         /* offset in `names`, ended by a zero byte */
    uint32_t name_length;
    uint32_t dims;  /* offset in `dims` */
    uint32_t where; /* the file's offset of data_offsets */
    uint8_t rank;
    uint8_t type; /* tm_stored */
} tm_safetensors_entry;

/* In the header's order. Freed by tm_safetensors_free. */
typedef struct tm_safetensors {
    tm_safetensors_entry *entries;
    size_t count, capacity;
    tm_text names;
    int64_t *dims;
    size_t dim_count, dim_capacity;
    uint64_t data;
} tm_safetensors;

/* Reads a file of `size` bytes. TM_INVALID_ARGUMENT with "REJECTED(reason, offset N)" for what is not allowed,
 * TM_OUT_OF_MEMORY, or what `read` returned. `into` is empty then. */
tm_status tm_safetensors_read(tm_scan_read read, void *context, uint64_t size, tm_safetensors *into, tm_error *error);
void tm_safetensors_free(tm_safetensors *file);

#endif
