#!/usr/bin/env python3
"""The line of Python that a user writes for a case, on inputs like the suite's, and how long it takes.

python_calls.py FRAMEWORK THREADS [PLACEMENT]      reads case ids, one a line; answers each with one line of JSON; nothing
runs in between. FRAMEWORK is torch or mlx, on the CPU. THREADS is 0 for the framework's own choice. PLACEMENT is the program
core_to_core of the build. The first line, before any case, says
what was imported: {"version", "file", "threads"}.
"""
import json
import math
import statistics
import subprocess
import sys
import time
import zlib

WARM_CALLS, LEAST_CALLS, LEAST_SECONDS, BURST_NS = 2, 4, 0.6, 60e6


def read_case(text):
    """'softmax/1000x64/axis=-1/f32' -> ('softmax', [(1000, 64)], {'axis': '-1'}, 'f32')"""
    op, shapes, *rest = text.split("/")
    attributes = dict(part.split("=") for words in rest if "=" in words for part in words.split(","))
    dtype = next((word for word in rest if word in ("f32", "bf16", "f16")), "f32")
    return op, [() if s == "scalar" else tuple(map(int, s.split("x"))) for s in shapes.split(",")], attributes, dtype


def inputs_of(case):
    """As the suite fills them: normal, but probabilities, targets and indices. They differ from one call to the next."""
    import numpy as np
    op, shapes, _, _ = read_case(case)
    inputs_of.calls = getattr(inputs_of, "calls", 0) + 1
    random = np.random.default_rng([zlib.crc32(case.encode()), inputs_of.calls])

    def normal(shape):
        return random.standard_normal(shape, dtype=np.float32)

    if op == "bce":
        probabilities = random.random(shapes[0], dtype=np.float32) * np.float32(0.998) + np.float32(0.001)
        return [probabilities, random.integers(0, 2, shapes[1]).astype(np.float32)]
    if op == "gather":
        return [normal(shapes[0]), random.integers(0, shapes[0][0], shapes[1][0])]
    if op.startswith("scatter"):
        (rows, columns), (count,) = shapes
        return [normal((count, columns)), random.integers(0, rows, count)]
    if op == "layer_norm":
        return [normal(shapes[0]), normal(shapes[0][-1:]), normal(shapes[0][-1:])]
    if op == "prelu":
        return [normal(shapes[0]), normal((1,))]
    return [normal(shape) for shape in shapes]


def torch_lines(torch):
    """Op -> a function of (inputs, attributes, first shape of the id) that returns the call to be timed, which is what the
    table in docs/torch.md says. Views are made outside of it."""
    F = torch.nn.functional

    def conv(x, w, function, first, last):
        x, w = x.permute(first), w.permute(first)
        return lambda: function(x, w).permute(last)

    def scatter(x, i, shape):
        def line():
            z = torch.zeros(shape, dtype=x.dtype)
            z[i] = x
            return z
        return line

    def axis(attributes):
        return int(attributes["axis"])

    return {
        "argmax": lambda v, a, s: lambda: torch.argmax(v[0], axis(a)),
        "bce": lambda v, a, s: lambda: F.binary_cross_entropy(v[0], v[1]),
        "concat": lambda v, a, s: lambda: torch.cat(v, axis(a)),
        "conv1d": lambda v, a, s: conv(*v, F.conv1d, (0, 2, 1), (0, 2, 1)),
        "conv2d": lambda v, a, s: conv(*v, F.conv2d, (0, 3, 1, 2), (0, 2, 3, 1)),
        "gather": lambda v, a, s: lambda: v[0].index_select(0, v[1]),
        "layer_norm": lambda v, a, s: lambda: F.layer_norm(v[0], v[0].shape[-1:], v[1], v[2], float(a["eps"])),
        "leaky_relu": lambda v, a, s: lambda: F.leaky_relu(v[0], float(a["slope"])),
        "linear": lambda v, a, s: lambda w=v[1].T: F.linear(v[0], w, v[2]),
        "matmul": lambda v, a, s: lambda: v[0] @ v[1],
        "prelu": lambda v, a, s: lambda: F.prelu(v[0], v[1]),
        "relu": lambda v, a, s: lambda: F.relu(v[0]),
        "selu": lambda v, a, s: lambda: F.selu(v[0]),
        "sigmoid": lambda v, a, s: lambda: torch.sigmoid(v[0]),
        "softplus": lambda v, a, s: lambda: F.softplus(v[0]),
        "sdpa": lambda v, a, s: lambda: F.scaled_dot_product_attention(*v, is_causal=a.get("mask", "causal") == "causal"),
        "scatter": lambda v, a, s: scatter(*v, s),
        "scatter_sum": lambda v, a, s: lambda: torch.zeros(s, dtype=v[0].dtype).index_add_(0, v[1], v[0]),
        "scatter_max": lambda v, a, s: lambda i=v[1][:, None].expand(v[0].shape): torch.scatter_reduce(
            torch.zeros(s, dtype=v[0].dtype), 0, i, v[0], "amax"),
        "softmax": lambda v, a, s: lambda: F.softmax(v[0], axis(a)),
        "sort": lambda v, a, s: lambda: torch.sort(v[0], axis(a)),
        "sum": lambda v, a, s: lambda: torch.sum(v[0], axis(a)),
        "sum_all": lambda v, a, s: lambda: torch.sum(v[0]),
    }


def mlx_lines(mx, nn):
    """The same for MLX, whose calls make nothing until they are evaluated: see mlx_framework."""
    def axis(attributes):
        return int(attributes["axis"])

    def sdpa(q, k, v, attributes):
        scale, mask = 1 / math.sqrt(q.shape[-1]), attributes.get("mask", "causal")
        if mask == "none" or mask == "causal_end" or q.shape[2] == k.shape[2]:
            mask = None if mask == "none" else "causal"
        else:  # "causal" of MLX is aligned to the end of the keys
            mask = mx.where(mx.tri(q.shape[2], k.shape[2], dtype=mx.bool_), 0, -math.inf).astype(q.dtype)
            mx.eval(mask)
        return lambda: mx.fast.scaled_dot_product_attention(q, k, v, scale=scale, mask=mask)

    def scatter(x, i, shape):
        def line():
            z = mx.zeros(shape, dtype=x.dtype)
            z[i] = x
            return z
        return line

    return {
        "argmax": lambda v, a, s: lambda: mx.argmax(v[0], axis(a)),
        "bce": lambda v, a, s: lambda: nn.losses.binary_cross_entropy(v[0], v[1], with_logits=False, reduction="mean"),
        "concat": lambda v, a, s: lambda: mx.concatenate(v, axis(a)),
        "conv1d": lambda v, a, s: lambda: mx.conv1d(v[0], v[1]),
        "conv2d": lambda v, a, s: lambda: mx.conv2d(v[0], v[1]),
        "gather": lambda v, a, s: lambda: mx.take(v[0], v[1], axis=0),
        "layer_norm": lambda v, a, s: lambda: mx.fast.layer_norm(v[0], v[1], v[2], float(a["eps"])),
        "leaky_relu": lambda v, a, s: lambda: nn.leaky_relu(v[0], float(a["slope"])),
        "linear": lambda v, a, s: lambda: mx.addmm(v[2], v[0], v[1]),
        "matmul": lambda v, a, s: lambda: v[0] @ v[1],
        "prelu": lambda v, a, s: lambda: nn.prelu(v[0], v[1]),
        "relu": lambda v, a, s: lambda: nn.relu(v[0]),
        "selu": lambda v, a, s: lambda: nn.selu(v[0]),
        "sigmoid": lambda v, a, s: lambda: mx.sigmoid(v[0]),
        "softplus": lambda v, a, s: lambda: nn.softplus(v[0]),
        "sdpa": lambda v, a, s: sdpa(*v, a),
        "scatter": lambda v, a, s: scatter(*v, s),
        "scatter_sum": lambda v, a, s: lambda: mx.zeros(s, dtype=v[0].dtype).at[v[1]].add(v[0]),
        "scatter_max": lambda v, a, s: lambda: mx.zeros(s, dtype=v[0].dtype).at[v[1]].maximum(v[0]),
        "softmax": lambda v, a, s: lambda: mx.softmax(v[0], axis(a)),
        "sort": lambda v, a, s: lambda: mx.sort(v[0], axis(a)),
        "sum": lambda v, a, s: lambda: mx.sum(v[0], axis(a)),
        "sum_all": lambda v, a, s: lambda: mx.sum(v[0]),
    }


def torch_framework(threads):
    """What was imported, a function from a case id to the call to be timed, and one that frees what is only kept."""
    import torch
    if threads:
        torch.set_num_threads(threads)
    torch.set_grad_enabled(False)
    lines, types = torch_lines(torch), {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}

    def make(case):
        op, shapes, attributes, dtype = read_case(case)
        arrays = [torch.from_numpy(array) for array in inputs_of(case)]
        values = [array.to(types[dtype]) if array.is_floating_point() else array for array in arrays]
        return lines[op](values, attributes, shapes[0])

    return {"version": torch.__version__, "file": torch.__file__, "threads": torch.get_num_threads()}, make, lambda: None


def mlx_framework(threads):
    import mlx.core as mx
    import mlx.nn as nn
    mx.set_default_device(mx.cpu)
    lines, types = mlx_lines(mx, nn), {"f32": mx.float32, "bf16": mx.bfloat16, "f16": mx.float16}

    def make(case):
        op, shapes, attributes, dtype = read_case(case)
        arrays = [mx.array(array) for array in inputs_of(case)]
        values = [array.astype(types[dtype] if mx.issubdtype(array.dtype, mx.floating) else mx.uint32) for array in arrays]
        mx.eval(values)
        line = lines[op](values, attributes, shapes[0])
        return lambda: mx.eval(line())

    return {"version": mx.__version__, "file": mx.__file__, "threads": threads}, make, mx.clear_cache


def placement(probe):
    """The time of a cache line between the processors, which tells where a virtual machine's lie; 0: not known."""
    return float(subprocess.run(probe, capture_output=True, text=True, check=True).stdout) if probe else 0


def bursts_ns(call, probe):
    """[placement, median] of each burst of calls. Each result is dropped within the time of its call, as a loop does that
    keeps none."""
    for _ in range(WARM_CALLS):
        call()
    bursts, calls, clock = [], 0, time.perf_counter_ns
    end, before = clock() + int(LEAST_SECONDS * 1e9), placement(probe)
    while calls < LEAST_CALLS or clock() < end:
        times, burst_end = [], clock() + BURST_NS
        while not times or clock() < burst_end:
            start = clock()
            call()
            times.append(clock() - start)
        after = placement(probe)
        bursts.append([(before * after) ** 0.5, statistics.median(times)])
        calls, before = calls + len(times), after
    return bursts


def main():
    frameworks = {"torch": torch_framework, "mlx": mlx_framework}
    try:
        import numpy  # noqa: F401  the inputs are made with it
        probe = [sys.argv[3], sys.argv[2]] if len(sys.argv) > 3 else None
        imported, make, free = frameworks[sys.argv[1]](int(sys.argv[2]))
    except ImportError as error:
        print(json.dumps({"missing": f"{type(error).__name__}: {error}"}), flush=True)
        return
    print(json.dumps(imported), flush=True)
    for line in iter(sys.stdin.readline, ""):
        try:
            answer = {"bursts": bursts_ns(make(line.strip()), probe)}
        except (RuntimeError, TypeError, ValueError, KeyError, NotImplementedError) as error:
            answer = {"failed": f"{type(error).__name__}: {error}".splitlines()[0]}
        free()
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
