/* A scratch folder of model files for tests, removed with all that is in it. */
#ifndef TM_TESTS_MODEL_PLACE_H
#define TM_TESTS_MODEL_PLACE_H

#include "base/error.h"
#include "base/file.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

enum { PLACE_PATH = 256 };

typedef struct model_place {
    char path[64];
} model_place;

static inline model_place place_make(void)
{
    model_place place = {"/tmp/tm-model-XXXXXX"};
    assert_non_null(mkdtemp(place.path));
    return place;
}

static int place_remove_one(const char *path, const struct stat *facts, int type, struct FTW *level)
{
    (void)facts;
    (void)type;
    (void)level;
    return remove(path);
}

static inline void place_remove(const model_place *place)
{
    nftw(place->path, place_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static inline const char *place_name(const model_place *place, const char *name, char into[PLACE_PATH])
{
    snprintf(into, PLACE_PATH, "%s/%s", place->path, name);
    return into;
}

static inline void place_write(const model_place *place, const char *name, const void *bytes, size_t count)
{
    char path[PLACE_PATH];
    tm_error error = {""};
    place_name(place, name, path);
    char *const slash = strrchr(path, '/');
    *slash = '\0';
    assert_int_equal(tm_make_folders(path, &error), TM_OK);
    *slash = '/';
    assert_int_equal(tm_file_write(path, bytes, count, &error), TM_OK);
}

/* A safetensors file of this header and `count` bytes of data. */
static inline void place_write_tensors(const model_place *place, const char *name, const char *header, const void *data,
                                       size_t count)
{
    const uint64_t length = strlen(header);
    unsigned char *const bytes = malloc(8 + length + count);
    assert_non_null(bytes);
    memcpy(bytes, &length, 8);
    memcpy(bytes + 8, header, length);
    if (count) memcpy(bytes + 8 + length, data, count);
    place_write(place, name, bytes, 8 + length + count);
    free(bytes);
}

#endif
