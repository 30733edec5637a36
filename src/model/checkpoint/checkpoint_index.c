/* Several files under an index: the tensors are those of its map, in its order; each must be in its file. Files may
 * hold more. */
#include "model/checkpoint/checkpoint_state.h"

#include "base/hash.h"
#include "model/checkpoint/weight_map.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SLOTS = 4 * TM_MOST_SHARDS };

typedef struct index_reader {
    tm_checkpoint *checkpoint;
    const char *name;
    int fd;
    tm_status status; /* of what is no fault of the index; its message is in `error` */
    tm_error error;
    size_t capacity;
    uint16_t slots[SLOTS]; /* open addressing by file name: number of the shard + 1, 0 is free */
} index_reader;

static tm_status read_text(void *context, uint64_t offset, void *into, size_t count, tm_error *error)
{
    const index_reader *const r = context;
    return tm_folder_read_at(r->checkpoint->folder, r->name, r->fd, offset, into, count, error);
}

/* Ends the reading with a status whose message is in `error` already. */
static bool stop(index_reader *r, tm_scan *scan, tm_status status)
{
    r->status = status;
    return tm_scan_stop(scan, status, 0);
}

/* The file's number; a new file is opened. */
static bool find_shard(index_reader *r, tm_scan *scan, uint64_t offset, const tm_text *file, uint32_t *into)
{
    tm_checkpoint *const checkpoint = r->checkpoint;
    size_t slot = (size_t)tm_hash_bytes(file->data, file->length) % SLOTS;
    for (; r->slots[slot] != 0; slot = (slot + 1) % SLOTS) {
        *into = (uint32_t)r->slots[slot] - 1;
        if (strcmp(checkpoint->shards[*into].name, file->data) == 0) return true;
    }
    if (checkpoint->shard_count == TM_MOST_SHARDS) {
        return tm_scan_fail(scan, offset, "more than %d files", TM_MOST_SHARDS);
    }
    const tm_status status = tm_checkpoint_add_shard(checkpoint, file->data, &r->error);
    if (status != TM_OK) return stop(r, scan, status);
    *into = (uint32_t)(checkpoint->shard_count - 1);
    if (!tm_shard_sort(&checkpoint->shards[*into])) {
        return stop(r, scan, tm_fail_memory(&r->error, "the names of a checkpoint's tensors"));
    }
    r->slots[slot] = (uint16_t)checkpoint->shard_count;
    return true;
}

static bool take(void *context, tm_scan *scan, uint64_t offset, const tm_text *tensor, const tm_text *file)
{
    index_reader *const r = context;
    tm_checkpoint *const checkpoint = r->checkpoint;
    char tensor_shown[TM_SHOWN], file_shown[TM_SHOWN];
    tm_tensor_place place = {0};
    if (!find_shard(r, scan, offset, file, &place.shard)) return false;
    if (!tm_shard_find(&checkpoint->shards[place.shard], tensor->data, tensor->length, &place.entry)) {
        return tm_scan_fail(scan, offset, "tensor \"%s\" is not in \"%s\"",
                            tm_shown(tensor->data, tensor->length, tensor_shown),
                            tm_shown(file->data, file->length, file_shown));
    }
    if (checkpoint->count == r->capacity) {
        const size_t capacity = r->capacity + r->capacity / 2 + 64;
        tm_tensor_place *const tensors = realloc(checkpoint->tensors, capacity * sizeof *tensors);
        if (!tensors) return stop(r, scan, tm_fail_memory(&r->error, "a checkpoint's tensors"));
        checkpoint->tensors = tensors;
        r->capacity = capacity;
    }
    checkpoint->tensors[checkpoint->count++] = place;
    return true;
}

static tm_status read_index(index_reader *r, tm_error *error)
{
    char shown[TM_SHOWN];
    tm_file_facts facts;
    tm_error fault = {""};
    const tm_folder *const folder = r->checkpoint->folder;
    tm_status status = tm_folder_file(folder, r->name, &r->fd, &facts, NULL, error);
    if (status != TM_OK) return status;
    tm_folder_shown(folder, r->name, shown);
    if ((uint64_t)facts.size > TM_SAFETENSORS_MOST_HEADER) {
        status = tm_fail(error, TM_INVALID_ARGUMENT, "%s: REJECTED(%lld bytes, more than the %" PRIu64 " allowed)",
                         shown, (long long)facts.size, TM_SAFETENSORS_MOST_HEADER);
    } else {
        status = tm_weight_map_read(read_text, r, (uint64_t)facts.size, take, r, &fault);
        if (r->status != TM_OK)
            tm_fail(error, status, "%s", r->error.message);
        else if (status == TM_INVALID_ARGUMENT)
            tm_fail(error, status, "%s: %.340s", shown, fault.message);
        else if (status != TM_OK)
            tm_fail(error, status, "%s", fault.message);
    }
    close(r->fd);
    if (status != TM_OK) return status;
    return tm_folder_unchanged(folder, r->name, &facts, error);
}

tm_status tm_checkpoint_read_index(tm_checkpoint *checkpoint, const char *name, tm_error *error)
{
    index_reader *const r = calloc(1, sizeof *r);
    if (!r) return tm_fail_memory(error, "a checkpoint's index");
    r->checkpoint = checkpoint;
    r->name = name;
    const tm_status status = read_index(r, error);
    free(r);
    return status;
}
