/* Token models: what cuts one pre-token into ids (WordPiece, BPE, Unigram), and text <-> id.
 *
 * Text is UTF-8 in the alphabet of the vocabulary: behind a ByteLevel pre-tokenizer each byte has already become its
 * byte-level character ("Ġ" for a space), as the tokens of such a vocabulary are written. A byte that is not part of
 * valid UTF-8 counts as a character that no vocabulary has.
 *
 * A model is immutable once read: any number of threads may use it at once, each with a scratch of its own. Ids are
 * those of Hugging Face's `tokenizers`, ties included. Cutting takes time linear in the text, times the logarithm of
 * its length where BPE merges. Ids may have gaps; they are below TM_MOST_TOKENS. */
#ifndef TM_MODEL_TOKENIZER_TOKEN_MODEL_H
#define TM_MODEL_TOKENIZER_TOKEN_MODEL_H

#include "base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TM_MOST_TOKENS = 1 << 22, TM_LONGEST_TOKEN = 1 << 16, TM_LONGEST_TEXT = 1 << 24 };

typedef struct tm_token_model tm_token_model;
typedef struct tm_cut_scratch tm_cut_scratch;

/* Growable; starts as {0}. */
typedef struct tm_ids {
    uint32_t *data; /* freed by tm_ids_free */
    size_t count, capacity;
} tm_ids;

/* Makes room for `more` ids behind those there are, and for one; false without memory, and nothing has changed. */
bool tm_ids_reserve(tm_ids *ids, size_t more);
bool tm_ids_add(tm_ids *ids, uint32_t id);
void tm_ids_free(tm_ids *ids);

/* Reads the "model" object of a tokenizer.json, of type WordPiece, BPE or Unigram; one without a type is the kind that
 * its members tell. `file` is only named in errors, and
 * nothing of `json` is kept. TM_UNSUPPORTED: another type, or dropout; TM_INVALID_ARGUMENT: not what such an object may
 * hold, with the entry's name; TM_OUT_OF_MEMORY. */
tm_status tm_token_model_read(json_t *json, const char *file, tm_token_model **into, tm_error *error);

/* WordPiece from vocab.txt: a token a line, its id the line's number from 0, spaces at its end cut off; of equal lines
 * the last counts. Words of more than 100 characters, and those that cannot be cut, become `unknown`. Errors as above,
 * and TM_FAILED: the file cannot be read. */
tm_status tm_token_model_read_vocab_txt(const char *file, const char *unknown, tm_token_model **into, tm_error *error);

/* BPE from vocab.json (an object of token: id) and merges.txt (a merge a line, "left right"; lines that begin with
 * #version do not count). Without an unknown token: what no token covers is left out. Errors as above. */
tm_status tm_token_model_read_bpe_files(const char *vocab_json, const char *merges_txt, tm_token_model **into,
                                        tm_error *error);

void tm_token_model_close(tm_token_model *model); /* NULL is fine */

/* What one thread needs to cut: buffers, and a cache of short words. NULL without memory. It belongs to `model`, which
 * must outlive it. */
tm_cut_scratch *tm_cut_scratch_make(const tm_token_model *model);
void tm_cut_scratch_free(tm_cut_scratch *scratch); /* NULL is fine */

/* Appends the ids of one pre-token, none for an empty one. TM_FAILED: a character has no token and the model names no
 * unknown token, or one that is not in its vocabulary; TM_INVALID_ARGUMENT: more than TM_LONGEST_TEXT bytes;
 * TM_OUT_OF_MEMORY. After an error `ids` is as it was. */
tm_status tm_token_model_cut(const tm_token_model *model, tm_cut_scratch *scratch, const char *text, size_t bytes,
                             tm_ids *ids, tm_error *error);

/* The token with this id: NULL in a gap. Not zero-terminated; it lives as long as the model. */
const char *tm_token_model_text(const tm_token_model *model, uint32_t id, size_t *bytes);

/* False when no token reads so. */
bool tm_token_model_id(const tm_token_model *model, const char *text, size_t bytes, uint32_t *id);

/* One more than the greatest id; 0 for an empty vocabulary. */
uint32_t tm_token_model_end(const tm_token_model *model);

#endif
