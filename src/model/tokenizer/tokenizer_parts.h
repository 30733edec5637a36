/* What a tokenizer consists of: for the files that open one and that use it. */
#ifndef TM_MODEL_TOKENIZER_TOKENIZER_PARTS_H
#define TM_MODEL_TOKENIZER_TOKENIZER_PARTS_H

#include "model/tokenizer/added_tokens.h"
#include "model/tokenizer/decoder.h"
#include "model/tokenizer/limits.h"
#include "model/tokenizer/post_processor.h"
#include "model/tokenizer/pre_tokenizer.h"
#include "model/tokenizer/tokenizer.h"

struct tm_tokenizer {
    tm_normalizer *normalizer;       /* NULL: none */
    tm_pre_tokenizer *pre_tokenizer; /* NULL: none */
    tm_token_model *model;
    tm_added_tokens added;
    tm_post_processor post_processor;
    tm_decoder *decoder; /* NULL: none */
    tm_file_limits limits;
};

/* The parts of a folder without a tokenizer.json. `folder` has the file it is named for. */
tm_status tm_tokenizer_open_vocab_txt(const char *folder, tm_tokenizer *into, tm_error *error);
tm_status tm_tokenizer_open_vocab_json(const char *folder, tm_tokenizer *into, tm_error *error);

/* "FOLDER/NAME" in `into`; false if it is too long or there is no such file. */
bool tm_tokenizer_path(const char *folder, const char *name, char *into, size_t capacity);

/* Reads a JSON file whole. */
tm_status tm_tokenizer_json(const char *path, json_t **into, tm_error *error);

#endif
