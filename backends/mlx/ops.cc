/* What a user of MLX writes for each op, call by call. Numbers in Python expressions take the dtype of the array they
 * meet, and so does number() here. The activations of mlx.nn are compiled functions there, so they are here. */
#include "part.h"

#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>

namespace tm_mlx
{
namespace
{

enum : unsigned {
    KERNEL = 1,      /* several element-wise operations */
    CONTRACTION = 2, /* float32 goes to the BLAS */
    ROUNDS = 4,      /* 16-bit types on the processor: operations inside are rounded to the type */
    NARROW = 8,      /* and sums are kept in it */
};

mx::array number(double value, const mx::array &like)
{
    return mx::array(static_cast<float>(value), like.dtype());
}

int axis_of(const node_reader &node)
{
    return static_cast<int>(node.integer("axis"));
}

bool is_scalar(const node_reader &node)
{
    return node.shape(0).rank == 0;
}

/* @partial(mx.compile, shapeless=True), as mlx.nn has it. */
operation compiled(operation plain)
{
    function whole = [plain](const arrays &x) { return arrays{plain(x)}; };
    return [made = mx::compile(whole, true)](const arrays &x) { return made(x)[0]; };
}

operation plan_add(const node_reader &)
{
    return [](const arrays &x) { return x[0] + x[1]; };
}

operation plan_argmax(const node_reader &node)
{
    if (is_scalar(node)) return [](const arrays &x) { return mx::argmax(x[0]); };
    return [axis = axis_of(node)](const arrays &x) { return mx::argmax(x[0], axis); };
}

/* nn.losses.binary_cross_entropy(p, t, with_logits=False) */
operation plan_bce(const node_reader &)
{
    return [](const arrays &x) {
        const mx::array one = number(1, x[0]), least = number(-100, x[0]);
        const mx::array log_p = mx::clip(mx::log(x[0]), least, std::nullopt);
        const mx::array log_rest = mx::clip(mx::log(one - x[0]), least, std::nullopt);
        return mx::mean(mx::negative(x[1] * log_p + (one - x[1]) * log_rest));
    };
}

operation plan_concat(const node_reader &node)
{
    return [axis = axis_of(node)](const arrays &x) { return mx::concatenate(x, axis); };
}

operation plan_conv1d(const node_reader &)
{
    return [](const arrays &x) { return mx::conv1d(x[0], x[1]); };
}

operation plan_conv2d(const node_reader &)
{
    return [](const arrays &x) { return mx::conv2d(x[0], x[1]); };
}

/* table[index] */
operation plan_gather(const node_reader &)
{
    return [](const arrays &x) { return mx::take(x[0], x[1], 0); };
}

operation plan_gelu(const node_reader &node)
{
    if (node.integer("approximate") == 0) {
        return compiled([](const arrays &x) {
            const mx::array half = mx::erf(x[0] / number(std::sqrt(2.0), x[0]));
            return x[0] * (number(1, x[0]) + half) / number(2, x[0]);
        });
    }
    return compiled([](const arrays &x) {
        const mx::array cubic = x[0] + number(0.044715, x[0]) * mx::power(x[0], number(3, x[0]));
        const mx::array curve = mx::tanh(number(std::sqrt(2 / M_PI), x[0]) * cubic);
        return number(0.5, x[0]) * x[0] * (number(1, x[0]) + curve);
    });
}

operation plan_layer_norm(const node_reader &node)
{
    return [eps = static_cast<float>(node.real("eps"))](const arrays &x) {
        return mx::fast::layer_norm(x[0], x[1], x[2], eps);
    };
}

operation plan_leaky_relu(const node_reader &node)
{
    return compiled(
        [slope = node.real("slope")](const arrays &x) { return mx::maximum(number(slope, x[0]) * x[0], x[0]); });
}

operation plan_linear(const node_reader &)
{
    return [](const arrays &x) { return mx::addmm(x[2], x[0], x[1]); };
}

/* Users swap axes without moving bytes; a result of the graph is an array of its own. */
operation moved(const node_reader &node, operation swapped)
{
    if (!node.is_output()) return swapped;
    return [swapped](const arrays &x) { return mx::contiguous(swapped(x)); };
}

/* x.reshape(..., tokens, heads, width).swapaxes(-3, -2) */
operation plan_split_heads(const node_reader &node)
{
    mx::Shape sizes = shape_of(node.result());
    std::swap(sizes[sizes.size() - 3], sizes[sizes.size() - 2]);
    return moved(node, [sizes](const arrays &x) { return mx::swapaxes(mx::reshape(x[0], sizes), -3, -2); });
}

/* x.swapaxes(-3, -2).reshape(..., tokens, heads width) */
operation plan_merge_heads(const node_reader &node)
{
    return moved(node, [shape = shape_of(node.result())](const arrays &x) {
        return mx::reshape(mx::swapaxes(x[0], -3, -2), shape);
    });
}

operation plan_matmul(const node_reader &)
{
    return [](const arrays &x) { return mx::matmul(x[0], x[1]); };
}

operation plan_prelu(const node_reader &)
{
    return compiled([](const arrays &x) {
        const mx::array zero = number(0, x[0]);
        return mx::maximum(zero, x[0]) + x[1] * mx::minimum(zero, x[0]);
    });
}

operation plan_relu(const node_reader &)
{
    return compiled([](const arrays &x) { return mx::maximum(x[0], number(0, x[0])); });
}

/* elu(x, 1.67326) * 1.0507, with the digits that mlx.nn has */
operation plan_selu(const node_reader &)
{
    return compiled([](const arrays &x) {
        const mx::array below = number(1.67326, x[0]) * (mx::exp(x[0]) - number(1, x[0]));
        return mx::where(mx::greater(x[0], number(0, x[0])), x[0], below) * number(1.0507, x[0]);
    });
}

operation plan_sigmoid(const node_reader &)
{
    return [](const arrays &x) { return mx::sigmoid(x[0]); };
}

operation plan_softplus(const node_reader &)
{
    return compiled([](const arrays &x) { return mx::logaddexp(x[0], number(0, x[0])); });
}

/* 0 where query i sees key j, -inf elsewhere: the mask of a user whose last query is not the last key's. */
mx::array additive_mask(int64_t queries, int64_t keys, tm_dtype dtype)
{
    const mx::array seen = mx::tri(static_cast<int>(queries), static_cast<int>(keys), 0, mx::bool_);
    const mx::array zero(0.0f), hidden(-std::numeric_limits<float>::infinity());
    return mx::astype(mx::where(seen, zero, hidden), dtype_of(dtype));
}

/* MLX attends over [batch, heads, positions, size]: other ranks are a view of that. */
mx::array as_rank_4(const mx::array &x)
{
    const int rank = static_cast<int>(x.ndim());
    if (rank == 4) return x;
    if (rank > 4) return mx::flatten(x, 0, rank - 4);
    std::vector<int> axes;
    for (int i = rank; i < 4; i++) axes.push_back(i - rank);
    return mx::expand_dims(x, axes);
}

/* mask = mx.arange(keys) < lengths[:, None, None, None] */
operation attend_to_lengths(const node_reader &node, float scale)
{
    const tm_shape k = node.shape(1), result = node.result();
    if (k.rank > 4)
        throw failure(TM_UNSUPPORTED, "sdpa: MLX's batch has one axis, which more become; lengths have not");
    const int keys = static_cast<int>(k.dim[k.rank - 2]);
    const mx::Shape column = k.rank == 4 ? mx::Shape{-1, 1, 1, 1} : mx::Shape{1, -1, 1, 1};
    return [scale, keys, column, shape = shape_of(result)](const arrays &x) {
        const mx::array mask = mx::less(mx::arange(keys, x[3].dtype()), mx::reshape(x[3], column));
        const mx::array y =
            mx::fast::scaled_dot_product_attention(as_rank_4(x[0]), as_rank_4(x[1]), as_rank_4(x[2]), scale, "", mask);
        return shape.size() == 4 ? y : mx::reshape(y, shape);
    };
}

operation plan_sdpa(const node_reader &node)
{
    const tm_shape q = node.shape(0), k = node.shape(1), result = node.result();
    if (q.rank < 2) throw failure(TM_UNSUPPORTED, "sdpa: MLX attends over at least two axes");
    const int64_t queries = q.dim[q.rank - 2], keys = k.dim[k.rank - 2], kind = node.integer("mask");
    std::string mode;
    std::optional<mx::array> mask;
    /* MLX's "causal" lets the last query see every key. */
    if (kind == 2 || (kind == 1 && queries == keys)) {
        mode = "causal";
    } else if (kind == 1) {
        mask = additive_mask(queries, keys, q.dtype);
        node.kept->push_back(*mask);
    }
    const float scale = static_cast<float>(node.real("scale"));
    if (kind == 3) return attend_to_lengths(node, scale);
    return [mode, mask, scale, shape = shape_of(result)](const arrays &x) {
        const mx::array y = mx::fast::scaled_dot_product_attention(as_rank_4(x[0]), as_rank_4(x[1]), as_rank_4(x[2]),
                                                                   scale, mode, mask);
        return shape.size() == 4 ? y : mx::reshape(y, shape);
    };
}

/* zeros(shape) and the rows that go to it: one more axis of size 1, behind that of the indices. */
struct scatter_shapes {
    mx::Shape result, rows;
    mx::Dtype dtype;
};

scatter_shapes shapes_of_scatter(const node_reader &node)
{
    mx::Shape rows = shape_of(node.shape(0));
    rows.insert(rows.begin() + 1, 1);
    return {shape_of(node.result()), rows, dtype_of(node.shape(0).dtype)};
}

/* z = zeros(shape); z[index] = x */
operation plan_scatter(const node_reader &node)
{
    return [s = shapes_of_scatter(node)](const arrays &x) {
        return mx::scatter(mx::zeros(s.result, s.dtype), x[1], mx::reshape(x[0], s.rows), 0);
    };
}

/* zeros(shape).at[index].add(x) */
operation plan_scatter_sum(const node_reader &node)
{
    return [s = shapes_of_scatter(node)](const arrays &x) {
        return mx::scatter_add(mx::zeros(s.result, s.dtype), x[1], mx::reshape(x[0], s.rows), 0);
    };
}

/* zeros(shape).at[index].maximum(x) */
operation plan_scatter_max(const node_reader &node)
{
    return [s = shapes_of_scatter(node)](const arrays &x) {
        return mx::scatter_max(mx::zeros(s.result, s.dtype), x[1], mx::reshape(x[0], s.rows), 0);
    };
}

operation plan_softmax(const node_reader &node)
{
    if (is_scalar(node)) return [](const arrays &x) { return mx::softmax(x[0]); };
    return [axis = axis_of(node)](const arrays &x) { return mx::softmax(x[0], axis); };
}

operation plan_sort(const node_reader &node)
{
    return [axis = axis_of(node)](const arrays &x) { return mx::sort(x[0], axis); };
}

operation plan_sum(const node_reader &node)
{
    if (is_scalar(node)) return [](const arrays &x) { return mx::sum(x[0]); };
    return [axis = axis_of(node)](const arrays &x) { return mx::sum(x[0], axis); };
}

operation plan_sum_all(const node_reader &)
{
    return [](const arrays &x) { return mx::sum(x[0]); };
}

struct op_entry {
    const char *name;
    operation (*plan)(const node_reader &node);
    unsigned flags;
};

const op_entry entries[] = {
    {"add", plan_add, 0},
    {"argmax", plan_argmax, 0},
    {"bce", plan_bce, KERNEL | ROUNDS},
    {"concat", plan_concat, 0},
    {"conv1d", plan_conv1d, CONTRACTION},
    {"conv2d", plan_conv2d, CONTRACTION},
    {"gather", plan_gather, 0},
    {"gelu", plan_gelu, KERNEL | ROUNDS | NARROW},
    {"layer_norm", plan_layer_norm, KERNEL | ROUNDS | NARROW},
    {"leaky_relu", plan_leaky_relu, KERNEL},
    {"linear", plan_linear, CONTRACTION},
    {"matmul", plan_matmul, CONTRACTION},
    {"merge_heads", plan_merge_heads, 0},
    {"prelu", plan_prelu, KERNEL},
    {"relu", plan_relu, KERNEL},
    {"scatter", plan_scatter, 0},
    {"scatter_max", plan_scatter_max, 0},
    {"scatter_sum", plan_scatter_sum, NARROW},
    {"sdpa", plan_sdpa, KERNEL | CONTRACTION | ROUNDS | NARROW},
    {"selu", plan_selu, KERNEL | ROUNDS | NARROW},
    {"sigmoid", plan_sigmoid, ROUNDS},
    {"softmax", plan_softmax, ROUNDS | NARROW},
    {"softplus", plan_softplus, KERNEL | ROUNDS},
    {"sort", plan_sort, 0},
    {"split_heads", plan_split_heads, 0},
    {"sum", plan_sum, 0},
    {"sum_all", plan_sum_all, 0},
};

const op_entry &entry_of(const node_reader &node)
{
    for (const op_entry &entry : entries) {
        if (node.op() == entry.name) return entry;
    }
    throw failure(TM_UNSUPPORTED, "mlx has no op " + node.op());
}

void add_label(tm_declared &declared, const char *label)
{
    const size_t used = std::strlen(declared.labels);
    if (std::strstr(declared.labels, label)) return;
    std::snprintf(declared.labels + used, sizeof declared.labels - used, "%s%s", used ? "," : "", label);
}

void declare(const node_reader &node, const op_entry &entry, const std::vector<int32_t> &operands, tm_declared &into)
{
    const tm_session &session = *node.session;
    const tm_dtype dtype = node.shape(0).dtype;
    const bool on_cpu = session.device == mx::Device::cpu, narrow = dtype == TM_BF16 || dtype == TM_F16;
    const bool contraction = (entry.flags & CONTRACTION) != 0;
    if (narrow && on_cpu && (entry.flags & ROUNDS)) into.rounds_between_ops = 1;
    if (narrow && on_cpu && (entry.flags & NARROW)) into.accumulator = dtype;
    if (contraction && dtype == TM_F32 && session.tf32) into.tf32 = 1;
    bool indices = node.result().dtype == TM_I64;
    for (size_t i = 0; i < operands.size(); i++) {
        if (node.shape(static_cast<int32_t>(i)).dtype == TM_I64) indices = true;
    }
    if (indices) add_label(into, "INDEX=uint32");
    const bool spreads = contraction && dtype == TM_F32 && session.has_blas_threads;
    if (on_cpu && session.has_threads && !spreads) add_label(into, "THREADS=1");
}

} // namespace

mx::Dtype dtype_of(tm_dtype dtype)
{
    switch (dtype) {
    case TM_BF16: return mx::bfloat16;
    case TM_F16: return mx::float16;
    case TM_I32: return mx::int32;
    case TM_I64: return mx::uint32;
    case TM_F32: break;
    }
    return mx::float32;
}

mx::Shape shape_of(const tm_shape &shape)
{
    mx::Shape sizes;
    for (int32_t i = 0; i < shape.rank; i++) {
        if (shape.dim[i] > std::numeric_limits<mx::ShapeElem>::max()) {
            throw failure(TM_UNSUPPORTED,
                          "MLX's sizes have 32 bits: " + std::to_string(shape.dim[i]) + " is too large");
        }
        sizes.push_back(static_cast<mx::ShapeElem>(shape.dim[i]));
    }
    return sizes;
}

bool holds_kernel(const node_reader &node)
{
    return (entry_of(node).flags & KERNEL) != 0;
}

step plan_step(const node_reader &node, tm_declared &declared)
{
    const op_entry &entry = entry_of(node);
    step planned;
    for (int32_t i = 0, value; (value = node.operand(i)) >= 0; i++) planned.operands.push_back(value);
    planned.call = entry.plan(node);
    declare(node, entry, planned.operands, declared);
    return planned;
}

} // namespace tm_mlx
