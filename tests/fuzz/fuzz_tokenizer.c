/* Any bytes as tokenizer.json, a zero byte, and a text: one line that says what is wrong with the file, or ids that are
 * the same each time, each token known by its id, and some text back. */
#include "model/tokenizer/tokenizer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { LONGEST_FUZZED = 1 << 12 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds) abort();
}

static tm_tokenizer *open_bytes(const uint8_t *data, size_t size)
{
    char path[64];
    tm_error error = {""};
    tm_tokenizer *tokenizer = NULL;
    const int file = memfd_create("tokenizer.json", MFD_CLOEXEC);
    require(file >= 0 && write(file, data, size) == (ssize_t)size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    const tm_status status = tm_tokenizer_open(path, &tokenizer, &error);
    require((status == TM_OK) == (tokenizer != NULL) && (status == TM_OK || error.message[0] != 0));
    close(file);
    return tokenizer;
}

/* The second time the words come from the cache. */
static void encode_twice(const tm_tokenizer *tokenizer, const char *text, size_t bytes,
                         const tm_encode_options *options)
{
    tm_error error = {""};
    tm_tokens tokens = {0};
    tm_text back = {0};
    const tm_status status = tm_tokenizer_encode(tokenizer, text, bytes, NULL, 0, options, &tokens, &error);
    if (status == TM_OK) {
        const size_t count = tokens.count;
        uint32_t *const ids = malloc((count + 1) * sizeof *ids);
        require(ids != NULL);
        if (count > 0) memcpy(ids, tokens.ids, count * sizeof *ids);
        require(tm_tokenizer_encode(tokenizer, text, bytes, NULL, 0, options, &tokens, &error) == TM_OK);
        require(tokens.count == count && (count == 0 || memcmp(tokens.ids, ids, count * sizeof *ids) == 0));
        for (size_t i = 0; i < count; i++) {
            size_t length;
            require(tokens.special[i] || tm_tokenizer_text(tokenizer, ids[i], &length) != NULL);
        }
        tm_tokenizer_decode(tokenizer, ids, count, true, &back, &error);
        free(ids);
    }
    require(status == TM_OK || error.message[0] != 0);
    tm_text_free(&back);
    tm_tokens_free(&tokens);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *const end = size > 0 ? memchr(data, 0, size) : NULL;
    const size_t json = end ? (size_t)(end - data) : size;
    const size_t left = end ? size - json - 1 : 0;
    const char *const text = end ? (const char *)end + 1 : "";
    tm_tokenizer *const tokenizer = open_bytes(data, json);
    if (!tokenizer) return 0;
    static const tm_encode_options bare = {.bare = true}, whole = {.as_file_says = true};
    encode_twice(tokenizer, text, left < LONGEST_FUZZED ? left : LONGEST_FUZZED, &bare);
    encode_twice(tokenizer, text, left < LONGEST_FUZZED ? left : LONGEST_FUZZED, &whole);
    tm_tokenizer_close(tokenizer);
    return 0;
}
