/* The C++ part of the MLX backend: built against the headers of one MLX, loaded by mlx.c once that MLX is. Inside, what
 * goes wrong is thrown; each function of the table turns it into a status and one line. */
#ifndef TM_MLX_PART_H
#define TM_MLX_PART_H

#include "tensormark/backend.h"

#include <cstddef>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <mlx/mlx.h>

struct tm_session {
    const tm_host *host;
    mlx::core::Device device;
    bool compiles;         /* +compile */
    bool tf32;             /* +tf32 */
    bool has_threads;      /* more than one was asked for */
    bool has_blas_threads; /* products in float32 use them */
    bool can_compile;      /* mlx.core.compile does something on this device */
};

namespace tm_mlx
{
namespace mx = mlx::core;

using arrays = std::vector<mx::array>;
using function = std::function<arrays(const arrays &)>;
using operation = std::function<mx::array(const arrays &)>;

struct failure : std::runtime_error {
    tm_status status;
    failure(tm_status why, const std::string &words) : std::runtime_error(words), status(why) {}
};

/* One node of a graph, made ready: which values it reads, and what a user would call with them. */
struct step {
    std::vector<int32_t> operands;
    operation call;
};

/* What stands in the graph about one node. */
struct node_reader {
    const tm_session *session;
    const tm_graph *graph;
    int32_t node;
    arrays *kept; /* what a user makes once, before his loop */

    std::string op() const { return session->host->node_op(graph, node); }
    int32_t operand(int32_t i) const { return session->host->node_operand(graph, node, i); }
    tm_shape shape(int32_t i) const { return session->host->value_shape(graph, operand(i)); }
    tm_shape result() const { return session->host->value_shape(graph, session->host->input_count(graph) + node); }
    bool is_output() const
    {
        const int32_t own = session->host->input_count(graph) + node;
        for (int32_t i = 0; i < session->host->output_count(graph); i++) {
            if (session->host->output_value(graph, i) == own) return true;
        }
        return false;
    }
    int64_t integer(const char *name) const { return session->host->node_integer(graph, node, name); }
    double real(const char *name) const { return session->host->node_real(graph, node, name); }
};

/* ---- ops.cc ---- */

/* Throws what MLX lacks. Adds to what the program declares. */
step plan_step(const node_reader &node, tm_declared &declared);

/* Does this op hold several element-wise operations, which mlx.core.compile makes one kernel of? */
bool holds_kernel(const node_reader &node);

mx::Dtype dtype_of(tm_dtype dtype); /* indices are uint32, as MLX's own are */
mx::Shape shape_of(const tm_shape &shape);

} // namespace tm_mlx

/* ---- program.cc: the backend's functions of these names; they throw ---- */

struct tm_program;

namespace tm_mlx
{
void supports(tm_session &session, const tm_graph *graph);
tm_program *compile(tm_session &session, const tm_graph *graph, int32_t slots);
const tm_declared &declared(const tm_program &program);
void bind(tm_program &program, int32_t slot, int32_t input, size_t offset, const void *data, size_t bytes);
void unbind(tm_program &program);
void run(tm_program &program, int32_t first_slot, int64_t count);
void read(tm_program &program, int32_t output, size_t offset, size_t bytes, void *into);
void poison(tm_program &program);
void read_input(const tm_program &program, int32_t slot, int32_t input, size_t offset, size_t bytes, void *into);
void discard(tm_program *program);
} // namespace tm_mlx

#endif
