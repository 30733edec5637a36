/* Element i of input t of a case is a function of (seed, pass, slot, id, t, i) alone, so any slice can be made without
 * the rest. docs/inputs.md has the layout and test vectors.
 *
 * Reals take one word per element, indices two. A slice is made in whole groups in a small buffer that stays in the
 * first-level cache, then rounded to the dtype into place. */
#include "suite/inputs.h"

#include "base/dtype.h"
#include "base/hash.h"
#include "base/parallel.h"
#include "base/philox.h"
#include "suite/transforms.h"

#include <math.h>

enum { CHUNK_GROUPS = 32, CHUNK = CHUNK_GROUPS * TM_PHILOX_GROUP, GRAIN = 16 * CHUNK };

typedef struct input_source {
    uint64_t key, stream;
    int64_t rows;  /* of indices; the largest length */
    int64_t first; /* of the numbers that an index or length may be */
    tm_dtype dtype;
    char letter; /* of ops.def's data column */
    float factor;
} input_source;

static void put_u32(unsigned char *into, uint32_t value)
{
    for (int i = 0; i < 4; i++) into[i] = (unsigned char)(value >> (8 * i));
}

static uint64_t key_of(tm_input_key key)
{
    unsigned char raw[16];
    put_u32(raw, (uint32_t)key.seed);
    put_u32(raw + 4, (uint32_t)(key.seed >> 32));
    put_u32(raw + 8, key.pass);
    put_u32(raw + 12, key.slot);
    return tm_hash_bytes(raw, sizeof raw);
}

static uint64_t stream_of(const char *id, int32_t input)
{
    unsigned char raw[12];
    const uint64_t name = tm_hash_text(id);
    put_u32(raw, (uint32_t)name);
    put_u32(raw + 4, (uint32_t)(name >> 32));
    put_u32(raw + 8, (uint32_t)input);
    return tm_hash_bytes(raw, sizeof raw);
}

/* 1/sqrt(fan-in), so that products keep the size of their inputs. IEEE's square root and division give the same bits
 * everywhere. */
static float weight_factor(const tm_graph *graph, const tm_node *node)
{
    const int64_t fan_in = graph->shape[node->operand[1]].dim[0];
    return fan_in > 0 ? 1.0f / sqrtf((float)fan_in) : 1.0f;
}

/* Indices of rows count from 0, lengths of keys from 1. */
static void set_range(const tm_graph *graph, const tm_node *node, input_source *into)
{
    const tm_shape *const table = &graph->shape[node->operand[0]];
    into->rows = tm_op_has(node->op, TM_ATTRIBUTE_rows) ? node->attributes.rows : table->dim[0];
    if (into->letter != 'l') return;
    const tm_shape *const keys = &graph->shape[node->operand[1]];
    into->rows = keys->dim[keys->rank - 2];
    into->first = 1;
}

/* The first node that uses the input decides what fills it; without one, reals are normal and indices 0. Weights and
 * biases of a layer's products are scaled. */
static void find_rule(const tm_graph *graph, int32_t input, bool layer, input_source *into)
{
    into->factor = 1.0f;
    into->letter = tm_dtype_is_real(into->dtype) ? 'n' : 'i';
    into->rows = 1;
    for (int32_t i = 0; i < graph->nodes; i++) {
        const tm_node *const node = &graph->node[i];
        for (int32_t o = 0; o < node->operands; o++) {
            if (node->operand[o] != input) continue;
            into->letter = tm_op_data(node->op)[o];
            set_range(graph, node, into);
            if (layer && node->op == TM_OP_linear && o > 0) into->factor = weight_factor(graph, node);
            return;
        }
    }
}

static input_source source_of(const tm_case *one, tm_input_key key, int32_t input)
{
    input_source source = {.key = key_of(key), .stream = stream_of(one->id, input)};
    source.dtype = one->graph->shape[input].dtype;
    find_rule(one->graph, input, one->layer, &source);
    return source;
}

static void store(tm_dtype dtype, const float *values, int64_t count, void *into)
{
    switch (dtype) {
    case TM_BF16: tm_round_bf16(values, (size_t)count, into); break;
    case TM_F16: tm_round_f16(values, (size_t)count, into); break;
    case TM_F32:
    case TM_I32:
    case TM_I64: memcpy(into, values, (size_t)count * sizeof *values); break;
    }
}

static void fill_reals(const input_source *source, int64_t first, int64_t count, char *into)
{
    uint32_t words[CHUNK];
    float values[CHUNK];
    const size_t size = tm_dtype_size(source->dtype);
    while (count > 0) {
        const int64_t skip = first % TM_PHILOX_GROUP;
        const int64_t piece = count < CHUNK - skip ? count : CHUNK - skip;
        const size_t groups = (size_t)((skip + piece + TM_PHILOX_GROUP - 1) / TM_PHILOX_GROUP);
        tm_philox_groups(source->key, source->stream, (uint64_t)(first / TM_PHILOX_GROUP), groups, words);
        switch (source->letter) {
        case 'p': tm_probability_groups(words, groups, values); break;
        case 't': tm_target_groups(words, groups, values); break;
        default: tm_normal_groups(words, groups, values); break;
        }
        for (int64_t i = skip; source->factor != 1.0f && i < skip + piece; i++) values[i] *= source->factor;
        store(source->dtype, values + skip, piece, into);
        into += (size_t)piece * size;
        first += piece;
        count -= piece;
    }
}

static void fill_indices(const input_source *source, int64_t first, int64_t count, char *into)
{
    uint32_t words[CHUNK];
    const int64_t per_group = TM_PHILOX_GROUP / 2;
    const size_t size = tm_dtype_size(source->dtype);
    while (count > 0) {
        const int64_t skip = first % per_group;
        const int64_t piece = count < CHUNK / 2 - skip ? count : CHUNK / 2 - skip;
        const size_t groups = (size_t)((skip + piece + per_group - 1) / per_group);
        tm_philox_groups(source->key, source->stream, (uint64_t)(first / per_group), groups, words);
        for (int64_t i = 0; i < piece; i++) {
            const uint32_t *const pair = words + 2 * (skip + i);
            const int64_t row = source->first + tm_row_index(pair[0], pair[1], source->rows);
            memcpy(into + (size_t)i * size, &row, size); /* i32 takes the low half: little-endian */
        }
        into += (size_t)piece * size;
        first += piece;
        count -= piece;
    }
}

static void fill(const input_source *source, int64_t first, int64_t count, void *into)
{
    if (source->letter == 'i' || source->letter == 'l') {
        fill_indices(source, first, count, into);
    } else {
        fill_reals(source, first, count, into);
    }
}

void tm_input_fill(const tm_case *one, tm_input_key key, int32_t input, int64_t first, int64_t count, void *into)
{
    const input_source source = source_of(one, key, input);
    fill(&source, first, count, into);
}

typedef struct fill_job {
    input_source source;
    char *into;
} fill_job;

static void fill_range(void *context, int64_t begin, int64_t end)
{
    const fill_job *const job = context;
    fill(&job->source, begin, end - begin, job->into + (size_t)begin * tm_dtype_size(job->source.dtype));
}

void tm_input_fill_all(const tm_case *one, tm_input_key key, int32_t input, int threads, void *into)
{
    fill_job job = {source_of(one, key, input), into};
    tm_parallel_for(tm_shape_elements(&one->graph->shape[input]), GRAIN, threads, fill_range, &job);
}
