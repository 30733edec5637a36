/* Runs a fuzz target over every file of a folder, in builds without libFuzzer. An empty or missing folder fails: a
 * replay of nothing proves nothing. */
#include "base/file.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int main(int count, char **arguments)
{
    if (count != 2) return 2;
    DIR *const folder = opendir(arguments[1]);
    if (!folder) {
        fprintf(stderr, "%s: cannot be read\n", arguments[1]);
        return 1;
    }
    int replayed = 0;
    for (const struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
        char path[4096];
        char *data = NULL;
        size_t length = 0;
        tm_error error = {""};
        if (entry->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "%s/%s", arguments[1], entry->d_name);
        if (tm_file_read(path, (size_t)64 << 20, &data, &length, &error) != TM_OK) {
            fprintf(stderr, "%s\n", error.message);
            closedir(folder);
            return 1;
        }
        fprintf(stderr, "%s\n", path); /* the last one named is the one that crashed */
        LLVMFuzzerTestOneInput((const uint8_t *)data, length);
        free(data);
        replayed++;
    }
    closedir(folder);
    fprintf(stderr, "%d inputs\n", replayed);
    return replayed > 0 ? 0 : 1;
}
