/* An independent measurement of memory bandwidth and float32 peak, sharing no code with the program it checks: plain
 * loops left to the compiler at -march=native, threads that meet by spinning, because a processor that sleeps may wake
 * up elsewhere.
 *
 *   limits_reference THREADS SECONDS      prints a line per round: core_to_core_ns read_gbs copy_gbs write_gbs
 * f32_gflops
 *
 * The first figure is the time that a line of cache takes between the first two threads, 0 when it changed during the
 * round: a host that moves a guest's processors changes what memory gives them. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#ifdef __x86_64__
#include <immintrin.h>
#endif

enum { MAX_THREADS = 256, TASKS = 7, CHAINS = 16 };
static const size_t bytes_together = (size_t)256 << 20;

typedef struct meeting {
    _Alignas(128) _Atomic int arrived;
    _Alignas(128) _Atomic int times;
    int threads;
} meeting;

typedef struct worker {
    pthread_t thread;
    int number, threads;
    double seconds;
    uint64_t *data;
    size_t words;
    meeting *place;
    _Atomic int *ball;
    uint64_t sink;
} worker;

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* All wait for each other. */
static void meet(meeting *place)
{
    const int before = atomic_load(&place->times);
    if (atomic_fetch_add(&place->arrived, 1) == place->threads - 1) {
        atomic_store(&place->arrived, 0);
        atomic_store(&place->times, before + 1);
        return;
    }
    for (unsigned spins = 1; atomic_load(&place->times) == before; spins++) {
        if (spins % 4096 == 0) sched_yield();
    }
}

static uint64_t sum_words(const uint64_t *data, size_t words)
{
    uint64_t a = 0, b = 0;
    const size_t half = words / 2;
    for (size_t i = 0; i < half; i++) {
        a += data[i];
        b += data[half + i];
    }
    return a + b;
}

/* Four stretches side by side, each written past the caches. */
static void copy_around_caches(uint64_t *data, size_t words)
{
#ifdef __AVX2__
    const size_t vectors = words / 8, stretch = vectors / 4;
    const __m256i *from = (const __m256i *)(const void *)data;
    __m256i *to = (__m256i *)(void *)(data + words / 2);
    for (size_t i = 0; i < stretch; i += 2) { /* two vectors fill a cache line */
        for (size_t s = 0; s < 4; s++) {
            const size_t at = s * stretch + i;
            _mm256_stream_si256(to + at, _mm256_load_si256(from + at));
            _mm256_stream_si256(to + at + 1, _mm256_load_si256(from + at + 1));
        }
    }
    _mm_sfence();
#else
    memcpy(data + words / 2, data, words * 4);
#endif
}

/* One stretch, fetched well ahead of its use. */
static void copy_in_order(uint64_t *data, size_t words)
{
#ifdef __AVX512F__
    const char *from = (const char *)data;
    char *to = (char *)(data + words / 2);
    for (size_t i = 0; i < words * 4; i += 64) {
        _mm_prefetch(from + i + 4096, _MM_HINT_T0);
        _mm512_stream_si512((void *)(to + i), _mm512_load_si512((const void *)(from + i)));
    }
    _mm_sfence();
#else
    copy_around_caches(data, words);
#endif
}

static void write_around_caches(uint64_t *data, size_t words)
{
#ifdef __AVX2__
    const __m256i value = _mm256_set1_epi64x((long long)words);
    __m256i *to = (__m256i *)(void *)data;
    for (size_t i = 0; i < words / 4; i++) _mm256_stream_si256(to + i, value);
    _mm_sfence();
#else
    memset(data, 3, words * 8);
#endif
}

enum { FMA_ROUNDS = 500000, LANES = 16 };
typedef float lanes __attribute__((vector_size(4 * LANES)));

static float multiply_add(void)
{
    lanes factor, term, sum[CHAINS];
    for (int l = 0; l < LANES; l++) factor[l] = 0.5f + 0.001f * (float)l, term[l] = 0.25f;
    for (int k = 0; k < CHAINS; k++) sum[k] = term * (float)k;
    for (int i = 0; i < FMA_ROUNDS; i++) {
#pragma GCC unroll 16
        for (int k = 0; k < CHAINS; k++) sum[k] = sum[k] * factor + term;
    }
    float total = 0;
    for (int k = 0; k < CHAINS; k++) total += sum[k][k % LANES];
    return total;
}

static void do_task(worker *self, int task)
{
    switch (task) {
    case 0: self->sink += sum_words(self->data, self->words); break;
    case 1: copy_around_caches(self->data, self->words); break;
    case 2: memcpy(self->data + self->words / 2, self->data, self->words * 4); break;
    case 3: copy_in_order(self->data, self->words); break;
    case 4: memset(self->data, 2, self->words * 8); break;
    case 5: write_around_caches(self->data, self->words); break;
    default: self->sink += (uint64_t)multiply_add(); break;
    }
}

enum { PASSES = 600 };

/* The first two workers throw a ball to and fro: ns a throw, as the first sees it. */
static double throw_ball(const worker *self)
{
    meet(self->place);
    const double start = now();
    for (int i = self->number; i < PASSES && self->number < 2 && self->threads > 1; i += 2) {
        while (atomic_load(self->ball) != i) {}
        atomic_store(self->ball, i + 1);
    }
    meet(self->place);
    const double time = now() - start;
    if (self->number == 0) atomic_store(self->ball, 0);
    return 1e9 * time / PASSES;
}

static double least_throw(const worker *self)
{
    double least = throw_ball(self);
    for (int i = 0; i < 3; i++) {
        const double next = throw_ball(self);
        if (next < least) least = next;
    }
    return least;
}

static void pin(int number)
{
    cpu_set_t allowed, one;
    CPU_ZERO(&one);
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
    int left = number % CPU_COUNT(&allowed);
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET(cpu, &allowed) && left-- == 0) CPU_SET(cpu, &one);
    }
    pthread_setaffinity_np(pthread_self(), sizeof one, &one);
}

static bool differ(double a_ns, double b_ns)
{
    return a_ns > 2 * b_ns || b_ns > 2 * a_ns;
}

static void print_round(const worker *self, double core_to_core_ns, const double rate[TASKS])
{
    const double gigabytes = (double)self->words * 8 * self->threads / 1e9;
    double copies = 0;
    const double writes = rate[4] > rate[5] ? rate[4] : rate[5];
    for (int task = 1; task <= 3; task++) copies = rate[task] > copies ? rate[task] : copies;
    printf("%.1f %.3f %.3f %.3f %.3f\n", core_to_core_ns, rate[0] * gigabytes, copies * gigabytes, writes * gigabytes,
           rate[TASKS - 1] * 2.0 * LANES * CHAINS * FMA_ROUNDS * self->threads / 1e9);
}

static void *measure(void *argument)
{
    worker *self = argument;
    pin(self->number);
    memset(self->data, 1, self->words * 8);
    /* Every worker must make the same number of rounds, so they are counted, not timed: a round of the memory tasks
     * takes about 40 ms on a machine of 50 GB/s. */
    const int rounds = (int)(self->seconds / 0.04) + 2;
    double last_ns = least_throw(self);
    for (int round = 0; round < rounds; round++) {
        double rate[TASKS] = {0};
        bool changed = false;
        for (int step = 0; step < TASKS + 8; step++) {
            const int task = step < TASKS ? step : TASKS - 1; /* arithmetic is short: more tries */
            meet(self->place);
            const double start = now();
            do_task(self, task);
            meet(self->place);
            const double found = 1 / (now() - start);
            if (found > rate[task]) rate[task] = found;
            if (task == TASKS - 1) continue;
            const double now_ns = least_throw(self);
            changed |= differ(now_ns, last_ns);
            last_ns = now_ns;
        }
        if (self->number == 0) print_round(self, changed ? 0 : last_ns, rate);
    }
    return NULL;
}

int main(int count, char **arguments)
{
    const int threads = count > 1 ? atoi(arguments[1]) : 1;
    const double seconds = count > 2 ? atof(arguments[2]) : 2;
    if (threads < 1 || threads > MAX_THREADS) return 2;
    static worker workers[MAX_THREADS];
    static _Alignas(128) _Atomic int ball;
    const size_t words = bytes_together / 8 / (size_t)threads / 1024 * 1024;
    static meeting place;
    place.threads = threads;
    uint64_t *data = aligned_alloc((size_t)2 << 20, bytes_together);
    if (!data) return 1;
    (void)madvise(data, bytes_together, MADV_HUGEPAGE);
    for (int i = 0; i < threads; i++) {
        workers[i] = (worker){.number = i, .threads = threads, .seconds = seconds, .words = words, .place = &place};
        workers[i].data = data + (size_t)i * words;
        workers[i].ball = &ball;
        if (pthread_create(&workers[i].thread, NULL, measure, &workers[i]) != 0) return 1;
    }
    uint64_t sink = 0;
    for (int i = 0; i < threads; i++) {
        pthread_join(workers[i].thread, NULL);
        sink += workers[i].sink;
    }
    return sink == 42; /* so that no sum is dead code */
}
