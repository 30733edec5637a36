/* TM_MULTIVERSION before a function makes the compiler build it for several x86 instruction sets and choose at load
 * time. The bits stay the same: no contraction, and IEEE + - * / sqrt are exact on all of them. Only for loops outside
 * the engine; kernels have folders of their own. Off with sanitizers, which cannot run before their own start-up. */
#ifndef TM_BASE_MULTIVERSION_H
#define TM_BASE_MULTIVERSION_H

#include <stdint.h> /* defines __GLIBC__, whose loader can choose */

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define TM_SANITIZED
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TM_SANITIZED
#endif

#if defined(__x86_64__) && defined(__GLIBC__) && !defined(TM_SANITIZED)
#define TM_MULTIVERSION __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define TM_MULTIVERSION
#endif

#endif
