/* A cell's labels as text, and back: a run that is resumed knows of its finished cells what their rows say. */
#include "run/run_state.h"

#include <stdio.h>
#include <string.h>

static void add_label(tm_text *labels, const char *label)
{
    if (labels->length) tm_text_add(labels, ",");
    tm_text_add(labels, label);
}

/* A backend's own labels, whatever it wrote there. */
static void plain_labels(const char *theirs, char *into)
{
    for (; *theirs; theirs++) {
        const char c = *theirs;
        const bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (letter || strchr("=,_-+.", c)) *into++ = c;
    }
    *into = '\0';
}

bool tm_cell_write_labels(const tm_run *run, const tm_cell *cell, const tm_summary *summary, const tm_bound *bound,
                          tm_text *labels)
{
    const bool measured = summary->samples > 0;
#define LABEL(text, holds, back)                                                                                       \
    if (holds) add_label(labels, text);
#include "run/cell_labels.def"
#undef LABEL
    char own[sizeof cell->declared.labels];
    plain_labels(cell->declared.labels, own);
    if (*own) add_label(labels, own);
    if (!labels->data) tm_text_add(labels, "");
    return !labels->failed;
}

static bool begins_with(const char *labels, const char *label)
{
    const size_t length = strlen(label);
    return strncmp(labels, label, length) == 0 && (labels[length] == ',' || labels[length] == '\0');
}

/* Takes over the first of `labels`; false if that is not one of ours. */
static bool take_back(tm_cell *cell, const char *labels)
{
#define LABEL(text, holds, back)                                                                                       \
    if (begins_with(labels, text)) {                                                                                   \
        back;                                                                                                          \
        return true;                                                                                                   \
    }
#include "run/cell_labels.def"
#undef LABEL
    return false;
}

void tm_cell_read_labels(tm_cell *cell, const char *labels)
{
    while (*labels && take_back(cell, labels)) { /* a backend's own come last */
        labels += strcspn(labels, ",");
        labels += *labels == ',';
    }
    snprintf(cell->declared.labels, sizeof cell->declared.labels, "%s", labels);
}
