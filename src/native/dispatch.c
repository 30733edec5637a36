/* The kernel tables, one per instruction set: portable everywhere, then each set up to the wanted one overrides what
 * kernels.def says it has. Filled once; constant afterwards. */
#include "native/kernels/kernels.h"
#include "native/isa.h"

#include <pthread.h>

/* The folders that kernels/CMakeLists.txt builds for a processor; the symbols of the others do not exist. */
#if defined(__x86_64__)
#define WHERE_BUILT_avx2(code)        code
#define WHERE_BUILT_avx512(code)      code
#define WHERE_BUILT_avx512_bf16(code) code
#else
#define WHERE_BUILT_avx2(code)
#define WHERE_BUILT_avx512(code)
#define WHERE_BUILT_avx512_bf16(code)
#endif
#if defined(__aarch64__)
#define WHERE_BUILT_neon(code) code
#else
#define WHERE_BUILT_neon(code)
#endif

static tm_kernels tables[TM_ISA_COUNT];
static pthread_once_t filled = PTHREAD_ONCE_INIT;

static void fill_tables(void)
{
    for (int isa = 0; isa < TM_ISA_COUNT; isa++) {
        tm_kernels *table = &tables[isa];
#define TM_SLOT(name, type)                                                                                            \
    table->name = tm_##name##__portable;                                                                               \
    table->isa.name = TM_ISA_portable;
#include "native/kernels/kernels.def"
#define TM_KERNEL(slot, set)                                                                                           \
    WHERE_BUILT_##set(if (isa >= TM_ISA_##set && table->isa.slot <= TM_ISA_##set) {                                    \
        table->slot = tm_##slot##__##set;                                                                              \
        table->isa.slot = TM_ISA_##set;                                                                                \
    })
#include "native/kernels/kernels.def"
    }
}

const tm_kernels *tm_kernels_for(tm_isa isa)
{
    if (!tm_isa_available(isa)) return NULL;
    pthread_once(&filled, fill_tables);
    return &tables[isa];
}
