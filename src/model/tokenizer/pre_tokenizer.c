/* Reading a pre-tokenizer, and its steps over all pieces of a text. A step either splits pieces, or writes all of the
 * text anew (byte-level characters, a visible space); of the two buffers for that the other one is being read. */
#include "model/tokenizer/pre_tokenizer.h"

#include "model/tokenizer/byte_level.h"
#include "model/tokenizer/split.h"
#include "model/tokenizer/utf8.h"

#include <stdlib.h>
#include <string.h>

typedef enum step_kind {
    STEP_BERT,
    STEP_BYTE_LEVEL,
    STEP_WHITESPACE,
    STEP_WHITESPACE_SPLIT,
    STEP_SPLIT,
    STEP_PUNCTUATION,
    STEP_DIGITS,
    STEP_METASPACE
} step_kind;

typedef enum prepend_scheme { PREPEND_ALWAYS, PREPEND_FIRST, PREPEND_NEVER } prepend_scheme;

typedef struct split_step {
    step_kind kind;
    tm_split_behavior behavior;
    bool invert, prefix_space, use_regex, split;
    tm_scanner scanner;
    tm_regex *regex;
    tm_bytes wanted;            /* of Split, instead of a regular expression */
    char mark[TM_UTF8_LONGEST]; /* of Metaspace: what stands for a space */
    size_t mark_size;
    prepend_scheme scheme;
} split_step;

struct tm_pre_tokenizer {
    split_step steps[TM_JSON_STEPS];
    size_t count;
};

void tm_pre_tokenizer_scratch_free(tm_pre_tokenizer_scratch *scratch)
{
    tm_pieces_free(&scratch->spare);
    tm_text_free(&scratch->swap[0]);
    tm_text_free(&scratch->swap[1]);
    tm_regex_scratch_free(&scratch->regex);
}

void tm_pre_tokenizer_free(tm_pre_tokenizer *pre_tokenizer)
{
    if (!pre_tokenizer) return;
    for (size_t i = 0; i < pre_tokenizer->count; i++) {
        tm_regex_free(pre_tokenizer->steps[i].regex);
        free(pre_tokenizer->steps[i].wanted.data);
    }
    free(pre_tokenizer);
}

static tm_status read_byte_level(const tm_json_place *place, const json_t *json, split_step *into, tm_error *error)
{
    const bool yes = true;
    const tm_status status = tm_json_bool(place, json, "add_prefix_space", NULL, &into->prefix_space, error);
    return status == TM_OK ? tm_json_bool(place, json, "use_regex", &yes, &into->use_regex, error) : status;
}

static tm_status read_split(const tm_json_place *place, const json_t *json, split_step *into, tm_error *error)
{
    const json_t *const pattern = json_object_get(json, "pattern");
    const json_t *const regex = json_object_get(pattern, "Regex");
    int behavior = 0;
    tm_status status = tm_json_choice(place, json, "behavior", tm_split_behaviors, -1, &behavior, error);
    if (status == TM_OK) status = tm_json_bool(place, json, "invert", NULL, &into->invert, error);
    if (status != TM_OK) return status;
    into->behavior = (tm_split_behavior)behavior;
    if (!json_is_string(regex)) return tm_json_bytes(place, pattern, "String", &into->wanted, error);
    const bool all_kept = into->behavior == TM_SPLIT_ISOLATED || (into->behavior == TM_SPLIT_REMOVED && into->invert);
    if (all_kept) into->scanner = tm_scanner_of(json_string_value(regex), json_string_length(regex));
    if (into->scanner != TM_SCAN_NONE) return TM_OK;
    return tm_regex_make(place, json_string_value(regex), json_string_length(regex), &into->regex, error);
}

static tm_status read_punctuation(const tm_json_place *place, const json_t *json, split_step *into, tm_error *error)
{
    int behavior = 0;
    const tm_status status =
        tm_json_choice(place, json, "behavior", tm_split_behaviors, TM_SPLIT_ISOLATED, &behavior, error);
    into->behavior = (tm_split_behavior)behavior;
    return status;
}

static tm_status read_digits(const tm_json_place *place, const json_t *json, split_step *into, tm_error *error)
{
    bool each = false;
    const tm_status status = tm_json_bool(place, json, "individual_digits", NULL, &each, error);
    into->behavior = each ? TM_SPLIT_ISOLATED : TM_SPLIT_CONTIGUOUS;
    return status;
}

static tm_status read_metaspace(const tm_json_place *place, const json_t *json, split_step *into, tm_error *error)
{
    static const char *const schemes[] = {"always", "first", "never", NULL};
    const bool yes = true;
    bool prefix = true;
    uint32_t mark = 0;
    int scheme = 0;
    tm_status status = tm_json_char(place, json, "replacement", &mark, error);
    if (status == TM_OK) status = tm_json_bool(place, json, "add_prefix_space", &yes, &prefix, error);
    if (status == TM_OK) {
        status = tm_json_choice(place, json, "prepend_scheme", schemes, PREPEND_ALWAYS, &scheme, error);
    }
    if (status == TM_OK) status = tm_json_bool(place, json, "split", &yes, &into->split, error);
    if (status != TM_OK) return status;
    if (!prefix && scheme != PREPEND_NEVER) {
        return tm_json_refuse(place, error, "\"add_prefix_space\" and \"prepend_scheme\" do not agree");
    }
    into->scheme = (prepend_scheme)scheme;
    into->mark_size = tm_utf8_put(mark, into->mark);
    return TM_OK;
}

typedef tm_status (*step_reader)(const tm_json_place *place, const json_t *json, split_step *into, tm_error *error);

static const struct step_type {
    const char *name;
    step_kind kind;
    step_reader read;
} types[] = {
    {"BertPreTokenizer", STEP_BERT, NULL}, {"ByteLevel", STEP_BYTE_LEVEL, read_byte_level},
    {"Whitespace", STEP_WHITESPACE, NULL}, {"WhitespaceSplit", STEP_WHITESPACE_SPLIT, NULL},
    {"Split", STEP_SPLIT, read_split},     {"Punctuation", STEP_PUNCTUATION, read_punctuation},
    {"Digits", STEP_DIGITS, read_digits},  {"Metaspace", STEP_METASPACE, read_metaspace},
};

static tm_status read_step(void *context, const tm_json_place *place, const char *type, const json_t *json,
                           tm_error *error)
{
    tm_pre_tokenizer *const pre_tokenizer = context;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (strcmp(types[i].name, type) != 0) continue;
        split_step *const into = &pre_tokenizer->steps[pre_tokenizer->count++];
        into->kind = types[i].kind;
        return types[i].read ? types[i].read(place, json, into, error) : TM_OK;
    }
    return tm_json_unknown(place, type, error);
}

tm_status tm_pre_tokenizer_read(const char *file, const json_t *json, tm_pre_tokenizer **into, tm_error *error)
{
    const tm_json_place place = {file, "pre_tokenizer"};
    *into = NULL;
    if (!json || json_is_null(json)) return TM_OK;
    tm_pre_tokenizer *const pre_tokenizer = calloc(1, sizeof *pre_tokenizer);
    if (!pre_tokenizer) return tm_fail_memory(error, "a tokenizer");
    const tm_status status = tm_json_each(&place, json, "pretokenizers", read_step, pre_tokenizer, error);
    if (status == TM_OK)
        *into = pre_tokenizer;
    else
        tm_pre_tokenizer_free(pre_tokenizer);
    return status;
}

static tm_status make(split_step only, tm_pre_tokenizer **into, tm_error *error)
{
    tm_pre_tokenizer *const pre_tokenizer = *into = calloc(1, sizeof *pre_tokenizer);
    if (!pre_tokenizer) return tm_fail_memory(error, "a tokenizer");
    pre_tokenizer->steps[pre_tokenizer->count++] = only;
    return TM_OK;
}

tm_status tm_pre_tokenizer_make_bert(tm_pre_tokenizer **into, tm_error *error)
{
    return make((split_step){.kind = STEP_BERT}, into, error);
}

tm_status tm_pre_tokenizer_make_byte_level(bool prefix_space, tm_pre_tokenizer **into, tm_error *error)
{
    return make((split_step){.kind = STEP_BYTE_LEVEL, .prefix_space = prefix_space, .use_regex = true}, into, error);
}

bool tm_pre_tokenizer_asks_first(const tm_pre_tokenizer *pre_tokenizer)
{
    for (size_t i = 0; pre_tokenizer && i < pre_tokenizer->count; i++) {
        const split_step *const step = &pre_tokenizer->steps[i];
        if (step->kind == STEP_METASPACE && step->scheme == PREPEND_FIRST) return true;
    }
    return false;
}

/* Words between white space, and every punctuation character alone. */
static void split_bert(const tm_piece *whole, const char *text, tm_pieces *out)
{
    const tm_char_table *const classes = tm_char_classes();
    size_t last = whole->begin, size;
    for (size_t at = last; at < whole->end; at += size) {
        const unsigned class = tm_char_class_of(classes, tm_utf8_get(text + at, &size));
        if (!(class & (TM_CHAR_SPACE | TM_CHAR_PUNCTUATION))) continue;
        tm_pieces_add(out, last, at);
        if (!(class & TM_CHAR_SPACE)) tm_pieces_add(out, at, at + size);
        last = at + size;
    }
    tm_pieces_add(out, last, whole->end);
}

/* Runs of word characters, and runs of what is neither that nor white space. */
static void split_whitespace(const tm_piece *whole, const char *text, tm_pieces *out)
{
    const tm_char_table *const classes = tm_char_classes();
    const unsigned mask = TM_CHAR_SPACE | TM_CHAR_WORD;
    size_t last = whole->begin, size;
    unsigned before = TM_CHAR_SPACE;
    for (size_t at = last; at < whole->end; at += size) {
        const unsigned class = tm_char_class_of(classes, tm_utf8_get(text + at, &size)) & mask;
        if (class == before) continue;
        if (before != TM_CHAR_SPACE) tm_pieces_add(out, last, at);
        before = class;
        last = at;
    }
    if (before != TM_CHAR_SPACE) tm_pieces_add(out, last, whole->end);
}

static void split_by_scanner(tm_scanner scanner, const tm_piece *whole, const char *text, tm_pieces *out)
{
    const tm_char_table *const classes = tm_char_classes();
    for (size_t at = whole->begin; at < whole->end;) {
        const size_t end = tm_scan(scanner, classes, text, whole->end, at);
        tm_pieces_add(out, at, end);
        at = end;
    }
}

static tm_status split_piece(const split_step *step, tm_pre_tokenizer_scratch *scratch, const tm_piece *whole,
                             const char *text, tm_pieces *out, tm_error *error)
{
    const tm_split split = tm_split_begin(step->behavior, step->invert, whole, out);
    switch (step->kind) {
    case STEP_BERT: split_bert(whole, text, out); break;
    case STEP_WHITESPACE: split_whitespace(whole, text, out); break;
    case STEP_WHITESPACE_SPLIT: tm_split_by_class(split, TM_CHAR_SPACE, text); break;
    case STEP_PUNCTUATION: tm_split_by_class(split, TM_CHAR_PUNCTUATION, text); break;
    case STEP_DIGITS: tm_split_by_class(split, TM_CHAR_NUMERIC, text); break;
    case STEP_SPLIT:
        if (step->regex) return tm_split_by_regex(split, step->regex, &scratch->regex, text, error);
        if (step->scanner != TM_SCAN_NONE)
            split_by_scanner(step->scanner, whole, text, out);
        else
            tm_split_by_text(split, step->wanted.data, step->wanted.length, text);
        break;
    case STEP_BYTE_LEVEL: split_by_scanner(TM_SCAN_GPT2, whole, text, out); break;
    case STEP_METASPACE: {
        const tm_split marks = tm_split_begin(TM_SPLIT_MERGED_WITH_NEXT, false, whole, out);
        tm_split_by_text(marks, step->mark, step->mark_size, text);
        break;
    }
    }
    return TM_OK;
}

/* Splits all pieces that are no tokens; the list and the spare one change places. */
static tm_status split_all(const split_step *step, tm_pre_tokenizer_scratch *scratch, const char *text,
                           tm_pieces *pieces, tm_error *error)
{
    tm_pieces *const out = &scratch->spare;
    tm_status status = TM_OK;
    out->count = 0;
    for (size_t i = 0; i < pieces->count && status == TM_OK; i++) {
        const tm_piece *const piece = &pieces->items[i];
        if (tm_piece_is_token(piece))
            tm_pieces_push(out, *piece);
        else
            status = split_piece(step, scratch, piece, text, out, error);
    }
    const tm_pieces swapped = *out;
    *out = *pieces;
    *pieces = swapped;
    return status;
}

/* A range of the text with its first byte's piece as `first` says, written anew behind what `into` has. */
static void rewrite_spaces(const split_step *step, bool first, const char *at, const char *end, tm_text *into)
{
    const bool long_enough = (size_t)(end - at) >= step->mark_size;
    const bool marked = *at == ' ' || (long_enough && memcmp(at, step->mark, step->mark_size) == 0);
    const bool wanted = step->scheme == PREPEND_ALWAYS || (step->scheme == PREPEND_FIRST && first);
    if (wanted && !marked) tm_text_add_bytes(into, step->mark, step->mark_size);
    while (at < end) {
        const char *const space = memchr(at, ' ', (size_t)(end - at));
        tm_text_add_bytes(into, at, (size_t)((space ? space : end) - at));
        if (!space) break;
        tm_text_add_bytes(into, step->mark, step->mark_size);
        at = space + 1;
    }
}

typedef enum rewriting { WITH_PREFIX, WITH_MARKS, IN_BYTES } rewriting;

static void rewrite(rewriting how, const split_step *step, bool first, const char *begin, size_t bytes, tm_text *into)
{
    if (how == IN_BYTES) {
        tm_byte_level_add(into, begin, bytes);
    } else if (how == WITH_MARKS) {
        rewrite_spaces(step, first, begin, begin + bytes, into);
    } else {
        if (*begin != ' ') tm_text_add_bytes(into, " ", 1);
        tm_text_add_bytes(into, begin, bytes);
    }
}

/* Writes all pieces anew and lets them be ranges of that. What came from the first character still does. */
static void rewrite_all(rewriting how, const split_step *step, tm_pre_tokenizer_scratch *scratch, const char **text,
                        tm_pieces *pieces, size_t *first)
{
    tm_text *const into = &scratch->swap[*text == scratch->swap[0].data];
    size_t new_first = 0;
    into->length = 0;
    tm_text_reserve(into, 0);
    for (size_t i = 0; i < pieces->count && !into->failed; i++) {
        tm_piece *const piece = &pieces->items[i];
        const size_t begin = into->length;
        if (tm_piece_is_token(piece)) continue;
        const char *const old = *text + piece->begin;
        const bool from_first = piece->begin < *first;
        if (from_first) {
            const size_t part = (piece->end < *first ? piece->end : *first) - piece->begin;
            rewrite(how, step, true, old, part, into);
            new_first = into->length;
            into->length = begin;
        }
        rewrite(how, step, from_first, old, piece->end - piece->begin, into);
        piece->begin = (uint32_t)begin;
        piece->end = (uint32_t)into->length;
    }
    *text = into->data;
    *first = new_first;
}

static tm_status run_step(const split_step *step, tm_pre_tokenizer_scratch *scratch, const char **text,
                          tm_pieces *pieces, size_t *first, tm_error *error)
{
    const bool bytes = step->kind == STEP_BYTE_LEVEL, marks = step->kind == STEP_METASPACE;
    tm_status status = TM_OK;
    if (marks) rewrite_all(WITH_MARKS, step, scratch, text, pieces, first);
    if (bytes && step->prefix_space) rewrite_all(WITH_PREFIX, step, scratch, text, pieces, first);
    const bool splits = marks ? step->split : !bytes || step->use_regex;
    if (splits && *text) status = split_all(step, scratch, *text, pieces, error);
    if (bytes && *text) rewrite_all(IN_BYTES, step, scratch, text, pieces, first);
    return status;
}

tm_status tm_pre_tokenize(const tm_pre_tokenizer *pre_tokenizer, tm_pre_tokenizer_scratch *scratch, const char **text,
                          tm_pieces *pieces, size_t first, tm_error *error)
{
    tm_status status = TM_OK;
    for (size_t i = 0; pre_tokenizer && i < pre_tokenizer->count && status == TM_OK; i++) {
        status = run_step(&pre_tokenizer->steps[i], scratch, text, pieces, &first, error);
        const tm_text *const swap = scratch->swap;
        if (status == TM_OK && (pieces->failed || scratch->spare.failed || swap[0].failed || swap[1].failed)) {
            status = tm_fail_memory(error, "the text to tokenize");
        }
        if (status == TM_OK && (swap[0].length > TM_LONGEST_WORK || swap[1].length > TM_LONGEST_WORK)) {
            status = tm_fail(error, TM_INVALID_ARGUMENT, "split, the text is longer than %d bytes", TM_LONGEST_WORK);
        }
    }
    return status;
}
