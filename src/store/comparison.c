/* Frees what a comparison owns. */
#include "store/comparison.h"

#include <stdlib.h>

void tm_comparison_free(tm_comparison *comparison)
{
    if (!comparison) return;
    free(comparison->rows);
    free(comparison->pairs);
    free(comparison);
}
