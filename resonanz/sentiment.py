"""Sentiment of texts by a transformer, without torch: the shipped model, a folder, or a pinned one from a model hub."""

import hashlib
import html
import json
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from resonanz.errors import ConfigError
from resonanz.language import LANGUAGES

LABELS = ("negative", "neutral", "positive")

Probabilities = npt.NDArray[np.float32]
_Network = Callable[[dict[str, npt.NDArray[np.int64]]], Probabilities]

_URL = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
# A handle, with the server that Mastodon adds or the dots of a Bluesky name; not the middle of an e-mail address.
_MENTION = re.compile(r"(?<!\w)@\w(?:[\w.\-]*\w)?(?:@\w(?:[\w.\-]*\w)?)?")
_SPACE = re.compile(r"\s+")
# Far more than any model here reads, and it bounds the time a hostile text can cost.
_MAX_CHARACTERS = 8_000

_HUB_ID = re.compile(r"[\w.\-]+/[\w.\-]+")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_WEIGHTS = ("model.onnx", "onnx/model_quantized.onnx", "onnx/model_int8.onnx", "onnx/model.onnx", "model.safetensors")
_PICKLED = (".bin", ".pt", ".pth", ".pkl", ".ckpt", ".h5", ".msgpack")
_BESIDE = ("config.json", "tokenizer*", "*vocab*", "merges.txt", "*.model", "special_tokens_map.json", "README.md")
_TOKENS = 512  # in one batch: what lies between two layers of a network as small as ours then stays in a core's cache
_LONGEST = 128  # tokens read where a model does not say; posts are shorter


def normalise(text: str) -> str:
    """Bring a text to the form that the shipped model was trained on.

    Mentions become ``@user`` and links ``http``, as in the UMSAB data; HTML entities are resolved, blanks folded,
    broken surrogates replaced, and what lies past 8,000 characters is dropped (no model here reads that far).
    """
    text = text[:_MAX_CHARACTERS].encode("utf-8", "replace").decode("utf-8")
    text = html.unescape(text)
    text = _URL.sub("http", text)
    text = _MENTION.sub("@user", text)
    return _SPACE.sub(" ", text).strip()


@dataclass(frozen=True)
class SentimentModel:
    """A loaded model. Make one with :func:`load_model`."""

    model_id: str
    revision: str  # a local folder: content hash, 16 hex digits; a hub model: its commit
    languages: frozenset[str]  # ISO 639-1 codes that the model claims
    threshold: float  # a label whose probability is below this is not to be relied on
    _network: _Network = field(repr=False)
    _tokenizer: Any = field(repr=False)
    _columns: tuple[tuple[int, ...], ...]  # where the network's output has negative, neutral and positive
    _temperature: float
    _longest: int  # tokens
    _batch: int  # texts, at most
    _threads: int  # batches at a time

    def predict(self, texts: Sequence[str]) -> Probabilities:
        """Probabilities of negative, neutral and positive, calibrated where the model brings a temperature.

        :param texts: any texts, also empty or broken ones; each is normalised here.
        :return: (n, 3) float32, rows in the order of `texts`, each summing to 1.

        A batch holds texts of one token count only, so there is no padding, and the shipped weights have one scale a
        token: a text has the same probabilities, to the bit, whatever it is scored together with. A row is NaN where
        the model's own numbers are: weights that were cut off, or too small a number format.
        """
        result = np.empty((len(texts), len(LABELS)), dtype=np.float32)
        if not texts:
            return result
        encoded = self._tokenizer(
            [normalise(text) for text in texts],
            truncation=True,
            max_length=self._longest,
            padding=False,
            return_attention_mask=False,
        )["input_ids"]

        def score(rows: list[int]) -> None:
            # A lone text is run twice: products of a single row go another way through the processor's libraries,
            # which would change the last bit.
            ids = np.array([encoded[row] for row in (rows if len(rows) > 1 else rows * 2)], dtype=np.int64)
            logits = self._network(
                {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
            )
            scaled = logits.astype(np.float64) / self._temperature
            odds = np.exp(scaled - scaled.max(axis=1, keepdims=True))
            shares = odds / odds.sum(axis=1, keepdims=True)
            ours = np.stack([shares[:, columns].sum(axis=1) for columns in self._columns], axis=1)
            result[rows] = ours[: len(rows)]

        # Batches side by side, one thread each: two threads on one small batch mostly wait for each other.
        with ThreadPoolExecutor(self._threads) as pool:
            for _ in pool.map(score, self._batches(encoded)):
                pass
        return result

    def _batches(self, encoded: Sequence[Sequence[int]]) -> Iterator[list[int]]:
        by_length: dict[int, list[int]] = defaultdict(list)
        for row, ids in enumerate(encoded):
            by_length[len(ids)].append(row)
        for length in sorted(by_length):
            rows = by_length[length]
            size = min(self._batch, max(2, _TOKENS // length))
            for start in range(0, len(rows), size):
                yield rows[start : start + size]


def load_model(
    path_or_id: str,
    revision: str | None = None,
    *,
    labels: Mapping[str, str] | None = None,
    languages: Collection[str] | None = None,
    threads: int = 2,
) -> SentimentModel:
    """Load a model from a local folder, or from the Hugging Face hub at a pinned commit.

    :param path_or_id: a folder with config.json, tokenizer files and weights, or a hub id (``owner/name``).
    :param revision: the commit, 40 hex digits; needed for a hub id.
    :param labels: the model's label names to negative, neutral and positive, where it has others of its own; several
        may mean the same, and their probabilities are added then.
    :param languages: ISO 639-1 codes the model is good for, where neither its config nor its card tells.
    :param threads: batches that are run at a time, each on one thread.
    :raises ConfigError: nothing to load there, no pin, pickled weights only, or labels that do not map.
    """
    found = _find(path_or_id, revision, labels, languages)

    from transformers import AutoTokenizer  # seconds to import, and needed only here

    tokenizer = AutoTokenizer.from_pretrained(found.folder)
    return SentimentModel(
        model_id=found.model_id,
        revision=found.revision,
        languages=found.languages,
        threshold=float(found.ours.get("threshold", 0.0)),
        _network=_open(path_or_id, found.folder, found.weights),
        _tokenizer=tokenizer,
        _columns=found.columns,
        _temperature=float(found.ours.get("temperature", 1.0)),
        _longest=int(found.ours.get("max_length") or min(_LONGEST, tokenizer.model_max_length)),
        # A hub's quantised file takes one scale for all it is given: only alone does a text keep its score.
        _batch=1 if "quantized" in found.weights or "int8" in found.weights else 32,
        _threads=threads,
    )


def identify(
    path_or_id: str,
    revision: str | None = None,
    *,
    labels: Mapping[str, str] | None = None,
    languages: Collection[str] | None = None,
) -> tuple[str, str]:
    """Model id and revision, as its scores will carry them, without opening the weights.

    Raises ConfigError for all that :func:`load_model` refuses: at a start, long before the first text is scored.
    A hub model that is not here yet is fetched by this.
    """
    found = _find(path_or_id, revision, labels, languages)
    return found.model_id, found.revision


@dataclass(frozen=True)
class _Found:
    """A model on this machine, looked through and not opened."""

    folder: Path
    weights: str
    model_id: str
    revision: str
    languages: frozenset[str]
    columns: tuple[tuple[int, ...], ...]
    ours: dict[str, Any]  # what config.json says under "resonanz"


def _find(
    path_or_id: str, revision: str | None, labels: Mapping[str, str] | None, languages: Collection[str] | None
) -> _Found:
    folder = Path(path_or_id)
    if is_local := folder.is_dir():
        weights = _weights(path_or_id, _files(folder))
        revision = _content_hash(folder, weights)
    elif _HUB_ID.fullmatch(path_or_id):
        folder, weights, revision = _download(path_or_id, revision)
    else:
        raise ConfigError(f"sentiment model {path_or_id!r}: no such folder, and not a hub id like owner/name")
    config = _config(path_or_id, folder)
    ours: dict[str, Any] = config.get("resonanz", {})
    claimed = frozenset(languages or ours.get("languages") or _card_languages(folder))
    if not claimed:
        raise ConfigError(f"sentiment model {path_or_id!r} does not say which languages it is for: name them")
    return _Found(
        folder,
        weights,
        model_id=str(ours.get("name") or folder.resolve().name) if is_local else path_or_id,
        revision=revision,
        languages=claimed,
        columns=_columns(path_or_id, {key: str(name) for key, name in config.get("id2label", {}).items()}, labels),
        ours=ours,
    )


def _config(model: str, folder: Path) -> dict[str, Any]:
    try:
        config: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"sentiment model {model!r}: config.json cannot be read ({error})") from None
    if config.get("problem_type") == "multi_label_classification":
        raise ConfigError(
            f"sentiment model {model!r} gives each label a yes or no of its own (problem_type), not one of three: "
            "name a model that chooses one label"
        )
    return config


def _columns(model: str, id2label: Mapping[str, str], labels: Mapping[str, str] | None) -> tuple[tuple[int, ...], ...]:
    """For each of LABELS the model's columns that mean it; several only where `labels` says so (one to five stars)."""
    if not id2label:
        raise ConfigError(
            f"sentiment model {model!r}: its config.json names no labels (id2label), so nobody knows what its numbers "
            "mean. Name another model, or a folder with a copy of it whose config.json has them"
        )
    given = {name.casefold(): label.casefold() for name, label in (labels or {}).items()}
    names = [name.casefold() for name in id2label.values()]
    if strange := sorted(given.keys() - set(names)):
        raise ConfigError(
            f"sentiment model {model!r} has no label {strange[0]!r}, which labels maps; it has {_listed(id2label)}"
        )
    found: dict[str, list[int]] = {label: [] for label in LABELS}
    for column, name in id2label.items():
        label = given.get(name.casefold(), name.casefold())
        if label not in LABELS or names.count(name.casefold()) > 1:
            raise ConfigError(
                f"sentiment model {model!r}: its label {name!r} is not (or not alone) one of {', '.join(LABELS)}. "
                f'Map each of {_listed(id2label)} under labels, e.g. {name} = "negative"'
            )
        found[label].append(int(column))
    if missing := [label for label in LABELS if not found[label]]:
        raise ConfigError(f"sentiment model {model!r} has no label for {' and '.join(missing)}")
    return tuple(tuple(found[label]) for label in LABELS)


def _listed(id2label: Mapping[str, str]) -> str:
    return ", ".join(id2label.values())


def _files(folder: Path) -> list[str]:
    return [file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()]


def _weights(model: str, files: Collection[str]) -> str:
    for name in _WEIGHTS:
        if name in files:
            return name
    pickled = sorted(name for name in files if name.endswith(_PICKLED))
    why = f"only pickled weights ({', '.join(pickled)}), which can run code and are refused" if pickled else "none"
    raise ConfigError(
        f"sentiment model {model!r}: weights found: {why}. Name a model or revision with one of {', '.join(_WEIGHTS)}"
    )


def _content_hash(folder: Path, weights: str) -> str:
    """Changes when anything does that a score depends on; the card and other papers may change freely."""
    names = {weights, "config.json"} | {
        file.name for pattern in _BESIDE for file in folder.glob(pattern) if file.suffix != ".md"
    }
    digest = hashlib.sha256()
    for name in sorted(names):
        content = (folder / name).read_bytes() if (folder / name).exists() else b""
        digest.update(f"{name}:{len(content)}:".encode() + content)
    return digest.hexdigest()[:16]


def _download(model: str, revision: str | None) -> tuple[Path, str, str]:
    if revision is None or not _COMMIT.fullmatch(revision):
        raise ConfigError(
            f"sentiment model {model!r}: give the commit to use as revision (40 hex digits; the model's page on the "
            "hub lists them under Files, History). A branch can change under your scores"
        )
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError, RepositoryNotFoundError, RevisionNotFoundError

    def fetch(weights: str, *, online: bool) -> Path:
        wanted = [*_BESIDE, weights, f"{weights}_data", f"{weights}.data"]
        return Path(snapshot_download(model, revision=revision, allow_patterns=wanted, local_files_only=not online))

    for weights in _WEIGHTS:  # what an earlier run fetched whole serves without any network
        with suppress(LocalEntryNotFoundError):
            folder = fetch(weights, online=False)
            if (folder / weights).exists():
                return folder, weights, revision
    try:
        weights = _weights(model, HfApi().list_repo_files(model, revision=revision))
        return fetch(weights, online=True), weights, revision
    except (RepositoryNotFoundError, RevisionNotFoundError) as error:
        raise ConfigError(f"sentiment model {model!r} at {revision}: the hub has no such model or commit") from error
    except ConfigError:
        raise
    except Exception as error:  # the hub's client lets through whatever its HTTP library raises
        raise ConfigError(
            f"sentiment model {model!r}: not here yet and the hub can't be reached ({type(error).__name__}). "
            "Connect once, or name a local folder"
        ) from error


def _card_languages(folder: Path) -> frozenset[str]:
    from huggingface_hub import metadata_load

    card = folder / "README.md"
    metadata = (metadata_load(card) or {}) if card.exists() else {}
    named = metadata.get("language") or []
    codes = {str(code).casefold() for code in ([named] if isinstance(named, str) else named)}
    return LANGUAGES if "multilingual" in codes else frozenset(codes)


def _open(model: str, folder: Path, weights: str) -> _Network:
    return _open_torch(model, folder) if weights.endswith(".safetensors") else _open_onnx(folder / weights)


def _open_onnx(file: Path) -> _Network:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    # Batches come in a hundred shapes: memory kept for each of them would only grow.
    options.enable_mem_pattern = False
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    wanted = {entry.name for entry in session.get_inputs()}

    def run(inputs: dict[str, npt.NDArray[np.int64]]) -> Probabilities:
        return np.asarray(session.run(None, {name: inputs[name] for name in wanted})[0], dtype=np.float32)

    return run


def _open_torch(model: str, folder: Path) -> _Network:
    try:
        import torch
    except ImportError:
        raise ConfigError(
            f"sentiment model {model!r} has no ONNX file, and torch, which could run its safetensors, is not "
            "installed. Name a model with ONNX, or install torch beside Resonanz (pip install torch)"
        ) from None
    from transformers import AutoModelForSequenceClassification

    network = AutoModelForSequenceClassification.from_pretrained(folder, use_safetensors=True).eval()

    def run(inputs: dict[str, npt.NDArray[np.int64]]) -> Probabilities:
        known = {name: torch.from_numpy(value) for name, value in inputs.items() if name != "token_type_ids"}
        with torch.no_grad():
            return np.asarray(network(**known).logits.numpy(), dtype=np.float32)

    return run
