/* Reading BPE: every merge must join two tokens to a third, all in the vocabulary. Of equal merges the last counts. */
#include "model/tokenizer/bpe.h"

#include "base/file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_MERGES = TM_MOST_TOKENS, LARGEST_VOCAB_JSON = 1 << 30, MOST_JOIN_WORDS = 1 << 14 };

void tm_bpe_free(void *own)
{
    tm_bpe *const bpe = own;
    free(bpe->pair);
    free(bpe->rank);
    free(bpe->result);
    free(bpe->joins);
    free(bpe->by_character);
    free(bpe);
}

static tm_status make_tables(tm_bpe *bpe, size_t merges, const char *file, tm_error *error)
{
    if (merges > MOST_MERGES) {
        return tm_fail(error, TM_INVALID_ARGUMENT, "%s: %zu merges, more than the %d allowed", file, merges,
                       MOST_MERGES);
    }
    bpe->pairs = 16;
    bpe->shift = 60;
    for (; bpe->pairs < 2 * merges; bpe->pairs *= 2) bpe->shift--;
    bpe->pair = malloc(bpe->pairs * sizeof *bpe->pair);
    bpe->rank = malloc(bpe->pairs * sizeof *bpe->rank);
    bpe->result = malloc((merges + 1) * sizeof *bpe->result);
    bpe->by_character = malloc(TM_TABLED_CHARACTERS * sizeof *bpe->by_character);
    if (!bpe->pair || !bpe->rank || !bpe->result || !bpe->by_character) return tm_fail_memory(error, file);
    memset(bpe->pair, 0xFF, bpe->pairs * sizeof *bpe->pair);
    memset(bpe->by_character, 0xFF, TM_TABLED_CHARACTERS * sizeof *bpe->by_character);
    bpe->factor = tm_hash_factor(bpe->pair);
    bpe->growing = true;
    return TM_OK;
}

static tm_status refuse_merge(const tm_token_model *model, const char *text, size_t bytes, const char *why,
                              tm_error *error)
{
    char what[96];
    const tm_bpe *const bpe = model->own;
    snprintf(what, sizeof what, "%s, which merge %" PRIu32 " needs", why, bpe->merges);
    return tm_fail_token(error, model->file, text, bytes, what);
}

/* The token that a merge makes; `right` loses the prefix that it has as a token inside a word. */
static tm_status find_result(const tm_token_model *model, uint32_t left, uint32_t right, uint32_t *result,
                             tm_error *error)
{
    const tm_bpe *const bpe = model->own;
    const tm_vocabulary *const vocabulary = &model->vocabulary;
    const size_t first = vocabulary->token[left].bytes, whole = vocabulary->token[right].bytes;
    const char *const right_text = tm_vocabulary_text(vocabulary, right);
    if (whole < bpe->prefix_bytes) {
        return refuse_merge(model, right_text, whole, "shorter than continuing_subword_prefix", error);
    }
    const size_t second = whole - bpe->prefix_bytes;
    char *const text = malloc(first + second + 1);
    if (!text) return tm_fail_memory(error, model->file);
    memcpy(text, tm_vocabulary_text(vocabulary, left), first);
    memcpy(text + first, right_text + bpe->prefix_bytes, second);
    *result = tm_vocabulary_find(vocabulary, text, first + second);
    tm_status status = TM_OK;
    if (*result == TM_NO_ID) status = refuse_merge(model, text, first + second, "not in the vocabulary", error);
    free(text);
    return status;
}

static tm_status add_merge(tm_token_model *model, const char *left, size_t left_bytes, const char *right,
                           size_t right_bytes, tm_error *error)
{
    tm_bpe *const bpe = model->own;
    const uint32_t left_id = tm_vocabulary_find(&model->vocabulary, left, left_bytes);
    const uint32_t right_id = tm_vocabulary_find(&model->vocabulary, right, right_bytes);
    if (left_id == TM_NO_ID) return refuse_merge(model, left, left_bytes, "not in the vocabulary", error);
    if (right_id == TM_NO_ID) return refuse_merge(model, right, right_bytes, "not in the vocabulary", error);
    const tm_status status = find_result(model, left_id, right_id, &bpe->result[bpe->merges], error);
    if (status != TM_OK) return status;
    const uint64_t pair = (uint64_t)left_id << 32 | right_id, place = tm_bpe_place(bpe, pair);
    bpe->pair[place] = pair;
    bpe->rank[place] = bpe->merges++;
    bpe->growing = bpe->growing && left_bytes > 0 && right_bytes > bpe->prefix_bytes;
    return TM_OK;
}

/* "left right", with exactly one space; lines that say which version they are in do not count. */
static tm_status add_line(tm_token_model *model, const char *line, size_t bytes, tm_error *error)
{
    static const char version[] = "#version";
    const tm_bpe *const bpe = model->own;
    if (bytes >= sizeof version - 1 && memcmp(line, version, sizeof version - 1) == 0) return TM_OK;
    const char *const space = memchr(line, ' ', bytes);
    const size_t left = space ? (size_t)(space - line) : 0;
    if (!space || memchr(space + 1, ' ', bytes - left - 1)) {
        return tm_fail(error, TM_INVALID_ARGUMENT, "%s: merge %" PRIu32 " is not two tokens with one space between",
                       model->file, bpe->merges);
    }
    return add_merge(model, line, left, space + 1, bytes - left - 1, error);
}

static tm_status add_json(tm_token_model *model, const json_t *merge, bool as_pairs, tm_error *error)
{
    const tm_bpe *const bpe = model->own;
    if (!as_pairs && json_is_string(merge)) {
        return add_line(model, json_string_value(merge), json_string_length(merge), error);
    }
    const json_t *const left = json_array_get(merge, 0), *const right = json_array_get(merge, 1);
    if (!as_pairs || json_array_size(merge) != 2 || !json_is_string(left) || !json_is_string(right)) {
        return tm_fail(error, TM_INVALID_ARGUMENT, "%s: merge %" PRIu32 " is not %s as the first is", model->file,
                       bpe->merges, as_pairs ? "a pair of strings" : "a string");
    }
    return add_merge(model, json_string_value(left), json_string_length(left), json_string_value(right),
                     json_string_length(right), error);
}

static uint32_t last_character(const char *text, size_t bytes)
{
    size_t begin = bytes - 1;
    while (begin > 0 && ((unsigned char)text[begin] & 0xC0) == 0x80) begin--;
    return tm_character_code(text + begin, bytes - begin);
}

/* See tm_bpe.joins. Without prefix and suffix a token's text is the text it covers, and so the characters on both sides
 * of a merge's seam are those in the text. */
static tm_status make_joins(tm_token_model *model, tm_error *error)
{
    tm_bpe *const bpe = model->own;
    if (!bpe->growing || bpe->prefix_bytes > 0 || bpe->suffix_bytes > 0) return TM_OK;
    for (bpe->join_words = 64; bpe->join_words < MOST_JOIN_WORDS && bpe->join_words * 4 < bpe->merges;) {
        bpe->join_words *= 2;
    }
    bpe->joins = calloc(bpe->join_words, sizeof *bpe->joins);
    if (!bpe->joins) return tm_fail_memory(error, model->file);
    for (uint64_t place = 0; place < bpe->pairs; place++) {
        if (bpe->pair[place] == UINT64_MAX) continue;
        const uint32_t left = (uint32_t)(bpe->pair[place] >> 32), right = (uint32_t)bpe->pair[place];
        const char *const begin = tm_vocabulary_text(&model->vocabulary, right);
        const size_t bytes = tm_character_bytes(begin, model->vocabulary.token[right].bytes);
        uint64_t word;
        const uint64_t bit = tm_bpe_join_bit(
            bpe, last_character(tm_vocabulary_text(&model->vocabulary, left), model->vocabulary.token[left].bytes),
            tm_character_code(begin, bytes), &word);
        bpe->joins[word] |= bit;
    }
    return TM_OK;
}

/* What follows from vocabulary and merges. */
static tm_status finish(tm_token_model *model, tm_error *error)
{
    tm_bpe *const bpe = model->own;
    const tm_vocabulary *const vocabulary = &model->vocabulary;
    tm_byte_tokens(vocabulary, bpe->byte_token);
    for (uint32_t id = 0; id < vocabulary->end; id++) {
        const tm_token token = vocabulary->token[id];
        if (token.start == TM_NO_ID || token.bytes == 0) continue;
        const char *const text = vocabulary->texts + token.start;
        if (tm_character_bytes(text, token.bytes) != token.bytes) continue;
        const uint32_t code = tm_character_code(text, token.bytes);
        if (code < TM_TABLED_CHARACTERS) bpe->by_character[code] = id;
    }
    return make_joins(model, error);
}

static tm_status read_affix(json_t *json, const char *name, const char *file, char into[TM_LONGEST_AFFIX],
                            size_t *bytes, tm_error *error)
{
    json_t *text;
    const tm_status status = tm_member_text(json, name, file, &text, error);
    if (status != TM_OK || !text) return status;
    *bytes = json_string_length(text);
    if (*bytes > TM_LONGEST_AFFIX) {
        return tm_fail(error, TM_INVALID_ARGUMENT, "%s: model.%s has %zu bytes, more than the %d allowed", file, name,
                       *bytes, TM_LONGEST_AFFIX);
    }
    memcpy(into, json_string_value(text), *bytes);
    return TM_OK;
}

static tm_status check_dropout(const json_t *json, const char *file, tm_error *error)
{
    const json_t *const dropout = json_object_get(json, "dropout");
    if (!dropout || json_is_null(dropout)) return TM_OK;
    if (!json_is_number(dropout)) return tm_fail(error, TM_INVALID_ARGUMENT, "%s: model.dropout is not a number", file);
    if (json_number_value(dropout) == 0) return TM_OK;
    return tm_fail(error, TM_UNSUPPORTED, "%s: model.dropout is %g: ids would be left to chance; set it to null", file,
                   json_number_value(dropout));
}

static tm_status read_options(tm_token_model *model, json_t *json, tm_error *error)
{
    tm_bpe *const bpe = model->own;
    const char *const file = model->file;
    json_t *unknown = NULL;
    tm_status status = check_dropout(json, file, error);
    if (status == TM_OK) status = tm_member_bool(json, "fuse_unk", file, &bpe->fuse_unknown, error);
    if (status == TM_OK) status = tm_member_bool(json, "byte_fallback", file, &bpe->byte_fallback, error);
    if (status == TM_OK) status = tm_member_bool(json, "ignore_merges", file, &bpe->ignore_merges, error);
    if (status == TM_OK)
        status = read_affix(json, "continuing_subword_prefix", file, bpe->prefix, &bpe->prefix_bytes, error);
    if (status == TM_OK) status = read_affix(json, "end_of_word_suffix", file, bpe->suffix, &bpe->suffix_bytes, error);
    if (status == TM_OK) status = tm_member_text(json, "unk_token", file, &unknown, error);
    if (status != TM_OK) return status;
    bpe->has_unknown = unknown != NULL;
    bpe->unknown = TM_NO_ID;
    if (unknown) {
        bpe->unknown = tm_vocabulary_find(&model->vocabulary, json_string_value(unknown), json_string_length(unknown));
    }
    return TM_OK;
}

static tm_status make_own(tm_token_model *model, tm_error *error)
{
    tm_bpe *const bpe = calloc(1, sizeof *bpe);
    model->own = bpe;
    return bpe ? TM_OK : tm_fail_memory(error, model->file);
}

tm_status tm_bpe_read(tm_token_model *model, json_t *json, tm_error *error)
{
    json_t *const merges = json_object_get(json, "merges");
    tm_status status = tm_vocabulary_read(&model->vocabulary, json_object_get(json, "vocab"), model->file, error);
    if (status == TM_OK && !json_is_array(merges)) {
        status = tm_fail(error, TM_INVALID_ARGUMENT, "%s: model.merges is not a list", model->file);
    }
    if (status == TM_OK) status = make_own(model, error);
    if (status == TM_OK) status = read_options(model, json, error);
    if (status == TM_OK) status = make_tables(model->own, json_array_size(merges), model->file, error);
    const bool as_pairs = json_is_array(json_array_get(merges, 0));
    for (size_t i = 0; status == TM_OK && i < json_array_size(merges); i++) {
        status = add_json(model, json_array_get(merges, i), as_pairs, error);
    }
    return status == TM_OK ? finish(model, error) : status;
}

static tm_status read_vocab_json(tm_vocabulary *vocabulary, const char *file, tm_error *error)
{
    char *data = NULL;
    size_t length = 0;
    json_error_t problem;
    tm_status status = tm_file_read(file, LARGEST_VOCAB_JSON, &data, &length, error);
    if (status != TM_OK) return status;
    json_t *const json = json_loadb(data, length, 0, &problem);
    free(data);
    if (!json) {
        return tm_fail(error, TM_INVALID_ARGUMENT, "%s:%d:%d: %s", file, problem.line, problem.column, problem.text);
    }
    status = tm_vocabulary_read(vocabulary, json, file, error);
    json_decref(json);
    return status;
}

static tm_status take_line(void *context, const char *line, size_t bytes, size_t number, tm_error *error)
{
    (void)number;
    return add_line(context, line, bytes, error);
}

tm_status tm_token_model_read_bpe_files(const char *vocab_json, const char *merges_txt, tm_token_model **into,
                                        tm_error *error)
{
    tm_lines lines = {0};
    tm_token_model *model = NULL;
    tm_status status = tm_token_model_make(&tm_bpe_kind, merges_txt, &model, error);
    if (status == TM_OK) status = read_vocab_json(&model->vocabulary, vocab_json, error);
    if (status == TM_OK) status = tm_lines_read(merges_txt, &lines, error);
    if (status == TM_OK) status = make_own(model, error);
    if (status == TM_OK) status = make_tables(model->own, lines.count, merges_txt, error);
    if (status == TM_OK) status = tm_lines_each(&lines, take_line, model, error);
    tm_lines_free(&lines);
    if (status == TM_OK) status = finish(model, error);
    if (status == TM_OK)
        *into = model;
    else
        tm_token_model_close(model);
    return status;
}
