"""token_models.py DUMP_PROGRAM: WordPiece, BPE and Unigram cut pre-tokens into the ids that `tokenizers` gives.

Models trained on a made-up corpus, as users have them, and models drawn at random from few characters, as nobody has
them: parts that no merge reaches, equal scores, tokens of bytes with gaps, unknown tokens that are not there.
Exits with 77 where the package is missing."""
import json
import pathlib
import random
import subprocess
import sys
import tempfile

try:
    from tokenizers import Tokenizer, models, trainers
except ImportError:
    print("the package tokenizers is missing")
    sys.exit(77)

PROGRAM = sys.argv[1]
TRAINED_SEEDS, DRAWN_SEEDS, TEXTS = range(2), range(100), 400
BYTE_TOKENS = [f"<0x{byte:02X}>" for byte in range(256)]
ALPHABETS = ["abcdefghijklmnop", "aàáâãe\u0301ñçß", "абвгдежз", "日本語中文字学生", "αβγδε", "ابتثج", "ÃĤĠĊ©¢", "▁ _-'", "😀👍🏽\u200d👩"]


def made_word(rng):
    letters = rng.choice(ALPHABETS)
    return "".join(rng.choice(letters) for _ in range(min(1 + int(rng.expovariate(0.2)), 40)))


def made_corpus(rng, words=400, length=6000):
    known = [made_word(rng) for _ in range(words)]
    weights = [1 / (i + 1) for i in range(words)]
    return known, rng.choices(known, weights, k=length)


def made_texts(rng, known, count):
    texts = ["", "a", "^" * 1000, "a" * 1000, "".join(rng.choices(known, k=300)), "\u0000", "\U0010ffff", " ", "<unk>", "<0x41>"]
    while len(texts) < count:
        text = rng.choice(known)
        for _ in range(rng.randrange(4)):
            kind, at = rng.randrange(6), rng.randrange(len(text) + 1)
            if kind == 0:
                text = text[:at] + chr(rng.choice([rng.randrange(0x20, 0x250), rng.randrange(0xd800), rng.randrange(0x1f000, 0x1fa00)])) + text[at:]
            elif kind == 1:
                text = text[:at] + text[at + 1:]
            elif kind == 2:
                text += rng.choice(known)
            elif kind == 3:
                text = text[:at] + rng.choice(["<unk>", "##", "</w>", "▁", "<0x41>", "\u0301"]) + text[at:]
            elif kind == 4:
                text = text[:at] + rng.choice("^aé日") * rng.choice([rng.randrange(80), rng.randrange(900)]) + text[at:]
            else:
                text = text * rng.randrange(1, 9)
        texts.append(text)
    return texts


def trained(rng, corpus):
    """Name and tokenizer.json of each kind, trained on the corpus."""
    def train(model, trainer):
        tokenizer = Tokenizer(model)
        tokenizer.train_from_iterator(corpus, trainer)
        return json.loads(tokenizer.to_str())

    def changed(source, **members):
        return dict(source, model=dict(source["model"], **members))

    size = rng.choice([200, 500, 900])
    quiet = {"show_progress": False}
    yield "WordPiece", train(models.WordPiece(unk_token="[UNK]"), trainers.WordPieceTrainer(vocab_size=size, special_tokens=["[UNK]"], **quiet))
    bpe = train(models.BPE(unk_token="<unk>"), trainers.BpeTrainer(vocab_size=size + 256, special_tokens=["<unk>"] + BYTE_TOKENS, **quiet))
    yield "BPE", bpe
    yield "BPE, fuse_unk", changed(bpe, fuse_unk=True)
    yield "BPE, ignore_merges", changed(bpe, ignore_merges=True)
    yield "BPE, no unk_token", changed(bpe, unk_token=None)
    yield "BPE, byte_fallback", changed(bpe, byte_fallback=True)
    yield "BPE, merges as strings", changed(bpe, merges=[" ".join(merge) for merge in bpe["model"]["merges"] if " " not in "".join(merge)])
    few = {text: at for text, at in bpe["model"]["vocab"].items() if text not in BYTE_TOKENS[0x80:0xb0]}
    yield "BPE, some bytes only", changed(bpe, byte_fallback=True, fuse_unk=True, vocab=few)
    affixes = {"continuing_subword_prefix": "##", "end_of_word_suffix": "</w>"}
    yield "BPE, affixes", train(models.BPE(unk_token="<unk>", **affixes), trainers.BpeTrainer(vocab_size=size, special_tokens=["<unk>"], **affixes, **quiet))
    unigram = train(models.Unigram(), trainers.UnigramTrainer(vocab_size=size, special_tokens=["<unk>"], unk_token="<unk>", **quiet))
    yield "Unigram", unigram
    rounded = [[text, float(round(score))] for text, score in unigram["model"]["vocab"]]
    yield "Unigram, many ties", changed(unigram, vocab=rounded)
    low = min(score for _, score in rounded) - 3
    yield "Unigram, byte_fallback", changed(unigram, byte_fallback=True, vocab=rounded + [[text, low] for text in BYTE_TOKENS])


def drawn_token(rng, letters):
    return "".join(rng.choice(letters) for _ in range(1 + int(rng.expovariate(0.7))))


def drawn_bpe(rng, letters):
    prefix, suffix = rng.choice(["", "", "##", "a"]), rng.choice(["", "", "</w>", "b"])
    tokens = [letter for letter in letters if rng.random() < 0.9]
    tokens += [prefix + letter for letter in letters] + [letter + suffix for letter in letters]
    tokens += [prefix + letter + suffix for letter in letters] + rng.sample(BYTE_TOKENS, rng.choice([0, 250, 256]))
    if rng.random() < 0.8:
        tokens.append("<unk>")
    merges = []
    for _ in range(rng.randrange(60)):
        left, right = rng.choice(tokens), rng.choice(tokens)
        if len(right.encode()) >= len(prefix) and right.startswith(prefix):
            merges.append([left, right])
            tokens.append(left + right[len(prefix):])
    rng.shuffle(merges)
    tokens = list(dict.fromkeys(tokens))
    rng.shuffle(tokens)
    return {"type": "BPE", "dropout": None, "unk_token": rng.choice([None, "<unk>"]), "continuing_subword_prefix": prefix,
            "end_of_word_suffix": suffix, "fuse_unk": rng.random() < 0.5, "byte_fallback": rng.random() < 0.5,
            "ignore_merges": rng.random() < 0.3, "vocab": {token: 3 * i for i, token in enumerate(tokens)}, "merges": merges}


def drawn_unigram(rng, letters):
    tokens = [drawn_token(rng, letters) for _ in range(rng.randrange(1, 60))] + rng.sample(BYTE_TOKENS, rng.choice([0, 250, 256]))
    tokens += ["<unk>"] * rng.randrange(3)
    rng.shuffle(tokens)
    vocab = [[token, rng.choice([0, 1, 2, -1, -2.5, rng.uniform(-9, 1), 0.1, 1e300, -3])] for token in tokens]
    unknown = rng.choice([None, rng.randrange(len(tokens)), tokens.index("<unk>") if "<unk>" in tokens else 0])
    return {"type": "Unigram", "unk_id": unknown, "vocab": vocab, "byte_fallback": rng.random() < 0.5}


def drawn_wordpiece(rng, letters):
    prefix = rng.choice(["##", "", "a", "é", "@@@"])
    tokens = [rng.choice(["", prefix]) + drawn_token(rng, letters) for _ in range(rng.randrange(60))] + ["[UNK]"] * rng.randrange(2)
    if rng.random() < 0.3:
        tokens += [prefix + rng.choice(letters) * rng.randrange(250, 400) + end for end in ["", "x"]]
    return {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": prefix,
            "max_input_chars_per_word": rng.choice([0, 3, 100, 100000]), "vocab": {token: i for i, token in enumerate(tokens)}}


def ids_of(model, text):
    """The ids, or None where the model has none to give."""
    try:
        return [token.id for token in model.tokenize(text)]
    except Exception:
        return None


def compare(name, source, texts, folder):
    """Returns how many texts were compared."""
    path = folder / "tokenizer.json"
    path.write_text(json.dumps(source), encoding="utf-8")
    result = subprocess.run([PROGRAM, path], input=json.dumps(texts), capture_output=True, text=True)
    try:
        model = Tokenizer.from_str(json.dumps(source)).model
    except Exception as refusal:
        if result.returncode == 0:
            sys.exit(f"{name}: read here, but refused by tokenizers: {refusal}")
        return 0
    if result.returncode != 0:
        sys.exit(f"{name}: exit status {result.returncode}: {result.stdout[:300]} {result.stderr[:300]}")
    for text, line in zip(texts, result.stdout.splitlines(), strict=True):
        ours, theirs = json.loads(line), ids_of(model, text)
        if (None if isinstance(ours, str) else ours) != theirs:
            sys.exit(f"{name}: {text[:200]!r}\n  here       {str(ours)[:300]}\n  tokenizers {str(theirs)[:300]}\n  {json.dumps(source)[:3000]}")
    return len(texts)


def main():
    compared = 0
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for seed in TRAINED_SEEDS:
            rng = random.Random(seed)
            known, corpus = made_corpus(rng)
            for name, source in trained(rng, corpus):
                compared += compare(f"{name}, seed {seed}", source, made_texts(rng, known, TEXTS), folder)
        for seed in DRAWN_SEEDS:
            rng = random.Random(seed)
            letters = rng.sample(["a", "b", "é", "日", "😀"], rng.randrange(1, 5))
            known = [drawn_token(rng, letters + ["x", "ÿ"]) for _ in range(40)]
            for draw in (drawn_wordpiece, drawn_bpe, drawn_unigram):
                model = draw(rng, letters)
                if rng.random() < 0.2:
                    del model["type"]
                compared += compare(f"{draw.__name__}, seed {seed}", {"model": model}, made_texts(rng, known, 40), folder)
    print(f"{compared} texts, the same ids")


main()
