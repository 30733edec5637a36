"""Makes the table of the normaliser Precompiled: SentencePiece's double array of units, and the texts behind it."""

import base64
import struct


def make(replacements):
    """replacements: {text: text}. Returns what tokenizer.json has under precompiled_charsmap."""
    texts = bytearray()
    trie = {}
    for source, target in sorted(replacements.items()):
        node = trie
        for byte in source.encode():
            node = node.setdefault(byte, {})
        node[None] = len(texts)
        texts += target.encode() + b"\0"
    units = [0] * 256
    used, bases = {0}, set()
    pending = [(0, trie, 0)]
    while pending:
        place, node, label = pending.pop()
        keys = [0 if key is None else key for key in node]
        base = 1
        while base in bases or any((base ^ key) in used for key in keys):
            base += 1
        bases.add(base)  # units name no parent: two of one base would take each other's children for theirs
        used.update(base ^ key for key in keys)
        units += [0] * (max(base ^ key for key in keys) + 256 - len(units))
        offset = place ^ base
        if offset >= 1 << 21:
            raise ValueError("the table is too large for this maker")
        units[place] = offset << 10 | (None in node) << 8 | label
        for key, child in node.items():
            if key is None:
                units[base] = 1 << 31 | child
            else:
                pending.append((base ^ key, child, key))
    array = struct.pack(f"<{len(units)}I", *units)
    return base64.b64encode(struct.pack("<I", len(array)) + array + bytes(texts)).decode()
