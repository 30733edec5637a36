/* Which instruction sets this CPU and build have, and which one is asked for. */
#ifndef TM_NATIVE_ISA_H
#define TM_NATIVE_ISA_H

#include "base/error.h"
#include "native/kernels/kernels.h"

bool tm_isa_available(tm_isa isa);

/* TENSORMARK_ISA if it is set, else the best available. TM_UNSUPPORTED if it is unknown or not available. */
tm_status tm_isa_choose(tm_isa *into, tm_error *error);

/* By its name; `source` is what a message calls the request ("+isa="). TM_UNSUPPORTED as above. */
tm_status tm_isa_named(const char *name, const char *source, tm_isa *into, tm_error *error);

/* Adds to what tm_native_kernel_calls reports. */
void tm_isa_count(const uint64_t uses[TM_ISA_COUNT], uint64_t executions);

#endif
