/* How ops.c writes down steps. */
#ifndef TM_TORCH_MAKER_H
#define TM_TORCH_MAKER_H

#include "torch.h"

/* A graph becoming steps. The first failure sticks; what is made after it is never run. */
typedef struct tm_maker {
    tm_program *program;
    const tm_host *host;
    const tm_graph *graph;
    int32_t node;     /* the one being written down */
    const char *name; /* its op */
    tm_status status;
    tm_error *error;
    tm_torch_step spare; /* written to once something has failed */
} tm_maker;

/* The node: registers and shapes of its operands, its own value, an attribute, whether outputs are preallocated. */
int32_t tm_operand(const tm_maker *m, int32_t position);
tm_shape tm_operand_shape(const tm_maker *m, int32_t position);
int32_t tm_own_value(const tm_maker *m);
int64_t tm_integer(const tm_maker *m, const char *attribute);
bool tm_tuned(const tm_maker *m);

/* Out of memory. */
void tm_make_failed(tm_maker *m);
int32_t tm_make_register(tm_maker *m, tm_torch_life life);

/* A call at the end of the steps; the pointer holds until the next is added. Arguments follow in the schema's order. */
tm_torch_step *tm_call(tm_maker *m, const char *op, const char *overload, int32_t results);
tm_torch_argument *tm_step_argument(tm_torch_step *step, tm_torch_kind kind);
void tm_step_bits(tm_torch_step *step, cell bits);
void tm_step_integer(tm_torch_step *step, int64_t value); /* or bool */
void tm_step_nothing(tm_torch_step *step);                /* an optional that is absent */
void tm_step_some(tm_torch_step *step, cell bits);        /* one that is present */
void tm_step_tensor(tm_torch_step *step, int32_t where);
void tm_step_some_tensor(tm_torch_step *step, int32_t where);
void tm_step_list(tm_torch_step *step, tm_torch_kind kind, const int64_t *items, int32_t count);
cell tm_real_bits(double value);

/* The step's result is the node's. */
void tm_gives_result(tm_maker *m, tm_torch_step *step);

/* The same, or it is written into the node's buffer, which is the last argument of forms with an output. */
void tm_ends(tm_maker *m, tm_torch_step *step, bool into_buffer);

/* A preallocated tensor; the second is the node's result. */
int32_t tm_buffer_of(tm_maker *m, const tm_shape *shape);
int32_t tm_result_buffer(tm_maker *m);

/* A step that makes a view of `from`, whose register goes to *into: once per slot if `from` is an input or a view of
 * one, else at each execution. */
tm_torch_step *tm_view(tm_maker *m, int32_t from, const char *op, const char *overload, int32_t *into);
int32_t tm_permuted(tm_maker *m, int32_t from, const int64_t *order, int32_t rank);
int32_t tm_reshaped(tm_maker *m, int32_t from, const int64_t *sizes, int32_t rank);
int32_t tm_transposed(tm_maker *m, int32_t from);

#endif
