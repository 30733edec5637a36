/* What can become of a cell: one bare word; what is behind it goes into a reason. */
#ifndef TM_BASE_CELL_STATUS_H
#define TM_BASE_CELL_STATUS_H

#include <stdbool.h>

typedef enum tm_cell_status {
#define TM_CELL_STATUS(word) TM_CELL_##word,
#include "base/cell_status.def"
#undef TM_CELL_STATUS
    TM_CELL_STATUS_COUNT
} tm_cell_status;

const char *tm_cell_status_name(tm_cell_status status);
bool tm_cell_status_parse(const char *word, tm_cell_status *into);

#endif
