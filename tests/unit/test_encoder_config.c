/* config.json of encoders and the files of sentence-transformers: what is read, and one line for each thing that is
 * wrong. */
#include "model_place.h"

#include "base/text.h"
#include "model/config.h"

static const char bert[] =
    "{\"model_type\":\"bert\",\"architectures\":[\"BertModel\"],\"hidden_size\":384,\"num_hidden_layers\":6,"
    "\"num_attention_heads\":12,\"intermediate_size\":1536,\"vocab_size\":30522,\"max_position_embeddings\":512,"
    "\"type_vocab_size\":2,\"layer_norm_eps\":1e-12,\"hidden_act\":\"gelu\",\"pad_token_id\":0,"
    "\"position_embedding_type\":\"absolute\"}";

/* `bert` with the first `from` in it replaced. */
static tm_text edited(const char *from, const char *to)
{
    tm_text text = {0};
    const char *const at = strstr(bert, from);
    assert_non_null(at);
    tm_text_add_bytes(&text, bert, (size_t)(at - bert));
    tm_text_add(&text, to);
    tm_text_add(&text, at + strlen(from));
    assert_false(text.failed);
    return text;
}

static tm_encoder_config parse(const char *from, const char *to)
{
    tm_text text = edited(from, to);
    tm_encoder_config config;
    tm_error error = {""};
    if (tm_encoder_config_parse("m/config.json", text.data, text.length, &config, &error) != TM_OK) {
        fail_msg("%s: %s", to, error.message);
    }
    tm_text_free(&text);
    return config;
}

static void refused(const char *from, const char *to, tm_status status, const char *message)
{
    tm_text text = edited(from, to);
    tm_encoder_config config;
    tm_error error = {""};
    assert_int_equal(tm_encoder_config_parse("m/config.json", text.data, text.length, &config, &error), status);
    if (!strstr(error.message, message) || strncmp(error.message, "m/config.json: ", 15) != 0) {
        fail_msg("'%s' is not in '%s'", message, error.message);
    }
    tm_text_free(&text);
}

static void test_bert(void **state)
{
    (void)state;
    const tm_encoder_config config = parse("{", "{");
    assert_int_equal(config.kind, TM_ENCODER_BERT);
    assert_int_equal(config.activation, TM_ACTIVATION_GELU);
    assert_int_equal(config.hidden_size, 384);
    assert_int_equal(config.layers, 6);
    assert_int_equal(config.heads, 12);
    assert_int_equal(config.intermediate_size, 1536);
    assert_int_equal(config.vocab_size, 30522);
    assert_int_equal(config.type_vocab_size, 2);
    assert_int_equal(config.positions, 512);
    assert_int_equal(config.pad_token_id, 0);
    assert_int_equal(tm_encoder_most_tokens(&config), 512);
    assert_int_equal(config.parameters, 22713216); /* all-MiniLM-L6-v2 without its position_ids */
    assert_true(config.layer_norm_eps == 1e-12);
}

static void test_the_others(void **state)
{
    (void)state;
    tm_encoder_config config = parse("\"bert\"", "\"roberta\"");
    assert_int_equal(config.kind, TM_ENCODER_ROBERTA);
    assert_int_equal(config.first_position, 1);
    assert_int_equal(tm_encoder_most_tokens(&config), 511);
    config = parse("\"model_type\":\"bert\",\"architectures\":[\"BertModel\"]",
                   "\"model_type\":\"xlm-roberta\",\"architectures\":null");
    assert_int_equal(config.kind, TM_ENCODER_XLM_ROBERTA);
    assert_int_equal(parse("\"pad_token_id\":0,", "").pad_token_id, 0);
}

static void test_what_may_be_missing(void **state)
{
    (void)state;
    assert_true(parse("\"layer_norm_eps\":1e-12,", "").layer_norm_eps == 1e-12);
    assert_int_equal(parse("\"hidden_act\":\"gelu\",", "").activation, TM_ACTIVATION_GELU);
    assert_int_equal(parse("\"type_vocab_size\":2,", "").type_vocab_size, 2);
    assert_int_equal(parse("\"model_type\":\"bert\",", "").kind, TM_ENCODER_BERT);
    assert_int_equal(parse("\"model_type\":\"bert\",\"architectures\":[\"BertModel\"]",
                           "\"architectures\":[\"XLMRobertaForMaskedLM\"]")
                         .kind,
                     TM_ENCODER_XLM_ROBERTA);
    assert_int_equal(parse("\"gelu\"", "\"gelu_new\"").activation, TM_ACTIVATION_GELU_TANH);
    assert_int_equal(parse("\"gelu\"", "\"gelu_pytorch_tanh\"").activation, TM_ACTIVATION_GELU_TANH);
    assert_int_equal(parse("\"gelu\"", "\"relu\"").activation, TM_ACTIVATION_RELU);
    assert_int_equal(parse("\"gelu\"", "\"silu\"").activation, TM_ACTIVATION_SILU);
    assert_true(parse("1e-12", "1e-05").layer_norm_eps == 1e-5);
}

static void test_fields_that_are_wrong(void **state)
{
    (void)state;
    refused("\"hidden_size\":384,", "", TM_INVALID_ARGUMENT, "hidden_size is missing");
    refused("\"num_hidden_layers\":6,", "\"num_hidden_layers\":null,", TM_INVALID_ARGUMENT,
            "num_hidden_layers is missing");
    refused("384", "384.0", TM_INVALID_ARGUMENT, "hidden_size is a real number where an integer is wanted");
    refused("384", "\"384\"", TM_INVALID_ARGUMENT, "hidden_size is a string where an integer is wanted");
    refused("384", "[384]", TM_INVALID_ARGUMENT, "hidden_size is an array where");
    refused("384", "{}", TM_INVALID_ARGUMENT, "hidden_size is an object where");
    refused("384", "true", TM_INVALID_ARGUMENT, "hidden_size is true or false where");
    refused("384", "0", TM_INVALID_ARGUMENT, "hidden_size is 0, not from 1 to 2147483647");
    refused("384", "-384", TM_INVALID_ARGUMENT, "hidden_size is -384, not from");
    refused("384", "2147483648", TM_INVALID_ARGUMENT, "hidden_size is 2147483648, not from");
    refused("384", "99999999999999999999", TM_INVALID_ARGUMENT, "REJECTED(");
    refused("384", "385", TM_INVALID_ARGUMENT, "hidden_size 385 is no multiple of num_attention_heads 12");
    refused(":6,", ":10001,", TM_INVALID_ARGUMENT, "num_hidden_layers is 10001, not from 1 to 10000");
    refused("\"pad_token_id\":0", "\"pad_token_id\":30522", TM_INVALID_ARGUMENT,
            "pad_token_id 30522 is not below vocab_size");
    refused("\"pad_token_id\":0", "\"pad_token_id\":-1", TM_INVALID_ARGUMENT, "pad_token_id is -1");
    refused("1e-12", "0", TM_INVALID_ARGUMENT, "layer_norm_eps is not between 0 and 1");
    refused("1e-12", "-1e-12", TM_INVALID_ARGUMENT, "layer_norm_eps is not between 0 and 1");
    refused("1e-12", "\"1e-12\"", TM_INVALID_ARGUMENT, "layer_norm_eps is a string where a number is wanted");
    refused("1e-12", "1e999", TM_INVALID_ARGUMENT, "REJECTED(");
    refused("\"gelu\"", "\"ge\\nlu\"", TM_UNSUPPORTED, "hidden_act \"ge\\nlu\" is no activation");
    refused("\"gelu\"", "7", TM_INVALID_ARGUMENT, "hidden_act is an integer where a string is wanted");
    refused("\"absolute\"", "\"relative_key\"", TM_UNSUPPORTED,
            "position_embedding_type \"relative_key\" is not absolute");
    refused("\"bert\"", "\"gpt2\"", TM_UNSUPPORTED, "model_type \"gpt2\" is none of bert, roberta, xlm-roberta");
    refused("\"bert\"", "\"BERT\"", TM_UNSUPPORTED, "model_type \"BERT\" is none of");
    refused("\"model_type\":\"bert\",\"architectures\":[\"BertModel\"]", "\"x\":1", TM_INVALID_ARGUMENT,
            "model_type is missing");
    refused("\"model_type\":\"bert\",\"architectures\":[\"BertModel\"]", "\"architectures\":[]", TM_INVALID_ARGUMENT,
            "model_type is missing");
    refused("[\"BertModel\"]", "[7]", TM_INVALID_ARGUMENT, "architectures is not a list of names");
    refused("[\"BertModel\"]", "\"BertModel\"", TM_INVALID_ARGUMENT, "architectures is not a list of names");
    refused("{", "{\"is_decoder\":true,", TM_UNSUPPORTED, "is_decoder is true");
    refused("{", "{\"quantization_config\":{\"bits\":4},", TM_UNSUPPORTED, "quantization_config is there");
    refused("{", "{\"hidden_size\":384,", TM_INVALID_ARGUMENT, "REJECTED(duplicate object key");
    refused("}", "", TM_INVALID_ARGUMENT, "REJECTED(");
    refused("}", "}}", TM_INVALID_ARGUMENT, "REJECTED(");
    refused("gelu", "g\xff\xfe", TM_INVALID_ARGUMENT, "REJECTED(");
}

static void test_products_that_overflow(void **state)
{
    (void)state;
    refused("\"hidden_size\":384,\"num_hidden_layers\":6,\"num_attention_heads\":12",
            "\"hidden_size\":2147483647,\"num_hidden_layers\":10000,\"num_attention_heads\":1", TM_INVALID_ARGUMENT,
            "hidden_size and the other sizes have products that no memory can hold");
    refused("\"hidden_size\":384,\"num_hidden_layers\":6,\"num_attention_heads\":12,\"intermediate_size\":1536",
            "\"hidden_size\":2000000000,\"num_hidden_layers\":1,\"num_attention_heads\":1,\"intermediate_size\":1",
            TM_INVALID_ARGUMENT, "have products that");
    assert_true(parse("\"hidden_size\":384,\"num_hidden_layers\":6,\"num_attention_heads\":12",
                      "\"hidden_size\":65536,\"num_hidden_layers\":10000,\"num_attention_heads\":64")
                    .parameters > INT64_C(170000000000000));
}

static void test_roots_that_are_no_objects(void **state)
{
    (void)state;
    static const char *const texts[] = {"[]", "7", "", "null", "\"x\"", "{", "nonsense", "[[[[[[[["};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        tm_encoder_config config;
        tm_error error = {""};
        assert_int_equal(tm_encoder_config_parse("c", texts[i], strlen(texts[i]), &config, &error),
                         TM_INVALID_ARGUMENT);
        assert_memory_equal(error.message, "c: ", 3);
    }
    tm_text deep = {0};
    for (int i = 0; i < 1000000; i++) tm_text_add(&deep, "{\"a\":");
    tm_encoder_config config;
    tm_error error = {""};
    assert_int_equal(tm_encoder_config_parse("c", deep.data, deep.length, &config, &error), TM_INVALID_ARGUMENT);
    tm_text_free(&deep);
}

static void write_text(const model_place *place, const char *name, const char *text)
{
    place_write(place, name, text, strlen(text));
}

static tm_status read_sentence(const model_place *place, tm_sentence_config *into, tm_error *error)
{
    tm_folder *folder = NULL;
    assert_int_equal(tm_folder_open(place->path, &folder, error), TM_OK);
    const tm_status status = tm_sentence_config_read(folder, into, error);
    tm_folder_close(folder);
    return status;
}

#define MODULE(kind, path) "{\"idx\":0,\"path\":\"" path "\",\"type\":\"sentence_transformers.models." kind "\"}"

static void test_sentence_transformers(void **state)
{
    (void)state;
    const model_place place = place_make();
    tm_sentence_config config;
    tm_error error = {""};
    assert_int_equal(read_sentence(&place, &config, &error), TM_OK);
    assert_int_equal(config.pooling, TM_POOLING_UNSTATED);
    assert_false(config.normalize);
    write_text(&place, "modules.json", "[" MODULE("Transformer", "") "," MODULE("Pooling", "1_Pooling") "]");
    assert_int_equal(read_sentence(&place, &config, &error), TM_FAILED);
    assert_non_null(strstr(error.message, "/1_Pooling/config.json: No such file"));
    write_text(&place, "1_Pooling/config.json", "{\"pooling_mode_cls_token\":true,\"pooling_mode_mean_tokens\":false}");
    assert_int_equal(read_sentence(&place, &config, &error), TM_OK);
    assert_int_equal(config.pooling, TM_POOLING_CLS);
    assert_false(config.normalize);
    write_text(
        &place, "modules.json",
        "[" MODULE("Transformer", "") "," MODULE("Pooling", "1_Pooling") "," MODULE("Normalize", "2_Normalize") "]");
    write_text(&place, "1_Pooling/config.json", "{\"pooling_mode\":\"mean\"}");
    write_text(&place, "sentence_bert_config.json", "{\"max_seq_length\":256}");
    assert_int_equal(read_sentence(&place, &config, &error), TM_OK);
    assert_int_equal(config.pooling, TM_POOLING_MEAN);
    assert_true(config.normalize);
    assert_int_equal(config.most_tokens, 256);
    place_remove(&place);
}

static void test_sentence_transformers_that_are_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *modules, *pooling, *message;
        tm_status status;
    } wrong[] = {
        {"{}", NULL, "/modules.json: the file is no JSON array", TM_INVALID_ARGUMENT},
        {"[7]", NULL, "a module is no JSON object", TM_INVALID_ARGUMENT},
        {"[{}]", NULL, "type is missing", TM_INVALID_ARGUMENT},
        {"[{\"type\":7}]", NULL, "type is an integer where a string is wanted", TM_INVALID_ARGUMENT},
        {"[" MODULE("Dense", "2_Dense") "]", NULL, "Dense\" of module 0 is not known there", TM_UNSUPPORTED},
        {"[" MODULE("Normalize", "") "]", NULL, "Normalize\" of module 0 is not known there", TM_UNSUPPORTED},
        {"[" MODULE("Transformer", "0_Transformer") "]", NULL, "path of the Transformer is not the folder itself",
         TM_UNSUPPORTED},
        {"[" MODULE("Transformer", "") "," MODULE("Pooling", "../x") "]", NULL, "REJECTED(it leads out of its folder",
         TM_INVALID_ARGUMENT},
        {"[" MODULE("Transformer", "") "," MODULE("Pooling", "p") "]", "{}", "pooling_mode_* is true 0 times",
         TM_UNSUPPORTED},
        {"[" MODULE("Transformer", "") "," MODULE("Pooling", "p") "]",
         "{\"pooling_mode_cls_token\":true,\"pooling_mode_mean_tokens\":true}", "pooling_mode_* is true 2 times",
         TM_UNSUPPORTED},
        {"[" MODULE("Transformer", "") "," MODULE("Pooling", "p") "]", "{\"pooling_mode_lasttoken\":true}",
         "/p/config.json: pooling_mode_lasttoken is not known here", TM_UNSUPPORTED},
        {"[" MODULE("Transformer", "") "," MODULE("Pooling", "p") "]", "{\"pooling_mode_cls_token\":1}",
         "pooling_mode_cls_token is an integer where true or false is wanted", TM_INVALID_ARGUMENT},
        {"[" MODULE("Transformer", "") "," MODULE("Pooling", "p") "]", "{\"pooling_mode\":\"median\"}",
         "pooling_mode \"median\" is neither cls, mean nor max", TM_UNSUPPORTED},
        {"[" MODULE("Transformer", "") "," MODULE("Pooling", "p") "]", "[]",
         "/p/config.json: the file is no JSON object", TM_INVALID_ARGUMENT},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const model_place place = place_make();
        tm_sentence_config config;
        tm_error error = {""};
        write_text(&place, "modules.json", wrong[i].modules);
        if (wrong[i].pooling) write_text(&place, "p/config.json", wrong[i].pooling);
        const tm_status status = read_sentence(&place, &config, &error);
        if (status != wrong[i].status || !strstr(error.message, wrong[i].message)) {
            fail_msg("status %d, '%s', not '%s'", (int)status, error.message, wrong[i].message);
        }
        place_remove(&place);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bert),
        cmocka_unit_test(test_the_others),
        cmocka_unit_test(test_what_may_be_missing),
        cmocka_unit_test(test_fields_that_are_wrong),
        cmocka_unit_test(test_products_that_overflow),
        cmocka_unit_test(test_roots_that_are_no_objects),
        cmocka_unit_test(test_sentence_transformers),
        cmocka_unit_test(test_sentence_transformers_that_are_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
