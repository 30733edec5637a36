// The few ops whose schema has a Scalar, which PyTorch's stable C interface cannot pass. Built once per version of
// PyTorch by build-scalar-ops, against the headers of that version, and loaded by library.c if it is there. Each
// function is the call that PyTorch's Python makes, and has the form of tm_torch_scalar_op in torch.h.
#include <ATen/core/Tensor.h>
#include <ATen/ops/add.h>
#include <ATen/ops/clamp_min.h>
#include <ATen/ops/leaky_relu.h>
#include <ATen/ops/softplus.h>

#include <cstdint>
#include <cstdio>

namespace
{

const at::Tensor &tensor_of(void *handle)
{
    return *static_cast<at::Tensor *>(handle);
}

// Calls `op`, and turns what it throws into words.
template <typename Op> int32_t guarded(Op op, void **result, char *words, std::size_t capacity)
{
    try {
        *result = new at::Tensor(op());
        return 0;
    } catch (const c10::Error &error) {
        std::snprintf(words, capacity, "%s", error.what_without_backtrace());
    } catch (const std::exception &error) {
        std::snprintf(words, capacity, "%s", error.what());
    }
    return 1;
}

} // namespace

extern "C" {

__attribute__((visibility("default"))) int32_t tm_torch_leaky_relu(void *const *x, double slope, void *into,
                                                                   void **result, char *words, std::size_t capacity)
{
    return guarded(
        [&]() -> at::Tensor {
            if (!into) return at::leaky_relu(tensor_of(x[0]), slope);
            at::Tensor out = tensor_of(into);
            return at::leaky_relu_out(out, tensor_of(x[0]), slope);
        },
        result, words, capacity);
}

__attribute__((visibility("default"))) int32_t tm_torch_softplus(void *const *x, double, void *into, void **result,
                                                                 char *words, std::size_t capacity)
{
    return guarded(
        [&]() -> at::Tensor {
            if (!into) return at::softplus(tensor_of(x[0]));
            at::Tensor out = tensor_of(into);
            return at::softplus_out(out, tensor_of(x[0]));
        },
        result, words, capacity);
}

// relu has no form that writes where it is told; clamping does the same work.
__attribute__((visibility("default"))) int32_t tm_torch_relu_into(void *const *x, double, void *into, void **result,
                                                                  char *words, std::size_t capacity)
{
    return guarded(
        [&]() -> at::Tensor {
            at::Tensor out = tensor_of(into);
            return at::clamp_min_out(out, tensor_of(x[0]), 0);
        },
        result, words, capacity);
}

__attribute__((visibility("default"))) int32_t tm_torch_add(void *const *x, double alpha, void *into, void **result,
                                                            char *words, std::size_t capacity)
{
    return guarded(
        [&]() -> at::Tensor {
            if (!into) return at::add(tensor_of(x[0]), tensor_of(x[1]), alpha);
            at::Tensor out = tensor_of(into);
            return at::add_out(out, tensor_of(x[0]), tensor_of(x[1]), alpha);
        },
        result, words, capacity);
}

// sum.index_add_(0, index, source), for x = {sum, index, source}.
__attribute__((visibility("default"))) int32_t tm_torch_index_add(void *const *x, double, void *, void **result,
                                                                  char *words, std::size_t capacity)
{
    return guarded(
        [&]() -> at::Tensor {
            at::Tensor sum = tensor_of(x[0]);
            return sum.index_add_(0, tensor_of(x[1]), tensor_of(x[2]));
        },
        result, words, capacity);
}
}
