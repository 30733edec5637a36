/* Files: whole reads with a cap, atomic writes, the user's folders, .npy. */
#ifndef TM_BASE_FILE_H
#define TM_BASE_FILE_H

#include "base/error.h"

#include <stdbool.h>

/* Reads a regular file of at most `limit` bytes; `*data` gets a zero byte behind it and is freed by the caller. */
tm_status tm_file_read(const char *path, size_t limit, char **data, size_t *length, tm_error *error);

/* Temporary file beside `path`, fsync, rename: afterwards the old or the new content, never a mixture. */
tm_status tm_file_write(const char *path, const void *data, size_t length, tm_error *error);

/* Makes a folder and all above it. */
tm_status tm_make_folders(const char *path, tm_error *error);

/* "$XDG_CACHE_HOME/tensormark" (or ~/.cache/...), "$XDG_DATA_HOME/tensormark" (or ~/.local/share/...), made if
 * missing; without a home folder, below /tmp with the user's id. */
tm_status tm_cache_folder(char *into, size_t capacity, tm_error *error);
tm_status tm_data_folder(char *into, size_t capacity, tm_error *error);

/* Writes a dense tensor as NumPy's .npy, version 1.0; bf16 as its raw bits ('<u2'). */
tm_status tm_npy_write(const char *path, const tm_shape *shape, const void *data, tm_error *error);
tm_status tm_npy_write_f64(const char *path, const tm_shape *shape, const double *data, tm_error *error);

#endif
