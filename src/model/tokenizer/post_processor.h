/* Which tokens frame one text or two: the "post_processor" of a tokenizer.json. */
#ifndef TM_MODEL_TOKENIZER_POST_PROCESSOR_H
#define TM_MODEL_TOKENIZER_POST_PROCESSOR_H

#include "model/tokenizer/json_read.h"

/* One piece of a frame: a token, or the first or the second text. */
typedef struct tm_frame_piece {
    enum { TM_FRAME_TOKEN, TM_FRAME_FIRST, TM_FRAME_SECOND } kind;
    uint32_t id, type_id;
} tm_frame_piece;

typedef struct tm_frame {
    tm_frame_piece *pieces; /* freed by tm_post_processor_free */
    size_t count;
} tm_frame;

/* {0} frames nothing: the first text has the type id 0, the second 1. */
typedef struct tm_post_processor {
    tm_frame one, two; /* of one text, of two; empty: as {0} does */
    bool flat;         /* every type id is 0 */
} tm_post_processor;

/* Reads it; NULL or null is {0}. TM_UNSUPPORTED: several steps that each frame. Other errors name the place. */
tm_status tm_post_processor_read(const char *file, const json_t *json, tm_post_processor *into, tm_error *error);

/* For folders without a tokenizer.json: BERT's "cls A sep B sep", or RoBERTa's "cls A sep sep B sep". */
tm_status tm_post_processor_make(uint32_t cls, uint32_t sep, bool roberta, tm_post_processor *into, tm_error *error);
void tm_post_processor_free(tm_post_processor *post_processor);

/* The number of tokens that a frame adds. */
size_t tm_frame_tokens(const tm_frame *frame);

#endif
