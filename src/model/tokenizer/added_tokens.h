/* Tokens that are cut out of a text before anything else is done to it: the "added_tokens" of a tokenizer.json. */
#ifndef TM_MODEL_TOKENIZER_ADDED_TOKENS_H
#define TM_MODEL_TOKENIZER_ADDED_TOKENS_H

#include "model/tokenizer/finder.h"
#include "model/tokenizer/normalizer.h"
#include "model/tokenizer/pieces.h"
#include "model/tokenizer/token_model.h"

typedef struct tm_added_token {
    tm_bytes content, normal; /* as it is written; as it reads once normalised */
    uint32_t id;
    bool single_word, lstrip, rstrip, normalized, special;
    bool hidden; /* left out when special tokens are not to be decoded */
} tm_added_token;

/* Tokens, at most one of a content. Starts as {0}. */
typedef struct tm_added_tokens {
    tm_added_token *items;
    size_t count, capacity;
    tm_added_token **by_content, **by_id; /* the items, sorted */
    tm_finder *finders[2]; /* of those found in the text as it is, and of those found once it is normalised */
    uint32_t *found[2];    /* the numbers of the items that each finder looks for */
} tm_added_tokens;
void tm_added_tokens_free(tm_added_tokens *tokens);

/* Reads the list (NULL or null: none). TM_INVALID_ARGUMENT: not what such a list may hold, with the entry. */
tm_status tm_added_tokens_read(const char *file, const json_t *json, tm_added_tokens *into, tm_error *error);

/* Appends one with the flags of `like`; the content is copied. The later of two with one content counts. */
tm_status tm_added_tokens_add(tm_added_tokens *tokens, const char *content, size_t length, tm_added_token like,
                              tm_error *error);

/* Gives each its id: the model's where the model has it, else the next one behind the model's number of tokens. Makes
 * them ready to be found. TM_INVALID_ARGUMENT: two read the same once normalised. */
tm_status tm_added_tokens_finish(tm_added_tokens *tokens, const char *file, const tm_normalizer *normalizer,
                                 const tm_token_model *model, tm_error *error);

/* The token with this id, or with this content; NULL if there is none. */
const tm_added_token *tm_added_tokens_by_id(const tm_added_tokens *tokens, uint32_t id);
const tm_added_token *tm_added_tokens_by_content(const tm_added_tokens *tokens, const char *content, size_t length);

/* Cuts the `bytes` behind `text + base` at tokens, those of the text as it is or of the normalised text, and appends
 * all pieces. False without memory. */
bool tm_added_tokens_split(const tm_added_tokens *tokens, bool normalized, const char *text, size_t base, size_t bytes,
                           tm_found_list *scratch, tm_pieces *into);

#endif
