/* config.json of an encoder. Sizes are bounded one by one, then together: what comes out can be multiplied without
 * overflow by whoever lays out its tensors. */
#include "model/config.h"

#include "model/checkpoint/shown.h"
#include "model/fields.h"
#include "model/json_file.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_LAYERS = 10000, MOST_SIZE = INT32_MAX, MUST_BE_THERE = -1 };

static const struct {
    const char *type, *prefix; /* model_type; how the names of its classes begin */
    tm_encoder_kind kind;
} kinds[] = {{"bert", "Bert", TM_ENCODER_BERT},
             {"roberta", "Roberta", TM_ENCODER_ROBERTA},
             {"xlm-roberta", "XLMRoberta", TM_ENCODER_XLM_ROBERTA}};

static const struct {
    const char *name;
    tm_activation activation;
} activations[] = {{"gelu", TM_ACTIVATION_GELU},           {"gelu_python", TM_ACTIVATION_GELU},
                   {"gelu_new", TM_ACTIVATION_GELU_TANH},  {"gelu_pytorch_tanh", TM_ACTIVATION_GELU_TANH},
                   {"gelu_fast", TM_ACTIVATION_GELU_TANH}, {"relu", TM_ACTIVATION_RELU},
                   {"silu", TM_ACTIVATION_SILU},           {"swish", TM_ACTIVATION_SILU}};

/* The first of `architectures`, NULL for none. */
static const char *first_architecture(tm_fields *fields)
{
    const json_t *const list = json_object_get(fields->object, "architectures");
    if (!list || json_is_null(list)) return NULL;
    const json_t *const first = json_is_array(list) ? json_array_get(list, 0) : NULL;
    if (!json_is_array(list) || (first && !json_is_string(first))) {
        tm_fields_fail(fields, TM_INVALID_ARGUMENT, "architectures", "is not a list of names");
        return NULL;
    }
    return json_string_value(first);
}

/* Old files have no model_type; there the architecture says it. */
static void read_kind(tm_fields *fields, tm_encoder_kind *into)
{
    char shown[TM_SHOWN];
    const char *const type = tm_fields_text(fields, "model_type", NULL);
    const char *const architecture = first_architecture(fields);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const char *const prefix = kinds[i].prefix;
        const bool found = type ? strcmp(type, kinds[i].type) == 0
                                : architecture && strncmp(architecture, prefix, strlen(prefix)) == 0;
        if (!found) continue;
        *into = kinds[i].kind;
        return;
    }
    const char *const word = type ? type : architecture;
    if (word)
        tm_fields_fail(fields, TM_UNSUPPORTED, type ? "model_type" : "architectures",
                       "\"%s\" is none of bert, roberta, xlm-roberta", tm_shown(word, strlen(word), shown));
    else
        tm_fields_fail(fields, TM_INVALID_ARGUMENT, "model_type", "is missing");
}

static void read_activation(tm_fields *fields, tm_activation *into)
{
    char shown[TM_SHOWN];
    const char *const name = tm_fields_text(fields, "hidden_act", "gelu");
    for (size_t i = 0; i < sizeof activations / sizeof *activations; i++) {
        if (strcmp(activations[i].name, name) != 0) continue;
        *into = activations[i].activation;
        return;
    }
    tm_fields_fail(fields, TM_UNSUPPORTED, "hidden_act", "\"%s\" is no activation that is known here",
                   tm_shown(name, strlen(name), shown));
}

/* Settings that make another model of the same names. */
static void refuse_variants(tm_fields *fields)
{
    static const char *const flags[] = {"is_decoder", "add_cross_attention", "is_encoder_decoder"};
    char shown[TM_SHOWN];
    const char *const positions = tm_fields_text(fields, "position_embedding_type", "absolute");
    if (strcmp(positions, "absolute") != 0) {
        tm_fields_fail(fields, TM_UNSUPPORTED, "position_embedding_type", "\"%s\" is not absolute",
                       tm_shown(positions, strlen(positions), shown));
    }
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        if (tm_fields_bool(fields, flags[i], false)) tm_fields_fail(fields, TM_UNSUPPORTED, flags[i], "is true");
    }
    if (json_is_object(json_object_get(fields->object, "quantization_config"))) {
        tm_fields_fail(fields, TM_UNSUPPORTED, "quantization_config", "is there: quantised weights are not read");
    }
}

static void read_sizes(tm_fields *fields, tm_encoder_config *into)
{
    const bool is_bert = into->kind == TM_ENCODER_BERT;
    into->hidden_size = tm_fields_integer(fields, "hidden_size", 1, MOST_SIZE, MUST_BE_THERE);
    into->layers = tm_fields_integer(fields, "num_hidden_layers", 1, MOST_LAYERS, MUST_BE_THERE);
    into->heads = tm_fields_integer(fields, "num_attention_heads", 1, MOST_SIZE, MUST_BE_THERE);
    into->intermediate_size = tm_fields_integer(fields, "intermediate_size", 1, MOST_SIZE, MUST_BE_THERE);
    into->vocab_size = tm_fields_integer(fields, "vocab_size", 1, MOST_SIZE, MUST_BE_THERE);
    into->positions = tm_fields_integer(fields, "max_position_embeddings", 1, MOST_SIZE, MUST_BE_THERE);
    into->type_vocab_size = tm_fields_integer(fields, "type_vocab_size", 1, MOST_SIZE, 2);
    into->pad_token_id = tm_fields_integer(fields, "pad_token_id", 0, MOST_SIZE, is_bert ? 0 : 1);
    into->first_position = is_bert ? 0 : into->pad_token_id + 1;
    into->layer_norm_eps = tm_fields_real(fields, "layer_norm_eps", 1e-12);
}

/* false on overflow; all factors are at least 1. */
static bool add_product(int64_t a, int64_t b, int64_t c, int64_t *sum)
{
    int64_t product;
    return !__builtin_mul_overflow(a, b, &product) && !__builtin_mul_overflow(product, c, &product) &&
           !__builtin_add_overflow(*sum, product, sum);
}

static bool count_parameters(tm_encoder_config *config)
{
    const int64_t h = config->hidden_size, f = config->intermediate_size, n = config->layers;
    const int64_t rows = config->vocab_size + config->positions + config->type_vocab_size + 2; /* 2: layer_norm's */
    int64_t sum = 0, bytes;
    const bool fits = add_product(rows, h, 1, &sum) && add_product(4 * n, h + 1, h, &sum) &&
                      add_product(2 * n, f, h, &sum) && add_product(n, f + 5 * h, 1, &sum) &&
                      add_product(h + 1, h, 1, &sum) && !__builtin_mul_overflow(sum, (int64_t)sizeof(double), &bytes);
    config->parameters = sum;
    return fits;
}

/* What the fields say together. */
static void check_sizes(tm_fields *fields, tm_encoder_config *config)
{
    if (fields->status != TM_OK) return;
    if (config->hidden_size % config->heads != 0) {
        tm_fields_fail(fields, TM_INVALID_ARGUMENT, "hidden_size", "%lld is no multiple of num_attention_heads %lld",
                       (long long)config->hidden_size, (long long)config->heads);
    }
    if (config->pad_token_id >= config->vocab_size) {
        tm_fields_fail(fields, TM_INVALID_ARGUMENT, "pad_token_id", "%lld is not below vocab_size %lld",
                       (long long)config->pad_token_id, (long long)config->vocab_size);
    }
    if (config->first_position >= config->positions) {
        tm_fields_fail(fields, TM_INVALID_ARGUMENT, "max_position_embeddings",
                       "%lld leaves no position behind pad_token_id %lld", (long long)config->positions,
                       (long long)config->pad_token_id);
    }
    if (!(config->layer_norm_eps > 0 && config->layer_norm_eps < 1)) {
        tm_fields_fail(fields, TM_INVALID_ARGUMENT, "layer_norm_eps", "is not between 0 and 1");
    }
    if (!count_parameters(config)) {
        tm_fields_fail(fields, TM_INVALID_ARGUMENT, "hidden_size",
                       "and the other sizes have products that no memory can hold");
    }
}

tm_status tm_encoder_config_parse(const char *name, const char *text, size_t length, tm_encoder_config *into,
                                  tm_error *error)
{
    json_t *root = NULL;
    *into = (tm_encoder_config){0};
    const tm_status status = tm_json_parse(name, text, length, &root, error);
    if (status != TM_OK) return status;
    tm_fields fields = {name, root, error, TM_OK};
    if (json_is_object(root)) {
        read_kind(&fields, &into->kind);
        refuse_variants(&fields);
        read_sizes(&fields, into);
        read_activation(&fields, &into->activation);
        check_sizes(&fields, into);
    } else {
        tm_fields_fail(&fields, TM_INVALID_ARGUMENT, "the file", "is no JSON object");
    }
    json_decref(root);
    return fields.status;
}

tm_status tm_encoder_config_read(const tm_folder *folder, tm_encoder_config *into, tm_error *error)
{
    char *text = NULL, shown[TM_SHOWN];
    size_t length = 0;
    tm_status status = tm_folder_read(folder, "config.json", TM_JSON_FILE_LIMIT, &text, &length, NULL, error);
    if (status == TM_OK)
        status = tm_encoder_config_parse(tm_folder_shown(folder, "config.json", shown), text, length, into, error);
    free(text);
    return status;
}

int64_t tm_encoder_most_tokens(const tm_encoder_config *config)
{
    return config->positions - config->first_position;
}
