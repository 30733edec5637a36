/* JSON values as all renderers make them. NULL means that memory is short; jansson's setters pass it on. */
#ifndef TM_REPORT_JSON_VALUE_H
#define TM_REPORT_JSON_VALUE_H

#include "base/text.h"

#include <jansson.h>

json_t *tm_json_text(const char *text); /* null for NULL */
json_t *tm_json_real(double value);     /* null unless finite */

/* Appends `value` and a line end, and frees it; `flags` are jansson's. With `good` false, memory was short. */
void tm_json_print(json_t *value, bool good, size_t flags, tm_text *into);

#endif
