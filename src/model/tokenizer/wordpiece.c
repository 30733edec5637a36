/* WordPiece: from the left, always the longest token that fits; a word that cannot be cut whole is unknown as a whole.
 *
 * Tokens that go on inside a word begin with a prefix ("##"), so they hang below one node of the trie of all tokens:
 * the search for them starts there instead of at the root. It costs as many steps as the trie is deep; in long words of
 * a deep trie, an automaton finds the longest token at every place before. */
#include "model/tokenizer/automaton.h"
#include "model/tokenizer/model_kind.h"

#include <stdlib.h>
#include <string.h>

enum { USUAL_MOST_CHARACTERS = 100, SHORT_BYTES = 256 };

typedef struct wordpiece {
    tm_trie trie;
    uint32_t inside;  /* where tokens inside a word begin; TM_NO_NODE: there are none */
    uint32_t unknown; /* TM_NO_ID: not in the vocabulary */
    uint32_t prefix_bytes;
    uint64_t most_characters;
    tm_automaton long_words; /* without suffixes if words or tokens are short: then none are needed */
} wordpiece;

/* The longest token that begins at a place of a long word; no bytes: none does. */
typedef struct beginning {
    uint32_t id, bytes;
} beginning;

static void free_wordpiece(void *own)
{
    wordpiece *const pieces = own;
    tm_automaton_free(&pieces->long_words);
    tm_trie_free(&pieces->trie);
    free(pieces);
}

static bool has_long_tokens(const tm_vocabulary *vocabulary)
{
    for (uint32_t id = 0; id < vocabulary->end; id++) {
        if (vocabulary->token[id].start != TM_NO_ID && vocabulary->token[id].bytes > SHORT_BYTES) return true;
    }
    return false;
}

/* All but the vocabulary, which is there already. */
static tm_status make(tm_token_model *model, const char *unknown, size_t unknown_bytes, const char *prefix,
                      size_t prefix_bytes, uint64_t most_characters, tm_error *error)
{
    wordpiece *const pieces = calloc(1, sizeof *pieces);
    if (!pieces) return tm_fail_memory(error, model->file);
    model->own = pieces;
    pieces->unknown = tm_vocabulary_find(&model->vocabulary, unknown, unknown_bytes);
    pieces->most_characters = most_characters;
    pieces->prefix_bytes = (uint32_t)prefix_bytes;
    const tm_status status = tm_trie_make(&pieces->trie, &model->vocabulary, model->file, error);
    if (status != TM_OK) return status;
    pieces->inside = tm_trie_walk(&pieces->trie, tm_trie_root(&pieces->trie), prefix, prefix_bytes);
    if (most_characters <= SHORT_BYTES || !has_long_tokens(&model->vocabulary)) return TM_OK;
    return tm_automaton_make(&pieces->long_words, &pieces->trie, &model->vocabulary, prefix, prefix_bytes, model->file,
                             error);
}

static tm_status read(tm_token_model *model, json_t *json, tm_error *error)
{
    static const char *const needed[] = {"unk_token", "continuing_subword_prefix", "max_input_chars_per_word", "vocab"};
    json_t *unknown, *prefix;
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        if (json_is_null(json_object_get(json, needed[i])) || !json_object_get(json, needed[i])) {
            return tm_fail(error, TM_INVALID_ARGUMENT, "%s: model.%s is missing", model->file, needed[i]);
        }
    }
    const json_t *const most = json_object_get(json, "max_input_chars_per_word");
    if (!json_is_integer(most) || json_integer_value(most) < 0) {
        return tm_fail(error, TM_INVALID_ARGUMENT, "%s: model.max_input_chars_per_word is not a whole number from 0",
                       model->file);
    }
    tm_status status = tm_member_text(json, "unk_token", model->file, &unknown, error);
    if (status == TM_OK) status = tm_member_text(json, "continuing_subword_prefix", model->file, &prefix, error);
    if (status != TM_OK) return status;
    status = tm_vocabulary_read(&model->vocabulary, json_object_get(json, "vocab"), model->file, error);
    if (status != TM_OK) return status;
    return make(model, json_string_value(unknown), json_string_length(unknown), json_string_value(prefix),
                json_string_length(prefix), (uint64_t)json_integer_value(most), error);
}

/* Without the white space at its end, as Unicode has it. */
static size_t trimmed(const char *line, size_t bytes)
{
    while (bytes > 0) {
        size_t begin = bytes - 1;
        while (begin > 0 && ((unsigned char)line[begin] & 0xC0) == 0x80) begin--;
        const uint32_t c = tm_character_code(line + begin, bytes - begin);
        const bool is_space = (c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
                              (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
                              c == 0x205F || c == 0x3000;
        if (!is_space) break;
        bytes = begin;
    }
    return bytes;
}

static tm_status add_line(void *context, const char *line, size_t bytes, size_t number, tm_error *error)
{
    tm_token_model *const model = context;
    uint32_t before;
    const tm_status status =
        tm_vocabulary_add(&model->vocabulary, line, trimmed(line, bytes), number, &before, model->file, error);
    if (status == TM_OK && before != TM_NO_ID) model->vocabulary.token[before].start = TM_NO_ID;
    return status;
}

tm_status tm_token_model_read_vocab_txt(const char *file, const char *unknown, tm_token_model **into, tm_error *error)
{
    tm_lines lines = {0};
    tm_token_model *model = NULL;
    tm_status status = tm_token_model_make(&tm_wordpiece_kind, file, &model, error);
    if (status == TM_OK) status = tm_lines_read(file, &lines, error);
    if (status == TM_OK) status = tm_vocabulary_make(&model->vocabulary, lines.count, file, error);
    if (status == TM_OK) status = tm_lines_each(&lines, add_line, model, error);
    if (status == TM_OK) status = make(model, unknown, strlen(unknown), "##", 2, USUAL_MOST_CHARACTERS, error);
    tm_lines_free(&lines);
    if (status == TM_OK)
        *into = model;
    else
        tm_token_model_close(model);
    return status;
}

static size_t characters(const char *text, size_t bytes)
{
    size_t count = 0;
    for (size_t i = 0; i < bytes; i += tm_character_bytes(text + i, bytes - i)) count++;
    return count;
}

/* The longest token that begins at `node`; how far it goes is added to `*end`. TM_TRIE_NONE if none does. */
static uint32_t longest(const tm_trie *trie, uint32_t node, const char *text, size_t bytes, size_t *end)
{
    uint32_t found = TM_TRIE_NONE;
    const size_t begin = *end;
    for (size_t i = begin; i < bytes; i++) {
        node = tm_trie_child(trie, node, (unsigned char)text[i]);
        if (node == TM_NO_NODE) break;
        if (tm_trie_token(trie, node) == TM_TRIE_NONE) continue;
        found = tm_trie_token(trie, node);
        *end = i + 1;
    }
    return found;
}

static tm_status add_unknown(const tm_token_model *model, const char *text, size_t bytes, tm_ids *ids, tm_error *error)
{
    const wordpiece *const pieces = model->own;
    if (pieces->unknown == TM_NO_ID) {
        tm_fail_token(error, model->file, text, bytes, "cannot be cut, and the unknown token is not in the vocabulary");
        return TM_FAILED;
    }
    return tm_ids_add(ids, pieces->unknown) ? TM_OK : tm_fail_memory(error, "ids");
}

/* The longest token inside the word at each of its places: that of the rightmost end. */
static const beginning *find_beginnings(const tm_token_model *model, tm_cut_scratch *scratch, const char *text,
                                        size_t bytes)
{
    const wordpiece *const pieces = model->own;
    const tm_automaton *const automaton = &pieces->long_words;
    beginning *const at = tm_buffer_reserve(&scratch->paths, bytes * sizeof *at);
    if (!at) return NULL;
    memset(at, 0, bytes * sizeof *at);
    uint32_t node = automaton->root;
    for (size_t end = 1; end <= bytes; end++) {
        node = tm_automaton_step(automaton, node, (unsigned char)text[end - 1]);
        uint32_t token = tm_automaton_ending(automaton, node);
        for (; token != TM_NO_NODE; token = automaton->suffix[token].token) {
            const uint32_t id = tm_trie_token(&pieces->trie, token);
            const uint32_t length = model->vocabulary.token[id].bytes - pieces->prefix_bytes;
            at[end - length] = (beginning){id, length};
        }
    }
    return at;
}

/* The token that comes next in a word, which `*at` is moved behind; TM_TRIE_NONE: none fits. `beginnings` of a long
 * word in a deep trie, else NULL. */
static uint32_t next_token(const wordpiece *pieces, const beginning *beginnings, const char *text, size_t bytes,
                           size_t *at)
{
    if (*at == 0) return longest(&pieces->trie, tm_trie_root(&pieces->trie), text, bytes, at);
    if (pieces->inside == TM_NO_NODE) return TM_TRIE_NONE;
    if (!beginnings) return longest(&pieces->trie, pieces->inside, text, bytes, at);
    const beginning next = beginnings[*at];
    *at += next.bytes;
    return next.bytes > 0 ? next.id : TM_TRIE_NONE;
}

static tm_status cut(const tm_token_model *model, tm_cut_scratch *scratch, const char *text, size_t bytes, tm_ids *ids,
                     tm_error *error)
{
    const wordpiece *const pieces = model->own;
    const beginning *beginnings = NULL;
    const size_t before = ids->count;
    if (bytes > pieces->most_characters && characters(text, bytes) > pieces->most_characters) {
        return add_unknown(model, text, bytes, ids, error);
    }
    if (pieces->long_words.suffix && bytes > SHORT_BYTES) {
        beginnings = find_beginnings(model, scratch, text, bytes);
        if (!beginnings) return tm_fail_memory(error, "a long word");
    }
    for (size_t at = 0; at < bytes;) {
        const uint32_t id = next_token(pieces, beginnings, text, bytes, &at);
        if (id == TM_TRIE_NONE) {
            ids->count = before;
            return add_unknown(model, text, bytes, ids, error);
        }
        if (!tm_ids_add(ids, id)) return tm_fail_memory(error, "ids");
    }
    return TM_OK;
}

const tm_model_kind tm_wordpiece_kind = {"WordPiece", read, cut, free_wordpiece};
