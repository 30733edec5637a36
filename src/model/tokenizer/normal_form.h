/* Unicode's normal forms, as of Unicode 9: a character that came later decomposes into itself and combines with none.
 */
#ifndef TM_MODEL_TOKENIZER_NORMAL_FORM_H
#define TM_MODEL_TOKENIZER_NORMAL_FORM_H

#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum tm_normal_form { TM_NFC, TM_NFD, TM_NFKC, TM_NFKD } tm_normal_form;

/* Growable characters; starts as {0}. After an allocation failed, `failed` is set and nothing more is added. */
typedef struct tm_char_list {
    uint32_t *items; /* freed by tm_char_list_free */
    size_t count, capacity;
    bool failed;
} tm_char_list;

void tm_char_list_add(tm_char_list *list, uint32_t c);
void tm_char_list_free(tm_char_list *list);

/* The longest decomposition of one character. */
enum { TM_LONGEST_DECOMPOSITION = 32 };
size_t tm_decompose(uint32_t c, bool compatible, uint32_t into[TM_LONGEST_DECOMPOSITION]);

/* The canonical combining class; 0 for a starter. */
unsigned tm_combining_class(uint32_t c);

/* Collects characters and hands them on in canonical order: those that combine are held back until a starter comes.
 * Any number of them takes time linear in the number. */
typedef struct tm_reorder {
    tm_char_list held, sorted; /* a held character has its combining class in the uppermost byte */
} tm_reorder;

typedef void (*tm_char_sink)(void *context, uint32_t c);
void tm_reorder_add(tm_reorder *order, uint32_t c, tm_char_sink sink, void *context);
void tm_reorder_flush(tm_reorder *order, tm_char_sink sink, void *context);
void tm_reorder_free(tm_reorder *order);

/* What the functions below keep between calls; starts as {0}. */
typedef struct tm_form_scratch {
    tm_reorder order;
    tm_char_list segment;
} tm_form_scratch;

void tm_form_scratch_free(tm_form_scratch *scratch);

/* Appends valid UTF-8 in a normal form. Without memory `into->failed` is set. */
void tm_normal_form_add(tm_normal_form form, const char *text, size_t bytes, tm_form_scratch *scratch, tm_text *into);

#endif
