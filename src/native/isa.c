/* Instruction sets are tried from the best down. The counters are the one piece of state of this module: they belong to
 * the process, because what they prove ("the forced path ran") is about the process. */
#include "native/isa.h"

#include "native/native.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Atomic uint64_t calls[TM_ISA_COUNT];

static const char *const names[TM_ISA_COUNT] = {"portable", "avx2", "avx512", "avx512_bf16", "neon"};

const char *tm_isa_name(tm_isa isa)
{
    return (unsigned)isa < TM_ISA_COUNT ? names[isa] : "?";
}

static bool parse(const char *name, tm_isa *into)
{
    for (int i = 0; i < TM_ISA_COUNT; i++) {
        if (strcmp(name, names[i]) == 0) {
            *into = (tm_isa)i;
            return true;
        }
    }
    return false;
}

bool tm_isa_available(tm_isa isa)
{
    if (isa == TM_ISA_portable) return true;
#if defined(__x86_64__)
    /* Every CPU with AVX2 has F16C too; not every compiler can ask for it. */
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
    if (isa == TM_ISA_avx2) return avx2;
    const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    if (isa == TM_ISA_avx512) return avx512;
    if (isa == TM_ISA_avx512_bf16) return avx512 && __builtin_cpu_supports("avx512bf16");
#elif defined(__aarch64__)
    if (isa == TM_ISA_neon) return true; /* part of every such CPU */
#endif
    return false;
}

tm_status tm_isa_named(const char *name, const char *source, tm_isa *into, tm_error *error)
{
    if (!parse(name, into)) {
        char known[128] = "";
        for (int i = 0, used = 0; i < TM_ISA_COUNT && used < (int)sizeof known; i++) {
            used += snprintf(known + used, sizeof known - (size_t)used, "%s%s", i ? ", " : "", names[i]);
        }
        return tm_fail(error, TM_UNSUPPORTED, "%s%s: no such instruction set (%s)", source, name, known);
    }
    if (!tm_isa_available(*into)) {
        return tm_fail(error, TM_UNSUPPORTED, "%s%s: this CPU or build does not have it", source, name);
    }
    return TM_OK;
}

tm_status tm_isa_choose(tm_isa *into, tm_error *error)
{
    const char *wish = getenv("TENSORMARK_ISA");
    if (wish != NULL && wish[0] != '\0') return tm_isa_named(wish, "TENSORMARK_ISA=", into, error);
    int best = TM_ISA_COUNT - 1;
    while (!tm_isa_available((tm_isa)best)) best--; /* ends at portable */
    *into = (tm_isa)best;
    return TM_OK;
}

const char *tm_native_isa(tm_error *error)
{
    tm_isa isa = TM_ISA_portable;
    return tm_isa_choose(&isa, error) == TM_OK ? tm_isa_name(isa) : NULL;
}

void tm_isa_count(const uint64_t uses[TM_ISA_COUNT], uint64_t executions)
{
    for (int i = 0; i < TM_ISA_COUNT; i++) {
        if (uses[i] != 0) atomic_fetch_add_explicit(&calls[i], uses[i] * executions, memory_order_relaxed);
    }
}

uint64_t tm_native_kernel_calls(const char *isa)
{
    tm_isa which = TM_ISA_portable;
    return parse(isa, &which) ? atomic_load_explicit(&calls[which], memory_order_relaxed) : 0;
}
