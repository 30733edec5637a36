/* Roles by table. A name is looked up under the prefix that the word embeddings have, first as it is now, then as it
 * was in old checkpoints. */
#include "model/encoder_weights.h"

#include "base/text.h"
#include "model/checkpoint/shown.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

typedef enum place { ONCE, LAYER, OPTIONAL } place;
typedef enum size_name { NONE, H, F, V, P, T } size_name;

static const struct {
    place where;
    const char *name;
    size_name rows, columns;
} roles[] = {
#define TM_WEIGHT(role, where, name, rows, columns) [TM_WEIGHT_##role] = {where, name, rows, columns},
#include "model/encoder_weights.def"
#undef TM_WEIGHT
};

typedef struct finder {
    const tm_checkpoint *checkpoint;
    const tm_encoder_config *config;
    const char *prefix;
    tm_error *error;
    tm_text name;
} finder;

static int64_t size_of(const tm_encoder_config *config, size_name size)
{
    const int64_t sizes[] = {[NONE] = 0,
                             [H] = config->hidden_size,
                             [F] = config->intermediate_size,
                             [V] = config->vocab_size,
                             [P] = config->positions,
                             [T] = config->type_vocab_size};
    return sizes[size];
}

static bool look_up(finder *f, const char *prefix, tm_weight role, int64_t layer, size_t *number)
{
    static const char now[][18] = {"LayerNorm.weight", "LayerNorm.bias"},
                      then[][18] = {"LayerNorm.gamma", "LayerNorm.beta"};
    f->name.length = 0;
    tm_text_add(&f->name, prefix);
    if (roles[role].where == LAYER) tm_text_format(&f->name, "encoder.layer.%" PRId64 ".", layer);
    tm_text_add(&f->name, roles[role].name);
    if (f->name.failed) return false;
    if (tm_checkpoint_find(f->checkpoint, f->name.data, number)) return true;
    for (int i = 0; i < 2; i++) {
        const size_t length = f->name.length, end = strlen(now[i]);
        if (length < end || strcmp(f->name.data + length - end, now[i]) != 0) continue;
        tm_text old = {0};
        tm_text_format(&old, "%.*s%s", (int)(length - end), f->name.data, then[i]);
        const bool found = !old.failed && tm_checkpoint_find(f->checkpoint, old.data, number);
        tm_text_free(&old);
        return found;
    }
    return false;
}

/* Shapes as messages show them. */
static void add_shape(const int64_t *dim, int rank, tm_text *into)
{
    tm_text_add(into, "[");
    for (int i = 0; i < rank; i++) tm_text_format(into, "%s%" PRId64, i ? ", " : "", dim[i]);
    tm_text_add(into, "]");
}

static tm_status check_tensor(finder *f, tm_weight role, size_t number)
{
    const tm_stored_tensor tensor = tm_checkpoint_tensor(f->checkpoint, number);
    const int64_t wanted[] = {size_of(f->config, roles[role].rows), size_of(f->config, roles[role].columns)};
    const int rank = roles[role].columns == NONE ? 1 : 2;
    char shown[TM_SHOWN], file[TM_SHOWN];
    tm_shown(tensor.name, tensor.name_length, shown);
    tm_checkpoint_file_shown(f->checkpoint, number, file);
    if (tensor.rank != rank || memcmp(tensor.dim, wanted, (size_t)rank * sizeof *wanted) != 0) {
        tm_text shapes = {0};
        add_shape(tensor.dim, tensor.rank, &shapes);
        tm_text_add(&shapes, ", config.json wants ");
        add_shape(wanted, rank, &shapes);
        const tm_status status = tm_fail(f->error, TM_INVALID_ARGUMENT, "%s: tensor \"%s\" has shape %s", file, shown,
                                         shapes.failed ? "?" : shapes.data);
        tm_text_free(&shapes);
        return status;
    }
    if (tm_stored_is_real(tensor.type)) return TM_OK;
    return tm_fail(f->error, TM_UNSUPPORTED, "%s: tensor \"%s\" is of %s, which weights are not read from", file, shown,
                   tm_stored_name(tensor.type));
}

static size_t place_of(tm_weight role, int64_t layer)
{
    return (size_t)(roles[role].where == LAYER ? layer : 0) * TM_WEIGHT_COUNT + (size_t)role;
}

static tm_status find_one(finder *f, tm_weight role, int64_t layer, tm_encoder_weights *into)
{
    size_t number = 0;
    const bool found = look_up(f, f->prefix, role, layer, &number);
    if (f->name.failed) return tm_fail_memory(f->error, "the names of weights");
    if (!found && roles[role].where == OPTIONAL) return TM_OK;
    if (!found) {
        return tm_fail(f->error, TM_INVALID_ARGUMENT, "%s: tensor \"%s\" is missing",
                       tm_checkpoint_shown(f->checkpoint), f->name.data);
    }
    into->numbers[place_of(role, layer)] = number;
    into->has_pooler = into->has_pooler || role == TM_WEIGHT_pooler_weight;
    return check_tensor(f, role, number);
}

/* The prefix under which there are word embeddings; the empty one where there are none, so that these are missed. */
static const char *find_prefix(finder *f)
{
    static const char *const prefixes[] = {"", "bert.", "roberta."};
    size_t number = 0;
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        if (look_up(f, prefixes[i], TM_WEIGHT_word_embeddings, 0, &number)) return prefixes[i];
    }
    return prefixes[0];
}

/* Half a pooler is none that one could use. */
static tm_status check_pooler(finder *f, const tm_encoder_weights *weights)
{
    size_t number = 0;
    const bool bias = look_up(f, f->prefix, TM_WEIGHT_pooler_bias, 0, &number);
    if (bias == weights->has_pooler || f->name.failed) return TM_OK;
    look_up(f, f->prefix, bias ? TM_WEIGHT_pooler_weight : TM_WEIGHT_pooler_bias, 0, &number);
    return tm_fail(f->error, TM_INVALID_ARGUMENT, "%s: tensor \"%s\" is missing", tm_checkpoint_shown(f->checkpoint),
                   f->name.data);
}

tm_status tm_encoder_weights_find(const tm_checkpoint *checkpoint, const tm_encoder_config *config,
                                  tm_encoder_weights *into, tm_error *error)
{
    finder f = {.checkpoint = checkpoint, .config = config, .error = error};
    *into = (tm_encoder_weights){.layers = config->layers};
    into->numbers = calloc((size_t)config->layers * TM_WEIGHT_COUNT, sizeof *into->numbers);
    if (!into->numbers) return tm_fail_memory(error, "the list of weights");
    tm_status status = TM_OK;
    f.prefix = find_prefix(&f);
    for (int role = 0; role < TM_WEIGHT_COUNT && status == TM_OK; role++) {
        const int64_t layers = roles[role].where == LAYER ? config->layers : 1;
        for (int64_t layer = 0; layer < layers && status == TM_OK; layer++) {
            status = find_one(&f, (tm_weight)role, layer, into);
        }
    }
    if (status == TM_OK) status = check_pooler(&f, into);
    tm_text_free(&f.name);
    if (status != TM_OK) tm_encoder_weights_free(into);
    return status;
}

void tm_encoder_weights_free(tm_encoder_weights *weights)
{
    free(weights->numbers);
    *weights = (tm_encoder_weights){0};
}

size_t tm_encoder_weight(const tm_encoder_weights *weights, tm_weight role, int64_t layer)
{
    return weights->numbers[place_of(role, layer)];
}
