/* The native engine as the host sees it: a backend table, and what isa it runs. */
#ifndef TM_NATIVE_NATIVE_H
#define TM_NATIVE_NATIVE_H

#include "tensormark/backend.h"

/* The table of `native:cpu`; the same that libtensormark exports as tensormark_backend(). */
const tm_backend *tm_native_backend(void);

/* "avx512", "avx2", "neon" or "portable": what TENSORMARK_ISA asks for (NULL with `error` if unknown or not on this
 * CPU), else the best that CPU and build have. */
const char *tm_native_isa(tm_error *error);

/* How often kernels of `isa` were entered in this process: lets a test prove that a forced path ran. */
uint64_t tm_native_kernel_calls(const char *isa);

#endif
