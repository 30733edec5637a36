/* A table of text that reads well in a terminal and is valid markdown. Cells come from anywhere: what is in them is
 * shown as text. */
#ifndef TM_REPORT_TABLE_H
#define TM_REPORT_TABLE_H

#include "base/text.h"

typedef enum tm_paint { TM_PAINT_NONE, TM_PAINT_GOOD, TM_PAINT_BAD, TM_PAINT_DIM, TM_PAINT_HEAD } tm_paint;

/* Rows are filled cell by cell; the first row is the header. Zero-initialise with `columns` set. */
typedef struct tm_table {
    int columns;
    int count; /* cells so far */
    int capacity;
    struct tm_table_cell {
        char *text;
        tm_paint paint;
    } * cells;
    const int *least; /* least width of each column; NULL for none */
    bool failed;
} tm_table;

void tm_table_add(tm_table *table, tm_paint paint, const char *text);
void tm_table_format(tm_table *table, tm_paint paint, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Appends the table; columns but the first are right-aligned. `header` false: rows only. */
void tm_table_print(const tm_table *table, bool header, bool color, tm_text *into);
void tm_table_free(tm_table *table);

/* Columns of a terminal that a line of the table takes. */
int tm_table_width(const tm_table *table);

/* Appends text for markdown: invisible characters shown as '?', markup characters escaped. */
void tm_markdown_add(tm_text *into, const char *text);

/* Columns that UTF-8 text takes; every code point counts as one. */
int tm_display_width(const char *text);

#endif
