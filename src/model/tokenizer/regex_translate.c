/* From Oniguruma's syntax to PCRE2's. Most of the two is the same. What differs is spelt out (\s, \w, \h, \b, \uHHHH,
 * {,n}, a plus behind an interval) or refused by name, never left to mean another thing. */
#include "model/tokenizer/regex.h"

#include <string.h>

/* Members of classes, as Oniguruma has them. Outside of a class, \w is also six numbers of Latin-1. */
#define SPACE "\\t-\\r\\x{85}\\p{Z}"
#define WORD                                                                                                           \
    "\\p{L}\\p{M}\\p{Nd}\\p{Nl}\\p{Pc}\\x{24B6}-\\x{24E9}\\x{1F130}-\\x{1F149}"                                        \
    "\\x{1F150}-\\x{1F169}\\x{1F170}-\\x{1F189}"
#define LONE_WORD WORD "\\x{B2}\\x{B3}\\x{B9}\\x{BC}-\\x{BE}"
#define HEX       "0-9A-Fa-f"

enum { DEEPEST_GROUP = 64, INTERVAL = 32 };

typedef struct translation {
    const tm_json_place *place;
    const char *pattern;
    size_t length, at;
    tm_text *out;
    size_t atom;                  /* where in `out` the last thing that can be repeated begins */
    size_t groups[DEEPEST_GROUP]; /* where the open groups begin */
    size_t depth;
    tm_error *error;
} translation;

static bool next_is(const translation *t, const char *word)
{
    const size_t length = strlen(word);
    return t->length - t->at >= length && memcmp(t->pattern + t->at, word, length) == 0;
}

static tm_status unsupported(const translation *t, const char *what)
{
    return tm_fail(t->error, TM_UNSUPPORTED, "%.160s: %.60s: a regular expression with %s is not supported",
                   t->place->file, t->place->where, what);
}

/* "\uHHHH", behind the u. */
static tm_status add_code_point(translation *t)
{
    if (t->length - t->at < 4 || strspn(t->pattern + t->at, "0123456789ABCDEFabcdef") < 4) {
        return unsupported(t, "\\u without four digits");
    }
    tm_text_add(t->out, "\\x{");
    tm_text_add_bytes(t->out, t->pattern + t->at, 4);
    tm_text_add(t->out, "}");
    t->at += 4;
    return TM_OK;
}

/* The members of what `letter` stands for; NULL where both languages agree. */
static const char *members(char letter, bool in_class)
{
    if (letter == 'w') return in_class ? WORD : LONE_WORD;
    return letter == 's' ? SPACE : letter == 'h' ? HEX : NULL;
}

/* "{Han}" behind "\p". A script is what a character is of, not, as PCRE2 has it, whatever it is used with. */
static void add_braces(translation *t, bool property)
{
    const char *const start = t->pattern + t->at, *const close = memchr(start, '}', t->length - t->at);
    const size_t length = close ? (size_t)(close - start) + 1 : 1;
    const size_t sign = length > 1 && start[1] == '^';
    char name[32] = "";
    if (property && length - sign > 4 && length < sizeof name) memcpy(name, start + 1 + sign, length - 2 - sign);
    if (*name && tm_regex_is_script(name)) {
        tm_text_format(t->out, "{%ssc:%s}", sign ? "^" : "", name);
    } else {
        tm_text_add_bytes(t->out, start, length);
    }
    t->at += length;
}

/* A backslash and what follows it; `t->at` is behind the backslash. */
static tm_status add_escape(translation *t, bool in_class)
{
    if (t->at == t->length) return unsupported(t, "a backslash at its end");
    const char letter = t->pattern[t->at++];
    const char *const set = members(letter, in_class), *const complement = members((char)(letter | 0x20), in_class);
    if (letter == 'u') return add_code_point(t);
    if (set) {
        tm_text_format(t->out, in_class ? "%s" : "[%s]", set);
    } else if (letter == 'S' || letter == 'W' || letter == 'H') {
        if (in_class) return unsupported(t, "\\S, \\W or \\H inside of a class");
        tm_text_format(t->out, "[^%s]", complement);
    } else if (letter == 'b' && !in_class) {
        tm_text_add(t->out, "(?:(?<=[" LONE_WORD "])(?![" LONE_WORD "])|(?<![" LONE_WORD "])(?=[" LONE_WORD "]))");
    } else if (letter == 'B' && !in_class) {
        tm_text_add(t->out, "(?:(?<=[" LONE_WORD "])(?=[" LONE_WORD "])|(?<![" LONE_WORD "])(?![" LONE_WORD "]))");
    } else if (letter == 'M' || letter == 'C' || letter == 'y' || letter == 'Y' || letter == 'O' || letter == 'N') {
        return unsupported(t, "\\M, \\C, \\y, \\Y, \\O or \\N");
    } else {
        tm_text_add_bytes(t->out, t->pattern + t->at - 2, 2);
        if (strchr("pPxkog", letter) && next_is(t, "{")) add_braces(t, letter == 'p' || letter == 'P');
    }
    return TM_OK;
}

/* A class from its bracket to its end. */
static tm_status add_class(translation *t)
{
    tm_status status = TM_OK;
    tm_text_add(t->out, "[");
    t->at++;
    if (next_is(t, "^")) {
        tm_text_add(t->out, "^");
        t->at++;
    }
    if (next_is(t, "]")) return unsupported(t, "an empty class");
    while (status == TM_OK) {
        if (t->at >= t->length) return unsupported(t, "a class that does not end");
        const char c = t->pattern[t->at];
        if (next_is(t, "&&")) return unsupported(t, "&& inside of a class");
        if (c == '[') return unsupported(t, "a class inside of a class");
        t->at++;
        if (c == '\\')
            status = add_escape(t, true);
        else
            tm_text_add_bytes(t->out, &c, 1);
        if (c == ']') break;
    }
    return status;
}

/* The interval at `t->at`, "{2}", "{2,}", "{,3}" or "{2,3}": its length, 0 if it is none. */
static size_t interval(const translation *t)
{
    const char *const at = t->pattern + t->at;
    const size_t left = t->length - t->at;
    size_t i = 1, digits = 0;
    for (; i < left && at[i] >= '0' && at[i] <= '9'; i++) digits++;
    if (i < left && at[i] == ',') {
        for (i++; i < left && at[i] >= '0' && at[i] <= '9'; i++) digits++;
    }
    return i < left && at[i] == '}' && digits > 0 && i < INTERVAL ? i + 1 : 0;
}

/* In Ruby's syntax "x{2,3}+" is (x{2,3})+; elsewhere the plus makes the interval possessive. */
static tm_status add_interval(translation *t)
{
    const size_t length = interval(t);
    if (length == 0) {
        tm_text_add(t->out, "\\{");
        t->at++;
        return TM_OK;
    }
    const bool repeated = t->at + length < t->length && t->pattern[t->at + length] == '+';
    char atom[1024];
    const size_t atom_length = t->out->length - t->atom;
    if (repeated) {
        if (atom_length >= sizeof atom) return unsupported(t, "a plus behind the interval of something long");
        memcpy(atom, t->out->data + t->atom, atom_length);
        t->out->length = t->atom;
        tm_text_add(t->out, "(?:");
        tm_text_add_bytes(t->out, atom, atom_length);
    }
    tm_text_add(t->out, t->pattern[t->at + 1] == ',' ? "{0" : "{");
    tm_text_add_bytes(t->out, t->pattern + t->at + 1, length - 1);
    if (repeated) tm_text_add(t->out, ")");
    t->at += length;
    return TM_OK;
}

/* "(" and what makes it special; the letters of "(?im-x:" are m and x where they mean other things. */
static tm_status add_group(translation *t)
{
    if (t->depth == DEEPEST_GROUP) return unsupported(t, "groups nested that deeply");
    if (next_is(t, "(?~")) return unsupported(t, "an absence operator");
    if (next_is(t, "(?")) {
        for (size_t i = t->at + 2; i < t->length && (t->pattern[i] == '-' || (t->pattern[i] | 0x20) >= 'a'); i++) {
            if (strchr("msaDSWPyu", t->pattern[i])) return unsupported(t, "options other than i and x");
        }
    }
    t->groups[t->depth++] = t->out->length;
    tm_text_add(t->out, "(");
    t->at++;
    if (next_is(t, "?#")) return unsupported(t, "a comment");
    while (next_is(t, "?") || next_is(t, "<") || next_is(t, ":") || next_is(t, "=") || next_is(t, "!") ||
           next_is(t, ">")) {
        tm_text_add_bytes(t->out, t->pattern + t->at++, 1);
    }
    return TM_OK;
}

static tm_status add_next(translation *t)
{
    const char c = t->pattern[t->at];
    if (c == '{') return add_interval(t);
    if (c == '(') return add_group(t);
    if (c == ')' && t->depth > 0) {
        t->atom = t->groups[--t->depth];
    } else if (!strchr("*+?|", c) || c == '\0') {
        if (((unsigned char)c & 0xC0) != 0x80) t->atom = t->out->length;
        if (c == '[') return add_class(t);
        if (c == '\\') {
            t->at++;
            return add_escape(t, false);
        }
    }
    tm_text_add_bytes(t->out, &c, 1);
    t->at++;
    return TM_OK;
}

tm_status tm_regex_translate(const tm_json_place *place, const char *pattern, size_t length, tm_text *into,
                             tm_error *error)
{
    translation t = {.place = place, .pattern = pattern, .length = length, .out = into, .error = error};
    tm_status status = TM_OK;
    while (status == TM_OK && t.at < length && !into->failed) status = add_next(&t);
    return status;
}
