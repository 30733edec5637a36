/* Reading tensors: the file is opened, compared with the one whose header was read, read in pieces by several threads,
 * and compared again. */
#include "model/checkpoint/checkpoint_state.h"

#include "base/parallel.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

/* A piece is what one thread takes at a time; a stage is what it converts at a time, within its own cache. */
enum { PIECE = 4 << 20, STAGE = 64 << 10, WORTH_THREADS = 8 << 20 };

const char *tm_checkpoint_shown(const tm_checkpoint *checkpoint)
{
    return checkpoint->shown;
}

const char *tm_checkpoint_file_shown(const tm_checkpoint *checkpoint, size_t index, char into[TM_SHOWN])
{
    return tm_folder_shown(checkpoint->folder, checkpoint->shards[checkpoint->tensors[index].shard].name, into);
}

const tm_folder *tm_checkpoint_folder(const tm_checkpoint *checkpoint)
{
    return checkpoint->folder;
}

size_t tm_checkpoint_count(const tm_checkpoint *checkpoint)
{
    return checkpoint->count;
}

tm_stored_tensor tm_checkpoint_tensor(const tm_checkpoint *checkpoint, size_t index)
{
    const tm_tensor_place place = checkpoint->tensors[index];
    const tm_shard *const shard = &checkpoint->shards[place.shard];
    const tm_safetensors_entry *const entry = &shard->header.entries[place.entry];
    tm_stored_tensor tensor = {.name = shard->header.names.data + entry->name,
                               .name_length = entry->name_length,
                               .file = shard->name,
                               .type = (tm_stored)entry->type,
                               .rank = entry->rank,
                               .elements = 1,
                               .bytes = entry->bytes};
    for (int i = 0; i < tensor.rank; i++) {
        tensor.dim[i] = shard->header.dims[entry->dims + (uint32_t)i];
        tensor.elements = tensor.dim[i] == 0 ? 0 : tensor.elements;
    }
    if (tensor.elements != 0) tensor.elements = (int64_t)(tensor.bytes * 8 / (uint64_t)tm_stored_bits(tensor.type));
    return tensor;
}

typedef struct job {
    const tm_folder *folder;
    const char *name;
    int fd;
    uint64_t begin; /* in the file */
    int64_t bytes;
    tm_stored type;
    bool convert;
    void *into;
    _Atomic int failed; /* the first thread to set it fills status and error */
    tm_status status;
    tm_error error;
} job;

/* Bytes begin .. end of the range, as stored or through a stage. */
static tm_status read_piece(job *j, int64_t begin, int64_t end, tm_error *error)
{
    unsigned char stage[STAGE];
    const int64_t size = tm_stored_bits(j->type) / 8;
    if (!j->convert) {
        return tm_folder_read_at(j->folder, j->name, j->fd, j->begin + (uint64_t)begin, (char *)j->into + begin,
                                 (size_t)(end - begin), error);
    }
    for (int64_t at = begin; at < end; at += STAGE) {
        const size_t count = end - at < STAGE ? (size_t)(end - at) : STAGE;
        const tm_status status =
            tm_folder_read_at(j->folder, j->name, j->fd, j->begin + (uint64_t)at, stage, count, error);
        if (status != TM_OK) return status;
        tm_stored_to_f32(j->type, stage, count / (size_t)size, (float *)j->into + at / size);
    }
    return TM_OK;
}

static void read_pieces(void *context, int64_t begin, int64_t end)
{
    job *const j = context;
    tm_error error = {""};
    if (atomic_load(&j->failed)) return;
    const tm_status status = read_piece(j, begin, end, &error);
    if (status == TM_OK || atomic_exchange(&j->failed, 1)) return;
    j->status = status;
    j->error = error;
}

static tm_status read_range(const tm_checkpoint *checkpoint, job *j, const tm_shard *shard, int threads,
                            tm_error *error)
{
    tm_status status = tm_folder_reopen(checkpoint->folder, shard->name, &shard->facts, &j->fd, error);
    if (status != TM_OK) return status;
    tm_parallel_for(j->bytes, PIECE, j->bytes >= WORTH_THREADS ? threads : 1, read_pieces, j);
    close(j->fd);
    status = tm_folder_unchanged(checkpoint->folder, shard->name, &shard->facts, error);
    if (status == TM_OK && atomic_load(&j->failed)) {
        status = j->status;
        if (error) *error = j->error;
    }
    return status;
}

static tm_status read_elements(const tm_checkpoint *checkpoint, size_t index, int64_t first, int64_t count, int threads,
                               bool convert, void *into, tm_error *error)
{
    char shown[TM_SHOWN], file[TM_SHOWN];
    const tm_stored_tensor tensor = tm_checkpoint_tensor(checkpoint, index);
    const tm_tensor_place place = checkpoint->tensors[index];
    const tm_shard *const shard = &checkpoint->shards[place.shard];
    const int64_t bits = tm_stored_bits(tensor.type);
    tm_folder_shown(checkpoint->folder, shard->name, file);
    tm_shown(tensor.name, tensor.name_length, shown);
    if (first < 0 || count < 0 || first > tensor.elements || count > tensor.elements - first || first * bits % 8 != 0 ||
        count * bits % 8 != 0) {
        return tm_fail(error, TM_INVALID_ARGUMENT,
                       "%s: tensor \"%s\" has %" PRId64 " elements of %s, not %" PRId64 " from %" PRId64 " on", file,
                       shown, tensor.elements, tm_stored_name(tensor.type), count, first);
    }
    if (convert && !tm_stored_converts(tensor.type)) {
        return tm_fail(error, TM_UNSUPPORTED, "%s: tensor \"%s\": %s cannot be read as f32", file, shown,
                       tm_stored_name(tensor.type));
    }
    const uint64_t data = shard->header.data + shard->header.entries[place.entry].begin;
    job j = {.folder = checkpoint->folder,
             .name = shard->name,
             .begin = data + (uint64_t)(first * bits / 8),
             .bytes = count * bits / 8,
             .type = tensor.type,
             .convert = convert && tensor.type != TM_STORED_F32,
             .into = into};
    return read_range(checkpoint, &j, shard, threads, error);
}

tm_status tm_checkpoint_read(const tm_checkpoint *checkpoint, size_t index, int64_t first, int64_t count, int threads,
                             void *into, tm_error *error)
{
    return read_elements(checkpoint, index, first, count, threads, false, into, error);
}

tm_status tm_checkpoint_read_f32(const tm_checkpoint *checkpoint, size_t index, int64_t first, int64_t count,
                                 int threads, float *into, tm_error *error)
{
    return read_elements(checkpoint, index, first, count, threads, true, into, error);
}
