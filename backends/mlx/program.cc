/* A compiled graph: one step a node, and MLX arrays for the inputs of each slot, as mx.array(...) makes them. An
 * execution is `y = f(x); mx.eval(y)`: the result before is given up once the next has been asked for and before it is
 * computed, which is what that line of Python does. */
#include "part.h"

#include <algorithm>
#include <cstring>
#include <sstream>

struct tm_program {
    tm_session *session;
    const tm_graph *graph;
    int32_t slots;
    std::vector<tm_mlx::step> steps;
    tm_mlx::function whole; /* from the inputs of a slot to the graph's outputs */
    tm_mlx::arrays kept;
    std::vector<std::vector<std::optional<mlx::core::array>>> bound; /* by slot and input */
    std::vector<tm_mlx::arrays> inputs;                              /* by slot; empty until all are bound */
    tm_mlx::arrays result;                                           /* of the last execution */
    std::vector<std::optional<mlx::core::array>> dense;              /* by output: what is read of it */
    tm_declared declared;
};

namespace tm_mlx
{
namespace
{

tm_shape shape_of_value(const tm_program &program, int32_t value)
{
    return program.session->host->value_shape(program.graph, value);
}

size_t size_of_element(tm_dtype dtype)
{
    return dtype == TM_I64 ? 8 : dtype == TM_F32 || dtype == TM_I32 ? 4 : 2;
}

size_t elements_of(const tm_shape &shape)
{
    size_t count = 1;
    for (int32_t i = 0; i < shape.rank; i++) count *= static_cast<size_t>(shape.dim[i]);
    return count;
}

void check_piece(const tm_shape &shape, size_t offset, size_t bytes)
{
    const size_t size = size_of_element(shape.dtype), whole = elements_of(shape) * size;
    if (offset % size || bytes % size) throw failure(TM_INVALID_ARGUMENT, "a piece must hold whole elements");
    if (offset > whole || bytes > whole - offset) throw failure(TM_INVALID_ARGUMENT, "a piece goes beyond its tensor");
}

/* In MLX's own memory, as mx.array(numpy_array) copies into it. */
mx::array new_array(const tm_shape &shape)
{
    const mx::Dtype dtype = dtype_of(shape.dtype);
    return mx::array(mx::allocator::malloc(elements_of(shape) * dtype.size()), shape_of(shape), dtype);
}

function function_of(const std::vector<step> &steps, const std::vector<int32_t> &outputs)
{
    return [steps, outputs](const arrays &inputs) {
        arrays values = inputs, results;
        values.reserve(inputs.size() + steps.size());
        for (const step &one : steps) {
            arrays operands;
            operands.reserve(one.operands.size());
            for (const int32_t value : one.operands) operands.push_back(values[static_cast<size_t>(value)]);
            values.push_back(one.call(operands));
        }
        for (const int32_t value : outputs) results.push_back(values[static_cast<size_t>(value)]);
        return results;
    };
}

void check_result(const mx::array &result, const tm_shape &shape, tm_status otherwise)
{
    const mx::Shape wanted = shape_of(shape);
    const mx::Dtype dtype = dtype_of(shape.dtype);
    if (result.shape() == wanted && result.dtype() == dtype) return;
    std::ostringstream words;
    words << "MLX's result is " << result.shape() << " " << result.dtype() << ", not " << wanted << " " << dtype;
    throw failure(otherwise, words.str());
}

/* MLX checks shapes and types when a call is written down, before anything is computed. */
void try_out(tm_program &program, const function &whole)
{
    const tm_host *host = program.session->host;
    arrays inputs;
    for (int32_t i = 0; i < host->input_count(program.graph); i++) {
        const tm_shape shape = shape_of_value(program, i);
        inputs.push_back(mx::zeros(shape_of(shape), dtype_of(shape.dtype)));
    }
    arrays results;
    try {
        results = whole(inputs);
    } catch (const std::exception &words) {
        throw failure(TM_UNSUPPORTED, std::string("MLX: ") + words.what());
    }
    for (size_t i = 0; i < results.size(); i++) {
        const int32_t value = host->output_value(program.graph, static_cast<int32_t>(i));
        check_result(results[i], shape_of_value(program, value), TM_UNSUPPORTED);
    }
}

void plan(tm_program &program)
{
    const tm_session &session = *program.session;
    const tm_host *host = session.host;
    node_reader node{&session, program.graph, 0, &program.kept};
    for (; node.node < host->node_count(program.graph); node.node++) {
        program.steps.push_back(plan_step(node, program.declared));
    }
    std::vector<int32_t> outputs;
    for (int32_t i = 0; i < host->output_count(program.graph); i++) {
        outputs.push_back(host->output_value(program.graph, i));
    }
    program.dense.resize(outputs.size());
    program.whole = function_of(program.steps, outputs);
    try_out(program, program.whole);
}

/* Kernels that MLX generates are built by a C++ compiler when they are first run, which takes seconds. */
void build_kernels(tm_program &program)
{
    const tm_session &session = *program.session;
    const int32_t nodes = session.host->node_count(program.graph);
    bool any = session.compiles && nodes > 1;
    node_reader node{&session, program.graph, 0, nullptr};
    for (; node.node < nodes; node.node++) any = any || holds_kernel(node);
    if (!any || !session.can_compile) return;
    arrays inputs;
    for (int32_t i = 0; i < session.host->input_count(program.graph); i++) {
        const tm_shape shape = shape_of_value(program, i);
        inputs.push_back(new_array(shape));
        std::memset(inputs.back().data<char>(), 0, inputs.back().nbytes());
    }
    mx::eval(program.whole(inputs));
    inputs.clear();
    mx::clear_cache();
}

/* The slot's inputs as a function's arguments. */
const arrays &inputs_of(tm_program &program, int32_t slot)
{
    const size_t at = static_cast<size_t>(slot);
    const std::vector<std::optional<mx::array>> &bound = program.bound[at];
    if (program.inputs[at].size() == bound.size()) return program.inputs[at];
    arrays all;
    for (const std::optional<mx::array> &input : bound) {
        if (!input) throw failure(TM_INVALID_ARGUMENT, "slot " + std::to_string(slot) + " is not bound");
        all.push_back(*input);
    }
    program.inputs[at] = all;
    return program.inputs[at];
}

std::optional<mx::array> &place_of(tm_program &program, int32_t slot, int32_t input)
{
    const int32_t inputs = program.session->host->input_count(program.graph);
    if (slot < 0 || slot >= program.slots || input < 0 || input >= inputs) {
        throw failure(TM_INVALID_ARGUMENT,
                      "there is no input " + std::to_string(input) + " of slot " + std::to_string(slot));
    }
    return program.bound[static_cast<size_t>(slot)][static_cast<size_t>(input)];
}

void forget_results(tm_program &program)
{
    for (auto &dense : program.dense) dense.reset();
    program.result.clear();
}

} // namespace

void supports(tm_session &session, const tm_graph *graph)
{
    tm_program trial{};
    trial.session = &session;
    trial.graph = graph;
    plan(trial);
}

tm_program *compile(tm_session &session, const tm_graph *graph, int32_t slots)
{
    auto made = std::make_unique<tm_program>();
    made->session = &session;
    made->graph = graph;
    made->slots = slots;
    plan(*made);
    mx::eval(made->kept);
    if (session.compiles) made->whole = mx::compile(made->whole);
    build_kernels(*made);
    const auto count = static_cast<size_t>(slots), inputs = static_cast<size_t>(session.host->input_count(graph));
    made->bound.resize(count);
    for (auto &slot : made->bound) slot.resize(inputs);
    made->inputs.resize(count);
    return made.release();
}

const tm_declared &declared(const tm_program &program)
{
    return program.declared;
}

void bind(tm_program &program, int32_t slot, int32_t input, size_t offset, const void *data, size_t bytes)
{
    std::optional<mx::array> &place = place_of(program, slot, input);
    const tm_shape shape = shape_of_value(program, input);
    check_piece(shape, offset, bytes);
    if (!place) place = new_array(shape);
    if (bytes == 0) return;
    if (shape.dtype != TM_I64) {
        std::memcpy(place->data<char>() + offset, data, bytes);
        return;
    }
    const auto *from = static_cast<const int64_t *>(data);
    std::transform(from, from + bytes / 8, place->data<uint32_t>() + offset / 8,
                   [](int64_t index) { return static_cast<uint32_t>(index); });
}

void read_input(const tm_program &program, int32_t slot, int32_t input, size_t offset, size_t bytes, void *into)
{
    const tm_shape shape = shape_of_value(program, input);
    const std::optional<mx::array> &place = program.bound.at(static_cast<size_t>(slot)).at(static_cast<size_t>(input));
    if (!place) throw failure(TM_INVALID_ARGUMENT, "input " + std::to_string(input) + " is not bound");
    check_piece(shape, offset, bytes);
    if (bytes == 0) return;
    if (shape.dtype != TM_I64) {
        std::memcpy(into, place->data<char>() + offset, bytes);
        return;
    }
    const uint32_t *from = place->data<uint32_t>() + offset / 8;
    std::copy(from, from + bytes / 8, static_cast<int64_t *>(into));
}

void unbind(tm_program &program)
{
    forget_results(program);
    for (auto &slot : program.bound) std::fill(slot.begin(), slot.end(), std::nullopt);
    for (auto &slot : program.inputs) slot.clear();
    mx::clear_cache();
}

void run(tm_program &program, int32_t first_slot, int64_t count)
{
    for (auto &dense : program.dense) dense.reset();
    for (int64_t i = 0; i < count; i++) {
        const auto slot = static_cast<int32_t>((first_slot + i) % program.slots);
        program.result = program.whole(inputs_of(program, slot));
        mx::eval(program.result);
    }
}

void read(tm_program &program, int32_t output, size_t offset, size_t bytes, void *into)
{
    const size_t at = static_cast<size_t>(output);
    if (output < 0 || at >= program.result.size()) throw failure(TM_INVALID_ARGUMENT, "there is no result to be read");
    const tm_shape shape = shape_of_value(program, program.session->host->output_value(program.graph, output));
    check_piece(shape, offset, bytes);
    std::optional<mx::array> &dense = program.dense[at];
    if (!dense) {
        const mx::array &result = program.result[at];
        check_result(result, shape, TM_FAILED);
        dense = mx::contiguous(shape.dtype == TM_I64 ? mx::astype(result, mx::int64) : result);
        mx::eval(*dense);
    }
    if (bytes > 0) std::memcpy(into, dense->data<char>() + offset, bytes);
}

/* MLX hands out the block that fits best of those that were freed: one of the result's size, full of NaN. Blocks that
 * are too large to be kept come from the system, zeroed. */
void poison(tm_program &program)
{
    forget_results(program);
    mx::clear_cache();
    for (int32_t i = 0; i < program.session->host->output_count(program.graph); i++) {
        const tm_shape shape = shape_of_value(program, program.session->host->output_value(program.graph, i));
        mx::array block = new_array(shape);
        std::memset(block.data<char>(), 0xff, block.nbytes());
    }
}

void discard(tm_program *program)
{
    delete program;
}

} // namespace tm_mlx
