/* Any bytes as a safetensors file: a refusal, or a header that another JSON parser takes too and whose tensors fill the
 * file. The first byte says what the others are: 0 a whole file, else a header before (byte - 1) * 4 bytes of data. */
#include "model/checkpoint/safetensors.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct source {
    uint64_t length; /* of the header, where it is not among the bytes */
    const uint8_t *bytes;
    size_t count;
    bool whole;
} source;

static void require(bool holds)
{
    if (!holds) abort();
}

static tm_status read_source(void *context, uint64_t offset, void *into, size_t count, tm_error *error)
{
    const source *const s = context;
    (void)error;
    if (!s->whole && offset == 0) {
        require(count == sizeof s->length);
        memcpy(into, &s->length, count);
        return TM_OK;
    }
    const uint64_t at = s->whole ? offset : offset - 8;
    require(at <= s->count && count <= s->count - at);
    memcpy(into, s->bytes + at, count);
    return TM_OK;
}

/* Jansson reads all of JSON but keys with a zero character and numbers beyond its types. */
static void check_header(const char *text, size_t length)
{
    json_error_t error;
    json_t *const root = json_loadb(text, length, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    const enum json_error_code code = root ? json_error_unknown : json_error_code(&error);
    require(root || code == json_error_null_byte_in_key || code == json_error_numeric_overflow);
    require(!root || json_is_object(root));
    json_decref(root);
}

static void check_tensors(const tm_safetensors *file, uint64_t size)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < file->count; i++) {
        const tm_safetensors_entry *const one = &file->entries[i];
        int64_t bits = tm_stored_bits((tm_stored)one->type);
        for (uint32_t d = 0; d < one->rank; d++) bits *= file->dims[one->dims + d];
        require((uint64_t)bits / 8 == one->bytes && one->begin + one->bytes <= size - file->data);
        require(one->where > 8 && one->where < file->data);
        require(file->names.data[one->name + one->name_length] == 0);
        sum += one->bytes;
    }
    require(file->data + sum == size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    source s = {size - 1, data + 1, size - 1, data[0] == 0};
    const uint64_t total = s.whole ? s.count : 8 + s.count + (data[0] - 1u) * 4u;
    tm_safetensors file;
    tm_error error = {""};
    if (tm_safetensors_read(read_source, &s, total, &file, &error) != TM_OK) {
        require(strncmp(error.message, "REJECTED(", 9) == 0 && strstr(error.message, ", offset "));
        require(!file.entries && file.count == 0);
        return 0;
    }
    check_header((const char *)s.bytes + (s.whole ? 8 : 0), (size_t)file.data - 8);
    check_tensors(&file, total);
    tm_safetensors_free(&file);
    return 0;
}
