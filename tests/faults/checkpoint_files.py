"""Model files that are wrong, hostile or odd, one by one, through `tensormark list tensors`: what is wrong is refused in one
line with the reason and the offset, in at most 100 ms of processor time and 64 MiB; what is merely odd is listed."""
import json
import os
import pathlib
import struct
import subprocess
import sys

from harness import PROGRAM, Scratch, check

MOST_SECONDS, MOST_KIB = 0.1, 64 << 10
SLOWER = 1.0  # an instrumented build takes longer


def pack(header, data=b"", length=None):
    """A file of this header (bytes, or a dict) and data."""
    if isinstance(header, dict):
        header = json.dumps(header).encode()
    return struct.pack("<Q", len(header) if length is None else length) + header + data


def tensor(dtype="F32", shape=(2,), begin=0, end=8, **more):
    return dict({"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}, **more)


def raw(dtype='"F32"', shape="[2]", offsets="[0,8]"):
    return f'{{"a":{{"dtype":{dtype},"shape":{shape},"data_offsets":{offsets}}}}}'.encode()


def nested(depth, bracket="[", close="]"):
    """A header whose deepest bracket is number `depth`; the header and the tensor are two of them."""
    inner = bracket * (depth - 2) + close * (depth - 2)
    return ('{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"more":' + inner + "}}").encode()


EIGHT = bytes(8)
AT = 8  # where the header begins

# name, bytes, words of the reason, offset (None: not looked at)
REFUSED = [
    ("empty", b"", "too few", 0),
    ("seven_bytes", bytes(7), "too few", 0),
    ("length_0", pack(b""), "length is 0", 0),
    ("length_2_63", pack(b"{}", length=1 << 63), "a header of 9223372036854775808 bytes", 0),
    ("length_2_64_1", pack(b"{}", length=(1 << 64) - 1), "a header of 18446744073709551615 bytes", 0),
    ("length_beyond", pack(b"{}", length=3), "a header of 3 bytes in a file of 10", 0),
    ("length_cut", pack(b"{}", length=1), "where a key", AT + 1),
    ("not_brace", pack(b"[]"), "does not begin with '{'", AT),
    ("blank_first", pack(b" {}"), "does not begin with '{'", AT),
    ("mark_first", pack(b"\xef\xbb\xbf{}"), "does not begin with '{'", AT),
    ("nested_64", pack(nested(64), EIGHT), "nested 64 levels", AT + 60 + 61),
    ("nested_64_objects", pack(nested(64, '{"x":', "}").replace(b":}", b":1}"), EIGHT), "nested 64 levels", None),
    ("nested_100000", pack(nested(100000), EIGHT), "nested 64 levels", AT + 60 + 61),
    ("nested_metadata", pack(b'{"__metadata__":{"x":' + b"[" * 9000), "as __metadata__ holds", AT + 21),
    ("twice", pack(raw()[:-1] + b"," + raw()[1:], EIGHT), 'the key "a" stands twice', AT + len(raw())),
    ("twice_escaped", pack(raw()[:-1] + b"," + raw()[1:].replace(b'"a"', b'"\\u0061"'), EIGHT),
     'the key "a" stands twice', AT + len(raw())),
    ("twice_metadata", pack(b'{"__metadata__":{},"__metadata__":{}}'), "stands twice", AT + 19),
    ("twice_in_metadata", pack(b'{"__metadata__":{"k":"1","k":"1"}}'), 'the key "k" stands twice', AT + 25),
    ("twice_in_tensor", pack(b'{"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}', EIGHT),
     'the key "dtype" stands twice', AT + 20),
    ("twice_far_inside", pack(b'{"a":{"more":[{"x":1,"y":2,"x":3}],"dtype":"F32","shape":[2],"data_offsets":[0,8]}}', EIGHT),
     'the key "x" stands twice', AT + 27),
    ("overlap", pack({"a": tensor(), "b": tensor(begin=4, end=12)}, bytes(12)), "overlap", None),
    ("same_place", pack({"a": tensor(), "b": tensor()}, EIGHT), "overlap", None),
    ("inside", pack({"a": tensor(shape=(4,), end=16), "b": tensor(begin=4, end=12)}, bytes(16)), "overlap", None),
    ("empty_inside", pack({"a": tensor(), "b": tensor(shape=(0,), begin=4, end=4)}, EIGHT), "overlap", None),
    ("hole", pack({"a": tensor(), "b": tensor(begin=12, end=20)}, bytes(20)), "a hole of 4 bytes", None),
    ("hole_first", pack({"a": tensor(begin=4, end=12)}, bytes(12)), "a hole of 4 bytes", None),
    ("misaligned", pack({"a": tensor("U8", (1,), 0, 1), "b": tensor(begin=1, end=9)}, bytes(9)), "misaligned", None),
    ("descending", pack(raw(offsets="[8,0]"), EIGHT), "descend", AT + raw().index(b"[0,8]")),
    ("too_short", pack(raw(), bytes(7)), "the file has 7 bytes of data", AT + raw().index(b"[0,8]")),
    ("wrong_span", pack(raw(offsets="[0,4]"), bytes(4)), "span 4 bytes, dtype and shape take 8", None),
    ("product", pack(raw(shape="[4294967296,4294967296]")), "overflows", AT + raw().index(b"[2]")),
    ("product_bytes", pack(raw(shape="[2305843009213693952]")), "overflows", AT + raw().index(b"[2]")),
    ("product_wraps_to_8", pack(raw(shape="[9223372036854775807,2]"), EIGHT), "overflows", None),
    ("product_beside_0", pack(raw(shape="[0,4294967296,4294967296]", offsets="[0,0]")), "overflows", None),
    ("trailing", pack(raw(), bytes(9)), "1 trailing bytes", AT + len(raw()) + 8),
    ("trailing_only", pack(b"{}", b"x"), "1 trailing bytes", AT + 2),
    ("trailing_in_header", pack(raw() + b"\0", EIGHT), "byte 0x00 where the end", AT + len(raw())),
    ("trailing_object", pack(raw() + b"{}", EIGHT), "'{' where the end", AT + len(raw())),
    ("negative", pack(raw(shape="[-2]"), EIGHT), "negative", AT + raw().index(b"[2]") + 1),
    ("negative_zero", pack(raw(shape="[-0]"), EIGHT), "negative", None),
    ("negative_offset", pack(raw(offsets="[-8,0]"), EIGHT), "negative", None),
    ("real", pack(raw(shape="[2.0]"), EIGHT), "no integer", AT + raw().index(b"[2]") + 1),
    ("exponent", pack(raw(shape="[2e0]"), EIGHT), "no integer", None),
    ("real_offset", pack(raw(offsets="[0,8.0]"), EIGHT), "no integer", None),
    ("leading_zero", pack(raw(shape="[02]"), EIGHT), "begins with 0", None),
    ("huge_number", pack(raw(shape="[9223372036854775808]"), EIGHT), "beyond 2^63", None),
    ("digits", pack(raw(shape="[" + "9" * 100000 + "]"), EIGHT), "beyond 2^63", None),
    ("dim_text", pack(raw(shape='["2"]'), EIGHT), "where a dimension is wanted", None),
    ("dim_null", pack(raw(shape="[null]"), EIGHT), "where a dimension is wanted", None),
    ("dim_list", pack(raw(shape="[[2]]"), EIGHT), "where a dimension is wanted", None),
    ("shape_object", pack(raw(shape="{}"), EIGHT), "where a shape is wanted", None),
    ("nine_dims", pack(raw(shape="[1,1,1,1,1,1,1,1,2]"), EIGHT), "more than 8 dimensions", None),
    ("dtype", pack(raw(dtype='"F31"'), EIGHT), 'unknown dtype "F31"', AT + raw().index(b'"F32"')),
    ("dtype_lower", pack(raw(dtype='"f32"'), EIGHT), 'unknown dtype "f32"', None),
    ("dtype_number", pack(raw(dtype="32"), EIGHT), "where a dtype is wanted", None),
    ("dtype_zero", pack(raw(dtype='"F32\\u0000"'), EIGHT), "unknown dtype", None),
    ("one_offset", pack(raw(offsets="[8]"), EIGHT), "not two", None),
    ("three_offsets", pack(raw(offsets="[0,8,8]"), EIGHT), "not two", None),
    ("no_dtype", pack(b'{"a":{"shape":[2],"data_offsets":[0,8]}}', EIGHT), "has no dtype", AT + 5),
    ("no_shape", pack(b'{"a":{"dtype":"F32","data_offsets":[0,8]}}', EIGHT), "has no shape", AT + 5),
    ("no_offsets", pack(b'{"a":{"dtype":"F32","shape":[2]}}', EIGHT), "has no data_offsets", AT + 5),
    ("no_tensor", pack(b'{"a":1}'), "where a tensor's '{'", AT + 5),
    ("half_bytes", pack(raw(dtype='"F4"', shape="[3]", offsets="[0,1]"), b"x"), "whole bytes", None),
    ("metadata_number", pack(b'{"__metadata__":{"a":1}}'), "as __metadata__ holds", AT + 21),
    ("metadata_text", pack(b'{"__metadata__":"a"}'), "__metadata__", AT + 16),
    ("no_end", pack(b'{"a":{"dtype":"F32"'), "the text ends", None),
    ("string_no_end", pack(b'{"a'), "without an end", AT + 1),
    ("comma", pack(b'{"__metadata__":{},}'), "where a key", AT + 19),
    ("no_comma", pack(b'{"__metadata__":{}"a":{}}'), "where ',' or '}'", AT + 18),
    ("no_colon", pack(b'{"a"{}}'), "where ':'", AT + 4),
    ("single_quotes", pack(b"{'a':{}}"), "where a key", AT + 1),
    ("newline_in_name", pack(b'{"a\nb":{}}'), "control character 0x0a", AT + 3),
    ("bad_escape", pack(b'{"a\\x":{}}'), "backslash", AT + 3),
    ("lone_surrogate", pack(b'{"\\ud800":{}}'), "surrogate", AT + 2),
    ("swapped_surrogates", pack(b'{"\\udc00\\ud800":{}}'), "surrogate", AT + 2),
    ("invalid_utf8", pack(b'{"\xff":{}}'), "UTF-8", AT + 2),
    ("long_utf8", pack(b'{"\xc0\xaf":{}}'), "UTF-8", AT + 2),
    ("cut_utf8", pack(b'{"\xe2\x82":{}}'), "UTF-8", AT + 2),
    ("surrogate_utf8", pack(b'{"\xed\xa0\x80":{}}'), "UTF-8", AT + 2),
    ("nan", pack(raw(shape="[NaN]"), EIGHT), "where a dimension", None),
]


def limited(arguments):
    """Runs the program; returns exit status, stdout, stderr, seconds of processor time and KiB at the peak."""
    with subprocess.Popen([str(PROGRAM), *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as process:
        out, err = process.stdout.read(), process.stderr.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, out, err.decode(), used.ru_utime + used.ru_stime, used.ru_maxrss


def check_refused(path, words, offset=None, status=2):
    code, out, err, seconds, kib = limited(["list", "tensors", "--model", path])
    for _ in range(4):  # what else the machine does costs processor time too
        if seconds > MOST_SECONDS:
            seconds = min(seconds, limited(["list", "tensors", "--model", path])[3])
    check(code == status and not out, f"{path}: exit {code}, not {status}; {out[:200]} {err}")
    check(err.count("\n") == 1 and words in err, f"{path}: '{words}' is not in {err}")
    check(all(ord(c) >= 32 for c in err[:-1]), f"{path}: not one plain line: {err!r}")
    if offset is not None:
        check(err.endswith(f", offset {offset})\n"), f"{path}: offset {offset} is not told: {err}")
    check(seconds <= MOST_SECONDS * SLOWER, f"{path}: {seconds} s")
    check(kib <= MOST_KIB * SLOWER, f"{path}: {kib} KiB")
    return err


def listed(path, status=0):
    code, out, err, _, kib = limited(["list", "tensors", "--model", path, "--format", "json"])
    check(code == status, f"{path}: exit {code}: {err}")
    return {one["tensor"]: one for one in json.loads(out)}, kib


def check_hostile_headers(folder):
    for name, content, words, offset in REFUSED:
        path = folder / f"{name}.safetensors"
        path.write_bytes(content)
        err = check_refused(path, words, offset)
        check("REJECTED(" in err and f"{name}.safetensors: " in err, f"{name}: {err}")
    print(len(REFUSED), "hostile headers")


def many_tensors(count, entry):
    return b"{" + b",".join(entry(i) for i in range(count)) + b"}"


def metadata_pairs(size):
    return b",".join(b'"%05x":""' % i for i in range(size // 11))


SIZE = (16 << 20) - 200
EMPTY = b'"%06x":{"dtype":"U8","shape":[0,0,0,0,0,0,0,0],"data_offsets":[0,0]}'
COUNT = SIZE // (len(EMPTY % 0) + 1)

# Just under 16 MiB of header in the shapes that cost most, each with its fault at the very end: how to make it, the reason.
LARGE = {
    "tensors": (lambda: many_tensors(COUNT, lambda i: EMPTY % i)[:-1] + b',"x":{"dtype":"F31"}}', "unknown dtype"),
    "twice": (lambda: many_tensors(COUNT, lambda i: EMPTY % (i % (COUNT - 1))), 'the key "000000" stands twice'),
    "metadata": (lambda: b'{"__metadata__":{' + metadata_pairs(SIZE) + b"},1}", "where a key"),
    "metadata_twice": (lambda: b'{"__metadata__":{' + metadata_pairs(SIZE) + b',"00000":""}}',
                       'the key "00000" stands twice'),
    "name": (lambda: b'{"' + b"a" * SIZE + b'":{"dtype":"F31"}}', "unknown dtype"),
    "escapes": (lambda: b'{"' + b"\\u0001" * (SIZE // 6) + b'":1}', "where a tensor's"),
    "text": (lambda: b'{"__metadata__":{"a":"' + b"\xf0\x9f\x98\x80" * (SIZE // 4) + b'"},}', "where a key"),
    "blanks": (lambda: b"{" + b" " * SIZE + b"1}", "where a key"),
    "numbers": (lambda: b'{"a":{"x":[' + b"0," * (SIZE // 2) + b"]}}", "where a value"),
    "objects": (lambda: b'{"a":{"x":[' + b"{}," * (SIZE // 3) + b"]}}", "where a value"),
    "keys_inside": (lambda: b'{"a":{"x":{' + metadata_pairs(SIZE) + b',"00000":""}}}', 'the key "00000" stands twice'),
    "backwards": (lambda: many_tensors(COUNT // 2, lambda i: b'"%06x":{"dtype":"F32","shape":[1],"data_offsets":[%d,%d]}' %
                                       (i, 4 * COUNT - 4 * i - 4, 4 * COUNT - 4 * i)), "a hole of"),
}


def write_apart(path, make):
    """Writes the file in a process of its own: the memory that this one ever had would count as its children's peak."""
    child = os.fork()
    if child == 0:
        path.write_bytes(make())
        os._exit(0)
    check(os.waitpid(child, 0)[1] == 0, f"{path} could not be made")


def check_large_headers(folder):
    path = folder / "large.safetensors"
    for name, (make, words) in LARGE.items():
        write_apart(path, lambda: pack(make()))
        if name == "backwards":
            os.truncate(path, path.stat().st_size + 4 * COUNT)
        check(path.stat().st_size - 4 * COUNT < 16 << 20, f"{name}: {path.stat().st_size} bytes")
        check_refused(path, words)
    for first, words, offset, length in ((b"{", "a header of 100000001 bytes, more than the 100000000 allowed", 0, 100000001),
                                         (b"[", "does not begin with '{'", 8, 100000000)):
        path.write_bytes(pack(first, length=length))
        os.truncate(path, 200000000)
        check_refused(path, words, offset)
    path.unlink()
    print(len(LARGE) + 2, "large headers")


def check_oddities(folder):
    path = folder / "odd.safetensors"

    def good(header, data=b""):
        path.write_bytes(pack(header, data))
        return listed(path)[0]

    found = good({"a": tensor(shape=(0, 3), end=0), "b": tensor(shape=(), end=4)}, bytes(4))
    check(found["a"]["shape"] == [0, 3] and found["a"]["bytes"] == 0, found)
    check(found["b"]["shape"] == [] and found["b"]["bytes"] == 4, found)
    good({"a": tensor()}, struct.pack("<2f", float("nan"), float("inf")))
    check(good(b"{}") == {}, "no tensors")
    good({"z": tensor(shape=(0,), begin=8, end=8), "a": tensor(), "y": tensor(shape=(0,), begin=0, end=0)}, EIGHT)
    good({"b": tensor(begin=8, end=16), "a": tensor()}, bytes(16))
    good(raw() + b" " * 77, EIGHT)
    good(raw() + b"\n\t\r ", EIGHT)
    good(json.dumps({"a": tensor()}, indent=3).encode(), EIGHT)
    good({"a": tensor(origin={"x": [1, -2.5e-3, True, None, "s"]})}, EIGHT)
    good(nested(63), EIGHT)
    for make in (lambda: json.dumps({"__metadata__": {"format": "pt", "text": "x" * (15 << 20)}, "a": tensor()}).encode(),
                 lambda: b'{"__metadata__":{' + metadata_pairs(SIZE - 100) + b'},' + raw()[1:]):
        write_apart(path, lambda: pack(make(), EIGHT))
        found, kib = listed(path)
        check(list(found) == ["a"] and kib <= MOST_KIB * SLOWER, f"large metadata: {kib} KiB")
    write_apart(path, lambda: pack(b'{"__metadata__":{' + b" " * 90000000 + b"}}"))
    check(listed(path)[0] == {}, "90 MB of blanks")
    path.unlink()
    print("oddities accepted")


NAMES = ["a\nb", 'quo"te', "back\\slash", "tab\t", "\x1b[31mred", "nul\0nul", "\u202eright", "\u2028line", "'$(touch x)`",
         "=1+1", "</script>", "a" * 5000, "日本", "\U0001f600", "", "|"]


def check_names(folder):
    """Names with anything in them are listed, and are one plain line in every form."""
    path = folder / "names.safetensors"
    header = {name: tensor(shape=(0,), end=0) for name in NAMES}
    path.write_bytes(pack(header))
    found, _ = listed(path)
    check(list(found) == NAMES, list(found))
    for form in ("md", "csv", "jsonl"):
        code, out, _, _, _ = limited(["list", "tensors", "--model", path, "--format", form])
        text = out.decode()
        bad = [c for c in text if (ord(c) < 32 and c not in "\r\n") or c in "\x7f\u202e\u2028"]
        check(code == 0 and not bad, f"{form}: {bad}")
        check(len(text.splitlines()) == len(NAMES) + {"md": 2, "csv": 1, "jsonl": 0}[form], f"{form}: {text}")
        check(form != "csv" or "a\\nb,F32,0,0," in text, text)
    for name in NAMES:
        path.write_bytes(pack({name: tensor(dtype="F31")}, EIGHT))
        check_refused(path, "unknown dtype")
    path.write_bytes(pack({"a\nb": tensor(dtype="\x1b[31m\n")}, EIGHT))
    check_refused(path, 'tensor "a\\nb": unknown dtype "\\u001b[31m\\n"')
    odd = folder / "odd\n\x1b[31m\"name\""
    odd.mkdir()
    (odd / "model.safetensors").write_bytes(b"x")
    err = check_refused(odd, "too few", 0)
    check('odd\\n\\u001b[31m\\"name\\"/model.safetensors: ' in err, err)
    print("names")


def check_places(folder):
    """What is not a regular file of the folder is refused at once."""
    outside = folder / "outside.safetensors"
    outside.write_bytes(pack(raw(), EIGHT))
    model = folder / "place"
    model.mkdir()
    file = model / "model.safetensors"

    def refused(words, of=None, **more):
        check_refused(of or model, words, **more)
        if file.is_symlink() or file.exists():
            file.rmdir() if file.is_dir() and not file.is_symlink() else file.unlink()

    refused("holds neither model.safetensors nor model.safetensors.index.json")
    os.mkfifo(file)
    refused("a FIFO, not a regular file")
    os.mkfifo(file)
    refused("a FIFO, not a regular file", of=file)
    file.mkdir()
    refused("a folder where a file is wanted")
    for target, words in (("/dev/zero", "a symbolic link out of its folder"), (outside, "a symbolic link out of its folder"),
                          ("../outside.safetensors", "leads out of its folder"),
                          ("sub/../../outside.safetensors", "leads out of its folder"),
                          ("model.safetensors", "too many symbolic links")):
        (model / "sub").mkdir(exist_ok=True)
        file.symlink_to(target)
        refused(words)
        file.symlink_to(target)
        refused(words, of=file)
    for device in ("/dev/zero", "/dev/null", "/dev/tty"):
        if os.path.exists(device):
            check_refused(device, "a device, not a regular file")
    for path in ("", "/nothing/there", "x" * 5000, "/" + "y/" * 3000):
        code, out, err, _, _ = limited(["list", "tensors", f"--model={path}"])
        check(code in (1, 2) and not out and err.count("\n") == 1, f"{path}: {code} {err}")
    inside = model / "sub" / "real.safetensors"
    inside.write_bytes(outside.read_bytes())
    (model / "deep").symlink_to("sub")
    for target in ("sub/real.safetensors", "deep/real.safetensors", "./sub/../deep/../sub/real.safetensors"):
        file.symlink_to(target)
        check(list(listed(model)[0]) == ["a"] and list(listed(file)[0]) == ["a"], target)
        file.unlink()
    link = folder / "link"
    link.symlink_to(model)
    file.write_bytes(outside.read_bytes())
    check(list(listed(link)[0]) == ["a"], "a folder named by a link")
    snapshot = folder / "models--some--model" / "snapshots" / "0123abcd"
    snapshot.mkdir(parents=True)
    blob = snapshot.parent.parent / "blobs" / "ef01"
    blob.parent.mkdir()
    blob.write_bytes(outside.read_bytes())
    (snapshot / "model.safetensors").symlink_to("../../blobs/ef01")
    check(list(listed(snapshot)[0]) == ["a"], "a snapshot of a cache")
    check(list(listed(snapshot / "model.safetensors")[0]) == ["a"], "a file of a snapshot of a cache")
    (snapshot / "model.safetensors").unlink()
    (snapshot / "model.safetensors").symlink_to("../../../outside.safetensors")
    check_refused(snapshot, "leads out of its folder")
    print("places")


def check_types(folder):
    """Pickles and other formats are refused by their type, with what to do."""
    model = folder / "types"
    model.mkdir()
    for name in ("pytorch_model.bin", "model.pt", "model.pth", "model.ckpt", "pytorch_model.bin.index.json"):
        (model / name).write_bytes(b"\x80\x02}q\0.")
        check_refused(model, f"{name}: REJECTED(a pickle checkpoint")
        check_refused(model / name, "safe_serialization=True")
        (model / name).unlink()
    file = model / "model.safetensors"
    for content, words in ((b"\x80\x02}q\0X\x04\0\0\0.", "a pickle checkpoint"), (b"PK\3\4" + bytes(99), "a pickle checkpoint"),
                           (b"GGUF" + bytes(20), "GGUF"), (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull")):
        file.write_bytes(content)
        check_refused(model, words)
    header = raw() + b" " * ((0x80 + (2 << 8)) - len(raw()))  # a header whose length begins as a pickle does
    file.write_bytes(pack(header, EIGHT))
    check(list(listed(model)[0]) == ["a"], "a length that looks like a pickle")
    print("types")


def check_shards(folder):
    model = folder / "shards"
    model.mkdir()
    index = model / "model.safetensors.index.json"
    one, two = model / "model-1.safetensors", model / "model-2.safetensors"
    one.write_bytes(pack({"a": tensor(), "x": tensor(shape=(0,), begin=8, end=8)}, EIGHT))
    two.write_bytes(pack({"b": tensor("F16", (2, 3), 0, 12), "c\n": tensor("I64", (), 16, 24),
                          "pad": tensor("F32", (1,), 12, 16)}, bytes(24)))

    def write(weights, **more):
        index.write_text(json.dumps(dict({"metadata": {"total_size": 20}, "weight_map": weights}, **more)))

    write({"b": "model-2.safetensors", "a": "model-1.safetensors", "c\n": "model-2.safetensors"})
    found, _ = listed(model)
    check(list(found) == ["b", "a", "c\n"] and found["b"]["shape"] == [2, 3], found)
    check(found["a"]["file"] == "model-1.safetensors" and listed(index)[0] == found, found)
    for weights, words in (({"a": "model-3.safetensors"}, "model-3.safetensors: No such file"),
                           ({"z\n": "model-1.safetensors"}, 'tensor "z\\n" is not in "model-1.safetensors"'),
                           ({"a": "../outside.safetensors"}, "leads out of its folder"),
                           ({"a": "/etc/passwd"}, "leads out of its folder"),
                           ({"a": ""}, "no file's name"), ({"a": "x\0y"}, "no file's name"),
                           ({"a": "."}, "a folder where a file"), ({"a": 1}, "where a file's name"),
                           ({"a": "pytorch_model.bin"}, "a pickle"), ({"a": "y" * 300}, "too long")):
        write(weights)
        check_refused(model, words, status=1 if "No such" in words else 2)
    for text, words in (("{}", "no weight_map"), ("[]", "where the index's '{'"), ('{"weight_map":[]}', "where the '{' of"),
                        ('{"weight_map":{"a":"model-1.safetensors","a":"model-1.safetensors"}}', 'the key "a" stands twice'),
                        ('{"weight_map":{},"weight_map":{}}', "stands twice"), ('{"weight_map":{}}x', "where the end"),
                        ('{"x":' + "[" * 70, "nested 64 levels"), ('{"weight_map":{"a":"model-1.safetensors"}', "the text ends")):
        index.write_text(text)
        check_refused(model, words)
    write({"a": "model-1.safetensors"})
    one.write_bytes(pack(raw(shape="[-1]"), EIGHT))
    check_refused(model, "model-1.safetensors: REJECTED(a dimension is negative", AT + raw().index(b"[2]") + 1)
    print("shards")


def main():
    global SLOWER
    probe = subprocess.run(["nm", "-D", str(PROGRAM)], capture_output=True, text=True)
    if "__asan_init" in probe.stdout or "__tsan_init" in probe.stdout:
        SLOWER = 20.0
    with Scratch() as scratch:
        folder = pathlib.Path(scratch.path)
        for part in (check_hostile_headers, check_large_headers, check_oddities, check_names, check_places, check_types,
                     check_shards):
            part(folder)


if sys.platform != "linux":
    sys.exit(77)
main()
