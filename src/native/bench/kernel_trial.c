/* The list of trials is kernels.def times the recipes of each slot's type. All memory comes from one space that is used
 * anew for each trial, so that its pages exist before anything is timed. */
#include "native/bench/kernel_trial.h"

#include "native/bench/trial_recipes.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

enum { LINE = 64, PAGE = 4096, PIECE_LINES = 17, RING = 1 << 16 };
static const size_t huge_page = 2097152;

typedef struct slot {
    const char *name;
    size_t offset, isa_offset;
    const tm_trial_recipe *recipes; /* NULL: the type has none yet */
} slot;

#define RECIPES_OF(name)                                                                                               \
    _Generic(((tm_kernels *)0)->name, tm_map_kernel                                                                    \
             : tm_trial_of_map, tm_pair_kernel                                                                         \
             : tm_trial_of_pair, tm_bce_kernel                                                                         \
             : tm_trial_of_bce, tm_sum_kernel                                                                          \
             : tm_trial_of_sum, tm_argmax_kernel                                                                       \
             : tm_trial_of_argmax, tm_columns_kernel                                                                   \
             : tm_trial_of_columns, tm_argmax_columns_kernel                                                           \
             : tm_trial_of_argmax_columns, tm_rows_kernel                                                              \
             : tm_trial_of_rows, tm_softmax_part_kernel                                                                \
             : tm_trial_of_softmax_part, tm_softmax_apply_kernel                                                       \
             : tm_trial_of_softmax_apply, tm_layer_norm_kernel                                                         \
             : tm_trial_of_layer_norm, tm_sort_kernel                                                                  \
             : tm_trial_of_sort, tm_sort_columns_kernel                                                                \
             : tm_trial_of_sort_columns, tm_accumulate_kernel                                                          \
             : tm_trial_of_accumulate, tm_widen_kernel                                                                 \
             : tm_trial_of_widen, tm_narrow_kernel                                                                     \
             : tm_trial_of_narrow, tm_gemm_kernels                                                                     \
             : tm_trial_of_gemm, tm_gemm_bf16_kernels                                                                  \
             : tm_trial_of_gemm_bf16, tm_attend_kernels                                                                \
             : tm_trial_of_attend, tm_conv_planar_kernel                                                               \
             : tm_trial_of_conv_planar, tm_deinterleave_kernel                                                         \
             : tm_trial_of_deinterleave, tm_copy_rows_kernel                                                           \
             : tm_trial_of_copy_rows, tm_gather_rows_kernel                                                            \
             : tm_trial_of_gather_rows, tm_scatter_rows_kernel                                                         \
             : tm_trial_of_scatter_rows, default                                                                       \
             : (const tm_trial_recipe *)NULL)

static const slot slots[] = {
#define TM_SLOT(name, type) {#name, offsetof(tm_kernels, name), offsetof(tm_kernels, isa.name), RECIPES_OF(name)},
#include "native/kernels/kernels.def"
};
enum { SLOTS = sizeof slots / sizeof *slots };

/* FLOP per element that decide in the caches: nominal, the same for every instruction set. An exponential counts 16
 * (reduction, a polynomial of degree 5 or 6, scaling), a logarithm 20, a division 8. What is not listed counts 1. */
static const struct {
    const char *slot;
    double flop;
} nominal[] = {
    {"selu_f32", 20},         {"gelu_f32", 46},          {"gelu_tanh_f32", 30},      {"sigmoid_f32", 26},
    {"softplus_f32", 40},     {"bce_f32", 46},           {"softmax_rows_f32", 20},   {"softmax_columns_f32", 20},
    {"softmax_part_f32", 19}, {"softmax_apply_f32", 18}, {"layer_norm_rows_f32", 8}, {"copy_f32", 0},
    {"copy_rows_f32", 0},     {"gather_rows_f32", 0},    {"deinterleave_f32", 0}};

static double nominal_flop(const char *name)
{
    for (size_t i = 0; i < sizeof nominal / sizeof *nominal; i++) {
        if (strcmp(nominal[i].slot, name) == 0) return nominal[i].flop;
    }
    return 1;
}

const char *tm_trial_level_name(tm_trial_level level)
{
    static const char *const names[] = {"L1", "L2", "memory"};
    return (unsigned)level < TM_TRIAL_LEVELS ? names[level] : "?";
}

tm_status tm_trial_space_new(double l1_bytes, double l2_bytes, double memory_bytes, tm_trial_space *into,
                             tm_error *error)
{
    *into = (tm_trial_space){.target = {l1_bytes / 2, l2_bytes / 2, memory_bytes}};
    /* Operands and results, the right results once more, and some for what does not grow with the level. */
    into->bytes = ((size_t)(2 * memory_bytes) + (16u << 20)) / huge_page * huge_page;
    void *map = mmap(NULL, into->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED) return tm_fail_memory(error, "the data for kernels");
    (void)madvise(map, into->bytes, MADV_HUGEPAGE);
    into->base = map;
    memset(into->base, 0, into->bytes);
    return TM_OK;
}

void tm_trial_space_free(tm_trial_space *space)
{
    if (space->base) munmap(space->base, space->bytes);
    *space = (tm_trial_space){0};
}

void *tm_trial_take(tm_trial *trial, int64_t count, size_t size)
{
    tm_trial_space *space = trial->space;
    const size_t bytes = (size_t)count * size;
    const size_t shift = (size_t)(space->pieces++ * PIECE_LINES * LINE) % PAGE;
    const size_t begin = (space->used + PAGE - 1) / PAGE * PAGE + shift;
    if (count < 0 || begin + bytes + PAGE > space->bytes) {
        space->full = true;
        return NULL;
    }
    space->used = begin + bytes;
    memset(space->base + begin, 0, bytes);
    return space->base + begin;
}

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

float *tm_trial_reals(tm_trial *trial, int64_t count)
{
    float *into = tm_trial_take(trial, count, sizeof *into);
    if (!into) return NULL;
    uint64_t state = 0x9e3779b97f4a7c15u + (uint64_t)trial->space->pieces;
    const int64_t fresh = count < RING ? count : RING;
    for (int64_t i = 0; i < fresh; i++) into[i] = (float)(next_random(&state) >> 40) * (6.0f / 0x1p24f) - 2.0f;
    for (int64_t i = RING; i < count; i += RING) {
        memcpy(into + i, into, (size_t)(count - i < RING ? count - i : RING) * sizeof *into);
    }
    return into;
}

int64_t *tm_trial_indices(tm_trial *trial, int64_t count, int64_t below)
{
    int64_t *into = tm_trial_take(trial, count, sizeof *into);
    uint64_t state = 0x9e3779b97f4a7c15u;
    for (int64_t i = 0; into && i < count; i++) into[i] = (int64_t)(next_random(&state) >> 1) % below;
    return into;
}

static size_t type_size(tm_trial_type type)
{
    return type == TM_TRIAL_FLOATS ? sizeof(float) : type == TM_TRIAL_HALVES ? sizeof(uint16_t) : sizeof(double);
}

/* Floats from the first result to behind the last. */
static int64_t extent(const tm_trial *trial)
{
    return trial->out_rows > 0 ? (trial->out_rows - 1) * trial->out_stride + trial->out_length : 0;
}

void tm_trial_results(tm_trial *trial, tm_trial_type type, int64_t rows, int64_t length, int64_t stride)
{
    trial->type = type;
    trial->out_rows = rows;
    trial->out_length = length;
    trial->out_stride = stride;
    trial->y = tm_trial_take(trial, extent(trial) + LINE, type_size(type));
    trial->want = tm_trial_take(trial, extent(trial) + LINE, type_size(type));
}

void tm_trial_begins(tm_trial *trial, const float *start)
{
    const size_t bytes = (size_t)extent(trial) * sizeof *start;
    trial->start = tm_trial_take(trial, extent(trial), sizeof *start);
    if (trial->space->full) return;
    memcpy(trial->start, start, bytes);
    memcpy(trial->want, start, bytes);
}

/* Which slot, recipe and level a number stands for; false behind the last. */
static bool locate(int number, const slot **at, const tm_trial_recipe **recipe, tm_trial_level *level)
{
    for (*at = slots; *at < slots + SLOTS; ++*at) {
        if (!(*at)->recipes) { /* one trial, which says that there is none */
            *recipe = NULL;
            *level = TM_TRIAL_L1;
            if (number-- == 0) return true;
            continue;
        }
        for (*recipe = (*at)->recipes; (*recipe)->make; ++*recipe) {
            for (*level = TM_TRIAL_L1; *level < TM_TRIAL_LEVELS; ++*level) {
                if ((*recipe)->levels & 1u << *level && number-- == 0) return true;
            }
        }
    }
    return false;
}

int tm_trial_count(void)
{
    const slot *at;
    const tm_trial_recipe *recipe;
    tm_trial_level level;
    int count = 0;
    while (locate(count, &at, &recipe, &level)) count++;
    return count;
}

void tm_trial_describe(int number, tm_trial *into)
{
    const slot *at;
    const tm_trial_recipe *recipe;
    tm_trial_level level;
    *into = (tm_trial){.kernel = "?", .part = ""};
    if (!locate(number, &at, &recipe, &level)) return;
    *into = (tm_trial){.kernel = at->name,
                       .part = recipe ? recipe->part : "",
                       .level = level,
                       .recipe = recipe,
                       .slot = at->offset,
                       .each = nominal_flop(at->name)};
}

tm_isa tm_trial_origin(int number, tm_isa isa)
{
    const slot *at;
    const tm_trial_recipe *recipe;
    tm_trial_level level;
    const tm_kernels *table = tm_kernels_for(isa);
    if (!table || !locate(number, &at, &recipe, &level)) return TM_ISA_COUNT;
    return *(const tm_isa *)(const void *)((const char *)table + at->isa_offset);
}

static void expect(const tm_trial *trial)
{
    const tm_kernels *portable = tm_kernels_for(TM_ISA_portable);
    (trial->expect ? trial->expect : trial->call)(trial, portable, trial->want);
}

tm_status tm_trial_prepare(int number, const tm_kernels *table, tm_trial_space *space, tm_trial *trial, tm_error *error)
{
    tm_trial fresh;
    tm_trial_describe(number, &fresh);
    if (!fresh.recipe) {
        return tm_fail(error, TM_UNSUPPORTED, "%s: its type has no trial (src/native/bench/trial_recipes.h)",
                       fresh.kernel);
    }
    const bool same = trial->space == space && trial->recipe == fresh.recipe && trial->slot == fresh.slot &&
                      trial->level == fresh.level;
    if (same && !fresh.recipe->by_table) return TM_OK;
    *trial = fresh;
    space->used = 0;
    space->pieces = 0;
    space->full = false;
    trial->space = space;
    trial->target = space->target[trial->level];
    trial->recipe->make(trial, table);
    if (space->full) {
        trial->space = NULL;
        return tm_fail(error, TM_OUT_OF_MEMORY, "%s: its data do not fit", fresh.kernel);
    }
    expect(trial);
    return TM_OK;
}

void tm_trial_poison(const tm_trial *trial)
{
    const size_t bytes = (size_t)extent(trial) * type_size(trial->type);
    if (trial->start)
        memcpy(trial->y, trial->start, bytes);
    else
        memset(trial->y, 0xff, bytes); /* NaN, or an index that does not exist */
}

void tm_trial_run(const tm_trial *trial, const tm_kernels *table, int64_t count)
{
    for (int64_t i = 0; i < count; i++) trial->call(trial, table, trial->y);
}

static double element(const tm_trial *trial, const void *data, int64_t i)
{
    switch (trial->type) {
    case TM_TRIAL_FLOATS: return (double)((const float *)data)[i];
    case TM_TRIAL_DOUBLES: return ((const double *)data)[i];
    case TM_TRIAL_HALVES: return (double)((const uint16_t *)data)[i];
    case TM_TRIAL_INDICES: return (double)((const int64_t *)data)[i];
    }
    return NAN;
}

/* The mean size of the right results: errors are judged beside it where a result itself is small. */
static double mean_size(const tm_trial *trial)
{
    double sum = 0;
    for (int64_t row = 0; row < trial->out_rows; row++) {
        for (int64_t i = 0; i < trial->out_length; i++) {
            sum += fabs(element(trial, trial->want, row * trial->out_stride + i));
        }
    }
    return sum / fmax(1, (double)trial->out_rows * (double)trial->out_length);
}

tm_status tm_trial_check(const tm_trial *trial, const tm_kernels *table, tm_error *error)
{
    const double share = trial->exact ? 0 : 1e-5, mean = mean_size(trial);
    if (trial->start) {
        tm_trial_poison(trial);
        tm_trial_run(trial, table, 1);
    }
    for (int64_t row = 0; row < trial->out_rows; row++) {
        for (int64_t i = 0; i < trial->out_length; i++) {
            const int64_t at = row * trial->out_stride + i;
            const double got = element(trial, trial->y, at), want = element(trial, trial->want, at);
            if (fabs(got - want) <= share * (fabs(want) + mean)) continue; /* a NaN does not pass */
            return tm_fail(error, TM_FAILED, "%s%s%s: result %lld is %.9g, portable has %.9g", trial->kernel,
                           *trial->part ? " " : "", trial->part, (long long)at, got, want);
        }
    }
    return TM_OK;
}
