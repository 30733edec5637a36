/* Folders from before tokenizer.json: the parts that each family of models is known to have, with the switches and the
 * names of special tokens that tokenizer_config.json gives. */
#include "model/tokenizer/tokenizer_parts.h"

#include <stdlib.h>
#include <string.h>

enum { LONGEST_PATH = 4096 };

/* A special token: its key in tokenizer_config.json, and what it is called where that says nothing. */
typedef struct special_name {
    const char *key, *usual;
    bool lstrip;
} special_name;

/* tokenizer_config.json, or an empty object. */
static tm_status read_config(const char *folder, char *path, json_t **into, tm_error *error)
{
    if (tm_tokenizer_path(folder, "tokenizer_config.json", path, LONGEST_PATH)) {
        return tm_tokenizer_json(path, into, error);
    }
    *into = json_object();
    return *into ? TM_OK : tm_fail_memory(error, "a tokenizer");
}

/* "[SEP]" or {"content": "[SEP]", ...}. */
static const char *name_of(const json_t *config, const special_name *name)
{
    const json_t *const value = json_object_get(config, name->key);
    const char *const text = json_string_value(json_is_object(value) ? json_object_get(value, "content") : value);
    return text ? text : name->usual;
}

typedef struct numbered {
    uint64_t id;
    json_t *token;
} numbered;

static int by_number(const void *a, const void *b)
{
    const uint64_t left = ((const numbered *)a)->id, right = ((const numbered *)b)->id;
    return (left > right) - (left < right);
}

/* The tokens of "added_tokens_decoder" as a list in the order of their ids. */
static tm_status list_tokens(const tm_json_place *place, json_t *tokens, json_t *list, tm_error *error)
{
    numbered *const entries = calloc(json_object_size(tokens) + 1, sizeof *entries);
    if (!entries) return tm_fail_memory(error, "a tokenizer");
    const char *key;
    json_t *value;
    size_t count = 0;
    tm_status status = TM_OK;
    json_object_foreach(tokens, key, value)
    {
        entries[count] = (numbered){.token = value};
        if (!tm_parse_u64(key, &entries[count].id) || entries[count].id > UINT32_MAX || !json_is_object(value)) {
            status = tm_json_refuse(place, error, "\"added_tokens_decoder\" has an entry '%.40s'", key);
            break;
        }
        count++;
    }
    qsort(entries, count, sizeof *entries, by_number);
    for (size_t i = 0; i < count && status == TM_OK; i++) {
        json_t *const id = json_integer((json_int_t)entries[i].id);
        if (json_object_set_new(entries[i].token, "id", id) != 0 || json_array_append(list, entries[i].token) != 0) {
            status = tm_fail_memory(error, "a tokenizer");
        }
    }
    free(entries);
    return status;
}

static tm_status add_config_tokens(const tm_json_place *place, const json_t *config, tm_tokenizer *into,
                                   tm_error *error)
{
    json_t *const tokens = json_object_get(config, "added_tokens_decoder");
    json_t *const list = json_array();
    if (!list) return tm_fail_memory(error, "a tokenizer");
    tm_status status = json_is_object(tokens) ? list_tokens(place, tokens, list, error) : TM_OK;
    if (status == TM_OK) status = tm_added_tokens_read(place->file, list, &into->added, error);
    json_decref(list);
    return status;
}

/* The special tokens that the configuration names and has not listed. */
static tm_status add_special(const json_t *config, const special_name *names, size_t count, tm_tokenizer *into,
                             tm_error *error)
{
    const bool listed = json_object_size(json_object_get(config, "added_tokens_decoder")) > 0;
    tm_status status = TM_OK;
    for (size_t i = 0; i < count && !listed && status == TM_OK; i++) {
        const char *const name = name_of(config, &names[i]);
        const tm_added_token like = {.special = true, .lstrip = names[i].lstrip};
        status = tm_added_tokens_add(&into->added, name, strlen(name), like, error);
    }
    return status;
}

/* The id of a special token that the model must have. */
static tm_status special_id(const char *folder, const tm_tokenizer *tokenizer, const char *name, uint32_t *id,
                            tm_error *error)
{
    if (tm_token_model_id(tokenizer->model, name, strlen(name), id)) return TM_OK;
    return tm_fail(error, TM_INVALID_ARGUMENT, "%.200s: the vocabulary has no '%.60s'", folder, name);
}

static tm_status frame(const char *folder, const json_t *config, const special_name *cls, const special_name *sep,
                       bool roberta, tm_tokenizer *into, tm_error *error)
{
    uint32_t cls_id = 0, sep_id = 0;
    tm_status status = special_id(folder, into, name_of(config, cls), &cls_id, error);
    if (status == TM_OK) status = special_id(folder, into, name_of(config, sep), &sep_id, error);
    return status == TM_OK ? tm_post_processor_make(cls_id, sep_id, roberta, &into->post_processor, error) : status;
}

static tm_status make_bert(const tm_json_place *place, const json_t *config, tm_tokenizer *into, tm_error *error)
{
    const bool yes = true;
    bool lower = true, accents = true, chinese = true;
    tm_status status = tm_json_bool(place, config, "do_lower_case", &yes, &lower, error);
    if (status == TM_OK) status = tm_json_bool(place, config, "strip_accents", &lower, &accents, error);
    if (status == TM_OK) status = tm_json_bool(place, config, "tokenize_chinese_chars", &yes, &chinese, error);
    if (status == TM_OK) status = tm_normalizer_make_bert(lower, accents, chinese, &into->normalizer, error);
    if (status == TM_OK) status = tm_pre_tokenizer_make_bert(&into->pre_tokenizer, error);
    return status == TM_OK ? tm_decoder_make_wordpiece("##", &into->decoder, error) : status;
}

tm_status tm_tokenizer_open_vocab_txt(const char *folder, tm_tokenizer *into, tm_error *error)
{
    static const special_name names[] = {{"unk_token", "[UNK]", false},
                                         {"sep_token", "[SEP]", false},
                                         {"pad_token", "[PAD]", false},
                                         {"cls_token", "[CLS]", false},
                                         {"mask_token", "[MASK]", false}};
    char path[LONGEST_PATH] = "";
    json_t *config = NULL;
    tm_status status = read_config(folder, path, &config, error);
    const tm_json_place place = {path, "the file"};
    if (status == TM_OK) status = make_bert(&place, config, into, error);
    tm_tokenizer_path(folder, "vocab.txt", path, sizeof path);
    if (status == TM_OK) status = tm_token_model_read_vocab_txt(path, name_of(config, &names[0]), &into->model, error);
    if (status == TM_OK) status = add_config_tokens(&place, config, into, error);
    if (status == TM_OK) status = add_special(config, names, sizeof names / sizeof *names, into, error);
    if (status == TM_OK) status = frame(folder, config, &names[3], &names[1], false, into, error);
    json_decref(config);
    return status;
}

/* RoBERTa by its class, or, where the configuration says nothing, by its vocabulary. */
static bool is_roberta(const json_t *config, const tm_tokenizer *tokenizer)
{
    const char *const class = json_string_value(json_object_get(config, "tokenizer_class"));
    uint32_t id;
    if (class) return strstr(class, "Roberta") != NULL;
    return tm_token_model_id(tokenizer->model, "<s>", 3, &id) && tm_token_model_id(tokenizer->model, "</s>", 4, &id);
}

static tm_status make_byte_level(const tm_json_place *place, const json_t *config, tm_tokenizer *into, tm_error *error)
{
    const bool no = false;
    bool prefix = false;
    tm_status status = tm_json_bool(place, config, "add_prefix_space", &no, &prefix, error);
    if (status == TM_OK) status = tm_pre_tokenizer_make_byte_level(prefix, &into->pre_tokenizer, error);
    return status == TM_OK ? tm_decoder_make_byte_level(&into->decoder, error) : status;
}

tm_status tm_tokenizer_open_vocab_json(const char *folder, tm_tokenizer *into, tm_error *error)
{
    static const special_name roberta[] = {{"bos_token", "<s>", false},   {"eos_token", "</s>", false},
                                           {"unk_token", "<unk>", false}, {"sep_token", "</s>", false},
                                           {"pad_token", "<pad>", false}, {"cls_token", "<s>", false},
                                           {"mask_token", "<mask>", true}};
    static const special_name gpt2[] = {{"unk_token", "<|endoftext|>", false},
                                        {"bos_token", "<|endoftext|>", false},
                                        {"eos_token", "<|endoftext|>", false}};
    char path[LONGEST_PATH] = "", merges[LONGEST_PATH] = "";
    json_t *config = NULL;
    tm_status status = read_config(folder, path, &config, error);
    const tm_json_place place = {path, "the file"};
    if (status == TM_OK) status = make_byte_level(&place, config, into, error);
    tm_tokenizer_path(folder, "vocab.json", path, sizeof path);
    tm_tokenizer_path(folder, "merges.txt", merges, sizeof merges);
    if (status == TM_OK) status = tm_token_model_read_bpe_files(path, merges, &into->model, error);
    if (status == TM_OK) status = add_config_tokens(&place, config, into, error);
    if (status == TM_OK && is_roberta(config, into)) {
        status = add_special(config, roberta, sizeof roberta / sizeof *roberta, into, error);
        if (status == TM_OK) status = frame(folder, config, &roberta[5], &roberta[3], true, into, error);
    } else if (status == TM_OK) {
        status = add_special(config, gpt2, sizeof gpt2 / sizeof *gpt2, into, error);
    }
    json_decref(config);
    return status;
}
