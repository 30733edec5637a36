/* Token models on vocabularies small enough to reason about, and against a plain BPE on random merges. */
#include "token_model_fixture.h"

/* One model, and texts with the ids they become, up to NULL. */
static void expect_all(const char *model, const char *const *texts)
{
    fixture open = open_model(model);
    for (; *texts; texts += 2) {
        expect(&open, texts[0], texts[1]);
        expect(&open, texts[0], texts[1]); /* from the cache now, where there is one */
    }
    close_model(&open);
}

static void test_wordpiece(void **state)
{
    (void)state;
    expect_all("{\"type\": \"WordPiece\", \"unk_token\": \"?\", \"continuing_subword_prefix\": \"##\","
               "\"max_input_chars_per_word\": 9, \"vocab\": {\"?\": 7, \"un\": 1, \"unab\": 2, \"##able\": 3,"
               "\"##a\": 4, \"é\": 5, \"##é\": 6, \"##\": 8}}",
               (const char *const[]){"",           "",                  //
                                     "un",         "1",                 //
                                     "unable",     "7",                 /* unab is taken, and nothing goes on with le */
                                     "unaable",    "1 4 3",             //
                                     "##able",     "3",                 /* a word may read like an inside */
                                     "éé",         "5 6",               //
                                     "ééééééééé",  "5 6 6 6 6 6 6 6 6", /* nine characters */
                                     "éééééééééé", "7",                 //
                                     "un##",       "7",                 /* the prefix alone is no inside */
                                     "x",          "7",
                                     NULL});
    expect_all("{\"type\": \"WordPiece\", \"unk_token\": \"?\", \"continuing_subword_prefix\": \"\","
               "\"max_input_chars_per_word\": 100, \"vocab\": {\"a\": 0, \"ab\": 1}}",
               (const char *const[]){
                   "aaba", "0 1 0", "b",
                   "my.json: token \"b\": cannot be cut, and the unknown token is not in the vocabulary", NULL});
}

/* In words of more than 256 bytes over tokens as long, an automaton finds the tokens. */
static void test_wordpiece_long(void **state)
{
    (void)state;
    tm_text model = {0}, word = {0};
    tm_text_add(&model,
                "{\"type\": \"WordPiece\", \"unk_token\": \"?\", \"continuing_subword_prefix\": \"##\","
                "\"max_input_chars_per_word\": 1000000, \"vocab\": {\"?\": 0, \"a\": 1, \"##a\": 2, \"##aaab\": 3,"
                "\"##c\": 5, \"##");
    for (int i = 0; i < 300; i++) tm_text_add(&model, "a");
    tm_text_add(&model, "c\": 4}}");
    fixture open = open_model(model.data);
    for (int i = 0; i < 302; i++) tm_text_add(&word, "a");
    tm_text_add(&word, "caaabc"); /* a a "a*300 c" aaab c */
    expect(&open, word.data, "1 2 4 3 5");
    tm_text_add(&word, "d");
    expect(&open, word.data, "0");
    close_model(&open);
    tm_text_free(&model);
    tm_text_free(&word);
}

static void test_bpe_order(void **state)
{
    (void)state;
    /* The lowest rank first, wherever it stands; the leftmost of equals; then what the merges made. */
    expect_all(
        "{\"type\": \"BPE\", \"vocab\": {\"a\": 0, \"b\": 1, \"c\": 2, \"bc\": 3, \"ab\": 4, \"aa\": 5, \"aab\": 6},"
        "\"merges\": [\"b c\", \"a b\", \"a a\", \"a ab\"]}",
        (const char *const[]){"abc", "0 3", "ab", "4", "aaa", "5 0", "aaab", "5 4", "aabc", "5 3", "xay", "0", NULL});
    /* Of equal merges the last counts: its rank is that of the whole. */
    expect_all("{\"type\": \"BPE\", \"vocab\": {\"a\": 0, \"b\": 1, \"c\": 2, \"ab\": 3, \"bc\": 4},"
               "\"merges\": [[\"a\", \"b\"], [\"b\", \"c\"], [\"a\", \"b\"]]}",
               (const char *const[]){"abc", "0 4", NULL});
    expect_all("{\"type\": \"BPE\", \"ignore_merges\": true, \"vocab\": {\"a\": 0, \"b\": 1, \"ab\": 2, \"abab\": 3},"
               "\"merges\": [[\"a\", \"b\"]]}",
               (const char *const[]){"abab", "3", "ababab", "2 2 2", NULL});
}

static void test_bpe_unknown(void **state)
{
    (void)state;
    static const char *const head =
        "{\"type\": \"BPE\", \"vocab\": {\"<unk>\": 0, \"a\": 1, \"<0xC3>\": 2, \"<0xA9>\": 3, \"aa\": 4},"
        "\"merges\": [[\"a\", \"a\"]], ";
    static const struct {
        const char *options;
        const char *const texts[9];
    } cases[] = {
        {"\"unk_token\": null}", {"axa", "4", "éé", "", NULL}}, /* left out: neighbours meet */
        {"\"unk_token\": \"<unk>\"}", {"axya", "1 0 0 1", "xx", "0 0", NULL}},
        {"\"unk_token\": \"<unk>\", \"fuse_unk\": true}", {"axya", "1 0 1", "xxaxx", "0 1 0", NULL}},
        {"\"unk_token\": \"<unk>\", \"byte_fallback\": true}", {"aéa", "1 2 3 1", "è", "0", "\xC3\xA9", "2 3", NULL}},
        /* What is unknown waits behind the tokens of bytes for the next character that is known. */
        {"\"unk_token\": \"<unk>\", \"fuse_unk\": true, \"byte_fallback\": true}",
         {"xéya", "2 3 0 1", "xé", "2 3 0", NULL}},
        {"\"unk_token\": \"?\"}",
         {"a", "1", "ax", "my.json: token \"x\": no token, and model.unk_token is not in the vocabulary", NULL}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tm_text model = {0};
        tm_text_format(&model, "%s%s", head, cases[i].options);
        expect_all(model.data, cases[i].texts);
        tm_text_free(&model);
    }
}

static void test_bpe_affixes(void **state)
{
    (void)state;
    expect_all("{\"type\": \"BPE\", \"continuing_subword_prefix\": \"##\", \"end_of_word_suffix\": \"$\","
               "\"vocab\": {\"a\": 0, \"##a\": 1, \"##b$\": 2, \"aa\": 3, \"aab$\": 4, \"a$\": 5, \"##ab$\": 6},"
               "\"merges\": [\"a ##a\", \"aa ##b$\", \"##a ##b$\"]}",
               (const char *const[]){"aab", "4", "a", "5", "aaab", "3 6", NULL});
}

/* By rank: which tokens a merge joins, and to which. Token i is the letter i for i < letters. */
typedef struct plain_bpe {
    uint32_t left[64], right[64], result[64];
    uint32_t letters, merges;
} plain_bpe;

/* Looks at all neighbours each time. */
static size_t merge_plainly(const plain_bpe *bpe, uint32_t *id, size_t count)
{
    for (;;) {
        size_t best = count, rank = bpe->merges;
        for (size_t i = 0; i + 1 < count; i++) {
            for (size_t r = 0; r < rank; r++) {
                if (bpe->left[r] != id[i] || bpe->right[r] != id[i + 1]) continue;
                rank = r;
                best = i;
            }
        }
        if (best == count) return count;
        id[best] = bpe->result[rank];
        count--;
        memmove(id + best + 1, id + best + 2, (count - best - 1) * sizeof *id);
    }
}

static uint32_t draw(uint64_t *state, uint32_t below)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((*state >> 33) % below);
}

static void swap(uint32_t *a, uint32_t *b)
{
    const uint32_t kept = *a;
    *a = *b;
    *b = kept;
}

/* Random merges with results of their own, listed in any order, as JSON too. */
static void draw_merges(uint64_t *state, plain_bpe *bpe, tm_text *model)
{
    char text[96][256];
    bpe->letters = 2 + draw(state, 3);
    bpe->merges = 0;
    for (uint32_t i = 0; i < bpe->letters; i++) snprintf(text[i], sizeof text[i], "%c", (char)('a' + i));
    for (int tries = 0; tries < 200 && bpe->merges < 60; tries++) {
        const uint32_t tokens = bpe->letters + bpe->merges, left = draw(state, tokens), right = draw(state, tokens);
        bool is_new = strlen(text[left]) + strlen(text[right]) <= 24;
        tm_text made = {0};
        tm_text_format(&made, "%s%s", text[left], text[right]);
        if (is_new) memcpy(text[tokens], made.data, made.length + 1);
        tm_text_free(&made);
        for (uint32_t i = 0; i < tokens && is_new; i++) is_new = strcmp(text[i], text[tokens]) != 0;
        if (!is_new) continue;
        bpe->left[bpe->merges] = left;
        bpe->right[bpe->merges] = right;
        bpe->result[bpe->merges++] = tokens;
    }
    for (uint32_t i = 1; i < bpe->merges; i++) {
        const uint32_t other = draw(state, i + 1);
        swap(&bpe->left[i], &bpe->left[other]);
        swap(&bpe->right[i], &bpe->right[other]);
        swap(&bpe->result[i], &bpe->result[other]);
    }
    tm_text_add(model, "{\"type\": \"BPE\", \"vocab\": {");
    for (uint32_t i = 0; i < bpe->letters + bpe->merges; i++) {
        tm_text_format(model, "%s\"%s\": %u", i > 0 ? "," : "", text[i], i);
    }
    tm_text_add(model, "}, \"merges\": [");
    for (uint32_t i = 0; i < bpe->merges; i++) {
        tm_text_format(model, "%s[\"%s\", \"%s\"]", i > 0 ? "," : "", text[bpe->left[i]], text[bpe->right[i]]);
    }
    tm_text_add(model, "]}");
}

/* Words short and long, through the array, the heap, the cache, and taken apart. */
static void test_bpe_against_plain(void **state)
{
    (void)state;
    uint64_t state_of_draws = 1;
    for (int drawn = 0; drawn < 60; drawn++) {
        plain_bpe plain;
        tm_text model = {0};
        draw_merges(&state_of_draws, &plain, &model);
        fixture open = open_model(model.data);
        for (int round = 0; round < 40; round++) {
            char word[400];
            uint32_t want[400];
            tm_ids got = {0};
            const size_t length = draw(&state_of_draws, round % 2 ? 400 : 60);
            for (size_t i = 0; i < length; i++) {
                want[i] = draw(&state_of_draws, plain.letters);
                word[i] = (char)('a' + want[i]);
            }
            const size_t count = merge_plainly(&plain, want, length);
            assert_int_equal(tm_token_model_cut(open.model, open.scratch, word, length, &got, NULL), TM_OK);
            assert_int_equal(got.count, count);
            if (count > 0) assert_memory_equal(got.data, want, count * sizeof *want);
            tm_ids_free(&got);
        }
        close_model(&open);
        tm_text_free(&model);
    }
}

static void test_unigram(void **state)
{
    (void)state;
    static const char *const head =
        "{\"type\": \"Unigram\", \"vocab\": [[\"?\", 0], [\"a\", -1], [\"b\", -1], [\"ab\", -2],"
        "[\"ba\", -1.5], [\"abc\", -9], [\"é\", -3]";
    static const struct {
        const char *rest;
        const char *const texts[11];
    } cases[] = {
        /* ab scores what a b does: the longer stays. a ba beats ab a. Unknown: -9 - 10 each, side by side one id. */
        {"], \"unk_id\": 0}", {"ab", "3", "aba", "1 4", "xy", "0", "axyb?", "1 0 2 0", "abc", "5", NULL}},
        {"], \"unk_id\": 0}", {"x?", "0", "é", "6", "aéa", "1 6 1", "\xC3", "0", NULL}},
        {"]}", {"ab", "3", "ax", "my.json: token \"x\": no token, and model.unk_id is not given", NULL}},
        {", [\"<0xC3>\", -20], [\"<0xA8>\", -20]], \"unk_id\": 0, \"byte_fallback\": true}",
         {"è", "7 8", "aè", "1 7 8", "éx", "6 0", "èx", "0", "?", "0", NULL}},
        {", [\"a\", -7]], \"unk_id\": 0}", {"a", "7", "aa", "7 7", NULL}}, /* of equal tokens the last counts */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tm_text model = {0};
        tm_text_format(&model, "%s%s", head, cases[i].rest);
        expect_all(model.data, cases[i].texts);
        tm_text_free(&model);
    }
}

/* With scores so high that two unknown characters beat the token that they read like, they become it all the same. */
static void test_unigram_unknown_token(void **state)
{
    (void)state;
    expect_all("{\"type\": \"Unigram\", \"unk_id\": 0, \"vocab\": [[\"?\", 50], [\"xy\", 50], [\"a\", 50]]}",
               (const char *const[]){"xy", "1", "xyx", "0", "axya", "2 1 2", NULL});
}

/* As the first tokenizer.json files were written. */
static void test_without_type(void **state)
{
    (void)state;
    expect_all("{\"vocab\": {\"a\": 0, \"aa\": 1}, \"merges\": [\"a a\"]}", (const char *const[]){"aaa", "1 0", NULL});
    expect_all("{\"unk_token\": \"?\", \"continuing_subword_prefix\": \"#\", \"max_input_chars_per_word\": 9,"
               "\"vocab\": {\"?\": 0, \"aa\": 1, \"#a\": 2}}",
               (const char *const[]){"aaa", "1 2", NULL});
    expect_all("{\"vocab\": [[\"a\", -1], [\"aa\", -1]], \"unk_id\": 0}", (const char *const[]){"aaa", "0 1", NULL});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wordpiece),    cmocka_unit_test(test_wordpiece_long),
        cmocka_unit_test(test_bpe_order),    cmocka_unit_test(test_bpe_unknown),
        cmocka_unit_test(test_bpe_affixes),  cmocka_unit_test(test_bpe_against_plain),
        cmocka_unit_test(test_unigram),      cmocka_unit_test(test_unigram_unknown_token),
        cmocka_unit_test(test_without_type),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
