/* sentence-transformers' files: modules.json lists what follows the encoder, each module with a folder of its own. */
#include "model/config.h"

#include "base/text.h"
#include "model/checkpoint/shown.h"
#include "model/fields.h"
#include "model/json_file.h"

#include <string.h>

/* One file whose root is an object or array as `fields` says; `root` is freed by the caller. */
static tm_status open_json(const tm_folder *folder, const char *name, char *shown, json_t **root, bool *missing,
                           tm_fields *fields, tm_error *error)
{
    const tm_status status = tm_json_file(folder, name, root, missing, error);
    tm_folder_shown(folder, name, shown);
    *fields = (tm_fields){shown, *root, error, status};
    return status;
}

static const struct {
    const char *field, *word; /* of old and of new files */
    tm_pooling pooling;       /* UNSTATED: known to sentence-transformers alone */
} modes[] = {{"pooling_mode_cls_token", "cls", TM_POOLING_CLS},
             {"pooling_mode_mean_tokens", "mean", TM_POOLING_MEAN},
             {"pooling_mode_max_tokens", "max", TM_POOLING_MAX},
             {"pooling_mode_mean_sqrt_len_tokens", "mean_sqrt_len_tokens", TM_POOLING_UNSTATED},
             {"pooling_mode_weightedmean_tokens", "weightedmean", TM_POOLING_UNSTATED},
             {"pooling_mode_lasttoken", "lasttoken", TM_POOLING_UNSTATED}};

static void read_modes(tm_fields *fields, tm_pooling *into)
{
    char shown[TM_SHOWN];
    int found = -1, count = 0;
    const char *const word = tm_fields_text(fields, "pooling_mode", NULL);
    for (int i = 0; i < (int)(sizeof modes / sizeof *modes); i++) {
        const bool here = word ? strcmp(word, modes[i].word) == 0 : tm_fields_bool(fields, modes[i].field, false);
        if (!here) continue;
        found = i;
        count++;
    }
    if (word && found < 0) {
        tm_fields_fail(fields, TM_UNSUPPORTED, "pooling_mode", "\"%s\" is neither cls, mean nor max",
                       tm_shown(word, strlen(word), shown));
    } else if (count != 1) {
        tm_fields_fail(fields, TM_UNSUPPORTED, "pooling_mode_*", "is true %d times; one kind of pooling is known",
                       count);
    } else if (modes[found].pooling == TM_POOLING_UNSTATED) {
        tm_fields_fail(fields, TM_UNSUPPORTED, modes[found].field, "is not known here; cls, mean and max are");
    } else {
        *into = modes[found].pooling;
    }
}

static tm_status read_pooling(const tm_folder *folder, const char *path, tm_pooling *into, tm_error *error)
{
    tm_text name = {0};
    char shown[TM_SHOWN];
    tm_fields fields;
    json_t *root = NULL;
    tm_text_format(&name, "%s%sconfig.json", path, *path ? "/" : "");
    if (name.failed) return tm_fail_memory(error, "a pooling's name");
    open_json(folder, name.data, shown, &root, NULL, &fields, error);
    if (fields.status == TM_OK && !json_is_object(root))
        tm_fields_fail(&fields, TM_INVALID_ARGUMENT, "the file", "is no JSON object");
    if (fields.status == TM_OK) read_modes(&fields, into);
    json_decref(root);
    tm_text_free(&name);
    return fields.status;
}

/* The last word of "sentence_transformers.models.Pooling". */
static const char *module_kind(const char *type)
{
    const char *const dot = strrchr(type, '.');
    return dot ? dot + 1 : type;
}

static tm_status read_module(const tm_folder *folder, const char *shown, const json_t *module, size_t number,
                             tm_sentence_config *into, tm_error *error)
{
    char word[TM_SHOWN];
    tm_fields fields = {shown, module, error, TM_OK};
    if (!json_is_object(module)) {
        tm_fields_fail(&fields, TM_INVALID_ARGUMENT, "a module", "is no JSON object");
        return fields.status;
    }
    const char *const path = tm_fields_text(&fields, "path", "");
    const char *const type = tm_fields_text(&fields, "type", NULL);
    if (fields.status == TM_OK && !type) tm_fields_fail(&fields, TM_INVALID_ARGUMENT, "type", "is missing");
    if (fields.status != TM_OK) return fields.status;
    const char *const kind = module_kind(type);
    if (strcmp(kind, "Transformer") == 0 && number == 0) {
        if (*path) tm_fields_fail(&fields, TM_UNSUPPORTED, "path", "of the Transformer is not the folder itself");
    } else if (strcmp(kind, "Pooling") == 0 && number > 0 && into->pooling == TM_POOLING_UNSTATED) {
        return read_pooling(folder, path, &into->pooling, error);
    } else if (strcmp(kind, "Normalize") == 0 && into->pooling != TM_POOLING_UNSTATED) {
        into->normalize = true;
    } else {
        tm_fields_fail(&fields, TM_UNSUPPORTED, "type", "\"%s\" of module %zu is not known there",
                       tm_shown(type, strlen(type), word), number);
    }
    return fields.status;
}

static tm_status read_modules(const tm_folder *folder, tm_sentence_config *into, tm_error *error)
{
    char shown[TM_SHOWN];
    tm_fields fields;
    json_t *root = NULL;
    bool missing = false;
    open_json(folder, "modules.json", shown, &root, &missing, &fields, error);
    if (missing) return TM_OK;
    if (fields.status == TM_OK && !json_is_array(root))
        tm_fields_fail(&fields, TM_INVALID_ARGUMENT, "the file", "is no JSON array");
    for (size_t i = 0; fields.status == TM_OK && i < json_array_size(root); i++) {
        fields.status = read_module(folder, shown, json_array_get(root, i), i, into, error);
    }
    json_decref(root);
    return fields.status;
}

static tm_status read_most_tokens(const tm_folder *folder, int64_t *into, tm_error *error)
{
    char shown[TM_SHOWN];
    tm_fields fields;
    json_t *root = NULL;
    bool missing = false;
    open_json(folder, "sentence_bert_config.json", shown, &root, &missing, &fields, error);
    if (missing) return TM_OK;
    if (fields.status == TM_OK && !json_is_object(root))
        tm_fields_fail(&fields, TM_INVALID_ARGUMENT, "the file", "is no JSON object");
    *into = tm_fields_integer(&fields, "max_seq_length", 0, INT32_MAX, 0);
    json_decref(root);
    return fields.status;
}

tm_status tm_sentence_config_read(const tm_folder *folder, tm_sentence_config *into, tm_error *error)
{
    *into = (tm_sentence_config){0};
    const tm_status status = read_modules(folder, into, error);
    return status == TM_OK ? read_most_tokens(folder, &into->most_tokens, error) : status;
}
