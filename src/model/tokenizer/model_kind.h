/* What WordPiece, BPE and Unigram share: the model that holds one of them, the scratch, and reading members of JSON. */
#ifndef TM_MODEL_TOKENIZER_MODEL_KIND_H
#define TM_MODEL_TOKENIZER_MODEL_KIND_H

#include "model/tokenizer/token_model.h"
#include "model/tokenizer/vocabulary.h"
#include "model/tokenizer/word_cache.h"

/* tm_token_model_cut for at least one byte; may leave more ids behind an error. */
typedef tm_status (*tm_cut)(const tm_token_model *model, tm_cut_scratch *scratch, const char *text, size_t bytes,
                            tm_ids *ids, tm_error *error);

typedef struct tm_model_kind {
    const char *name; /* as tokenizer.json writes it */
    /* Fills `vocabulary` and `own` of a model that is zero but for kind and file; what it made is freed by
     * tm_token_model_close, after an error too. */
    tm_status (*read)(tm_token_model *model, json_t *json, tm_error *error);
    tm_cut cut;
    void (*free)(void *own);
} tm_model_kind;

extern const tm_model_kind tm_wordpiece_kind, tm_bpe_kind, tm_unigram_kind;

struct tm_token_model {
    const tm_model_kind *kind;
    char *file; /* named in errors */
    tm_vocabulary vocabulary;
    void *own; /* the kind's; NULL until it was made */
};

/* Memory that is kept from call to call; what it holds is not. */
typedef struct tm_buffer {
    void *data;
    size_t bytes;
} tm_buffer;

struct tm_cut_scratch {
    const tm_token_model *model;
    tm_word_cache cache;
    tm_ids symbols;
    tm_buffer links, queue; /* of BPE */
    tm_buffer paths;        /* of Unigram */
};

/* The buffer's memory, of at least `bytes`; NULL without memory. */
void *tm_buffer_reserve(tm_buffer *buffer, size_t bytes);

/* Does what `cut` does, which must depend on the text alone, through the scratch's cache if the text is short. */
tm_status tm_cut_cached(const tm_token_model *model, tm_cut_scratch *scratch, const char *text, size_t bytes,
                        tm_ids *ids, tm_cut cut, tm_error *error);

/* Makes the model of a kind, without its vocabulary. */
tm_status tm_token_model_make(const tm_model_kind *kind, const char *file, tm_token_model **into, tm_error *error);

/* Members of a model's object. Absent or null: false, 0 bytes of text; another type: TM_INVALID_ARGUMENT. */
tm_status tm_member_bool(json_t *json, const char *name, const char *file, bool *value, tm_error *error);
tm_status tm_member_text(json_t *json, const char *name, const char *file, json_t **text, tm_error *error);

/* The vocabulary from an object of text: id. */
tm_status tm_vocabulary_read(tm_vocabulary *vocabulary, json_t *json, const char *file, tm_error *error);

/* The ids of <0x00> to <0xFF>, TM_NO_ID where there is none. */
void tm_byte_tokens(const tm_vocabulary *vocabulary, uint32_t id[256]);

/* The code point of a character of so many bytes; above all code points for a byte that is none. */
static inline uint32_t tm_character_code(const char *text, size_t bytes)
{
    const unsigned char *const at = (const unsigned char *)text;
    if (bytes == 1) return at[0] < 0x80 ? at[0] : 0x110000u + at[0];
    uint32_t code = at[0] & (0x7Fu >> bytes);
    for (size_t i = 1; i < bytes; i++) code = code << 6 | (at[i] & 0x3Fu);
    return code;
}

/* Bytes of the character that begins at `text`, of at most `left` bytes: 1 where it is not valid UTF-8. */
static inline size_t tm_character_bytes(const char *text, size_t left)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *const at = (const unsigned char *)text;
    if (at[0] < 0x80) return 1;
    const size_t bytes = at[0] < 0xC2 ? 1 : at[0] < 0xE0 ? 2 : at[0] < 0xF0 ? 3 : at[0] < 0xF5 ? 4 : 1;
    if (bytes > left) return 1;
    for (size_t i = 1; i < bytes; i++) {
        if ((at[i] & 0xC0) != 0x80) return 1;
    }
    const uint32_t code = tm_character_code(text, bytes);
    return code < least[bytes] || (code >= 0xD800 && code < 0xE000) || code > 0x10FFFF ? 1 : bytes;
}

/* A file of one token or merge a line, in memory. */
typedef struct tm_lines {
    const char *file;
    char *data;
    size_t length, count;
} tm_lines;

tm_status tm_lines_read(const char *file, tm_lines *lines, tm_error *error);
void tm_lines_free(tm_lines *lines);

/* Hands out each line, without the "\n" or "\r\n" that ends it, and its number from 0, up to the first that is not
 * taken or not valid UTF-8. */
typedef tm_status (*tm_take_line)(void *context, const char *line, size_t bytes, size_t number, tm_error *error);
tm_status tm_lines_each(const tm_lines *lines, tm_take_line take, void *context, tm_error *error);

#endif
