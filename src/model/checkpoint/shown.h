/* Names out of files, fit for a line of text. */
#ifndef TM_MODEL_CHECKPOINT_SHOWN_H
#define TM_MODEL_CHECKPOINT_SHOWN_H

#include <stddef.h>

enum { TM_SHOWN = 160 };

/* Writes `count` bytes as tm_text_add_escaped does; a long name loses its middle. Returns `into`. */
const char *tm_shown(const char *bytes, size_t count, char into[TM_SHOWN]);

/* The same for a path: a long one loses its beginning. */
const char *tm_shown_path(const char *path, char into[TM_SHOWN]);

#endif
