/* Unigram: of all ways to cut a text into tokens the one with the greatest sum of scores; a character that is no token
 * counts as unknown, ten below the lowest score.
 *
 * One pass from left to right: the automaton (Aho and Corasick) of all tokens names, at each position, the tokens that
 * end there, the longest first, and the best of them by the sum up to its start is kept. Sums are added up in that
 * order, and of equal ones the longest token's stays. */
#include "model/tokenizer/automaton.h"
#include "model/tokenizer/model_kind.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double unknown_penalty = 10;

typedef struct piece {
    double score;
    uint32_t bytes;
} piece;

typedef struct unigram {
    tm_trie trie;
    tm_automaton automaton;
    piece *piece; /* by id */
    double unknown_score;
    uint32_t unknown; /* TM_NO_ID: none */
    bool byte_fallback;
    uint32_t byte_token[256];
} unigram;

/* The best cut of what ends here: the sum of its scores and its last token. */
typedef struct path {
    double score;
    uint32_t id;
    uint32_t bytes; /* 0: nothing ends here yet */
} path;

static void free_unigram(void *own)
{
    unigram *const uni = own;
    tm_trie_free(&uni->trie);
    tm_automaton_free(&uni->automaton);
    free(uni->piece);
    free(uni);
}

static tm_status read_piece(tm_token_model *model, const json_t *json, uint32_t id, tm_error *error)
{
    unigram *const uni = model->own;
    const json_t *const text = json_array_get(json, 0), *const score = json_array_get(json, 1);
    if (json_array_size(json) != 2 || !json_is_string(text) || !json_is_number(score)) {
        return tm_fail(error, TM_INVALID_ARGUMENT, "%s: model.vocab[%" PRIu32 "] is not a text and a score",
                       model->file, id);
    }
    uint32_t before;
    uni->piece[id] = (piece){json_number_value(score), (uint32_t)json_string_length(text)};
    if (uni->piece[id].score < uni->unknown_score) uni->unknown_score = uni->piece[id].score;
    return tm_vocabulary_add(&model->vocabulary, json_string_value(text), json_string_length(text), id, &before,
                             model->file, error);
}

static tm_status read_pieces(tm_token_model *model, const json_t *vocab, tm_error *error)
{
    if (!json_is_array(vocab)) return tm_fail(error, TM_INVALID_ARGUMENT, "%s: vocab is not a list", model->file);
    const size_t count = json_array_size(vocab);
    tm_status status = tm_vocabulary_make(&model->vocabulary, count, model->file, error);
    if (status != TM_OK) return status;
    unigram *const uni = calloc(1, sizeof *uni);
    model->own = uni;
    if (uni) uni->piece = malloc((count + 1) * sizeof *uni->piece);
    if (!uni || !uni->piece) return tm_fail_memory(error, model->file);
    uni->unknown_score = (double)INFINITY;
    for (uint32_t id = 0; status == TM_OK && id < count; id++) {
        status = read_piece(model, json_array_get(vocab, id), id, error);
    }
    uni->unknown_score -= unknown_penalty;
    return status;
}

static tm_status read_unknown(tm_token_model *model, const json_t *id, tm_error *error)
{
    unigram *const uni = model->own;
    uni->unknown = TM_NO_ID;
    if (!id || json_is_null(id)) return TM_OK;
    if (!json_is_integer(id) || json_integer_value(id) < 0 || json_integer_value(id) >= model->vocabulary.end) {
        return tm_fail(error, TM_INVALID_ARGUMENT, "%s: model.unk_id is not null or one of the %" PRIu32 " tokens",
                       model->file, model->vocabulary.end);
    }
    uni->unknown = (uint32_t)json_integer_value(id);
    return TM_OK;
}

static tm_status read(tm_token_model *model, json_t *json, tm_error *error)
{
    tm_status status = read_pieces(model, json_object_get(json, "vocab"), error);
    if (status != TM_OK) return status;
    unigram *const uni = model->own;
    status = read_unknown(model, json_object_get(json, "unk_id"), error);
    if (status == TM_OK) status = tm_member_bool(json, "byte_fallback", model->file, &uni->byte_fallback, error);
    tm_byte_tokens(&model->vocabulary, uni->byte_token);
    if (status == TM_OK) status = tm_trie_make(&uni->trie, &model->vocabulary, model->file, error);
    if (status != TM_OK) return status;
    return tm_automaton_make(&uni->automaton, &uni->trie, &model->vocabulary, "", 0, model->file, error);
}

/* The best path that ends at `end`, with the character of `size` bytes before it and the automaton at `node`. */
static tm_status find_best(const tm_token_model *model, const char *text, size_t end, size_t size, uint32_t node,
                           path *paths, tm_error *error)
{
    const unigram *const uni = model->own;
    path best = {0};
    bool single = false;
    const tm_automaton *const automaton = &uni->automaton;
    for (node = tm_automaton_ending(automaton, node); node != TM_NO_NODE; node = automaton->suffix[node].token) {
        const uint32_t id = tm_trie_token(&uni->trie, node), bytes = uni->piece[id].bytes;
        const double score = uni->piece[id].score + paths[end - bytes].score;
        if (best.bytes == 0 || score > best.score) best = (path){score, id, bytes};
        single = bytes == size;
    }
    const double score = uni->unknown_score + paths[end - size].score;
    if (!single && (best.bytes == 0 || score > best.score)) {
        if (uni->unknown == TM_NO_ID) {
            tm_fail_token(error, model->file, text + end - size, size, "no token, and model.unk_id is not given");
            return TM_FAILED;
        }
        best = (path){score, uni->unknown, (uint32_t)size};
    }
    paths[end] = best;
    return TM_OK;
}

/* Turns the best path round: afterwards each place on it tells the token that begins there. */
static void turn(path *paths, size_t bytes)
{
    path token = paths[bytes];
    for (size_t at = bytes; at > 0;) {
        at -= token.bytes;
        const path before = paths[at];
        paths[at] = token;
        token = before;
    }
}

/* Unknown characters side by side become one: a token if they read like one, else their bytes, else unknown. */
static bool add_unknown(const tm_token_model *model, const char *text, size_t bytes, tm_ids *ids)
{
    const unigram *const uni = model->own;
    const uint32_t id = tm_vocabulary_find(&model->vocabulary, text, bytes);
    bool all = uni->byte_fallback;
    for (size_t i = 0; all && i < bytes; i++) all = uni->byte_token[(unsigned char)text[i]] != TM_NO_ID;
    if (id != TM_NO_ID || !all) return tm_ids_add(ids, id != TM_NO_ID ? id : uni->unknown);
    if (!tm_ids_reserve(ids, bytes)) return false;
    for (size_t i = 0; i < bytes; i++) ids->data[ids->count++] = uni->byte_token[(unsigned char)text[i]];
    return true;
}

static bool add_path(const tm_token_model *model, const char *text, size_t bytes, const path *paths, tm_ids *ids)
{
    const unigram *const uni = model->own;
    bool added = true;
    for (size_t at = 0, end; at < bytes && added; at = end) {
        end = at + paths[at].bytes;
        if (paths[at].id == uni->unknown) {
            while (end < bytes && paths[end].id == uni->unknown) end += paths[end].bytes;
            added = add_unknown(model, text + at, end - at, ids);
        } else {
            added = tm_ids_add(ids, paths[at].id);
        }
    }
    return added;
}

static tm_status cut_word(const tm_token_model *model, tm_cut_scratch *scratch, const char *text, size_t bytes,
                          tm_ids *ids, tm_error *error)
{
    const unigram *const uni = model->own;
    path *const paths = tm_buffer_reserve(&scratch->paths, (bytes + 1) * sizeof *paths);
    if (!paths) return tm_fail_memory(error, "a word");
    paths[0] = (path){0};
    uint32_t node = uni->automaton.root;
    for (size_t at = 0; at < bytes;) {
        const size_t size = tm_character_bytes(text + at, bytes - at);
        for (size_t i = 0; i < size; i++) node = tm_automaton_step(&uni->automaton, node, (unsigned char)text[at++]);
        const tm_status status = find_best(model, text, at, size, node, paths, error);
        if (status != TM_OK) return status;
    }
    turn(paths, bytes);
    return add_path(model, text, bytes, paths, ids) ? TM_OK : tm_fail_memory(error, "ids");
}

static tm_status cut(const tm_token_model *model, tm_cut_scratch *scratch, const char *text, size_t bytes, tm_ids *ids,
                     tm_error *error)
{
    return tm_cut_cached(model, scratch, text, bytes, ids, cut_word, error);
}

const tm_model_kind tm_unigram_kind = {"Unigram", read, cut, free_unigram};
