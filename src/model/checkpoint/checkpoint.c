/* Which files make a checkpoint, and which tensor is where. No file stays open: each read opens its file anew and
 * compares it with what was seen here. */
#include "model/checkpoint/checkpoint_state.h"

#include "base/hash.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char single[] = "model.safetensors", sharded[] = "model.safetensors.index.json";

typedef struct open_file {
    const tm_folder *folder;
    const char *name;
    int fd;
} open_file;

static tm_status read_file(void *context, uint64_t offset, void *into, size_t count, tm_error *error)
{
    const open_file *const file = context;
    return tm_folder_read_at(file->folder, file->name, file->fd, offset, into, count, error);
}

static bool ends_in(const char *text, const char *end)
{
    const size_t length = strlen(text), tail = strlen(end);
    return length >= tail && strcmp(text + length - tail, end) == 0;
}

/* Why a name is not even tried; NULL when it may be. */
static const char *refused_name(const char *name)
{
    static const char *const pickles[] = {".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".bin.index.json"};
    for (size_t i = 0; i < sizeof pickles / sizeof *pickles; i++) {
        if (!ends_in(name, pickles[i])) continue;
        return "a pickle checkpoint: loading one can run any code; save the model as model.safetensors "
               "(save_pretrained with safe_serialization=True) and use that";
    }
    if (ends_in(name, ".gguf")) return "a GGUF file; only safetensors are read";
    return NULL;
}

/* The same by the first bytes of what is no safetensors file, whose ninth byte is a '{'. */
static const char *refused_start(const unsigned char *bytes)
{
    if (bytes[8] == '{') return NULL;
    const bool zip = memcmp(bytes, "PK\3\4", 4) == 0, pickle = bytes[0] == 0x80 && bytes[1] >= 2 && bytes[1] <= 5;
    if (zip || pickle) return refused_name(".bin");
    if (memcmp(bytes, "GGUF", 4) == 0) return refused_name(".gguf");
    return memcmp(bytes, "version h", 9) == 0 ? "a Git LFS pointer, not the file itself; run `git lfs pull` there"
                                              : NULL;
}

static tm_status check_start(const open_file *file, const tm_file_facts *facts, tm_error *error)
{
    unsigned char bytes[9];
    char shown[TM_SHOWN];
    if (facts->size < (off_t)sizeof bytes) return TM_OK; /* the header's reader says so */
    const tm_status status = tm_folder_read_at(file->folder, file->name, file->fd, 0, bytes, sizeof bytes, error);
    const char *const reason = status == TM_OK ? refused_start(bytes) : NULL;
    if (!reason) return status;
    return tm_fail(error, TM_INVALID_ARGUMENT, "%s: REJECTED(%s)", tm_folder_shown(file->folder, file->name, shown),
                   reason);
}

static const char *entry_name(const tm_shard *shard, uint32_t entry, size_t *length)
{
    const tm_safetensors_entry *const one = &shard->header.entries[entry];
    *length = one->name_length;
    return shard->header.names.data + one->name;
}

static tm_sort_item name_item(const char *name, size_t length, uint32_t number)
{
    const tm_hash128 hash = tm_hash128_bytes(name, length);
    return (tm_sort_item){hash.low, (uint32_t)hash.high, number};
}

/* Position of the first item that may be the name; `count` when all are smaller. */
static size_t lower_bound(const tm_sort_item *items, size_t count, tm_sort_item wanted)
{
    size_t low = 0, high = count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const tm_sort_item *const one = &items[middle];
        if (one->key < wanted.key || (one->key == wanted.key && one->more < wanted.more))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool same_hash(tm_sort_item a, tm_sort_item b)
{
    return a.key == b.key && a.more == b.more;
}

typedef const char *(*name_reader)(const void *owner, uint32_t number, size_t *length);

static const char *name_in_shard(const void *owner, uint32_t number, size_t *length)
{
    return entry_name(owner, number, length);
}

static const char *name_in_checkpoint(const void *owner, uint32_t number, size_t *length)
{
    const tm_checkpoint *const checkpoint = owner;
    const tm_tensor_place at = checkpoint->tensors[number];
    return entry_name(&checkpoint->shards[at.shard], at.entry, length);
}

static bool find_name(const tm_sort_item *items, size_t count, name_reader read, const void *owner, const char *name,
                      size_t length, uint32_t *number)
{
    const tm_sort_item wanted = name_item(name, length, 0);
    for (size_t i = lower_bound(items, count, wanted); i < count && same_hash(items[i], wanted); i++) {
        size_t here = 0;
        const char *const found = read(owner, items[i].number, &here);
        if (here != length || memcmp(found, name, length) != 0) continue;
        *number = items[i].number;
        return true;
    }
    return false;
}

bool tm_shard_find(const tm_shard *shard, const char *name, size_t length, uint32_t *entry)
{
    return find_name(shard->by_name, shard->header.count, name_in_shard, shard, name, length, entry);
}

bool tm_checkpoint_find(const tm_checkpoint *checkpoint, const char *name, size_t *index)
{
    uint32_t number = 0;
    const bool found =
        find_name(checkpoint->by_name, checkpoint->count, name_in_checkpoint, checkpoint, name, strlen(name), &number);
    if (found) *index = number;
    return found;
}

bool tm_shard_sort(tm_shard *shard)
{
    shard->by_name = malloc((shard->header.count + 1) * sizeof *shard->by_name);
    if (!shard->by_name) return false;
    for (size_t i = 0; i < shard->header.count; i++) {
        size_t length = 0;
        const char *const name = entry_name(shard, (uint32_t)i, &length);
        shard->by_name[i] = name_item(name, length, (uint32_t)i);
    }
    tm_sort(shard->by_name, shard->header.count);
    return true;
}

static tm_status read_shard(tm_checkpoint *checkpoint, tm_shard *shard, tm_error *error)
{
    open_file file = {checkpoint->folder, shard->name, -1};
    tm_status status = tm_folder_file(checkpoint->folder, shard->name, &file.fd, &shard->facts, NULL, error);
    if (status != TM_OK) return status;
    status = check_start(&file, &shard->facts, error);
    if (status == TM_OK) {
        tm_error fault = {""};
        status = tm_safetensors_read(read_file, &file, (uint64_t)shard->facts.size, &shard->header, &fault);
        if (status == TM_INVALID_ARGUMENT) {
            char shown[TM_SHOWN];
            tm_fail(error, status, "%s: %.340s", tm_folder_shown(checkpoint->folder, shard->name, shown),
                    fault.message);
        } else if (status != TM_OK) {
            *error = fault;
        }
    }
    close(file.fd);
    /* A file that changed while its header was read is told as that, whatever the header seemed to be. */
    const tm_status unchanged =
        status == TM_OUT_OF_MEMORY ? TM_OK : tm_folder_unchanged(checkpoint->folder, shard->name, &shard->facts, error);
    return unchanged != TM_OK ? unchanged : status;
}

tm_status tm_checkpoint_add_shard(tm_checkpoint *checkpoint, const char *name, tm_error *error)
{
    char shown[TM_SHOWN];
    const char *const reason = refused_name(name);
    if (reason) {
        return tm_fail(error, TM_INVALID_ARGUMENT, "%s: REJECTED(%s)", tm_folder_shown(checkpoint->folder, name, shown),
                       reason);
    }
    tm_shard *const shards = realloc(checkpoint->shards, (checkpoint->shard_count + 1) * sizeof *shards);
    if (!shards) return tm_fail_memory(error, "a checkpoint's files");
    checkpoint->shards = shards;
    tm_shard *const shard = &shards[checkpoint->shard_count];
    *shard = (tm_shard){.name = strdup(name)};
    if (!shard->name) return tm_fail_memory(error, "a checkpoint's files");
    checkpoint->shard_count++;
    return read_shard(checkpoint, shard, error);
}

static tm_status take_all(tm_checkpoint *checkpoint, tm_error *error)
{
    const size_t count = checkpoint->shards[0].header.count;
    checkpoint->tensors = malloc((count + 1) * sizeof *checkpoint->tensors);
    if (!checkpoint->tensors) return tm_fail_memory(error, "a checkpoint's tensors");
    for (size_t i = 0; i < count; i++) checkpoint->tensors[i] = (tm_tensor_place){0, (uint32_t)i};
    checkpoint->count = count;
    return TM_OK;
}

static tm_status open_name(tm_checkpoint *checkpoint, const char *name, tm_error *error)
{
    if (ends_in(name, ".json") && !refused_name(name)) return tm_checkpoint_read_index(checkpoint, name, error);
    const tm_status status = tm_checkpoint_add_shard(checkpoint, name, error);
    return status == TM_OK ? take_all(checkpoint, error) : status;
}

static bool has(const tm_checkpoint *checkpoint, const char *name)
{
    int fd = -1;
    tm_file_facts facts;
    bool missing = false;
    if (tm_folder_file(checkpoint->folder, name, &fd, &facts, &missing, NULL) == TM_OK) close(fd);
    return !missing;
}

/* What a folder without safetensors is told. */
static tm_status nothing_there(const tm_checkpoint *checkpoint, tm_error *error)
{
    static const char *const others[] = {"pytorch_model.bin", "pytorch_model.bin.index.json", "model.pt", "model.pth",
                                         "model.ckpt"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (!has(checkpoint, others[i])) continue;
        return tm_fail(error, TM_INVALID_ARGUMENT, "%s/%s: REJECTED(%s)", checkpoint->shown, others[i],
                       refused_name(others[i]));
    }
    return tm_fail(error, TM_INVALID_ARGUMENT, "%s: holds neither %s nor %s", checkpoint->shown, single, sharded);
}

static tm_status open_folder(tm_checkpoint *checkpoint, const char *path, tm_error *error)
{
    const tm_status status = tm_folder_open(path, &checkpoint->folder, error);
    if (status != TM_OK) return status;
    if (has(checkpoint, single)) return open_name(checkpoint, single, error);
    if (has(checkpoint, sharded)) return open_name(checkpoint, sharded, error);
    return nothing_there(checkpoint, error);
}

static tm_status open_one_file(tm_checkpoint *checkpoint, const char *path, tm_error *error)
{
    const char *const slash = strrchr(path, '/');
    char *const folder = slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
    if (!folder) return tm_fail_memory(error, "a checkpoint's folder");
    tm_status status = tm_folder_open(folder, &checkpoint->folder, error);
    if (status == TM_OK) status = open_name(checkpoint, slash ? slash + 1 : path, error);
    free(folder);
    return status;
}

static tm_status sort_all_names(tm_checkpoint *checkpoint, tm_error *error)
{
    checkpoint->by_name = malloc((checkpoint->count + 1) * sizeof *checkpoint->by_name);
    if (!checkpoint->by_name) return tm_fail_memory(error, "the names of a checkpoint's tensors");
    for (size_t i = 0; i < checkpoint->count; i++) {
        size_t length = 0;
        const char *const name = name_in_checkpoint(checkpoint, (uint32_t)i, &length);
        checkpoint->by_name[i] = name_item(name, length, (uint32_t)i);
    }
    tm_sort(checkpoint->by_name, checkpoint->count);
    return TM_OK;
}

tm_status tm_checkpoint_open(const char *path, tm_checkpoint **into, tm_error *error)
{
    struct stat found;
    *into = NULL;
    tm_checkpoint *const checkpoint = calloc(1, sizeof *checkpoint);
    if (!checkpoint) return tm_fail_memory(error, "a checkpoint");
    tm_shown_path(path, checkpoint->shown);
    tm_status status;
    const bool there = stat(path, &found) == 0;
    if (!there && errno != ELOOP)
        status = tm_fail(error, TM_INVALID_ARGUMENT, "%s: %s", checkpoint->shown, strerror(errno));
    else if (there && S_ISDIR(found.st_mode))
        status = open_folder(checkpoint, path, error);
    else
        status = open_one_file(checkpoint, path, error);
    if (status == TM_OK) status = sort_all_names(checkpoint, error);
    if (status == TM_OK)
        *into = checkpoint;
    else
        tm_checkpoint_close(checkpoint);
    return status;
}

void tm_checkpoint_close(tm_checkpoint *checkpoint)
{
    if (!checkpoint) return;
    for (size_t i = 0; i < checkpoint->shard_count; i++) {
        free(checkpoint->shards[i].name);
        free(checkpoint->shards[i].by_name);
        tm_safetensors_free(&checkpoint->shards[i].header);
    }
    free(checkpoint->shards);
    free(checkpoint->tensors);
    free(checkpoint->by_name);
    tm_folder_close(checkpoint->folder);
    free(checkpoint);
}
