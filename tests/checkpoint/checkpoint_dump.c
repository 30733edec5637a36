/* checkpoint_dump PATH [THREADS]: all that the checkpoint's readers say of a model, for compare.py: a line of JSON per
 * tensor ({"tensor", "dtype", "shape", "bytes", "f32"}), then a line "data", then the tensors' bytes as they are
 * stored, each followed by its elements as f32 where they convert ("f32": true). */
#include "base/parallel.h"
#include "base/text.h"
#include "model/checkpoint/checkpoint.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

static int fail(const tm_error *error)
{
    fprintf(stderr, "%s\n", error->message);
    return 1;
}

static void print_tensor(const tm_stored_tensor *tensor)
{
    json_t *const shape = json_array();
    for (int i = 0; i < tensor->rank; i++) json_array_append_new(shape, json_integer((json_int_t)tensor->dim[i]));
    json_t *const line = json_object();
    json_object_set_new(line, "tensor", json_stringn(tensor->name, tensor->name_length));
    json_object_set_new(line, "dtype", json_string(tm_stored_name(tensor->type)));
    json_object_set_new(line, "shape", shape);
    json_object_set_new(line, "bytes", json_integer((json_int_t)tensor->bytes));
    json_object_set_new(line, "f32", json_boolean(tm_stored_converts(tensor->type)));
    json_dumpf(line, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
    putchar('\n');
    json_decref(line);
}

/* Stored bytes whole; float32 in two slices, cut anywhere. */
static tm_status print_values(const tm_checkpoint *checkpoint, size_t index, int threads, tm_error *error)
{
    const tm_stored_tensor tensor = tm_checkpoint_tensor(checkpoint, index);
    const int64_t cut = tensor.elements / 3;
    const size_t count = (size_t)tensor.elements;
    char *const bytes = malloc(tensor.bytes + 1);
    float *const values = malloc((count + 1) * sizeof *values);
    tm_status status = bytes && values ? TM_OK : tm_fail_memory(error, tensor.name);
    if (status == TM_OK) status = tm_checkpoint_read(checkpoint, index, 0, tensor.elements, threads, bytes, error);
    if (status == TM_OK) fwrite(bytes, 1, tensor.bytes, stdout);
    if (status == TM_OK && tm_stored_converts(tensor.type)) {
        status = tm_checkpoint_read_f32(checkpoint, index, 0, cut, threads, values, error);
        if (status == TM_OK)
            status =
                tm_checkpoint_read_f32(checkpoint, index, cut, tensor.elements - cut, threads, values + cut, error);
        if (status == TM_OK) fwrite(values, sizeof *values, count, stdout);
    }
    free(bytes);
    free(values);
    return status;
}

int main(int count, char **arguments)
{
    tm_checkpoint *checkpoint = NULL;
    tm_error error = {""};
    if (count != 2 && count != 3) return 2;
    const int threads = count == 3 ? atoi(arguments[2]) : tm_usable_threads();
    if (tm_checkpoint_open(arguments[1], &checkpoint, &error) != TM_OK) return fail(&error);
    for (size_t i = 0; i < tm_checkpoint_count(checkpoint); i++) {
        const tm_stored_tensor tensor = tm_checkpoint_tensor(checkpoint, i);
        print_tensor(&tensor);
    }
    printf("data\n");
    tm_status status = TM_OK;
    for (size_t i = 0; i < tm_checkpoint_count(checkpoint) && status == TM_OK; i++) {
        status = print_values(checkpoint, i, threads, &error);
    }
    tm_checkpoint_close(checkpoint);
    return status == TM_OK && fflush(stdout) == 0 ? 0 : fail(&error);
}
