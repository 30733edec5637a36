/* What an open checkpoint is made of. */
#ifndef TM_MODEL_CHECKPOINT_CHECKPOINT_STATE_H
#define TM_MODEL_CHECKPOINT_CHECKPOINT_STATE_H

#include "base/text.h"
#include "model/checkpoint/checkpoint.h"
#include "model/checkpoint/safetensors.h"

enum { TM_MOST_SHARDS = 4096 };

typedef struct tm_shard {
    char *name;
    tm_file_facts facts;
    tm_safetensors header;
    tm_sort_item *by_name; /* hash of the name, more of it, number of the entry; NULL before tm_shard_sort */
} tm_shard;

typedef struct tm_tensor_place {
    uint32_t shard, entry;
} tm_tensor_place;

struct tm_checkpoint {
    tm_folder *folder;
    char shown[TM_SHOWN];
    tm_shard *shards;
    size_t shard_count;
    tm_tensor_place *tensors;
    size_t count;
    tm_sort_item *by_name; /* the same over all tensors */
};

/* Opens one more file and checks its header. */
tm_status tm_checkpoint_add_shard(tm_checkpoint *checkpoint, const char *name, tm_error *error);

/* Finds a tensor of one file by its name, once tm_shard_sort (false: out of memory) was called. */
bool tm_shard_sort(tm_shard *shard);
bool tm_shard_find(const tm_shard *shard, const char *name, size_t length, uint32_t *entry);

/* Fills shards and tensors from the index file `name`. */
tm_status tm_checkpoint_read_index(tm_checkpoint *checkpoint, const char *name, tm_error *error);

#endif
