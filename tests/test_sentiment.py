"""The shipped model on real texts, and what loading refuses."""

import csv
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from resonanz.errors import ConfigError
from resonanz.sentiment import LABELS, SentimentModel, identify, load_model, normalise

REPOSITORY = Path(__file__).parents[1]
SHIPPED = REPOSITORY / "model"
LABELLED = REPOSITORY.parent / "shared" / "data" / "sentiment" / "labelled_de_en.csv"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
NEGATIVE, NEUTRAL, POSITIVE = range(3)


@pytest.fixture(scope="module")
def model() -> SentimentModel:
    return load_model(str(SHIPPED))


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SHIPPED, tmp_path / "model"))


def _edit_config(folder: Path, **changes: object) -> None:
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("I love this washing machine, thank you so much! 😍", POSITIVE),
        ("Great service, really friendly and fast.", POSITIVE),
        ("Worst customer service ever, I am so angry.", NEGATIVE),
        ("This is terrible, it broke after two days 😡", NEGATIVE),
        ("The store opens on Monday at 9 am.", NEUTRAL),
        ("Ich liebe diese Maschine, vielen Dank! 😍", POSITIVE),
        ("Super Service, sehr freundlich und schnell.", POSITIVE),
        ("Der schlechteste Kundendienst, ich bin so enttäuscht.", NEGATIVE),
        ("Das Gerät ist Schrott, nie wieder!", NEGATIVE),
        ("Der Laden öffnet am Montag um 9 Uhr.", NEUTRAL),
    ],
)
def test_obvious_polarity(model: SentimentModel, text: str, label: int) -> None:
    assert model.predict([text])[0].argmax() == label


@pytest.mark.parametrize(
    ("plain", "negated"),
    [
        ("I am happy with the service", "I am not happy with the service"),
        ("This is good", "This is not good at all"),
        ("Das ist gut", "Das ist nicht gut"),
        ("Ich bin zufrieden", "Ich bin nicht zufrieden"),
    ],
)
def test_negation_makes_it_worse(model: SentimentModel, plain: str, negated: str) -> None:
    before, after = model.predict([plain, negated])
    assert after[NEGATIVE] > before[NEGATIVE] + 0.1
    assert after[POSITIVE] < before[POSITIVE] - 0.1


def test_a_text_scores_the_same_whatever_stands_beside_it(model: SentimentModel) -> None:
    texts = [f"{opening} {rest}" for opening in ("Danke", "Leider", "Today", "Well") for rest in _SENTENCES]
    together = model.predict(texts)
    order = np.random.default_rng(5).permutation(len(texts))
    assert np.array_equal(model.predict([texts[row] for row in order]), together[order])
    alone = np.concatenate([model.predict([text]) for text in texts])
    assert np.array_equal(alone, together)
    assert len({tuple(row) for row in together.tolist()}) == len(texts)  # it is not one answer for all


def test_another_process_gives_the_same_numbers(model: SentimentModel) -> None:
    code = (
        "from resonanz.sentiment import load_model; import sys\n"
        f"print(load_model({str(SHIPPED)!r}, threads=1).predict({_SENTENCES!r}).tolist())"
    )
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=REPOSITORY)
    assert json.loads(printed.stdout) == model.predict(_SENTENCES).tolist()


def test_hostile_texts_get_probabilities(model: SentimentModel) -> None:
    texts = ["", " ", "😀", "https://example.org", "\ud800", "\x00", "\u200b\u200d", "שלום עולם", "ﷺ", "x" * 100_000,
             "wort " * 30_000, "&#x110000;", "@" * 500]  # fmt: skip
    result = model.predict(texts)
    assert result.shape == (len(texts), len(LABELS))
    assert np.allclose(result.sum(axis=1), 1, atol=1e-5)
    assert model.predict([]).shape == (0, 3)


def test_normalise() -> None:
    keyed = "@" + "0f" * 16
    assert normalise(f"{keyed}  schau:\nhttps://t.co/x1?y=2 &amp; www.bahn.de") == "@user schau: http & http"
    assert normalise("@anna@social.example sagt @bahn.bsky.social. Mail: info@bahn.de") == (
        "@user sagt @user. Mail: info@bahn.de"
    )
    assert normalise(normalise("a &lt;b&gt;  c")) == normalise("a &lt;b&gt;  c")


def test_what_the_shipped_model_says_of_itself(model: SentimentModel) -> None:
    assert model.model_id == "resonanz-sentiment-de-en"
    assert len(model.revision) == 16
    assert model.languages == {"de", "en"}
    assert 0.34 < model.threshold < 0.9
    assert sum(file.stat().st_size for file in SHIPPED.iterdir()) <= 30e6


def test_revision_follows_the_weights_and_not_the_card(model: SentimentModel, copy: Path) -> None:
    (copy / "MODEL_CARD.md").write_text("other words")
    assert load_model(str(copy)).revision == model.revision
    weights = bytearray((copy / "model.onnx").read_bytes())
    weights[len(weights) // 2] ^= 1
    (copy / "model.onnx").write_bytes(weights)
    assert load_model(str(copy)).revision != model.revision


def test_foreign_labels_need_a_mapping(model: SentimentModel, copy: Path) -> None:
    _edit_config(copy, id2label={"0": "LABEL_0", "1": "LABEL_1", "2": "LABEL_2"}, label2id=None)
    with pytest.raises(ConfigError, match=r"LABEL_0.*labels"):
        load_model(str(copy))
    # Columns in another order: the same text must come out under the names the mapping gives.
    turned = load_model(str(copy), labels={"LABEL_0": "positive", "LABEL_1": "neutral", "LABEL_2": "negative"})
    assert np.array_equal(turned.predict(_SENTENCES), model.predict(_SENTENCES)[:, ::-1])
    with pytest.raises(ConfigError, match="LABEL_2"):
        load_model(str(copy), labels={"LABEL_0": "positive", "LABEL_1": "neutral"})


def test_label_names_in_capitals_are_ours(model: SentimentModel, copy: Path) -> None:
    _edit_config(copy, id2label={"0": "NEGATIVE", "1": "Neutral", "2": "POSITIVE"}, label2id=None)
    assert np.array_equal(load_model(str(copy)).predict(_SENTENCES), model.predict(_SENTENCES))


def test_several_labels_may_mean_the_same(model: SentimentModel, copy: Path) -> None:
    """As with one to five stars: their probabilities are added."""
    _edit_config(copy, id2label={"0": "1 star", "1": "2 stars", "2": "5 stars"}, label2id=None)
    with pytest.raises(ConfigError, match="no label for neutral"):
        load_model(str(copy), labels={"1 star": "negative", "2 stars": "negative", "5 stars": "positive"})
    network = model._network

    def four_columns(inputs: dict[str, np.ndarray]) -> np.ndarray:
        logits = network(inputs)
        halved = logits[:, :1] - np.log(2) * model._temperature  # twice half of what negative had
        return np.concatenate([halved, logits[:, 1:], halved], axis=1)

    stars = replace(model, _network=four_columns, _columns=((0, 3), (1,), (2,)))
    assert np.allclose(stars.predict(_SENTENCES), model.predict(_SENTENCES), atol=1e-5)


@pytest.mark.parametrize(
    ("changes", "labels", "words"),
    [
        ({}, {"LABEL_0": "negative"}, "no label 'label_0', which labels maps"),
        ({"id2label": {}}, None, "names no labels"),
        ({"id2label": {"0": "negative", "1": "neutral", "2": "neutral"}}, None, "not alone"),
        ({"problem_type": "multi_label_classification"}, None, "a yes or no of its own"),
        ({"resonanz": {}}, None, "does not say which languages"),
    ],
)
def test_what_cannot_be_used_is_refused_before_it_is_opened(
    copy: Path, changes: dict[str, object], labels: dict[str, str] | None, words: str
) -> None:
    _edit_config(copy, **changes)
    (copy / "model.onnx").write_bytes(b"no network, and nobody looks")
    for use in (identify, load_model):
        with pytest.raises(ConfigError, match=words):
            use(str(copy), labels=labels)


def test_looking_through_a_model_opens_nothing(model: SentimentModel) -> None:
    code = (
        "import sys; from resonanz.sentiment import identify\n"
        f"print(*identify({str(SHIPPED)!r}), 'transformers' in sys.modules, 'onnxruntime' in sys.modules)"
    )
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=REPOSITORY)
    assert printed.stdout.split() == [model.model_id, model.revision, "False", "False"]


def test_two_labels_are_not_enough(copy: Path) -> None:
    _edit_config(copy, id2label={"0": "negative", "1": "positive"}, label2id=None)
    with pytest.raises(ConfigError, match="no label for neutral"):
        load_model(str(copy))


def test_pickled_weights_are_refused(copy: Path) -> None:
    (copy / "model.onnx").rename(copy / "pytorch_model.bin")
    with pytest.raises(ConfigError, match=r"pytorch_model\.bin.*refused"):
        load_model(str(copy))


def test_no_such_folder() -> None:
    with pytest.raises(ConfigError, match="no such folder"):
        load_model("./no/such/model")


@pytest.mark.parametrize("revision", [None, "main", "v1.0", COMMIT[:8]])
def test_a_hub_model_needs_its_commit(revision: str | None) -> None:
    with pytest.raises(ConfigError, match="40 hex digits"):
        load_model("someone/sentiment", revision)


@pytest.fixture
def hub() -> Iterator["_Hub"]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Hub.Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        server.files = {}  # type: ignore[attr-defined]
        yield _Hub(server)
        server.shutdown()


class _Hub:
    """A model hub on loopback: one repository, `someone/sentiment`, at one commit."""

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self.server = server

    def serve(self, files: dict[str, bytes]) -> None:
        self.server.files = files  # type: ignore[attr-defined]

    def load(self, cache: Path, revision: str = COMMIT, *, online: bool = True) -> dict[str, object]:
        """What a fresh process gets from load_model; the client library reads its addresses once, at import."""
        code = (
            "import json; from resonanz.errors import ConfigError; from resonanz.sentiment import load_model\n"
            f"try: model = load_model('someone/sentiment', {revision!r})\n"
            "except ConfigError as error: print(json.dumps({'error': str(error)}))\n"
            "else: print(json.dumps({'id': model.model_id, 'revision': model.revision,"
            f" 'languages': sorted(model.languages), 'p': model.predict({_SENTENCES!r}).tolist()}}))"
        )
        environment = {
            **os.environ,
            "HF_ENDPOINT": f"http://127.0.0.1:{self.server.server_address[1]}",
            "HF_HUB_OFFLINE": "0" if online else "1",
            "HF_HOME": str(cache),
        }
        done = subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=REPOSITORY, env=environment
        )
        return dict(json.loads(done.stdout.splitlines()[-1]))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            files: dict[str, bytes] = self.server.files  # type: ignore[attr-defined]
            path = self.path.split("?")[0]
            if path in ("/api/models/someone/sentiment", f"/api/models/someone/sentiment/revision/{COMMIT}"):
                siblings = [{"rfilename": name} for name in files]
                self._answer(json.dumps({"id": "someone/sentiment", "sha": COMMIT, "siblings": siblings}).encode())
            elif path.startswith(f"/api/models/someone/sentiment/tree/{COMMIT}"):
                entries = [{"type": "file", "path": n, "size": len(c), "oid": "0" * 40} for n, c in files.items()]
                self._answer(json.dumps(entries).encode())
            elif (name := path.removeprefix(f"/someone/sentiment/resolve/{COMMIT}/")) in files:
                self._answer(files[name])
            else:
                self.send_response(404)
                self.send_header("X-Error-Code", "EntryNotFound" if COMMIT in path else "RevisionNotFound")
                self.send_header("Content-Length", "0")
                self.end_headers()

        do_HEAD = do_GET

        def _answer(self, content: bytes) -> None:
            self.send_response(200)
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("ETag", f'"{abs(hash(content)):040x}"')
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass


def _files(**renamed: str) -> dict[str, bytes]:
    names = ("config.json", "tokenizer.json", "tokenizer_config.json")
    return {name: (SHIPPED / name).read_bytes() for name in names} | {
        target: (SHIPPED / "model.onnx").read_bytes() for target in renamed.values()
    }


def test_a_hub_model_is_fetched_once(model: SentimentModel, hub: _Hub, tmp_path: Path) -> None:
    hub.serve(_files(weights="onnx/model.onnx") | {"pytorch_model.bin": b"never fetched"})
    first = hub.load(tmp_path)
    assert first["id"] == "someone/sentiment"
    assert first["revision"] == COMMIT
    assert first["languages"] == ["de", "en"]
    assert first["p"] == model.predict(_SENTENCES).tolist()
    assert not list(tmp_path.rglob("pytorch_model.bin"))
    assert hub.load(tmp_path, online=False) == first


def test_a_hub_model_with_pickled_weights_only(hub: _Hub, tmp_path: Path) -> None:
    hub.serve(_files(weights="pytorch_model.bin"))
    assert "refused" in str(hub.load(tmp_path)["error"])
    assert not list(tmp_path.rglob("pytorch_model.bin"))


def test_a_hub_that_is_out_of_reach(hub: _Hub, tmp_path: Path) -> None:
    assert "can't be reached" in str(hub.load(tmp_path, online=False)["error"])


def test_a_commit_the_hub_does_not_have(hub: _Hub, tmp_path: Path) -> None:
    hub.serve(_files(weights="model.onnx"))
    assert "no such model or commit" in str(hub.load(tmp_path, revision="f" * 40)["error"])


@pytest.mark.skipif(not LABELLED.exists(), reason="the labelled texts (../shared/data/sentiment) are not here")
def test_the_card_tells_the_truth_about_english(model: SentimentModel) -> None:
    with LABELLED.open(encoding="utf-8", newline="") as handle:
        rows = [r for r in csv.DictReader(handle) if r["split"] == "validation" and r["language"] == "en"]
    guesses = model.predict([row["text"] for row in rows]).argmax(axis=1)
    scores = []
    for number, label in enumerate(LABELS):
        truth = np.array([row["label"] == label for row in rows])
        hits = int((truth & (guesses == number)).sum())
        scores.append(2 * hits / (truth.sum() + (guesses == number).sum()))
    claimed = json.loads((SHIPPED / "figures.json").read_text())["en"]["macro_f1"]
    assert np.mean(scores) == pytest.approx(claimed, abs=0.01)  # another processor may round a tie elsewhere
    assert np.mean(scores) >= 0.70


_SENTENCES = [
    "Die Waschmaschine läuft wieder, danke an den Techniker!",
    "Seit drei Wochen warte ich auf eine Antwort. Unfassbar.",
    "Gibt es das Modell auch in Schwarz?",
    "My dishwasher leaks again and nobody answers the phone",
    "Just got the new oven and it is wonderful 😍😍",
    "Where can I buy the filter?",
    "ok",
    "Na toll, wieder kaputt 🙄 @user http",
]
