/* Texts to vectors: all are tokenised first, then those of one length run together, as many at a time as fill the
 * machine, so that no padding is computed. Rows come out in the order of the texts. */
#include "infer/model.h"
#include "infer/pooling.h"

#include <stdlib.h>
#include <string.h>

enum { BATCH_TOKENS = 2048 };

typedef struct encoded {
    size_t text, at; /* its number; where its tokens begin */
    int64_t length;
} encoded;

typedef struct encoding {
    tm_model *model;
    tm_pooled pooled;
    bool normalize;
    int64_t limit;
    encoded *texts;
    int64_t *ids, *types;
    size_t tokens, capacity;
    int64_t *batch[TM_ENCODER_FIRST_WEIGHT]; /* what one run reads */
    float *states;                           /* and what it makes */
    tm_embeddings *into;
    tm_error *error;
} encoding;

static bool grow(encoding *e, size_t more)
{
    if (more <= e->capacity - e->tokens) return true;
    const size_t capacity = 2 * e->capacity + more;
    int64_t *const ids = realloc(e->ids, capacity * sizeof *ids);
    if (ids) e->ids = ids;
    int64_t *const types = realloc(e->types, capacity * sizeof *types);
    if (types) e->types = types;
    if (!ids || !types) return false;
    e->capacity = capacity;
    return true;
}

static tm_status tokenize(encoding *e, const char *const *texts, const size_t *bytes, size_t count, size_t *failed)
{
    tm_tokens tokens = {0};
    tm_status status = TM_OK;
    for (size_t i = 0; i < count && status == TM_OK; i++) {
        const size_t length = bytes ? bytes[i] : strlen(texts[i]);
        status = tm_model_tokens(e->model, texts[i], length, e->limit, &tokens, e->error);
        if (status != TM_OK) {
            *failed = i;
        } else if (!grow(e, tokens.count)) {
            status = tm_fail_memory(e->error, "tokens");
        } else {
            e->texts[i] = (encoded){.text = i, .at = e->tokens, .length = (int64_t)tokens.count};
            for (size_t t = 0; t < tokens.count; t++) {
                e->ids[e->tokens + t] = tokens.ids[t];
                e->types[e->tokens + t] = tokens.type_ids[t];
            }
            e->tokens += tokens.count;
        }
    }
    tm_tokens_free(&tokens);
    return status;
}

static int by_length(const void *left, const void *right)
{
    const encoded *const a = left, *const b = right;
    if (a->length != b->length) return a->length < b->length ? 1 : -1;
    return (a->text > b->text) - (a->text < b->text);
}

/* Where each text's rows go; a text without tokens has a row of zeros, or none of them all. */
static tm_status lay_out(encoding *e, size_t count)
{
    const int64_t width = e->model->config.hidden_size;
    tm_embeddings *const into = e->into;
    size_t rows = 0;
    into->width = width;
    into->count = count;
    into->first = calloc(count + 1, sizeof *into->first);
    if (!into->first) return tm_fail_memory(e->error, "embeddings");
    for (size_t i = 0; i < count; i++) {
        into->first[i] = rows;
        rows += e->pooled == TM_POOLED_NONE ? (size_t)e->texts[i].length : 1;
    }
    into->first[count] = rows;
    into->data = calloc(rows * (size_t)width + 1, sizeof *into->data);
    return into->data ? TM_OK : tm_fail_memory(e->error, "embeddings");
}

static int64_t batch_of(int64_t length)
{
    return length < BATCH_TOKENS ? BATCH_TOKENS / length : 1;
}

/* Room for the greatest batch: that of the longest texts, or BATCH_TOKENS tokens. */
static tm_status make_room(encoding *e, int64_t longest)
{
    const size_t tokens = (size_t)(longest > BATCH_TOKENS ? longest : BATCH_TOKENS);
    bool good = true;
    for (int i = 0; i < TM_ENCODER_FIRST_WEIGHT; i++) {
        e->batch[i] = malloc(tokens * sizeof *e->batch[i]);
        good = good && e->batch[i];
    }
    e->states = malloc(tokens * (size_t)e->model->config.hidden_size * sizeof *e->states);
    return good && e->states ? TM_OK : tm_fail_memory(e->error, "a batch of texts");
}

/* `count` texts of the same length. */
static tm_status run(encoding *e, const encoded *texts, int64_t count)
{
    const int64_t length = texts->length, width = e->into->width;
    for (int64_t i = 0; i < count; i++) {
        const int64_t *const ids = e->ids + texts[i].at;
        memcpy(e->batch[TM_ENCODER_TOKENS] + i * length, ids, (size_t)length * sizeof *ids);
        memcpy(e->batch[TM_ENCODER_TYPES] + i * length, e->types + texts[i].at, (size_t)length * sizeof *ids);
        tm_encoder_positions(&e->model->config, ids, length, e->batch[TM_ENCODER_POSITIONS] + i * length);
    }
    const int64_t *const inputs[TM_ENCODER_FIRST_WEIGHT] = {e->batch[0], e->batch[1], e->batch[2]};
    const tm_status status = tm_plans_run(&e->model->plans, count, length, inputs, e->states, e->error);
    for (int64_t i = 0; i < count && status == TM_OK; i++) {
        const size_t first = e->into->first[texts[i].text], end = e->into->first[texts[i].text + 1];
        tm_pool_states(e->states + i * length * width, length, width, e->pooled, e->into->data + first * (size_t)width);
        for (size_t row = first; row < end && e->normalize; row++) {
            tm_normalize_row(e->into->data + row * (size_t)width, width);
        }
    }
    return status;
}

static tm_status run_all(encoding *e, size_t count)
{
    if (count > 0) qsort(e->texts, count, sizeof *e->texts, by_length);
    tm_status status = make_room(e, count > 0 ? e->texts[0].length : 0);
    for (size_t i = 0; i < count && e->texts[i].length > 0 && status == TM_OK;) {
        const int64_t most = batch_of(e->texts[i].length);
        size_t end = i + 1;
        while (end < count && (int64_t)(end - i) < most && e->texts[end].length == e->texts[i].length) end++;
        status = run(e, e->texts + i, (int64_t)(end - i));
        i = end;
    }
    return status;
}

static tm_pooled pooling_of(const tm_model *model, tm_pooled asked)
{
    static const tm_pooled said[] = {[TM_POOLING_UNSTATED] = TM_POOLED_MEAN,
                                     [TM_POOLING_CLS] = TM_POOLED_CLS,
                                     [TM_POOLING_MEAN] = TM_POOLED_MEAN,
                                     [TM_POOLING_MAX] = TM_POOLED_MAX};
    return asked == TM_POOLED_AS_MODEL ? said[model->sentence.pooling] : asked;
}

tm_status tm_model_encode(tm_model *model, const char *const *texts, const size_t *bytes, size_t count,
                          const tm_embed_options *options, tm_embeddings *into, size_t *failed, tm_error *error)
{
    static const tm_embed_options as_model = {0};
    const tm_embed_options *const o = options ? options : &as_model;
    encoding e = {.model = model, .pooled = pooling_of(model, o->pooled), .into = into, .error = error};
    e.normalize = o->normalize || (model->sentence.normalize && e.pooled != TM_POOLED_NONE);
    *into = (tm_embeddings){0};
    *failed = count;
    tm_status status = tm_model_limit(model, o->max_tokens, &e.limit, error);
    e.texts = calloc(count + 1, sizeof *e.texts);
    if (status == TM_OK && !e.texts) status = tm_fail_memory(error, "a list of texts");
    if (status == TM_OK) status = tokenize(&e, texts, bytes, count, failed);
    if (status == TM_OK) status = lay_out(&e, count);
    if (status == TM_OK) status = run_all(&e, count);
    for (int i = 0; i < TM_ENCODER_FIRST_WEIGHT; i++) free(e.batch[i]);
    free(e.states);
    free(e.texts);
    free(e.ids);
    free(e.types);
    if (status != TM_OK) tm_embeddings_free(into);
    return status;
}

tm_status tm_encode(tm_model *model, const char *const *texts, const size_t *bytes, size_t count,
                    const tm_embed_options *options, tm_embeddings *into, tm_error *error)
{
    size_t failed = 0;
    tm_error reason = {""};
    const tm_status status = tm_model_encode(model, texts, bytes, count, options, into, &failed, &reason);
    if (status == TM_OK) return TM_OK;
    if (failed < count) return tm_fail(error, status, "text %zu: %.450s", failed, reason.message);
    return tm_fail(error, status, "%s", reason.message);
}

void tm_embeddings_free(tm_embeddings *embeddings)
{
    free(embeddings->first);
    free(embeddings->data);
    *embeddings = (tm_embeddings){0};
}
