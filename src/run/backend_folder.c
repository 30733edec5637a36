/* The list of names is made once a process and never changes, whatever happens in the folder. */
#include "run/backend_folder.h"
#include "run/backend_spec.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const char prefix[] = "libtensormark_", suffix[] = ".so";

/* Askable by name, but no part of a default run: a test double, and the copy that a new backend starts from. */
static const char *const hidden[] = {"mock", "template"};

static bool is_folder(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static bool find_folder(char *into, size_t capacity)
{
    const char *asked = getenv("TENSORMARK_BACKEND_FOLDER");
    if (asked && *asked) return (size_t)snprintf(into, capacity, "%s", asked) < capacity && is_folder(into);
    char program[PATH_MAX];
    const ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    if (length <= 0) return false;
    program[length] = '\0';
    char *slash = strrchr(program, '/');
    if (!slash) return false;
    *slash = '\0';
    static const char *const places[] = {"backends", "../lib/tensormark"};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        if ((size_t)snprintf(into, capacity, "%s/%s", program, places[i]) < capacity && is_folder(into)) return true;
    }
    return false;
}

bool tm_is_library(const char *path)
{
    static const unsigned char elf[4] = {0x7f, 'E', 'L', 'F'};
    const int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0) return false;
    unsigned char first[4];
    struct stat info;
    const bool found = fstat(file, &info) == 0 && S_ISREG(info.st_mode) &&
                       read(file, first, sizeof first) == (ssize_t)sizeof first && memcmp(first, elf, sizeof elf) == 0;
    close(file);
    return found;
}

bool tm_is_backend(const char *path)
{
    static const char entry[] = "tensormark_backend";
    const int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0) return false;
    struct stat info;
    const size_t bytes = fstat(file, &info) == 0 && S_ISREG(info.st_mode) ? (size_t)info.st_size : 0;
    const void *content = bytes > 0 ? mmap(NULL, bytes, PROT_READ, MAP_PRIVATE, file, 0) : MAP_FAILED;
    close(file);
    if (content == MAP_FAILED) return false;
    const bool found = memmem(content, bytes, entry, sizeof entry) != NULL;
    munmap((void *)(uintptr_t)content, bytes);
    return found;
}

bool tm_backend_library(const char *name, char *into, size_t capacity)
{
    char folder[PATH_MAX];
    if (!find_folder(folder, sizeof folder)) return false;
    const int length = snprintf(into, capacity, "%s/%s%s%s", folder, prefix, name, suffix);
    if (length > 0 && (size_t)length < capacity && tm_is_library(into)) return true;
    into[0] = '\0';
    return false;
}

enum { MOST_NAMES = 64, NAME_CAPACITY = 32 };

typedef struct name_list {
    char name[MOST_NAMES][NAME_CAPACITY];
    const char *pointer[MOST_NAMES + 1];
    size_t count;
} name_list;

static name_list names;
static pthread_once_t names_made = PTHREAD_ONCE_INIT;

static void add_name(const char *name, size_t length)
{
    if (names.count == MOST_NAMES || length == 0 || length >= NAME_CAPACITY) return;
    char *into = names.name[names.count];
    memcpy(into, name, length);
    into[length] = '\0';
    for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++) {
        if (strcmp(into, hidden[i]) == 0) return;
    }
    names.pointer[names.count++] = into;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void make_names(void)
{
    add_name("native", strlen("native"));
    char folder[PATH_MAX];
    DIR *listing = find_folder(folder, sizeof folder) ? opendir(folder) : NULL;
    if (!listing) return;
    for (struct dirent *entry = readdir(listing); entry; entry = readdir(listing)) {
        const size_t length = strlen(entry->d_name), around = strlen(prefix) + strlen(suffix);
        if (length <= around || strncmp(entry->d_name, prefix, strlen(prefix)) != 0) continue;
        if (strcmp(entry->d_name + length - strlen(suffix), suffix) != 0) continue;
        char path[PATH_MAX + 256];
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (tm_is_library(path)) add_name(entry->d_name + strlen(prefix), length - around);
    }
    closedir(listing);
    qsort(names.pointer + 1, names.count - 1, sizeof *names.pointer, by_text);
}

const char *const *tm_backend_names(void)
{
    pthread_once(&names_made, make_names);
    return names.pointer;
}
