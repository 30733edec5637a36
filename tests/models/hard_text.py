"""Text that tokenizers stumble over, fixed and at random, and the corpus that the tests train small ones on."""

import unicodedata

PIECES = (
    "e\u0301|\u0301\u0323|a\u0323\u0301|\u0323a\u0301\u0302|가|각|\u1100|\u1161|\u11a8|中|漢字|\u3099|か\u3099|ガ|ﾊﾟ|１２|ﷺ|ﬁ|½|²|Ⅷ|"
    "İ|I\u0307|ſ|ß|ẞ|Σ|ς|ΑΣ|Ǆ|ǅ|Å|Ω|Ω|\u1e9b\u0323|\u0344|\u2126|\u212b|\uf900|\U0002f800|\u0958|\u09cb|\u0b47\u0b57|"
    "\u200d|\u200b|\u200e|\u200f|\u202e|\ufeff|\u2060|\u00ad|\u034f|\ufe0f|\u180e|\u2028|\u2029|\u0085|\u00a0|\u3000|\u1680|\u205f|"
    "\u0001|\u0007|\u007f|\u009f|\ue000|\ufffd|\ufffe|\uffff|\U000e0001|\U0010ffff|\t|\n|\r|\r\n|\n\n|\x0b|\x0c|  |   | |\u2009|"
    "👩‍👩‍👧|🏳️‍🌈|👍🏽|🇩🇪|😀|❤️|مرحبا|שָׁלוֹם|नमस्ते|ไทย|ქართული|Ελληνικά|русский|İstanbul|Straße|naïve|"
    "'s|'S|'t|'LL|'ll|'ſ|'re|n't|'m| 'd|''|can't|I'VE|don't|123|12345678|1,234.5|3.14|0x1F|v2|٣٤|१२३|"
    "hello| hello|Hello|the|THE| The|world|tokenization|un|able| ,|,|.|...| .|!|?|-|--|_|__|#|##ing|@|$|€|^|`|~|+|=|<|>|[|]|{|}|(|)|«|»|。|、|"
    "[MASK]|[SEP]|[CLS]|[UNK]|[PAD]|<s>|</s>|<unk>|<0x41>|<0xE2>|<0x|▁|▁▁|Ġ|Ċ|\u0301"
).split("|")

WORDS = (
    "the of and to in is was he for it with as his on be at by had not are but from or have an they which one you were her all she there "
    "would their we him been has when who will more no if out so said what up its about into than them can only other new some could time "
    "these two may then do first any my now such like our over man me even most made after also did many before must through years where "
    "much your way well down should because each just those people mister how too little state good very make world still own see men work "
    "long get here between both life being under never day same another know while last might us great old year off come since against go "
    "straße naïve café über señor façade русский язык мир слово дом ελληνικά γλώσσα 日本語 中文 字典 한국어 העברית العربية नमस्ते ภาษาไทย "
    "tokenization unbelievable international 2024 1999 3.14 100% e-mail http://www.example.com/path?x=1&y=2 foo_bar HelloWorld"
).split()

ALPHABETS = (
    "abcdefghij ABCXYZ 0123  .,'!?-_[]#%\t\n\r éàüñß ",
    "абвгд ЁЖЗ  ii\u0306",
    "日本語中文字学生々〇一 ",
    "ابتثجحخد ًٌٍَُِ",
    "aàáâãe\u0301n\u0303c\u0327 \u0323",
    "가각간힣각 ",
    "😀👍🏽\u200d👩🏳\ufe0f🌈🇩🇪 ",
    "क्षत्रियनमस्ते ",
    "  \u00a0\u2003\u3000\t\n\r\x0b\x0c",
    "'sStTrReEvVmMlLdD ",
    "12345 ٣٤½²Ⅷ１,.",
)


def corpus(rng, lines=1500):
    text = ["".join(rng.choices([" ", "  ", "\n", ", ", ". "], [20, 1, 1, 2, 2])[0] + rng.choice(WORDS) for _ in range(20)).strip()
            for _ in range(lines)]
    return text + [random_text(rng) for _ in range(lines // 4)]


def random_text(rng):
    kind = rng.random()
    length = rng.choice([1, 2, 5, 20, 60])
    if kind < 0.15:
        return "".join(chr(rng.randrange(1, 0x3100)) for _ in range(length))
    if kind < 0.25:
        return "".join(any_char(rng) for _ in range(length))
    if kind < 0.5:
        return "".join(rng.choices(rng.choice(ALPHABETS), k=length))
    if kind < 0.65:
        return " ".join(rng.choices(WORDS, k=length))
    if kind < 0.7:
        return rng.choice(PIECES) * rng.randrange(1, 200)
    return "".join(rng.choices(PIECES, k=length))


def any_char(rng):
    while True:
        c = rng.randrange(1, 0x110000)
        if not 0xD800 <= c < 0xE000:
            return chr(c)


def is_known(text):
    """Is every character in this Python's Unicode?"""
    return all(unicodedata.category(c) != "Cn" for c in text)


def texts(rng, count):
    fixed = ["", " ", "a", "\u0000", "a\u0000b", "".join(PIECES), " ".join(PIECES), "\n".join(WORDS)]
    return fixed + PIECES + [random_text(rng) for _ in range(count)]
