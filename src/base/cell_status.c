/* The words of cell_status.def. */
#include "base/cell_status.h"

#include <string.h>

static const char *const words[] = {
#define TM_CELL_STATUS(word) #word,
#include "base/cell_status.def"
#undef TM_CELL_STATUS
};

const char *tm_cell_status_name(tm_cell_status status)
{
    return (unsigned)status < TM_CELL_STATUS_COUNT ? words[status] : "?";
}

bool tm_cell_status_parse(const char *word, tm_cell_status *into)
{
    for (int i = 0; i < TM_CELL_STATUS_COUNT; i++) {
        if (strcmp(word, words[i]) == 0) {
            *into = (tm_cell_status)i;
            return true;
        }
    }
    return false;
}
