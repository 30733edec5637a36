/* Where a library of a Python package is. Each place is a folder that may be the library's own, the package's, or the
 * root of a Python environment; python3 is followed link by link, since an environment's interpreter is a link out of
 * it. */
#include "adapter.h"

#include <dirent.h>
#ifdef __ELF__
#include <elf.h>
#endif
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* What is looked for, and where it was found: the library's path. */
typedef struct search {
    const tm_wanted *wanted;
    char found[PATH_MAX];
} search;

__attribute__((format(printf, 2, 3))) static bool path_of(char into[PATH_MAX], const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(into, PATH_MAX, format, arguments);
    va_end(arguments);
    return length >= 0 && length < PATH_MAX;
}

/* The folder itself. Of several that a '*' stands for, the highest name. */
static bool holds_library(const char *folder, search *into)
{
    char path[PATH_MAX];
    const char *name = into->wanted->file, *star = strchr(name, '*');
    if (!star) {
        if (!path_of(path, "%s/%s", folder, name) || access(path, F_OK) != 0) return false;
        return path_of(into->found, "%s", path);
    }
    DIR *listing = opendir(folder);
    if (!listing) return false;
    char best[PATH_MAX] = "";
    for (struct dirent *entry; (entry = readdir(listing)) != NULL;) {
        if (strncmp(entry->d_name, name, (size_t)(star - name)) != 0) continue;
        if (path_of(path, "%s/%s", folder, entry->d_name) && strcmp(path, best) > 0) memcpy(best, path, sizeof best);
    }
    closedir(listing);
    if (best[0]) memcpy(into->found, best, sizeof best);
    return best[0] != '\0';
}

static bool has_package(const char *packages, search *into)
{
    char path[PATH_MAX];
    return path_of(path, "%s/%s", packages, into->wanted->folder) && holds_library(path, into);
}

/* site-packages and dist-packages of every lib/python3... below `root`. The highest name wins, whatever order the
 * folder is in. */
static bool has_python(const char *root, const char *lib, search *into)
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
            search found = {.wanted = into->wanted};
            if (!path_of(packages, "%s/%s/%s/%s", root, lib, entry->d_name, kinds[i])) continue;
            if (!has_package(packages, &found) || strcmp(found.found, best) < 0) continue;
            memcpy(best, found.found, sizeof best);
        }
    }
    closedir(folder);
    if (best[0]) memcpy(into->found, best, sizeof best);
    return best[0] != '\0';
}

static bool in_environment(const char *root, search *into)
{
    return has_python(root, "lib", into) || has_python(root, "lib64", into) || has_python(root, "local/lib", into);
}

/* A place that a user names: the library's folder, one above it as far up as site-packages, or an environment. */
static bool in_place(const char *place, search *into)
{
    char path[PATH_MAX];
    if (holds_library(place, into)) return true;
    for (const char *rest = strchr(into->wanted->folder, '/'); rest; rest = strchr(rest + 1, '/')) {
        if (path_of(path, "%s%s", place, rest) && holds_library(path, into)) return true;
    }
    return has_package(place, into) || in_environment(place, into);
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
static bool in_pyenv(search *into)
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
static bool beside_interpreter(const char *interpreter, search *into)
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
static bool of_interpreter(search *into)
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

tm_status tm_adapter_locate(const tm_wanted *wanted, const char *location, char into[PATH_MAX], tm_error *error)
{
    search found = {.wanted = wanted};
    const char *named = location[0] ? location : wanted->variable ? getenv(wanted->variable) : NULL;
    if (named && named[0]) {
        if (!in_place(named, &found)) {
            return tm_adapter_fail(error, TM_UNSUPPORTED,
                                   "no %s in %.300s (neither %s nor a Python environment with %s): give another %s",
                                   wanted->name, named, wanted->file, wanted->package, wanted->option);
        }
    } else {
        const char *environment = getenv("VIRTUAL_ENV");
        const bool any = (environment && environment[0] && in_environment(environment, &found)) ||
                         in_environment(".venv", &found) || of_interpreter(&found);
        if (!any) {
            return tm_adapter_fail(error, TM_UNSUPPORTED, "no %s found: pip install %s, or %s", wanted->name,
                                   wanted->package, wanted->option);
        }
    }
    if (!realpath(found.found, into)) memcpy(into, found.found, sizeof found.found);
    return TM_OK;
}

/* A folder name PACKAGE-VERSION.dist-info, whatever stands for '-' and case in it. */
static bool is_record_of(const char *name, const char *package, char *version, size_t capacity)
{
    const size_t length = strlen(package), whole = strlen(name);
    static const char ending[] = ".dist-info";
    if (whole <= length + sizeof ending || strncasecmp(name, package, length) != 0 || name[length] != '-') return false;
    if (strcmp(name + whole - (sizeof ending - 1), ending) != 0) return false;
    snprintf(version, capacity, "%.*s", (int)(whole - length - sizeof ending), name + length + 1);
    return true;
}

void tm_adapter_version(const char *path, const char *package, char *into, size_t capacity)
{
    char at[PATH_MAX];
    into[0] = '\0';
    if (!path_of(at, "%s", path)) return;
    for (char *slash; !into[0] && (slash = strrchr(at, '/')) != NULL && slash != at;) {
        *slash = '\0';
        DIR *folder = opendir(at);
        for (struct dirent *entry; folder && !into[0] && (entry = readdir(folder)) != NULL;) {
            (void)is_record_of(entry->d_name, package, into, capacity);
        }
        if (folder) closedir(folder);
        const char *last = strrchr(at, '/');
        if (last && strstr(last, "-packages")) return; /* records lie there, and nowhere above */
    }
}

#ifdef __ELF__
/* Reading what is mapped behind a file's end kills the process. Linkers put the table of sections last. */
static bool is_cut_off(FILE *file, const Elf64_Ehdr *header, size_t got)
{
    if (header->e_ident[EI_CLASS] != ELFCLASS64) return false;
    if (got < sizeof *header || fseek(file, 0, SEEK_END) != 0) return true;
    const uint64_t size = (uint64_t)ftell(file), sections = (uint64_t)header->e_shnum * header->e_shentsize;
    return header->e_shoff > size || sections > size - header->e_shoff;
}

tm_status tm_adapter_check_library(const tm_wanted *wanted, const char *path, tm_error *error)
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
    Elf64_Ehdr header = {0};
    const unsigned char *head = header.e_ident;
    FILE *file = fopen(path, "rb");
    if (!file) return tm_adapter_fail(error, TM_UNSUPPORTED, "%.400s cannot be read", path);
    const size_t got = fread(&header, 1, sizeof header, file);
    const bool cut_off = is_cut_off(file, &header, got);
    fclose(file);
    if (got < offsetof(Elf64_Ehdr, e_version) || memcmp(head, ELFMAG, SELFMAG) != 0) {
        return tm_adapter_fail(error, TM_UNSUPPORTED, "%.400s is no library: install %s again", path, wanted->package);
    }
    const unsigned char *number = (const unsigned char *)&header.e_machine;
    const unsigned machine =
        head[EI_DATA] == ELFDATA2MSB ? (unsigned)(number[0] << 8 | number[1]) : (unsigned)(number[1] << 8 | number[0]);
    if (own == EM_NONE || (machine == own && !cut_off)) return TM_OK;
    if (machine == own) {
        return tm_adapter_fail(error, TM_UNSUPPORTED, "%.400s is cut off: install %s again", path, wanted->package);
    }
    return tm_adapter_fail(error, TM_UNSUPPORTED,
                           "%.400s is built for another processor (ELF machine %u, this is %u): "
                           "install %s for this one",
                           path, machine, own, wanted->package);
}
#else
tm_status tm_adapter_check_library(const tm_wanted *wanted, const char *path, tm_error *error)
{
    (void)wanted;
    if (access(path, R_OK) == 0) return TM_OK;
    return tm_adapter_fail(error, TM_UNSUPPORTED, "%.400s cannot be read", path);
}
#endif
