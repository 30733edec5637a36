/* The expressions are alternatives in this order: an English contraction; a word of letters; a number; other
 * characters; white space. GPT-2's lets a space go with what follows. The later ones let any character but a line end
 * go before letters, cut numbers into groups of three or one, and keep line ends with the white space or the other
 * characters before them. White space leaves its last character to what follows it. */
#include "model/tokenizer/scanner.h"

#include "model/tokenizer/utf8.h"

#include <string.h>

const char *const tm_scanner_gpt2 =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

#define LATER(numbers)                                                                                                 \
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" numbers                                              \
    "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

typedef enum char_kind { LETTER, NUMBER, SPACE, OTHER } char_kind;

typedef struct scan_text {
    const tm_char_table *classes;
    const char *text;
    size_t bytes;
} scan_text;

tm_scanner tm_scanner_of(const char *pattern, size_t length)
{
    const char *const known[] = {
        [TM_SCAN_GPT2] = tm_scanner_gpt2, [TM_SCAN_LLAMA3] = LATER("\\p{N}{1,3}"), [TM_SCAN_QWEN2] = LATER("\\p{N}")};
    for (tm_scanner i = TM_SCAN_GPT2; i <= TM_SCAN_QWEN2; i++) {
        if (strlen(known[i]) == length && memcmp(known[i], pattern, length) == 0) return i;
    }
    return TM_SCAN_NONE;
}

static inline char_kind kind_at(const scan_text *scan, size_t at, size_t *size)
{
    const unsigned class = tm_char_class_of(scan->classes, tm_utf8_get(scan->text + at, size));
    if (class & TM_CHAR_LETTER) return LETTER;
    if (class & TM_CHAR_NUMBER) return NUMBER;
    return class & TM_CHAR_SPACE ? SPACE : OTHER;
}

/* Where the run of at most `most` characters of `kind` from `at` on ends. */
static inline size_t run_end(const scan_text *scan, size_t at, char_kind kind, size_t most)
{
    size_t size;
    for (; at < scan->bytes && most > 0 && kind_at(scan, at, &size) == kind; most--) at += size;
    return at;
}

static bool is_line_end(char c)
{
    return c == '\r' || c == '\n';
}

/* The length of 's 't 're 've 'm 'll 'd at `at`, or 0. Ignoring case, the long s is an s too. */
static size_t contraction(const scan_text *scan, size_t at, bool any_case)
{
    char next[3] = {0};
    const size_t left = scan->bytes - at < 4 ? scan->bytes - at : 4;
    if (scan->text[at] != '\'') return 0;
    for (size_t i = 1; i < left && i < 3; i++) {
        const char c = scan->text[at + i];
        next[i - 1] = (char)(any_case && c >= 'A' && c <= 'Z' ? c + 32 : c);
    }
    if (next[0] && strchr("stmd", next[0])) return 2;
    if (memcmp(next, "re", 2) == 0 || memcmp(next, "ve", 2) == 0 || memcmp(next, "ll", 2) == 0) return 3;
    return any_case && memcmp(next, "\xC5\xBF", 2) == 0 ? 3 : 0;
}

/* The end of the white space that begins at `at`: all of it at the end of the text, else without its last character
 * where it has several. `last` is that of the first character. */
static size_t space_end(const scan_text *scan, size_t at, size_t first_size)
{
    const size_t end = run_end(scan, at, SPACE, SIZE_MAX);
    if (end == scan->bytes) return end;
    const size_t last = tm_utf8_before(scan->text, end);
    return last > at ? last : at + first_size;
}

static size_t scan_gpt2(const scan_text *scan, size_t at)
{
    size_t size, next_size;
    const size_t short_form = contraction(scan, at, false);
    if (short_form) return at + short_form;
    const char_kind kind = kind_at(scan, at, &size);
    if (kind != SPACE) return run_end(scan, at + size, kind, SIZE_MAX);
    if (scan->text[at] == ' ' && at + 1 < scan->bytes) {
        const char_kind next = kind_at(scan, at + 1, &next_size);
        if (next != SPACE) return run_end(scan, at + 1 + next_size, next, SIZE_MAX);
    }
    return space_end(scan, at, size);
}

/* White space in the later expressions: up to the last line end in it, if there is one. */
static size_t later_space_end(const scan_text *scan, size_t at, size_t first_size)
{
    const size_t end = run_end(scan, at, SPACE, SIZE_MAX);
    for (size_t i = end; i > at; i--) {
        if (is_line_end(scan->text[i - 1])) return i;
    }
    if (end == scan->bytes) return end;
    const size_t last = tm_utf8_before(scan->text, end);
    return last > at ? last : at + first_size;
}

static size_t others_end(const scan_text *scan, size_t at)
{
    size_t end = run_end(scan, at, OTHER, SIZE_MAX);
    while (end < scan->bytes && is_line_end(scan->text[end])) end++;
    return end;
}

static size_t scan_later(const scan_text *scan, size_t at, size_t digits)
{
    size_t size, next_size = 0;
    const size_t short_form = contraction(scan, at, true);
    if (short_form) return at + short_form;
    const char_kind kind = kind_at(scan, at, &size);
    if (kind == LETTER) return run_end(scan, at + size, LETTER, SIZE_MAX);
    if (kind == NUMBER) return run_end(scan, at + size, NUMBER, digits - 1);
    const bool more = at + size < scan->bytes;
    const char_kind next = more ? kind_at(scan, at + size, &next_size) : SPACE;
    if (next == LETTER && !is_line_end(scan->text[at])) return run_end(scan, at + size + next_size, LETTER, SIZE_MAX);
    if (kind == OTHER) return others_end(scan, at + size);
    if (next == OTHER && scan->text[at] == ' ') return others_end(scan, at + size + next_size);
    return later_space_end(scan, at, size);
}

size_t tm_scan(tm_scanner scanner, const tm_char_table *classes, const char *text, size_t bytes, size_t from)
{
    const scan_text scan = {classes, text, bytes};
    if (scanner == TM_SCAN_GPT2) return scan_gpt2(&scan, from);
    return scan_later(&scan, from, scanner == TM_SCAN_LLAMA3 ? 3 : 1);
}
