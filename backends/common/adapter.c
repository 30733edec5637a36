/* Messages, symbols, options, shapes: what every adapter needs and none should write again. */
#include "adapter.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

tm_status tm_adapter_fail(tm_error *error, tm_status status, const char *format, ...)
{
    if (!error) return status;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    error->message[strcspn(error->message, "\r\n")] = '\0';
    return status;
}

/* The pointer as a function: ISO C has no cast for it. */
bool tm_adapter_symbol(void *library, const char *name, void *into, size_t size)
{
    void *found = dlsym(library, name);
    memset(into, 0, size);
    memcpy(into, &found, size < sizeof found ? size : sizeof found);
    return found != NULL;
}

bool tm_adapter_option(const char **at, char *into, size_t capacity)
{
    const size_t length = strcspn(*at, ",");
    if (!**at) return false;
    snprintf(into, capacity, "%.*s", (int)length, *at);
    *at += length + ((*at)[length] == ',');
    return true;
}

tm_status tm_adapter_only_cpu(const char *backend, const char *device, tm_error *error)
{
    if (strcmp(device, "cpu") == 0) return TM_OK;
    return tm_adapter_fail(error, TM_UNSUPPORTED, "%s runs on cpu, not on '%.60s'", backend, device);
}

tm_status tm_adapter_only_tuned(const char *backend, const char *options, bool *tuned, tm_error *error)
{
    char word[64];
    for (const char *at = options; tm_adapter_option(&at, word, sizeof word);) {
        if (strcmp(word, "tuned") != 0) {
            return tm_adapter_fail(error, TM_UNSUPPORTED, "%s has no option '%s', only tuned", backend, word);
        }
        *tuned = true;
    }
    return TM_OK;
}

size_t tm_adapter_size_of(tm_dtype dtype)
{
    return dtype == TM_I64 ? 8 : dtype == TM_F32 || dtype == TM_I32 ? 4 : 2;
}

int64_t tm_adapter_elements(const tm_shape *shape)
{
    int64_t count = 1;
    for (int32_t i = 0; i < shape->rank; i++) count *= shape->dim[i];
    return count;
}

size_t tm_adapter_bytes(const tm_shape *shape)
{
    return (size_t)tm_adapter_elements(shape) * tm_adapter_size_of(shape->dtype);
}

void tm_adapter_cpu_name(char *into, size_t capacity)
{
    char line[256];
    snprintf(into, capacity, "cpu");
    FILE *file = fopen("/proc/cpuinfo", "r");
    while (file && fgets(line, sizeof line, file)) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || !colon) continue;
        line[strcspn(line, "\n")] = '\0';
        snprintf(into, capacity, "%s", colon + 1 + (colon[1] == ' '));
        break;
    }
    if (file) fclose(file);
}
