/* Text files by lines: read whole, checked, and handed out one by one. */
#include "base/file.h"
#include "model/tokenizer/model_kind.h"

#include <stdlib.h>
#include <string.h>

enum { LARGEST_FILE = 1 << 30 };

static bool is_valid(const char *line, size_t bytes)
{
    size_t at = 0;
    while (at < bytes) {
        const size_t size = tm_character_bytes(line + at, bytes - at);
        if (size == 1 && (unsigned char)line[at] >= 0x80) return false;
        at += size;
    }
    return true;
}

tm_status tm_lines_read(const char *file, tm_lines *lines, tm_error *error)
{
    *lines = (tm_lines){.file = file};
    const tm_status status = tm_file_read(file, LARGEST_FILE, &lines->data, &lines->length, error);
    if (status != TM_OK) return status;
    for (size_t at = 0; at < lines->length; lines->count++) {
        const char *const end = memchr(lines->data + at, '\n', lines->length - at);
        at = end ? (size_t)(end - lines->data) + 1 : lines->length;
    }
    return TM_OK;
}

void tm_lines_free(tm_lines *lines)
{
    free(lines->data);
    *lines = (tm_lines){0};
}

tm_status tm_lines_each(const tm_lines *lines, tm_take_line take, void *context, tm_error *error)
{
    const char *line = lines->data;
    tm_status status = TM_OK;
    for (size_t number = 0; status == TM_OK && number < lines->count; number++) {
        const size_t left = lines->length - (size_t)(line - lines->data);
        const char *const end = memchr(line, '\n', left);
        size_t bytes = end ? (size_t)(end - line) : left;
        const char *const next = line + bytes + 1;
        if (end && bytes > 0 && line[bytes - 1] == '\r') bytes--;
        status = is_valid(line, bytes)
                     ? take(context, line, bytes, number, error)
                     : tm_fail(error, TM_INVALID_ARGUMENT, "%s: line %zu is not valid UTF-8", lines->file, number + 1);
        line = next;
    }
    return status;
}
