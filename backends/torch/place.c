/* Which PyTorch it is: where its libraries lie, and its version, before anything of it is loaded. */
#include "torch.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

const tm_wanted tm_torch_wanted = {.name = "PyTorch",
                                   .package = "torch",
                                   .variable = "TENSORMARK_TORCH",
                                   .option = "--torch PATH",
                                   .folder = "torch/lib",
                                   .file = "libtorch_cpu" TM_LIBRARY_SUFFIX};

/* From torch/version.py, or from the file that a LibTorch archive carries. */
static void read_version(tm_torch_place *place)
{
    static const char *const files[] = {"../version.py", "../build-version"};
    char path[PATH_MAX + 32], line[256];
    for (size_t i = 0; i < sizeof files / sizeof *files && !place->version[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", place->folder, files[i]);
        FILE *file = fopen(path, "r");
        while (file && !place->version[0] && fgets(line, sizeof line, file)) {
            const char *from = i == 0 ? strstr(line, "__version__ = '") : line;
            if (!from) continue;
            from += i == 0 ? strlen("__version__ = '") : 0;
            size_t length = 0;
            while (isalnum((unsigned char)from[length]) || (from[length] && strchr(".+-_", from[length]))) length++;
            snprintf(place->version, sizeof place->version, "%.*s", (int)(length < 40 ? length : 40), from);
        }
        if (file) fclose(file);
    }
}

static tm_status check_age(const tm_torch_place *place, tm_error *error)
{
    int major = 0, minor = 0;
    if (sscanf(place->version, "%d.%d", &major, &minor) != 2) return TM_OK; /* loading will tell */
    if (major > 2 || (major == 2 && minor >= 10)) return TM_OK;
    return tm_adapter_fail(error, TM_UNSUPPORTED,
                           "PyTorch %s in %.300s is too old: 2.10 or later is needed (pip install -U torch)",
                           place->version, place->folder);
}

tm_status tm_torch_locate(const char *location, tm_torch_place *into, tm_error *error)
{
    memset(into, 0, sizeof *into);
    const tm_status status = tm_adapter_locate(&tm_torch_wanted, location, into->folder, error);
    if (status != TM_OK) return status;
    char *slash = strrchr(into->folder, '/');
    if (slash) *slash = '\0';
    read_version(into);
    return check_age(into, error);
}
