/* Truncation and padding: "truncation" and "padding" of a tokenizer.json. */
#ifndef TM_MODEL_TOKENIZER_LIMITS_H
#define TM_MODEL_TOKENIZER_LIMITS_H

#include "model/tokenizer/json_read.h"

typedef enum tm_cut_strategy { TM_CUT_LONGEST_FIRST, TM_CUT_ONLY_FIRST, TM_CUT_ONLY_SECOND } tm_cut_strategy;

typedef struct tm_truncation {
    bool wanted, from_left;
    tm_cut_strategy strategy;
    uint32_t max_length;
} tm_truncation;

typedef struct tm_padding {
    bool wanted, on_left;
    uint32_t length;   /* 0: as long as the text */
    uint32_t multiple; /* 0: of any length */
    uint32_t id, type_id;
} tm_padding;

typedef struct tm_file_limits {
    tm_truncation truncation;
    tm_padding padding;
} tm_file_limits;

/* Reads both from the whole file's object; null or missing: not wanted. Errors name the place. */
tm_status tm_limits_read(const char *file, const json_t *json, tm_file_limits *into, tm_error *error);

/* How many of two texts' tokens remain (the second is 0 and false where there is only one) when `room` is for both.
 * TM_INVALID_ARGUMENT: the strategy cannot make them fit. */
tm_status tm_truncate(const tm_truncation *truncation, size_t room, bool pair, size_t *first, size_t *second,
                      tm_error *error);

/* The length that `count` tokens are padded to. */
size_t tm_padded_length(const tm_padding *padding, size_t count);

#endif
