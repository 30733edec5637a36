/* A growable string. After an allocation failed, `failed` is set, the text stays as it was, and further calls do
 * nothing: check once at the end. */
#ifndef TM_BASE_TEXT_H
#define TM_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct tm_text {
    char *data; /* zero-terminated once anything was added; NULL before; freed by tm_text_free */
    size_t length;
    size_t capacity;
    bool failed;
} tm_text;

void tm_text_add(tm_text *text, const char *string);
void tm_text_add_bytes(tm_text *text, const void *bytes, size_t count);
void tm_text_format(tm_text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void tm_text_free(tm_text *text);

/* Makes room behind `length` for `extra` bytes and the zero; false, and `failed` set, without memory. */
bool tm_text_reserve(tm_text *text, size_t extra);

/* Whole-string parses: false unless all of `string` is one number in range. No locale, no leading spaces. */
bool tm_parse_i64(const char *string, int64_t *into);
bool tm_parse_u64(const char *string, uint64_t *into);
bool tm_parse_real(const char *string, double *into); /* finite only */

/* "90s", "10m", "1h", "500ms", a bare number of seconds -> seconds; false otherwise. */
bool tm_parse_duration(const char *string, double *seconds);

/* Copies `string` for a terminal: control characters, bidi marks and invalid UTF-8 become '?'. */
void tm_text_add_visible(tm_text *text, const char *string);

/* The same without loss, for names that come from files: quotes and backslashes get a backslash, what cannot be seen
 * becomes \n, \t, \r or \uXXXX, bytes that are no UTF-8 become \xXX. */
void tm_text_add_escaped(tm_text *text, const char *bytes, size_t count);

#endif
