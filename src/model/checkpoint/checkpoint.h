/* A model's tensors: one safetensors file, or several under a model.safetensors.index.json. Opening reads and checks
 * the headers of all files; a tensor is read when it is asked for, through plain reads, and only while its file is the
 * one that was opened. One thread at a time may use a checkpoint. */
#ifndef TM_MODEL_CHECKPOINT_CHECKPOINT_H
#define TM_MODEL_CHECKPOINT_CHECKPOINT_H

#include "base/error.h"
#include "model/checkpoint/folder.h"
#include "model/checkpoint/shown.h"
#include "model/checkpoint/stored.h"

typedef struct tm_checkpoint tm_checkpoint;

typedef struct tm_stored_tensor {
    const char *name;   /* of name_length bytes, which may hold zeros; one zero more behind them */
    size_t name_length; /* valid UTF-8 */
    const char *file;   /* name within the folder */
    tm_stored type;
    int32_t rank; /* 0..TM_MAX_RANK */
    int64_t dim[TM_MAX_RANK];
    int64_t elements;
    uint64_t bytes;
} tm_stored_tensor;

/* Opens `path`: a folder with model.safetensors or model.safetensors.index.json, or one such file. Every message begins
 * with the file it is about. TM_INVALID_ARGUMENT for what is not accepted, with "REJECTED(reason)", or for faults of a
 * header "REJECTED(reason, offset N)", counted in bytes of the file, or for no such path; TM_FAILED for what the system
 * refuses and, with "FILE_CHANGED", for files that change meanwhile; TM_OUT_OF_MEMORY. */
tm_status tm_checkpoint_open(const char *path, tm_checkpoint **into, tm_error *error);
void tm_checkpoint_close(tm_checkpoint *checkpoint); /* NULL is allowed */

/* The path as it was given, and the file of tensor `index`, both escaped for messages. The former lives as long as the
 * checkpoint, the latter is written to `into`. */
const char *tm_checkpoint_shown(const tm_checkpoint *checkpoint);
const char *tm_checkpoint_file_shown(const tm_checkpoint *checkpoint, size_t index, char into[TM_SHOWN]);

/* The folder it is in, for the files beside it. Lives as long as the checkpoint. */
const tm_folder *tm_checkpoint_folder(const tm_checkpoint *checkpoint);

size_t tm_checkpoint_count(const tm_checkpoint *checkpoint);

/* Tensor number `index` (< count), in the order of the file or index; what it points to lives as long as the
 * checkpoint. */
tm_stored_tensor tm_checkpoint_tensor(const tm_checkpoint *checkpoint, size_t index);
bool tm_checkpoint_find(const tm_checkpoint *checkpoint, const char *name, size_t *index);

/* Reads `count` elements of tensor `index` from element `first` on, in row-major order, on up to `threads` threads: as
 * they are stored (for types below 8 bits the range must begin and end at whole bytes), or each as the nearest float32
 * (TM_UNSUPPORTED for types that tm_stored_converts denies). TM_INVALID_ARGUMENT for a range that the tensor does not
 * have; TM_FAILED with FILE_CHANGED when the file is not the one that was opened, and then `into` holds nothing of use.
 */
tm_status tm_checkpoint_read(const tm_checkpoint *checkpoint, size_t index, int64_t first, int64_t count, int threads,
                             void *into, tm_error *error);
tm_status tm_checkpoint_read_f32(const tm_checkpoint *checkpoint, size_t index, int64_t first, int64_t count,
                                 int threads, float *into, tm_error *error);

#endif
