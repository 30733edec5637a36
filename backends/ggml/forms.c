/* How values lie in ggml's tensors, and the copies between a dense value and one that lies otherwise.
 *
 * A piece of the dense value is a run of its elements. It is taken row by row along the last dimension: each part of a
 * row is converted to the tensor's type if that is another, and its elements go to places one stride apart. */
#include "adapter_ggml.h"

#include <string.h>

/* Outer dimensions beyond the fourth are one with it. */
static void count_elements(tm_ggml_form *form)
{
    for (int i = 0; i < 4; i++) form->ne[i] = 1;
    for (int32_t i = 0; i < form->rank; i++) {
        const int32_t from_inner = form->rank - 1 - i;
        form->ne[from_inner < 3 ? from_inner : 3] *= form->dim[form->order[i]];
    }
}

tm_ggml_form tm_ggml_form_of(const tm_shape *shape)
{
    tm_ggml_form form = {.dtype = shape->dtype, .held = shape->dtype, .rank = shape->rank};
    for (int32_t i = 0; i < shape->rank; i++) {
        form.dim[i] = shape->dim[i];
        form.order[i] = i;
    }
    count_elements(&form);
    return form;
}

void tm_ggml_reorder(tm_ggml_form *form, const int32_t *order)
{
    for (int32_t i = 0; i < form->rank; i++) form->order[i] = order[i];
    count_elements(form);
}

bool tm_ggml_same_form(const tm_ggml_form *a, const tm_ggml_form *b)
{
    bool same = a->dtype == b->dtype && a->held == b->held && a->rank == b->rank;
    for (int32_t i = 0; same && i < a->rank; i++) same = a->dim[i] == b->dim[i] && a->order[i] == b->order[i];
    for (int i = 0; same && i < 4; i++) same = a->ne[i] == b->ne[i];
    return same;
}

static int64_t elements(const tm_ggml_form *form)
{
    return form->ne[0] * form->ne[1] * form->ne[2] * form->ne[3];
}

size_t tm_ggml_form_bytes(const tm_ggml_form *form)
{
    return (size_t)elements(form) * tm_adapter_size_of(form->held);
}

/* Of each dimension of the value, in elements of the tensor's memory. */
static void find_strides(const tm_ggml_form *form, int64_t *stride)
{
    int64_t step = 1;
    for (int32_t i = form->rank; i-- > 0;) {
        stride[form->order[i]] = step;
        step *= form->dim[form->order[i]];
    }
}

static bool lies_dense(const tm_ggml_form *form)
{
    for (int32_t i = 0; i < form->rank; i++) {
        if (form->order[i] != i) return false;
    }
    return true;
}

static void convert(const tm_ggml *ggml, tm_dtype from, const void *source, tm_dtype to, void *into, int64_t count)
{
    if (from == to) {
        memcpy(into, source, (size_t)count * tm_adapter_size_of(from));
    } else if (from == TM_I64 && to == TM_I32) {
        for (int64_t i = 0; i < count; i++) ((int32_t *)into)[i] = (int32_t)((const int64_t *)source)[i];
    } else if (from == TM_I32 && to == TM_I64) {
        for (int64_t i = 0; i < count; i++) ((int64_t *)into)[i] = ((const int32_t *)source)[i];
    } else if (from == TM_F16) {
        ggml->api.ggml_fp16_to_fp32_row(source, into, count);
    } else if (from == TM_BF16) {
        ggml->api.ggml_bf16_to_fp32_row(source, into, count);
    } else if (to == TM_F16) {
        ggml->api.ggml_fp32_to_fp16_row(source, into, count);
    } else {
        ggml->api.ggml_fp32_to_bf16_row(source, into, count);
    }
}

static void spread(const void *source, void *into, size_t size, int64_t count, int64_t from_step, int64_t to_step)
{
    if (size == 4) {
        const uint32_t *from = source;
        uint32_t *to = into;
        for (int64_t i = 0; i < count; i++) to[i * to_step] = from[i * from_step];
    } else if (size == 2) {
        const uint16_t *from = source;
        uint16_t *to = into;
        for (int64_t i = 0; i < count; i++) to[i * to_step] = from[i * from_step];
    } else {
        const uint64_t *from = source;
        uint64_t *to = into;
        for (int64_t i = 0; i < count; i++) to[i * to_step] = from[i * from_step];
    }
}

enum { part_of_row = 1024 }; /* elements that are converted at a time */

/* One part of a row: `memory` is the tensor's at its first element. */
static void move_part(const tm_ggml *ggml, const tm_ggml_form *form, char *memory, int64_t step, char *dense,
                      int64_t count, bool inwards)
{
    _Alignas(8) char part[part_of_row * sizeof(int64_t)];
    const size_t size = tm_adapter_size_of(form->held);
    if (inwards) {
        convert(ggml, form->dtype, dense, form->held, part, count);
        spread(part, memory, size, count, 1, step);
    } else {
        spread(memory, part, size, count, step, 1);
        convert(ggml, form->held, part, form->dtype, dense, count);
    }
}

static void move(const tm_ggml *ggml, const tm_ggml_form *form, char *memory, size_t offset, size_t bytes, char *dense,
                 bool inwards)
{
    const size_t dense_size = tm_adapter_size_of(form->dtype), size = tm_adapter_size_of(form->held);
    if (form->dtype == form->held && lies_dense(form)) {
        memcpy(inwards ? memory + offset : dense, inwards ? dense : memory + offset, bytes);
        return;
    }
    int64_t stride[TM_MAX_RANK], at = (int64_t)(offset / dense_size);
    const int64_t end = at + (int64_t)(bytes / dense_size);
    const int64_t row = form->rank > 0 ? form->dim[form->rank - 1] : 1, step = 1;
    find_strides(form, stride);
    while (at < end) {
        int64_t rest = at, place = 0;
        for (int32_t i = form->rank; i-- > 0; rest /= form->dim[i]) place += rest % form->dim[i] * stride[i];
        int64_t count = row - at % row;
        if (count > end - at) count = end - at;
        if (count > part_of_row) count = part_of_row;
        move_part(ggml, form, memory + (size_t)place * size, form->rank > 0 ? stride[form->rank - 1] : step, dense,
                  count, inwards);
        dense += (size_t)count * dense_size;
        at += count;
    }
}

void tm_ggml_copy_in(const tm_ggml *ggml, const tm_ggml_form *form, void *memory, size_t offset, size_t bytes,
                     const void *dense)
{
    /* Only read from: one function serves both directions. */
    move(ggml, form, memory, offset, bytes, (char *)(uintptr_t)dense, true);
}

void tm_ggml_copy_out(const tm_ggml *ggml, const tm_ggml_form *form, const void *memory, size_t offset, size_t bytes,
                      void *dense)
{
    move(ggml, form, (char *)(uintptr_t)memory, offset, bytes, dense, false);
}
