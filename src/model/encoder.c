/* BERT and its kin: embeddings that are added and normalised, then blocks of self-attention and a feed-forward part,
 * each added to what went in and normalised after. The first failure makes every later step give -1 and keeps its
 * message. */
#include "model/encoder.h"

#include "base/error.h"

#include <inttypes.h>
#include <stdio.h>

typedef struct making {
    tm_graph *graph;
    const tm_encoder_config *config;
    tm_error *error;
} making;

enum { EMBEDDING_WEIGHTS = TM_WEIGHT_query_weight, LAYER_WEIGHTS = TM_WEIGHT_pooler_weight - TM_WEIGHT_query_weight };

int32_t tm_encoder_inputs(const tm_encoder_config *config)
{
    return (int32_t)(EMBEDDING_WEIGHTS + config->layers * LAYER_WEIGHTS);
}

static tm_shape shape_of(const tm_encoder_config *config, tm_weight role)
{
    const int64_t h = config->hidden_size, f = config->intermediate_size;
    switch (role) {
    case TM_WEIGHT_word_embeddings: return (tm_shape){.rank = 2, .dim = {config->vocab_size, h}};
    case TM_WEIGHT_position_embeddings: return (tm_shape){.rank = 2, .dim = {config->positions, h}};
    case TM_WEIGHT_type_embeddings: return (tm_shape){.rank = 2, .dim = {config->type_vocab_size, h}};
    case TM_WEIGHT_query_weight:
    case TM_WEIGHT_key_weight:
    case TM_WEIGHT_value_weight:
    case TM_WEIGHT_attention_weight: return (tm_shape){.rank = 2, .dim = {h, h}};
    case TM_WEIGHT_up_weight: return (tm_shape){.rank = 2, .dim = {h, f}};
    case TM_WEIGHT_down_weight: return (tm_shape){.rank = 2, .dim = {f, h}};
    default: return (tm_shape){.rank = 1, .dim = {role == TM_WEIGHT_up_bias ? f : h}};
    }
}

tm_encoder_input tm_encoder_input_at(const tm_encoder_config *config, int32_t index)
{
    const bool embedding = index < EMBEDDING_WEIGHTS;
    const int32_t within = index - EMBEDDING_WEIGHTS;
    tm_encoder_input input = {
        .role = (tm_weight)(embedding ? index : EMBEDDING_WEIGHTS + within % LAYER_WEIGHTS),
        .layer = embedding ? 0 : within / LAYER_WEIGHTS,
    };
    input.shape = shape_of(config, input.role);
    input.transposed = !embedding && input.shape.rank == 2;
    return input;
}

/* The input of a weight. */
static int32_t weight(tm_weight role, int64_t layer)
{
    return (int32_t)(TM_ENCODER_FIRST_WEIGHT + layer * ((int)role < EMBEDDING_WEIGHTS ? 0 : LAYER_WEIGHTS) +
                     (int64_t)role);
}

static int32_t node(making *m, const char *op, const int32_t *operands, int32_t count, const char *attributes)
{
    for (int32_t i = 0; i < count; i++) {
        if (operands[i] < 0) return -1;
    }
    return tm_graph_op(m->graph, op, operands, count, attributes, m->error);
}

static int32_t add(making *m, int32_t a, int32_t b)
{
    return node(m, "add", (int32_t[]){a, b}, 2, "");
}

/* Roles of a linear part's or a normalisation's weights follow one another. */
static int32_t project(making *m, int32_t x, tm_weight role, int64_t layer)
{
    return node(m, "linear", (int32_t[]){x, weight(role, layer), weight(role + 1, layer)}, 3, "");
}

static int32_t normalise(making *m, int32_t x, tm_weight role, int64_t layer)
{
    char eps[40];
    snprintf(eps, sizeof eps, "eps=%.17g", m->config->layer_norm_eps);
    return node(m, "layer_norm", (int32_t[]){x, weight(role, layer), weight(role + 1, layer)}, 3, eps);
}

static int32_t embed(making *m)
{
    const int32_t words =
        node(m, "gather", (int32_t[]){weight(TM_WEIGHT_word_embeddings, 0), TM_ENCODER_TOKENS}, 2, "");
    const int32_t types = node(m, "gather", (int32_t[]){weight(TM_WEIGHT_type_embeddings, 0), TM_ENCODER_TYPES}, 2, "");
    const int32_t places =
        node(m, "gather", (int32_t[]){weight(TM_WEIGHT_position_embeddings, 0), TM_ENCODER_POSITIONS}, 2, "");
    return normalise(m, add(m, add(m, words, types), places), TM_WEIGHT_embedding_scale, 0);
}

static int32_t heads_of(making *m, int32_t x, tm_weight role, int64_t layer)
{
    char heads[40];
    snprintf(heads, sizeof heads, "heads=%" PRId64, m->config->heads);
    const int32_t projected = project(m, x, role, layer);
    return node(m, "split_heads", &projected, 1, heads);
}

static int32_t attend(making *m, int32_t x, int64_t layer)
{
    const int32_t q = heads_of(m, x, TM_WEIGHT_query_weight, layer), k = heads_of(m, x, TM_WEIGHT_key_weight, layer),
                  v = heads_of(m, x, TM_WEIGHT_value_weight, layer);
    const int32_t seen = node(m, "sdpa", (int32_t[]){q, k, v}, 3, "mask=none");
    return project(m, node(m, "merge_heads", &seen, 1, ""), TM_WEIGHT_attention_weight, layer);
}

static int32_t activate(making *m, int32_t x)
{
    switch (m->config->activation) {
    case TM_ACTIVATION_GELU: return node(m, "gelu", &x, 1, "approximate=none");
    case TM_ACTIVATION_GELU_TANH: return node(m, "gelu", &x, 1, "approximate=tanh");
    case TM_ACTIVATION_RELU: return node(m, "relu", &x, 1, "");
    case TM_ACTIVATION_SILU: break;
    }
    return -1;
}

static int32_t block(making *m, int32_t x, int64_t layer)
{
    const int32_t y = normalise(m, add(m, attend(m, x, layer), x), TM_WEIGHT_attention_scale, layer);
    const int32_t wide = activate(m, project(m, y, TM_WEIGHT_up_weight, layer));
    return normalise(m, add(m, project(m, wide, TM_WEIGHT_down_weight, layer), y), TM_WEIGHT_output_scale, layer);
}

static tm_status declare(making *m, int64_t batch, int64_t length)
{
    const tm_shape index = {.dtype = TM_I64, .rank = 2, .dim = {batch, length}};
    bool good = true;
    for (int32_t i = 0; i < TM_ENCODER_FIRST_WEIGHT && good; i++) {
        good = tm_graph_input(m->graph, index, m->error) >= 0;
    }
    for (int32_t i = 0; i < tm_encoder_inputs(m->config) && good; i++) {
        good = tm_graph_input(m->graph, tm_encoder_input_at(m->config, i).shape, m->error) >= 0;
    }
    return good ? TM_OK : TM_INVALID_ARGUMENT;
}

/* A state that was made; each is an output if all are wanted, the last one always. */
static tm_status state(making *m, int32_t x, bool is_output)
{
    if (x < 0) return TM_INVALID_ARGUMENT;
    return is_output ? tm_graph_output(m->graph, x, m->error) : TM_OK;
}

tm_status tm_encoder_graph(const tm_encoder_config *config, int64_t batch, int64_t length, bool all_states,
                           tm_graph **into, tm_error *error)
{
    making m = {tm_graph_new(), config, error};
    *into = NULL;
    if (!m.graph) return tm_fail_memory(error, "a graph");
    tm_status status = TM_OK;
    if (config->activation == TM_ACTIVATION_SILU)
        status = tm_fail(error, TM_UNSUPPORTED, "config.json: hidden_act: there is no op for silu");
    if (status == TM_OK) status = declare(&m, batch, length);
    int32_t x = -1;
    if (status == TM_OK) {
        x = embed(&m);
        status = state(&m, x, all_states);
    }
    for (int64_t layer = 0; layer < config->layers && status == TM_OK; layer++) {
        x = block(&m, x, layer);
        status = state(&m, x, all_states || layer + 1 == config->layers);
    }
    if (status == TM_OK)
        *into = m.graph;
    else
        tm_graph_free(m.graph);
    return status;
}

void tm_encoder_positions(const tm_encoder_config *config, const int64_t *tokens, int64_t count, int64_t *into)
{
    int64_t next = config->first_position;
    for (int64_t i = 0; i < count; i++) {
        const bool padding = config->kind != TM_ENCODER_BERT && tokens[i] == config->pad_token_id;
        into[i] = padding ? config->pad_token_id : next++;
    }
}
