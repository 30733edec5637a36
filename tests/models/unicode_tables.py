"""src/model/tokenizer's tables of characters, read off the package `tokenizers`: what it says of each character alone.

unicode_tables.py --write writes them; unicode_tables.py says which of them are not what the installed package says, and
exits with 1 if there are any. Exit status 77 (skipped) without the package, or without a Perl that knows Unicode 9."""

import pathlib
import subprocess
import sys

try:
    from tokenizers import Regex, normalizers, pre_tokenizers
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "src/model/tokenizer"
CHARACTERS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]


def parted(pre_tokenizer, beside):
    """The characters that do not stay in one piece with `beside` on both sides."""
    return {c for c in CHARACTERS if len(pre_tokenizer.pre_tokenize_str(beside + chr(c) + beside)) != 1}


def become(normalizer, wanted):
    return {c for c in CHARACTERS if normalizer.normalize_str("x" + chr(c)) == wanted}


def split_at(pattern):
    return pre_tokenizers.Split(Regex(pattern), "isolated")


def settled():
    """The characters of Unicode 9, in which the package's normal forms are."""
    script = "for (0..0x10FFFF) { next if $_ >= 0xD800 && $_ < 0xE000; print qq($_\\n) if chr($_) =~ /\\p{Present_In: 9.0}/ }"
    try:
        done = subprocess.run(["perl", "-e", script], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as failed:
        print(f"skipped: perl: {failed}")
        sys.exit(77)
    return {int(line) for line in done.stdout.split()}


def bert(**wanted):
    options = {"clean_text": False, "handle_chinese_chars": False, "strip_accents": False, "lowercase": False}
    return normalizers.BertNormalizer(**{**options, **wanted})


def classes():
    """In the order of the bits of tm_char_class."""
    return [
        parted(pre_tokenizers.Punctuation(), "x"),
        become(bert(clean_text=True), "x") - {0, 0xFFFD},
        become(bert(strip_accents=True), "x"),
        become(normalizers.StripAccents(), "x"),
        parted(pre_tokenizers.Digits(individual_digits=True), "x"),
        parted(split_at(r"\p{L}"), "1"),
        parted(split_at(r"\p{N}"), "x"),
        set(CHARACTERS) - parted(pre_tokenizers.Whitespace(), "x"),
        parted(pre_tokenizers.WhitespaceSplit(), "x"),
        settled(),
    ]


def class_table():
    sets = classes()
    bits = [0] * 0x110000
    for bit, members in enumerate(sets):
        for c in members:
            bits[c] |= 1 << bit
    entries = [(c, bits[c]) for c in range(0x110000) if c == 0 or bits[c] != bits[c - 1]]
    return [f"{{0x{c:X}, 0x{b:X}}}" for c, b in entries]


def lower_table():
    """Runs of characters `step` apart whose lower case is `by` further; two characters become one of their own."""
    lower = normalizers.Lowercase()
    pairs = [(c, lower.normalize_str(chr(c))) for c in CHARACTERS]
    pairs = [(c, ord(low) - c) for c, low in pairs if len(low) == 1 and ord(low) != c]
    runs = []
    for c, by in pairs:
        if runs and runs[-1][3] == by:
            first, last, step, _ = runs[-1]
            if (first == last and c - last <= 2) or (first != last and c - last == step):
                runs[-1] = (first, c, c - last, by)
                continue
        runs.append((c, c, 1, by))
    return [f"{{0x{first:X}, 0x{last:X}, {step}, {by}}}" for first, last, step, by in runs]


def text_of(what, entries):
    lines = [f"/* {what} Written by tests/models/unicode_tables.py. */"]
    line = ""
    for entry in entries:
        if len(line) + len(entry) + 2 > 120:
            lines.append(line)
            line = ""
        line += ("" if not line else " ") + entry + ","
    return "\n".join(lines + [line]) + "\n"


def main():
    tables = {
        "unicode_classes.inc": text_of("First characters of runs, and the bits of tm_char_class that hold there.", class_table()),
        "unicode_lower.inc": text_of("First and last of a run of capitals, how far apart, and how far to the small one.", lower_table()),
    }
    wrong = 0
    for name, text in tables.items():
        path = FOLDER / name
        if "--write" in sys.argv[1:]:
            path.write_text(text, encoding="ascii")
        elif path.read_text(encoding="ascii") != text:
            print(f"{path}: not what this version of tokenizers says")
            wrong = 1
    return wrong


if __name__ == "__main__":
    sys.exit(main())
