/* Orders non-temporal stores before the release store that tells another thread "done". Every body of a pool that may
 * have streamed calls it once, last. */
#ifndef TM_NATIVE_STORE_FENCE_H
#define TM_NATIVE_STORE_FENCE_H

#if defined(__x86_64__)
#include <xmmintrin.h>
static inline void tm_store_fence(void) { _mm_sfence(); }
#else
static inline void tm_store_fence(void) {}
#endif

#endif
