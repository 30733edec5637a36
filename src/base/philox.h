/* Philox4x32-10, a counter-based generator (Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3,
 * SC 2011): four 32-bit words that are a pure function of a 128-bit counter and a 64-bit key. */
#ifndef TM_BASE_PHILOX_H
#define TM_BASE_PHILOX_H

#include <stddef.h>
#include <stdint.h>

/* Words of a stream come in groups: group g is made of the blocks 16 g .. 16 g + 15, word 16 j + l of the group being
 * word j of block 16 g + l. So laid out, a group is four vectors of sixteen lanes. */
enum { TM_PHILOX_LANES = 16, TM_PHILOX_GROUP = 4 * TM_PHILOX_LANES };

void tm_philox4x32(const uint32_t counter[4], const uint32_t key[2], uint32_t into[4]);

/* Groups first .. first + count - 1 of stream `stream`: block b has the counter {low(b), high(b), low(stream),
 * high(stream)}. Writes TM_PHILOX_GROUP words per group. */
void tm_philox_groups(uint64_t key, uint64_t stream, uint64_t first, size_t count, uint32_t *into);

#endif
