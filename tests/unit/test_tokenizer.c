/* The tokenizers' parts, each by what can be reasoned out or by another way to the same answer; and hostile files. */
#include "base/clock.h"
#include "model/tokenizer/finder.h"
#include "model/tokenizer/limits.h"
#include "model/tokenizer/normal_form.h"
#include "model/tokenizer/scanner.h"
#include "model/tokenizer/split.h"
#include "model/tokenizer/tokenizer.h"
#include "model/tokenizer/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    uint32_t first;
    uint16_t bits;
} class_runs[] = {
#include "model/tokenizer/unicode_classes.inc"
};

static uint32_t draw(uint32_t *state, uint32_t below)
{
    *state = *state * 1664525u + 1013904223u;
    return (uint32_t)((uint64_t)(*state >> 8) * below >> 24);
}

static void test_repair(void **state)
{
    static const char *const cases[][2] = {{"a\xFF"
                                            "b",
                                            "a\uFFFDb"},
                                           {"\xC3", "\uFFFD"},
                                           {"\xE2\x82", "\uFFFD"},
                                           {"\xE2\x82"
                                            "a",
                                            "\uFFFDa"},
                                           {"\xC0\xAF", "\uFFFD\uFFFD"},
                                           {"\xED\xA0\x80", "\uFFFD\uFFFD\uFFFD"},
                                           {"\xF0\x9F\x98", "\uFFFD"},
                                           {"\xF4\x90\x80\x80", "\uFFFD\uFFFD\uFFFD\uFFFD"},
                                           {"\x80\xC3\xA9", "\uFFFD\u00E9"},
                                           {"\xE0\x80\x80", "\uFFFD\uFFFD\uFFFD"},
                                           {"12345678\xF0\x9F", "12345678\uFFFD"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tm_text text = {0};
        tm_utf8_add_repaired(&text, cases[i][0], strlen(cases[i][0]));
        assert_string_equal(text.data, cases[i][1]);
        assert_int_equal(tm_utf8_valid(text.data, text.length), text.length);
        tm_text_free(&text);
    }
}

static void test_classes(void **state)
{
    (void)state;
    const tm_char_table *const table = tm_char_classes();
    size_t run = 0;
    for (uint32_t c = 0; c < TM_CHAR_END; c++) {
        while (run + 1 < sizeof class_runs / sizeof *class_runs && class_runs[run + 1].first <= c) run++;
        if (tm_char_class_of(table, c) != class_runs[run].bits) fail_msg("U+%04X", c);
    }
    uint32_t lower[2];
    assert_int_equal(tm_char_lower('Q', lower), 1);
    assert_int_equal(lower[0], 'q');
    assert_int_equal(tm_char_lower(0x130, lower), 2);
    assert_int_equal(lower[1], 0x307);
    assert_int_equal(tm_char_lower(0x100, lower) + lower[0], 1 + 0x101);
    assert_int_equal(tm_char_lower(0x101, lower) + lower[0], 1 + 0x101);
    assert_int_equal(tm_char_lower(0x10FFFF, lower) + lower[0], 1 + 0x10FFFF);
}

static void expect_form(tm_normal_form form, const char *text, const char *want)
{
    tm_form_scratch scratch = {0};
    tm_text out = {0};
    tm_normal_form_add(form, text, strlen(text), &scratch, &out);
    assert_string_equal(out.data, want);
    tm_text_free(&out);
    tm_form_scratch_free(&scratch);
}

static void test_forms(void **state)
{
    (void)state;
    expect_form(TM_NFC, "e\u0301x", "\u00E9x");
    expect_form(TM_NFC, "abce\u0323\u0302", "abc\u1EC7");
    expect_form(TM_NFC, "e\u0302\u0323", "\u1EC7");
    expect_form(TM_NFD, "\u1EC7", "e\u0323\u0302");
    expect_form(TM_NFD, "\uAC01", "\u1100\u1161\u11A8");
    expect_form(TM_NFC, "\u1100\u1161\u11A8", "\uAC01");
    expect_form(TM_NFKC, "\uFB01\u00BD", "fi1\u20442");
    expect_form(TM_NFC, "\uFB01", "\uFB01");
    expect_form(TM_NFC, "\U00011935\U00011930", "\U00011935\U00011930"); /* a pair of Unicode 13 */
}

/* Many marks take the counting way, few the other; both in linear time and in the same order. */
static void test_many_marks(void **state)
{
    enum { MARKS = 300000 };
    (void)state;
    tm_text text = {0}, out = {0};
    tm_form_scratch scratch = {0};
    tm_text_add(&text, "a");
    for (int i = 0; i < MARKS; i++) tm_text_add(&text, i % 2 ? "\u0323" : "\u0301");
    const uint64_t begin = tm_now_ns();
    tm_normal_form_add(TM_NFD, text.data, text.length, &scratch, &out);
    assert_true(tm_now_ns() - begin < 2000000000u);
    assert_int_equal(out.length, text.length);
    for (size_t i = 0; i < MARKS; i++) {
        const bool below = i < MARKS / 2; /* U+0323 has class 220, U+0301 has 230 */
        assert_memory_equal(out.data + 1 + 2 * i, below ? "\u0323" : "\u0301", 2);
    }
    tm_text_free(&text);
    tm_text_free(&out);
    tm_form_scratch_free(&scratch);
}

/* Against trying every text at every place. */
static void test_finder(void **state)
{
    (void)state;
    uint32_t seed = 5;
    for (int round = 0; round < 300; round++) {
        char texts[8][8], text[65];
        tm_wanted wanted[8];
        size_t count = 0, twice;
        for (int i = 0; i < 8; i++) {
            const uint32_t length = 1 + draw(&seed, 6);
            for (uint32_t j = 0; j < length; j++) texts[count][j] = "ab"[draw(&seed, 2)];
            texts[count][length] = '\0';
            bool known = false;
            for (size_t j = 0; j < count; j++) known |= strcmp(texts[j], texts[count]) == 0;
            wanted[count] = (tm_wanted){texts[count], length};
            count += !known;
        }
        for (int i = 0; i < 64; i++) text[i] = "abc"[draw(&seed, 20) % 3];
        text[64] = '\0';
        tm_finder *const finder = tm_finder_make(wanted, count, &twice);
        tm_found_list found = {0};
        assert_non_null(finder);
        assert_true(tm_finder_run(finder, text, 64, &found));
        size_t next = found.count;
        for (size_t at = 0; at < 64; at++) {
            size_t longest = 0;
            for (size_t j = 0; j < count; j++) {
                if (!strncmp(text + at, texts[j], wanted[j].length) && wanted[j].length > longest)
                    longest = wanted[j].length;
            }
            if (longest == 0) continue;
            assert_true(next > 0);
            assert_int_equal(found.items[--next].begin, at);
            assert_int_equal(wanted[found.items[next].wanted].length, longest);
        }
        assert_int_equal(next, 0);
        free(found.items);
        tm_finder_free(finder);
    }
    const tm_wanted same[] = {{"ab", 2}, {"ab", 2}};
    size_t twice;
    assert_null(tm_finder_make(same, 2, &twice));
    assert_int_equal(twice, 1);
}

/* The scanners against the expressions that they stand for, matched by PCRE2. */
static void test_scanners(void **state)
{
    static const char *const parts[] = {
        "a",      "B",      "\u00E9", "\u4E2D", "1",   "\u0664",  "\u00BD", " ",  "  ", "\n", "\r\n",   "\t",
        "\u00A0", "\u3000", "'",      "'s",     "'LL", "'\u017F", "'re",    "'d", ".",  "!?", "\u0301", "\U0001F600"};
    static const char *const tails[] = {"\\p{N}{1,3}", "\\p{N}"};
    (void)state;
    const tm_json_place place = {"test", "scanner"};
    uint32_t seed = 11;
    for (tm_scanner scanner = TM_SCAN_GPT2; scanner <= TM_SCAN_QWEN2; scanner++) {
        char pattern[512];
        if (scanner == TM_SCAN_GPT2) {
            snprintf(pattern, sizeof pattern, "%s", tm_scanner_gpt2);
        } else {
            snprintf(pattern, sizeof pattern,
                     "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|%s| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|"
                     "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
                     tails[scanner - TM_SCAN_LLAMA3]);
        }
        assert_int_equal(tm_scanner_of(pattern, strlen(pattern)), scanner);
        assert_int_equal(tm_scanner_of(pattern, strlen(pattern) - 1), TM_SCAN_NONE);
        tm_regex *regex;
        tm_error error = {""};
        tm_regex_scratch scratch = {0};
        assert_int_equal(tm_regex_make(&place, pattern, strlen(pattern), &regex, &error), TM_OK);
        for (int round = 0; round < 3000; round++) {
            tm_text text = {0};
            for (uint32_t i = 1 + draw(&seed, 20); i > 0; i--)
                tm_text_add(&text, parts[draw(&seed, sizeof parts / sizeof *parts)]);
            tm_regex_walk walk = tm_regex_walk_from(regex, &scratch, text.data, text.length);
            for (size_t at = 0, end; at < text.length; at = end) {
                end = tm_scan(scanner, tm_char_classes(), text.data, text.length, at);
                assert_int_equal(tm_regex_walk_next(&walk, &error), TM_OK);
                assert_true(walk.found);
                if (walk.begin != at || walk.end != end)
                    fail_msg("scanner %d, byte %zu of '%s'", (int)scanner, at, text.data);
            }
            tm_text_free(&text);
        }
        tm_regex_scratch_free(&scratch);
        tm_regex_free(regex);
    }
}

static void expect_split(tm_split_behavior behavior, bool invert, const char *text, const char *want)
{
    const tm_piece whole = {0, (uint32_t)strlen(text), TM_PIECE_TEXT};
    tm_pieces out = {0};
    tm_text got = {0};
    tm_split_by_text(tm_split_begin(behavior, invert, &whole, &out), "-", 1, text);
    for (size_t i = 0; i < out.count; i++) {
        if (i > 0) tm_text_add(&got, "|");
        tm_text_add_bytes(&got, text + out.items[i].begin, out.items[i].end - out.items[i].begin);
    }
    tm_text_add(&got, "");
    assert_string_equal(got.data, want);
    tm_text_free(&got);
    tm_pieces_free(&out);
}

static void test_behaviors(void **state)
{
    static const char text[] = "-the-final--countdown-";
    (void)state;
    expect_split(TM_SPLIT_REMOVED, false, text, "the|final|countdown");
    expect_split(TM_SPLIT_REMOVED, true, text, "-|-|-|-|-");
    expect_split(TM_SPLIT_ISOLATED, false, text, "-|the|-|final|-|-|countdown|-");
    expect_split(TM_SPLIT_MERGED_WITH_PREVIOUS, false, text, "-|the-|final-|-|countdown-");
    expect_split(TM_SPLIT_MERGED_WITH_NEXT, false, text, "-the|-final|-|-countdown|-");
    expect_split(TM_SPLIT_CONTIGUOUS, false, text, "-|the|-|final|--|countdown|-");
    expect_split(TM_SPLIT_ISOLATED, false, "", "");
}

static void expect_cut(tm_cut_strategy strategy, size_t room, bool pair, size_t first, size_t second, size_t want_first,
                       size_t want_second)
{
    const tm_truncation rule = {.wanted = true, .strategy = strategy};
    tm_error error = {""};
    assert_int_equal(tm_truncate(&rule, room, pair, &first, &second, &error), TM_OK);
    assert_int_equal(first, want_first);
    assert_int_equal(second, want_second);
}

static void test_truncation(void **state)
{
    (void)state;
    expect_cut(TM_CUT_LONGEST_FIRST, 10, false, 12, 0, 10, 0);
    expect_cut(TM_CUT_LONGEST_FIRST, 10, true, 3, 20, 3, 7);
    expect_cut(TM_CUT_LONGEST_FIRST, 10, true, 20, 3, 7, 3);
    expect_cut(TM_CUT_LONGEST_FIRST, 11, true, 20, 30, 5, 6);
    expect_cut(TM_CUT_LONGEST_FIRST, 11, true, 30, 20, 6, 5);
    expect_cut(TM_CUT_LONGEST_FIRST, 10, true, 5, 5, 5, 5);
    expect_cut(TM_CUT_LONGEST_FIRST, 0, true, 5, 5, 0, 0);
    expect_cut(TM_CUT_ONLY_SECOND, 10, true, 4, 20, 4, 6);
    const tm_truncation first = {.wanted = true, .strategy = TM_CUT_ONLY_FIRST};
    size_t one = 4, two = 20;
    tm_error error = {""};
    assert_int_equal(tm_truncate(&first, 10, true, &one, &two, &error), TM_INVALID_ARGUMENT);
}

#define MODEL                                                                                                          \
    "{\"type\":\"WordPiece\",\"unk_token\":\"[UNK]\",\"continuing_subword_prefix\":\"##\","                            \
    "\"max_input_chars_per_word\":100,\"vocab\":{\"[UNK]\":0,\"a\":1,\"##b\":2,\"b\":3,\"[SEP]\":4}}"
#define ADDED                                                                                                          \
    "{\"id\":%s,\"content\":\"%s\",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,\"normalized\":%s,"         \
    "\"special\":true}"

static void test_whole(void **state)
{
    (void)state;
    char json[2048];
    snprintf(
        json, sizeof json,
        "{\"version\":\"1.0\",\"added_tokens\":[" ADDED "," ADDED "],\"normalizer\":{\"type\":\"Lowercase\"},"
        "\"pre_tokenizer\":{\"type\":\"Whitespace\"},\"decoder\":{\"type\":\"WordPiece\",\"prefix\":\"##\",\"cleanup\":"
        "true},"
        "\"post_processor\":{\"type\":\"BertProcessing\",\"sep\":[\"[SEP]\",4],\"cls\":[\"<c>\",5]},\"model\":" MODEL
        "}",
        "4", "[SEP]", "false", "9", "<c>", "false");
    tm_tokenizer *tokenizer;
    tm_error error = {""};
    assert_int_equal(tm_tokenizer_read("t.json", json, strlen(json), &tokenizer, &error), TM_OK);
    tm_tokens tokens = {0};
    const tm_encode_options plain = {0};
    static const char text[] = "AB a[SEP]b\xFF<c>";
    static const uint32_t want[] = {5, 1, 2, 1, 4, 3, 0, 5, 4}; /* <c> gets the id behind the five of the model */
    assert_int_equal(tm_tokenizer_encode(tokenizer, text, strlen(text), NULL, 0, &plain, &tokens, &error), TM_OK);
    assert_int_equal(tokens.count, sizeof want / sizeof *want);
    assert_memory_equal(tokens.ids, want, sizeof want);
    assert_int_equal(tokens.special[0] + tokens.special[4] + 2 * tokens.special[8], 3);
    tm_text back = {0};
    assert_int_equal(tm_tokenizer_decode(tokenizer, want, 5, true, &back, &error), TM_OK);
    assert_string_equal(back.data, "ab a");
    tm_text_free(&back);
    const tm_encode_options narrow = {.max_length = 1};
    assert_int_equal(tm_tokenizer_encode(tokenizer, text, strlen(text), NULL, 0, &narrow, &tokens, &error),
                     TM_INVALID_ARGUMENT);
    tm_tokens_free(&tokens);
    tm_tokenizer_close(tokenizer);
}

static void refuse(const char *json, const char *part)
{
    tm_tokenizer *tokenizer;
    tm_error error = {""};
    assert_int_not_equal(tm_tokenizer_read("t.json", json, strlen(json), &tokenizer, &error), TM_OK);
    assert_null(tokenizer);
    if (!strstr(error.message, part) || strncmp(error.message, "t.json", 6) != 0) fail_msg("%s", error.message);
}

static void test_refused(void **state)
{
    (void)state;
    char json[2048];
    refuse("", "line 1");
    refuse("[]", "not an object");
    refuse("{}", "model");
    refuse("{\"version\":\"2.0\",\"model\":" MODEL "}", "version");
    refuse("{\"model\":" MODEL ",\"normalizer\":{\"type\":\"Magic\"}}", "normalizer: type 'Magic'");
    refuse("{\"model\":" MODEL
           ",\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Whitespace\"},{\"type\":\"X\"}]}}",
           "pre_tokenizer[1]: type 'X'");
    refuse("{\"model\":" MODEL ",\"decoder\":{\"type\":\"CTC\"}}", "decoder: type 'CTC'");
    refuse("{\"model\":" MODEL ",\"post_processor\":{\"type\":\"Y\"}}", "post_processor: type 'Y'");
    refuse("{\"model\":{\"type\":\"Z\"}}", "\"Z\"");
    refuse("{\"model\":" MODEL ",\"normalizer\":{\"type\":\"Strip\",\"strip_left\":1,\"strip_right\":true}}",
           "strip_left");
    refuse("{\"model\":" MODEL
           ",\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"(\"},\"behavior\":\"Removed\","
           "\"invert\":false}}",
           "regular expression");
    refuse("{\"model\":" MODEL
           ",\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"[a&&b]\"},\"behavior\":\"Removed\","
           "\"invert\":false}}",
           "&&");
    refuse("{\"model\":" MODEL ",\"normalizer\":{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"AAA\"}}",
           "base64");
    refuse("{\"model\":" MODEL ",\"normalizer\":{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"/////w==\"}}",
           "ends before");
    refuse("{\"model\":" MODEL ",\"added_tokens\":[{\"id\":1,\"content\":\"\\ud800\"}]}", "line 1");
    refuse("{\"model\":" MODEL ",\"model\":" MODEL "}", "line 1");
    snprintf(json, sizeof json, "{\"model\":" MODEL ",\"added_tokens\":[" ADDED "]}", "4294967296", "x", "false");
    refuse(json, "added_tokens[0]");
    snprintf(json, sizeof json,
             "{\"model\":" MODEL ",\"normalizer\":{\"type\":\"Lowercase\"},\"added_tokens\":[" ADDED "," ADDED "]}",
             "5", "x", "true", "6", "X", "true");
    refuse(json, "once normalised");
}

/* Sixty-odd steps that each double the text end in an error, not in all of the memory. */
static void test_growth(void **state)
{
    (void)state;
    tm_text json = {0};
    tm_text_add(&json, "{\"model\":" MODEL ",\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[");
    for (int i = 0; i < 60; i++) {
        tm_text_format(&json, "%s{\"type\":\"Replace\",\"pattern\":{\"String\":\"a\"},\"content\":\"aa\"}",
                       i ? "," : "");
    }
    tm_text_add(&json, "]}}");
    tm_tokenizer *tokenizer;
    tm_error error = {""};
    tm_tokens tokens = {0};
    const tm_encode_options plain = {0};
    assert_int_equal(tm_tokenizer_read("t.json", json.data, json.length, &tokenizer, &error), TM_OK);
    assert_int_equal(tm_tokenizer_encode(tokenizer, "a", 1, NULL, 0, &plain, &tokens, &error), TM_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "longer than"));
    tm_tokens_free(&tokens);
    tm_tokenizer_close(tokenizer);
    tm_text_free(&json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_repair),     cmocka_unit_test(test_classes),    cmocka_unit_test(test_forms),
        cmocka_unit_test(test_many_marks), cmocka_unit_test(test_finder),     cmocka_unit_test(test_scanners),
        cmocka_unit_test(test_behaviors),  cmocka_unit_test(test_truncation), cmocka_unit_test(test_whole),
        cmocka_unit_test(test_refused),    cmocka_unit_test(test_growth)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
