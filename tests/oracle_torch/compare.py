"""The oracle against PyTorch in float64: compare.py DUMP_PROGRAM. Exit status 77 (skipped) without torch or numpy."""

import subprocess
import sys
import tempfile
from pathlib import Path

try:
    import numpy as np
    import torch
    import torch.nn.functional as F
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

SLOPE = float(np.float32(0.01))  # the rule: rounded to the dtype first
CASES = """
add/5x7x3,5x7x3 merge_heads/2x5x3x7 merge_heads/1x4x9 split_heads/2x3x35/heads=5 split_heads/9x8/heads=8
argmax/5x7x3/axis=0 argmax/5x7x3/axis=1 argmax/5x7x3/axis=-1 argmax/33/axis=0
bce/1,1 bce/1000,1000 bce/100x33,100x33 bce/17x3x5,17x3x5 bce/300001,300001
concat/5x3,5x7/axis=1 concat/5x3,2x3,1x3/axis=0 concat/2x3x4,2x3x1/axis=-1
conv1d/2x19x3,5x4x3 conv1d/1x8x1,1x8x1 conv1d/3x50x17,70x11x17
conv2d/2x9x11x3,4x3x3x3 conv2d/1x7x5x2,3x7x1x2 conv2d/2x40x300x3,9x3x5x3
gather/7x5,11 gather/64x256,10 gather/3x1,100
layer_norm/5x7 layer_norm/3x4x33 layer_norm/2x1
leaky_relu/7x11 leaky_relu/5x13/slope=0.2 linear/5x3,3x4,4 linear/2x3x65,65x130,130 linear/9x1x51,51x1,1
matmul/5x7,7x3 matmul/1x1,1x1 matmul/3x5x7,3x7x9 matmul/33x65,65x129 matmul/3x5x7,7x2 matmul/6x100001,100001x5
matmul/2x1x5x7,3x7x70
prelu/5x7x3 relu/5x77 selu/1001 gelu/1001 gelu/5x7x3 gelu/1001/approximate=tanh sigmoid/1001 softplus/1001
scatter_sum/7x5,11/rows=7 scatter_sum/3x33,1000 scatter_sum/64x16,10 scatter_max/7x5,11 scatter_max/3x33,1000
scatter_max/64x16,10 scatter/64x16,10 scatter/7x5,30
sdpa/2x3x5x7,2x3x5x7,2x3x5x7 sdpa/2x3x5x7,2x3x9x7,2x3x9x11 sdpa/1x2x9x33,1x2x4x33,1x2x4x33
sdpa/2x2x6x8,2x2x6x8,2x2x6x8/mask=none sdpa/2x2x4x8,2x2x6x8,2x2x6x8/mask=causal_end
sdpa/1x1x4x8,1x1x6x8,1x1x6x8/mask=none,scale=0.3 sdpa/5x2x4x8,5x2x6x8,5x2x6x8,5/mask=lengths
softmax/5x7/axis=-1 softmax/5x7x3/axis=0 softmax/5x7x3/axis=1 softmax/2x100001/axis=-1 softmax/9x1/axis=-1
sort/5x7x3/axis=0 sort/5x7x3/axis=1 sort/5x7x3/axis=2 sort/1001/axis=0
sum/5x7x3/axis=0 sum/5x7x3/axis=1 sum/5x7x3/axis=-1 sum/3x300001/axis=1 sum/2000x3/axis=0
sum_all/1 sum_all/17x33 sum_all/300007
linear/3x5x9 linear/7 sdpa/2x3x5x7 sdpa/2x3x5x7/mask=none
mhsa/1x1x1 mhsa/3x17x40/heads=5 mhsa/2x9x12/heads=3,mask=causal mhsa/2x5x130/heads=2,mask=causal
encoder_layer/2x3x4/heads=2 encoder_layer/3x17x40/heads=5,mask=causal encoder_layer/1x33x64/heads=8
decoder_layer/2x3x4/heads=2,mask=causal decoder_layer/3x17x40/heads=5,mask=causal decoder_layer/1x9x24/heads=4
""".split()


def attributes(case):
    found = {}
    for part in case.split("/")[2:]:
        for pair in part.split(","):
            if "=" in pair:
                key, value = pair.split("=")
                found[key] = value
    return found


def attention(q, k, v, said, lengths=None):
    queries, keys = q.shape[-2], k.shape[-2]
    scale = float(said["scale"]) if "scale" in said else q.shape[-1] ** -0.5
    scores = (q @ k.transpose(-1, -2)) * scale
    mask = said.get("mask", "causal")
    if mask == "lengths":
        seen = torch.arange(keys) < lengths.view(-1, *[1] * (q.dim() - 1))
        scores = scores.masked_fill(~seen, -torch.inf)
    elif mask != "none":
        shift = keys - queries if mask == "causal_end" else 0
        seen = torch.ones(queries, keys, dtype=torch.bool).tril(shift)
        scores = scores.masked_fill(~seen, -torch.inf)
    return torch.softmax(scores, -1) @ v


def convolution(x, w):
    moved = (x.movedim(-1, 1), w.movedim(-1, 1))
    result = F.conv1d(*moved) if x.dim() == 3 else F.conv2d(*moved)
    return result.movedim(1, -1)


def scatter_rows(source, index, rows, how):
    zeros = torch.zeros(rows, source.shape[1], dtype=source.dtype)
    if how == "sum":
        return zeros.index_add(0, index, source)
    return zeros.index_reduce(0, index, source, "amax", include_self=True)


def project(x, weight, bias):
    return x @ weight + bias


def norm(x, scale, shift):
    return F.layer_norm(x, x.shape[-1:], scale, shift, 1e-5)


def heads(x, said):
    return x.unflatten(-1, (int(said.get("heads", 1)), -1)).transpose(1, 2)


def look(x, memory, w, said, mask):
    """w: weight and bias of q, k, v and the output."""
    q = heads(project(x, *w[0:2]), said)
    k, v = (heads(project(memory, *pair), said) for pair in (w[2:4], w[4:6]))
    seen = attention(q, k, v, {"mask": mask})
    return project(seen.transpose(1, 2).flatten(2), *w[6:8])


def feed(x, w):
    return project(F.relu(project(x, *w[0:2])), *w[2:4])


def layer(op, x, said):
    """In the order of the inputs: x, then what each block needs."""
    mask = said.get("mask", "none")
    if op == "mhsa":
        return look(x[0], x[0], x[1:9], said, mask)
    if op == "encoder_layer":
        seen = norm(x[0], *x[1:3])
        y = x[0] + look(seen, seen, x[3:11], said, mask)
        return y + feed(norm(y, *x[11:13]), x[13:17])
    seen = norm(x[0], *x[2:4])
    y = x[0] + look(seen, seen, x[4:12], said, mask)
    z = y + look(norm(y, *x[12:14]), x[1], x[14:22], said, "none")
    return z + feed(norm(z, *x[22:24]), x[24:28])


def reference(op, x, said, shape):
    axis = int(said.get("axis", -1))
    table = {
        "add": lambda: x[0] + x[1],
        "merge_heads": lambda: x[0].transpose(-2, -3).flatten(-2),
        "split_heads": lambda: x[0].unflatten(-1, (int(said["heads"]), -1)).transpose(-2, -3),
        "argmax": lambda: x[0].argmax(axis),
        "bce": lambda: F.binary_cross_entropy(x[0], x[1]),
        "concat": lambda: torch.cat(x, axis),
        "conv1d": lambda: convolution(*x),
        "conv2d": lambda: convolution(*x),
        "gather": lambda: x[0][x[1]],
        "layer_norm": lambda: F.layer_norm(x[0], x[0].shape[-1:], x[1], x[2], 1e-5),
        "leaky_relu": lambda: F.leaky_relu(x[0], float(np.float32(said.get("slope", SLOPE)))),
        "linear": lambda: x[0] @ x[1] + x[2],
        "matmul": lambda: x[0] @ x[1],
        "prelu": lambda: F.prelu(x[0], x[1].reshape(1)),
        "relu": lambda: F.relu(x[0]),
        "selu": lambda: F.selu(x[0]),
        "gelu": lambda: F.gelu(x[0], approximate=said.get("approximate", "none")),
        "sigmoid": lambda: torch.sigmoid(x[0]),
        "softplus": lambda: F.softplus(x[0], threshold=1000),
        "scatter_sum": lambda: scatter_rows(x[0], x[1], shape[0], "sum"),
        "scatter_max": lambda: scatter_rows(x[0], x[1], shape[0], "max"),
        "sdpa": lambda: attention(*(3 * x if len(x) == 1 else x[:3]), said, *x[3:]),
        "mhsa": lambda: layer(op, x, said),
        "encoder_layer": lambda: layer(op, x, said),
        "decoder_layer": lambda: layer(op, x, said),
        "softmax": lambda: torch.softmax(x[0], axis),
        "sort": lambda: torch.sort(x[0], axis).values,
        "sum": lambda: x[0].sum(axis),
        "sum_all": lambda: x[0].sum(),
    }
    return table[op]().numpy()


def load(path):
    array = torch.from_numpy(np.load(path))
    return array if array.dtype == torch.int64 else array.double()


def check_scatter(x, got):
    """Any candidate row is right; rows without one are zero."""
    wrong = 0.0
    for row in range(got.shape[0]):
        candidates = x[0][x[1] == row].numpy()
        if len(candidates) == 0:
            candidates = np.zeros((1, got.shape[1]))
        if not (candidates == got[row]).all(1).any():
            wrong += 1
    return wrong


def difference(case, folder):
    op, said = case.split("/")[0], attributes(case)
    got = np.load(folder / "oracle0.npy")
    inputs = [load(path) for path in sorted(folder.glob("input*.npy"), key=lambda path: int(path.stem[5:]))]
    if op == "scatter":
        return check_scatter(inputs, got)
    want = reference(op, inputs, said, got.shape)
    if want.shape != got.shape:
        return f"shape {got.shape}, torch has {want.shape}"
    size = max(1.0, float(np.abs(want).max()))
    if op in ("softmax", "sigmoid", "softplus", "selu", "gelu", "bce"):  # nothing cancels: every digit counts
        size = np.finfo(np.float64).tiny
    error = np.abs(got - want) / np.maximum(np.abs(want), size)
    return float(error.max())


def main():
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.argv[1], folder, *CASES], check=True)
        for number, case in enumerate(CASES):
            error = difference(case, Path(folder) / str(number))
            good = isinstance(error, float) and error <= 2e-12
            failures += not good
            print(f"{'ok  ' if good else 'FAIL'} {case}: {error}")
    print(f"{len(CASES)} cases, {failures} differ from PyTorch {torch.__version__}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
