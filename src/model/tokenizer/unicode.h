/* What Unicode says about characters, as far as tokenizers ask.
 *
 * The answers are those of Hugging Face's `tokenizers`, which draws on several versions of Unicode at once; ids are
 * only right when it is the same ones, whatever this machine's libraries know. */
#ifndef TM_MODEL_TOKENIZER_UNICODE_H
#define TM_MODEL_TOKENIZER_UNICODE_H

#include <stddef.h>
#include <stdint.h>

typedef enum tm_char_class {
    TM_CHAR_PUNCTUATION = 1 << 0, /* of Unicode 8; in ASCII also the symbols */
    TM_CHAR_CONTROL = 1 << 1,     /* what BERT cleans away: Cc, Cf and Co of Unicode 8 without tab and line ends */
    TM_CHAR_NONSPACING = 1 << 2,  /* Mn of Unicode 8 */
    TM_CHAR_MARK = 1 << 3,        /* M of Unicode 9 */
    TM_CHAR_NUMERIC = 1 << 4,     /* N, as the pre-tokenizer Digits sees it */
    TM_CHAR_LETTER = 1 << 5,      /* \p{L} of a regular expression */
    TM_CHAR_NUMBER = 1 << 6,      /* \p{N} of a regular expression */
    TM_CHAR_WORD = 1 << 7,        /* \w, as the pre-tokenizer Whitespace sees it */
    TM_CHAR_SPACE = 1 << 8,       /* White_Space */
    TM_CHAR_SETTLED = 1 << 9      /* in Unicode 9, the version of the normal forms */
} tm_char_class;

/* Bits of tm_char_class by character: first[c >> TM_CHAR_BLOCK_BITS] is the block that c & 255 is looked up in. */
enum { TM_CHAR_BLOCK_BITS = 8, TM_CHAR_BLOCK = 1 << TM_CHAR_BLOCK_BITS, TM_CHAR_END = 0x110000 };

typedef struct tm_char_table {
    const uint16_t *first[TM_CHAR_END >> TM_CHAR_BLOCK_BITS];
} tm_char_table;

/* The table, made at the first call; never NULL. Any thread may call. */
const tm_char_table *tm_char_classes(void);

static inline unsigned tm_char_class_of(const tm_char_table *table, uint32_t c)
{
    return table->first[c >> TM_CHAR_BLOCK_BITS][c & (TM_CHAR_BLOCK - 1)];
}

/* The lower-case form of one character, one or two characters long; returns how many. */
size_t tm_char_lower(uint32_t c, uint32_t into[2]);

#endif
