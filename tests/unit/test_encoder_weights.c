/* The map from tensor names to roles: every naming in use, and one line for every tensor that is missing or wrong. */
#include "model_place.h"

#include "base/text.h"
#include "model/encoder_weights.h"

enum { H = 4, F = 6, V = 11, P = 8, T = 2, LAYERS = 2, MOST = 64 };

typedef struct listed {
    char name[96];
    int64_t rows, columns; /* 0 columns: rank 1 */
    const char *dtype;
} listed;

typedef struct list {
    listed items[MOST];
    int count;
} list;

static void add(list *all, int64_t rows, int64_t columns, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void add(list *all, int64_t rows, int64_t columns, const char *format, ...)
{
    listed *const one = &all->items[all->count++];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(one->name, sizeof one->name, format, arguments);
    va_end(arguments);
    one->rows = rows;
    one->columns = columns;
    one->dtype = "F32";
}

/* The tensors of a small model, written out by hand from what transformers saves. */
static list small_model(const char *prefix, bool old)
{
    list all = {0};
    const char *const scale = old ? "gamma" : "weight", *const shift = old ? "beta" : "bias";
    add(&all, V, H, "%sembeddings.word_embeddings.weight", prefix);
    add(&all, P, H, "%sembeddings.position_embeddings.weight", prefix);
    add(&all, T, H, "%sembeddings.token_type_embeddings.weight", prefix);
    add(&all, H, 0, "%sembeddings.LayerNorm.%s", prefix, scale);
    add(&all, H, 0, "%sembeddings.LayerNorm.%s", prefix, shift);
    for (int layer = 0; layer < LAYERS; layer++) {
        static const char *const parts[] = {"query", "key", "value"};
        for (int i = 0; i < 3; i++) {
            add(&all, H, H, "%sencoder.layer.%d.attention.self.%s.weight", prefix, layer, parts[i]);
            add(&all, H, 0, "%sencoder.layer.%d.attention.self.%s.bias", prefix, layer, parts[i]);
        }
        add(&all, H, H, "%sencoder.layer.%d.attention.output.dense.weight", prefix, layer);
        add(&all, H, 0, "%sencoder.layer.%d.attention.output.dense.bias", prefix, layer);
        add(&all, H, 0, "%sencoder.layer.%d.attention.output.LayerNorm.%s", prefix, layer, scale);
        add(&all, H, 0, "%sencoder.layer.%d.attention.output.LayerNorm.%s", prefix, layer, shift);
        add(&all, F, H, "%sencoder.layer.%d.intermediate.dense.weight", prefix, layer);
        add(&all, F, 0, "%sencoder.layer.%d.intermediate.dense.bias", prefix, layer);
        add(&all, H, F, "%sencoder.layer.%d.output.dense.weight", prefix, layer);
        add(&all, H, 0, "%sencoder.layer.%d.output.dense.bias", prefix, layer);
        add(&all, H, 0, "%sencoder.layer.%d.output.LayerNorm.%s", prefix, layer, scale);
        add(&all, H, 0, "%sencoder.layer.%d.output.LayerNorm.%s", prefix, layer, shift);
    }
    add(&all, H, H, "%spooler.dense.weight", prefix);
    add(&all, H, 0, "%spooler.dense.bias", prefix);
    add(&all, V, 0, "cls.predictions.bias");
    return all;
}

static const tm_encoder_config config = {.hidden_size = H,
                                         .intermediate_size = F,
                                         .vocab_size = V,
                                         .positions = P,
                                         .type_vocab_size = T,
                                         .layers = LAYERS,
                                         .heads = 2};

/* Writes the list as a checkpoint; every tensor's first element is its number in the list. */
static void write_model(const model_place *place, const list *all)
{
    tm_text header = {0}, data = {0};
    for (int i = 0; i < all->count; i++) {
        const listed *const one = &all->items[i];
        const bool wide = strcmp(one->dtype, "I64") == 0;
        const int64_t count = one->rows * (one->columns ? one->columns : 1);
        const size_t begin = data.length;
        for (int64_t j = 0; j < count; j++) {
            const float value = j == 0 ? (float)i : 0;
            tm_text_add_bytes(&data, &value, sizeof value);
            if (wide) tm_text_add_bytes(&data, "\0\0\0", 4);
        }
        tm_text_format(&header, "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[%lld", i ? "," : "{", one->name, one->dtype,
                       (long long)one->rows);
        if (one->columns) tm_text_format(&header, ",%lld", (long long)one->columns);
        tm_text_format(&header, "],\"data_offsets\":[%zu,%zu]}", begin, data.length);
    }
    tm_text_add(&header, "}");
    assert_false(header.failed || data.failed);
    place_write_tensors(place, "model.safetensors", header.data, data.data, data.length);
    tm_text_free(&header);
    tm_text_free(&data);
}

static tm_status find(const list *all, tm_encoder_weights *weights, tm_checkpoint **checkpoint, tm_error *error)
{
    const model_place place = place_make();
    write_model(&place, all);
    if (tm_checkpoint_open(place.path, checkpoint, error) != TM_OK) fail_msg("%s", error->message);
    const tm_status status = tm_encoder_weights_find(*checkpoint, &config, weights, error);
    place_remove(&place);
    return status;
}

static int number_of(const list *all, const char *prefix, const char *name)
{
    for (int i = 0; i < all->count; i++) {
        const char *const here = all->items[i].name;
        if (strncmp(here, prefix, strlen(prefix)) == 0 && strcmp(here + strlen(prefix), name) == 0) return i;
    }
    fail_msg("%s is not in the list", name);
    return -1;
}

static void expect_found(const list *all, const char *prefix, bool old)
{
    tm_encoder_weights weights;
    tm_checkpoint *checkpoint = NULL;
    tm_error error = {""};
    if (find(all, &weights, &checkpoint, &error) != TM_OK) fail_msg("%s", error.message);
    const struct {
        tm_weight role;
        int64_t layer;
        const char *name;
    } some[] = {{TM_WEIGHT_word_embeddings, 0, "embeddings.word_embeddings.weight"},
                {TM_WEIGHT_embedding_shift, 0, old ? "embeddings.LayerNorm.beta" : "embeddings.LayerNorm.bias"},
                {TM_WEIGHT_query_weight, 0, "encoder.layer.0.attention.self.query.weight"},
                {TM_WEIGHT_value_bias, 1, "encoder.layer.1.attention.self.value.bias"},
                {TM_WEIGHT_up_weight, 1, "encoder.layer.1.intermediate.dense.weight"},
                {TM_WEIGHT_down_weight, 0, "encoder.layer.0.output.dense.weight"},
                {TM_WEIGHT_output_scale, 1,
                 old ? "encoder.layer.1.output.LayerNorm.gamma" : "encoder.layer.1.output.LayerNorm.weight"}};
    for (size_t i = 0; i < sizeof some / sizeof *some; i++) {
        assert_int_equal(tm_encoder_weight(&weights, some[i].role, some[i].layer),
                         number_of(all, prefix, some[i].name));
    }
    bool seen[MOST] = {false};
    for (int role = 0; role < TM_WEIGHT_COUNT; role++) {
        for (int64_t layer = 0; layer < LAYERS; layer++) {
            if (role < TM_WEIGHT_pooler_weight || weights.has_pooler)
                seen[tm_encoder_weight(&weights, (tm_weight)role, layer)] = true;
        }
    }
    for (int i = 0; i < all->count; i++) assert_true(seen[i] == (strncmp(all->items[i].name, "cls.", 4) != 0));
    tm_encoder_weights_free(&weights);
    tm_checkpoint_close(checkpoint);
}

static void test_every_naming(void **state)
{
    (void)state;
    static const char *const prefixes[] = {"", "bert.", "roberta."};
    for (int i = 0; i < 6; i++) {
        list all = small_model(prefixes[i / 2], i % 2);
        expect_found(&all, prefixes[i / 2], i % 2);
        all.items[all.count - 3] = all.items[all.count - 1]; /* the same without a pooler */
        all.count -= 2;
        expect_found(&all, prefixes[i / 2], i % 2);
    }
}

static void expect_refused(const list *all, tm_status wanted, const char *message)
{
    tm_encoder_weights weights;
    tm_checkpoint *checkpoint = NULL;
    tm_error error = {""};
    const tm_status status = find(all, &weights, &checkpoint, &error);
    if (status != wanted || !strstr(error.message, message)) {
        fail_msg("status %d, '%s', not '%s'", (int)status, error.message, message);
    }
    assert_null(weights.numbers);
    assert_non_null(strstr(error.message, "/tmp/tm-model-"));
    tm_checkpoint_close(checkpoint);
}

static void test_every_tensor_is_missed(void **state)
{
    (void)state;
    const list whole = small_model("bert.", false);
    for (int i = 0; i < whole.count - 1; i++) {
        list all = whole;
        char message[128];
        memmove(&all.items[i], &all.items[i + 1], (size_t)(all.count - i - 1) * sizeof *all.items);
        all.count--;
        snprintf(message, sizeof message, "tensor \"%s\" is missing", whole.items[i].name + (i == 0 ? 5 : 0));
        expect_refused(&all, TM_INVALID_ARGUMENT, message);
    }
}

static void test_every_wrong_shape_is_told(void **state)
{
    (void)state;
    const list whole = small_model("", false);
    for (int i = 0; i < whole.count - 1; i++) {
        list all = whole;
        char message[256];
        const listed *const was = &whole.items[i];
        listed *const one = &all.items[i];
        one->rows++;
        if (was->columns)
            snprintf(message, sizeof message,
                     "/model.safetensors: tensor \"%s\" has shape [%lld, %lld], config.json wants [%lld, %lld]",
                     one->name, (long long)one->rows, (long long)one->columns, (long long)was->rows,
                     (long long)was->columns);
        else
            snprintf(message, sizeof message,
                     "/model.safetensors: tensor \"%s\" has shape [%lld], config.json wants [%lld]", one->name,
                     (long long)one->rows, (long long)was->rows);
        expect_refused(&all, TM_INVALID_ARGUMENT, message);
        *one = *was;
        one->columns = was->columns ? 0 : 1; /* another rank */
        expect_refused(&all, TM_INVALID_ARGUMENT,
                       was->columns ? "], config.json wants [" : ", 1], config.json wants [");
        *one = *was;
        one->dtype = "I64";
        expect_refused(&all, TM_UNSUPPORTED, "is of I64, which weights are not read from");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_naming),
        cmocka_unit_test(test_every_tensor_is_missed),
        cmocka_unit_test(test_every_wrong_shape_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
