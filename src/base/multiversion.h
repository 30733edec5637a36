/* One loop, built for several x86 instruction sets and chosen at each call by what the processor has:
 *
 *     TM_MULTIVERSION(scale, (float *x, size_t count), (x, count))
 *     {
 *         for (size_t i = 0; i < count; i++) x[i] *= 2;
 *     }
 *
 * The bits stay the same: no contraction, and IEEE + - * / sqrt are exact on all of them. Only for loops outside the
 * engine, whose kernels have folders of their own. */
#ifndef TM_BASE_MULTIVERSION_H
#define TM_BASE_MULTIVERSION_H

#if defined(__x86_64__) && defined(__GNUC__)
#define TM_MULTIVERSION(name, parameters, arguments)                                                                   \
    static inline __attribute__((always_inline)) void name##_body parameters;                                          \
    static __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl"))) void name##_avx512 parameters                 \
    {                                                                                                                  \
        name##_body arguments;                                                                                         \
    }                                                                                                                  \
    static __attribute__((target("avx2"))) void name##_avx2 parameters                                                 \
    {                                                                                                                  \
        name##_body arguments;                                                                                         \
    }                                                                                                                  \
    static void name##_portable parameters                                                                             \
    {                                                                                                                  \
        name##_body arguments;                                                                                         \
    }                                                                                                                  \
    void name parameters                                                                                               \
    {                                                                                                                  \
        if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&                                \
            __builtin_cpu_supports("avx512vl")) {                                                                      \
            name##_avx512 arguments;                                                                                   \
        } else if (__builtin_cpu_supports("avx2")) {                                                                   \
            name##_avx2 arguments;                                                                                     \
        } else {                                                                                                       \
            name##_portable arguments;                                                                                 \
        }                                                                                                              \
    }                                                                                                                  \
    static inline void name##_body parameters
#else
#define TM_MULTIVERSION(name, parameters, arguments) void name parameters
#endif

#endif
