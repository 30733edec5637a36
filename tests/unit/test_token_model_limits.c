/* Token models that are refused, or must stay quick; the texts of ids; models from files. */
#include "base/clock.h"
#include "token_model_fixture.h"

#include <unistd.h>

static void expect_refused(const char *model, tm_status status, const char *want)
{
    tm_error error = {""};
    tm_token_model *read = NULL;
    assert_int_equal(read_text(model, &read, &error), status);
    assert_null(read);
    assert_string_equal(error.message, want);
}

static void test_text_and_ids(void **state)
{
    (void)state;
    fixture open = open_model("{\"type\": \"BPE\", \"vocab\": {\"a\": 5, \"\": 2, \"é\": 4194303}, \"merges\": []}");
    uint32_t id = 99;
    size_t bytes = 99;
    assert_int_equal(tm_token_model_end(open.model), 4194304);
    assert_true(tm_token_model_id(open.model, "é", 2, &id));
    assert_int_equal(id, 4194303);
    assert_true(tm_token_model_id(open.model, "", 0, &id));
    assert_int_equal(id, 2);
    assert_false(tm_token_model_id(open.model, "b", 1, &id));
    assert_memory_equal(tm_token_model_text(open.model, 4194303, &bytes), "é", 2);
    assert_int_equal(bytes, 2);
    assert_non_null(tm_token_model_text(open.model, 2, &bytes));
    assert_int_equal(bytes, 0);
    static const uint32_t gaps[] = {0, 1, 3, 4, 6, 4194302, 4194304, UINT32_MAX};
    for (size_t i = 0; i < sizeof gaps / sizeof *gaps; i++) {
        assert_null(tm_token_model_text(open.model, gaps[i], &bytes));
    }
    expect(&open, "aéa", "5 4194303 5");
    close_model(&open);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *model, *want;
    } cases[] = {
        {"[]", "model is not an object"},
        {"{\"vocab\": {}}", "model.type is not a string"},
        {"{\"type\": null, \"vocab\": {}, \"merges\": []}", "model.type is not a string"},
        {"{\"type\": \"BPE\", \"merges\": []}", "vocab is not an object"},
        {"{\"type\": \"BPE\", \"vocab\": {}}", "model.merges is not a list"},
        {"{\"type\": \"BPE\", \"vocab\": {\"a\": 1.0}, \"merges\": []}", "token \"a\": its id is not a whole number"},
        {"{\"type\": \"BPE\", \"vocab\": {\"a\": \"1\"}, \"merges\": []}", "token \"a\": its id is not a whole number"},
        {"{\"type\": \"BPE\", \"vocab\": {\"a\": -1}, \"merges\": []}", "token \"a\": its id is negative"},
        {"{\"type\": \"BPE\", \"vocab\": {\"a\": 4194304}, \"merges\": []}",
         "token \"a\": id 4194304 is not below 4194304"},
        {"{\"type\": \"BPE\", \"vocab\": {\"a\": 4294967296}, \"merges\": []}",
         "token \"a\": id 4294967296 is not below 4194304"},
        {"{\"type\": \"BPE\", \"vocab\": {\"a\": 1, \"b\": 1}, \"merges\": []}",
         "token \"b\": another token has the id 1 too"},
        {"{\"type\": \"BPE\", \"vocab\": {\"a\": 1}, \"merges\": [\"a\"]}",
         "merge 0 is not two tokens with one space between"},
        {"{\"type\": \"BPE\", \"vocab\": {\"a\": 1, \"aa\": 2}, \"merges\": [\"a a\", \"a  a\"]}",
         "merge 1 is not two tokens with one space between"},
        {"{\"type\": \"BPE\", \"vocab\": {\"a\": 1, \"aa\": 2}, \"merges\": [\"a a\", [\"a\", \"a\"]]}",
         "merge 1 is not a string as the first is"},
        {"{\"type\": \"BPE\", \"vocab\": {\"a\": 1, \"aa\": 2}, \"merges\": [[\"a\", \"a\"], [\"a\"]]}",
         "merge 1 is not a pair of strings as the first is"},
        {"{\"type\": \"BPE\", \"vocab\": {\"a\": 1}, \"merges\": [\"a b\"]}",
         "token \"b\": not in the vocabulary, which merge 0 needs"},
        {"{\"type\": \"BPE\", \"vocab\": {\"a\": 1}, \"merges\": [\"b\\u0001 a\"]}",
         "token \"b?\": not in the vocabulary, which merge 0 needs"},
        {"{\"type\": \"BPE\", \"vocab\": {\"a\": 1}, \"merges\": [\"a a\"]}",
         "token \"aa\": not in the vocabulary, which merge 0 needs"},
        {"{\"type\": \"BPE\", \"continuing_subword_prefix\": \"##\", \"vocab\": {\"a\": 1}, \"merges\": [\"a a\"]}",
         "token \"a\": shorter than continuing_subword_prefix, which merge 0 needs"},
        {"{\"type\": \"BPE\", \"vocab\": {}, \"merges\": [], \"fuse_unk\": 1}",
         "model.fuse_unk is not true, false or null"},
        {"{\"type\": \"BPE\", \"vocab\": {}, \"merges\": [], \"unk_token\": 1}", "model.unk_token is not a string"},
        {"{\"type\": \"BPE\", \"vocab\": {}, \"merges\": [], \"dropout\": \"0\"}", "model.dropout is not a number"},
        {"{\"type\": \"WordPiece\", \"vocab\": {}}", "model.unk_token is missing"},
        {"{\"type\": \"WordPiece\", \"vocab\": {}, \"unk_token\": \"\", \"continuing_subword_prefix\": \"\", "
         "\"max_input_chars_per_word\": -1}",
         "model.max_input_chars_per_word is not a whole number from 0"},
        {"{\"type\": \"Unigram\", \"vocab\": {}}", "vocab is not a list"},
        {"{\"type\": \"Unigram\", \"vocab\": [[\"a\", 0], [\"b\", \"0\"]]}",
         "model.vocab[1] is not a text and a score"},
        {"{\"type\": \"Unigram\", \"vocab\": [[\"a\", 0, 1]]}", "model.vocab[0] is not a text and a score"},
        {"{\"type\": \"Unigram\", \"vocab\": [[\"a\", 0]], \"unk_id\": 1}",
         "model.unk_id is not null or one of the 1 tokens"},
        {"{\"type\": \"Unigram\", \"vocab\": [[\"a\", 0]], \"unk_id\": -1}",
         "model.unk_id is not null or one of the 1 tokens"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tm_text want = {0};
        tm_text_format(&want, "my.json: %s", cases[i].want);
        expect_refused(cases[i].model, TM_INVALID_ARGUMENT, want.data);
        tm_text_free(&want);
    }
    expect_refused("{\"type\": \"WordLevel\", \"vocab\": {}}", TM_UNSUPPORTED,
                   "my.json: model.type \"WordLevel\" is not known, only WordPiece, BPE and Unigram");
    expect_refused("{\"type\": \"BPE\", \"vocab\": {}, \"merges\": [], \"dropout\": 0.1}", TM_UNSUPPORTED,
                   "my.json: model.dropout is 0.1: ids would be left to chance; set it to null");
}

/* A token as long as may be, and one byte longer. */
static void test_longest_token(void **state)
{
    (void)state;
    static const struct {
        const char *head, *tail;
    } kinds[] = {{"{\"type\": \"BPE\", \"merges\": [], \"ignore_merges\": true, \"vocab\": {\"", "\": 3}}"},
                 {"{\"type\": \"WordPiece\", \"unk_token\": \"\", \"continuing_subword_prefix\": \"#\","
                  "\"max_input_chars_per_word\": 70000, \"vocab\": {\"",
                  "\": 3}}"},
                 {"{\"type\": \"Unigram\", \"vocab\": [[\"a\", -9], [\"b\", -9], [\"c\", -9], [\"", "\", 0]]}"}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        for (size_t bytes = TM_LONGEST_TOKEN; bytes <= TM_LONGEST_TOKEN + 1; bytes++) {
            tm_text model = {0}, token = {0};
            for (size_t at = 0; at < bytes; at++) tm_text_add(&token, at % 7 == 0 ? "b" : "a");
            tm_text_format(&model, "%s%s%s", kinds[i].head, token.data, kinds[i].tail);
            if (bytes > TM_LONGEST_TOKEN) {
                expect_refused(model.data, TM_INVALID_ARGUMENT,
                               "my.json: token \"baaaaaabaaaaaabaaaaaabaaaaaabaaaaaabaaaaaabaaaaa...\": 65537 bytes, "
                               "more than the 65536 allowed");
            } else {
                fixture open = open_model(model.data);
                expect(&open, token.data, "3");
                close_model(&open);
            }
            tm_text_free(&model);
            tm_text_free(&token);
        }
    }
}

/* How many ids the whole text has, found within five seconds. */
static size_t count_quickly(const fixture *open, const char *text, size_t bytes)
{
    tm_ids ids = {0};
    const uint64_t begin = tm_now_ns();
    assert_int_equal(tm_token_model_cut(open->model, open->scratch, text, bytes, &ids, NULL), TM_OK);
    const size_t count = ids.count;
    assert_true(tm_now_ns() - begin < 5000000000u);
    tm_ids_free(&ids);
    return count;
}

/* A million equal characters in one pre-token, where each model would do the most. */
static void test_long_runs(void **state)
{
    (void)state;
    enum { million = 1000000 };
    tm_text run = {0}, bpe = {0}, vocab = {0}, deep = {0};
    while (run.length < million) tm_text_add(&run, "a");
    tm_text_add(&vocab, "\"a\": 0");
    tm_text_add(&bpe, "\"merges\": [");
    for (int doubling = 0, length = 1; doubling < 10; doubling++, length *= 2) {
        tm_text_format(&vocab, ", \"%.*s\": %d", 2 * length, run.data, doubling + 1);
        tm_text_format(&bpe, "%s\"%.*s %.*s\"", doubling > 0 ? ", " : "", length, run.data, length, run.data);
    }
    tm_text model = {0};
    tm_text_format(&model, "{\"type\": \"BPE\", \"vocab\": {%s}, %s]}", vocab.data, bpe.data);
    fixture open = open_model(model.data);
    assert_int_equal(count_quickly(&open, run.data, million), million / 1024 + 2); /* 576 are left: 512 + 64 */
    close_model(&open);

    for (int i = 0; i < 30000; i++) tm_text_add(&deep, "a");
    model.length = 0;
    tm_text_format(&model, "{\"type\": \"Unigram\", \"vocab\": [[\"a\", -1], [\"%sb\", 0]]}", deep.data);
    open = open_model(model.data);
    assert_int_equal(count_quickly(&open, run.data, million), million);
    close_model(&open);

    model.length = 0;
    tm_text_format(&model,
                   "{\"type\": \"WordPiece\", \"unk_token\": \"\", \"continuing_subword_prefix\": \"#\","
                   "\"max_input_chars_per_word\": 1000000, \"vocab\": {\"a\": 0, \"#a\": 1, \"#%sb\": 2}}",
                   deep.data);
    open = open_model(model.data);
    assert_int_equal(count_quickly(&open, run.data, million), million);
    close_model(&open);
    tm_text_free(&run);
    tm_text_free(&bpe);
    tm_text_free(&vocab);
    tm_text_free(&deep);
    tm_text_free(&model);
}

static void test_too_long_or_nested(void **state)
{
    (void)state;
    fixture open = open_model("{\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": []}");
    char *const text = calloc(TM_LONGEST_TEXT + 1, 1);
    assert_non_null(text);
    expect_bytes(&open, text, TM_LONGEST_TEXT, "");
    expect_bytes(&open, text, TM_LONGEST_TEXT + 1, "my.json: a text of 16777217 bytes, more than the 16777216 allowed");
    close_model(&open);
    free(text);

    tm_text model = {0};
    tm_text_add(&model, "{\"type\": \"Unigram\", \"vocab\": [[\"b\", 0]");
    for (int length = 1; length <= 257; length++) {
        tm_text_add(&model, ", [\"");
        for (int i = 0; i < length; i++) tm_text_add(&model, "a");
        tm_text_add(&model, "\", 0]");
    }
    tm_text_add(&model, "]}");
    expect_refused(
        model.data, TM_INVALID_ARGUMENT,
        "my.json: token \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...\": more than 256 tokens are the "
        "end of it");
    tm_text_free(&model);
}

/* More words than the cache has places, twice: the ids of a word do not depend on what came before it. */
static void test_cache(void **state)
{
    (void)state;
    fixture open =
        open_model("{\"type\": \"BPE\", \"unk_token\": \"0\", \"vocab\": {\"0\": 0, \"1\": 1, \"2\": 2, \"3\": 3,"
                   "\"4\": 4, \"5\": 5, \"6\": 6, \"7\": 7, \"8\": 8, \"9\": 9}, \"merges\": []}");
    for (int number = 0; number < 200000; number++) {
        char text[16];
        tm_ids ids = {0};
        const int length = snprintf(text, sizeof text, "%d", number % 60000);
        assert_int_equal(tm_token_model_cut(open.model, open.scratch, text, (size_t)length, &ids, NULL), TM_OK);
        assert_int_equal(ids.count, length);
        for (int i = 0; i < length; i++) assert_int_equal(ids.data[i], text[i] - '0');
        tm_ids_free(&ids);
    }
    close_model(&open);
}

static void write_file(const char *path, const char *content, size_t length)
{
    FILE *const file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(content, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

static void test_vocab_txt(void **state)
{
    (void)state;
    static const char lines[] =
        "?\r\na \n##b\xE3\x80\x80\na\n\nlast"; /* an ideographic space; a twice; an empty line */
    char path[] = "/tmp/tensormark-vocab-XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    write_file(path, lines, sizeof lines - 1);
    tm_error error = {""};
    fixture open = {NULL, NULL};
    if (tm_token_model_read_vocab_txt(path, "?", &open.model, &error) != TM_OK) fail_msg("%s", error.message);
    open.scratch = tm_cut_scratch_make(open.model);
    size_t bytes;
    expect(&open, "ab", "3 2");
    expect(&open, "last", "5");
    expect(&open, "ax", "0");
    assert_null(tm_token_model_text(open.model, 1, &bytes));
    close_model(&open);

    write_file(path, "a\nb\xED\xA0\x80\n", 6);
    tm_text want = {0};
    tm_text_format(&want, "%s: line 2 is not valid UTF-8", path);
    assert_int_equal(tm_token_model_read_vocab_txt(path, "?", &open.model, &error), TM_INVALID_ARGUMENT);
    assert_string_equal(error.message, want.data);
    tm_text_free(&want);
    unlink(path);
    assert_int_equal(tm_token_model_read_vocab_txt(path, "?", &open.model, &error), TM_FAILED);
}

static void test_bpe_files(void **state)
{
    (void)state;
    char vocab[] = "/tmp/tensormark-vocab-XXXXXX", merges[] = "/tmp/tensormark-merges-XXXXXX";
    const int first = mkstemp(vocab), second = mkstemp(merges);
    assert_true(first >= 0 && second >= 0);
    close(first);
    close(second);
    static const char tokens[] = "{\"a\": 0, \"b\": 1, \"ab\": 2}", lines[] = "#version: 0.2\r\na b\r\n",
                      bad[] = "a b\n\n";
    write_file(vocab, tokens, sizeof tokens - 1);
    write_file(merges, lines, sizeof lines - 1);
    tm_error error = {""};
    fixture open = {NULL, NULL};
    if (tm_token_model_read_bpe_files(vocab, merges, &open.model, &error) != TM_OK) fail_msg("%s", error.message);
    open.scratch = tm_cut_scratch_make(open.model);
    expect(&open, "abxb", "2 1");
    close_model(&open);

    tm_text want = {0};
    write_file(merges, bad, sizeof bad - 1);
    tm_text_format(&want, "%s: merge 1 is not two tokens with one space between", merges);
    assert_int_equal(tm_token_model_read_bpe_files(vocab, merges, &open.model, &error), TM_INVALID_ARGUMENT);
    assert_string_equal(error.message, want.data);
    want.length = 0;
    write_file(vocab, "{\"a\": 0", 7);
    tm_text_format(&want, "%s:1:7: ", vocab);
    assert_int_equal(tm_token_model_read_bpe_files(vocab, merges, &open.model, &error), TM_INVALID_ARGUMENT);
    assert_int_equal(strncmp(error.message, want.data, want.length), 0);
    tm_text_free(&want);
    unlink(vocab);
    unlink(merges);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_and_ids),       cmocka_unit_test(test_refused),
        cmocka_unit_test(test_longest_token),      cmocka_unit_test(test_long_runs),
        cmocka_unit_test(test_too_long_or_nested), cmocka_unit_test(test_cache),
        cmocka_unit_test(test_vocab_txt),          cmocka_unit_test(test_bpe_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
