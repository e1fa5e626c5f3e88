"""What a deleted message said is nowhere any more, and everything else is where it was."""

import json
import shutil
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from batches import OBSERVED, land, message
from remains import remaining
from test_load import counts, land_judged, query

from resonanz.compact import compact
from resonanz.guard import admit
from resonanz.lake import Batch, Lake
from resonanz.landing import SCHEMA, Message
from resonanz.load import load_pending
from resonanz.redact import Redacted, redact
from resonanz.redacting.payloads import without
from resonanz.warehouse import open_warehouse

HOUR = timedelta(hours=1)
SECRET = "XYZZY Trommel klemmt"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "var")


def said(number: int = 1, **changes: Any) -> Message:
    """A message that says the secret, in its payload and its address, too."""
    words = {"text": SECRET, "url": f"https://social.example/{number}?q=XYZZY#XYZZY", "author_name": "XYZZY AG"}
    return message(number, **{**words, "payload": {"id": number, "content": f"<p>{SECRET}</p>"}, **changes})


def deletion(number: int = 1, **changes: Any) -> Message:
    """The news that it is gone, as a platform file lands it."""
    gone = {"text": None, "metrics": {}, "is_deleted": True, "payload": {"id": f"native-{number}", "deleted": True}}
    return message(number, **{**gone, **changes})


def see(lake: Lake, hour: int, *content: Message, platform: str = "mastodon", **where: Any) -> Batch:
    """A judged batch observed so many hours after the first."""
    names = {"load_id": f"{1_748_779_200 + 3600 * hour}.0", "observed_at": OBSERVED + hour * HOUR}
    return land_judged(lake, list(content), platform=platform, **{**names, **where})


def run(lake: Lake) -> Redacted:
    """What a run does before and after dbt."""
    load_pending(lake)
    done = redact(lake)
    compact(lake)
    return done


def rows(batch: Batch) -> list[dict[str, Any]]:
    return [row for file in batch.files for row in pq.read_table(file).to_pylist()]


def test_a_deleted_messages_words_are_nowhere_and_the_rest_is_as_it_was(lake: Lake) -> None:
    first = see(lake, 0, said(1), message(2), message(3), files=2)
    see(lake, 1, said(1, text=f"{SECRET} (Edit)", metrics={"reactions": 9}), message(2, text="edited"))
    load_pending(lake)
    assert remaining(lake, "XYZZY")
    before = {row["row_number"]: row for row in rows(first)}
    raw = query(lake, "select * from raw.mastodon where native_id <> 'native-1' order by all")
    see(lake, 2, deletion(1))
    assert run(lake) == Redacted(messages=1, sightings=2, batches=2)
    assert remaining(lake, "XYZZY") == []
    after = {row["row_number"]: row for row in rows(first)}
    assert {number: row for number, row in after.items() if number > 1} == {2: before[2], 3: before[3]}
    changed = {name for name in SCHEMA.names if after[1][name] != before[1][name]}
    assert changed == {"text", "author_name", "url", "payload"}
    assert after[1]["url"] == "https://social.example/1"
    assert json.loads(after[1]["payload"]).keys() == {"redacted", "version"}
    assert query(lake, "select * from raw.mastodon where native_id <> 'native-1' order by all") == raw
    assert query(lake, "select messages, sightings, batches from ops.redactions") == [(1, 2, 2)]
    assert [list(pq.read_schema(file).names) for file in first.files] == [SCHEMA.names] * 2


def test_a_second_run_changes_nothing(lake: Lake) -> None:
    batch = see(lake, 0, said(1), message(2))
    see(lake, 1, deletion(1))
    run(lake)
    before = batch.files[0].stat(), lake.warehouse.stat().st_ino, query(lake, "from raw.mastodon")
    assert run(lake) == Redacted(0, 0, 0)
    assert (batch.files[0].stat(), lake.warehouse.stat().st_ino, query(lake, "from raw.mastodon")) == before


def test_files_without_the_message_are_left_alone(lake: Lake) -> None:
    other = see(lake, 0, *(message(number) for number in range(2, 50)))
    see(lake, 1, said(1))
    stamp = other.files[0].stat()
    see(lake, 2, deletion(1))
    assert run(lake).batches == 1
    assert other.files[0].stat() == stamp


def test_sightings_that_are_not_in_raw_are_found(lake: Lake) -> None:
    """Duplicates, rows in quarantine and batches that were refused as a whole lie in files only."""
    see(lake, 0, said(1), said(1))
    see(lake, 1, said(1), message(5), bad=(1,))
    tweets = [said(1, kind="tweet"), *(message(number, kind="tweet") for number in range(6, 60))]
    refused = land(lake, tweets, load_id="1748786400.0")
    assert admit(lake, refused, "mastodon").status == "refused"
    see(lake, 3, deletion(1))
    assert run(lake) == Redacted(messages=1, sightings=6, batches=3)  # two of them twice: landing and quarantine
    assert remaining(lake, "XYZZY") == []


def test_what_is_loaded_after_the_deletion_but_was_seen_before_it_goes_too(lake: Lake) -> None:
    see(lake, 0, message(2))
    see(lake, 5, deletion(1))
    run(lake)
    see(lake, 3, said(1))
    see(lake, 4, said(1), bad=(1,))
    assert run(lake).sightings == 3
    assert remaining(lake, "XYZZY") == []


def test_the_ledger_balances_and_raw_made_anew_from_landing_is_the_same(lake: Lake) -> None:
    see(lake, 0, said(1, metrics={}), said(1, metrics={}), message(2))
    see(lake, 1, said(1, text=f"{SECRET}!"), message(2))
    see(lake, 2, said(1, text=f"{SECRET}!"), said(3, native_id="native-9"), bad=(2,))
    see(lake, 3, deletion(1), deletion(2))
    see(lake, 4, deletion(1))
    run(lake)
    ledger = "select * exclude (started_at, finished_at) from ops.load_ledger order by all"
    raw = f"select {', '.join(SCHEMA.names)}, source, stream, load_id, row_hash from raw.mastodon order by all"
    before = query(lake, ledger), query(lake, raw)
    lake.warehouse.unlink()
    for row in load_pending(lake):
        counts(row)
    redact(lake)
    assert (query(lake, ledger), query(lake, raw)) == before
    admitted = {batch: lake.admission(batch).read_bytes() for batch in lake.batches()}
    for batch in admitted:
        lake.admission(batch).unlink()
        assert admit(lake, batch, "mastodon").status == "admitted"  # what is left still passes the guard


def test_a_message_that_is_seen_again_lives_and_what_it_said_before_stays_gone(lake: Lake) -> None:
    see(lake, 0, said(1))
    see(lake, 1, deletion(1))
    see(lake, 2, message(1, text="Wieder da."))
    run(lake)
    assert remaining(lake, "XYZZY") == []
    assert query(lake, "select text from raw.mastodon order by observed_at") == [(None,), (None,), ("Wieder da.",)]


def test_a_message_that_comes_back_as_it_was_is_a_version(lake: Lake) -> None:
    see(lake, 0, message(1))
    see(lake, 1, deletion(1))
    run(lake)
    see(lake, 2, message(1))
    (row,) = load_pending(lake)
    assert counts(row) == ("loaded", 1, 0, 0, 1)
    assert redact(lake) == Redacted(0, 0, 0)
    again = see(lake, 3, message(1))
    assert counts(load_pending(lake)[0]) == ("loaded", 1, 1, 0, 0)
    assert rows(again)[0]["text"]
    see(lake, 4, deletion(1))
    assert run(lake) == Redacted(messages=1, sightings=2, batches=2)


def test_a_file_cannot_bring_a_deleted_message_back(lake: Lake) -> None:
    see(lake, 0, said(1))
    see(lake, 1, deletion(1))
    run(lake)
    for hour in (2, 3):
        export = {"source": "export", "platform": "archive"}
        see(lake, hour, said(1, url=None), message(7), **export)
        (row,) = load_pending(lake)
        assert counts(row) == ("loaded", 2, 1 if hour == 2 else 2, 0, 1 if hour == 2 else 0)
        assert redact(lake).sightings == 1
    assert remaining(lake, "XYZZY") == []
    see(lake, 4, said(1, url=None))  # the platform itself can, with the very same words
    load_pending(lake)
    assert redact(lake) == Redacted(0, 0, 0)
    assert query(lake, "select text from raw.mastodon where not is_deleted and text is not null") == [(SECRET,)]


def test_an_export_that_was_read_before_the_deletion_was_known_gives_way_to_it(lake: Lake) -> None:
    see(lake, 2, said(1), source="export", platform="archive")
    see(lake, 3, message(1, text="unrelated"), source="export", platform="archive", stream="other")
    load_pending(lake)
    see(lake, 1, deletion(1))
    run(lake)
    assert remaining(lake, "XYZZY") == remaining(lake, "unrelated") == []


def test_a_deletion_that_an_export_tells_of_says_nothing_else(lake: Lake) -> None:
    """The record may hold the text although the message is marked as deleted."""
    for hour in (0, 1):
        see(lake, hour, said(1, is_deleted=True), source="export", platform="archive")
    (first, second) = load_pending(lake)
    assert (counts(first), counts(second)) == (("loaded", 1, 0, 0, 1), ("loaded", 1, 1, 0, 0))
    redact(lake)
    compact(lake)
    assert remaining(lake, "XYZZY") == []


def test_an_unknown_message_that_was_deleted_does_no_harm(lake: Lake) -> None:
    batch = see(lake, 0, message(2))
    before = batch.files[0].read_bytes()
    see(lake, 1, deletion(77))
    assert run(lake) == Redacted(0, 0, 0)
    assert batch.files[0].read_bytes() == before
    assert query(lake, "select count(*) from ops.redactions") == [(0,)]
    assert query(lake, "select count(*) from redaction.due") == [(0,)]


def test_deletions_that_an_older_warehouse_knows_of_are_made_up_for(lake: Lake) -> None:
    see(lake, 0, said(1))
    see(lake, 1, deletion(1))
    load_pending(lake)
    with open_warehouse(lake) as warehouse:
        warehouse.execute("drop schema redaction cascade")
    assert run(lake).messages == 1
    assert remaining(lake, "XYZZY") == []


def test_the_same_words_of_another_stay_and_so_does_the_same_id_elsewhere(lake: Lake) -> None:
    see(lake, 0, said(1), said(2), said(1, platform="bluesky", native_id="native-1"))
    see(lake, 1, deletion(1))
    run(lake)
    found = query(lake, "select platform, native_id from raw.mastodon where text is not null order by all")
    assert found == [("bluesky", "native-1"), ("mastodon", "native-2")]
    assert json.loads(query(lake, "select payload from raw.mastodon where native_id = 'native-2'")[0][0])["content"]


def test_what_others_carry_of_it_goes_and_their_own_words_stay(lake: Lake) -> None:
    quoted = {"id": "native-1", "content": f"<p>{SECRET}</p>", "account": {"acct": "XYZZY"}}
    post = message(2, text="Seht mal", payload={"id": "native-2", "quote": {"quoted_status": quoted}, "note": "bleibt"})
    answer = message(3, parent_native_id="native-1", payload={"id": "native-3", "in_reply_to_id": "native-1"})
    review = message(4, payload={"name": "native-4", "reviewReply": {"comment": SECRET}})
    reply = said(1, parent_native_id="native-4", kind="reply")
    see(lake, 0, reply, post, answer, review)
    see(lake, 1, deletion(1))
    assert run(lake).sightings == 3
    assert remaining(lake, "XYZZY") == []
    payloads = {
        name: json.loads(payload)
        for name, payload in query(lake, "select native_id, payload from raw.mastodon where not is_deleted")
    }
    assert payloads["native-2"]["quote"] == {"quoted_status": {"id": "native-1", "redacted": True}}
    assert payloads["native-2"]["note"] == "bleibt"
    assert payloads["native-3"] == {"id": "native-3", "in_reply_to_id": "native-1"}
    assert payloads["native-4"] == {"name": "native-4", "reviewReply": {"comment": ""}}


def test_a_row_that_could_not_be_parsed_is_known_by_its_payload(lake: Lake) -> None:
    broken = Message(platform="mastodon", payload={"id": "native-1", "content": SECRET}, parse_error="no account")
    see(lake, 0, broken, message(2), bad=(1,))
    see(lake, 1, deletion(1))
    assert run(lake).sightings == 2
    assert remaining(lake, "XYZZY") == []


def test_scores_of_texts_that_nobody_says_any_more_go(lake: Lake) -> None:
    see(lake, 0, said(1), message(2), message(3, text="Danke!"), message(4, text="Danke!"))
    load_pending(lake)
    with open_warehouse(lake) as warehouse:
        warehouse.execute(
            "insert into enrichment.sentiment (text_hash, model_id, model_revision) "
            "select distinct sha256(text), 'tiny', '1' from raw.mastodon"
        )
    see(lake, 1, deletion(1), deletion(3))
    run(lake)
    left = "select count(*) from enrichment.sentiment where text_hash in (select sha256(text) from raw.mastodon)"
    assert query(lake, left) == query(lake, "select count(*) from enrichment.sentiment") == [(2,)]


@pytest.mark.parametrize(("payload", "left"), [
    ('{"id": 1, "a": {"ID": "x", "t": "weg"}}', {"id": 1, "a": {"ID": "x", "redacted": True}}),
    ('[{"parent_id": "x", "t": "bleibt"}]', None),
    ('{"uri": "x", "kind": "k", "t": "weg"}', {"uri": "x", "kind": "k", "redacted": True}),
    ('{"t": "ein langer Satz, weg"}', {"t": ""}),
    ("no json", None),
])  # fmt: skip
def test_payloads_without_a_message(payload: str, left: Any) -> None:
    cleared = without(payload, {"x"}, ["ein langer Satz", "kurz"])
    assert (cleared and json.loads(cleared)) == left
    assert without('{"t": "ein langer Satz, weg"}', {"x"}, ["ein langer Satz"], own="ein langer Satz, weg") is None


# ── Killed ────────────────────────────────────────────────────────────────────────────────────────────────────

_KILLED = """
import os, sys
from pathlib import Path
from resonanz.lake import Lake
import resonanz.{module} as module
kill_at, calls = int(sys.argv[2]), 0

def counting(event, arguments):
    global calls
    if event in ("os.rename", "os.remove", "open") and str(arguments[0]).startswith(sys.argv[1]):
        calls += 1
        if calls == kill_at:
            os.kill(os.getpid(), 9)

lake = Lake(Path(sys.argv[1]))
sys.addaudithook(counting)
module.{module}(lake)
"""


@pytest.mark.parametrize("module", ["redact", "compact"])
def test_killed_at_any_step_and_run_again_nothing_remains(tmp_path: Path, module: str) -> None:
    prepared = Lake(tmp_path / "prepared")
    for hour in range(3):
        see(prepared, hour, said(1), said(2, text=f"{SECRET} {hour}"), message(3), bad=(1,) if hour == 1 else ())
    see(prepared, 4, deletion(1), deletion(2))
    load_pending(prepared)
    if module == "compact":
        redact(prepared)
    ended = step = 0
    while not ended and (step := step + 1) < 200:
        home = tmp_path / f"{module}-{step}"
        shutil.copytree(prepared.home, home)
        script = _KILLED.format(module=module)
        done = subprocess.run([sys.executable, "-c", script, home, str(step)], check=False, capture_output=True)
        assert done.returncode in (0, -signal.SIGKILL), done.stderr
        ended = done.returncode == 0
        lake = Lake(home)
        assert load_pending(lake) == []
        redact(lake)
        compact(lake)
        assert remaining(lake, "XYZZY") == []
        assert query(lake, "select count(*), max(messages) from ops.redactions") == [(1, 2)]
        shutil.rmtree(home)
    assert step > 3
