/* The text of a model.safetensors.index.json: {"weight_map": {TENSOR: FILE, ...}, ...}. */
#ifndef TM_MODEL_CHECKPOINT_WEIGHT_MAP_H
#define TM_MODEL_CHECKPOINT_WEIGHT_MAP_H

#include "model/checkpoint/scan.h"

/* Called for each entry, in order; `offset` is where the file's name stands. Neither text is kept. Returns false to end
 * the reading, after tm_scan_fail or tm_scan_stop. */
typedef bool (*tm_weight_map_take)(void *context, tm_scan *scan, uint64_t offset, const tm_text *tensor,
                                   const tm_text *file);

/* Reads a text of `size` bytes. TM_INVALID_ARGUMENT with "REJECTED(reason, offset N)" for what is not allowed,
 * TM_OUT_OF_MEMORY, or the status of `read` or `take`. */
tm_status tm_weight_map_read(tm_scan_read read, void *source, uint64_t size, tm_weight_map_take take, void *context,
                             tm_error *error);

#endif
