"""The demo company's page on Google+: the same from the same seed, and read whole by the real extraction."""

from pathlib import Path

import duckdb
import pytest

from demo import google_plus
from resonanz.extract import extract
from resonanz.guard import admit
from resonanz.settings import DEMO_SOURCES, load

SEED = 1921


def test_two_builds_are_identical_and_another_seed_is_not(tmp_path: Path) -> None:
    files = google_plus.files(google_plus.build(SEED))
    assert files == google_plus.files(google_plus.build(SEED))
    assert files != google_plus.files(google_plus.build(7))
    google_plus.write(7, tmp_path)
    google_plus.write(SEED, tmp_path)  # nothing of the other history stays
    assert {path.name: path.read_bytes() for path in (tmp_path / google_plus.POSTS).iterdir()} == files


def test_the_page_is_quiet_and_ends_in_2018() -> None:
    posts = google_plus.build(SEED)
    comments = [comment for post in posts for comment in post.comments]
    assert 36 <= len(posts) <= 72
    assert {post.at.year for post in posts} == {2014, 2015, 2016, 2017, 2018}
    assert len(comments) > 2 * len(posts)
    assert all(comment.at > post.at for post in posts for comment in post.comments)
    names = list(google_plus.files(posts))
    assert 0 < sum(name.endswith(".html") for name in names) < len(names) / 3


def test_every_post_and_comment_arrives_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESONANZ_DEMO_ARCHIVES", str(tmp_path / "demo"))
    google_plus.write(SEED, tmp_path / "demo")
    settings = load(DEMO_SOURCES, tmp_path / "home")
    extraction = extract(settings, "weidenfels_google_plus")
    assert extraction.problems == []
    [batch] = extraction.batches
    rows = duckdb.sql(f"select * from read_parquet({[str(f) for f in batch.files]})").fetch_arrow_table().to_pylist()
    posts = google_plus.build(SEED)
    said = [message for post in posts for message in (post, *post.comments)]
    assert len({row["native_id"] for row in rows}) == len(rows) == len(said)
    assert sorted((row["created_at"], row["is_company"]) for row in rows) == sorted(
        (message.at, message.author.is_company) for message in said
    )
    ids = {row["native_id"] for row in rows if row["kind"] == "post"}
    assert {row["parent_native_id"] for row in rows if row["kind"] == "comment"} <= ids
    people = {p for post in posts for p in (*post.liked_by, *(c.author for c in post.comments)) if not p.is_company}
    kept = "\n".join(str(sorted(row.items(), key=str)) for row in rows)
    assert [p.handle for p in people if f"@{p.handle}" in kept or google_plus._number(p) in kept] == []
    assert [p.name for p in people if len(p.name.split()) > 1 and p.name in kept] == []
    assert admit(settings.lake, batch, "google_plus").quarantined == 0
    assert extract(settings, "weidenfels_google_plus").batches == []
