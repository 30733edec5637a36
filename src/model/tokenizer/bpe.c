/* BPE: a word begins as its characters; of all neighbours that some merge joins, those of the lowest rank, the leftmost
 * among equals, become one, until none is left.
 *
 * Short words look for the lowest rank in an array each time. Long ones keep a heap of (rank, position), whose entries
 * may be out of date: one is used if its neighbours still make the token that it was queued for. A long text is first
 * taken apart wherever the characters on both sides can never be joined, so that most of it is short, known words. */
#include "model/tokenizer/bpe.h"

#include <stdlib.h>
#include <string.h>

enum { SHORT_SYMBOLS = 48 };
#define NOWHERE UINT32_MAX

typedef struct link {
    uint32_t before, after; /* NOWHERE at the ends */
} link;

/* Ids, one a place, and a heap of rank << 32 | place. A place whose right neighbour took it over holds TM_NO_ID. */
typedef struct long_word {
    uint32_t *id;
    link *at;
    uint64_t *queue;
    size_t queued;
} long_word;

static tm_status fail_unknown(const tm_token_model *model, const char *text, size_t bytes, tm_error *error)
{
    tm_fail_token(error, model->file, text, bytes, "no token, and model.unk_token is not in the vocabulary");
    return TM_FAILED;
}

/* A character with prefix or suffix where its place in the word asks for them. */
typedef struct symbol {
    const char *text;
    size_t bytes;
    char own[2 * TM_LONGEST_AFFIX + 4]; /* what `text` points to if the character alone is not it */
} symbol;

static void make_symbol(const tm_bpe *bpe, const char *text, size_t bytes, bool first, bool last, symbol *into)
{
    const size_t before = first ? 0 : bpe->prefix_bytes, after = last ? bpe->suffix_bytes : 0;
    into->text = text;
    into->bytes = bytes;
    if (before + after == 0) return;
    memcpy(into->own, bpe->prefix, before);
    memcpy(into->own + before, text, bytes);
    memcpy(into->own + before + bytes, bpe->suffix, after);
    into->text = into->own;
    into->bytes = before + bytes + after;
}

/* The token of a character alone; TM_NO_ID if there is none. */
static uint32_t find_character(const tm_token_model *model, const char *text, size_t bytes)
{
    const tm_bpe *const bpe = model->own;
    const uint32_t code = tm_character_code(text, bytes);
    if (code < TM_TABLED_CHARACTERS) return bpe->by_character[code];
    return tm_vocabulary_find(&model->vocabulary, text, bytes);
}

/* Adds the tokens of the bytes; false, and none added, if one of them has none. */
static bool add_bytes(const tm_bpe *bpe, const char *text, size_t bytes, tm_ids *symbols, bool *failed)
{
    for (size_t i = 0; i < bytes; i++) {
        if (bpe->byte_token[(unsigned char)text[i]] == TM_NO_ID) return false;
    }
    for (size_t i = 0; i < bytes; i++) {
        if (!tm_ids_add(symbols, bpe->byte_token[(unsigned char)text[i]])) *failed = true;
    }
    return true;
}

/* The symbols a word begins as. Unknown ones wait until a known character or the end, as they may have to be fused;
 * tokens of bytes do not end the wait. */
static tm_status begin(const tm_token_model *model, const char *text, size_t bytes, tm_ids *symbols, tm_error *error)
{
    const tm_bpe *const bpe = model->own;
    bool waiting = false, failed = false;
    symbols->count = 0;
    for (size_t i = 0, size; i < bytes && !failed; i += size) {
        symbol one;
        size = tm_character_bytes(text + i, bytes - i);
        make_symbol(bpe, text + i, size, i == 0, i + size == bytes, &one);
        const uint32_t id = one.text == one.own ? tm_vocabulary_find(&model->vocabulary, one.text, one.bytes)
                                                : find_character(model, one.text, one.bytes);
        if (id != TM_NO_ID) {
            failed = (waiting && !tm_ids_add(symbols, bpe->unknown)) || !tm_ids_add(symbols, id);
            waiting = false;
            continue;
        }
        if (bpe->byte_fallback && add_bytes(bpe, one.text, one.bytes, symbols, &failed)) continue;
        if (!bpe->has_unknown) continue;
        if (bpe->unknown == TM_NO_ID) return fail_unknown(model, text + i, size, error);
        failed = waiting && !bpe->fuse_unknown && !tm_ids_add(symbols, bpe->unknown);
        waiting = true;
    }
    failed = failed || (waiting && !tm_ids_add(symbols, bpe->unknown));
    return failed ? tm_fail_memory(error, "a word") : TM_OK;
}

/* Merges at most SHORT_SYMBOLS; returns how many are left. */
static size_t merge_short(const tm_bpe *bpe, uint32_t *id, size_t count)
{
    uint32_t rank[SHORT_SYMBOLS + 1];
    for (size_t i = 0; i + 1 < count; i++) rank[i] = tm_bpe_rank(bpe, id[i], id[i + 1]);
    while (count > 1) {
        size_t best = 0;
        for (size_t i = 1; i + 1 < count; i++) best = rank[i] < rank[best] ? i : best;
        if (rank[best] == TM_NO_RANK) break;
        id[best] = bpe->result[rank[best]];
        count--;
        for (size_t i = best + 1; i < count; i++) id[i] = id[i + 1];
        for (size_t i = best; i + 1 < count; i++) rank[i] = rank[i + 1];
        if (best > 0) rank[best - 1] = tm_bpe_rank(bpe, id[best - 1], id[best]);
        if (best + 1 < count) rank[best] = tm_bpe_rank(bpe, id[best], id[best + 1]);
    }
    return count;
}

static void sift_down(long_word *word, size_t place)
{
    const uint64_t moved = word->queue[place];
    for (size_t child; (child = 4 * place + 1) < word->queued; place = child) {
        const size_t end = child + 4 < word->queued ? child + 4 : word->queued;
        for (size_t i = child + 1; i < end; i++) child = word->queue[i] < word->queue[child] ? i : child;
        if (word->queue[child] >= moved) break;
        word->queue[place] = word->queue[child];
    }
    word->queue[place] = moved;
}

/* Queues the pair that begins at `place` if a merge joins it. */
static void push(const tm_bpe *bpe, long_word *word, uint32_t place)
{
    if (place == NOWHERE || word->at[place].after == NOWHERE) return;
    const uint32_t rank = tm_bpe_rank(bpe, word->id[place], word->id[word->at[place].after]);
    if (rank == TM_NO_RANK) return;
    const uint64_t entry = (uint64_t)rank << 32 | place;
    size_t at = word->queued++;
    for (; at > 0 && word->queue[(at - 1) / 4] > entry; at = (at - 1) / 4) word->queue[at] = word->queue[(at - 1) / 4];
    word->queue[at] = entry;
}

static uint64_t pop(long_word *word)
{
    const uint64_t least = word->queue[0];
    word->queue[0] = word->queue[--word->queued];
    if (word->queued > 0) sift_down(word, 0);
    return least;
}

static void merge_next(const tm_bpe *bpe, long_word *word)
{
    const uint64_t entry = pop(word);
    const uint32_t place = (uint32_t)entry, result = bpe->result[entry >> 32];
    const uint32_t after = word->at[place].after;
    if (word->id[place] == TM_NO_ID || after == NOWHERE) return;
    const uint32_t rank = tm_bpe_rank(bpe, word->id[place], word->id[after]);
    if (rank == TM_NO_RANK || bpe->result[rank] != result) return;
    word->id[place] = result;
    word->id[after] = TM_NO_ID;
    word->at[place].after = word->at[after].after;
    if (word->at[place].after != NOWHERE) word->at[word->at[place].after].before = place;
    push(bpe, word, word->at[place].before);
    push(bpe, word, place);
}

/* Each merge takes one entry and one symbol and queues two: never more than twice as many entries as symbols. */
static tm_status merge_long(const tm_bpe *bpe, tm_cut_scratch *scratch, tm_error *error)
{
    tm_ids *const symbols = &scratch->symbols;
    long_word word = {.id = symbols->data,
                      .at = tm_buffer_reserve(&scratch->links, symbols->count * sizeof *word.at),
                      .queue = tm_buffer_reserve(&scratch->queue, 2 * symbols->count * sizeof *word.queue)};
    if (!word.at || !word.queue) return tm_fail_memory(error, "a long word");
    const uint32_t count = (uint32_t)symbols->count;
    for (uint32_t i = 0; i < count; i++) word.at[i] = (link){i > 0 ? i - 1 : NOWHERE, i + 1 < count ? i + 1 : NOWHERE};
    for (uint32_t i = 0; i < count; i++) push(bpe, &word, i);
    while (word.queued > 0) merge_next(bpe, &word);
    size_t left = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (word.id[i] != TM_NO_ID) word.id[left++] = word.id[i];
    }
    symbols->count = left;
    return TM_OK;
}

static tm_status merge(const tm_token_model *model, tm_cut_scratch *scratch, const char *text, size_t bytes,
                       tm_ids *ids, tm_error *error)
{
    const tm_bpe *const bpe = model->own;
    tm_ids *const symbols = &scratch->symbols;
    tm_status status = begin(model, text, bytes, symbols, error);
    if (status != TM_OK) return status;
    if (symbols->count > 1 && (symbols->count > SHORT_SYMBOLS || !bpe->growing))
        status = merge_long(bpe, scratch, error);
    else
        symbols->count = merge_short(bpe, symbols->data, symbols->count);
    if (status != TM_OK) return status;
    if (!tm_ids_reserve(ids, symbols->count)) return tm_fail_memory(error, "ids");
    if (symbols->count > 0) memcpy(ids->data + ids->count, symbols->data, symbols->count * sizeof *ids->data);
    ids->count += symbols->count;
    return TM_OK;
}

/* Takes the text apart where a known character follows a known one and no merge joins them: what is unknown stays with
 * its neighbours, as it may be fused, left out or become bytes. */
static tm_status cut_pieces(const tm_token_model *model, tm_cut_scratch *scratch, const char *text, size_t bytes,
                            tm_ids *ids, tm_error *error)
{
    const tm_bpe *const bpe = model->own;
    size_t begin = 0;
    uint32_t before = TM_NO_ID;
    for (size_t i = 0, size; i < bytes; i += size) {
        size = tm_character_bytes(text + i, bytes - i);
        const uint32_t code = tm_character_code(text + i, size);
        const bool known = find_character(model, text + i, size) != TM_NO_ID;
        uint64_t word;
        const uint64_t bit = tm_bpe_join_bit(bpe, before, code, &word);
        if (known && before != TM_NO_ID && !(bpe->joins[word] & bit)) {
            const tm_status status = tm_cut_cached(model, scratch, text + begin, i - begin, ids, merge, error);
            if (status != TM_OK) return status;
            begin = i;
        }
        before = known ? code : TM_NO_ID;
    }
    return tm_cut_cached(model, scratch, text + begin, bytes - begin, ids, merge, error);
}

static tm_status cut(const tm_token_model *model, tm_cut_scratch *scratch, const char *text, size_t bytes, tm_ids *ids,
                     tm_error *error)
{
    const tm_bpe *const bpe = model->own;
    if (bpe->ignore_merges) {
        const uint32_t id = tm_vocabulary_find(&model->vocabulary, text, bytes);
        if (id != TM_NO_ID) return tm_ids_add(ids, id) ? TM_OK : tm_fail_memory(error, "ids");
    }
    if (bytes > TM_CACHED_BYTES && bpe->joins) return cut_pieces(model, scratch, text, bytes, ids, error);
    return tm_cut_cached(model, scratch, text, bytes, ids, merge, error);
}

const tm_model_kind tm_bpe_kind = {"BPE", tm_bpe_read, cut, tm_bpe_free};
