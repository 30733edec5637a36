/* token_model_dump TOKENIZER_JSON [REPEATS]: cuts each string of the JSON list on stdin with the file's model and
 * prints a line of JSON for it: its ids, or the error as a string. A model that is refused: that error alone, exit
 * status 1. With REPEATS, prints the nanoseconds a string of the fastest of so many passes instead. */
#include "base/clock.h"
#include "model/tokenizer/token_model.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void print_error(const tm_error *error)
{
    json_t *const text = json_string(error->message);
    if (json_dumpf(text, stdout, JSON_ENCODE_ANY) == 0) printf("\n");
    json_decref(text);
}

static void print_ids(const tm_ids *ids)
{
    printf("[");
    for (size_t i = 0; i < ids->count; i++) printf("%s%" PRIu32, i > 0 ? ", " : "", ids->data[i]);
    printf("]\n");
}

static void cut_all(const tm_token_model *model, tm_cut_scratch *scratch, const json_t *texts, tm_ids *ids)
{
    for (size_t i = 0; i < json_array_size(texts); i++) {
        const json_t *const text = json_array_get(texts, i);
        tm_error error = {""};
        ids->count = 0;
        if (tm_token_model_cut(model, scratch, json_string_value(text), json_string_length(text), ids, &error) == TM_OK)
            print_ids(ids);
        else
            print_error(&error);
    }
}

static void time_all(const tm_token_model *model, tm_cut_scratch *scratch, const json_t *texts, tm_ids *ids,
                     long repeats)
{
    uint64_t best = UINT64_MAX;
    for (long pass = 0; pass < repeats; pass++) {
        const uint64_t begin = tm_now_ns();
        ids->count = 0;
        for (size_t i = 0; i < json_array_size(texts); i++) {
            const json_t *const text = json_array_get(texts, i);
            tm_token_model_cut(model, scratch, json_string_value(text), json_string_length(text), ids, NULL);
        }
        const uint64_t taken = tm_now_ns() - begin;
        best = taken < best ? taken : best;
    }
    printf("%.1f\n", (double)best / (double)json_array_size(texts));
}

int main(int count, char **argument)
{
    if (count < 2) return 2;
    tm_error error = {""};
    tm_token_model *model = NULL;
    tm_ids ids = {0};
    json_error_t problem;
    json_t *const file = json_load_file(argument[1], JSON_ALLOW_NUL, &problem);
    json_t *const texts = json_loadf(stdin, JSON_ALLOW_NUL, &problem);
    int status = 2;
    if (!file || !json_is_array(texts)) {
        fprintf(stderr, "%s: %s\n", argument[1], problem.text);
    } else if (tm_token_model_read(json_object_get(file, "model"), argument[1], &model, &error) != TM_OK) {
        print_error(&error);
        status = 1;
    } else {
        tm_cut_scratch *const scratch = tm_cut_scratch_make(model);
        if (scratch && count > 2)
            time_all(model, scratch, texts, &ids, strtol(argument[2], NULL, 10));
        else if (scratch)
            cut_all(model, scratch, texts, &ids);
        status = scratch ? 0 : 2;
        tm_cut_scratch_free(scratch);
    }
    tm_token_model_close(model);
    tm_ids_free(&ids);
    json_decref(file);
    json_decref(texts);
    return status;
}
