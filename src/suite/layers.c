/* Layers as graphs. All inputs of a graph come before its first node, so each part of a layer is made in two steps:
 * what it needs (declare_...), and later what it does with that (the function of the part's name). The first failure
 * makes every later step give -1 and keeps its message. */
#include "suite/layers.h"

#include <math.h>
#include <string.h>

enum { MOST_ATTRIBUTES = 2, INNER = 4 };

typedef struct making {
    tm_graph *graph;
    const char *name;
    tm_shape x; /* batch x sequence x features, but for linear and sdpa */
    const tm_attributes *attributes;
    bool failed;
    tm_error *error;
} making;

typedef int32_t build(making *m); /* the value that is the layer's output, or -1 */

struct tm_layer {
    const char *name;
    tm_attributes defaults;
    build *build;
};

/* Inputs of the parts. */
typedef struct dense {
    int32_t weight, bias;
} dense;

typedef struct norm {
    int32_t scale, shift;
} norm;

typedef struct attention {
    dense q, k, v, out;
} attention;

typedef struct feed_forward {
    dense up, down;
} feed_forward;

static int32_t keep(making *m, int32_t value)
{
    m->failed = m->failed || value < 0;
    return m->failed ? -1 : value;
}

static int32_t input(making *m, tm_shape shape)
{
    shape.dtype = m->x.dtype;
    return m->failed ? -1 : keep(m, tm_graph_input(m->graph, shape, m->error));
}

static int32_t node(making *m, tm_op op, const int32_t *operands, int32_t count)
{
    tm_attributes attributes = tm_op_defaults(op);
    if (op == TM_OP_split_heads) attributes.heads = m->attributes->heads;
    return m->failed ? -1 : keep(m, tm_graph_add(m->graph, op, operands, count, &attributes, m->error));
}

static int64_t features_of(const making *m)
{
    return m->x.dim[m->x.rank - 1];
}

static dense declare_dense(making *m, int64_t from, int64_t to)
{
    const int32_t weight = input(m, (tm_shape){.rank = 2, .dim = {from, to}});
    return (dense){weight, input(m, (tm_shape){.rank = 1, .dim = {to}})};
}

static norm declare_norm(making *m)
{
    const tm_shape row = {.rank = 1, .dim = {features_of(m)}};
    const int32_t scale = input(m, row);
    return (norm){scale, input(m, row)};
}

static attention declare_attention(making *m)
{
    const int64_t features = features_of(m);
    attention part;
    part.q = declare_dense(m, features, features);
    part.k = declare_dense(m, features, features);
    part.v = declare_dense(m, features, features);
    part.out = declare_dense(m, features, features);
    return part;
}

static feed_forward declare_feed_forward(making *m)
{
    const int64_t features = features_of(m);
    const dense up = declare_dense(m, features, INNER * features);
    return (feed_forward){up, declare_dense(m, INNER * features, features)};
}

static int32_t project(making *m, int32_t x, const dense *part)
{
    return node(m, TM_OP_linear, (int32_t[]){x, part->weight, part->bias}, 3);
}

static int32_t normalise(making *m, int32_t x, const norm *part)
{
    return node(m, TM_OP_layer_norm, (int32_t[]){x, part->scale, part->shift}, 3);
}

static int32_t add(making *m, int32_t a, int32_t b)
{
    return node(m, TM_OP_add, (int32_t[]){a, b}, 2);
}

static int32_t heads_of(making *m, int32_t x, const dense *part)
{
    const int32_t projected = project(m, x, part);
    return node(m, TM_OP_split_heads, &projected, 1);
}

/* Tokens of `x` look at tokens of `memory`. */
static int32_t attend(making *m, int32_t x, int32_t memory, const attention *part, tm_mask mask)
{
    tm_attributes attributes = tm_op_defaults(TM_OP_sdpa);
    attributes.mask = mask;
    const int32_t q = heads_of(m, x, &part->q), k = heads_of(m, memory, &part->k), v = heads_of(m, memory, &part->v);
    if (m->failed) return -1;
    const int32_t heads = keep(m, tm_graph_add(m->graph, TM_OP_sdpa, (int32_t[]){q, k, v}, 3, &attributes, m->error));
    return project(m, node(m, TM_OP_merge_heads, &heads, 1), &part->out);
}

static int32_t feed(making *m, int32_t x, const feed_forward *part)
{
    const int32_t wide = project(m, x, &part->up);
    return project(m, node(m, TM_OP_relu, &wide, 1), &part->down);
}

/* batch x sequence x features, where the heads share the features evenly. */
static bool check_tokens(making *m)
{
    const int64_t heads = m->attributes->heads;
    if (m->x.rank != 3) {
        tm_fail(m->error, TM_INVALID_ARGUMENT, "%s: the shape has rank %d, it must be batch x sequence x features",
                m->name, (int)m->x.rank);
    } else if (features_of(m) % heads != 0) {
        tm_fail(m->error, TM_INVALID_ARGUMENT, "%s: %lld features cannot be divided among %lld heads", m->name,
                (long long)features_of(m), (long long)heads);
    } else {
        return true;
    }
    m->failed = true;
    return false;
}

static int32_t build_linear(making *m)
{
    if (m->x.rank < 1) {
        tm_fail(m->error, TM_INVALID_ARGUMENT, "linear: the input is a scalar, it needs a last axis");
        return -1;
    }
    const int32_t x = input(m, m->x);
    const dense part = declare_dense(m, features_of(m), features_of(m));
    return project(m, x, &part);
}

static int32_t build_sdpa(making *m)
{
    const int32_t x = input(m, m->x);
    if (m->failed) return -1;
    return tm_graph_add(m->graph, TM_OP_sdpa, (int32_t[]){x, x, x}, 3, m->attributes, m->error);
}

static int32_t build_mhsa(making *m)
{
    if (!check_tokens(m)) return -1;
    const int32_t x = input(m, m->x);
    const attention part = declare_attention(m);
    return attend(m, x, x, &part, (tm_mask)m->attributes->mask);
}

static int32_t build_encoder_layer(making *m)
{
    if (!check_tokens(m)) return -1;
    const int32_t x = input(m, m->x);
    const norm before = declare_norm(m);
    const attention self = declare_attention(m);
    const norm between = declare_norm(m);
    const feed_forward inner = declare_feed_forward(m);

    const int32_t seen = normalise(m, x, &before);
    const int32_t y = add(m, x, attend(m, seen, seen, &self, (tm_mask)m->attributes->mask));
    return add(m, y, feed(m, normalise(m, y, &between), &inner));
}

static int32_t build_decoder_layer(making *m)
{
    if (!check_tokens(m)) return -1;
    const int32_t x = input(m, m->x), memory = input(m, m->x);
    const norm before = declare_norm(m);
    const attention self = declare_attention(m);
    const norm between = declare_norm(m);
    const attention cross = declare_attention(m);
    const norm last = declare_norm(m);
    const feed_forward inner = declare_feed_forward(m);

    const int32_t seen = normalise(m, x, &before);
    const int32_t y = add(m, x, attend(m, seen, seen, &self, (tm_mask)m->attributes->mask));
    const int32_t z = add(m, y, attend(m, normalise(m, y, &between), memory, &cross, TM_MASK_NONE));
    return add(m, z, feed(m, normalise(m, z, &last), &inner));
}

#define NONE
#define HEADS(value) TM_ATTRIBUTE_heads,
#define MASK(value)  TM_ATTRIBUTE_mask,
#define SCALE(value) TM_ATTRIBUTE_scale,
static const tm_attribute lists[TM_LAYERS][MOST_ATTRIBUTES + 1] = {
#define TM_LAYER(name, attributes) {attributes TM_ATTRIBUTE_COUNT},
#include "suite/layers.def"
#undef TM_LAYER
};
#undef NONE
#undef HEADS
#undef MASK
#undef SCALE

#define NONE         .axis = 0,
#define HEADS(value) .heads = (value),
#define MASK(value)  .mask = (value),
#define SCALE(value) .scale = (value),
static const tm_layer layers[TM_LAYERS] = {
#define TM_LAYER(layer, attributes) {#layer, {attributes}, build_##layer},
#include "suite/layers.def"
#undef TM_LAYER
};

const tm_layer *tm_layer_at(int number)
{
    return number >= 0 && number < TM_LAYERS ? &layers[number] : NULL;
}

const tm_layer *tm_layer_named(const char *name)
{
    for (int i = 0; i < TM_LAYERS; i++) {
        if (strcmp(layers[i].name, name) == 0) return &layers[i];
    }
    return NULL;
}

tm_attribute_owner tm_layer_owner(const tm_layer *layer)
{
    return (tm_attribute_owner){layer->name, lists[layer - layers]};
}

tm_attributes tm_layer_defaults(const tm_layer *layer)
{
    return layer->defaults;
}

tm_status tm_layer_build(const tm_layer *layer, const tm_shape *x, const tm_attributes *attributes, tm_graph **into,
                         tm_error *error)
{
    making m = {.graph = tm_graph_new(), .name = layer->name, .x = *x, .attributes = attributes, .error = error};
    if (!m.graph) return tm_fail_memory(error, "a graph");
    const int32_t output = layer->build(&m);
    if (output >= 0 && tm_graph_output(m.graph, output, error) == TM_OK) {
        *into = m.graph;
        return TM_OK;
    }
    tm_graph_free(m.graph);
    return TM_INVALID_ARGUMENT;
}
