/* Files of a model's folder. A symbolic link may lead to another file of the folder, not out of it; only regular files
 * are opened, and nothing is ever mapped. In the cache that Hugging Face's tools keep (models--NAME/snapshots/REVISION)
 * the links lead to models--NAME/blobs, so there models--NAME counts as the folder. The path itself may lead anywhere.
 */
#ifndef TM_MODEL_CHECKPOINT_FOLDER_H
#define TM_MODEL_CHECKPOINT_FOLDER_H

#include "base/error.h"

#include <stdbool.h>
#include <sys/types.h>

typedef struct tm_folder tm_folder;

/* What tells that a file is still the one it was. */
typedef struct tm_file_facts {
    dev_t device;
    ino_t inode;
    off_t size;
    int64_t modified_ns;
} tm_file_facts;

/* TM_FAILED when `path` cannot be opened as a folder. tm_folder_close takes NULL too. */
tm_status tm_folder_open(const char *path, tm_folder **into, tm_error *error);
void tm_folder_close(tm_folder *folder);

/* "FOLDER/NAME", for messages: escaped, at most TM_SHOWN bytes. */
const char *tm_folder_shown(const tm_folder *folder, const char *name, char *into);

/* Opens a file by its name in the folder, which may have slashes; never waits. The caller closes `*fd`. Messages begin
 * with the file: TM_INVALID_ARGUMENT with REJECTED(...) for a link out of the folder or what is no regular file,
 * TM_FAILED for what the system refuses. `*missing` (may be NULL) says whether there is no such file. */
tm_status tm_folder_file(const tm_folder *folder, const char *name, int *fd, tm_file_facts *facts, bool *missing,
                         tm_error *error);

/* Opens a file again: TM_FAILED with FILE_CHANGED and what changed unless it is as `facts` say. */
tm_status tm_folder_reopen(const tm_folder *folder, const char *name, const tm_file_facts *facts, int *fd,
                           tm_error *error);

/* TM_OK if the name still leads to a file that is as `facts` say; else TM_FAILED as above. */
tm_status tm_folder_unchanged(const tm_folder *folder, const char *name, const tm_file_facts *facts, tm_error *error);

/* Reads `count` bytes at `offset`; TM_FAILED when the system refuses, FILE_CHANGED when the file ends before. */
tm_status tm_folder_read_at(const tm_folder *folder, const char *name, int fd, uint64_t offset, void *into,
                            size_t count, tm_error *error);

/* A whole small file, with a zero byte behind it, freed by the caller; REJECTED above `limit` bytes. */
tm_status tm_folder_read(const tm_folder *folder, const char *name, size_t limit, char **data, size_t *length,
                         bool *missing, tm_error *error);

#endif
