/* Tables: all cells are kept, then each column is as wide as its widest cell. */
#include "report/table.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int tm_display_width(const char *text)
{
    int width = 0;
    for (; *text; text++) width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

void tm_markdown_add(tm_text *into, const char *text)
{
    tm_text visible = {0};
    tm_text_add_visible(&visible, text);
    if (visible.failed) into->failed = true;
    for (const char *c = visible.data; c && *c; c++) {
        if (strchr("|<[`\\", *c)) tm_text_add_bytes(into, "\\", 1);
        tm_text_add_bytes(into, c, 1);
    }
    tm_text_free(&visible);
}

void tm_table_add(tm_table *table, tm_paint paint, const char *text)
{
    if (table->failed) return;
    if (table->count == table->capacity) {
        const int capacity = table->capacity ? table->capacity * 2 : 64;
        struct tm_table_cell *cells = realloc(table->cells, (size_t)capacity * sizeof *cells);
        if (!cells) {
            table->failed = true;
            return;
        }
        table->cells = cells;
        table->capacity = capacity;
    }
    tm_text escaped = {0};
    tm_markdown_add(&escaped, text);
    tm_text_add(&escaped, "");
    if (escaped.failed) {
        tm_text_free(&escaped);
        table->failed = true;
        return;
    }
    table->cells[table->count++] = (struct tm_table_cell){escaped.data, paint};
}

void tm_table_format(tm_table *table, tm_paint paint, const char *format, ...)
{
    char buffer[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(buffer, sizeof buffer, format, arguments);
    va_end(arguments);
    tm_table_add(table, paint, buffer);
}

static void add_spaces(tm_text *into, int count)
{
    for (; count > 0; count--) tm_text_add_bytes(into, " ", 1);
}

static void print_cell(const struct tm_table_cell *cell, int width, bool left, bool color, tm_text *into)
{
    static const char *const codes[] = {"", "\033[32m", "\033[31m", "\033[2m", "\033[1m"};
    const int padding = width - tm_display_width(cell->text);
    const bool painted = color && cell->paint != TM_PAINT_NONE;
    tm_text_add(into, " ");
    if (!left) add_spaces(into, padding);
    if (painted) tm_text_add(into, codes[cell->paint]);
    tm_text_add(into, cell->text);
    if (painted) tm_text_add(into, "\033[0m");
    if (left) add_spaces(into, padding);
    tm_text_add(into, " |");
}

static void print_rule(const int *widths, int columns, tm_text *into)
{
    tm_text_add(into, "|");
    for (int i = 0; i < columns; i++) {
        for (int dash = 0; dash < widths[i] + 1; dash++) tm_text_add(into, "-");
        tm_text_add(into, i == 0 ? "-|" : ":|");
    }
    tm_text_add(into, "\n");
}

/* The caller frees; NULL when memory is short. */
static int *widths_of(const tm_table *table)
{
    const int columns = table->columns;
    int *widths = table->failed ? NULL : calloc((size_t)columns + 1, sizeof *widths);
    if (!widths) return NULL;
    for (int i = 0; i < columns; i++) widths[i] = table->least ? table->least[i] : 3;
    for (int i = 0; columns > 0 && i < table->count / columns * columns; i++) {
        const int width = tm_display_width(table->cells[i].text);
        if (width > widths[i % columns]) widths[i % columns] = width;
    }
    return widths;
}

int tm_table_width(const tm_table *table)
{
    int *widths = widths_of(table), all = 1;
    for (int i = 0; widths && i < table->columns; i++) all += widths[i] + 3;
    free(widths);
    return all;
}

void tm_table_print(const tm_table *table, bool header, bool color, tm_text *into)
{
    const int columns = table->columns, rows = columns ? table->count / columns : 0;
    int *widths = widths_of(table);
    if (!widths) {
        into->failed = true;
        return;
    }
    for (int row = 0; row < rows; row++) {
        tm_text_add(into, "|");
        for (int i = 0; i < columns; i++) {
            print_cell(&table->cells[row * columns + i], widths[i], i == 0, color, into);
        }
        tm_text_add(into, "\n");
        if (row == 0 && header) print_rule(widths, columns, into);
    }
    free(widths);
}

void tm_table_free(tm_table *table)
{
    for (int i = 0; i < table->count; i++) free(table->cells[i].text);
    free(table->cells);
    *table = (tm_table){0};
}
