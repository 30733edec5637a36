/* A shared library of the system, or one that is named: C libraries lie where the loader looks, or, put there by pip,
 * in an environment's lib. */
#include "adapter.h"

#include <dlfcn.h>
#ifdef __GLIBC__
#include <link.h>
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_folder(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* FOLDER/NAME or FOLDER/lib/NAME; "" for a folder stands for the loader's own places. */
static bool place_of(const char *folder, const char *name, char into[PATH_MAX])
{
    static const char *const below[] = {"", "lib/"};
    if (!folder[0]) return snprintf(into, PATH_MAX, "%s", name) < PATH_MAX;
    for (size_t i = 0; i < sizeof below / sizeof *below; i++) {
        const int length = snprintf(into, PATH_MAX, "%s/%s%s", folder, below[i], name);
        if (length > 0 && length < PATH_MAX && access(into, F_OK) == 0) return true;
    }
    return false;
}

/* A file is looked at before it is loaded; the loader's message for a name that it does not know is no failure. */
static void *load(const tm_sought *sought, const char *path, tm_error *error)
{
    const tm_wanted wanted = {.name = sought->name, .package = sought->package};
    if (strchr(path, '/') && tm_adapter_check_library(&wanted, path, error) != TM_OK) return NULL;
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    const char *words = library ? NULL : dlerror();
    if (!words || (!strchr(path, '/') && strncmp(words, path, strlen(path)) == 0 && strstr(words, "No such file"))) {
        return library;
    }
    tm_adapter_fail(error, TM_UNSUPPORTED, "%s cannot be loaded: %.350s (%s)", sought->name, words, sought->install);
    return NULL;
}

static void *load_first(const tm_sought *sought, const char *const *folders, size_t count, char path[PATH_MAX],
                        tm_error *error)
{
    tm_error first = {0};
    for (const char *const *name = sought->files; *name; name++) {
        for (size_t i = 0; i < count; i++) {
            tm_error here = {0};
            if (!folders[i] || !place_of(folders[i], *name, path)) continue;
            void *library = load(sought, path, &here);
            if (library && dlsym(library, sought->function)) return library;
            if (!first.message[0]) first = here;
        }
    }
    if (first.message[0] && error) *error = first;
    return NULL;
}

/* Where the loader found it, links resolved. */
static void whole_path(void *library, char path[PATH_MAX])
{
    char whole[PATH_MAX];
#ifdef __GLIBC__
    struct link_map *map = NULL;
    if (dlinfo(library, RTLD_DI_LINKMAP, &map) == 0 && map && map->l_name[0]) {
        snprintf(path, PATH_MAX, "%s", map->l_name);
    }
#else
    (void)library;
#endif
    if (realpath(path, whole)) memcpy(path, whole, sizeof whole);
}

tm_status tm_adapter_load(const tm_sought *sought, const char *location, void **library, char path[PATH_MAX],
                          tm_error *error)
{
    const char *variable = getenv(sought->variable), *environment = getenv("VIRTUAL_ENV");
    const char *named = location[0] ? location : variable && variable[0] ? variable : NULL;
    const char *usual[] = {environment && environment[0] ? environment : NULL, ".venv", ""};
    tm_error reason = {0};
    if (!named) {
        *library = load_first(sought, usual, sizeof usual / sizeof *usual, path, &reason);
    } else if (is_folder(named)) {
        *library = load_first(sought, &named, 1, path, &reason);
    } else {
        snprintf(path, PATH_MAX, "%s%s", strchr(named, '/') ? "" : "./", named);
        *library = load(sought, path, &reason);
    }
    if (*library) {
        whole_path(*library, path);
        return TM_OK;
    }
    if (reason.message[0]) return tm_adapter_fail(error, TM_UNSUPPORTED, "%s", reason.message);
    if (named) return tm_adapter_fail(error, TM_UNSUPPORTED, "no %s in %.400s", sought->name, named);
    return tm_adapter_fail(error, TM_UNSUPPORTED, "no %s found: %s", sought->name, sought->install);
}
