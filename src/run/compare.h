/* Records against each other: two runs, or the backends of one. */
#ifndef TM_RUN_COMPARE_H
#define TM_RUN_COMPARE_H

#include "store/comparison.h"

typedef struct tm_compare_choice {
    const char *base;        /* backend of the base's record that all others stand against; NULL: see below */
    const char *const *only; /* backends of the other record that take part, NULL-terminated; NULL: all */
    bool across_machines;    /* judge runs from different machines as well */
} tm_compare_choice;

/* Both records with their samples. The same record twice compares its backends with `base` (default: the first),
 * paired within incarnations. Separate runs are UNPAIRED: a backend stands against its namesake in the base's run, or
 * against the only backend there. Verdicts are judged together, as those of one run. TM_INVALID_ARGUMENT when no
 * backend has a partner, or `choice->base` is none of the base's. */
tm_status tm_compare(const tm_record *base, const tm_record *other, const tm_compare_choice *choice,
                     tm_comparison **into, tm_error *error);

#endif
