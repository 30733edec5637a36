/* Executing a group of nodes block of items by block of items (fuse.h says which). */
#ifndef TM_NATIVE_BLOCK_H
#define TM_NATIVE_BLOCK_H

#include "native/fuse.h"

typedef struct tm_blocks tm_blocks;

/* Plans the group as one step: fills run, more, members, stream, scratch_bytes and uses. Operands that are needed whole
 * are read as float32, rows from where the graph's own dtype lies. */
tm_status tm_blocks_plan(const tm_planner *planner, const tm_group *group, tm_step *step, tm_blocks **into,
                         tm_error *error);
/* Does the group read rows of `value` from memory? */
bool tm_blocks_read(const tm_blocks *blocks, int32_t value);
/* Does it multiply bfloat16 numbers, which counts subnormal ones as zero? `rounds` is set if it rounds results of the
 * group for that. */
bool tm_blocks_dot(const tm_blocks *blocks, bool *rounds);
void tm_blocks_free(tm_blocks *blocks);

#endif
