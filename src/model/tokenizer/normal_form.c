/* Normal forms by segments. A segment is a run of characters beyond ASCII together with the ASCII character before it,
 * which the first of them may combine with; what lies between is copied as it is. Within a segment: decompose, sort
 * what combines by class, compose. The data are utf8proc's, closed to what Unicode 9 did not have: those characters end
 * a segment and stand for themselves. */
#include "model/tokenizer/normal_form.h"

#include "model/tokenizer/unicode.h"
#include "model/tokenizer/utf8.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

enum { CLASS_SHIFT = 24, CHAR_MASK = (1 << CLASS_SHIFT) - 1, SHORT_RUN = 32 };

void tm_char_list_add(tm_char_list *list, uint32_t c)
{
    if (list->count == list->capacity && !list->failed) {
        const size_t capacity = list->capacity ? list->capacity * 2 : 64;
        uint32_t *const items = realloc(list->items, capacity * sizeof *items);
        list->failed = !items;
        if (items) {
            list->items = items;
            list->capacity = capacity;
        }
    }
    if (!list->failed) list->items[list->count++] = c;
}

void tm_char_list_free(tm_char_list *list)
{
    free(list->items);
    *list = (tm_char_list){0};
}

static bool known(uint32_t c)
{
    return tm_char_class_of(tm_char_classes(), c) & TM_CHAR_SETTLED;
}

size_t tm_decompose(uint32_t c, bool compatible, uint32_t into[TM_LONGEST_DECOMPOSITION])
{
    utf8proc_int32_t parts[TM_LONGEST_DECOMPOSITION];
    int boundary = 0;
    const utf8proc_option_t options = compatible ? UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT : UTF8PROC_DECOMPOSE;
    utf8proc_ssize_t count = 0;
    if (known(c)) {
        count = utf8proc_decompose_char((utf8proc_int32_t)c, parts, TM_LONGEST_DECOMPOSITION, options, &boundary);
    }
    if (count < 1 || count > TM_LONGEST_DECOMPOSITION) {
        into[0] = c;
        return 1;
    }
    for (utf8proc_ssize_t i = 0; i < count; i++) into[i] = (uint32_t)parts[i];
    return (size_t)count;
}

unsigned tm_combining_class(uint32_t c)
{
    if (!known(c)) return 0;
    return (unsigned)utf8proc_get_property((utf8proc_int32_t)c)->combining_class & 0xFFu;
}

/* Stable, by class: few characters by insertion, many by counting. */
static const uint32_t *sort_held(tm_reorder *order)
{
    uint32_t *const held = order->held.items;
    const size_t count = order->held.count;
    if (count <= SHORT_RUN) {
        for (size_t i = 1; i < count; i++) {
            const uint32_t one = held[i];
            size_t at = i;
            for (; at > 0 && held[at - 1] >> CLASS_SHIFT > one >> CLASS_SHIFT; at--) held[at] = held[at - 1];
            held[at] = one;
        }
        return held;
    }
    size_t starts[257] = {0};
    for (size_t i = 0; i < count; i++) starts[(held[i] >> CLASS_SHIFT) + 1]++;
    for (size_t i = 1; i < 257; i++) starts[i] += starts[i - 1];
    while (order->sorted.count < count && !order->sorted.failed) tm_char_list_add(&order->sorted, 0);
    if (order->sorted.failed) return held;
    for (size_t i = 0; i < count; i++) order->sorted.items[starts[held[i] >> CLASS_SHIFT]++] = held[i];
    return order->sorted.items;
}

void tm_reorder_flush(tm_reorder *order, tm_char_sink sink, void *context)
{
    if (order->held.count == 0) return;
    const uint32_t *const sorted = sort_held(order);
    for (size_t i = 0; i < order->held.count; i++) sink(context, sorted[i] & CHAR_MASK);
    order->held.count = 0;
}

void tm_reorder_add(tm_reorder *order, uint32_t c, tm_char_sink sink, void *context)
{
    const unsigned class = tm_combining_class(c);
    if (class > 0) {
        tm_char_list_add(&order->held, (uint32_t) class << CLASS_SHIFT | c);
        return;
    }
    tm_reorder_flush(order, sink, context);
    sink(context, c);
}

void tm_reorder_free(tm_reorder *order)
{
    tm_char_list_free(&order->held);
    tm_char_list_free(&order->sorted);
}

void tm_form_scratch_free(tm_form_scratch *scratch)
{
    tm_reorder_free(&scratch->order);
    tm_char_list_free(&scratch->segment);
}

static void add_to_segment(void *context, uint32_t c)
{
    tm_char_list_add(context, c);
}

/* Composes what the segment holds and writes it out. */
static void end_segment(tm_normal_form form, tm_form_scratch *scratch, tm_text *into)
{
    tm_char_list *const segment = &scratch->segment;
    tm_reorder_flush(&scratch->order, add_to_segment, segment);
    size_t count = segment->count;
    if ((form == TM_NFC || form == TM_NFKC) && count > 1) {
        const utf8proc_ssize_t composed = utf8proc_normalize_utf32(
            (utf8proc_int32_t *)segment->items, (utf8proc_ssize_t)count, UTF8PROC_COMPOSE | UTF8PROC_STABLE);
        if (composed > 0) count = (size_t)composed;
    }
    if (tm_text_reserve(into, count * TM_UTF8_LONGEST)) {
        for (size_t i = 0; i < count; i++) {
            into->length += tm_utf8_put(segment->items[i], into->data + into->length);
        }
        into->data[into->length] = '\0';
    }
    segment->count = 0;
    into->failed |= segment->failed || scratch->order.held.failed || scratch->order.sorted.failed;
}

void tm_normal_form_add(tm_normal_form form, const char *text, size_t bytes, tm_form_scratch *scratch, tm_text *into)
{
    const bool compatible = form == TM_NFKC || form == TM_NFKD;
    size_t at = 0;
    while (at < bytes) {
        size_t plain = tm_utf8_ascii(text + at, bytes - at);
        if (plain > 0 && at + plain < bytes) plain--; /* the last one may combine with what follows */
        tm_text_add_bytes(into, text + at, plain);
        at += plain;
        bool first = true;
        while (at < bytes && (first || (unsigned char)text[at] >= 0x80)) {
            uint32_t parts[TM_LONGEST_DECOMPOSITION];
            size_t size;
            const uint32_t c = tm_utf8_get(text + at, &size);
            if (!known(c)) {
                end_segment(form, scratch, into);
                tm_text_add_bytes(into, text + at, size);
            } else {
                const size_t count = tm_decompose(c, compatible, parts);
                for (size_t i = 0; i < count; i++) {
                    tm_reorder_add(&scratch->order, parts[i], add_to_segment, &scratch->segment);
                }
            }
            at += size;
            first = false;
        }
        end_segment(form, scratch, into);
    }
}
