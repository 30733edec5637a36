/* Hand-written matchers of the regular expressions that most byte-level tokenizers split by. They match what the
 * expressions match, some ten times faster; tests hold them against the expressions. */
#ifndef TM_MODEL_TOKENIZER_SCANNER_H
#define TM_MODEL_TOKENIZER_SCANNER_H

#include "model/tokenizer/unicode.h"

typedef enum tm_scanner { TM_SCAN_NONE, TM_SCAN_GPT2, TM_SCAN_LLAMA3, TM_SCAN_QWEN2 } tm_scanner;

/* GPT-2's expression, which the pre-tokenizer ByteLevel splits by. */
extern const char *const tm_scanner_gpt2;

/* The scanner of an expression; TM_SCAN_NONE if there is none. */
tm_scanner tm_scanner_of(const char *pattern, size_t length);

/* Where the match that begins at `from` (below `bytes`) of valid UTF-8 ends. Every text is matched without a gap. */
size_t tm_scan(tm_scanner scanner, const tm_char_table *classes, const char *text, size_t bytes, size_t from);

#endif
