/* Token models as their users see them: reading chooses the kind by its name, cutting undoes what an error left. */
#include "model/tokenizer/token_model.h"

#include "model/tokenizer/model_kind.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Buffers that one very long text made are not kept. */
enum { KEPT_BYTES = 1 << 22 };

static const tm_model_kind *const kinds[] = {&tm_wordpiece_kind, &tm_bpe_kind, &tm_unigram_kind};

tm_status tm_token_model_make(const tm_model_kind *kind, const char *file, tm_token_model **into, tm_error *error)
{
    tm_token_model *const model = calloc(1, sizeof *model);
    if (model) model->file = strdup(file);
    if (!model || !model->file) {
        free(model);
        return tm_fail_memory(error, file);
    }
    model->kind = kind;
    *into = model;
    return TM_OK;
}

/* Files from before models had types tell by what they hold. NULL: by nothing. */
static const tm_model_kind *guess_kind(const json_t *json)
{
    if (json_object_get(json, "merges")) return &tm_bpe_kind;
    if (json_object_get(json, "max_input_chars_per_word")) return &tm_wordpiece_kind;
    return json_is_array(json_object_get(json, "vocab")) ? &tm_unigram_kind : NULL;
}

static tm_status find_kind(json_t *json, const char *file, const tm_model_kind **kind, tm_error *error)
{
    if (!json_is_object(json)) return tm_fail(error, TM_INVALID_ARGUMENT, "%s: model is not an object", file);
    const json_t *const type = json_object_get(json, "type");
    *kind = type ? NULL : guess_kind(json);
    if (*kind) return TM_OK;
    const char *const name = json_string_value(type);
    if (!name) return tm_fail(error, TM_INVALID_ARGUMENT, "%s: model.type is not a string", file);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        *kind = kinds[i];
        if (strcmp(name, kinds[i]->name) == 0) return TM_OK;
    }
    return tm_fail(error, TM_UNSUPPORTED, "%s: model.type \"%.64s\" is not known, only WordPiece, BPE and Unigram",
                   file, name);
}

tm_status tm_token_model_read(json_t *json, const char *file, tm_token_model **into, tm_error *error)
{
    const tm_model_kind *kind = NULL;
    tm_token_model *model = NULL;
    tm_status status = find_kind(json, file, &kind, error);
    if (status == TM_OK) status = tm_token_model_make(kind, file, &model, error);
    if (status == TM_OK) status = kind->read(model, json, error);
    if (status == TM_OK)
        *into = model;
    else
        tm_token_model_close(model);
    return status;
}

void tm_token_model_close(tm_token_model *model)
{
    if (!model) return;
    if (model->own) model->kind->free(model->own);
    tm_vocabulary_free(&model->vocabulary);
    free(model->file);
    free(model);
}

tm_cut_scratch *tm_cut_scratch_make(const tm_token_model *model)
{
    tm_cut_scratch *const scratch = calloc(1, sizeof *scratch);
    if (!scratch) return NULL;
    scratch->model = model;
    scratch->cache.word = calloc((size_t)1 << TM_CACHED_WORDS_LOG, sizeof *scratch->cache.word);
    scratch->cache.factor = tm_hash_factor(scratch);
    if (!scratch->cache.word) {
        free(scratch);
        return NULL;
    }
    return scratch;
}

void tm_cut_scratch_free(tm_cut_scratch *scratch)
{
    if (!scratch) return;
    free(scratch->cache.word);
    tm_ids_free(&scratch->symbols);
    free(scratch->links.data);
    free(scratch->queue.data);
    free(scratch->paths.data);
    free(scratch);
}

void *tm_buffer_reserve(tm_buffer *buffer, size_t bytes)
{
    if (bytes <= buffer->bytes) return buffer->data;
    free(buffer->data);
    buffer->data = malloc(bytes + bytes / 2);
    buffer->bytes = buffer->data ? bytes + bytes / 2 : 0;
    return buffer->data;
}

tm_status tm_cut_cached(const tm_token_model *model, tm_cut_scratch *scratch, const char *text, size_t bytes,
                        tm_ids *ids, tm_cut cut, tm_error *error)
{
    if (bytes > TM_CACHED_BYTES) return cut(model, scratch, text, bytes, ids, error);
    tm_cached_word *const word = tm_word_cache_place(&scratch->cache, text, bytes);
    if (!tm_word_cache_holds(word, text, bytes)) {
        const size_t before = ids->count;
        const tm_status status = cut(model, scratch, text, bytes, ids, error);
        if (status == TM_OK) tm_word_cache_keep(word, text, bytes, ids, before);
        return status;
    }
    if (!tm_ids_reserve(ids, word->ids)) return tm_fail_memory(error, "ids");
    if (word->ids > 0) memcpy(ids->data + ids->count, word->id, word->ids * sizeof *ids->data);
    ids->count += word->ids;
    return TM_OK;
}

static void trim(tm_buffer *buffer)
{
    if (buffer->bytes <= KEPT_BYTES) return;
    free(buffer->data);
    *buffer = (tm_buffer){0};
}

tm_status tm_token_model_cut(const tm_token_model *model, tm_cut_scratch *scratch, const char *text, size_t bytes,
                             tm_ids *ids, tm_error *error)
{
    const size_t before = ids->count;
    if (bytes == 0) return TM_OK;
    if (bytes > TM_LONGEST_TEXT) {
        return tm_fail(error, TM_INVALID_ARGUMENT, "%s: a text of %zu bytes, more than the %d allowed", model->file,
                       bytes, TM_LONGEST_TEXT);
    }
    const tm_status status = model->kind->cut(model, scratch, text, bytes, ids, error);
    if (status != TM_OK) ids->count = before;
    if (bytes > KEPT_BYTES / 64) {
        trim(&scratch->links);
        trim(&scratch->queue);
        trim(&scratch->paths);
        if (scratch->symbols.capacity > KEPT_BYTES / sizeof *scratch->symbols.data) tm_ids_free(&scratch->symbols);
    }
    return status;
}

const char *tm_token_model_text(const tm_token_model *model, uint32_t id, size_t *bytes)
{
    if (id >= model->vocabulary.end || model->vocabulary.token[id].start == TM_NO_ID) return NULL;
    *bytes = model->vocabulary.token[id].bytes;
    return tm_vocabulary_text(&model->vocabulary, id);
}

bool tm_token_model_id(const tm_token_model *model, const char *text, size_t bytes, uint32_t *id)
{
    const uint32_t found = tm_vocabulary_find(&model->vocabulary, text, bytes);
    if (found != TM_NO_ID) *id = found;
    return found != TM_NO_ID;
}

uint32_t tm_token_model_end(const tm_token_model *model)
{
    return model->vocabulary.end;
}
