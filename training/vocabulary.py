"""A German and English vocabulary for an encoder that came with an English one."""

import unicodedata
from collections.abc import Iterable, Sequence

import numpy as np
from tokenizers import Regex, Tokenizer, decoders, normalizers, pre_tokenizers, processors
from tokenizers.models import WordPiece
from tokenizers.trainers import WordPieceTrainer

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
SIZE = 40_000


def build(old: Sequence[str], texts: Iterable[str]) -> Tokenizer:
    """Keep the old pieces in Latin script, add every emoji, and fill up to SIZE with pieces learnt from `texts`."""
    pieces = dict.fromkeys(SPECIAL)
    pieces.update(dict.fromkeys(piece for piece in old if _is_latin(piece)))
    pieces.update(dict.fromkeys(_emoji()))
    learner = _tokenizer({piece: index for index, piece in enumerate(SPECIAL)})
    learner.train_from_iterator(
        texts,
        WordPieceTrainer(vocab_size=30_000, min_frequency=5, limit_alphabet=300, special_tokens=list(SPECIAL),
                         show_progress=False),
    )
    # A learnt piece's number is its rank: the most useful come first.
    learnt = sorted(learner.get_vocab().items(), key=lambda item: item[1])
    for piece, _ in learnt:
        if len(pieces) >= SIZE:
            break
        pieces.setdefault(piece)
    return _tokenizer({piece: index for index, piece in enumerate(pieces)})


def embeddings(tokenizer: Tokenizer, old: Sequence[str], weights: np.ndarray) -> np.ndarray:
    """Rows for the new vocabulary: an old piece keeps its own, a new one starts at the mean of the old pieces that
    spell it; an emoji at the mean of the words of its Unicode name. `weights`: (old size, width), float32."""
    index = {piece: row for row, piece in enumerate(old)}
    vocabulary = tokenizer.get_vocab()
    rows = np.empty((len(vocabulary), weights.shape[1]), dtype=np.float32)
    for piece, row in vocabulary.items():
        rows[row] = weights[_spell(piece, index)].mean(axis=0)
    return rows


def _tokenizer(vocabulary: dict[str, int]) -> Tokenizer:
    tokenizer = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=60))
    tokenizer.normalizer = normalizers.Sequence([
        # Variation selectors and skin tones multiply emoji without changing what they say.
        normalizers.Replace(Regex("[\\x{FE0E}\\x{FE0F}\\x{1F3FB}-\\x{1F3FF}]"), ""),
        # Umlauts stay: without them "schon" and "schön" are one word.
        normalizers.BertNormalizer(lowercase=True, strip_accents=False),
        normalizers.NFC(),
    ])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex("\\p{So}"), "isolated"),
        pre_tokenizers.BertPreTokenizer(),
    ])
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.add_special_tokens(list(SPECIAL))
    return tokenizer


def _is_latin(piece: str) -> bool:
    return not piece.startswith("[") and all(ord(letter) < 0x250 or 0x2010 <= ord(letter) < 0x2200 for letter in piece)


def _emoji() -> list[str]:
    blocks = (range(0x2600, 0x27C0), range(0x1F300, 0x1F3FB), range(0x1F400, 0x1F650), range(0x1F900, 0x1FB00))
    signs = (chr(point) for block in blocks for point in block)
    return [sign for sign in signs if unicodedata.category(sign) == "So"]


def _spell(piece: str, index: dict[str, int]) -> list[int]:
    if piece in index:
        return [index[piece]]
    if len(piece) == 1 and unicodedata.category(piece) == "So":
        words = unicodedata.name(piece).lower().replace("-", " ").split()
        return [number for word in words for number in _spell(word, index)]
    rest, prefix = (piece[2:], "##") if piece.startswith("##") else (piece, "")
    rest = "".join(letter for letter in unicodedata.normalize("NFD", rest) if unicodedata.category(letter) != "Mn")
    numbers: list[int] = []
    while rest:
        for end in range(len(rest), 0, -1):
            if prefix + rest[:end] in index:
                numbers.append(index[prefix + rest[:end]])
                rest, prefix = rest[end:], "##"
                break
        else:
            return [index["[UNK]"]]
    return numbers or [index["[UNK]"]]
