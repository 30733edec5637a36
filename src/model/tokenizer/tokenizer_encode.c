/* Encoding: added tokens are cut out of the text, what is between them is normalised, added tokens are cut out of that,
 * the rest is split and cut into ids; then truncated, framed and padded. */
#include "model/tokenizer/tokenizer_parts.h"

#include "model/tokenizer/utf8.h"

#include <stdlib.h>
#include <string.h>

struct tm_tokens_scratch {
    const tm_token_model *model; /* that `cut` belongs to */
    tm_cut_scratch *cut;
    tm_text repaired, normal;
    tm_normalizer_scratch normalizer;
    tm_pre_tokenizer_scratch pre_tokenizer;
    tm_found_list found;
    tm_pieces raw, pieces;
    tm_ids texts[2];
    tm_ids ids, type_ids;
    tm_text attention, special;
};

void tm_tokens_free(tm_tokens *tokens)
{
    tm_tokens_scratch *const scratch = tokens->scratch;
    *tokens = (tm_tokens){0};
    if (!scratch) return;
    tm_cut_scratch_free(scratch->cut);
    tm_text_free(&scratch->repaired);
    tm_text_free(&scratch->normal);
    tm_normalizer_scratch_free(&scratch->normalizer);
    tm_pre_tokenizer_scratch_free(&scratch->pre_tokenizer);
    free(scratch->found.items);
    tm_pieces_free(&scratch->raw);
    tm_pieces_free(&scratch->pieces);
    tm_ids_free(&scratch->texts[0]);
    tm_ids_free(&scratch->texts[1]);
    tm_ids_free(&scratch->ids);
    tm_ids_free(&scratch->type_ids);
    tm_text_free(&scratch->attention);
    tm_text_free(&scratch->special);
    free(scratch);
}

static tm_status get_scratch(const tm_tokenizer *tokenizer, tm_tokens *tokens, tm_error *error)
{
    if (!tokens->scratch) tokens->scratch = calloc(1, sizeof *tokens->scratch);
    tm_tokens_scratch *const scratch = tokens->scratch;
    if (scratch && scratch->model != tokenizer->model) {
        tm_cut_scratch_free(scratch->cut);
        scratch->cut = tm_cut_scratch_make(tokenizer->model);
        scratch->model = scratch->cut ? tokenizer->model : NULL;
    }
    return scratch && scratch->cut ? TM_OK : tm_fail_memory(error, "tokens");
}

/* How many bytes of the normalised text come from the first character of `text`. */
static tm_status first_length(const tm_tokenizer *tokenizer, tm_tokens_scratch *scratch, const char *text,
                              size_t *length, tm_error *error)
{
    size_t size;
    const size_t end = scratch->normal.length;
    tm_utf8_get(text, &size);
    const tm_status status =
        tm_normalize(tokenizer->normalizer, &scratch->normalizer, text, size, &scratch->normal, error);
    *length = scratch->normal.length - end;
    scratch->normal.length = end;
    if (*length == 0 && end > 0 && tm_normalizer_lets_next_be_first(tokenizer->normalizer)) {
        tm_utf8_get(scratch->normal.data, length);
    }
    return status;
}

/* Normalises one piece of `text` and cuts added tokens out of it. */
static tm_status normalize_piece(const tm_tokenizer *tokenizer, tm_tokens_scratch *scratch, const char *text,
                                 const tm_piece *piece, tm_error *error)
{
    const size_t start = scratch->normal.length;
    const tm_status status = tm_normalize(tokenizer->normalizer, &scratch->normalizer, text + piece->begin,
                                          piece->end - piece->begin, &scratch->normal, error);
    if (status != TM_OK) return status;
    if (scratch->normal.length > TM_LONGEST_WORK) {
        return tm_fail(error, TM_INVALID_ARGUMENT, "normalised, the text is longer than %d bytes", TM_LONGEST_WORK);
    }
    const bool good = tm_added_tokens_split(&tokenizer->added, true, scratch->normal.data, start,
                                            scratch->normal.length - start, &scratch->found, &scratch->pieces);
    return good ? TM_OK : tm_fail_memory(error, "the text to tokenize");
}

static tm_status normalize_all(const tm_tokenizer *tokenizer, tm_tokens_scratch *scratch, const char *text,
                               size_t *first, tm_error *error)
{
    const bool asked = tm_pre_tokenizer_asks_first(tokenizer->pre_tokenizer);
    tm_status status = TM_OK;
    *first = 0;
    for (size_t i = 0; i < scratch->raw.count && status == TM_OK; i++) {
        const tm_piece *const piece = &scratch->raw.items[i];
        if (tm_piece_is_token(piece)) {
            tm_pieces_push(&scratch->pieces, *piece);
            continue;
        }
        status = normalize_piece(tokenizer, scratch, text, piece, error);
        const bool begins = asked && piece->begin == 0;
        if (status == TM_OK && begins) status = first_length(tokenizer, scratch, text, first, error);
    }
    return status;
}

/* From text to pieces that the model can cut; `*text` becomes what they are ranges of. */
static tm_status split_text(const tm_tokenizer *tokenizer, tm_tokens_scratch *scratch, const char **text, size_t bytes,
                            tm_error *error)
{
    tm_pieces *const raw = &scratch->raw, *const pieces = &scratch->pieces;
    size_t first = 0;
    tm_status status = TM_OK;
    raw->count = pieces->count = scratch->normal.length = 0;
    if (!tm_added_tokens_split(&tokenizer->added, false, *text, 0, bytes, &scratch->found, raw)) {
        return tm_fail_memory(error, "the text to tokenize");
    }
    if (!tokenizer->normalizer && !tokenizer->added.finders[true]) {
        const tm_pieces swapped = *raw;
        *raw = *pieces;
        *pieces = swapped;
        first = pieces->count > 0 && !tm_piece_is_token(pieces->items); /* of a character: it has one first byte */
    } else {
        status = normalize_all(tokenizer, scratch, *text, &first, error);
        *text = scratch->normal.data;
    }
    if (status != TM_OK) return status;
    return tm_pre_tokenize(tokenizer->pre_tokenizer, &scratch->pre_tokenizer, text, pieces, first, error);
}

static tm_status cut_piece(const tm_tokenizer *tokenizer, tm_tokens_scratch *scratch, const char *text,
                           const tm_piece *piece, tm_ids *ids, tm_error *error)
{
    if (tm_piece_is_token(piece)) {
        return tm_ids_add(ids, piece->token) ? TM_OK : tm_fail_memory(error, "tokens");
    }
    return tm_token_model_cut(tokenizer->model, scratch->cut, text + piece->begin, piece->end - piece->begin, ids,
                              error);
}

/* The ids of all pieces, or of the first ones that give `enough`. */
static tm_status cut_pieces(const tm_tokenizer *tokenizer, tm_tokens_scratch *scratch, const char *text, size_t enough,
                            tm_ids *ids, tm_error *error)
{
    tm_status status = TM_OK;
    for (size_t i = 0; i < scratch->pieces.count && status == TM_OK && ids->count < enough; i++) {
        status = cut_piece(tokenizer, scratch, text, &scratch->pieces.items[i], ids, error);
    }
    return status;
}

/* The ids of one text. */
static tm_status encode_text(const tm_tokenizer *tokenizer, tm_tokens_scratch *scratch, const char *text, size_t bytes,
                             size_t enough, tm_ids *ids, tm_error *error)
{
    ids->count = 0;
    if (bytes > TM_LONGEST_TEXT) {
        return tm_fail(error, TM_INVALID_ARGUMENT, "the text has %zu bytes, more than %d", bytes, TM_LONGEST_TEXT);
    }
    if (tm_utf8_valid(text, bytes) < bytes) {
        scratch->repaired.length = 0;
        tm_utf8_add_repaired(&scratch->repaired, text, bytes);
        if (scratch->repaired.failed) return tm_fail_memory(error, "the text to tokenize");
        text = scratch->repaired.data;
        bytes = scratch->repaired.length;
    }
    const tm_status status = split_text(tokenizer, scratch, &text, bytes, error);
    return status == TM_OK ? cut_pieces(tokenizer, scratch, text, enough, ids, error) : status;
}

/* Appends `count` tokens, alike but for their ids; `ids` of NULL: they are all `id`. */
static bool put(tm_tokens_scratch *scratch, const uint32_t *ids, uint32_t id, size_t count, uint32_t type_id,
                bool attention, bool special)
{
    if (!tm_ids_reserve(&scratch->ids, count) || !tm_ids_reserve(&scratch->type_ids, count) ||
        !tm_text_reserve(&scratch->attention, count) || !tm_text_reserve(&scratch->special, count)) {
        return false;
    }
    uint32_t *const to = scratch->ids.data + scratch->ids.count;
    uint32_t *const types = scratch->type_ids.data + scratch->type_ids.count;
    for (size_t i = 0; i < count; i++) {
        to[i] = ids ? ids[i] : id;
        types[i] = type_id;
    }
    memset(scratch->attention.data + scratch->attention.length, attention, count);
    memset(scratch->special.data + scratch->special.length, special, count);
    scratch->ids.count += count;
    scratch->type_ids.count += count;
    scratch->attention.length += count;
    scratch->special.length += count;
    return true;
}

/* The `count` ids of a text that remain. */
static bool put_text(tm_tokens_scratch *scratch, const tm_ids *ids, size_t count, bool from_left, uint32_t type_id)
{
    const size_t begin = from_left ? ids->count - count : 0;
    return count == 0 || put(scratch, ids->data + begin, 0, count, type_id, true, false);
}

/* Puts the tokens in their order. */
static bool put_all(const tm_tokenizer *tokenizer, tm_tokens_scratch *scratch, const size_t counts[2], bool pair,
                    bool bare, bool from_left)
{
    static const tm_frame_piece plain[] = {{TM_FRAME_FIRST, 0, 0}, {TM_FRAME_SECOND, 0, 1}};
    const tm_post_processor *const rules = &tokenizer->post_processor;
    const tm_frame *const frame = pair ? &rules->two : &rules->one;
    const tm_frame_piece *const pieces = frame->count > 0 ? frame->pieces : plain;
    const size_t count = frame->count > 0 ? frame->count : 1u + pair;
    bool good = true;
    for (size_t i = 0; i < count && good; i++) {
        const uint32_t type_id = rules->flat ? 0 : pieces[i].type_id;
        const int which = pieces[i].kind == TM_FRAME_SECOND;
        if (pieces[i].kind != TM_FRAME_TOKEN)
            good = put_text(scratch, &scratch->texts[which], counts[which], from_left, type_id);
        else if (!bare)
            good = put(scratch, NULL, pieces[i].id, 1, type_id, true, true);
    }
    return good;
}

/* Padding is put behind what is there; on the left, all of it then changes places. */
static bool pad(const tm_padding *padding, tm_tokens_scratch *scratch)
{
    const size_t count = scratch->ids.count, length = tm_padded_length(padding, count), more = length - count;
    if (!put(scratch, NULL, padding->id, more, padding->type_id, false, true)) return false;
    if (!padding->on_left || more == 0) return true;
    for (size_t i = length; i-- > 0;) {
        const bool padded = i < more;
        scratch->ids.data[i] = padded ? padding->id : scratch->ids.data[i - more];
        scratch->type_ids.data[i] = padded ? padding->type_id : scratch->type_ids.data[i - more];
        scratch->attention.data[i] = padded ? 0 : scratch->attention.data[i - more];
        scratch->special.data[i] = padded ? 1 : scratch->special.data[i - more];
    }
    return true;
}

/* What is wanted of this call's length. */
static tm_truncation truncation_of(const tm_tokenizer *tokenizer, const tm_encode_options *options)
{
    if (options->max_length > 0) {
        const size_t most = options->max_length < UINT32_MAX ? options->max_length : UINT32_MAX;
        return (tm_truncation){.wanted = true, .from_left = options->from_left, .max_length = (uint32_t)most};
    }
    return options->as_file_says ? tokenizer->limits.truncation : (tm_truncation){0};
}

static tm_status truncate_texts(const tm_tokenizer *tokenizer, const tm_truncation *truncation, bool pair, bool bare,
                                size_t counts[2], tm_error *error)
{
    const tm_frame *const frame = pair ? &tokenizer->post_processor.two : &tokenizer->post_processor.one;
    const size_t framing = bare ? 0 : tm_frame_tokens(frame);
    if (!truncation->wanted) return TM_OK;
    if (truncation->max_length < framing) {
        return tm_fail(error, TM_INVALID_ARGUMENT, "a length of %u leaves no room for %zu special tokens",
                       truncation->max_length, framing);
    }
    return tm_truncate(truncation, truncation->max_length - framing, pair, &counts[0], &counts[1], error);
}

tm_status tm_tokenizer_encode(const tm_tokenizer *tokenizer, const char *text, size_t bytes, const char *second,
                              size_t second_bytes, const tm_encode_options *options, tm_tokens *tokens, tm_error *error)
{
    tm_status status = get_scratch(tokenizer, tokens, error);
    if (status != TM_OK) return status;
    tm_tokens_scratch *const scratch = tokens->scratch;
    const bool pair = second != NULL;
    const tm_truncation truncation = truncation_of(tokenizer, options);
    /* Which of two texts is the longer, and so the one to be cut, only their whole lengths tell. */
    const bool early = truncation.wanted && !truncation.from_left && !pair;
    const size_t enough = early ? truncation.max_length : SIZE_MAX;
    scratch->texts[1].count = 0;
    status = encode_text(tokenizer, scratch, text, bytes, enough, &scratch->texts[0], error);
    if (status == TM_OK && pair) {
        status = encode_text(tokenizer, scratch, second, second_bytes, SIZE_MAX, &scratch->texts[1], error);
    }
    size_t counts[2] = {scratch->texts[0].count, scratch->texts[1].count};
    if (status == TM_OK) status = truncate_texts(tokenizer, &truncation, pair, options->bare, counts, error);
    if (status != TM_OK) return status;
    scratch->ids.count = scratch->type_ids.count = scratch->attention.length = scratch->special.length = 0;
    bool good = put_all(tokenizer, scratch, counts, pair, options->bare, truncation.from_left);
    if (options->as_file_says && tokenizer->limits.padding.wanted) {
        good = good && pad(&tokenizer->limits.padding, scratch);
    }
    if (!good || scratch->attention.failed || scratch->special.failed) return tm_fail_memory(error, "tokens");
    tokens->ids = scratch->ids.data;
    tokens->type_ids = scratch->type_ids.data;
    tokens->attention = (const uint8_t *)scratch->attention.data;
    tokens->special = (const uint8_t *)scratch->special.data;
    tokens->count = scratch->ids.count;
    return TM_OK;
}
