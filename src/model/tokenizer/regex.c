/* Matching by PCRE2, compiled to machine code where that is possible. The text is known to be valid UTF-8. */
#include "model/tokenizer/regex.h"

#include "model/tokenizer/utf8.h"

#include <stdio.h>
#include <stdlib.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

enum { STACK_FIRST = 32 << 10, STACK_MOST = 8 << 20 };

struct tm_regex {
    pcre2_code *code;
    char name[64]; /* the expression's beginning, for errors */
};

void tm_regex_scratch_free(tm_regex_scratch *scratch)
{
    pcre2_match_data_free(scratch->match);
    pcre2_match_context_free(scratch->context);
    pcre2_jit_stack_free(scratch->stack);
    *scratch = (tm_regex_scratch){0};
}

static bool ready(tm_regex_scratch *scratch)
{
    if (scratch->match) return true;
    scratch->context = pcre2_match_context_create(NULL);
    scratch->stack = pcre2_jit_stack_create(STACK_FIRST, STACK_MOST, NULL);
    if (scratch->context && scratch->stack) scratch->match = pcre2_match_data_create(1, NULL);
    if (scratch->match) pcre2_jit_stack_assign(scratch->context, NULL, scratch->stack);
    if (!scratch->match) tm_regex_scratch_free(scratch);
    return scratch->match != NULL;
}

static tm_status compile(const tm_json_place *place, const tm_text *pattern, tm_regex *regex, tm_error *error)
{
    int code = 0;
    PCRE2_SIZE offset = 0;
    pcre2_compile_context *const context = pcre2_compile_context_create(NULL);
    if (!context) return tm_fail_memory(error, "a regular expression");
    pcre2_set_newline(context, PCRE2_NEWLINE_LF);
    regex->code = pcre2_compile((PCRE2_SPTR)pattern->data, pattern->length, PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE,
                                &code, &offset, context);
    pcre2_compile_context_free(context);
    if (regex->code) {
        pcre2_jit_compile(regex->code, PCRE2_JIT_COMPLETE); /* where that fails, matching interprets */
        return TM_OK;
    }
    PCRE2_UCHAR reason[128] = "";
    pcre2_get_error_message(code, reason, sizeof reason);
    return tm_json_refuse(place, error, "'%.60s' is no regular expression: %.80s", regex->name, (const char *)reason);
}

bool tm_regex_is_script(const char *name)
{
    char pattern[64];
    int code = 0;
    PCRE2_SIZE offset = 0;
    const int length = snprintf(pattern, sizeof pattern, "\\p{sc:%s}", name);
    if (length < 0 || (size_t)length >= sizeof pattern) return false;
    pcre2_code *const compiled =
        pcre2_compile((PCRE2_SPTR)pattern, (size_t)length, PCRE2_UTF | PCRE2_UCP, &code, &offset, NULL);
    pcre2_code_free(compiled);
    return compiled != NULL;
}

tm_status tm_regex_make(const tm_json_place *place, const char *pattern, size_t length, tm_regex **into,
                        tm_error *error)
{
    tm_text translated = {0};
    tm_regex *const regex = calloc(1, sizeof *regex);
    *into = NULL;
    if (!regex) return tm_fail_memory(error, "a regular expression");
    for (size_t i = 0; i < length && i + 1 < sizeof regex->name; i++) regex->name[i] = pattern[i];
    tm_text_add(&translated, "");
    tm_status status = tm_regex_translate(place, pattern, length, &translated, error);
    if (status == TM_OK && translated.failed) status = tm_fail_memory(error, "a regular expression");
    if (status == TM_OK) status = compile(place, &translated, regex, error);
    tm_text_free(&translated);
    if (status == TM_OK)
        *into = regex;
    else
        tm_regex_free(regex);
    return status;
}

void tm_regex_free(tm_regex *regex)
{
    if (!regex) return;
    pcre2_code_free(regex->code);
    free(regex);
}

tm_regex_walk tm_regex_walk_from(const tm_regex *regex, tm_regex_scratch *scratch, const char *text, size_t bytes)
{
    return (tm_regex_walk){.regex = regex, .scratch = scratch, .text = text, .bytes = bytes};
}

static tm_status find(tm_regex_walk *walk, tm_error *error)
{
    tm_regex_scratch *const scratch = walk->scratch;
    const int result = pcre2_match(walk->regex->code, (PCRE2_SPTR)walk->text, walk->bytes, walk->from,
                                   PCRE2_NO_UTF_CHECK, scratch->match, scratch->context);
    walk->found = result >= 0;
    if (walk->found) {
        const PCRE2_SIZE *const offsets = pcre2_get_ovector_pointer(scratch->match);
        walk->begin = offsets[0] < walk->from ? walk->from : offsets[0];
        walk->end = offsets[1] < walk->begin ? walk->begin : offsets[1];
        return TM_OK;
    }
    if (result == PCRE2_ERROR_NOMATCH) return TM_OK;
    PCRE2_UCHAR reason[128] = "";
    pcre2_get_error_message(result, reason, sizeof reason);
    return tm_fail(error, TM_FAILED, "matching '%.60s' failed: %.80s", walk->regex->name, (const char *)reason);
}

tm_status tm_regex_walk_next(tm_regex_walk *walk, tm_error *error)
{
    if (!ready(walk->scratch)) return tm_fail_memory(error, "a regular expression");
    walk->found = false;
    while (walk->from <= walk->bytes && walk->bytes > 0) {
        const size_t last = walk->end;
        const tm_status status = find(walk, error);
        if (status != TM_OK || !walk->found) return status;
        if (walk->end > walk->begin || !walk->after || walk->begin != last) break;
        walk->found = false;
        if (walk->from == walk->bytes) return TM_OK;
        size_t size;
        tm_utf8_get(walk->text + walk->from, &size);
        walk->from += size;
    }
    walk->after |= walk->found;
    walk->from = walk->end;
    return TM_OK;
}
