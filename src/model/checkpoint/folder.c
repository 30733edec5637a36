/* Names are followed step by step with a stack of open folders, so that no link and no ".." leads above the first one,
 * whatever changes meanwhile: each step opens without following, and ".." is the folder that was open before. */
#include "model/checkpoint/folder.h"

#include "base/text.h"
#include "model/checkpoint/shown.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_DEPTH = 32, MOST_LINKS = 16 };

struct tm_folder {
    int root;
    tm_text inside; /* what stands before each name: "" or "snapshots/REVISION/" */
    tm_text shown;  /* the path as the user wrote it */
};

typedef struct walk {
    int dirs[MOST_DEPTH + 1]; /* the first is the root and not ours */
    int depth, links;
    char rest[PATH_MAX], target[PATH_MAX];
} walk;

/* The root of a cache of Hugging Face's when `path` is one of its snapshots: it gets cut to that. */
static bool is_snapshot(char *path, const char **inside)
{
    char *const revision = strrchr(path, '/');
    if (!revision || revision == path) return false;
    *revision = '\0';
    char *const snapshots = strrchr(path, '/');
    *revision = '/';
    if (!snapshots || strncmp(snapshots, "/snapshots/", 11) != 0) return false;
    *snapshots = '\0';
    const char *const name = strrchr(path, '/');
    if (name && strncmp(name, "/models--", 9) == 0) {
        *inside = snapshots + 1;
        return true;
    }
    *snapshots = '/';
    return false;
}

tm_status tm_folder_open(const char *path, tm_folder **into, tm_error *error)
{
    char real[PATH_MAX], shown[TM_SHOWN];
    const char *inside = NULL;
    *into = NULL;
    if (!realpath(path, real)) return tm_fail(error, TM_FAILED, "%s: %s", tm_shown_path(path, shown), strerror(errno));
    tm_folder *const folder = calloc(1, sizeof *folder);
    if (!folder) return tm_fail_memory(error, "a model's folder");
    tm_text_add(&folder->inside, "");
    if (is_snapshot(real, &inside)) tm_text_format(&folder->inside, "%s/", inside);
    tm_text_add(&folder->shown, path);
    folder->root = open(real, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    tm_status status = TM_OK;
    if (folder->root < 0)
        status = tm_fail(error, TM_FAILED, "%s: %s", tm_shown_path(path, shown), strerror(errno));
    else if (folder->inside.failed || folder->shown.failed)
        status = tm_fail_memory(error, "a model's folder");
    if (status == TM_OK)
        *into = folder;
    else
        tm_folder_close(folder);
    return status;
}

void tm_folder_close(tm_folder *folder)
{
    if (!folder) return;
    if (folder->root >= 0) close(folder->root);
    tm_text_free(&folder->inside);
    tm_text_free(&folder->shown);
    free(folder);
}

const char *tm_folder_shown(const tm_folder *folder, const char *name, char *into)
{
    const size_t length = folder->shown.length;
    tm_text path = {0};
    tm_text_format(&path, "%s%s%s", folder->shown.data, length && folder->shown.data[length - 1] == '/' ? "" : "/",
                   name);
    tm_shown_path(path.data ? path.data : "", into);
    tm_text_free(&path);
    return into;
}

static tm_status reject(const char *shown, const char *reason, tm_error *error)
{
    return tm_fail(error, TM_INVALID_ARGUMENT, "%s: REJECTED(%s)", shown, reason);
}

/* Splits the first component off; what is behind it stays in `rest`. */
static void next_component(walk *w, char component[NAME_MAX + 1], bool *fits)
{
    const char *const begin = w->rest + strspn(w->rest, "/");
    const size_t length = strcspn(begin, "/");
    *fits = length <= NAME_MAX;
    memcpy(component, begin, *fits ? length : 0);
    component[*fits ? length : 0] = '\0';
    memmove(w->rest, begin + length, strlen(begin + length) + 1);
}

static tm_status follow_link(walk *w, const char *component, const char *shown, tm_error *error)
{
    const ssize_t length = readlinkat(w->dirs[w->depth], component, w->target, sizeof w->target);
    if (length < 0) return tm_fail(error, TM_FAILED, "%s: %s", shown, strerror(errno));
    if (++w->links > MOST_LINKS) return reject(shown, "too many symbolic links", error);
    if (w->target[0] == '/') {
        return reject(shown, "a symbolic link out of its folder; copy the file there, or name where it is", error);
    }
    if ((size_t)length + strlen(w->rest) + 1 >= sizeof w->rest) return reject(shown, "its path is too long", error);
    memmove(w->rest + length, w->rest, strlen(w->rest) + 1);
    memcpy(w->rest, w->target, (size_t)length);
    return TM_OK;
}

static tm_status enter(walk *w, const char *component, const char *shown, tm_error *error)
{
    if (w->depth == MOST_DEPTH) return reject(shown, "its path is too long", error);
    const int fd = openat(w->dirs[w->depth], component, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return tm_fail(error, TM_FAILED, "%s: %s", shown, strerror(errno));
    w->dirs[++w->depth] = fd;
    return TM_OK;
}

static const char *kind_of(mode_t mode)
{
    return S_ISDIR(mode)    ? "a folder where a file is wanted"
           : S_ISFIFO(mode) ? "a FIFO, not a regular file"
           : S_ISSOCK(mode) ? "a socket, not a regular file"
                            : "a device, not a regular file";
}

static tm_file_facts facts_of(const struct stat *found)
{
    return (tm_file_facts){found->st_dev, found->st_ino, found->st_size,
                           (int64_t)found->st_mtim.tv_sec * 1000000000 + found->st_mtim.tv_nsec};
}

/* Opens what `component` is known to be: a device is looked at, never opened. */
static tm_status open_last(walk *w, const char *component, const struct stat *seen, const char *shown, int *fd,
                           tm_file_facts *facts, tm_error *error)
{
    struct stat found;
    if (!S_ISREG(seen->st_mode)) return reject(shown, kind_of(seen->st_mode), error);
    const int one = openat(w->dirs[w->depth], component, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (one < 0 || fstat(one, &found) != 0) {
        const int reason = errno;
        if (one >= 0) close(one);
        return tm_fail(error, TM_FAILED, "%s: %s", shown, strerror(reason));
    }
    if (!S_ISREG(found.st_mode)) {
        close(one);
        return reject(shown, kind_of(found.st_mode), error);
    }
    *fd = one;
    *facts = facts_of(&found);
    return TM_OK;
}

/* One component further. `*fd` is set once the last one is open. */
static tm_status step(walk *w, const char *shown, int *fd, tm_file_facts *facts, bool *missing, tm_error *error)
{
    char component[NAME_MAX + 1];
    struct stat seen;
    bool fits = true;
    next_component(w, component, &fits);
    if (!fits) return reject(shown, "its name is too long", error);
    const bool last = w->rest[strspn(w->rest, "/")] == '\0';
    if (strcmp(component, "..") == 0) {
        if (w->depth == 0) {
            return reject(shown, "it leads out of its folder; copy the file there, or name where it is", error);
        }
        close(w->dirs[w->depth--]);
        return TM_OK;
    }
    if (component[0] == '\0' || strcmp(component, ".") == 0) return TM_OK;
    if (fstatat(w->dirs[w->depth], component, &seen, AT_SYMLINK_NOFOLLOW) != 0) {
        if (missing) *missing = errno == ENOENT || errno == ENOTDIR;
        return tm_fail(error, TM_FAILED, "%s: %s", shown, strerror(errno));
    }
    if (S_ISLNK(seen.st_mode)) return follow_link(w, component, shown, error);
    return last ? open_last(w, component, &seen, shown, fd, facts, error) : enter(w, component, shown, error);
}

tm_status tm_folder_file(const tm_folder *folder, const char *name, int *fd, tm_file_facts *facts, bool *missing,
                         tm_error *error)
{
    walk w = {.dirs = {folder->root}};
    char shown[TM_SHOWN];
    *fd = -1;
    if (missing) *missing = false;
    tm_folder_shown(folder, name, shown);
    tm_status status = TM_OK;
    const int length = snprintf(w.rest, sizeof w.rest, "%s%s", folder->inside.data, name);
    if (length < 0 || (size_t)length >= sizeof w.rest) status = reject(shown, "its path is too long", error);
    if (name[0] == '/') status = reject(shown, "it leads out of its folder; name the file where it is", error);
    while (status == TM_OK && *fd < 0) {
        if (w.rest[strspn(w.rest, "/")] == '\0')
            status = reject(shown, kind_of(S_IFDIR), error);
        else
            status = step(&w, shown, fd, facts, missing, error);
    }
    while (w.depth > 0) close(w.dirs[w.depth--]);
    return status;
}

static tm_status compare(const char *shown, const tm_file_facts *then, const tm_file_facts *now, tm_error *error)
{
    if (now->size != then->size) {
        return tm_fail(error, TM_FAILED, "%s: FILE_CHANGED: %lld bytes, where there were %lld", shown,
                       (long long)now->size, (long long)then->size);
    }
    if (now->device != then->device || now->inode != then->inode) {
        return tm_fail(error, TM_FAILED, "%s: FILE_CHANGED: another file stands in its place", shown);
    }
    if (now->modified_ns != then->modified_ns) {
        return tm_fail(error, TM_FAILED, "%s: FILE_CHANGED: it was written to", shown);
    }
    return TM_OK;
}

tm_status tm_folder_reopen(const tm_folder *folder, const char *name, const tm_file_facts *facts, int *fd,
                           tm_error *error)
{
    char shown[TM_SHOWN];
    tm_file_facts now;
    tm_folder_shown(folder, name, shown);
    if (tm_folder_file(folder, name, fd, &now, NULL, NULL) != TM_OK) {
        return tm_fail(error, TM_FAILED, "%s: FILE_CHANGED: it is no longer there", shown);
    }
    const tm_status status = compare(shown, facts, &now, error);
    if (status != TM_OK) {
        close(*fd);
        *fd = -1;
    }
    return status;
}

tm_status tm_folder_unchanged(const tm_folder *folder, const char *name, const tm_file_facts *facts, tm_error *error)
{
    int fd = -1;
    const tm_status status = tm_folder_reopen(folder, name, facts, &fd, error);
    if (fd >= 0) close(fd);
    return status;
}

tm_status tm_folder_read_at(const tm_folder *folder, const char *name, int fd, uint64_t offset, void *into,
                            size_t count, tm_error *error)
{
    char shown[TM_SHOWN];
    for (size_t done = 0; done < count;) {
        const ssize_t got = pread(fd, (char *)into + done, count - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) {
            const int reason = errno;
            return tm_fail(error, TM_FAILED, "%s: %s", tm_folder_shown(folder, name, shown), strerror(reason));
        }
        if (got == 0) {
            return tm_fail(error, TM_FAILED, "%s: FILE_CHANGED: it ends at byte %llu now",
                           tm_folder_shown(folder, name, shown), (unsigned long long)(offset + done));
        }
        done += (size_t)got;
    }
    return TM_OK;
}

tm_status tm_folder_read(const tm_folder *folder, const char *name, size_t limit, char **data, size_t *length,
                         bool *missing, tm_error *error)
{
    int fd = -1;
    tm_file_facts facts;
    char shown[TM_SHOWN];
    *data = NULL;
    tm_status status = tm_folder_file(folder, name, &fd, &facts, missing, error);
    if (status != TM_OK) return status;
    const size_t size = (size_t)facts.size;
    char *content = NULL;
    if ((uint64_t)facts.size > limit) {
        status = tm_fail(error, TM_INVALID_ARGUMENT, "%s: REJECTED(%zu bytes, more than the %zu allowed)",
                         tm_folder_shown(folder, name, shown), size, limit);
    } else {
        content = malloc(size + 1);
        status = content ? tm_folder_read_at(folder, name, fd, 0, content, size, error)
                         : tm_fail_memory(error, "a model's file");
    }
    close(fd);
    if (status == TM_OK) status = tm_folder_unchanged(folder, name, &facts, error);
    if (status != TM_OK) {
        free(content);
        return status;
    }
    content[size] = '\0';
    *data = content;
    *length = size;
    return TM_OK;
}
