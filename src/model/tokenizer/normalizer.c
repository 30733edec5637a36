/* A normaliser is a list of steps, each from one text to another. All but the last write to two buffers by turns, the
 * last one to where the caller wants it. */
#include "model/tokenizer/normalizer.h"

#include "model/tokenizer/byte_level.h"
#include "model/tokenizer/charsmap.h"
#include "model/tokenizer/unicode.h"
#include "model/tokenizer/utf8.h"

#include <stdlib.h>
#include <string.h>

typedef enum step_kind {
    STEP_BERT,
    STEP_FORM,
    STEP_LOWERCASE,
    STEP_STRIP_ACCENTS,
    STEP_STRIP,
    STEP_REPLACE,
    STEP_PREPEND,
    STEP_CHARSMAP,
    STEP_NMT,
    STEP_BYTE_LEVEL
} step_kind;

typedef struct normalize_step {
    step_kind kind;
    tm_bert_rules bert;
    tm_normal_form form;
    bool left, right;
    tm_bytes pattern, content; /* of Replace and Prepend */
    tm_regex *regex;           /* of Replace, instead of a pattern */
    tm_charsmap *map;
} normalize_step;

struct tm_normalizer {
    normalize_step steps[TM_JSON_STEPS];
    size_t count;
};

void tm_normalizer_scratch_free(tm_normalizer_scratch *scratch)
{
    tm_text_free(&scratch->swap[0]);
    tm_text_free(&scratch->swap[1]);
    tm_form_scratch_free(&scratch->form);
    tm_regex_scratch_free(&scratch->regex);
}

void tm_normalizer_free(tm_normalizer *normalizer)
{
    if (!normalizer) return;
    for (size_t i = 0; i < normalizer->count; i++) {
        free(normalizer->steps[i].pattern.data);
        free(normalizer->steps[i].content.data);
        tm_regex_free(normalizer->steps[i].regex);
        tm_charsmap_free(normalizer->steps[i].map);
    }
    free(normalizer);
}

static tm_status read_bert(const tm_json_place *place, const json_t *json, normalize_step *into, tm_error *error)
{
    tm_bert_rules *const rules = &into->bert;
    tm_status status = tm_json_bool(place, json, "clean_text", NULL, &rules->clean, error);
    if (status == TM_OK) {
        status = tm_json_bool(place, json, "handle_chinese_chars", NULL, &rules->chinese, error);
    }
    if (status == TM_OK) status = tm_json_bool(place, json, "lowercase", NULL, &rules->lowercase, error);
    if (status == TM_OK) {
        status = tm_json_bool(place, json, "strip_accents", &rules->lowercase, &rules->strip_accents, error);
    }
    if (status == TM_OK) tm_bert_rules_prepare(rules);
    return status;
}

static tm_status read_strip(const tm_json_place *place, const json_t *json, normalize_step *into, tm_error *error)
{
    const tm_status status = tm_json_bool(place, json, "strip_left", NULL, &into->left, error);
    return status == TM_OK ? tm_json_bool(place, json, "strip_right", NULL, &into->right, error) : status;
}

static tm_status read_replace(const tm_json_place *place, const json_t *json, normalize_step *into, tm_error *error)
{
    const json_t *const pattern = json_object_get(json, "pattern");
    const json_t *const regex = json_object_get(pattern, "Regex");
    tm_status status = tm_json_bytes(place, json, "content", &into->content, error);
    if (status != TM_OK) return status;
    if (!json_is_string(regex)) return tm_json_bytes(place, pattern, "String", &into->pattern, error);
    return tm_regex_make(place, json_string_value(regex), json_string_length(regex), &into->regex, error);
}

static tm_status read_charsmap(const tm_json_place *place, const json_t *json, normalize_step *into, tm_error *error)
{
    const json_t *const map = json_object_get(json, "precompiled_charsmap");
    if (!json_is_string(map)) return tm_json_refuse(place, error, "\"precompiled_charsmap\" is not a string");
    return tm_charsmap_read(place, json_string_value(map), json_string_length(map), &into->map, error);
}

typedef tm_status (*step_reader)(const tm_json_place *place, const json_t *json, normalize_step *into, tm_error *error);

static const struct step_type {
    const char *name;
    step_kind kind;
    step_reader read;
    tm_normal_form form;
} types[] = {
    {"BertNormalizer", STEP_BERT, read_bert, TM_NFC},
    {"NFC", STEP_FORM, NULL, TM_NFC},
    {"NFD", STEP_FORM, NULL, TM_NFD},
    {"NFKC", STEP_FORM, NULL, TM_NFKC},
    {"NFKD", STEP_FORM, NULL, TM_NFKD},
    {"Lowercase", STEP_LOWERCASE, NULL, TM_NFC},
    {"StripAccents", STEP_STRIP_ACCENTS, NULL, TM_NFC},
    {"Strip", STEP_STRIP, read_strip, TM_NFC},
    {"Replace", STEP_REPLACE, read_replace, TM_NFC},
    {"Prepend", STEP_PREPEND, NULL, TM_NFC},
    {"Precompiled", STEP_CHARSMAP, read_charsmap, TM_NFC},
    {"Nmt", STEP_NMT, NULL, TM_NFC},
    {"ByteLevel", STEP_BYTE_LEVEL, NULL, TM_NFC},
};

static tm_status read_step(void *context, const tm_json_place *place, const char *type, const json_t *json,
                           tm_error *error)
{
    tm_normalizer *const normalizer = context;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (strcmp(types[i].name, type) != 0) continue;
        normalize_step *const into = &normalizer->steps[normalizer->count++];
        into->kind = types[i].kind;
        into->form = types[i].form;
        if (into->kind == STEP_PREPEND) return tm_json_bytes(place, json, "prepend", &into->content, error);
        return types[i].read ? types[i].read(place, json, into, error) : TM_OK;
    }
    return tm_json_unknown(place, type, error);
}

tm_status tm_normalizer_read(const char *file, const json_t *json, tm_normalizer **into, tm_error *error)
{
    const tm_json_place place = {file, "normalizer"};
    *into = NULL;
    if (!json || json_is_null(json)) return TM_OK;
    tm_normalizer *const normalizer = calloc(1, sizeof *normalizer);
    if (!normalizer) return tm_fail_memory(error, "a tokenizer");
    const tm_status status = tm_json_each(&place, json, "normalizers", read_step, normalizer, error);
    if (status == TM_OK)
        *into = normalizer;
    else
        tm_normalizer_free(normalizer);
    return status;
}

tm_status tm_normalizer_make_bert(bool lowercase, bool strip_accents, bool chinese, tm_normalizer **into,
                                  tm_error *error)
{
    tm_normalizer *const normalizer = *into = calloc(1, sizeof *normalizer);
    if (!normalizer) return tm_fail_memory(error, "a tokenizer");
    normalizer->count = 1;
    normalizer->steps[0].kind = STEP_BERT;
    normalizer->steps[0].bert =
        (tm_bert_rules){.clean = true, .chinese = chinese, .strip_accents = strip_accents, .lowercase = lowercase};
    tm_bert_rules_prepare(&normalizer->steps[0].bert);
    return TM_OK;
}

bool tm_normalizer_lets_next_be_first(const tm_normalizer *normalizer)
{
    for (size_t i = 0; normalizer && i < normalizer->count; i++) {
        if (normalizer->steps[i].kind == STEP_CHARSMAP) return true;
    }
    return false;
}

static void put(tm_text *into, uint32_t c)
{
    if (tm_text_reserve(into, TM_UTF8_LONGEST)) into->length += tm_utf8_put(c, into->data + into->length);
}

static void lowercase(const char *text, size_t bytes, tm_text *into)
{
    if (!tm_text_reserve(into, bytes)) return;
    for (size_t at = 0, size; at < bytes; at += size) {
        uint32_t lower[2];
        const size_t count = tm_char_lower(tm_utf8_get(text + at, &size), lower);
        for (size_t i = 0; i < count; i++) put(into, lower[i]);
    }
}

static void strip_accents(const char *text, size_t bytes, tm_text *into)
{
    const tm_char_table *const classes = tm_char_classes();
    for (size_t at = 0, size; at < bytes; at += size) {
        const uint32_t c = tm_utf8_get(text + at, &size);
        if (!(tm_char_class_of(classes, c) & TM_CHAR_MARK)) tm_text_add_bytes(into, text + at, size);
    }
}

static void strip(const normalize_step *step, const char *text, size_t bytes, tm_text *into)
{
    const tm_char_table *const classes = tm_char_classes();
    size_t begin = 0, size;
    while (step->left && begin < bytes) {
        if (!(tm_char_class_of(classes, tm_utf8_get(text + begin, &size)) & TM_CHAR_SPACE)) break;
        begin += size;
    }
    while (step->right && bytes > begin) {
        const size_t last = tm_utf8_before(text, bytes);
        if (!(tm_char_class_of(classes, tm_utf8_get(text + last, &size)) & TM_CHAR_SPACE)) break;
        bytes = last;
    }
    tm_text_add_bytes(into, text + begin, bytes - begin);
}

/* White space and control characters as the data of neural machine translation was cleaned. */
static void nmt(const char *text, size_t bytes, tm_text *into)
{
    for (size_t at = 0, size; at < bytes; at += size) {
        const uint32_t c = tm_utf8_get(text + at, &size);
        const bool dropped =
            (c >= 1 && c <= 8) || c == 0xB || (c >= 0xE && c <= 0x1F) || c == 0x7F || c == 0x8F || c == 0x9F;
        const bool space = c == 9 || c == 0xA || c == 0xC || c == 0xD || c == 0x1680 || (c >= 0x200B && c <= 0x200F) ||
                           c == 0x2028 || c == 0x2029 || c == 0x2581 || c == 0xFEFF || c == TM_UTF8_REPLACEMENT;
        if (space)
            tm_text_add_bytes(into, " ", 1);
        else if (!dropped)
            tm_text_add_bytes(into, text + at, size);
    }
}

/* A single byte is the usual case, and is looked for no further than it lies. */
static const char *find_text(const char *at, size_t bytes, const tm_bytes *pattern)
{
    return pattern->length == 1 ? memchr(at, pattern->data[0], bytes)
                                : memmem(at, bytes, pattern->data, pattern->length);
}

static void replace_text(const normalize_step *step, const char *text, size_t bytes, size_t limit, tm_text *into)
{
    const char *at = text;
    const char *const end = text + bytes;
    while (step->pattern.length > 0 && into->length < limit && !into->failed) {
        const char *const found = find_text(at, (size_t)(end - at), &step->pattern);
        if (!found) break;
        tm_text_add_bytes(into, at, (size_t)(found - at));
        tm_text_add_bytes(into, step->content.data, step->content.length);
        at = found + step->pattern.length;
    }
    tm_text_add_bytes(into, at, (size_t)(end - at));
}

static tm_status replace_regex(const normalize_step *step, tm_regex_scratch *scratch, const char *text, size_t bytes,
                               size_t limit, tm_text *into, tm_error *error)
{
    tm_regex_walk walk = tm_regex_walk_from(step->regex, scratch, text, bytes);
    size_t written = 0;
    tm_status status = tm_regex_walk_next(&walk, error);
    while (status == TM_OK && walk.found && into->length < limit && !into->failed) {
        tm_text_add_bytes(into, text + written, walk.begin - written);
        tm_text_add_bytes(into, step->content.data, step->content.length);
        written = walk.end;
        status = tm_regex_walk_next(&walk, error);
    }
    tm_text_add_bytes(into, text + written, bytes - written);
    return status;
}

static tm_status run_step(const normalize_step *step, tm_normalizer_scratch *scratch, const char *text, size_t bytes,
                          tm_text *into, tm_error *error)
{
    const size_t limit = into->length + TM_LONGEST_WORK;
    switch (step->kind) {
    case STEP_BERT: tm_bert_normalize(&step->bert, &scratch->form.order, text, bytes, into); break;
    case STEP_FORM: tm_normal_form_add(step->form, text, bytes, &scratch->form, into); break;
    case STEP_LOWERCASE: lowercase(text, bytes, into); break;
    case STEP_STRIP_ACCENTS: strip_accents(text, bytes, into); break;
    case STEP_STRIP: strip(step, text, bytes, into); break;
    case STEP_PREPEND:
        if (bytes > 0) tm_text_add_bytes(into, step->content.data, step->content.length);
        tm_text_add_bytes(into, text, bytes);
        break;
    case STEP_CHARSMAP: tm_charsmap_add(step->map, text, bytes, limit, into); break;
    case STEP_NMT: nmt(text, bytes, into); break;
    case STEP_BYTE_LEVEL: tm_byte_level_add(into, text, bytes); break;
    case STEP_REPLACE:
        if (step->regex) return replace_regex(step, &scratch->regex, text, bytes, limit, into, error);
        replace_text(step, text, bytes, limit, into);
        break;
    }
    return TM_OK;
}

tm_status tm_normalize(const tm_normalizer *normalizer, tm_normalizer_scratch *scratch, const char *text, size_t bytes,
                       tm_text *into, tm_error *error)
{
    const size_t count = normalizer ? normalizer->count : 0;
    if (count == 0) tm_text_add_bytes(into, text, bytes);
    for (size_t i = 0; i < count; i++) {
        tm_text *const out = i + 1 == count ? into : &scratch->swap[i % 2];
        if (out != into) out->length = 0;
        const size_t start = out->length;
        const tm_status status = run_step(&normalizer->steps[i], scratch, text, bytes, out, error);
        if (status != TM_OK) return status;
        if (out->failed) break;
        bytes = out->length - start;
        if (bytes >= TM_LONGEST_WORK) {
            return tm_fail(error, TM_INVALID_ARGUMENT, "normalised, the text is longer than %d bytes", TM_LONGEST_WORK);
        }
        text = out->data ? out->data + start : "";
    }
    const bool failed = into->failed || scratch->swap[0].failed || scratch->swap[1].failed;
    return failed ? tm_fail_memory(error, "the text to tokenize") : TM_OK;
}
