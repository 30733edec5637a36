/* Expected values on disk. A file is exactly the block in memory: header, key, want (f64), size (f32); the header holds
 * a hash of all that follows it. A file that does not fit its key or its hash counts as absent and is written anew.
 * Reading a file makes it young again; the oldest go when all together exceed the limit. Large blocks are
 * not written: they are made again as fast as they could be read. */
#include "oracle/expected.h"

#include "base/file.h"
#include "base/hash.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ALIGNMENT = 64 };
static const size_t largest_file = (size_t)32 << 20;
static const int64_t largest_folder = (int64_t)1 << 30;
static const char prefix[] = "oracle-";

typedef struct blob_header {
    char magic[8];
    uint64_t key_bytes, count, sized;
    tm_hash128 hash; /* of everything behind the header */
} blob_header;

static size_t data_start(size_t key_bytes)
{
    return (sizeof(blob_header) + key_bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static size_t blob_size(const tm_expected *expected, const char *key)
{
    return data_start(strlen(key)) + (size_t)expected->count * (sizeof(double) + (expected->sized ? sizeof(float) : 0));
}

static blob_header header_of(const tm_expected *expected, const char *key)
{
    return (blob_header){"TMORACL1", strlen(key), (uint64_t)expected->count, expected->sized, {0}};
}

static void point_into(tm_expected *expected, const char *key)
{
    expected->want = (double *)(void *)(expected->blob + data_start(strlen(key)));
    expected->size = expected->sized ? (float *)(void *)(expected->want + expected->count) : NULL;
}

tm_status tm_blob_new(tm_expected *expected, const char *key, tm_error *error)
{
    expected->blob_bytes = blob_size(expected, key);
    expected->blob = malloc(expected->blob_bytes);
    if (!expected->blob) return tm_fail_memory(error, "expected values");
    memset(expected->blob, 0, data_start(strlen(key)));
    memcpy(expected->blob + sizeof(blob_header), key, strlen(key));
    point_into(expected, key);
    return TM_OK;
}

static bool path_of(const char *folder, const char *key, char *into, size_t capacity)
{
    const tm_hash128 hash = tm_hash128_bytes(key, strlen(key));
    const int length = snprintf(into, capacity, "%s/%s%016llx%016llx.bin", folder, prefix,
                                (unsigned long long)hash.high, (unsigned long long)hash.low);
    return length > 0 && (size_t)length < capacity;
}

static tm_hash128 hash_of(const char *blob, size_t bytes)
{
    return tm_hash128_bytes(blob + sizeof(blob_header), bytes - sizeof(blob_header));
}

bool tm_blob_load(tm_expected *expected, const char *folder, const char *key)
{
    char path[4096];
    size_t length = 0;
    if (!path_of(folder, key, path, sizeof path)) return false;
    if (tm_file_read(path, largest_file, &expected->blob, &length, NULL) != TM_OK) return false;
    blob_header found, wanted = header_of(expected, key);
    bool good = length == blob_size(expected, key);
    if (good) {
        memcpy(&found, expected->blob, sizeof found);
        wanted.hash = hash_of(expected->blob, length);
        good =
            memcmp(&found, &wanted, sizeof found) == 0 && memcmp(expected->blob + sizeof found, key, strlen(key)) == 0;
    }
    if (good) {
        expected->blob_bytes = length;
        point_into(expected, key);
        utimensat(AT_FDCWD, path, NULL, 0);
    } else {
        free(expected->blob);
        expected->blob = NULL;
    }
    return good;
}

typedef struct cache_file {
    char name[64];
    int64_t bytes;
    struct timespec used;
} cache_file;

static int older_first(const void *left, const void *right)
{
    const struct timespec *a = &((const cache_file *)left)->used, *b = &((const cache_file *)right)->used;
    if (a->tv_sec != b->tv_sec) return a->tv_sec < b->tv_sec ? -1 : 1;
    return (a->tv_nsec > b->tv_nsec) - (a->tv_nsec < b->tv_nsec);
}

/* The folder's cache files into a new array. Foreign files are not counted. */
static size_t list_files(DIR *folder, cache_file **into)
{
    cache_file *files = NULL;
    size_t count = 0, capacity = 0;
    const struct dirent *entry;
    while ((entry = readdir(folder))) {
        struct stat facts;
        if (strncmp(entry->d_name, prefix, sizeof prefix - 1) != 0 || strlen(entry->d_name) >= sizeof files->name ||
            fstatat(dirfd(folder), entry->d_name, &facts, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(facts.st_mode)) {
            continue;
        }
        if (count == capacity) {
            capacity = capacity ? 2 * capacity : 64;
            cache_file *more = realloc(files, capacity * sizeof *files);
            if (!more) break;
            files = more;
        }
        files[count] = (cache_file){.bytes = facts.st_size, .used = facts.st_mtim};
        memcpy(files[count++].name, entry->d_name, strlen(entry->d_name) + 1);
    }
    *into = files;
    return count;
}

static void delete_oldest(const char *path)
{
    DIR *folder = opendir(path);
    if (!folder) return;
    cache_file *files = NULL;
    const size_t count = list_files(folder, &files);
    int64_t total = 0;
    for (size_t i = 0; i < count; i++) total += files[i].bytes;
    if (count > 0) qsort(files, count, sizeof *files, older_first);
    for (size_t i = 0; i < count && total > largest_folder; i++) {
        if (unlinkat(dirfd(folder), files[i].name, 0) == 0) total -= files[i].bytes;
    }
    free(files);
    closedir(folder);
}

void tm_blob_save(tm_expected *expected, const char *folder, const char *key)
{
    char path[4096];
    if (expected->blob_bytes > largest_file || !path_of(folder, key, path, sizeof path)) return;
    blob_header header = header_of(expected, key);
    header.hash = hash_of(expected->blob, expected->blob_bytes);
    memcpy(expected->blob, &header, sizeof header);
    if (tm_make_folders(folder, NULL) != TM_OK) return;
    if (tm_file_write(path, expected->blob, expected->blob_bytes, NULL) == TM_OK) delete_oldest(folder);
}
