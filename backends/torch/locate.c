/* Where PyTorch is. Each place is a folder that may be the library folder itself, a torch package, or the root of a
 * Python environment; python3 is followed link by link, since an environment's interpreter is a link out of it. */
#include "torch.h"

#include <ctype.h>
#include <stdarg.h>
#include <dirent.h>
#ifdef __ELF__
#include <elf.h>
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char library_name[] = "libtorch_cpu" TM_TORCH_SUFFIX;

__attribute__((format(printf, 2, 3))) static bool path_of(char into[PATH_MAX], const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(into, PATH_MAX, format, arguments);
    va_end(arguments);
    return length >= 0 && length < PATH_MAX;
}

/* The folder itself. */
static bool holds_library(const char *folder, tm_torch_place *into)
{
    char path[PATH_MAX];
    if (!path_of(path, "%s/%s", folder, library_name) || access(path, F_OK) != 0) return false;
    return path_of(into->folder, "%s", folder);
}

static bool has_package(const char *packages, tm_torch_place *into)
{
    char path[PATH_MAX];
    return path_of(path, "%s/torch/lib", packages) && holds_library(path, into);
}

/* site-packages and dist-packages of every lib/python3... below `root`. The highest name wins, whatever order the
 * folder is in. */
static bool has_python(const char *root, const char *lib, tm_torch_place *into)
{
    char path[PATH_MAX], best[PATH_MAX] = "";
    if (!path_of(path, "%s/%s", root, lib)) return false;
    DIR *folder = opendir(path);
    if (!folder) return false;
    static const char *const kinds[] = {"site-packages", "dist-packages"};
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (strncmp(entry->d_name, "python3", 7) != 0) continue;
        for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
            char packages[PATH_MAX];
            tm_torch_place found;
            if (!path_of(packages, "%s/%s/%s/%s", root, lib, entry->d_name, kinds[i])) continue;
            if (!has_package(packages, &found) || strcmp(found.folder, best) < 0) continue;
            memcpy(best, found.folder, sizeof best);
        }
    }
    closedir(folder);
    if (best[0]) memcpy(into->folder, best, sizeof best);
    return best[0] != '\0';
}

static bool in_environment(const char *root, tm_torch_place *into)
{
    return has_python(root, "lib", into) || has_python(root, "lib64", into) || has_python(root, "local/lib", into);
}

static bool in_folder(const char *folder, tm_torch_place *into)
{
    char path[PATH_MAX];
    if (holds_library(folder, into)) return true;
    if (path_of(path, "%s/lib", folder) && holds_library(path, into)) return true;
    return has_package(folder, into) || in_environment(folder, into);
}

/* The folder above the one that `path` lies in; false if there is none. */
static bool root_of(const char *path, char into[PATH_MAX])
{
    if (!path_of(into, "%s", path)) return false;
    for (int level = 0; level < 2; level++) {
        char *slash = strrchr(into, '/');
        if (!slash) return false;
        *slash = '\0';
    }
    return true;
}

/* pyenv puts scripts before the interpreters; which one they start stands in a variable or a file. */
static bool in_pyenv(tm_torch_place *into)
{
    char root[PATH_MAX], path[PATH_MAX], version[64] = "";
    const char *home = getenv("HOME"), *named = getenv("PYENV_ROOT"), *chosen = getenv("PYENV_VERSION");
    if (!path_of(root, "%s%s", named ? named : home ? home : "", named ? "" : "/.pyenv")) return false;
    if (chosen) {
        snprintf(version, sizeof version, "%.60s", chosen);
    } else if (path_of(path, "%s/version", root)) {
        FILE *file = fopen(path, "r");
        if (!file || !fgets(version, sizeof version, file)) version[0] = '\0';
        if (file) fclose(file);
    }
    version[strcspn(version, " :\r\n")] = '\0';
    return version[0] && path_of(path, "%s/versions/%s", root, version) && in_environment(path, into);
}

static bool is_script(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file) return false;
    const bool script = fgetc(file) == '#' && fgetc(file) == '!';
    fclose(file);
    return script;
}

/* From an interpreter along its links; an environment that owns the link comes before what it points to. */
static bool beside_interpreter(const char *interpreter, tm_torch_place *into)
{
    char at[PATH_MAX], root[PATH_MAX], next[PATH_MAX];
    if (!path_of(at, "%s", interpreter)) return false;
    for (int links = 0; links < 16; links++) {
        if (root_of(at, root) && in_environment(root, into)) return true;
        const ssize_t length = readlink(at, next, sizeof next - 1);
        if (length < 0) break;
        next[length] = '\0';
        char *slash = strrchr(at, '/');
        if (next[0] == '/') {
            memcpy(at, next, sizeof at);
        } else if (slash) {
            const size_t used = (size_t)(slash + 1 - at);
            if (used + (size_t)length >= sizeof at) return false;
            memcpy(slash + 1, next, (size_t)length + 1);
        } else {
            return false;
        }
    }
    return is_script(at) && in_pyenv(into);
}

/* The first python3 on PATH, and what its user has installed for himself. */
static bool of_interpreter(tm_torch_place *into)
{
    char path[PATH_MAX];
    for (const char *at = getenv("PATH"); at && *at;) {
        const size_t length = strcspn(at, ":");
        if (length > 0 && path_of(path, "%.*s/python3", (int)length, at) && access(path, X_OK) == 0) {
            const char *home = getenv("HOME");
            char user[PATH_MAX];
            if (beside_interpreter(path, into)) return true;
            return home && path_of(user, "%s/.local", home) && in_environment(user, into);
        }
        at += length + (at[length] == ':');
    }
    return false;
}

/* From torch/version.py, or from the file that a LibTorch archive carries. */
static void read_version(tm_torch_place *place)
{
    static const char *const files[] = {"../version.py", "../build-version"};
    char path[PATH_MAX], line[256];
    for (size_t i = 0; i < sizeof files / sizeof *files && !place->version[0]; i++) {
        FILE *file = path_of(path, "%s/%s", place->folder, files[i]) ? fopen(path, "r") : NULL;
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
    return tm_torch_fail(error, TM_UNSUPPORTED,
                         "PyTorch %s in %.300s is too old: 2.10 or later is needed (pip install "
                         "-U torch)",
                         place->version, place->folder);
}

tm_status tm_torch_locate(const char *location, tm_torch_place *into, tm_error *error)
{
    memset(into, 0, sizeof *into);
    const char *named = location[0] ? location : getenv("TENSORMARK_TORCH");
    if (named && named[0]) {
        if (!in_folder(named, into)) {
            return tm_torch_fail(error, TM_UNSUPPORTED,
                                 "no PyTorch in %.300s (neither %s nor a Python environment with "
                                 "torch): give another --torch PATH",
                                 named, library_name);
        }
    } else {
        const char *environment = getenv("VIRTUAL_ENV");
        const bool found = (environment && environment[0] && in_environment(environment, into)) ||
                           in_environment(".venv", into) || of_interpreter(into);
        if (!found) return tm_torch_fail(error, TM_UNSUPPORTED, "no PyTorch found: pip install torch, or --torch PATH");
    }
    char whole[PATH_MAX];
    if (realpath(into->folder, whole)) memcpy(into->folder, whole, sizeof whole);
    read_version(into);
    return check_age(into, error);
}

#ifdef __ELF__
tm_status tm_torch_check_library(const char *path, tm_error *error)
{
#if defined(__x86_64__)
    const unsigned own = EM_X86_64;
#elif defined(__aarch64__)
    const unsigned own = EM_AARCH64;
#elif defined(__riscv)
    const unsigned own = EM_RISCV;
#else
    const unsigned own = EM_NONE; /* not known: loading will tell */
#endif
    unsigned char head[20] = {0};
    FILE *file = fopen(path, "rb");
    if (!file) return tm_torch_fail(error, TM_UNSUPPORTED, "%.400s cannot be read", path);
    const size_t got = fread(head, 1, sizeof head, file);
    fclose(file);
    if (got < sizeof head || memcmp(head, ELFMAG, SELFMAG) != 0) {
        return tm_torch_fail(error, TM_UNSUPPORTED, "%.400s is no library: install torch again", path);
    }
    const unsigned machine =
        head[EI_DATA] == ELFDATA2MSB ? (unsigned)(head[18] << 8 | head[19]) : (unsigned)(head[19] << 8 | head[18]);
    if (own == EM_NONE || machine == own) return TM_OK;
    return tm_torch_fail(error, TM_UNSUPPORTED,
                         "%.400s is built for another processor (ELF machine %u, this is %u): "
                         "install torch for this one",
                         path, machine, own);
}
#else
tm_status tm_torch_check_library(const char *path, tm_error *error)
{
    if (access(path, R_OK) == 0) return TM_OK;
    return tm_torch_fail(error, TM_UNSUPPORTED, "%.400s cannot be read", path);
}
#endif
