/* oracle_dump FOLDER CASE...: writes the inputs and the oracle's whole output of each case as
 * FOLDER/<n>/input<i>.npy and FOLDER/<n>/oracle0.npy, for compare.py. */
#include "base/dtype.h"
#include "base/file.h"
#include "base/parallel.h"
#include "oracle/oracle.h"
#include "suite/inputs.h"

#include <stdio.h>
#include <stdlib.h>

enum { MOST_INPUTS = 64 };

static tm_status dump_inputs(const tm_case *one, const char *folder, void **inputs, tm_error *error)
{
    const tm_input_key key = {.seed = TM_DEFAULT_SEED};
    if (one->graph->inputs > MOST_INPUTS) return tm_fail(error, TM_INVALID_ARGUMENT, "%s: too many inputs", one->id);
    for (int32_t i = 0; i < one->graph->inputs; i++) {
        const tm_shape *shape = &one->graph->shape[i];
        char path[4096];
        inputs[i] = malloc(tm_shape_bytes(shape) + 1);
        if (!inputs[i]) return tm_fail_memory(error, one->id);
        tm_input_fill_all(one, key, i, tm_usable_threads(), inputs[i]);
        snprintf(path, sizeof path, "%s/input%d.npy", folder, (int)i);
        const tm_status status = tm_npy_write(path, shape, inputs[i], error);
        if (status != TM_OK) return status;
    }
    return TM_OK;
}

static tm_status dump(const tm_case *one, const char *folder, tm_error *error)
{
    const tm_shape *result = &one->graph->shape[one->graph->output[0]];
    void *inputs[MOST_INPUTS] = {0};
    char path[4096];
    snprintf(path, sizeof path, "%s/oracle0.npy", folder);
    double *want = malloc(((size_t)tm_shape_elements(result) + 1) * sizeof *want);
    tm_status status = want ? tm_make_folders(folder, error) : tm_fail_memory(error, one->id);
    if (status == TM_OK) status = dump_inputs(one, folder, inputs, error);
    if (status == TM_OK) {
        status = tm_oracle_evaluate(one->graph, (const void *const *)inputs, tm_usable_threads(), want, error);
    }
    if (status == TM_OK) status = tm_npy_write_f64(path, result, want, error);
    for (int32_t i = 0; i < MOST_INPUTS; i++) free(inputs[i]);
    free(want);
    return status;
}

int main(int count, char **arguments)
{
    for (int i = 2; i < count; i++) {
        tm_error error = {{0}};
        tm_case one;
        char folder[3072];
        snprintf(folder, sizeof folder, "%s/%d", arguments[1], i - 2);
        tm_status status = tm_case_parse(arguments[i], "ops", &one, &error);
        if (status == TM_OK) {
            status = dump(&one, folder, &error);
            tm_case_free(&one);
        }
        if (status != TM_OK) {
            fprintf(stderr, "%s: %s\n", arguments[i], error.message);
            return 1;
        }
    }
    return 0;
}
