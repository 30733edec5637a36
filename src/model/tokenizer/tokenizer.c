/* Opening a tokenizer: from tokenizer.json where there is one, else from the older files. Nothing is kept of what turns
 * out to be unknown or broken: the error names it. */
#include "model/tokenizer/tokenizer_parts.h"

#include "base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LARGEST_FILE = 256 << 20, LONGEST_PATH = 4096 };

bool tm_tokenizer_path(const char *folder, const char *name, char *into, size_t capacity)
{
    const int length = snprintf(into, capacity, "%s/%s", folder, name);
    return length > 0 && (size_t)length < capacity && access(into, F_OK) == 0;
}

static tm_status parse(const char *name, const char *data, size_t length, json_t **into, tm_error *error)
{
    json_error_t problem;
    *into = json_loadb(data, length, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &problem);
    if (*into) return TM_OK;
    if (json_error_code(&problem) == json_error_out_of_memory) return tm_fail_memory(error, "a tokenizer");
    return tm_fail(error, TM_INVALID_ARGUMENT, "%.200s: line %d, column %d: %.120s", name, problem.line, problem.column,
                   problem.text);
}

tm_status tm_tokenizer_json(const char *path, json_t **into, tm_error *error)
{
    char *data = NULL;
    size_t length = 0;
    *into = NULL;
    tm_status status = tm_file_read(path, LARGEST_FILE, &data, &length, error);
    if (status == TM_OK) status = parse(path, data, length, into, error);
    free(data);
    return status;
}

static tm_status read_parts(const char *file, json_t *json, tm_tokenizer *into, tm_error *error)
{
    const tm_json_place place = {file, "the file"};
    const char *const version = json_string_value(json_object_get(json, "version"));
    json_t *const model = json_object_get(json, "model");
    if (!json_is_object(json)) return tm_json_refuse(&place, error, "is not an object");
    if (json_object_get(json, "version") && (!version || strcmp(version, "1.0") != 0)) {
        return tm_json_refuse(&place, error, "\"version\" is not \"1.0\"");
    }
    if (!json_is_object(model)) return tm_json_refuse(&place, error, "has no \"model\"");
    tm_status status = tm_normalizer_read(file, json_object_get(json, "normalizer"), &into->normalizer, error);
    if (status == TM_OK) {
        status = tm_pre_tokenizer_read(file, json_object_get(json, "pre_tokenizer"), &into->pre_tokenizer, error);
    }
    if (status == TM_OK) {
        status = tm_post_processor_read(file, json_object_get(json, "post_processor"), &into->post_processor, error);
    }
    if (status == TM_OK) status = tm_decoder_read(file, json_object_get(json, "decoder"), &into->decoder, error);
    if (status == TM_OK) status = tm_limits_read(file, json, &into->limits, error);
    if (status == TM_OK) {
        status = tm_added_tokens_read(file, json_object_get(json, "added_tokens"), &into->added, error);
    }
    if (status == TM_OK) status = tm_token_model_read(model, file, &into->model, error);
    return status;
}

static tm_status take_json(const char *name, json_t *json, tm_tokenizer *into, tm_error *error)
{
    tm_status status = read_parts(name, json, into, error);
    json_decref(json);
    if (status == TM_OK) status = tm_added_tokens_finish(&into->added, name, into->normalizer, into->model, error);
    return status;
}

static tm_status open_json(const char *file, tm_tokenizer *into, tm_error *error)
{
    json_t *json = NULL;
    const tm_status status = tm_tokenizer_json(file, &json, error);
    return status == TM_OK ? take_json(file, json, into, error) : status;
}

static tm_status open_folder(const char *folder, tm_tokenizer *into, tm_error *error)
{
    char file[LONGEST_PATH];
    tm_status status;
    if (tm_tokenizer_path(folder, "tokenizer.json", file, sizeof file)) return open_json(file, into, error);
    if (tm_tokenizer_path(folder, "vocab.txt", file, sizeof file))
        status = tm_tokenizer_open_vocab_txt(folder, into, error);
    else if (tm_tokenizer_path(folder, "vocab.json", file, sizeof file))
        status = tm_tokenizer_open_vocab_json(folder, into, error);
    else
        return tm_fail(error, TM_FAILED, "%.300s: no tokenizer.json, vocab.txt or vocab.json here", folder);
    if (status == TM_OK) {
        status = tm_added_tokens_finish(&into->added, folder, into->normalizer, into->model, error);
    }
    return status;
}

/* Hands out the tokenizer if all went well, else closes it. */
static tm_status hand_out(tm_tokenizer *tokenizer, tm_status status, tm_tokenizer **into)
{
    if (status == TM_OK)
        *into = tokenizer;
    else
        tm_tokenizer_close(tokenizer);
    return status;
}

tm_status tm_tokenizer_open(const char *path, tm_tokenizer **into, tm_error *error)
{
    struct stat about;
    *into = NULL;
    if (stat(path, &about) != 0) return tm_fail(error, TM_FAILED, "%.300s: not there, or not to be read", path);
    tm_tokenizer *const tokenizer = calloc(1, sizeof *tokenizer);
    if (!tokenizer) return tm_fail_memory(error, "a tokenizer");
    const bool folder = S_ISDIR(about.st_mode);
    return hand_out(tokenizer, folder ? open_folder(path, tokenizer, error) : open_json(path, tokenizer, error), into);
}

tm_status tm_tokenizer_read(const char *name, const char *json, size_t length, tm_tokenizer **into, tm_error *error)
{
    json_t *value = NULL;
    *into = NULL;
    const tm_status status = parse(name, json, length, &value, error);
    if (status != TM_OK) return status;
    tm_tokenizer *const tokenizer = calloc(1, sizeof *tokenizer);
    if (!tokenizer) {
        json_decref(value);
        return tm_fail_memory(error, "a tokenizer");
    }
    return hand_out(tokenizer, take_json(name, value, tokenizer, error), into);
}

void tm_tokenizer_close(tm_tokenizer *tokenizer)
{
    if (!tokenizer) return;
    tm_normalizer_free(tokenizer->normalizer);
    tm_pre_tokenizer_free(tokenizer->pre_tokenizer);
    tm_token_model_close(tokenizer->model);
    tm_added_tokens_free(&tokenizer->added);
    tm_post_processor_free(&tokenizer->post_processor);
    tm_decoder_free(tokenizer->decoder);
    free(tokenizer);
}

const char *tm_tokenizer_text(const tm_tokenizer *tokenizer, uint32_t id, size_t *bytes)
{
    const tm_added_token *const added = tm_added_tokens_by_id(&tokenizer->added, id);
    if (!added) return tm_token_model_text(tokenizer->model, id, bytes);
    *bytes = added->content.length;
    return added->content.data;
}

bool tm_tokenizer_id(const tm_tokenizer *tokenizer, const char *text, size_t bytes, uint32_t *id)
{
    const tm_added_token *const added = tm_added_tokens_by_content(&tokenizer->added, text, bytes);
    if (added) *id = added->id;
    return added || tm_token_model_id(tokenizer->model, text, bytes, id);
}

tm_status tm_tokenizer_decode(const tm_tokenizer *tokenizer, const uint32_t *ids, size_t count, bool skip_special,
                              tm_text *into, tm_error *error)
{
    tm_strings tokens = {0};
    for (size_t i = 0; i < count; i++) {
        const tm_added_token *const added = tm_added_tokens_by_id(&tokenizer->added, ids[i]);
        size_t bytes = 0;
        const char *text;
        if (added) {
            const tm_bytes *const read = added->normalized ? &added->normal : &added->content;
            text = skip_special && added->hidden ? NULL : read->data;
            bytes = read->length;
        } else {
            text = tm_token_model_text(tokenizer->model, ids[i], &bytes);
        }
        if (!text) continue;
        tm_text_add_bytes(&tokens.bytes, text, bytes);
        tm_strings_end(&tokens);
    }
    const bool failed = tokens.failed || tokens.bytes.failed;
    const tm_status status =
        failed ? tm_fail_memory(error, "the text of tokens") : tm_decode(tokenizer->decoder, &tokens, into, error);
    tm_strings_free(&tokens);
    return status;
}
