"""The five public data sets through extraction, by the mapping in examples/: counts, texts, times and privacy.

What is expected is worked out here from the files by the csv module, not by the code under test.
"""

import csv
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from resonanz import settings
from resonanz.extract import extract

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "public-datasets.toml"
KEYED = re.compile(r"@([0-9a-f]{32})")
FIVE_HOURS = timedelta(hours=5)

# stream -> file, rows, columns that make up the text, column of the author
NYT, INSURERS = "nytimes_facebook/nytimes_facebook", "insurers_facebook"
FILES = {
    "deutsche_bahn_de": ("deutsche_bahn_de.csv", 4935, ["text"], "author"),
    "us_airlines_en": ("us_airlines_en.csv", 11624, ["text"], "name"),
    "nytimes_facebook_statuses": (f"{NYT}_statuses.csv", 616, ["status_message"], None),
    "nytimes_facebook_comments": (f"{NYT}_comments.csv", 1858, ["comment_message"], None),
    "allstate_facebook_statuses": (f"{INSURERS}/allstate_facebook_statuses.csv", 1806, ["status_message"], None),
    "geico_facebook_statuses": (f"{INSURERS}/geico_facebook_statuses.csv", 2060, ["status_message"], None),
    "statefarm_facebook_statuses": (
        f"{INSURERS}/statefarm_facebook_statuses.csv",
        2460,
        ["status_message"],
        None,
    ),
    "kununu_employer_reviews_de": ("kununu_employer_reviews_de.csv", 796, ["title", "text"], None),
}
COMPANIES = {"virginamerica", "united", "southwestair", "jetblue", "delta", "deltaassist", "americanair", "usairways"}
COMPANIES |= {"db_bahn", "db_info", "sbahnberlin", "sbahnhamburg", "dbmuseum", "dbopendata", "deutschebahn"}

Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def landed(datasets: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Rows]:
    """All landed rows by stream, extracted once; each source's own copy of the paths is the example file's."""
    if not (EXAMPLE.parent / "../../shared/data/real").is_dir():
        pytest.skip("the example looks for ../../shared/data/real beside the checkout")
    chosen = settings.load(EXAMPLE, tmp_path_factory.mktemp("home"))
    rows: dict[str, Rows] = {}
    for source in chosen.sources:
        result = extract(chosen, source.name)
        assert result.problems == []
        for batch in result.batches:
            rows[batch.stream] = [row for file in batch.files for row in pq.read_table(file).to_pylist()]
    assert extract(chosen, chosen.sources[-1].name).batches == []  # nothing new, nothing read
    return rows


def original(datasets: Path, stream: str) -> Rows:
    with (datasets / "real" / FILES[stream][0]).open(encoding="utf-8", errors="replace", newline="") as file:
        return list(csv.DictReader(file))


def pairs(datasets: Path, landed: dict[str, Rows], stream: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    return zip(original(datasets, stream), landed[stream], strict=True)


@pytest.mark.parametrize("stream", FILES)
def test_every_row_lands_once_and_only_one_cannot_be_read(stream: str, landed: dict[str, Rows]) -> None:
    rows = landed[stream]
    assert len(rows) == FILES[stream][1]
    assert [row["row_number"] for row in rows] == list(range(1, len(rows) + 1))
    faults = [row["parse_error"] for row in rows if row["parse_error"]]
    assert faults == (["id: column 'status_id' is empty"] if stream == "nytimes_facebook_statuses" else [])


@pytest.mark.parametrize("stream", FILES)
def test_no_text_is_altered_but_broken_bytes_and_mentions(stream: str, datasets: Path, landed: dict[str, Rows]) -> None:
    for source, row in pairs(datasets, landed, stream):
        text = "\n\n".join(source[column] for column in FILES[stream][2] if source[column])
        found = row["text"] or ""
        assert row["text_is_repaired"] == ("\N{REPLACEMENT CHARACTER}" in text)
        # between the keys stands exactly what stood there, and each key stands for one handle
        parts = KEYED.split(found)[0::2]
        handles = re.fullmatch("(@[^\\s:,;!?()]+)".join(map(re.escape, parts)), text)
        assert handles, (text, found)
        assert not {handle[1:].casefold() for handle in handles.groups()} & COMPANIES


@pytest.mark.parametrize("stream", ["deutsche_bahn_de", "us_airlines_en"])
def test_no_author_is_named(stream: str, datasets: Path, landed: dict[str, Rows]) -> None:
    column = FILES[stream][3]
    assert column
    authors = {source[column].replace("\\_", "_").casefold() for source in original(datasets, stream)} - {""}
    private = authors - COMPANIES
    keys: dict[str, str] = {}
    for source, row in pairs(datasets, landed, stream):
        name = source[column].replace("\\_", "_").casefold()
        for mention in re.findall(r"(?<![\w])@(\w+)", row["text"]):
            assert mention.casefold() not in private
        payload = json.loads(row["payload"])
        assert payload.pop("text") == row["text"]
        elsewhere = json.dumps({**row, "text": "", "payload": payload}, default=str, ensure_ascii=False).casefold()
        if name and name not in COMPANIES:
            assert row["author_name"] is None
            assert not re.search(rf"(?<![^\W_]){re.escape(name)}(?![^\W_])", elsewhere.replace("\\\\_", "_")), elsewhere
            assert keys.setdefault(name, row["author_key"]) == row["author_key"]
        elif name:
            assert row["is_company"]
        for handle in re.findall(r"twitter\.com/([^/]+)/status", elsewhere):
            assert handle == "i" or handle.replace("\\\\", "") in COMPANIES
    assert len(set(keys.values())) == len(keys) > 1_900
    assert KEYED.search(" ".join(row["text"] for row in landed[stream]))


def test_people_in_google_plus_addresses_are_keyed(landed: dict[str, Rows]) -> None:
    rows = [row for row in landed["deutsche_bahn_de"] if row["platform"] == "google_plus"]
    assert len(rows) == 124
    for row in rows:
        for address in (row["url"], json.loads(row["payload"])["url"], row["native_id"]):
            assert not re.search(r"plus\.google\.com/(?!\+?[0-9a-f]{32}/)", address)


def test_times_are_right_to_the_second(datasets: Path, landed: dict[str, Rows]) -> None:
    def expected(stream: str, source: dict[str, str]) -> datetime | None:
        if stream == "deutsche_bahn_de":
            return datetime.fromisoformat(source["created_at"]) if source["created_at"] else None
        if stream == "us_airlines_en":
            return datetime.strptime(source["tweet_created"], "%Y-%m-%d %H:%M:%S %z").astimezone(UTC)
        if stream == "kununu_employer_reviews_de":
            return datetime(int(source["year"]), int(source["month"]), 1, tzinfo=UTC)
        written = source.get("status_published") or source.get("comment_published")
        form = "%m/%d/%y %H:%M" if stream == "nytimes_facebook_statuses" else "%Y-%m-%d %H:%M:%S"
        return datetime.strptime(written, form).replace(tzinfo=UTC) + FIVE_HOURS if written else None

    for stream in FILES:
        for source, row in pairs(datasets, landed, stream):
            instant = expected(stream, source)
            assert row["created_at"] == instant
            precision = "month" if stream.startswith("kununu") else "second"
            assert row["created_at_precision"] == (precision if instant else "unknown")


def test_comments_hang_on_the_posts_and_come_after_them(landed: dict[str, Rows]) -> None:
    posts = {row["native_id"]: row for row in landed["nytimes_facebook_statuses"]}
    comments = {row["native_id"]: row for row in landed["nytimes_facebook_comments"]}
    assert {kind: sum(row["kind"] == kind for row in comments.values()) for kind in ("comment", "reply")} == {
        "comment": 1042,
        "reply": 816,
    }
    firsts: dict[str, datetime] = {}
    for row in comments.values():
        assert row["thread_native_id"] in posts
        assert row["parent_native_id"] in (comments if row["kind"] == "reply" else posts)
        thread = row["thread_native_id"]
        firsts[thread] = min(firsts.get(thread, row["created_at"]), row["created_at"])
    # both files write the same clock: of 144 threads one only (a post that was dated later) begins before its post
    assert sum(first < posts[thread]["created_at"] for thread, first in firsts.items()) == 1


def test_metrics_sites_and_accounts(datasets: Path, landed: dict[str, Rows]) -> None:
    for source, row in pairs(datasets, landed, "statefarm_facebook_statuses"):
        wanted = {name: float(source[f"num_{name}"]) for name in ("reactions", "comments", "shares")}
        assert json.loads(row["metrics"]) == wanted
        assert (row["is_company"], row["author_name"], row["account"]) == (True, "State Farm", "State Farm")
    posts = landed["nytimes_facebook_statuses"]
    assert json.loads(posts[0]["metrics"])["reactions_angry"] == 851
    assert sum("reactions_special" not in json.loads(row["metrics"]) for row in posts) == 3  # -1 in the file
    sites = [row["platform"] for row in landed["deutsche_bahn_de"]]
    assert (sites.count("twitter"), sites.count("facebook"), sites.count("youtube")) == (2287, 1058, 50)
    assert len({(row["platform"], row["native_id"]) for row in landed["deutsche_bahn_de"]}) == 4935
    assert len({row["native_id"] for row in landed["us_airlines_en"]}) == 11502
    assert {row["account"] for row in landed["kununu_employer_reviews_de"]} >= {"sap", "draeger", "statista"}
    assert not any("position" in json.loads(row["payload"]) for row in landed["kununu_employer_reviews_de"])
