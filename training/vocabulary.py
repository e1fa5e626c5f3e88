"""A German and English vocabulary for an encoder that came with an English one."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from tokenizers import Regex, Tokenizer, decoders, normalizers, pre_tokenizers, processors
from tokenizers.models import BPE, WordPiece
from tokenizers.trainers import BpeTrainer

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_BEFORE = 40_000  # pieces before the rarest go that no text here has
SIZE = 36_000
_EMPTY = re.compile(r"##\W*")  # signs never continue a word: the splitter sets each apart
_START = "\u2581"  # marks the start of a word while learning; no text here has it


def build(old: Sequence[str], texts: Iterable[str]) -> Tokenizer:
    """Keep the old pieces in Latin script, add every emoji, fill up with pieces learnt from `texts`, and leave out the
    rarest of the old ones (BERT's list is sorted by frequency) that `texts` never use."""
    texts = list(texts)
    pieces = dict.fromkeys(SPECIAL)
    pieces.update(dict.fromkeys(piece for piece in old if _is_latin(piece)))
    olds = len(pieces)
    pieces.update(dict.fromkeys(_emoji()))
    for piece in _learn(texts):
        if len(pieces) >= _BEFORE:
            break
        pieces.setdefault(piece)
    listed = list(pieces)
    used = {number for encoding in _tokenizer(_numbered(listed)).encode_batch(texts) for number in encoding.ids}
    unused = [number for number in range(olds) if number not in used and len(listed[number]) > 3]
    dropped = set(unused[SIZE - len(listed) :])
    return _tokenizer(_numbered(piece for number, piece in enumerate(listed) if number not in dropped))


def _numbered(pieces: Iterable[str]) -> dict[str, int]:
    return {piece: number for number, piece in enumerate(pieces)}


def _learn(texts: Iterable[str]) -> list[str]:
    """New pieces, the most useful first. Byte-pair merges, as the library's own WordPiece learner breaks ties by
    chance and gives another vocabulary each time."""
    reader = _tokenizer(dict.fromkeys(SPECIAL, 0))

    def words() -> Iterator[str]:
        for text in texts:
            split = reader.pre_tokenizer.pre_tokenize_str(reader.normalizer.normalize_str(text))
            yield " ".join(_START + word for word, _ in split)

    learner = Tokenizer(BPE())
    learner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    learner.train_from_iterator(words(), BpeTrainer(vocab_size=30_000, min_frequency=5, show_progress=False))
    ranked = sorted(learner.get_vocab().items(), key=lambda item: item[1])
    pieces = [piece[1:] if piece.startswith(_START) else f"##{piece}" for piece, _ in ranked]
    return [piece for piece in pieces if piece and _is_latin(piece) and not _EMPTY.fullmatch(piece)]


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
    tokenizer = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=60))  # noqa: S106
    tokenizer.normalizer = normalizers.Sequence(
        [
            # Variation selectors and skin tones multiply emoji without changing what they say.
            normalizers.Replace(Regex("[\\x{FE0E}\\x{FE0F}\\x{1F3FB}-\\x{1F3FF}]"), ""),
            # Umlauts stay: without them "schon" and "schön" are one word.
            normalizers.BertNormalizer(lowercase=True, strip_accents=False),
            normalizers.NFC(),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex("\\p{So}"), "isolated"),
            pre_tokenizers.BertPreTokenizer(),
        ]
    )
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
