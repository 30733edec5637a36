/* Which devices of a backend can be used here. The library says which there may be, in its table; the parent never
 * loads it, so the list comes back from the worker that probes the first device, also when that device is missing. */
#include "base/text.h"
#include "run/backend_spec.h"

#include <string.h>

static tm_status probe_named(const char *text, tm_backend_found *into, tm_error *error)
{
    tm_backend_spec spec;
    const tm_status status = tm_backend_spec_parse(text, NULL, &spec, error);
    if (status == TM_OK) tm_backend_probe(&spec, into);
    return status;
}

/* The device of `length` characters at `device`. False where the list holds no word there, or the first device again.
 */
static bool probe_other(const tm_backend_found *first, const char *device, size_t length, tm_backend_found *into)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
    if (length == 0 || strspn(device, letters) < length) return false;
    if (strlen(first->spec.device) == length && strncmp(first->spec.device, device, length) == 0) return false;
    tm_text text = {0};
    tm_text_format(&text, "%s:%.*s", first->spec.name, (int)length, device);
    const bool probed = !text.failed && probe_named(text.data, into, NULL) == TM_OK;
    tm_text_free(&text);
    return probed;
}

/* Probes what the first one's list names besides itself; `until_usable`: stops at the first usable one. */
static void probe_others(tm_backend_found *into, bool until_usable, int32_t *count)
{
    const tm_backend_found *first = &into[0];
    for (const char *at = first->devices; *at && *count < TM_MOST_DEVICES;) {
        const size_t length = strcspn(at, ",");
        tm_backend_found *found = &into[*count];
        if (probe_other(first, at, length, found)) {
            if (!first->usable && !found->usable && strcmp(first->reason, found->reason) == 0) return;
            (*count)++;
            if (until_usable && found->usable) return;
        }
        at += length + (at[length] == ',');
    }
}

tm_status tm_backend_probe_devices(const char *name, tm_backend_found *into, int32_t *count, tm_error *error)
{
    *count = 0;
    const tm_status status = probe_named(name, &into[0], error);
    if (status != TM_OK) return status;
    *count = 1;
    probe_others(into, false, count);
    return TM_OK;
}

tm_status tm_backend_probe_default(const char *name, tm_backend_found *into, tm_error *error)
{
    tm_backend_found found[TM_MOST_DEVICES];
    int32_t count = 1;
    const tm_status status = probe_named(name, &found[0], error);
    if (status != TM_OK) return status;
    if (!found[0].usable) probe_others(found, true, &count);
    *into = found[found[count - 1].usable ? count - 1 : 0];
    return TM_OK;
}
