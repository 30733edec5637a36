/* Adding steps to a program, argument by argument. The first failure sticks, so that the ops need not look for it. */
#include "maker.h"

#include <stdlib.h>
#include <string.h>

void tm_make_failed(tm_maker *m)
{
    if (m->status == TM_OK) m->status = tm_adapter_fail(m->error, TM_OUT_OF_MEMORY, "out of memory for %s", m->name);
}

int32_t tm_make_register(tm_maker *m, tm_torch_life life)
{
    const int32_t made = tm_torch_register(m->program, life);
    if (made < 0) tm_make_failed(m);
    return made < 0 ? 0 : made;
}

int32_t tm_operand(const tm_maker *m, int32_t position)
{
    return m->program->where[m->host->node_operand(m->graph, m->node, position)];
}

tm_shape tm_operand_shape(const tm_maker *m, int32_t position)
{
    return m->host->value_shape(m->graph, m->host->node_operand(m->graph, m->node, position));
}

int32_t tm_own_value(const tm_maker *m)
{
    return m->program->inputs + m->node;
}

int64_t tm_integer(const tm_maker *m, const char *attribute)
{
    return m->host->node_integer(m->graph, m->node, attribute);
}

/* A step at the end of the list. The pointer holds until the next is added. */
static tm_torch_step *add_step(tm_maker *m, tm_torch_steps *steps, const char *op, const char *overload,
                               int32_t results)
{
    tm_torch_step *items = realloc(steps->item, ((size_t)steps->count + 1) * sizeof *items);
    tm_torch_step *step = &m->spare;
    if (items) {
        steps->item = items;
        step = &items[steps->count++];
    } else {
        tm_make_failed(m);
    }
    *step = (tm_torch_step){
        .op = op, .overload = overload, .name = op ? op : m->name, .into = -1, .results = results, .result = -1};
    return step;
}

tm_torch_step *tm_call(tm_maker *m, const char *op, const char *overload, int32_t results)
{
    return add_step(m, &m->program->steps, op, overload, results);
}

tm_torch_argument *tm_step_argument(tm_torch_step *step, tm_torch_kind kind)
{
    tm_torch_argument *made = &step->argument[step->arguments++];
    *made = (tm_torch_argument){.kind = kind};
    return made;
}

void tm_step_bits(tm_torch_step *step, cell bits)
{
    tm_step_argument(step, TM_TORCH_BITS)->bits = bits;
}

void tm_step_integer(tm_torch_step *step, int64_t value)
{
    tm_step_bits(step, (cell)value);
}

void tm_step_nothing(tm_torch_step *step)
{
    tm_step_bits(step, 0);
}

cell tm_real_bits(double value)
{
    cell bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

void tm_step_some(tm_torch_step *step, cell bits)
{
    tm_step_argument(step, TM_TORCH_SOME_BITS)->bits = bits;
}

void tm_step_tensor(tm_torch_step *step, int32_t where)
{
    tm_step_argument(step, TM_TORCH_TENSOR)->tensor = where;
}

void tm_step_some_tensor(tm_torch_step *step, int32_t where)
{
    tm_step_argument(step, TM_TORCH_SOME_TENSOR)->tensor = where;
}

void tm_step_list(tm_torch_step *step, tm_torch_kind kind, const int64_t *items, int32_t count)
{
    tm_torch_argument *made = tm_step_argument(step, kind);
    made->count = count;
    for (int32_t i = 0; i < count; i++) made->list[i] = items[i];
}

bool tm_tuned(const tm_maker *m)
{
    return m->program->session->tuned;
}

/* The step's result is the node's. */
void tm_gives_result(tm_maker *m, tm_torch_step *step)
{
    step->result = m->program->where[tm_own_value(m)] = tm_make_register(m, TM_TORCH_OF_RUN);
}

int32_t tm_buffer_of(tm_maker *m, const tm_shape *shape)
{
    int32_t where = 0;
    if (m->status == TM_OK) m->status = tm_torch_program_tensor(m->program, shape, NULL, &where, m->error);
    return m->status == TM_OK ? where : 0;
}

/* The node's result lies in a preallocated buffer, which is the register returned. */
int32_t tm_result_buffer(tm_maker *m)
{
    const tm_shape shape = m->host->value_shape(m->graph, tm_own_value(m));
    const int32_t where = tm_buffer_of(m, &shape);
    m->program->where[tm_own_value(m)] = where;
    return where;
}

/* The step's result is the node's, or is written into its buffer, the last argument of forms with an output. */
void tm_ends(tm_maker *m, tm_torch_step *step, bool into_buffer)
{
    if (into_buffer) {
        tm_step_tensor(step, tm_result_buffer(m));
    } else {
        tm_gives_result(m, step);
    }
}

/* A step that makes a view of `from`: once per slot if that is an input. */
tm_torch_step *tm_view(tm_maker *m, int32_t from, const char *op, const char *overload, int32_t *into)
{
    const bool of_slot = m->status == TM_OK && m->program->life[from] == TM_TORCH_OF_SLOT;
    *into = tm_make_register(m, of_slot ? TM_TORCH_OF_SLOT : TM_TORCH_OF_RUN);
    tm_torch_step *step = add_step(m, of_slot ? &m->program->views : &m->program->steps, op, overload, 1);
    step->result = *into;
    tm_step_tensor(step, from);
    return step;
}

int32_t tm_permuted(tm_maker *m, int32_t from, const int64_t *order, int32_t rank)
{
    int32_t into;
    tm_torch_step *step = tm_view(m, from, "aten::permute", "", &into);
    tm_step_list(step, TM_TORCH_INTS, order, rank);
    return into;
}

int32_t tm_reshaped(tm_maker *m, int32_t from, const int64_t *sizes, int32_t rank)
{
    int32_t into;
    tm_torch_step *step = tm_view(m, from, "aten::view", "", &into);
    tm_step_list(step, TM_TORCH_INTS, sizes, rank);
    return into;
}

int32_t tm_transposed(tm_maker *m, int32_t from)
{
    static const int64_t order[] = {1, 0};
    return tm_permuted(m, from, order, 2);
}
