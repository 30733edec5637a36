/* BERT's normaliser in one pass: control characters go, white space becomes a space, Chinese characters get spaces
 * around them, accents are split off and dropped, capitals become small. ASCII goes through a table of 256 bytes; of
 * the rest only what is not dropped needs the canonical order, so marks that are not accents are held back for it. */
#include "model/tokenizer/normalizer.h"

#include "model/tokenizer/unicode.h"
#include "model/tokenizer/utf8.h"

enum { DROPPED = 0, ROOM = 4096 };

typedef struct bert_pass {
    const tm_bert_rules *rules;
    tm_text *into; /* has room for what one character can become */
} bert_pass;

static bool is_chinese(uint32_t c)
{
    return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x20000 && c <= 0x2A6DF) ||
           (c >= 0x2A700 && c <= 0x2B73F) || (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) ||
           (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

void tm_bert_rules_prepare(tm_bert_rules *rules)
{
    const tm_char_table *const classes = tm_char_classes();
    for (unsigned c = 0; c < 128; c++) {
        const unsigned class = tm_char_class_of(classes, c);
        rules->ascii[c] = (char)c;
        if (rules->clean && (c == 0 || class & TM_CHAR_CONTROL))
            rules->ascii[c] = DROPPED;
        else if (rules->clean && class & TM_CHAR_SPACE)
            rules->ascii[c] = ' ';
        else if (rules->lowercase && c >= 'A' && c <= 'Z')
            rules->ascii[c] = (char)(c + 32);
    }
}

/* Puts a character, small where wanted. */
static void put(void *context, uint32_t c)
{
    const bert_pass *const pass = context;
    uint32_t lower[2] = {c, 0};
    const size_t count = pass->rules->lowercase ? tm_char_lower(c, lower) : 1;
    if (!tm_text_reserve(pass->into, 2 * TM_UTF8_LONGEST)) return;
    for (size_t i = 0; i < count; i++) {
        pass->into->length += tm_utf8_put(lower[i], pass->into->data + pass->into->length);
    }
}

static void put_without_accents(bert_pass *pass, tm_reorder *order, uint32_t c)
{
    const tm_char_table *const classes = tm_char_classes();
    uint32_t parts[TM_LONGEST_DECOMPOSITION];
    const size_t count = tm_decompose(c, false, parts);
    for (size_t i = 0; i < count; i++) {
        if (!(tm_char_class_of(classes, parts[i]) & TM_CHAR_NONSPACING))
            tm_reorder_add(order, parts[i], put, pass);
        else if (tm_combining_class(parts[i]) == 0)
            tm_reorder_flush(order, put, pass);
    }
}

static void add_beyond_ascii(bert_pass *pass, tm_reorder *order, uint32_t c)
{
    const tm_bert_rules *const rules = pass->rules;
    const unsigned class = tm_char_class_of(tm_char_classes(), c);
    if (rules->clean && (c == TM_UTF8_REPLACEMENT || class & TM_CHAR_CONTROL)) return;
    if (rules->clean && class & TM_CHAR_SPACE) c = ' ';
    const bool spaced = rules->chinese && is_chinese(c);
    if (spaced) {
        tm_reorder_flush(order, put, pass);
        put(pass, ' ');
    }
    if (rules->strip_accents)
        put_without_accents(pass, order, c);
    else
        put(pass, c);
    if (spaced) put(pass, ' ');
}

/* A run of ASCII from `at`, at most ROOM of it; returns where it ends. */
static size_t add_ascii(const bert_pass *pass, const char *text, size_t bytes, size_t at)
{
    const size_t end = bytes - at < ROOM ? bytes : at + ROOM;
    if (!tm_text_reserve(pass->into, end - at)) return bytes;
    char *out = pass->into->data + pass->into->length;
    for (; at < end && (unsigned char)text[at] < 0x80; at++) {
        const char c = pass->rules->ascii[(unsigned char)text[at]];
        *out = c;
        out += c != DROPPED || !pass->rules->clean;
    }
    pass->into->length = (size_t)(out - pass->into->data);
    return at;
}

void tm_bert_normalize(const tm_bert_rules *rules, tm_reorder *order, const char *text, size_t bytes, tm_text *into)
{
    bert_pass pass = {rules, into};
    size_t at = 0;
    while (at < bytes) {
        if ((unsigned char)text[at] < 0x80) {
            const bool dropped = rules->clean && rules->ascii[(unsigned char)text[at]] == DROPPED;
            if (!dropped) tm_reorder_flush(order, put, &pass);
            at = dropped ? at + 1 : add_ascii(&pass, text, bytes, at);
            continue;
        }
        size_t size;
        const uint32_t c = tm_utf8_get(text + at, &size);
        add_beyond_ascii(&pass, order, c);
        at += size;
    }
    tm_reorder_flush(order, put, &pass);
    if (tm_text_reserve(into, 0)) into->data[into->length] = '\0';
    into->failed |= order->held.failed || order->sorted.failed;
}
