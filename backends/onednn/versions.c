/* Version 2 describes an op in a structure and makes a primitive descriptor from that; version 3 makes it at once. Some
 * enumerators changed, too. A structure of version 2 is memory here, with room to spare. */
#include "onednn.h"

#include <stdlib.h>
#include <string.h>

enum { md_bytes_2 = 696, description_bytes_2 = 8192 };

typedef union description {
    char bytes[description_bytes_2];
    max_align_t aligned;
} description;

static int dtype_of(tm_dtype dtype)
{
    return dtype == TM_BF16 ? ONEDNN_BF16 : dtype == TM_F16 ? ONEDNN_F16 : ONEDNN_F32;
}

int tm_onednn_make_md(const tm_onednn *onednn, tm_dtype dtype, int32_t rank, const int64_t *sizes,
                      const int64_t *strides, void **md)
{
    const tm_onednn_api *api = &onednn->api;
    const int type = dtype_of(dtype);
    if (!onednn->is_v2) {
        return strides ? api->memory_desc_create_with_strides(md, rank, sizes, type, strides)
                       : api->memory_desc_create_with_tag(md, rank, sizes, type, ONEDNN_TAG_ANY);
    }
    *md = calloc(2, md_bytes_2);
    if (!*md) return ONEDNN_OUT_OF_MEMORY;
    return strides ? api->memory_desc_init_by_strides(*md, rank, sizes, type, strides)
                   : api->memory_desc_init_by_tag(*md, rank, sizes, type, ONEDNN_TAG_ANY);
}

void tm_onednn_free_md(const tm_onednn *onednn, void *md)
{
    if (!md) return;
    if (onednn->is_v2)
        free(md);
    else
        onednn->api.memory_desc_destroy(md);
}

/* The second half of version 2. */
static int make_pd(const tm_onednn *onednn, tm_onednn_step *step, int status, const description *op)
{
    if (status != ONEDNN_SUCCESS) return status;
    return onednn->api.primitive_desc_create(&step->pd, op, step->attributes, onednn->engine, NULL);
}

int tm_onednn_matmul(const tm_onednn *onednn, tm_onednn_step *step, const void *a, const void *b, const void *bias,
                     const void *c)
{
    const tm_onednn_api *api = &onednn->api;
    description op;
    if (onednn->is_v2) return make_pd(onednn, step, api->matmul_desc_init(&op, a, b, bias, c), &op);
    return api->matmul_primitive_desc_create(&step->pd, onednn->engine, a, b, bias, c, step->attributes);
}

int tm_onednn_convolution(const tm_onednn *onednn, tm_onednn_step *step, const void *x, const void *weights,
                          const void *y)
{
    static const int64_t ones[] = {1, 1}, zeros[] = {0, 0};
    const tm_onednn_api *api = &onednn->api;
    description op;
    if (onednn->is_v2) {
        const int status = api->convolution_forward_desc_init(&op, ONEDNN_FORWARD_INFERENCE, ONEDNN_CONVOLUTION_DIRECT,
                                                              x, weights, NULL, y, ones, zeros, zeros);
        return make_pd(onednn, step, status, &op);
    }
    return api->convolution_forward_primitive_desc_create(&step->pd, onednn->engine, ONEDNN_FORWARD_INFERENCE,
                                                          ONEDNN_CONVOLUTION_DIRECT, x, weights, NULL, y, ones, zeros,
                                                          zeros, zeros, step->attributes);
}

int tm_onednn_eltwise_op(const tm_onednn *onednn, tm_onednn_step *step, tm_onednn_eltwise kind, float alpha,
                         const void *x)
{
    static const int kinds[][2] = {
        [TM_ONEDNN_RELU] = {0x1f, 0x20},     [TM_ONEDNN_ELU] = {0x3f, 0x22},       [TM_ONEDNN_LINEAR] = {0x7f, 0x26},
        [TM_ONEDNN_LOGISTIC] = {0xaf, 0x29}, [TM_ONEDNN_SOFT_RELU] = {0x9f, 0x27}, [TM_ONEDNN_GELU_ERF] = {0x30, 0x31},
        [TM_ONEDNN_GELU_TANH] = {0xcf, 0x2b}};
    const tm_onednn_api *api = &onednn->api;
    description op;
    if (onednn->is_v2) {
        const int status =
            api->eltwise_forward_desc_init(&op, ONEDNN_FORWARD_INFERENCE, kinds[kind][0], x, alpha, 0.0f);
        return make_pd(onednn, step, status, &op);
    }
    return api->eltwise_forward_primitive_desc_create(&step->pd, onednn->engine, ONEDNN_FORWARD_INFERENCE,
                                                      kinds[kind][1], x, x, alpha, 0.0f, step->attributes);
}

int tm_onednn_softmax(const tm_onednn *onednn, tm_onednn_step *step, const void *x, int32_t axis)
{
    enum { accurate_3 = 0x30000 };
    const tm_onednn_api *api = &onednn->api;
    description op;
    if (onednn->is_v2) {
        return make_pd(onednn, step, api->softmax_forward_desc_init(&op, ONEDNN_FORWARD_INFERENCE, x, axis), &op);
    }
    return api->softmax_forward_primitive_desc_create(&step->pd, onednn->engine, ONEDNN_FORWARD_INFERENCE, accurate_3,
                                                      x, x, axis, step->attributes);
}

int tm_onednn_prelu(const tm_onednn *onednn, tm_onednn_step *step, const void *x, const void *slope)
{
    const tm_onednn_api *api = &onednn->api;
    description op;
    if (onednn->is_v2) {
        return make_pd(onednn, step, api->prelu_forward_desc_init(&op, ONEDNN_FORWARD_INFERENCE, x, slope), &op);
    }
    return api->prelu_forward_primitive_desc_create(&step->pd, onednn->engine, ONEDNN_FORWARD_INFERENCE, x, slope, x,
                                                    step->attributes);
}

int tm_onednn_layer_norm(const tm_onednn *onednn, tm_onednn_step *step, const void *x, float epsilon)
{
    enum { scale_and_shift_2 = 8 | 16, scale_and_shift_3 = 2 | 4 };
    const tm_onednn_api *api = &onednn->api;
    description op;
    if (onednn->is_v2) {
        const int status = api->layer_normalization_forward_desc_init(&op, ONEDNN_FORWARD_INFERENCE, x, NULL, epsilon,
                                                                      scale_and_shift_2);
        return make_pd(onednn, step, status, &op);
    }
    return api->layer_normalization_forward_primitive_desc_create(
        &step->pd, onednn->engine, ONEDNN_FORWARD_INFERENCE, x, x, NULL, epsilon, scale_and_shift_3, step->attributes);
}

int tm_onednn_sum(const tm_onednn *onednn, tm_onednn_step *step, const void *x, const void *y)
{
    const tm_onednn_api *api = &onednn->api;
    description op;
    if (onednn->is_v2) {
        return make_pd(onednn, step, api->reduction_desc_init(&op, ONEDNN_REDUCTION_SUM, x, y, 0.0f, 0.0f), &op);
    }
    return api->reduction_primitive_desc_create(&step->pd, onednn->engine, ONEDNN_REDUCTION_SUM, x, y, 0.0f, 0.0f,
                                                step->attributes);
}

/* Version 2 wants the descriptors behind each other. */
int tm_onednn_concat(const tm_onednn *onednn, tm_onednn_step *step, const void *y, int32_t count, int32_t axis,
                     void *const *x)
{
    const tm_onednn_api *api = &onednn->api;
    if (!onednn->is_v2) {
        return api->concat_primitive_desc_create_3(&step->pd, onednn->engine, y, count, axis, (const void *const *)x,
                                                   step->attributes);
    }
    char *all = calloc((size_t)count, md_bytes_2);
    if (!all) return ONEDNN_OUT_OF_MEMORY;
    for (int32_t i = 0; i < count; i++) memcpy(all + (size_t)i * md_bytes_2, x[i], md_bytes_2);
    const int status =
        api->concat_primitive_desc_create_2(&step->pd, y, count, axis, all, step->attributes, onednn->engine);
    free(all);
    return status;
}
