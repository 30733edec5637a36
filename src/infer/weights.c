/* One block of memory for all weights. Linear weights are stored as [out, in] and turned on the way in, in squares that
 * fit the nearest cache. */
#include "infer/weights.h"

#include "base/dtype.h"
#include "base/parallel.h"

#include <stdlib.h>
#include <sys/mman.h>

enum { LINE = 16, SQUARE = 32, HUGE_PAGE = 2 << 20 };

typedef struct turning {
    const float *from; /* rows x columns */
    float *to;         /* columns x rows */
    int64_t rows, columns;
} turning;

/* Rows begin * SQUARE .. end * SQUARE of what is read. */
static void turn(void *context, int64_t begin, int64_t end)
{
    const turning *const t = context;
    const int64_t last = end * SQUARE < t->rows ? end * SQUARE : t->rows;
    for (int64_t column = 0; column < t->columns; column += SQUARE) {
        const int64_t right = column + SQUARE < t->columns ? column + SQUARE : t->columns;
        for (int64_t i = begin * SQUARE; i < last; i++) {
            for (int64_t j = column; j < right; j++) t->to[j * t->rows + i] = t->from[i * t->columns + j];
        }
    }
}

/* Elements that a weight takes, whole cache lines. */
static int64_t room_for(const tm_shape *shape)
{
    return (tm_shape_elements(shape) + LINE - 1) / LINE * LINE;
}

static tm_status allocate(const tm_encoder_config *config, tm_weights *into, int64_t *largest, tm_error *error)
{
    int64_t total = 0;
    for (int32_t i = 0; i < into->count; i++) {
        const tm_encoder_input input = tm_encoder_input_at(config, i);
        const int64_t elements = tm_shape_elements(&input.shape);
        total += room_for(&input.shape);
        if (input.transposed && elements > *largest) *largest = elements;
    }
    const size_t bytes = ((size_t)total * sizeof(float) + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    into->data = calloc((size_t)into->count, sizeof *into->data);
    into->block = aligned_alloc(HUGE_PAGE, bytes);
    if (!into->data || !into->block) return tm_fail_memory(error, "the weights of a model");
#ifdef MADV_HUGEPAGE
    madvise(into->block, bytes, MADV_HUGEPAGE);
#endif
    float *at = into->block;
    for (int32_t i = 0; i < into->count; i++) {
        const tm_encoder_input input = tm_encoder_input_at(config, i);
        into->data[i] = at;
        at += room_for(&input.shape);
    }
    return TM_OK;
}

static tm_status read_one(const tm_checkpoint *checkpoint, size_t number, const tm_encoder_input *input, int threads,
                          float *scratch, float *into, tm_error *error)
{
    const int64_t elements = tm_shape_elements(&input->shape);
    float *const first = input->transposed ? scratch : into;
    const tm_status status = tm_checkpoint_read_f32(checkpoint, number, 0, elements, threads, first, error);
    if (status != TM_OK || !input->transposed) return status;
    turning t = {.from = scratch, .to = into, .rows = input->shape.dim[1], .columns = input->shape.dim[0]};
    tm_parallel_for((t.rows + SQUARE - 1) / SQUARE, 1, elements > 1 << 16 ? threads : 1, turn, &t);
    return TM_OK;
}

tm_status tm_weights_read(const tm_checkpoint *checkpoint, const tm_encoder_config *config,
                          const tm_encoder_weights *places, int threads, tm_weights *into, tm_error *error)
{
    int64_t largest = 1;
    *into = (tm_weights){.count = tm_encoder_inputs(config)};
    tm_status status = allocate(config, into, &largest, error);
    float *const scratch = status == TM_OK ? malloc((size_t)largest * sizeof *scratch) : NULL;
    if (status == TM_OK && !scratch) status = tm_fail_memory(error, "a weight");
    for (int32_t i = 0; i < into->count && status == TM_OK; i++) {
        const tm_encoder_input input = tm_encoder_input_at(config, i);
        const size_t number = tm_encoder_weight(places, input.role, input.layer);
        status = read_one(checkpoint, number, &input, threads, scratch, into->data[i], error);
    }
    free(scratch);
    if (status != TM_OK) tm_weights_free(into);
    return status;
}

void tm_weights_free(tm_weights *weights)
{
    free(weights->block);
    free(weights->data);
    *weights = (tm_weights){0};
}
