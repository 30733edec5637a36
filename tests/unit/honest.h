/* Every op as plain float32 loops: what an honest, unoptimised program computes. `x`, `y`, `z` are the inputs as
 * float32; `store` is applied to every partial sum (identity for float32; rounding to a narrower accumulator makes the
 * dishonest ones). */
#ifndef TEST_HONEST_H
#define TEST_HONEST_H

#include "oracle_fixture.h"

typedef float (*narrow)(float);

static inline float as_f32(float value)
{
    return value;
}
static inline float as_f16(float value)
{
    return tm_f32_from_f16(tm_f16_from_f32(value));
}
static inline float as_bf16(float value)
{
    return tm_f32_from_bf16(tm_bf16_from_f32(value));
}
static inline float as_tf32(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    bits = (bits + 0xfffu + (bits >> 13 & 1u)) & ~0x1fffu;
    memcpy(&value, &bits, sizeof value);
    return value;
}

typedef struct honest {
    const fixture *f;
    const tm_attributes *attributes;
    const tm_shape *shape; /* of every value */
    float *x, *y, *z, *out;
    const int64_t *index;
    narrow store;
} honest;

static inline void honest_product(const honest *h)
{
    const tm_matmul_view v =
        h->z ? (tm_matmul_view){1, h->f->elements / h->shape[1].dim[1], h->shape[1].dim[0], h->shape[1].dim[1]}
             : tm_view_matmul(&h->shape[0], &h->shape[1]);
    for (int64_t row = 0; row < v.batch * v.m; row++) {
        const int64_t a = h->z ? 0 : tm_matmul_batch_a(&h->shape[0], &h->shape[1], row / v.m);
        const int64_t b = h->z ? 0 : tm_matmul_batch_b(&h->shape[0], &h->shape[1], row / v.m);
        for (int64_t j = 0; j < v.n; j++) {
            float sum = 0;
            for (int64_t k = 0; k < v.k; k++) {
                sum = h->store(sum + h->x[(a * v.m + row % v.m) * v.k + k] * h->y[(b * v.k + k) * v.n + j]);
            }
            h->out[row * v.n + j] = h->z ? sum + h->z[j] : sum;
        }
    }
}

static inline void honest_convolution(const honest *h)
{
    const bool flat = h->shape[0].rank == 3;
    const int64_t *x = h->shape[0].dim, *w = h->shape[1].dim, *r = h->f->result.dim;
    const int64_t height = flat ? 1 : x[1], width = flat ? x[1] : x[2], channels = flat ? x[2] : x[3];
    const int64_t kh = flat ? 1 : w[1], kw = flat ? w[1] : w[2], o = w[0];
    const int64_t oh = flat ? 1 : r[1], ow = flat ? r[1] : r[2];
    for (int64_t e = 0; e < h->f->elements; e++) {
        const int64_t channel = e % o, left = e / o % ow, top = e / o / ow % oh, image = e / o / ow / oh;
        float sum = 0;
        for (int64_t t = 0; t < kh * kw * channels; t++) {
            const int64_t c = t % channels, j = t / channels % kw, i = t / channels / kw;
            sum = h->store(sum + h->x[((image * height + top + i) * width + left + j) * channels + c] *
                                     h->y[channel * kh * kw * channels + t]);
        }
        h->out[e] = sum;
    }
}

static inline void honest_elementwise(const honest *h, tm_op op)
{
    const float lambda = 1.05070098f, alpha = 1.67326324f;
    const float slope = op == TM_OP_prelu ? h->y[0] : h->store((float)h->attributes->slope);
    for (int64_t i = 0; i < h->f->elements; i++) {
        const float x = h->x[i];
        switch (op) {
        case TM_OP_add: h->out[i] = x + h->y[i]; break;
        case TM_OP_relu: h->out[i] = x > 0 ? x : 0; break;
        case TM_OP_selu: h->out[i] = lambda * (x > 0 ? x : alpha * (expf(x) - 1)); break;
        case TM_OP_gelu:
            h->out[i] = 0.5f * x *
                        (1 + (h->attributes->approximate ? tanhf(0.797884561f * (x + 0.044715f * x * x * x))
                                                         : erff(x * 0.707106781f)));
            break;
        case TM_OP_sigmoid: h->out[i] = 1 / (1 + expf(-x)); break;
        case TM_OP_softplus: h->out[i] = (x > 0 ? x : 0) + log1pf(expf(-fabsf(x))); break;
        default: h->out[i] = x > 0 ? x : x * slope; break;
        }
    }
}

static inline void honest_softmax(const honest *h)
{
    const tm_axis_view v = tm_view_axis(&h->shape[0], h->attributes->axis);
    for (int64_t line = 0; line < v.outer * v.inner; line++) {
        const int64_t base = line / v.inner * v.length * v.inner + line % v.inner;
        float max = -INFINITY, sum = 0;
        for (int64_t i = 0; i < v.length; i++) max = fmaxf(max, h->x[base + i * v.inner]);
        for (int64_t i = 0; i < v.length; i++) sum += expf(h->x[base + i * v.inner] - max);
        for (int64_t i = 0; i < v.length; i++) h->out[base + i * v.inner] = expf(h->x[base + i * v.inner] - max) / sum;
    }
}

static inline void honest_layer_norm(const honest *h)
{
    const int64_t n = h->f->result.dim[h->f->result.rank - 1];
    for (int64_t row = 0; row < h->f->elements / n; row++) {
        const float *x = h->x + row * n;
        float sum = 0, squares = 0;
        for (int64_t i = 0; i < n; i++) sum += x[i];
        const float mean = sum / (float)n;
        for (int64_t i = 0; i < n; i++) squares += (x[i] - mean) * (x[i] - mean);
        const float r = 1 / sqrtf(squares / (float)n + (float)h->attributes->eps);
        for (int64_t i = 0; i < n; i++) h->out[row * n + i] = (x[i] - mean) * r * h->y[i] + h->z[i];
    }
}

static inline void honest_sdpa(const honest *h)
{
    const int32_t rank = h->shape[0].rank;
    const int64_t queries = h->shape[0].dim[rank - 2], d = h->shape[0].dim[rank - 1];
    const int64_t keys = h->shape[1].dim[rank - 2], width = h->shape[2].dim[rank - 1];
    for (int64_t row = 0; row < h->f->elements / width; row++) {
        const int64_t group = row / queries;
        const int64_t entry = group / (h->f->elements / width / queries / h->shape[0].dim[0]);
        const int64_t all = h->attributes->mask == TM_MASK_LENGTHS ? tm_key_length(h->index[entry], keys) : keys;
        const int64_t seen = tm_visible_keys((tm_mask)h->attributes->mask, row % queries, queries, all);
        float score[256], max = -INFINITY, sum = 0;
        for (int64_t j = 0; j < seen; j++) {
            float dot = 0;
            for (int64_t i = 0; i < d; i++) dot = h->store(dot + h->x[row * d + i] * h->y[(group * keys + j) * d + i]);
            score[j] = isnan(h->attributes->scale) ? dot / sqrtf((float)d) : dot * (float)h->attributes->scale;
            max = fmaxf(max, score[j]);
        }
        for (int64_t j = 0; j < seen; j++) sum += score[j] = expf(score[j] - max);
        for (int64_t i = 0; i < width; i++) {
            float y = 0;
            for (int64_t j = 0; j < seen; j++) y = h->store(y + score[j] / sum * h->z[(group * keys + j) * width + i]);
            h->out[row * width + i] = y;
        }
    }
}

static inline void honest_along(const honest *h, tm_op op)
{
    const tm_axis_view v = tm_view_axis(&h->shape[0], op == TM_OP_sum_all ? 0 : h->attributes->axis);
    const int64_t all = tm_shape_elements(&h->shape[0]);
    const tm_axis_view view = op == TM_OP_sum_all ? (tm_axis_view){1, all, 1} : v;
    for (int64_t line = 0; line < view.outer * view.inner; line++) {
        const float *x = h->x + line / view.inner * view.length * view.inner + line % view.inner;
        float sum = 0;
        int64_t best = 0;
        for (int64_t i = 0; i < view.length; i++) {
            sum = h->store(sum + x[i * view.inner]);
            if (x[i * view.inner] > x[best * view.inner]) best = i;
        }
        h->out[line] = op == TM_OP_argmax ? (float)best : sum;
    }
}

static inline int honest_order(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static inline void honest_sort(const honest *h)
{
    const tm_axis_view v = tm_view_axis(&h->shape[0], h->attributes->axis);
    float *line = malloc((size_t)v.length * sizeof *line);
    for (int64_t l = 0; l < v.outer * v.inner; l++) {
        const int64_t base = l / v.inner * v.length * v.inner + l % v.inner;
        for (int64_t i = 0; i < v.length; i++) line[i] = h->x[base + i * v.inner];
        qsort(line, (size_t)v.length, sizeof *line, honest_order);
        for (int64_t i = 0; i < v.length; i++) h->out[base + i * v.inner] = line[i];
    }
    free(line);
}

static inline void honest_rows(const honest *h, tm_op op)
{
    const int64_t rows = h->shape[1].dim[0], width = tm_shape_elements(&h->shape[0]) / h->shape[0].dim[0];
    memset(h->out, 0, (size_t)h->f->elements * sizeof *h->out);
    for (int64_t i = 0; i < rows; i++) {
        for (int64_t j = 0; j < width; j++) {
            if (op == TM_OP_gather) {
                h->out[i * width + j] = h->x[h->index[i] * width + j];
                continue;
            }
            float *to = h->out + h->index[i] * width + j;
            const float from = h->x[i * width + j];
            if (op == TM_OP_scatter_sum)
                *to = h->store(*to + from);
            else
                *to = op == TM_OP_scatter ? from : fmaxf(*to, from);
        }
    }
}

static inline void honest_concat(const honest *h)
{
    const tm_axis_view a = tm_view_axis(&h->shape[0], h->attributes->axis);
    const tm_axis_view b = tm_view_axis(&h->shape[1], h->attributes->axis);
    const int64_t left = a.length * a.inner, right = b.length * b.inner;
    for (int64_t i = 0; i < a.outer; i++) {
        memcpy(h->out + i * (left + right), h->x + i * left, (size_t)left * sizeof(float));
        memcpy(h->out + i * (left + right) + left, h->y + i * right, (size_t)right * sizeof(float));
    }
}

/* Both ways between [batch][token][head] and [batch][head][token] rows of `width`. */
static inline void honest_heads(const honest *h, tm_op op)
{
    const bool split = op == TM_OP_split_heads;
    const tm_shape *apart = split ? &h->f->result : &h->shape[0];
    const int64_t heads = apart->dim[apart->rank - 3], tokens = apart->dim[apart->rank - 2];
    const int64_t width = apart->dim[apart->rank - 1];
    for (int64_t e = 0; e < h->f->elements; e++) {
        const int64_t row = e / width, token = row % tokens, head = row / tokens % heads;
        const int64_t merged = ((row / tokens / heads * tokens + token) * heads + head) * width + e % width;
        h->out[split ? e : merged] = h->x[split ? merged : e];
    }
}

/* Terms summed in parts, as blocked code does; with one part it is the naive loop. */
static inline void honest_bce(const honest *h, int parts)
{
    const int64_t n = tm_shape_elements(&h->shape[0]);
    float part[1024] = {0}, sum = 0;
    for (int64_t i = 0; i < n; i++) {
        const float hit = fmaxf(logf(h->x[i]), -100), miss = fmaxf(log1pf(-h->x[i]), -100);
        part[i % parts] = h->store(part[i % parts] - (h->y[i] * hit + (1 - h->y[i]) * miss));
    }
    for (int i = 0; i < parts; i++) sum += part[i];
    h->out[0] = sum / (float)n;
}

static inline void honest_run(const honest *h, tm_op op)
{
    switch (op) {
    case TM_OP_matmul:
    case TM_OP_linear: honest_product(h); return;
    case TM_OP_conv1d:
    case TM_OP_conv2d: honest_convolution(h); return;
    case TM_OP_softmax: honest_softmax(h); return;
    case TM_OP_layer_norm: honest_layer_norm(h); return;
    case TM_OP_sdpa: honest_sdpa(h); return;
    case TM_OP_sum:
    case TM_OP_sum_all:
    case TM_OP_argmax: honest_along(h, op); return;
    case TM_OP_sort: honest_sort(h); return;
    case TM_OP_gather:
    case TM_OP_scatter:
    case TM_OP_scatter_sum:
    case TM_OP_scatter_max: honest_rows(h, op); return;
    case TM_OP_concat: honest_concat(h); return;
    case TM_OP_split_heads:
    case TM_OP_merge_heads: honest_heads(h, op); return;
    case TM_OP_bce: honest_bce(h, 1024); return;
    default: honest_elementwise(h, op); return;
    }
}

/* The op on the fixture's inputs, each rounded by `input` first, partial sums by `store`. */
static inline float *honest_output(const fixture *f, narrow input, narrow store)
{
    const tm_graph *graph = f->one.graph;
    honest h = {.f = f, .attributes = &graph->node[0].attributes, .shape = graph->shape, .store = store};
    h.out = malloc(((size_t)f->elements + 1) * sizeof *h.out);
    float *spare = NULL, **real[] = {&h.x, &h.y, &h.z, &spare};
    for (int32_t i = 0; i < graph->inputs && i < 4; i++) {
        if (graph->shape[i].dtype == TM_I64) {
            h.index = f->input[i];
            continue;
        }
        *real[i] = fixture_floats(f, i);
        const int64_t count = tm_shape_elements(&graph->shape[i]);
        for (int64_t j = 0; j < count; j++) (*real[i])[j] = input((*real[i])[j]);
    }
    honest_run(&h, graph->node[0].op);
    for (int i = 0; i < 4; i++) free(*real[i]);
    return h.out;
}

#endif
