/* A decoder is a list of steps, each from a list of texts to another; in the end they are put one behind the other. */
#include "model/tokenizer/decoder.h"

#include "model/tokenizer/byte_level.h"
#include "model/tokenizer/utf8.h"

#include <stdlib.h>
#include <string.h>

typedef enum step_kind {
    STEP_WORDPIECE,
    STEP_BYTE_LEVEL,
    STEP_METASPACE,
    STEP_BYTE_FALLBACK,
    STEP_FUSE,
    STEP_STRIP,
    STEP_REPLACE,
    STEP_SUFFIX
} step_kind;

typedef struct decode_step {
    step_kind kind;
    bool cleanup, prefix_space;
    tm_bytes text, content; /* prefix, suffix or what is replaced; what replaces it */
    tm_regex *regex;
    uint32_t mark, start, stop; /* of Metaspace and Strip */
} decode_step;

struct tm_decoder {
    decode_step steps[TM_JSON_STEPS];
    size_t count;
};

void tm_strings_end(tm_strings *strings)
{
    if (strings->count == strings->capacity) {
        const size_t capacity = strings->capacity ? strings->capacity * 2 : 256;
        size_t *const ends = realloc(strings->ends, capacity * sizeof *ends);
        strings->failed |= !ends;
        if (!ends) return;
        strings->ends = ends;
        strings->capacity = capacity;
    }
    strings->ends[strings->count++] = strings->bytes.length;
}

void tm_strings_free(tm_strings *strings)
{
    tm_text_free(&strings->bytes);
    free(strings->ends);
    *strings = (tm_strings){0};
}

void tm_decoder_free(tm_decoder *decoder)
{
    if (!decoder) return;
    for (size_t i = 0; i < decoder->count; i++) {
        free(decoder->steps[i].text.data);
        free(decoder->steps[i].content.data);
        tm_regex_free(decoder->steps[i].regex);
    }
    free(decoder);
}

static tm_status read_wordpiece(const tm_json_place *place, const json_t *json, decode_step *into, tm_error *error)
{
    const tm_status status = tm_json_bool(place, json, "cleanup", NULL, &into->cleanup, error);
    return status == TM_OK ? tm_json_bytes(place, json, "prefix", &into->text, error) : status;
}

static tm_status read_metaspace(const tm_json_place *place, const json_t *json, decode_step *into, tm_error *error)
{
    static const char *const schemes[] = {"always", "first", "never", NULL};
    const bool yes = true;
    bool prefix = true;
    int scheme = 0;
    tm_status status = tm_json_char(place, json, "replacement", &into->mark, error);
    if (status == TM_OK) status = tm_json_bool(place, json, "add_prefix_space", &yes, &prefix, error);
    if (status == TM_OK) status = tm_json_choice(place, json, "prepend_scheme", schemes, 0, &scheme, error);
    into->prefix_space = scheme != 2;
    if (status != TM_OK || prefix || scheme == 2) return status;
    return tm_json_refuse(place, error, "\"add_prefix_space\" and \"prepend_scheme\" do not agree");
}

static tm_status read_strip(const tm_json_place *place, const json_t *json, decode_step *into, tm_error *error)
{
    tm_status status = tm_json_char(place, json, "content", &into->mark, error);
    if (status == TM_OK) status = tm_json_count(place, json, "start", UINT32_MAX, &into->start, error);
    return status == TM_OK ? tm_json_count(place, json, "stop", UINT32_MAX, &into->stop, error) : status;
}

static tm_status read_replace(const tm_json_place *place, const json_t *json, decode_step *into, tm_error *error)
{
    const json_t *const pattern = json_object_get(json, "pattern");
    const json_t *const regex = json_object_get(pattern, "Regex");
    const tm_status status = tm_json_bytes(place, json, "content", &into->content, error);
    if (status != TM_OK) return status;
    if (!json_is_string(regex)) return tm_json_bytes(place, pattern, "String", &into->text, error);
    return tm_regex_make(place, json_string_value(regex), json_string_length(regex), &into->regex, error);
}

static tm_status read_suffix(const tm_json_place *place, const json_t *json, decode_step *into, tm_error *error)
{
    return tm_json_bytes(place, json, "suffix", &into->text, error);
}

typedef tm_status (*step_reader)(const tm_json_place *place, const json_t *json, decode_step *into, tm_error *error);

static const struct step_type {
    const char *name;
    step_kind kind;
    step_reader read;
} types[] = {
    {"WordPiece", STEP_WORDPIECE, read_wordpiece},
    {"ByteLevel", STEP_BYTE_LEVEL, NULL},
    {"Metaspace", STEP_METASPACE, read_metaspace},
    {"ByteFallback", STEP_BYTE_FALLBACK, NULL},
    {"Fuse", STEP_FUSE, NULL},
    {"Strip", STEP_STRIP, read_strip},
    {"Replace", STEP_REPLACE, read_replace},
    {"BPEDecoder", STEP_SUFFIX, read_suffix},
};

static tm_status read_step(void *context, const tm_json_place *place, const char *type, const json_t *json,
                           tm_error *error)
{
    tm_decoder *const decoder = context;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (strcmp(types[i].name, type) != 0) continue;
        decode_step *const into = &decoder->steps[decoder->count++];
        into->kind = types[i].kind;
        return types[i].read ? types[i].read(place, json, into, error) : TM_OK;
    }
    return tm_json_unknown(place, type, error);
}

tm_status tm_decoder_read(const char *file, const json_t *json, tm_decoder **into, tm_error *error)
{
    const tm_json_place place = {file, "decoder"};
    *into = NULL;
    if (!json || json_is_null(json)) return TM_OK;
    tm_decoder *const decoder = calloc(1, sizeof *decoder);
    if (!decoder) return tm_fail_memory(error, "a tokenizer");
    const tm_status status = tm_json_each(&place, json, "decoders", read_step, decoder, error);
    if (status == TM_OK)
        *into = decoder;
    else
        tm_decoder_free(decoder);
    return status;
}

static tm_status make(decode_step only, tm_decoder **into, tm_error *error)
{
    tm_decoder *const decoder = *into = calloc(1, sizeof *decoder);
    if (!decoder) return tm_fail_memory(error, "a tokenizer");
    decoder->steps[decoder->count++] = only;
    return TM_OK;
}

tm_status tm_decoder_make_wordpiece(const char *prefix, tm_decoder **into, tm_error *error)
{
    const tm_bytes text = {strdup(prefix), strlen(prefix)};
    if (!text.data) return tm_fail_memory(error, "a tokenizer");
    const tm_status status = make((decode_step){.kind = STEP_WORDPIECE, .cleanup = true, .text = text}, into, error);
    if (status != TM_OK) free(text.data);
    return status;
}

tm_status tm_decoder_make_byte_level(tm_decoder **into, tm_error *error)
{
    return make((decode_step){.kind = STEP_BYTE_LEVEL}, into, error);
}

/* Appends `text` with every occurrence of `from` replaced. */
static void replace(const char *text, size_t bytes, tm_bytes from, tm_bytes to, tm_text *into)
{
    const char *at = text;
    const char *const end = text + bytes;
    while (from.length > 0) {
        const char *const found = memmem(at, (size_t)(end - at), from.data, from.length);
        if (!found) break;
        tm_text_add_bytes(into, at, (size_t)(found - at));
        tm_text_add_bytes(into, to.data, to.length);
        at = found + from.length;
    }
    tm_text_add_bytes(into, at, (size_t)(end - at));
}

/* What English spelling wants of a word behind a space, one after the other. */
static void clean(tm_text *word, tm_text *spare)
{
    static const char *const pairs[][2] = {{" .", "."},   {" ?", "?"},     {" !", "!"},    {" ,", ","},
                                           {" ' ", "'"},  {" n't", "n't"}, {" 'm", "'m"},  {" do not", " don't"},
                                           {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        const tm_bytes from = {(char *)(uintptr_t)pairs[i][0], strlen(pairs[i][0])};
        const tm_bytes to = {(char *)(uintptr_t)pairs[i][1], strlen(pairs[i][1])};
        if (!word->data || !memmem(word->data, word->length, from.data, from.length)) continue;
        spare->length = 0;
        replace(word->data, word->length, from, to, spare);
        const tm_text swapped = *word;
        *word = *spare;
        *spare = swapped;
    }
}

static void wordpiece(const decode_step *step, const char *token, size_t bytes, size_t index, tm_text work[2],
                      tm_text *into)
{
    const size_t prefix = step->text.length;
    const bool continues = index > 0 && bytes >= prefix && memcmp(token, step->text.data, prefix) == 0;
    work[0].length = 0;
    if (index > 0 && !continues) tm_text_add_bytes(&work[0], " ", 1);
    tm_text_add_bytes(&work[0], continues ? token + prefix : token, continues ? bytes - prefix : bytes);
    if (step->cleanup) clean(&work[0], &work[1]);
    tm_text_add_bytes(into, work[0].data, work[0].length);
}

static void unmark(const decode_step *step, const char *token, size_t bytes, size_t index, tm_text *into)
{
    for (size_t at = 0, size; at < bytes; at += size) {
        const bool marked = tm_utf8_get(token + at, &size) == step->mark;
        if (!marked)
            tm_text_add_bytes(into, token + at, size);
        else if (index > 0 || !step->prefix_space)
            tm_text_add_bytes(into, " ", 1);
    }
}

static void strip(const decode_step *step, const char *token, size_t bytes, tm_text *into)
{
    size_t begin = 0, size;
    for (uint32_t i = 0; i < step->start && begin < bytes; i++) {
        if (tm_utf8_get(token + begin, &size) != step->mark) break;
        begin += size;
    }
    for (uint32_t i = 0; i < step->stop && bytes > begin; i++) {
        const size_t last = tm_utf8_before(token, bytes);
        if (tm_utf8_get(token + last, &size) != step->mark) break;
        bytes = last;
    }
    tm_text_add_bytes(into, token + begin, bytes - begin);
}

static tm_status replace_by_regex(const decode_step *step, tm_regex_scratch *scratch, const char *token, size_t bytes,
                                  tm_text *into, tm_error *error)
{
    tm_regex_walk walk = tm_regex_walk_from(step->regex, scratch, token, bytes);
    size_t written = 0;
    tm_status status = tm_regex_walk_next(&walk, error);
    while (status == TM_OK && walk.found) {
        tm_text_add_bytes(into, token + written, walk.begin - written);
        tm_text_add_bytes(into, step->content.data, step->content.length);
        written = walk.end;
        status = tm_regex_walk_next(&walk, error);
    }
    tm_text_add_bytes(into, token + written, bytes - written);
    return status;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The byte that "<0xHH>" stands for, or -1. */
static int byte_of(const char *token, size_t bytes)
{
    if (bytes != 6 || memcmp(token, "<0x", 3) != 0 || token[5] != '>') return -1;
    const int high = token[3] == '+' ? 0 : hex_digit(token[3]), low = hex_digit(token[4]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* Ends a run of bytes that begins at `start`: one text if they are UTF-8, else a U+FFFD for each. */
static void end_bytes(tm_strings *into, size_t start)
{
    const size_t bytes = into->bytes.length - start;
    if (bytes == 0) return;
    if (tm_utf8_valid(into->bytes.data + start, bytes) < bytes) {
        into->bytes.length = start;
        for (size_t i = 0; i < bytes; i++) tm_text_add(&into->bytes, "\xEF\xBF\xBD");
    }
    tm_strings_end(into);
}

static void byte_fallback(const tm_strings *from, tm_strings *into)
{
    size_t begin = 0, start = 0;
    for (size_t i = 0; i < from->count; i++) {
        const char *const token = from->bytes.data + begin;
        const size_t bytes = from->ends[i] - begin;
        const int byte = byte_of(token, bytes);
        begin = from->ends[i];
        if (byte >= 0) {
            const char one = (char)byte;
            tm_text_add_bytes(&into->bytes, &one, 1);
            continue;
        }
        end_bytes(into, start);
        tm_text_add_bytes(&into->bytes, token, bytes);
        tm_strings_end(into);
        start = into->bytes.length;
    }
    end_bytes(into, start);
}

/* Bytes of several tokens may make one character, so what is not UTF-8 is only known once all are there. */
static void end_byte_level(tm_strings *into)
{
    tm_text repaired = {0};
    tm_utf8_add_repaired(&repaired, into->bytes.data ? into->bytes.data : "", into->bytes.length);
    into->failed |= repaired.failed;
    tm_text_free(&into->bytes);
    into->bytes = repaired;
    tm_strings_end(into);
}

typedef struct decoding {
    tm_text work[2];
    tm_regex_scratch regex;
} decoding;

static tm_status run_token(const decode_step *step, decoding *scratch, const char *token, size_t bytes, size_t index,
                           bool last, tm_text *into, tm_error *error)
{
    const tm_bytes space = {(char *)(uintptr_t) " ", last ? 0 : 1};
    switch (step->kind) {
    case STEP_WORDPIECE: wordpiece(step, token, bytes, index, scratch->work, into); break;
    case STEP_BYTE_LEVEL: tm_byte_level_add_back(into, token, bytes); break;
    case STEP_METASPACE: unmark(step, token, bytes, index, into); break;
    case STEP_STRIP: strip(step, token, bytes, into); break;
    case STEP_SUFFIX: replace(token, bytes, step->text, space, into); break;
    case STEP_REPLACE:
        if (step->regex) return replace_by_regex(step, &scratch->regex, token, bytes, into, error);
        replace(token, bytes, step->text, step->content, into);
        break;
    case STEP_FUSE:
    case STEP_BYTE_FALLBACK: tm_text_add_bytes(into, token, bytes); break;
    }
    return TM_OK;
}

static tm_status run_step(const decode_step *step, decoding *scratch, const tm_strings *from, tm_strings *into,
                          tm_error *error)
{
    const bool joins = step->kind == STEP_FUSE || step->kind == STEP_BYTE_LEVEL;
    tm_status status = TM_OK;
    into->bytes.length = into->count = 0;
    if (step->kind == STEP_BYTE_FALLBACK) {
        byte_fallback(from, into);
        return TM_OK;
    }
    for (size_t i = 0, begin = 0; i < from->count && status == TM_OK; i++) {
        const char *const token = from->bytes.data ? from->bytes.data + begin : "";
        status = run_token(step, scratch, token, from->ends[i] - begin, i, i + 1 == from->count, &into->bytes, error);
        begin = from->ends[i];
        if (!joins) tm_strings_end(into);
        if (into->bytes.length > TM_LONGEST_WORK) {
            return tm_fail(error, TM_INVALID_ARGUMENT, "decoded, the text is longer than %d bytes", TM_LONGEST_WORK);
        }
    }
    if (step->kind == STEP_BYTE_LEVEL) end_byte_level(into);
    if (step->kind == STEP_FUSE) tm_strings_end(into);
    return status;
}

/* Without a decoder, spaces go between tokens. */
static void join(const tm_strings *tokens, bool spaced, tm_text *into)
{
    for (size_t i = 0, begin = 0; i < tokens->count; i++) {
        if (spaced && i > 0) tm_text_add_bytes(into, " ", 1);
        if (tokens->ends[i] > begin) tm_text_add_bytes(into, tokens->bytes.data + begin, tokens->ends[i] - begin);
        begin = tokens->ends[i];
    }
}

tm_status tm_decode(const tm_decoder *decoder, tm_strings *tokens, tm_text *into, tm_error *error)
{
    decoding scratch = {0};
    tm_strings spare = {0};
    tm_status status = TM_OK;
    for (size_t i = 0; decoder && i < decoder->count && status == TM_OK; i++) {
        status = run_step(&decoder->steps[i], &scratch, tokens, &spare, error);
        const tm_strings swapped = *tokens;
        *tokens = spare;
        spare = swapped;
        const bool failed = tokens->failed || tokens->bytes.failed || scratch.work[0].failed || scratch.work[1].failed;
        if (status == TM_OK && failed) status = tm_fail_memory(error, "the text of tokens");
    }
    if (status == TM_OK) join(tokens, !decoder, into);
    if (status == TM_OK && into->failed) status = tm_fail_memory(error, "the text of tokens");
    tm_strings_free(&spare);
    tm_text_free(&scratch.work[0]);
    tm_text_free(&scratch.work[1]);
    tm_regex_scratch_free(&scratch.regex);
    return status;
}
