/* Tokens by id and by text. A slot of the table holds 32 bits of the text's hash, so that texts are compared only where
 * they are almost surely equal; the place comes from the hash times a factor of this run. */
#include "model/tokenizer/vocabulary.h"

#include "base/hash.h"
#include "base/text.h"
#include "model/tokenizer/token_model.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t tm_hash_factor(const void *address)
{
    const uint64_t place = (uint64_t)(uintptr_t)address;
    return tm_hash_bytes(&place, sizeof place) | 1;
}

tm_status tm_fail_token(tm_error *error, const char *file, const char *text, size_t bytes, const char *what)
{
    enum { shown = 48 };
    char start[shown + 1] = "";
    size_t length = bytes < shown ? bytes : shown;
    while (length > 0 && length < bytes && ((unsigned char)text[length] & 0xC0) == 0x80) length--;
    if (length > 0) memcpy(start, text, length);
    tm_text visible = {0};
    tm_text_add_visible(&visible, start);
    tm_fail(error, TM_INVALID_ARGUMENT, "%s: token \"%s%s\": %s", file, visible.data ? visible.data : "",
            length < bytes ? "..." : "", what);
    tm_text_free(&visible);
    return TM_INVALID_ARGUMENT;
}

tm_status tm_vocabulary_make(tm_vocabulary *vocabulary, size_t tokens, const char *file, tm_error *error)
{
    *vocabulary = (tm_vocabulary){.slots = 16, .shift = 60};
    if (tokens > TM_MOST_TOKENS) {
        return tm_fail(error, TM_INVALID_ARGUMENT, "%s: %zu tokens, more than the %d allowed", file, tokens,
                       TM_MOST_TOKENS);
    }
    for (; vocabulary->slots < 2 * tokens; vocabulary->slots *= 2) vocabulary->shift--;
    vocabulary->slot = malloc(vocabulary->slots * sizeof *vocabulary->slot);
    if (!vocabulary->slot) return tm_fail_memory(error, file);
    memset(vocabulary->slot, 0xFF, vocabulary->slots * sizeof *vocabulary->slot);
    vocabulary->factor = tm_hash_factor(vocabulary->slot);
    return TM_OK;
}

void tm_vocabulary_free(tm_vocabulary *vocabulary)
{
    free(vocabulary->texts);
    free(vocabulary->token);
    free(vocabulary->slot);
    *vocabulary = (tm_vocabulary){0};
}

/* Where the text stands in the table, or the free place where it belongs. */
static uint64_t place_of(const tm_vocabulary *vocabulary, uint64_t hash, const char *text, size_t bytes)
{
    uint64_t place = (hash * vocabulary->factor) >> vocabulary->shift;
    for (;; place = (place + 1) & (vocabulary->slots - 1)) {
        const tm_vocabulary_slot slot = vocabulary->slot[place];
        if (slot.id == TM_NO_ID) return place;
        if (slot.tag != (uint32_t)hash) continue;
        const tm_token token = vocabulary->token[slot.id];
        if (token.bytes == bytes && memcmp(vocabulary->texts + token.start, text, bytes) == 0) return place;
    }
}

uint32_t tm_vocabulary_find(const tm_vocabulary *vocabulary, const char *text, size_t bytes)
{
    return vocabulary->slot[place_of(vocabulary, tm_hash_bytes(text, bytes), text, bytes)].id;
}

static bool reserve_texts(tm_vocabulary *vocabulary, size_t more)
{
    if (more <= vocabulary->text_capacity - vocabulary->text_bytes) return true;
    size_t capacity = vocabulary->text_capacity > 0 ? vocabulary->text_capacity : 4096;
    while (capacity - vocabulary->text_bytes < more) capacity *= 2;
    char *const texts = realloc(vocabulary->texts, capacity);
    if (!texts) return false;
    vocabulary->texts = texts;
    vocabulary->text_capacity = capacity;
    return true;
}

static bool reserve_id(tm_vocabulary *vocabulary, uint32_t id)
{
    if (id < vocabulary->capacity) return true;
    uint32_t capacity = vocabulary->capacity > 0 ? vocabulary->capacity : 256;
    while (capacity <= id) capacity *= 2;
    tm_token *const token = realloc(vocabulary->token, capacity * sizeof *token);
    if (!token) return false;
    for (uint32_t i = vocabulary->capacity; i < capacity; i++) token[i] = (tm_token){TM_NO_ID, 0};
    vocabulary->token = token;
    vocabulary->capacity = capacity;
    return true;
}

static tm_status check_token(const tm_vocabulary *vocabulary, const char *text, size_t bytes, uint64_t id,
                             const char *file, tm_error *error)
{
    char what[128];
    if (bytes > TM_LONGEST_TOKEN) {
        snprintf(what, sizeof what, "%zu bytes, more than the %d allowed", bytes, TM_LONGEST_TOKEN);
        return tm_fail_token(error, file, text, bytes, what);
    }
    if (id >= TM_MOST_TOKENS) {
        snprintf(what, sizeof what, "id %" PRIu64 " is not below %d", id, TM_MOST_TOKENS);
        return tm_fail_token(error, file, text, bytes, what);
    }
    if (id < vocabulary->end && vocabulary->token[id].start != TM_NO_ID) {
        snprintf(what, sizeof what, "another token has the id %" PRIu64 " too", id);
        return tm_fail_token(error, file, text, bytes, what);
    }
    if (vocabulary->text_bytes + bytes >= TM_NO_ID) {
        return tm_fail_token(error, file, text, bytes, "4 GiB of tokens before it");
    }
    return TM_OK;
}

tm_status tm_vocabulary_add(tm_vocabulary *vocabulary, const char *text, size_t bytes, uint64_t id, uint32_t *before,
                            const char *file, tm_error *error)
{
    const tm_status status = check_token(vocabulary, text, bytes, id, file, error);
    if (status != TM_OK) return status;
    const uint64_t hash = tm_hash_bytes(text, bytes);
    tm_vocabulary_slot *const slot = &vocabulary->slot[place_of(vocabulary, hash, text, bytes)];
    if (!reserve_id(vocabulary, (uint32_t)id)) return tm_fail_memory(error, file);
    *before = slot->id;
    if (slot->id == TM_NO_ID) {
        if (!reserve_texts(vocabulary, bytes + 1)) return tm_fail_memory(error, file);
        vocabulary->token[id] = (tm_token){(uint32_t)vocabulary->text_bytes, (uint32_t)bytes};
        memcpy(vocabulary->texts + vocabulary->text_bytes, text, bytes);
        vocabulary->text_bytes += bytes;
    } else {
        vocabulary->token[id] = vocabulary->token[slot->id];
    }
    *slot = (tm_vocabulary_slot){(uint32_t)hash, (uint32_t)id};
    if (id >= vocabulary->end) vocabulary->end = (uint32_t)id + 1;
    return TM_OK;
}
