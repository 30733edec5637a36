/* Whole files: capped reads, and writes that leave the old or the new content, never a mixture. */
#include "base/file.h"

#include "base/dtype.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static tm_status read_all(int fd, char *into, size_t length)
{
    size_t done = 0;
    while (done < length) {
        const ssize_t got = read(fd, into + done, length - done);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return TM_FAILED;
        done += (size_t)got;
    }
    return TM_OK;
}

tm_status tm_file_read(const char *path, size_t limit, char **data, size_t *length, tm_error *error)
{
    char *content = NULL;
    tm_status status = TM_FAILED;
    struct stat facts;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &facts) != 0) {
        status = tm_fail(error, TM_FAILED, "%s: %s", path, strerror(errno));
        goto done;
    }
    if (!S_ISREG(facts.st_mode)) {
        status = tm_fail(error, TM_FAILED, "%s: not a regular file", path);
        goto done;
    }
    if ((uint64_t)facts.st_size > limit) {
        status = tm_fail(error, TM_FAILED, "%s: %lld bytes, more than the %zu allowed", path, (long long)facts.st_size,
                         limit);
        goto done;
    }
    content = malloc((size_t)facts.st_size + 1);
    if (!content) {
        status = tm_fail_memory(error, path);
        goto done;
    }
    if (read_all(fd, content, (size_t)facts.st_size) != TM_OK) {
        status = tm_fail(error, TM_FAILED, "%s: could not be read whole", path);
        goto done;
    }
    content[facts.st_size] = '\0';
    *data = content;
    *length = (size_t)facts.st_size;
    content = NULL;
    status = TM_OK;
done:
    free(content);
    if (fd >= 0) close(fd);
    return status;
}

static int write_all(int fd, const char *data, size_t length)
{
    size_t done = 0;
    while (done < length) {
        const ssize_t put = write(fd, data + done, length - done);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return errno;
        done += (size_t)put;
    }
    return fsync(fd) == 0 ? 0 : errno;
}

tm_status tm_file_write(const char *path, const void *data, size_t length, tm_error *error)
{
    tm_text temporary = {0};
    tm_text_format(&temporary, "%s.XXXXXX", path);
    if (temporary.failed) return tm_fail_memory(error, path);
    tm_status status = TM_OK;
    const int fd = mkostemp(temporary.data, O_CLOEXEC);
    if (fd < 0) {
        status = tm_fail(error, TM_FAILED, "%s: %s", path, strerror(errno));
        goto done;
    }
    int failure = write_all(fd, data, length);
    if (!failure && fchmod(fd, 0644) != 0) failure = errno;
    if (close(fd) != 0 && !failure) failure = errno;
    if (!failure && rename(temporary.data, path) != 0) failure = errno;
    if (failure) {
        unlink(temporary.data);
        status = tm_fail(error, TM_FAILED, "%s: %s", path, strerror(failure));
    }
done:
    tm_text_free(&temporary);
    return status;
}

tm_status tm_make_folders(const char *path, tm_error *error)
{
    char copy[4096];
    if (strlen(path) >= sizeof copy) return tm_fail(error, TM_FAILED, "%.64s...: path too long", path);
    strncpy(copy, path, sizeof copy - 1);
    copy[sizeof copy - 1] = '\0';
    for (char *c = copy + 1;; c++) {
        if (*c && *c != '/') continue;
        const char kept = *c;
        *c = '\0';
        if (mkdir(copy, 0755) != 0 && errno != EEXIST) {
            return tm_fail(error, TM_FAILED, "%s: %s", copy, strerror(errno));
        }
        if (!kept) return TM_OK;
        *c = kept;
    }
}

static tm_status user_folder(const char *variable, const char *below_home, char *into, size_t capacity, tm_error *error)
{
    const char *base = getenv(variable), *home = getenv("HOME");
    int length;
    if (base && *base == '/')
        length = snprintf(into, capacity, "%s/tensormark", base);
    else if (home && *home == '/')
        length = snprintf(into, capacity, "%s/%s/tensormark", home, below_home);
    else
        length = snprintf(into, capacity, "/tmp/tensormark-%u/%s", (unsigned)getuid(), below_home);
    if (length < 0 || (size_t)length >= capacity) return tm_fail(error, TM_FAILED, "$%s: path too long", variable);
    return tm_make_folders(into, error);
}

tm_status tm_cache_folder(char *into, size_t capacity, tm_error *error)
{
    return user_folder("XDG_CACHE_HOME", ".cache", into, capacity, error);
}

tm_status tm_data_folder(char *into, size_t capacity, tm_error *error)
{
    return user_folder("XDG_DATA_HOME", ".local/share", into, capacity, error);
}

static tm_status npy_write(const char *path, const char *type, const tm_shape *shape, const void *data, size_t bytes,
                           tm_error *error)
{
    tm_text header = {0};
    tm_text_format(&header, "{'descr': '%s', 'fortran_order': False, 'shape': (", type);
    for (int32_t i = 0; i < shape->rank; i++) tm_text_format(&header, "%lld,", (long long)shape->dim[i]);
    tm_text_add(&header, "), }");
    while (!header.failed && (10 + header.length + 1) % 64 != 0) tm_text_add(&header, " ");
    tm_text_add(&header, "\n");

    tm_status status = TM_OK;
    FILE *file = NULL;
    if (header.failed) {
        status = tm_fail_memory(error, path);
        goto done;
    }
    const unsigned char start[10] = {0x93,
                                     'N',
                                     'U',
                                     'M',
                                     'P',
                                     'Y',
                                     1,
                                     0,
                                     (unsigned char)(header.length & 0xff),
                                     (unsigned char)(header.length >> 8)};
    file = fopen(path, "wbe");
    if (!file || fwrite(start, 1, sizeof start, file) != sizeof start ||
        fwrite(header.data, 1, header.length, file) != header.length || fwrite(data, 1, bytes, file) != bytes) {
        status = tm_fail(error, TM_FAILED, "%s: %s", path, strerror(errno));
    }
done:
    if (file && fclose(file) != 0 && status == TM_OK)
        status = tm_fail(error, TM_FAILED, "%s: %s", path, strerror(errno));
    tm_text_free(&header);
    return status;
}

tm_status tm_npy_write(const char *path, const tm_shape *shape, const void *data, tm_error *error)
{
    static const char *const types[] = {
        [TM_F32] = "<f4", [TM_BF16] = "<u2", [TM_F16] = "<f2", [TM_I32] = "<i4", [TM_I64] = "<i8"};
    return npy_write(path, types[shape->dtype], shape, data, tm_shape_bytes(shape), error);
}

tm_status tm_npy_write_f64(const char *path, const tm_shape *shape, const double *data, tm_error *error)
{
    return npy_write(path, "<f8", shape, data, (size_t)tm_shape_elements(shape) * sizeof(double), error);
}
