/* Long names keep their ends, where names of one model differ; nothing is cut inside a character. */
#include "model/checkpoint/shown.h"

#include "base/text.h"

#include <string.h>

enum { DOTS = 3 };

static bool is_inside(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

/* Keeps the first `head` bytes and as many of the last as there is room for. */
static void shorten(const tm_text *text, size_t head, char into[TM_SHOWN])
{
    if (text->length < TM_SHOWN) {
        memcpy(into, text->data, text->length + 1);
        return;
    }
    size_t tail = text->length - (TM_SHOWN - 1 - DOTS - head);
    while (head > 0 && is_inside(text->data[head])) head--;
    while (is_inside(text->data[tail])) tail++;
    memcpy(into, text->data, head);
    memcpy(into + head, "...", DOTS);
    memcpy(into + head + DOTS, text->data + tail, text->length - tail + 1);
}

/* Of a very long text only both ends are looked at, with more than there is room for. */
static const char *show(const char *bytes, size_t count, size_t head, char into[TM_SHOWN])
{
    tm_text text = {0};
    size_t first = count, last = 0;
    if (count > 4 * TM_SHOWN) {
        first = last = 2 * TM_SHOWN;
        while (first > TM_SHOWN && is_inside(bytes[first])) first--;
        while (last > TM_SHOWN && is_inside(bytes[count - last])) last--;
    }
    tm_text_add_escaped(&text, bytes, first);
    tm_text_add_escaped(&text, bytes + count - last, last);
    tm_text_add(&text, "");
    into[0] = '\0';
    if (!text.failed) shorten(&text, head, into);
    tm_text_free(&text);
    return into;
}

const char *tm_shown(const char *bytes, size_t count, char into[TM_SHOWN])
{
    return show(bytes, count, TM_SHOWN / 2, into);
}

const char *tm_shown_path(const char *path, char into[TM_SHOWN])
{
    return show(path, strlen(path), 0, into);
}
