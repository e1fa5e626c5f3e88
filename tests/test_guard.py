"""Guard on landed batches: every expectation catches its planted fault, and no row is lost on the way."""

import json
import socket
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from batches import LOAD_ID, OBSERVED, land, mark, message, rows

from resonanz.errors import ConfigError, StageError
from resonanz.guard import admit, admit_pending
from resonanz.guarding import judge
from resonanz.guarding.expectations import FOLDER, read_suite
from resonanz.guarding.verdict import Verdict
from resonanz.guarding.words import verdict_in_words
from resonanz.lake import Lake, read_json
from resonanz.landing import LATER, METRICS, SCHEMA

# expectation -> (what is planted in a landed row, words that its reason must hold)
FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "row_could_be_parsed": ({"parse_error": "line 7: 3 fields, expected 4", "kind": None}, "line 7: 3 fields"),
    "observed_at_is_present": ({"observed_at": None}, "observed_at is missing"),
    "native_id_is_present": ({"native_id": "  "}, "native_id is missing"),
    "native_id_is_short": ({"native_id": "x" * 1_001}, "longer than 1,000 characters"),
    "platform_is_a_name": ({"platform": "a:b"}, 'platform is "a:b"'),
    "kind_is_known": ({"kind": "tweet"}, 'kind is "tweet"'),
    "account_row_is_one": ({"kind": "account"}, 'its native_id is "native-7"'),
    "payload_is_json": ({"payload": "{not json"}, "not JSON"),
    "message_says_something": ({"text": " \n", "metrics": None}, "says nothing and measures nothing"),
    "text_is_short_enough": ({"text": "x" * 100_001}, "text has 100,001 characters"),
    "created_at_is_not_backdated": ({"created_at": datetime(1912, 4, 14, tzinfo=UTC)}, "1912-04-14 00:00 UTC"),
    "created_at_is_not_in_the_future": ({"created_at": OBSERVED + timedelta(days=2)}, "2025-06-03 12:00 UTC"),
    "created_at_and_precision_agree": ({"created_at": None}, 'created_at is missing with precision "second"'),
    "metrics_are_counts": ({"metrics": '{"reactions": -1}'}, "must be a number that is not negative"),
    "unavailable_metrics_have_reasons": ({"unavailable_metrics": '{"views": ""}'}, "must have its reason in words"),
    "rating_is_within_its_scale": ({"rating": 11.0}, "rating is 11.0"),
    "flags_are_set": ({"is_deleted": None}, "is missing"),
    "private_authors_have_no_name": ({"author_name": "Erika Mustermann"}, "author_name is readable"),
    "private_authors_are_keyed": ({"author_key": "@erika"}, "not a keyed hash"),
    "message_is_not_its_own_parent": ({"parent_native_id": "native-1"}, "its own parent"),
}
ACCOUNT: dict[str, Any] = {
    "kind": "account",
    "native_id": "account/7",
    "account": "Nordwerk",
    "is_company": True,
    "author_key": None,
    "text": None,
    "created_at": None,
    "created_at_precision": "unknown",
}
MORE_FAULTS = [
    ("account_row_is_one", ACCOUNT | {"account": " "}),
    ("account_row_is_one", ACCOUNT | {"text": "We are hiring"}),
    ("account_row_is_one", ACCOUNT | {"is_company": False}),
    ("account_row_is_one", ACCOUNT | {"is_deleted": True}),
    ("account_row_is_one", ACCOUNT | {"created_at": OBSERVED, "created_at_precision": "second"}),
    ("message_says_something", ACCOUNT | {"metrics": None}),
    ("unavailable_metrics_have_reasons", {"unavailable_metrics": '{"views": null}'}),
    ("unavailable_metrics_have_reasons", {"unavailable_metrics": '["views"]'}),
    ("unavailable_metrics_have_reasons", {"unavailable_metrics": "retired"}),
    ("native_id_is_present", {"native_id": None}),
    ("platform_is_a_name", {"platform": None}),
    ("platform_is_a_name", {"platform": "Facebook"}),
    ("kind_is_known", {"kind": None}),
    ("payload_is_json", {"payload": None}),
    ("payload_is_json", {"payload": "null"}),
    ("message_says_something", {"text": None, "metrics": "{}"}),
    ("text_is_short_enough", {"text": "ä" * 10_000_000}),
    ("created_at_is_not_backdated", {"created_at": datetime(2003, 12, 31, 23, 59, 59, tzinfo=UTC)}),
    ("created_at_and_precision_agree", {"created_at_precision": "unknown"}),
    ("created_at_and_precision_agree", {"created_at_precision": "hour"}),
    ("created_at_and_precision_agree", {"created_at_precision": None}),
    ("metrics_are_counts", {"metrics": "three likes"}),
    ("metrics_are_counts", {"metrics": "[3]"}),
    ("metrics_are_counts", {"metrics": '{"reactions": "3"}'}),
    ("metrics_are_counts", {"metrics": '{"reactions": NaN}'}),
    ("metrics_are_counts", {"metrics": '{"views": 1, "reactions": null}'}),
    ("rating_is_within_its_scale", {"rating": -0.5}),
    ("rating_is_within_its_scale", {"rating": float("nan")}),
    ("flags_are_set", {"is_company": None}),
    ("flags_are_set", {"text_is_repaired": None}),
]
ODD_BUT_GOOD: list[dict[str, Any]] = [
    {"text": None},  # a picture with reactions
    {"text": None, "metrics": None, "rating": 4.5, "kind": "review"},
    {"text": None, "metrics": None, "is_deleted": True, "kind": None},
    {"text": "x" * 100_000},
    {"text": "NUL \x00 inside, and \u202eturned round"},
    {"metrics": None},
    {"created_at": None, "created_at_precision": "unknown"},
    {"created_at": OBSERVED + timedelta(hours=23)},
    {"author_key": None},
    {"author_key": None, "author_name": "Nordwerk Service", "is_company": True},
    {"author_key": "nordwerk", "author_name": "Nordwerk", "is_company": True},
    {"native_id": "at://did:plc:x/app.bsky.feed.post/3k", "platform": "bluesky"},
    {"platform": "google+", "url": None},
    {"rating": 0.0, "kind": "review"},
    {"text": None, "metrics": None, "unavailable_metrics": '{"views": "not permitted: needs read_insights"}'},
    ACCOUNT,
    ACCOUNT | {"metrics": None, "unavailable_metrics": '{"followers": "retired on 2025-11-15"}'},
    ACCOUNT
    | {"native_id": "account/7/2025-05-30", "created_at": datetime(2025, 5, 30, tzinfo=UTC)}
    | {"created_at_precision": "day"},
]
GOOD_ROWS = 60


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "var")


def planted(*faults: dict[str, Any]) -> list[dict[str, Any]]:
    """Landed rows: the faults first (row numbers from 1), then good ones."""
    landed = rows(message(number) for number in range(1, len(faults) + GOOD_ROWS + 1))
    for number, fault in enumerate(faults):
        landed[number] |= fault
    return landed


def quarantined(lake: Lake, verdict: Verdict) -> list[dict[str, Any]]:
    path = lake.quarantine(verdict.batch)
    return pq.read_table(path).to_pylist() if path.exists() else []


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Verdict, dict[int, dict[str, Any]]]:
    """One batch with every fault, one row each, and its quarantine by row number."""
    lake = Lake(tmp_path_factory.mktemp("judged"))
    faults = [fault for fault, _ in FAULTS.values()] + [fault for _, fault in MORE_FAULTS]
    faults[list(FAULTS).index("message_is_not_its_own_parent")] = {
        "parent_native_id": f"native-{list(FAULTS).index('message_is_not_its_own_parent') + 1}"
    }
    verdict = admit(lake, land(lake, planted(*faults, *ODD_BUT_GOOD)), "archive")
    return verdict, {row["row_number"]: row for row in quarantined(lake, verdict)}


@pytest.mark.parametrize("expectation", FAULTS)
def test_each_expectation_catches_its_fault(expectation: str, judged: Any) -> None:
    row = judged[1][list(FAULTS).index(expectation) + 1]
    assert row["expectation"] == expectation
    assert FAULTS[expectation][1] in row["reason"]


@pytest.mark.parametrize("number", range(len(MORE_FAULTS)))
def test_further_forms_of_a_fault_are_caught(number: int, judged: Any) -> None:
    row = judged[1][len(FAULTS) + number + 1]
    assert row["expectation"] == MORE_FAULTS[number][0]


def test_only_the_bad_rows_are_held_back(judged: Any) -> None:
    verdict, held = judged
    bad = len(FAULTS) + len(MORE_FAULTS)
    assert verdict.status == "admitted"
    assert sorted(held) == list(range(1, bad + 1))
    assert (verdict.extracted, verdict.quarantined) == (bad + len(ODD_BUT_GOOD) + GOOD_ROWS, bad)


def test_every_critical_row_expectation_has_a_planted_fault() -> None:
    suite = read_suite(FOLDER / "landed_messages.yml")
    assert set(FAULTS) == {e.id for e in suite.expectations if e.meta.scope == "row" and e.severity == "critical"}


def test_a_row_in_quarantine_is_as_it_came(lake: Lake) -> None:
    landed = planted({"created_at": datetime(1912, 4, 14, tzinfo=UTC), "kind": "tweet", "text": "Seit 1912 für Sie da"})
    verdict = admit(lake, land(lake, landed), "archive")
    (row,) = quarantined(lake, verdict)
    assert {name: row[name] for name in SCHEMA.names} == landed[0]
    assert row["expectation"] == "kind_is_known; created_at_is_not_backdated"
    assert row["reason"].startswith('kind is "tweet"; it must be')
    assert "; created_at is 1912-04-14 00:00 UTC, before" in row["reason"]


def test_reasons_show_values_in_one_short_line(lake: Lake) -> None:
    verdict = admit(lake, land(lake, planted({"kind": "a\nb\x1b[31m " + "long " * 50})), "archive")
    (row,) = quarantined(lake, verdict)
    assert "\n" not in row["reason"]
    assert "\x1b" not in row["reason"]
    assert len(row["reason"]) < 200


def test_no_bad_row_is_lost_among_thousands(lake: Lake) -> None:
    """Great Expectations lists 20 or 200 bad rows, however many there are; by column and by query alike."""
    landed = rows(message(number) for number in range(1, 12_001))
    for row in landed[:5_000]:
        row["rating"] = 99.0
    for row in landed[500:5_500]:
        row["kind"] = "tweet"
    verdict = admit(lake, land(lake, landed, files=3), "archive")
    held = quarantined(lake, verdict)
    assert verdict.status == "admitted"
    assert [row["row_number"] for row in held] == list(range(1, 5_501))
    assert {f.expectation: f.count for f in verdict.findings} == {
        "rating_is_within_its_scale": 5_000,
        "kind_is_known": 5_000,
    }
    assert sum(";" in row["expectation"] for row in held) == 4_500


def test_a_warning_is_told_and_lets_the_row_in(lake: Lake) -> None:
    odd: list[dict[str, Any]] = [
        {"text_is_repaired": True},
        {"url": "javascript:alert(1)"},
        {
            "metrics": '{"reactions": 1, "plays": 2}',
            "unavailable_metrics": '{"reach": "retired", "dislikes": "private"}',
        },
    ]
    verdict = admit(lake, land(lake, planted(*odd)), "archive")
    assert (verdict.status, verdict.quarantined) == ("admitted", 0)
    assert {(f.expectation, f.severity, f.count) for f in verdict.findings} == {
        ("text_is_whole", "warning", 1),
        ("url_is_a_web_address", "warning", 1),
        ("metrics_have_their_names", "warning", 1),
    }
    assert "other names than ours: ['plays', 'dislikes']" in verdict_in_words(verdict)
    assert "let in with a warning" in verdict_in_words(verdict)
    assert not lake.quarantine(verdict.batch).exists()


def test_every_metric_has_the_name_that_the_suite_knows(lake: Lake) -> None:
    each: list[dict[str, Any]] = [{"metrics": json.dumps({name: 1})} for name in sorted(METRICS)]
    assert admit(lake, land(lake, planted(*each)), "archive").findings == ()


def test_a_batch_that_landed_before_a_column_came_is_judged_as_if_it_were_empty(lake: Lake) -> None:
    table = pa.Table.from_pylist(planted({"kind": "tweet"}), schema=SCHEMA).drop_columns(list(LATER))
    verdict = admit(lake, land(lake, table, files=2), "archive")
    assert (verdict.status, verdict.extracted, verdict.quarantined) == ("admitted", GOOD_ROWS + 1, 1)
    assert {row[name] for row in quarantined(lake, verdict) for name in LATER} == {None}


def test_the_verdict_file_says_what_the_load_needs(lake: Lake) -> None:
    verdict = admit(lake, land(lake, planted({"kind": "tweet"})), "archive")
    written = read_json(lake.admission(verdict.batch)) or {}
    assert written.pop("findings")
    assert datetime.fromisoformat(written.pop("judged_at")) <= datetime.now(UTC)
    assert written == {
        "load_id": LOAD_ID,
        "source": "shop",
        "stream": "messages",
        "platform": "archive",
        "status": "admitted",
        "extracted": GOOD_ROWS + 1,
        "quarantined": 1,
        "reason": None,
        "started_at": "2025-06-01T12:00:00.250000+00:00",
    }


# ── Batches that are refused as a whole ───────────────────────────────────────────────────────────────────────


def refused(lake: Lake, verdict: Verdict, *, rows: int) -> str:
    """The reason; all rows must be in quarantine with it."""
    held = quarantined(lake, verdict)
    assert verdict.status == "refused"
    assert verdict.reason
    assert verdict.extracted == verdict.quarantined == len(held) == rows
    assert all(verdict.reason in row["reason"] for row in held)
    assert verdict.reason in verdict_in_words(verdict)
    return verdict.reason


def test_a_batch_without_rows_is_refused(lake: Lake) -> None:
    assert "no row" in refused(lake, admit(lake, land(lake, SCHEMA.empty_table()), "archive"), rows=0)


@pytest.mark.parametrize(("number", "words"), [(None, "1 rows have no row_number"), (5, "share their row_number")])
def test_a_batch_whose_rows_cannot_be_told_apart_is_refused(lake: Lake, number: int | None, words: str) -> None:
    verdict = admit(lake, land(lake, planted({"row_number": number})), "archive")
    assert words in refused(lake, verdict, rows=GOOD_ROWS + 1)


def test_a_batch_of_mostly_bad_rows_is_refused_with_the_most_frequent_reasons(lake: Lake) -> None:
    landed = rows(message(number) for number in range(1, 101))
    for row in landed[:60]:
        row["kind"] = "tweet"
    landed[0]["rating"] = 99.0
    verdict = admit(lake, land(lake, landed), "archive")
    reason = refused(lake, verdict, rows=100)
    assert reason.startswith("60 % of its 100 rows fail")
    assert '60× kind is "tweet"' in reason
    held = quarantined(lake, verdict)
    assert "rating is 99.0" in held[0]["reason"]
    assert held[99]["expectation"] == "most_rows_are_good"


@pytest.mark.parametrize(
    ("landed", "bad", "status"), [(100, 50, "admitted"), (19, 19, "admitted"), (20, 11, "refused")]
)
def test_where_the_bar_for_bad_rows_lies(lake: Lake, landed: int, bad: int, status: str) -> None:
    content = rows(message(number) for number in range(1, landed + 1))
    for row in content[:bad]:
        row["rating"] = 99.0
    assert admit(lake, land(lake, content), "archive").status == status


def test_a_missing_and_a_retyped_column_are_shown_side_by_side(lake: Lake) -> None:
    table = pa.Table.from_pylist(planted(), schema=SCHEMA).drop_columns(["url"])
    position = table.schema.get_field_index("rating")
    table = table.set_column(position, "rating", pa.array(["good"] * GOOD_ROWS))
    reason = refused(lake, admit(lake, land(lake, table), "archive"), rows=GOOD_ROWS)
    assert "url is missing, rating is string" in reason
    assert "Expected: row_number int64" in reason
    assert "Found: row_number int64" in reason


def test_files_of_one_batch_may_differ_and_still_no_row_is_lost(lake: Lake) -> None:
    batch = land(lake, planted())
    odd = pa.table({"row_number": ["one", "two"], "text": ["a", "b"]})
    pq.write_table(odd, batch.folder / "part-9.parquet")
    refused(lake, admit(lake, batch, "archive"), rows=GOOD_ROWS + 2)


def test_further_columns_and_another_order_do_no_harm(lake: Lake) -> None:
    table = pa.Table.from_pylist(planted({"kind": "tweet"}), schema=SCHEMA)
    table = table.select(sorted(table.column_names)).append_column("new", pa.array([1] * table.num_rows))
    assert admit(lake, land(lake, table), "archive").quarantined == 1


def test_a_truncated_file_is_refused_and_what_can_be_read_is_kept(lake: Lake) -> None:
    batch = land(lake, planted(), files=2)
    whole = batch.files[1].read_bytes()
    batch.files[1].write_bytes(whole[: len(whole) // 2])
    reason = refused(lake, admit(lake, batch, "archive"), rows=GOOD_ROWS // 2)
    assert str(batch.files[1]) in reason
    assert "cannot be read" in reason


def test_a_damaged_page_is_found_and_its_rows_are_counted(lake: Lake) -> None:
    """The footer is whole and the other columns too, so that only reading everything finds it."""
    batch = land(lake, planted())
    offset = pq.read_metadata(batch.files[0]).row_group(0).column(SCHEMA.get_field_index("declared_language"))
    content = bytearray(batch.files[0].read_bytes())
    start = offset.dictionary_page_offset or offset.data_page_offset
    content[start : start + 12] = b"\xff" * 12
    batch.files[0].write_bytes(content)
    reason = refused(lake, admit(lake, batch, "archive"), rows=GOOD_ROWS)
    assert "cannot be read" in reason


@pytest.mark.parametrize("content", [b"", b"no parquet at all"])
def test_a_file_that_is_no_parquet_is_refused(lake: Lake, content: bytes) -> None:
    batch = land(lake, planted())
    batch.files[0].write_bytes(content)
    assert str(batch.files[0]) in refused(lake, admit(lake, batch, "archive"), rows=0)


def test_a_batch_whose_files_are_gone_is_refused(lake: Lake) -> None:
    batch = land(lake, planted())
    batch.files[0].unlink()
    assert "no Parquet file" in refused(lake, admit(lake, batch, "archive"), rows=0)


# ── Which batches are judged, and when ────────────────────────────────────────────────────────────────────────


def test_pending_batches_are_judged_once_oldest_first(lake: Lake) -> None:
    for load_id in ("1748779300.5", "1748779200.25"):
        land(lake, planted(), load_id=load_id)
    land(lake, planted(), source="other")
    cut_off = lake.batch("shop", "messages", "1748779400.0")
    land(lake, planted(), load_id=cut_off.load_id)
    (lake.landing / "shop" / "_dlt_loads" / f"shop__{cut_off.load_id}.jsonl").unlink()
    first = admit_pending(lake, "shop", "archive")
    assert [verdict.batch.load_id for verdict in first] == ["1748779200.25", "1748779300.5"]
    assert admit_pending(lake, "shop", "archive") == []
    mark(cut_off)
    assert [verdict.batch for verdict in admit_pending(lake, "shop", "archive")] == [cut_off]


def test_judging_again_gives_the_same_and_drops_what_is_no_longer_bad(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    batch = land(lake, planted({"rating": 42.0}))
    first, again = admit(lake, batch, "archive"), admit(lake, batch, "archive")
    assert (first.quarantined, first.findings) == (again.quarantined, again.findings)
    monkeypatch.setattr(judge, "FOLDER", changed_suites(tmp_path, max_value=50))
    assert admit(lake, batch, "archive").quarantined == 0
    assert not lake.quarantine(batch).exists()


def test_an_expectation_that_is_wrong_in_itself_decides_nothing(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    batch = land(lake, planted())
    monkeypatch.setattr(judge, "FOLDER", changed_suites(tmp_path, column="no_such_column"))
    with pytest.raises(StageError, match=r"rating_is_within_its_scale cannot be evaluated.*no_such_column"):
        admit_pending(lake, "shop", "archive")
    assert not lake.admission(batch).exists()
    monkeypatch.undo()
    assert [verdict.status for verdict in admit_pending(lake, "shop", "archive")] == ["admitted"]


def changed_suites(folder: Path, **arguments: Any) -> Path:
    """The suites, with other arguments of rating_is_within_its_scale."""
    for file in FOLDER.glob("*.yml"):
        document = yaml.safe_load(file.read_text())
        for entry in document["expectations"]:
            if entry["meta"]["id"] == "rating_is_within_its_scale":
                entry["kwargs"] |= arguments
        (folder / file.name).write_text(yaml.safe_dump(document))
    return folder


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"severity": "fatal"}, "expectations.0.severity"),
        ({"meta": {"id": "x", "scope": "row", "reason": "r", "why": "w"}}, "meta.key must name"),
        ({"type": "regex"}, "expectations.0.type"),
        ({"threshold": 3}, "expectations.0.threshold"),
    ],
)
def test_a_wrong_suite_is_named_with_its_field(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    entry = {
        "type": "expect_table_row_count_to_be_between",
        "kwargs": {"min_value": 1},
        "severity": "critical",
        "meta": {"id": "x", "scope": "batch", "reason": "r", "why": "w"},
    }
    file = tmp_path / "mine.yml"
    document = {"name": "mine", "meta": {"table": "t", "about": "a"}, "expectations": [entry | change]}
    file.write_text(yaml.safe_dump(document))
    with pytest.raises(ConfigError, match=words) as raised:
        read_suite(file)
    assert str(file) in str(raised.value)


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.yml")), ids=lambda file: file.stem)
def test_the_shipped_suites_can_be_read(file: Path) -> None:
    assert read_suite(file).expectations


# ── What the guard must not do ────────────────────────────────────────────────────────────────────────────────


def test_nothing_is_sent_anywhere_and_nothing_written_beside_the_lake(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(*address: Any) -> None:
        raise AssertionError(f"a connection to {address}")

    for call in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, call, refuse)
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setenv("HOME", str(here))
    monkeypatch.setattr(tempfile, "tempdir", str(here))
    batch = land(lake, planted({"kind": "tweet"}))
    before = {path: path.read_bytes() for path in lake.landing.rglob("*") if path.is_file()}
    admit(lake, batch, "archive")
    assert list(here.rglob("*")) == []
    assert {path.relative_to(lake.home).parts[0] for path in lake.home.rglob("*") if path.is_file()} == {
        "landing",
        "quarantine",
        "admission",
    }
    assert {path: path.read_bytes() for path in lake.landing.rglob("*") if path.is_file()} == before


def test_names_of_folders_are_not_taken_for_patterns_or_columns(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "we[i]rd * 'quoted'" / "platform=prod" / "var")
    verdict = admit(lake, land(lake, planted({"kind": "tweet"}), files=2), "archive")
    assert (verdict.extracted, verdict.quarantined) == (GOOD_ROWS + 1, 1)
    assert quarantined(lake, verdict)[0]["platform"] == "mastodon"


def test_a_batch_landed_by_dlt_is_admitted(lake: Lake) -> None:
    import dlt
    from dlt.destinations import filesystem

    from resonanz.landing import stream
    from resonanz.pipelines import LAYOUT

    lake.landing.mkdir(parents=True)
    pipeline = dlt.pipeline(
        pipeline_name="shop",
        pipelines_dir=str(lake.pipelines),
        destination=filesystem(bucket_url=lake.landing.as_uri(), layout=LAYOUT),
        dataset_name="shop",
    )
    resource = stream("messages", lambda state: (message(number) for number in range(5_000)))
    pipeline.run(dlt.source(lambda: [resource], name="shop")(), loader_file_format="parquet")
    (verdict,) = admit_pending(lake, "shop", "archive")
    assert (verdict.status, verdict.extracted, verdict.quarantined) == ("admitted", 5_000, 0)
    assert abs((verdict.started_at - datetime.now(UTC)).total_seconds()) < 300


def test_quarantine_opens_in_duckdb_with_times_in_utc(lake: Lake) -> None:
    verdict = admit(lake, land(lake, planted({"kind": "tweet"})), "archive")
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        found = connection.execute(
            f"select created_at::varchar, json(payload)->>'id' from '{lake.quarantine(verdict.batch)}'"
        ).fetchone()
    assert found == ("2025-05-01 08:30:00+00", "1")
