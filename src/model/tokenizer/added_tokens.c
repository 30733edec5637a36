/* The list is read in the file's order, for ids depend on it; then each content is kept once, and two orders are made
 * to look tokens up by. */
#include "model/tokenizer/added_tokens.h"

#include "model/tokenizer/unicode.h"
#include "model/tokenizer/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 16 };

void tm_added_tokens_free(tm_added_tokens *tokens)
{
    for (size_t i = 0; i < tokens->count; i++) {
        free(tokens->items[i].content.data);
        free(tokens->items[i].normal.data);
    }
    free(tokens->items);
    free(tokens->by_content);
    free(tokens->by_id);
    for (int i = 0; i < 2; i++) {
        tm_finder_free(tokens->finders[i]);
        free(tokens->found[i]);
    }
    *tokens = (tm_added_tokens){0};
}

static bool copy_bytes(const char *data, size_t length, tm_bytes *into)
{
    into->data = malloc(length + 1);
    if (!into->data) return false;
    if (length > 0) memcpy(into->data, data, length);
    into->data[length] = '\0';
    into->length = length;
    return true;
}

tm_status tm_added_tokens_add(tm_added_tokens *tokens, const char *content, size_t length, tm_added_token like,
                              tm_error *error)
{
    if (length == 0) return TM_OK;
    if (tokens->count == tokens->capacity) {
        const size_t capacity = tokens->capacity ? tokens->capacity * 2 : FIRST_CAPACITY;
        tm_added_token *const items = realloc(tokens->items, capacity * sizeof *items);
        if (!items) return tm_fail_memory(error, "added tokens");
        tokens->items = items;
        tokens->capacity = capacity;
    }
    like.normal = (tm_bytes){0};
    if (!copy_bytes(content, length, &like.content)) return tm_fail_memory(error, "added tokens");
    tokens->items[tokens->count++] = like;
    return TM_OK;
}

static tm_status read_one(const tm_json_place *place, const json_t *json, tm_added_tokens *into, tm_error *error)
{
    const json_t *const content = json_object_get(json, "content");
    tm_added_token token = {0};
    const struct {
        const char *key;
        bool *into;
    } flags[] = {{"single_word", &token.single_word},
                 {"lstrip", &token.lstrip},
                 {"rstrip", &token.rstrip},
                 {"normalized", &token.normalized},
                 {"special", &token.special}};
    tm_status status = tm_json_count(place, json, "id", UINT32_MAX, &token.id, error);
    for (size_t i = 0; i < sizeof flags / sizeof *flags && status == TM_OK; i++) {
        status = tm_json_bool(place, json, flags[i].key, NULL, flags[i].into, error);
    }
    if (status != TM_OK) return status;
    if (!json_is_string(content)) return tm_json_refuse(place, error, "\"content\" is not a string");
    if (json_string_length(content) > TM_LONGEST_TOKEN) {
        return tm_json_refuse(place, error, "\"content\" is longer than %d bytes", TM_LONGEST_TOKEN);
    }
    return tm_added_tokens_add(into, json_string_value(content), json_string_length(content), token, error);
}

tm_status tm_added_tokens_read(const char *file, const json_t *json, tm_added_tokens *into, tm_error *error)
{
    tm_json_place place = {file, "added_tokens"};
    if (!json || json_is_null(json)) return TM_OK;
    if (!json_is_array(json)) return tm_json_refuse(&place, error, "is not a list");
    if (json_array_size(json) > TM_MOST_TOKENS) {
        return tm_json_refuse(&place, error, "has more than %d entries", TM_MOST_TOKENS);
    }
    tm_status status = TM_OK;
    for (size_t i = 0; i < json_array_size(json) && status == TM_OK; i++) {
        char where[48];
        snprintf(where, sizeof where, "added_tokens[%zu]", i);
        place.where = where;
        status = read_one(&place, json_array_get(json, i), into, error);
    }
    return status;
}

static int compare_bytes(const char *a, size_t a_length, const char *b, size_t b_length)
{
    const size_t shorter = a_length < b_length ? a_length : b_length;
    const int order = memcmp(a, b, shorter);
    return order ? order : (a_length > b_length) - (a_length < b_length);
}

static int by_content(const void *a, const void *b)
{
    const tm_added_token *const left = *(const tm_added_token *const *)a, *const right =
                                                                              *(const tm_added_token *const *)b;
    const int order =
        compare_bytes(left->content.data, left->content.length, right->content.data, right->content.length);
    return order ? order : (left > right) - (left < right);
}

static int by_id(const void *a, const void *b)
{
    const tm_added_token *const left = *(const tm_added_token *const *)a, *const right =
                                                                              *(const tm_added_token *const *)b;
    if (left->id != right->id) return left->id > right->id ? 1 : -1;
    return (left > right) - (left < right);
}

static tm_added_token **sorted(const tm_added_tokens *tokens, int (*order)(const void *, const void *))
{
    tm_added_token **const list = malloc((tokens->count + 1) * sizeof *list);
    if (!list) return NULL;
    for (size_t i = 0; i < tokens->count; i++) list[i] = &tokens->items[i];
    qsort(list, tokens->count, sizeof *list, order);
    return list;
}

static bool same_content(const tm_added_token *a, const tm_added_token *b)
{
    return a->content.length == b->content.length && !memcmp(a->content.data, b->content.data, a->content.length);
}

/* Keeps the first of those with one content, with the flags of the last. */
static bool keep_one_each(tm_added_tokens *tokens)
{
    tm_added_token **const list = sorted(tokens, by_content);
    if (!list) return false;
    for (size_t i = 0, end; i < tokens->count; i = end) {
        for (end = i + 1; end < tokens->count && same_content(list[i], list[end]); end++) {
            const tm_bytes content = list[i]->content;
            free(list[end]->content.data);
            *list[i] = *list[end];
            list[i]->content = content;
            list[end]->content = (tm_bytes){0};
        }
    }
    free(list);
    size_t kept = 0;
    for (size_t i = 0; i < tokens->count; i++) {
        if (tokens->items[i].content.data) tokens->items[kept++] = tokens->items[i];
    }
    tokens->count = kept;
    return true;
}

static uint32_t model_size(const tm_token_model *model)
{
    uint32_t size = 0;
    size_t bytes;
    for (uint32_t id = 0; id < tm_token_model_end(model); id++) size += tm_token_model_text(model, id, &bytes) != NULL;
    return size;
}

static tm_status normalize_all(tm_added_tokens *tokens, const tm_normalizer *normalizer, tm_error *error)
{
    tm_normalizer_scratch scratch = {0};
    tm_text text = {0};
    tm_status status = TM_OK;
    for (size_t i = 0; i < tokens->count && status == TM_OK; i++) {
        tm_added_token *const token = &tokens->items[i];
        if (!token->normalized) continue;
        text.length = 0;
        status = tm_normalize(normalizer, &scratch, token->content.data, token->content.length, &text, error);
        if (status == TM_OK && !copy_bytes(text.data, text.length, &token->normal)) {
            status = tm_fail_memory(error, "added tokens");
        }
    }
    tm_text_free(&text);
    tm_normalizer_scratch_free(&scratch);
    return status;
}

static tm_status make_finder(tm_added_tokens *tokens, bool normalized, const char *file, tm_error *error)
{
    const tm_json_place place = {file, "added_tokens"};
    tm_wanted *const wanted = malloc((tokens->count + 1) * sizeof *wanted);
    uint32_t *const numbers = malloc((tokens->count + 1) * sizeof *numbers);
    size_t count = 0, twice = SIZE_MAX;
    tm_status status = wanted && numbers ? TM_OK : tm_fail_memory(error, "added tokens");
    for (size_t i = 0; i < tokens->count && status == TM_OK; i++) {
        const tm_added_token *const token = &tokens->items[i];
        if (token->normalized != normalized) continue;
        const tm_bytes *const text = normalized ? &token->normal : &token->content;
        if (text->length == 0)
            status = tm_json_refuse(&place, error, "'%.60s' is normalised away", token->content.data);
        numbers[count] = (uint32_t)i;
        wanted[count++] = (tm_wanted){text->data, text->length};
    }
    if (status == TM_OK && count > 0) {
        tokens->finders[normalized] = tm_finder_make(wanted, count, &twice);
        if (twice != SIZE_MAX)
            status = tm_json_refuse(&place, error, "two tokens read '%.60s' once normalised", wanted[twice].text);
        else if (!tokens->finders[normalized])
            status = tm_fail_memory(error, "added tokens");
    }
    free(wanted);
    tokens->found[normalized] = numbers;
    return status;
}

tm_status tm_added_tokens_finish(tm_added_tokens *tokens, const char *file, const tm_normalizer *normalizer,
                                 const tm_token_model *model, tm_error *error)
{
    if (!keep_one_each(tokens)) return tm_fail_memory(error, "added tokens");
    uint32_t next = model_size(model);
    for (size_t i = 0; i < tokens->count; i++) {
        tm_added_token *const token = &tokens->items[i];
        if (!tm_token_model_id(model, token->content.data, token->content.length, &token->id)) token->id = next++;
    }
    tm_status status = normalize_all(tokens, normalizer, error);
    if (status != TM_OK) return status;
    tokens->by_content = sorted(tokens, by_content);
    tokens->by_id = sorted(tokens, by_id);
    if (!tokens->by_content || !tokens->by_id) return tm_fail_memory(error, "added tokens");
    for (size_t i = 0; i < tokens->count; i++) {
        tm_added_token *const token = &tokens->items[i];
        const tm_bytes *const text = token->normalized ? &token->normal : &token->content;
        const tm_added_token *const same = tm_added_tokens_by_content(tokens, text->data, text->length);
        token->hidden = same && same->special;
    }
    status = make_finder(tokens, false, file, error);
    return status == TM_OK ? make_finder(tokens, true, file, error) : status;
}

const tm_added_token *tm_added_tokens_by_id(const tm_added_tokens *tokens, uint32_t id)
{
    size_t low = 0, high = tokens->count;
    while (low < high) { /* the last one with this id */
        const size_t middle = (low + high) / 2;
        if (tokens->by_id[middle]->id <= id)
            low = middle + 1;
        else
            high = middle;
    }
    const tm_added_token *const found = low > 0 ? tokens->by_id[low - 1] : NULL;
    return found && found->id == id ? found : NULL;
}

const tm_added_token *tm_added_tokens_by_content(const tm_added_tokens *tokens, const char *content, size_t length)
{
    size_t low = 0, high = tokens->count;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        const tm_added_token *const one = tokens->by_content[middle];
        const int order = compare_bytes(one->content.data, one->content.length, content, length);
        if (order == 0) return one;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static bool word_before(const char *text, size_t begin, size_t at)
{
    size_t size;
    if (at <= begin) return false;
    return tm_char_class_of(tm_char_classes(), tm_utf8_get(text + tm_utf8_before(text, at), &size)) & TM_CHAR_WORD;
}

static bool word_after(const char *text, size_t at, size_t end)
{
    size_t size;
    return at < end && tm_char_class_of(tm_char_classes(), tm_utf8_get(text + at, &size)) & TM_CHAR_WORD;
}

/* Takes in the white space before `at`, not beyond `begin`, and that from `at` to `end`. */
static size_t space_before(const char *text, size_t begin, size_t at)
{
    size_t size;
    while (at > begin) {
        const size_t before = tm_utf8_before(text, at);
        if (!(tm_char_class_of(tm_char_classes(), tm_utf8_get(text + before, &size)) & TM_CHAR_SPACE)) break;
        at = before;
    }
    return at;
}

static size_t space_after(const char *text, size_t at, size_t end)
{
    size_t size;
    while (at < end && tm_char_class_of(tm_char_classes(), tm_utf8_get(text + at, &size)) & TM_CHAR_SPACE) at += size;
    return at;
}

bool tm_added_tokens_split(const tm_added_tokens *tokens, bool normalized, const char *text, size_t base, size_t bytes,
                           tm_found_list *scratch, tm_pieces *into)
{
    const size_t end = base + bytes;
    size_t done = base, matched = base; /* pieces reach to `done`, the last match to `matched` */
    scratch->count = 0;
    if (tokens->finders[normalized] && !tm_finder_run(tokens->finders[normalized], text + base, bytes, scratch)) {
        return false;
    }
    for (size_t i = scratch->count; i-- > 0;) {
        const tm_added_token *const token = &tokens->items[tokens->found[normalized][scratch->items[i].wanted]];
        size_t start = base + scratch->items[i].begin;
        if (start < matched) continue;
        size_t stop = matched = start + (normalized ? token->normal.length : token->content.length);
        if (token->single_word && (word_before(text, base, start) || word_after(text, stop, end))) continue;
        if (token->lstrip) start = start > done ? space_before(text, done, start) : done;
        if (token->rstrip) stop = space_after(text, stop, end);
        if (start >= stop) continue; /* the token before has taken all of it in as its white space */
        if (done < start) tm_pieces_add(into, done, start);
        tm_pieces_push(into, (tm_piece){(uint32_t)start, (uint32_t)stop, token->id});
        done = stop;
    }
    tm_pieces_add(into, done, end);
    return !into->failed;
}
