/* Every post-processor becomes two frames: one for a text alone, one for two. */
#include "model/tokenizer/post_processor.h"

#include <stdlib.h>
#include <string.h>
#include <string.h>

enum { MOST_PIECES = 4096 };

void tm_post_processor_free(tm_post_processor *post_processor)
{
    free(post_processor->one.pieces);
    free(post_processor->two.pieces);
    *post_processor = (tm_post_processor){0};
}

static tm_status add_piece(tm_frame *frame, tm_frame_piece piece, tm_error *error)
{
    tm_frame_piece *const pieces = realloc(frame->pieces, (frame->count + 1) * sizeof *pieces);
    if (!pieces) return tm_fail_memory(error, "a tokenizer");
    pieces[frame->count++] = piece;
    frame->pieces = pieces;
    return TM_OK;
}

size_t tm_frame_tokens(const tm_frame *frame)
{
    size_t tokens = 0;
    for (size_t i = 0; i < frame->count; i++) tokens += frame->pieces[i].kind == TM_FRAME_TOKEN;
    return tokens;
}

tm_status tm_post_processor_make(uint32_t cls, uint32_t sep, bool roberta, tm_post_processor *into, tm_error *error)
{
    const tm_frame_piece one[] = {{TM_FRAME_TOKEN, cls, 0}, {TM_FRAME_FIRST, 0, 0}, {TM_FRAME_TOKEN, sep, 0}};
    const uint32_t second = roberta ? 0 : 1;
    const tm_frame_piece more[] = {{TM_FRAME_SECOND, 0, second}, {TM_FRAME_TOKEN, sep, second}};
    tm_status status = TM_OK;
    for (size_t i = 0; i < 3 && status == TM_OK; i++) status = add_piece(&into->one, one[i], error);
    for (size_t i = 0; i < 3 && status == TM_OK; i++) status = add_piece(&into->two, one[i], error);
    if (status == TM_OK && roberta) status = add_piece(&into->two, one[2], error);
    for (size_t i = 0; i < 2 && status == TM_OK; i++) status = add_piece(&into->two, more[i], error);
    into->flat = roberta;
    return status;
}

/* ["[CLS]", 101] */
static tm_status read_pair(const tm_json_place *place, const json_t *json, const char *key, uint32_t *id,
                           tm_error *error)
{
    const json_t *const pair = json_object_get(json, key), *const number = json_array_get(pair, 1);
    const json_int_t value = json_integer_value(number);
    if (json_array_size(pair) != 2 || !json_is_string(json_array_get(pair, 0)) || !json_is_integer(number) ||
        value < 0 || value > UINT32_MAX) {
        return tm_json_refuse(place, error, "\"%.40s\" is not a token and its id", key);
    }
    *id = (uint32_t)value;
    return TM_OK;
}

static tm_status read_pairs(const tm_json_place *place, const json_t *json, bool roberta, tm_post_processor *into,
                            tm_error *error)
{
    uint32_t cls = 0, sep = 0;
    tm_status status = read_pair(place, json, "cls", &cls, error);
    if (status == TM_OK) status = read_pair(place, json, "sep", &sep, error);
    return status == TM_OK ? tm_post_processor_make(cls, sep, roberta, into, error) : status;
}

/* The tokens of one name of a template. */
static tm_status add_special(const tm_json_place *place, const json_t *tokens, const json_t *piece, uint32_t type_id,
                             tm_frame *into, tm_error *error)
{
    const char *const name = json_string_value(json_object_get(piece, "id"));
    const json_t *const ids = json_object_get(name ? json_object_get(tokens, name) : NULL, "ids");
    if (!json_is_array(ids)) {
        return tm_json_refuse(place, error, "\"special_tokens\" does not have '%.60s'", name ? name : "");
    }
    tm_status status = TM_OK;
    for (size_t i = 0; i < json_array_size(ids) && status == TM_OK; i++) {
        const json_t *const id = json_array_get(ids, i);
        const json_int_t value = json_integer_value(id);
        if (!json_is_integer(id) || value < 0 || value > UINT32_MAX) {
            return tm_json_refuse(place, error, "the ids of '%.60s' are not whole numbers from 0 on", name);
        }
        if (into->count == MOST_PIECES) return tm_json_refuse(place, error, "has more than %d tokens", MOST_PIECES);
        status = add_piece(into, (tm_frame_piece){TM_FRAME_TOKEN, (uint32_t)value, type_id}, error);
    }
    return status;
}

static tm_status read_template(const tm_json_place *place, const json_t *json, const char *key, tm_frame *into,
                               tm_error *error)
{
    const json_t *const pieces = json_object_get(json, key), *const tokens = json_object_get(json, "special_tokens");
    if (!json_is_array(pieces)) return tm_json_refuse(place, error, "\"%.40s\" is not a list", key);
    tm_status status = TM_OK;
    for (size_t i = 0; i < json_array_size(pieces) && status == TM_OK; i++) {
        const json_t *const piece = json_array_get(pieces, i);
        const json_t *const special = json_object_get(piece, "SpecialToken");
        const json_t *const sequence = json_object_get(piece, "Sequence");
        const char *const which = json_string_value(json_object_get(sequence, "id"));
        const bool first = which && strcmp(which, "A") == 0, second = which && strcmp(which, "B") == 0;
        uint32_t type_id = 0;
        if (!special && !first && !second) {
            return tm_json_refuse(place, error, "\"%.40s\" has a piece that is no token and no sequence", key);
        }
        if (i == MOST_PIECES) return tm_json_refuse(place, error, "has more than %d tokens", MOST_PIECES);
        status = tm_json_count(place, special ? special : sequence, "type_id", UINT32_MAX, &type_id, error);
        if (status != TM_OK) return status;
        if (special)
            status = add_special(place, tokens, special, type_id, into, error);
        else
            status = add_piece(into, (tm_frame_piece){first ? TM_FRAME_FIRST : TM_FRAME_SECOND, 0, type_id}, error);
    }
    return status;
}

static tm_status read_step(void *context, const tm_json_place *place, const char *type, const json_t *json,
                           tm_error *error)
{
    tm_post_processor *const into = context;
    if (strcmp(type, "ByteLevel") == 0) return TM_OK; /* moves offsets, which nobody asks for here */
    if (into->one.count > 0 || into->two.count > 0) {
        return tm_fail(error, TM_UNSUPPORTED, "%.160s: %.60s: a second frame around the first is not supported",
                       place->file, place->where);
    }
    if (strcmp(type, "BertProcessing") == 0) return read_pairs(place, json, false, into, error);
    if (strcmp(type, "RobertaProcessing") == 0) return read_pairs(place, json, true, into, error);
    if (strcmp(type, "TemplateProcessing") != 0) return tm_json_unknown(place, type, error);
    const tm_status status = read_template(place, json, "single", &into->one, error);
    return status == TM_OK ? read_template(place, json, "pair", &into->two, error) : status;
}

tm_status tm_post_processor_read(const char *file, const json_t *json, tm_post_processor *into, tm_error *error)
{
    const tm_json_place place = {file, "post_processor"};
    *into = (tm_post_processor){0};
    const tm_status status = tm_json_each(&place, json, "processors", read_step, into, error);
    if (status != TM_OK) tm_post_processor_free(into);
    return status;
}
