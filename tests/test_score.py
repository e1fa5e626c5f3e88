"""The stage `score` on a real warehouse, with the real model: shards, resumption, another model, what marts show."""

import json
import shutil
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from dbt_warehouse import COMPANY, START, create, load, message, opened

from resonanz.errors import ConfigError
from resonanz.lake import Lake
from resonanz.score import plan, score, take, waiting
from resonanz.scoring.progress import Progress
from resonanz.scoring.rate import NO_ANSWER, NOT_COVERED, NOTHING_TO_READ, UNSURE, rate
from resonanz.scoring.shards import TEXTS_PER_BATCH, open_shard
from resonanz.sentiment import identify, load_model
from resonanz.settings import SHIPPED_MODEL, Sentiment
from resonanz.transform import transform

REPOSITORY = Path(__file__).parents[1]
DAYS = 4
SHIPPED = Sentiment()


def rows() -> list[dict[str, Any]]:
    """A complaint, thanks and a question on each of four days, and what no model can say much of."""
    found = []
    for day in range(DAYS):
        at = day * 24 * 60
        found += [
            message(f"n{day}", f"Lavia 7 ist nach {day + 2} Tagen kaputt, unfassbar schlecht!", at),
            message(f"p{day}", f"Vielen Dank für die schnelle Lieferung, Nummer {day}, wunderbar!", at + 1),
            message(f"q{day}", f"Gibt es die Lavia {day + 5} auch in Schwarz?", at + 2),
            message(f"c{day}", f"Unser Angebot Nummer {day} von heute", at + 3, **COMPANY),
        ]
    return [
        *found,
        message("fr", "La livraison est arrivée avec trois semaines de retard, c'est vraiment dommage.", 0),
        message("url", "https://example.org/nur-ein-link", 1),
        message("gone", "Das hier wird bald gelöscht", 2),
        message("timeless", "Ein schönes Gerät", created_at=None, created_at_precision="unknown"),
    ]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A warehouse after `prepare`, with nothing scored."""
    lake = Lake(tmp_path_factory.mktemp("built"))
    create(lake, rows())
    transform(lake, "prepare")
    return lake


@pytest.fixture
def lake(built: Lake, tmp_path: Path) -> Lake:
    with opened(built) as warehouse:
        warehouse.execute("checkpoint")
    shutil.copy(built.warehouse, tmp_path)
    return Lake(tmp_path)


@pytest.fixture
def other(tmp_path: Path) -> Sentiment:
    """The shipped model with another temperature: another revision, and other numbers."""
    folder = Path(shutil.copytree(SHIPPED_MODEL, tmp_path / "model"))
    config = json.loads((folder / "config.json").read_text())
    config["resonanz"] |= {"name": "other", "temperature": 3.0}
    (folder / "config.json").write_text(json.dumps(config))
    return Sentiment(model=str(folder))


def query(lake: Lake, sql: str) -> list[tuple[Any, ...]]:
    with opened(lake, read_only=True) as warehouse:
        return warehouse.execute(sql).fetchall()


def run(lake: Lake, wanted: Sentiment) -> Any:
    for shard in plan(lake, wanted):
        score(lake, wanted, shard)
    return take(lake, wanted)


def scored_by(lake: Lake, wanted: Sentiment) -> set[str]:
    """Ids of the messages whose texts this model has scored."""
    found = query(
        lake,
        "select message_id from intermediate.int_messages join enrichment.sentiment using (text_hash) "
        f"where model_id = '{identify(wanted.model)[0]}'",
    )
    return {name.removeprefix("mastodon:") for (name,) in found}


def test_every_score_says_whose_it_is_and_why_there_is_none(lake: Lake) -> None:
    taken = run(lake, SHIPPED)
    assert taken.texts == len(rows())
    assert taken.waiting == 0
    model_id, revision = identify(str(SHIPPED_MODEL))
    origins = query(lake, "select distinct model_id, model_revision, scored_at is null from enrichment.sentiment")
    assert origins == [(model_id, revision, False)]
    assert query(lake, "select model_id, model_revision from enrichment.current_model") == [(model_id, revision)]
    reasons = query(
        lake,
        "select message_id, sentiment, is_abstained, abstain_reason, language from enrichment.sentiment "
        "join intermediate.int_messages using (text_hash) where message_id in ('mastodon:fr', 'mastodon:url') "
        "order by message_id",
    )
    assert reasons == [
        ("mastodon:fr", None, True, NOT_COVERED, "fr"),
        ("mastodon:url", None, True, NOTHING_TO_READ, None),
    ]
    labels = dict(query(lake, "select message_id, sentiment from enrichment.sentiment join intermediate.int_messages "
                              "using (text_hash) where message_id in ('mastodon:n1', 'mastodon:p1')"))  # fmt: skip
    assert labels == {"mastodon:n1": "negative", "mastodon:p1": "positive"}
    assert not lake.scoring.exists()
    assert plan(lake, SHIPPED) == []  # once a revision, whatever happens


def test_shards_hold_what_is_new_and_together_all_of_it(lake: Lake) -> None:
    names = plan(lake, Sentiment(texts_per_shard=7))
    tables = [pq.read_table(open_shard(lake, name).texts).to_pydict() for name in names]
    assert [len(table["text"]) for table in tables] == [7, 7, 6]
    newest_first = [text for table in tables for text in table["text"]]
    assert newest_first[0] == "Unser Angebot Nummer 3 von heute"
    assert newest_first[-1] == "Ein schönes Gerät"
    assert len(set(newest_first)) == len(rows())
    score(lake, SHIPPED, names[1])  # in whatever order, and not all
    assert take(lake, SHIPPED).texts == 7
    assert run(lake, SHIPPED).texts == len(rows()) - 7


def test_another_model_takes_over_day_by_day_and_marts_say_so(lake: Lake, other: Sentiment) -> None:
    run(lake, SHIPPED)
    transform(lake, "marts")
    before = query(lake, "select message_id, p_negative from core.fct_messages order by 1")
    shipped, revision = identify(str(SHIPPED_MODEL))
    own = f"{shipped}@{revision}"

    with opened(lake) as warehouse:
        load(warehouse, "2", [message("new", "Das Gerät ist wirklich schlecht", 5)])  # on the first day
    transform(lake, "prepare")
    bounded = other.model_copy(update={"rescore_per_run": 6})
    assert waiting(lake, bounded) == len(rows()) + 1
    taken = run(lake, bounded)
    assert (taken.texts, taken.waiting) == (7, len(rows()) - 6)
    assert scored_by(lake, other) == {"new", "c3", "q3", "p3", "n3", "c2", "q2"}
    transform(lake, "marts")
    shown = dict(query(lake, "select message_id, model_id from core.fct_messages"))
    new = {name for name, model in shown.items() if model == "other"}
    assert new == {"mastodon:new", "mastodon:n3", "mastodon:p3", "mastodon:q3", "mastodon:c3"}  # day 2 is not through
    after = dict(query(lake, "select message_id, p_negative from core.fct_messages"))
    assert all(after[name] == p for name, p in before if name not in new)
    assert after["mastodon:n3"] != dict(before)["mastodon:n3"]

    days = query(lake, "select day, bool_or(model_revisions > 1), list(distinct unnest_revisions) from "
                       "(select day, model_revisions, unnest(revisions) as unnest_revisions "
                       "from core.department_sentiment_daily) group by day order by day nulls first")  # fmt: skip
    first, others = START.date(), [START.date() + timedelta(days=number) for number in range(1, DAYS)]
    said = {day: (mixed, set(names)) for day, mixed, names in days}
    newer = f"other@{identify(other.model)[1]}"
    assert said[first] == (True, {own, newer})
    assert said[others[0]] == said[others[1]] == said[None] == (False, {own})
    assert said[others[2]] == (False, {newer})
    assert max(query(lake, "select model_revisions from core.department_summary"))[0] == 2

    assert run(lake, other).waiting == 0
    transform(lake, "marts")
    assert query(lake, "select distinct model_id from core.fct_messages where text is not null") == [("other",)]
    assert set(
        query(lake, "select model_revisions from core.department_sentiment_daily where abstained < messages")
    ) == {(1,)}
    assert run(lake, SHIPPED).texts == 1  # going back costs only what came in meanwhile
    transform(lake, "marts")
    assert query(lake, "select distinct model_id from core.fct_messages where text is not null") == [(shipped,)]


def test_what_a_killed_run_left_is_taken_in_and_what_was_deleted_is_not(lake: Lake) -> None:
    first, _, _ = plan(lake, Sentiment(texts_per_shard=7))
    score(lake, SHIPPED, first)
    kept = pq.read_table(open_shard(lake, first).scores(0)).to_pydict()
    gone = kept["text_hash"][0]
    with opened(lake) as warehouse:
        warehouse.execute(
            "update intermediate.int_messages set text = null, text_hash = null where text_hash = ?", [gone]
        )
    names = plan(lake, SHIPPED)
    assert [open_shard(lake, name).count() for name in names] == [len(rows()) - 7]
    found = query(lake, "select text_hash, scored_at from enrichment.sentiment")
    assert {key for key, _ in found} == set(kept["text_hash"]) - {gone}
    assert {at for _, at in found} == set(kept["scored_at"])


def test_a_killed_shard_goes_on_behind_its_finished_batches(tmp_path: Path) -> None:
    """Links need no model, so there can be many; the process is killed for good while it scores."""
    lake = Lake(tmp_path)
    texts = 10 * TEXTS_PER_BATCH + 5
    with opened(lake) as warehouse:
        warehouse.execute("create schema intermediate")
        warehouse.execute(
            "create table intermediate.int_messages as "
            "select 'm' || i as message_id, 'https://example.org/' || i as text, "
            f"sha256(text) as text_hash, timestamptz '2026-01-01 00:00:00+00' as created_at from range({texts}) as r(i)"
        )
    (name,) = plan(lake, Sentiment(texts_per_shard=texts))
    shard = open_shard(lake, name)
    code = (
        "from pathlib import Path; from resonanz.lake import Lake; from resonanz.score import score; "
        f"from resonanz.settings import Sentiment; score(Lake(Path({str(tmp_path)!r})), Sentiment(), {name!r})"
    )
    process = subprocess.Popen([sys.executable, "-c", code], cwd=REPOSITORY)
    deadline = time.monotonic() + 240
    while not shard.scores(1).exists() and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = {file: file.stat().st_mtime_ns for file in shard.folder.glob("scores-*.parquet")}
    assert 2 <= len(done) < 11
    assert score(lake, SHIPPED, name) == texts - TEXTS_PER_BATCH * len(done)
    assert {file: file.stat().st_mtime_ns for file in done} == done
    assert score(lake, SHIPPED, name) == 0
    assert take(lake, SHIPPED).texts == texts
    assert query(lake, "select count(*), count(distinct text_hash) from enrichment.sentiment") == [(texts, texts)]


def test_a_model_that_cannot_be_used_stops_before_anything_is_planned(lake: Lake, other: Sentiment) -> None:
    config = Path(other.model) / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"id2label": {"0": "POS", "1": "NEU", "2": "NEG"}}))
    with pytest.raises(ConfigError, match="'POS'"):
        plan(lake, other)
    assert not lake.scoring.exists()
    mapped = Sentiment(model=other.model, labels={"POS": "positive", "NEU": "neutral", "NEG": "negative"})
    assert plan(lake, mapped) == ["0001"]


def test_a_model_without_numbers_abstains() -> None:
    broken = load_model(str(SHIPPED_MODEL))
    network = broken._network
    object.__setattr__(broken, "_network", lambda inputs: network(inputs) * np.float32("nan"))
    (rating,) = rate(broken, ["Das ist sehr gut geworden"])
    assert (rating.sentiment, rating.p_negative, rating.confidence) == (None, None, None)
    assert (rating.is_abstained, rating.abstain_reason, rating.language) == (True, NO_ANSWER, "de")


def test_low_confidence_keeps_its_label_and_does_not_count() -> None:
    model = load_model(str(SHIPPED_MODEL))
    object.__setattr__(model, "threshold", 1.1)
    (rating,) = rate(model, ["Das ist sehr gut geworden"])
    assert rating.sentiment == "positive"
    assert (rating.is_abstained, rating.abstain_reason) == (True, UNSURE)


def test_progress_in_words() -> None:
    progress = Progress(4_000_000, skipped=1_000)
    progress._start -= 10
    assert progress.add(9_000).startswith("10,000 of 4,000,000 texts scored, 900 a second, 1 h 13 min")
    assert Progress(None).add(5).startswith("5 texts scored, ")
