/* Checkpoints: headers wherever the window ends, values of every type, slices, and files that change meanwhile. What is
 * refused is in tests/faults/checkpoint_files.py. */
#include "model_place.h"

#include "base/dtype.h"
#include "base/text.h"
#include "model/checkpoint/checkpoint.h"
#include "model/checkpoint/safetensors.h"

#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <sys/stat.h>

/* A text in memory as a source; it fails from call number `fails` on. */
typedef struct memory {
    const unsigned char *bytes;
    size_t length;
    int calls, fails;
} memory;

static tm_status read_memory(void *context, uint64_t offset, void *into, size_t count, tm_error *error)
{
    memory *const m = context;
    if (++m->calls == m->fails) return tm_fail(error, TM_FAILED, "the disk is on fire");
    assert_true(offset <= m->length && count <= m->length - offset);
    memcpy(into, m->bytes + offset, count);
    return TM_OK;
}

/* Appends a header's length, the header and zeros of data. */
static void make_file(const char *header, size_t length, size_t data, tm_text *into)
{
    const uint64_t stored = length;
    into->length = 0;
    tm_text_add_bytes(into, &stored, sizeof stored);
    tm_text_add_bytes(into, header, length);
    for (size_t i = 0; i < data; i++) tm_text_add_bytes(into, "", 1);
    assert_false(into->failed);
}

static tm_status parse(const tm_text *file, tm_safetensors *into, tm_error *error)
{
    memory m = {.bytes = (const unsigned char *)file->data, .length = file->length};
    return tm_safetensors_read(read_memory, &m, file->length, into, error);
}

static const char tensor_text[] = "\"na\\u006De\\ud83d\\ude00\xC3\xA9\" : {\"dtype\":\"F16\",\"shape\":[12,7],"
                                  "\"data_offsets\":[0,168]}";

/* The same header with its pieces at every place relative to the window's end. */
static void test_every_place_in_the_window(void **state)
{
    (void)state;
    tm_text header = {0}, file = {0};
    for (size_t shift = 0; shift <= sizeof tensor_text + 8; shift++) {
        header.length = 0;
        tm_text_add(&header, "{");
        while (header.length + shift < TM_SCAN_WINDOW) tm_text_add(&header, " ");
        tm_text_add(&header, tensor_text);
        tm_text_add(&header, "}");
        make_file(header.data, header.length, 168, &file);
        tm_safetensors found;
        tm_error error = {""};
        if (parse(&file, &found, &error) != TM_OK) fail_msg("shift %zu: %s", shift, error.message);
        assert_int_equal(found.count, 1);
        assert_string_equal(found.names.data + found.entries[0].name, "name\xF0\x9F\x98\x80\xC3\xA9");
        assert_int_equal(found.entries[0].type, TM_STORED_F16);
        assert_int_equal(found.entries[0].rank, 2);
        assert_int_equal(found.dims[0], 12);
        assert_int_equal(found.dims[1], 7);
        assert_int_equal(found.entries[0].bytes, 168);
        assert_int_equal(found.data, 8 + header.length);
        tm_safetensors_free(&found);
    }
    tm_text_free(&header);
    tm_text_free(&file);
}

/* Every cut of a good file is refused, and nothing else happens. */
static void test_every_cut_is_refused(void **state)
{
    (void)state;
    static const char header[] =
        "{\"__metadata__\":{\"k\":\"v\"},\"a\":{\"dtype\":\"F32\",\"shape\":[2],"
        "\"data_offsets\":[0,8]},\"b\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[8,9]}}";
    tm_text file = {0};
    make_file(header, strlen(header), 9, &file);
    const size_t whole = file.length;
    for (file.length = 0; file.length < whole; file.length++) {
        tm_safetensors found;
        tm_error error = {""};
        assert_int_equal(parse(&file, &found, &error), TM_INVALID_ARGUMENT);
        assert_memory_equal(error.message, "REJECTED(", 9);
        assert_null(found.entries);
    }
    tm_safetensors found;
    assert_int_equal(parse(&file, &found, NULL), TM_OK);
    tm_safetensors_free(&found);
    tm_text_free(&file);
}

static void test_a_source_that_fails(void **state)
{
    (void)state;
    tm_text header = {0}, file = {0};
    tm_text_add(&header, "{\"__metadata__\":{\"k\":\"");
    while (header.length < 3 * TM_SCAN_WINDOW) tm_text_add(&header, "0123456789abcdef");
    tm_text_add(&header, "\"}}");
    make_file(header.data, header.length, 0, &file);
    for (int fails = 1; fails <= 5; fails++) {
        memory m = {.bytes = (const unsigned char *)file.data, .length = file.length, .fails = fails};
        tm_safetensors found;
        tm_error error = {""};
        assert_int_equal(tm_safetensors_read(read_memory, &m, file.length, &found, &error), TM_FAILED);
        assert_string_equal(error.message, "the disk is on fire");
        assert_int_equal(m.calls, fails);
    }
    tm_text_free(&header);
    tm_text_free(&file);
}

static int compare_items(const void *a, const void *b)
{
    const tm_sort_item *const x = a, *const y = b;
    if (x->key != y->key) return x->key < y->key ? -1 : 1;
    return x->more < y->more ? -1 : x->more > y->more;
}

static void test_sorting(void **state)
{
    (void)state;
    enum { COUNT = 5000 };
    static tm_sort_item items[COUNT], wanted[COUNT];
    uint64_t random = 7;
    for (int kind = 0; kind < 8; kind++) {
        for (uint32_t i = 0; i < COUNT; i++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            const uint64_t keys[] = {random,          0,          random >> 60, ~UINT64_C(0) - i, i,
                                     random & 0xff00, random | 7, COUNT - i};
            items[i] = (tm_sort_item){keys[kind], (uint32_t)(random >> 40) & 0xfff, i};
        }
        memcpy(wanted, items, sizeof items);
        qsort(wanted, COUNT, sizeof *wanted, compare_items);
        tm_sort(items, COUNT);
        bool seen[COUNT] = {false};
        for (int i = 0; i < COUNT; i++) {
            assert_int_equal(compare_items(&items[i], &wanted[i]), 0);
            assert_false(seen[items[i].number]);
            seen[items[i].number] = true;
        }
    }
}

static void test_names_as_shown(void **state)
{
    (void)state;
    char shown[TM_SHOWN], bytes[5000];
    assert_string_equal(tm_shown("a\nb\t\"\\\x01\x7f\xE2\x80\xAE\xff", 12, shown),
                        "a\\nb\\t\\\"\\\\\\u0001\\u007f\\u202e\\xff");
    assert_string_equal(tm_shown("\xE2\x82", 2, shown), "\\xe2\\x82");
    assert_string_equal(tm_shown("", 0, shown), "");
    for (size_t length = 100; length <= sizeof bytes; length += 7) {
        for (size_t i = 0; i < length; i++) bytes[i] = "\xC3\xA9"[i % 2];
        tm_shown(bytes, length / 2 * 2, shown);
        assert_true(strlen(shown) < TM_SHOWN);
        for (const char *c = shown; *c; c++) assert_true(*c == '.' || *c == "\xC3\xA9"[0] || *c == "\xC3\xA9"[1]);
        assert_true(length < 160 || strstr(shown, "..."));
    }
}

static size_t index_of(const tm_checkpoint *checkpoint, const char *name)
{
    size_t index = 0;
    assert_true(tm_checkpoint_find(checkpoint, name, &index));
    assert_string_equal(tm_checkpoint_tensor(checkpoint, index).name, name);
    return index;
}

static tm_checkpoint *open_place(const model_place *place)
{
    tm_checkpoint *checkpoint = NULL;
    tm_error error = {""};
    if (tm_checkpoint_open(place->path, &checkpoint, &error) != TM_OK) fail_msg("%s", error.message);
    return checkpoint;
}

/* One tensor of `count` elements in a file of its own. */
static tm_checkpoint *open_values(const model_place *place, const char *dtype, const void *values, size_t count,
                                  size_t bytes)
{
    char header[200];
    snprintf(header, sizeof header, "{\"t\":{\"dtype\":\"%s\",\"shape\":[%zu],\"data_offsets\":[0,%zu]}}", dtype, count,
             bytes);
    place_write_tensors(place, "model.safetensors", header, values, bytes);
    return open_place(place);
}

static void expect_values(const char *dtype, const void *values, size_t size, const float *wanted, size_t count)
{
    const model_place place = place_make();
    tm_checkpoint *const checkpoint = open_values(&place, dtype, values, count, count * size);
    tm_error error = {""};
    for (size_t first = 0; first <= count; first++) {
        float found[300];
        const size_t left = count - first;
        assert_true(left <= 300);
        assert_int_equal(tm_checkpoint_read_f32(checkpoint, 0, (int64_t)first, (int64_t)left, 2, found, &error), TM_OK);
        for (size_t i = 0; i < left; i++) {
            const float want = wanted[first + i];
            if (isnan(want) ? !isnan(found[i]) : memcmp(&found[i], &want, sizeof want) != 0) {
                fail_msg("%s element %zu: %a, not %a", dtype, first + i, (double)found[i], (double)want);
            }
        }
        unsigned char raw[2400];
        assert_int_equal(tm_checkpoint_read(checkpoint, 0, (int64_t)first, (int64_t)left, 1, raw, &error), TM_OK);
        assert_memory_equal(raw, (const char *)values + first * size, left * size);
    }
    tm_checkpoint_close(checkpoint);
    place_remove(&place);
}

static void test_values_of_every_type(void **state)
{
    (void)state;
    expect_values("BOOL", (uint8_t[]){0, 1, 255}, 1, (float[]){0, 1, 1}, 3);
    expect_values("U8", (uint8_t[]){0, 255}, 1, (float[]){0, 255}, 2);
    expect_values("I8", (int8_t[]){-128, 127}, 1, (float[]){-128, 127}, 2);
    expect_values("U16", (uint16_t[]){0, 65535}, 2, (float[]){0, 65535}, 2);
    expect_values("I16", (int16_t[]){-32768, 32767}, 2, (float[]){-32768, 32767}, 2);
    expect_values("U32", (uint32_t[]){1, 16777217, 4294967295u}, 4, (float[]){1, 16777216, 4294967296}, 3);
    expect_values("I32", (int32_t[]){INT32_MIN, 16777219}, 4, (float[]){-2147483648.0f, 16777220}, 2);
    expect_values("U64", (uint64_t[]){UINT64_MAX, 3}, 8, (float[]){0x1p64f, 3}, 2);
    expect_values("I64", (int64_t[]){INT64_MIN, -5}, 8, (float[]){-0x1p63f, -5}, 2);
    expect_values("F16", (uint16_t[]){0x3c00, 0x8000, 1, 0x7c00, 0x7e00}, 2,
                  (float[]){1, -0.0f, 0x1p-24f, INFINITY, NAN}, 5);
    expect_values("BF16", (uint16_t[]){0x3f80, 0x8000, 1, 0xff80}, 2, (float[]){1, -0.0f, 0x1p-133f, -INFINITY}, 4);
    expect_values("F32", (float[]){1, -0.0f, 0x1p-149f, NAN}, 4, (float[]){1, -0.0f, 0x1p-149f, NAN}, 4);
    expect_values("F64", (double[]){1 + 0x1p-24, 1 + 0x1.8p-24, -1e300, 0x1p-150, NAN}, 8,
                  (float[]){1, 1 + 0x1p-23f, -INFINITY, 0, NAN}, 5);
    expect_values("F8_E4M3", (uint8_t[]){0x38, 0x7e, 0xff, 1, 0x80, 0x88}, 1,
                  (float[]){1, 448, NAN, 0x1p-9f, -0.0f, -0x1p-6f}, 6);
    expect_values("F8_E5M2", (uint8_t[]){0x3c, 0x7b, 0xfc, 1, 0x7d}, 1, (float[]){1, 57344, -INFINITY, 0x1p-16f, NAN},
                  5);
    expect_values("F8_E4M3FNUZ", (uint8_t[]){0x40, 0x7f, 0x80, 1}, 1, (float[]){1, 240, NAN, 0x1p-10f}, 4);
    expect_values("F8_E5M2FNUZ", (uint8_t[]){0x40, 0x7f, 0x80, 1}, 1, (float[]){1, 57344, NAN, 0x1p-17f}, 4);
    expect_values("F8_E8M0", (uint8_t[]){127, 0, 254, 255}, 1, (float[]){1, 0x1p-127f, 0x1p127f, NAN}, 4);
}

static void test_types_below_a_byte(void **state)
{
    (void)state;
    const model_place place = place_make();
    static const unsigned char bytes[3] = {1, 2, 3};
    tm_error error = {""};
    unsigned char found[3] = {0};
    float values[8];
    tm_checkpoint *checkpoint = open_values(&place, "F4", bytes, 6, 3);
    assert_int_equal(tm_checkpoint_tensor(checkpoint, 0).elements, 6);
    assert_int_equal(tm_checkpoint_read(checkpoint, 0, 2, 4, 1, found, &error), TM_OK);
    assert_memory_equal(found, bytes + 1, 2);
    assert_int_equal(tm_checkpoint_read(checkpoint, 0, 1, 2, 1, found, &error), TM_INVALID_ARGUMENT);
    assert_int_equal(tm_checkpoint_read_f32(checkpoint, 0, 0, 6, 1, values, &error), TM_UNSUPPORTED);
    assert_non_null(strstr(error.message, "/model.safetensors: tensor \"t\": F4 cannot be read as f32"));
    tm_checkpoint_close(checkpoint);
    checkpoint = open_values(&place, "F6_E2M3", bytes, 4, 3);
    assert_int_equal(tm_checkpoint_read(checkpoint, 0, 0, 4, 1, found, &error), TM_OK);
    assert_memory_equal(found, bytes, 3);
    tm_checkpoint_close(checkpoint);
    place_remove(&place);
}

static void test_ranges_that_are_not_there(void **state)
{
    (void)state;
    const model_place place = place_make();
    static const float values[4] = {1, 2, 3, 4};
    tm_checkpoint *const checkpoint = open_values(&place, "F32", values, 4, 16);
    const int64_t wrong[][2] = {{-1, 1}, {0, 5},         {5, 0},         {4, 1},
                                {0, -1}, {1, INT64_MAX}, {INT64_MAX, 1}, {INT64_MIN, 1}};
    float found[4];
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        tm_error error = {""};
        assert_int_equal(tm_checkpoint_read_f32(checkpoint, 0, wrong[i][0], wrong[i][1], 1, found, &error),
                         TM_INVALID_ARGUMENT);
        assert_non_null(strstr(error.message, "tensor \"t\" has 4 elements of F32"));
    }
    assert_int_equal(tm_checkpoint_read_f32(checkpoint, 0, 4, 0, 1, found, NULL), TM_OK);
    size_t index;
    assert_false(tm_checkpoint_find(checkpoint, "u", &index));
    assert_false(tm_checkpoint_find(checkpoint, "", &index));
    tm_checkpoint_close(checkpoint);
    place_remove(&place);
}

/* Big tensors are read in pieces by several threads: every element arrives, once, whatever the range. */
static void test_large_tensors(void **state)
{
    (void)state;
    enum { COUNT = 9000001 };
    const model_place place = place_make();
    uint16_t *const stored = malloc(COUNT * sizeof *stored);
    float *const found = malloc(COUNT * sizeof *found);
    uint32_t random = 1;
    for (size_t i = 0; i < COUNT; i++) stored[i] = (uint16_t)((random = random * 1664525u + 1013904223u) >> 16);
    tm_checkpoint *const checkpoint = open_values(&place, "BF16", stored, COUNT, COUNT * sizeof *stored);
    for (int threads = 1; threads <= 5; threads++) {
        const size_t first = (size_t)threads - 1, count = COUNT - 3 * first;
        tm_error error = {""};
        memset(found, 0x5a, COUNT * sizeof *found);
        assert_int_equal(tm_checkpoint_read_f32(checkpoint, 0, (int64_t)first, (int64_t)count, threads, found, &error),
                         TM_OK);
        for (size_t i = 0; i < count; i++) {
            const float wanted = tm_f32_from_bf16(stored[first + i]);
            if (memcmp(&wanted, &found[i], sizeof wanted) != 0) fail_msg("%d threads: element %zu", threads, i);
        }
        memset(found, 0x5a, COUNT * sizeof *found);
        assert_int_equal(tm_checkpoint_read(checkpoint, 0, (int64_t)first, (int64_t)count, threads, found, &error),
                         TM_OK);
        assert_memory_equal(found, stored + first, count * sizeof *stored);
    }
    tm_checkpoint_close(checkpoint);
    free(stored);
    free(found);
    place_remove(&place);
}

static const char pair[] = "{\"t\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}";
static const float pair_values[2] = {1, 2};

static void expect_changed(const tm_checkpoint *checkpoint, const char *words)
{
    float found[2];
    tm_error error = {""};
    assert_int_equal(tm_checkpoint_read_f32(checkpoint, 0, 0, 2, 1, found, &error), TM_FAILED);
    if (!strstr(error.message, words)) fail_msg("'%s' is not in '%s'", words, error.message);
}

static void test_files_that_change(void **state)
{
    (void)state;
    static const char *const changes[] = {"truncated", "grown", "written", "replaced", "removed", "linked"};
    static const char *const words[] = {"FILE_CHANGED: 60 bytes, where there were 70",
                                        "FILE_CHANGED: 71 bytes, where there were 70",
                                        "FILE_CHANGED: it was written to",
                                        "FILE_CHANGED: another file stands in its place",
                                        "FILE_CHANGED: it is no longer there",
                                        "FILE_CHANGED: it is no longer there"};
    for (int i = 0; i < 6; i++) {
        const model_place place = place_make();
        char path[PLACE_PATH], other[PLACE_PATH];
        float found[2];
        place_write_tensors(&place, "model.safetensors", pair, pair_values, sizeof pair_values);
        tm_checkpoint *const checkpoint = open_place(&place);
        assert_int_equal(tm_checkpoint_read_f32(checkpoint, 0, 0, 2, 1, found, NULL), TM_OK);
        assert_memory_equal(found, pair_values, sizeof found);
        place_name(&place, "model.safetensors", path);
        place_name(&place, "other", other);
        switch (changes[i][0]) {
        case 't': assert_int_equal(truncate(path, 60), 0); break;
        case 'g': assert_int_equal(truncate(path, 71), 0); break;
        case 'w': {
            const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = 1}};
            assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
            break;
        }
        case 'r':
            if (i == 4) {
                assert_int_equal(unlink(path), 0);
                break;
            }
            place_write_tensors(&place, "other", pair, pair_values, sizeof pair_values);
            assert_int_equal(rename(other, path), 0);
            break;
        default:
            assert_int_equal(rename(path, other), 0);
            assert_int_equal(symlink(other, path), 0);
            break;
        }
        expect_changed(checkpoint, words[i]);
        tm_checkpoint_close(checkpoint);
        place_remove(&place);
    }
}

typedef struct mutation {
    char path[PLACE_PATH];
    off_t size;
} mutation;

static void *change_soon(void *context)
{
    const mutation *const m = context;
    usleep(3000);
    assert_int_equal(truncate(m->path, m->size), 0);
    return NULL;
}

/* While it is being read: what was read before is right, then there is an error, and never a half. */
static void test_files_that_change_while_read(void **state)
{
    (void)state;
    enum { COUNT = 16 << 20 };
    for (int round = 0; round < 6; round++) {
        const model_place place = place_make();
        char header[128];
        snprintf(header, sizeof header, "{\"t\":{\"dtype\":\"U8\",\"shape\":[%d],\"data_offsets\":[0,%d]}}", COUNT,
                 COUNT);
        unsigned char *const bytes = malloc(COUNT), *const found = malloc(COUNT);
        memset(bytes, 0x77, COUNT);
        place_write_tensors(&place, "model.safetensors", header, bytes, COUNT);
        tm_checkpoint *const checkpoint = open_place(&place);
        mutation m = {.size = round % 2 ? 1 << 20 : (32 << 20)};
        place_name(&place, "model.safetensors", m.path);
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, change_soon, &m), 0);
        tm_error error = {""};
        tm_status status = TM_OK;
        for (int tries = 0; tries < 10000 && status == TM_OK; tries++) {
            memset(found, 0, COUNT);
            status = tm_checkpoint_read(checkpoint, 0, 0, COUNT, 1 + round % 2, found, &error);
            if (status == TM_OK) assert_memory_equal(found, bytes, COUNT);
        }
        pthread_join(thread, NULL);
        assert_int_equal(status, TM_FAILED);
        assert_non_null(strstr(error.message, "/model.safetensors: FILE_CHANGED: "));
        tm_checkpoint_close(checkpoint);
        free(bytes);
        free(found);
        place_remove(&place);
    }
}

static void test_shards(void **state)
{
    (void)state;
    static const char other[] = "{\"u\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
                                "\"hidden\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[8,8]}}";
    static const char index[] =
        "{\"metadata\":{},\"weight_map\":{\"u\":\"two.safetensors\",\"t\":\"one.safetensors\"}}";
    static const float more[2] = {3, 4};
    const model_place place = place_make();
    char path[PLACE_PATH];
    float found[2];
    place_write_tensors(&place, "one.safetensors", pair, pair_values, sizeof pair_values);
    place_write_tensors(&place, "two.safetensors", other, more, sizeof more);
    place_write(&place, "model.safetensors.index.json", index, strlen(index));
    tm_checkpoint *const checkpoint = open_place(&place);
    assert_int_equal(tm_checkpoint_count(checkpoint), 2);
    assert_int_equal(index_of(checkpoint, "u"), 0);
    size_t number;
    assert_false(tm_checkpoint_find(checkpoint, "hidden", &number));
    assert_int_equal(tm_checkpoint_read_f32(checkpoint, 0, 0, 2, 1, found, NULL), TM_OK);
    assert_memory_equal(found, more, sizeof more);
    assert_int_equal(tm_checkpoint_read_f32(checkpoint, index_of(checkpoint, "t"), 1, 1, 1, found, NULL), TM_OK);
    assert_true(found[0] == 2);
    assert_int_equal(truncate(place_name(&place, "two.safetensors", path), 9), 0);
    expect_changed(checkpoint, "/two.safetensors: FILE_CHANGED");
    assert_int_equal(tm_checkpoint_read_f32(checkpoint, index_of(checkpoint, "t"), 0, 2, 1, found, NULL), TM_OK);
    tm_checkpoint_close(checkpoint);
    place_remove(&place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_place_in_the_window),
        cmocka_unit_test(test_every_cut_is_refused),
        cmocka_unit_test(test_a_source_that_fails),
        cmocka_unit_test(test_sorting),
        cmocka_unit_test(test_names_as_shown),
        cmocka_unit_test(test_values_of_every_type),
        cmocka_unit_test(test_types_below_a_byte),
        cmocka_unit_test(test_ranges_that_are_not_there),
        cmocka_unit_test(test_large_tensors),
        cmocka_unit_test(test_files_that_change),
        cmocka_unit_test(test_files_that_change_while_read),
        cmocka_unit_test(test_shards),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
