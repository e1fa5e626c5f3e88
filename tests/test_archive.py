"""The archive platform end to end: a sources.toml and files go in, landed Parquet rows come out."""

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from resonanz import settings
from resonanz.errors import ConfigError, Kind, SourceError
from resonanz.extract import extract
from resonanz.platforms.archive import stream_names

FIXTURES = Path(__file__).parent / "fixtures" / "platforms" / "archive"
HEAD = '[company]\nname = "Nordlicht"\naccounts = ["nordlicht"]\n[[sources]]\nname = "exports"\nplatform = "archive"\n'
MENTIONS = """
files = ["mentions.csv"]
time_zone = "Europe/Berlin"
author_aliases = ["name"]
private_columns = ["place"]
[sources.mapping]
platform = { constant = "twitter" }
id = "id"
kind = { constant = "mention" }
author = "handle"
text = "body"
created_at = "sent"
url = "link"
[sources.metrics]
reactions_like = "likes"
"""
THREAD = """
files = ["thread.jsonl"]
author_aliases = ["user.id"]
other_people = ["reply_to_user"]
private_columns = ["geo"]
[sources.mapping]
platform = { constant = "mastodon" }
id = "id"
kind = { column = "reply_to", cases = { '.' = "reply" }, default = "post" }
parent_id = "reply_to"
author = "user.screen_name"
text = "text"
created_at = { column = "created", formats = ["unix"] }
[sources.metrics]
reactions_like = "public.likes"
shares = "public.shares"
"""

Landed = tuple[dict[str, list[dict[str, Any]]], list[SourceError]]
Land = Callable[..., Landed]


@pytest.fixture
def land(tmp_path: Path) -> Land:
    """Extract the source that `options` describes from `files` (fixtures or contents): rows by stream, problems."""

    def run(options: str, *fixtures: str, **contents: bytes | str) -> Landed:
        for name in fixtures:
            if not (tmp_path / name).exists():
                shutil.copy(FIXTURES / name, tmp_path / name)
        for name, content in contents.items():
            path = tmp_path / name.replace("__", ".")
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        (tmp_path / "my.toml").write_text(HEAD + options, encoding="utf-8")
        result = extract(settings.load(tmp_path / "my.toml", tmp_path / "home"), "exports")
        rows = {
            batch.stream: [row for file in batch.files for row in pq.read_table(file).to_pylist()]
            for batch in result.batches
        }
        return rows, result.problems

    return run


def test_a_csv_lands_with_utc_times_whole_texts_and_nobody_named(land: Land, tmp_path: Path) -> None:
    rows, problems = land(MENTIONS, "mentions.csv")
    assert not problems
    first, second, company, nobody = rows["mentions"]

    # 01:59:59 is the last second of winter time, 03:00:00 the next instant there was
    assert first["created_at"] == datetime(2024, 3, 31, 0, 59, 59, tzinfo=UTC)
    assert second["created_at"] == datetime(2024, 3, 31, 1, 0, 0, tzinfo=UTC)
    assert company["created_at"] == datetime(2024, 10, 27, 0, 30, 0, tzinfo=UTC)
    assert (nobody["created_at"], nobody["created_at_precision"]) == (None, "unknown")

    assert second["text"] == 'the pilot said:\r\n"fine" &amp; left  '
    assert first["text"].startswith("@Nordlicht the anna_b of 2024 is gone. cc @")
    assert first["text"].endswith(".m, mail me: anna@example.org")
    assert company["text"] == f"@{first['author_key']} We are on it."
    assert (company["is_company"], company["author_name"]) == (True, "nordlicht")
    assert company["url"] == "https://twitter.com/nordlicht/status/1003"
    assert (nobody["author_key"], nobody["author_name"]) == (None, None)
    assert "KarlMuster" not in nobody["url"]
    assert first["url"] == "https://twitter.com/i/status/1001"

    assert [json.loads(row["metrics"] or "{}").get("reactions_like") for row in rows["mentions"]] == [3, None, 0, 12]
    assert [row["origin"] for row in rows["mentions"]] == [f"mentions.csv:{line}" for line in (2, 3, 5, 6)]
    for row in (first, second):
        said = json.loads(row["payload"])
        assert said["handle"] == said["name"] == row["author_key"]
        assert "place" not in said
        assert said["body"] == row["text"]
        everything_else = json.dumps({**row, "text": "", "payload": {**said, "body": ""}}, default=str).casefold()
        for word in ("anna_b", "berg", "pilot", "lotz", "kiel"):
            assert word not in everything_else


def test_an_unchanged_file_is_not_read_again_a_changed_one_or_a_new_mapping_is(land: Land, tmp_path: Path) -> None:
    assert len(land(MENTIONS, "mentions.csv")[0]["mentions"]) == 4
    assert land(MENTIONS)[0] == {}
    with (tmp_path / "mentions.csv").open("a", newline="") as file:
        file.write("1005,lea,Lea,Back again,2024-11-01 08:00:00,1,,\r\n")
    assert len(land(MENTIONS)[0]["mentions"]) == 5
    again, _ = land(MENTIONS.replace('constant = "mention"', 'constant = "post"'))
    assert {row["kind"] for row in again["mentions"]} == {"post"}
    assert land(MENTIONS.replace('constant = "mention"', 'constant = "post"'))[0] == {}


def test_jsonl_with_nested_fields_and_a_truncated_line(land: Land) -> None:
    rows, problems = land(THREAD, "thread.jsonl")
    assert not problems
    first, answer, reply, torn = rows["thread"]
    assert (first["text"], first["text_is_repaired"]) == ("It broke �", True)
    assert first["created_at"] == datetime(2024, 3, 31, 1, 0, tzinfo=UTC)
    assert json.loads(first["metrics"]) == {"reactions_like": 4.0, "shares": 0.0}
    assert json.loads(answer["metrics"]) == {"reactions_like": 1.0}
    assert [row["kind"] for row in (first, answer, reply)] == ["post", "reply", "reply"]
    assert (reply["parent_native_id"], reply["thread_native_id"]) == ("2", "2")
    assert answer["is_company"]
    assert json.loads(answer["payload"])["user"] == {"screen_name": "nordlicht", "id": 42}
    assert json.loads(answer["payload"])["reply_to_user"] == first["author_key"]
    assert json.loads(first["payload"])["user"] == {"screen_name": first["author_key"], "id": first["author_key"]}
    assert json.loads(reply["payload"])["reply_to_user"] == "nordlicht"

    assert "cut off" in torn["parse_error"]
    assert torn["origin"] == "thread.jsonl:4"
    assert json.loads(torn["payload"])["line"].startswith('{"id": 4, "user": {"screen_name": ')
    assert not any(word in str(rows["thread"]) for word in ("anna_b", "karl_m", "lea_s", "9001", "9004", "54.3"))


def test_parquet_with_types_of_its_own(land: Land, tmp_path: Path) -> None:
    instant = datetime(2024, 6, 1, 12, 0, 0, 123456)
    table = pa.table(
        {
            "id": pa.array([570306133677760513, 2, None]),
            "user": [{"name": "anna_b"}, {"name": "nordlicht"}, None],
            "body": pa.array(["one", "two\0", None]),
            "at": pa.array([instant, None, instant], pa.timestamp("ns")),
            "deleted": [False, None, True],
            "score": [4.5, float("nan"), None],
        }
    )
    pq.write_table(table, tmp_path / "typed.parquet")
    options = """
files = ["*.parquet"]
time_zone = "America/New_York"
[sources.mapping]
id = "id"
text = "body"
author = "user.name"
created_at = "at"
is_deleted = "deleted"
rating = "score"
"""
    rows, problems = land(options)
    assert not problems
    first, second, third = rows["typed"]
    assert first["native_id"] == "570306133677760513"
    assert first["created_at"] == datetime(2024, 6, 1, 16, 0, 0, 123456, tzinfo=UTC)
    assert (first["rating"], second["rating"]) == (4.5, None)
    assert (second["text"], second["text_is_repaired"], second["is_company"]) == ("two�", True, True)
    assert third["is_deleted"]
    assert "id: column 'id' is empty" in third["parse_error"]
    assert [row["origin"] for row in rows["typed"]] == ["typed.parquet:1", "typed.parquet:2", "typed.parquet:3"]


def test_composed_texts_months_numbers_and_ids_out_of_the_content(land: Land) -> None:
    options = """
files = ["reviews.csv"]
[sources.mapping]
platform = { constant = "jobs" }
kind = { constant = "review" }
text = { template = ["{title}", "Pro: {pros}", "Contra: {cons}"], joined_by = " | ", empty = ["None"] }
account = "company"
rating = "stars"
created_at = { template = "{year}-{month}", formats = ["%Y-%m"] }
"""
    rows, _ = land(options, "reviews.csv")
    first, second, third = rows["reviews"]
    assert [row["text"] for row in rows["reviews"]] == ["Good place | Pro: Colleagues", "Contra: Shifts, heat", "Odd"]
    assert (first["created_at"], first["created_at_precision"]) == (datetime(2025, 4, 1, tzinfo=UTC), "month")
    assert (third["created_at"], third["created_at_precision"]) == (None, "unknown")
    assert third["parse_error"] == "rating (column 'stars'): 'five' is not a number"
    assert len({row["native_id"] for row in rows["reviews"]}) == 3
    assert all(len(row["native_id"]) == 32 and row["thread_native_id"] == row["native_id"] for row in rows["reviews"])
    assert (second["rating"], second["kind"], second["account"]) == (1.5, "review", "Nordlicht")


def test_one_bad_file_does_not_stop_the_others(land: Land, tmp_path: Path) -> None:
    options = """
files = ["empty.csv", "gone.csv", "header.csv", "other.csv", "no.parquet", "array.jsonl", "mentions.csv", "x/*.csv"]
[sources.mapping]
id = "id"
text = "body"
"""
    rows, problems = land(
        options,
        "mentions.csv",
        empty__csv="",
        header__csv="id,body\n",
        other__csv="id;boddy\n1;hello\n",
        no__parquet="id,body\n",
        array__jsonl='[{"id": 1, "body": "x"}]',
    )
    assert {name: len(found) for name, found in rows.items()} == {"mentions": 4}
    said = {
        next(word for word in ("empty", "gone", "other", "no.", "array", "x/") if word in p.message): p
        for p in problems
    }
    assert said["empty"].kind is Kind.CONTRACT
    assert "0 bytes" in said["empty"].message
    assert said["gone"].kind is Kind.GONE
    assert said["x/"].kind is Kind.GONE
    assert 'delimiter = ";"' in said["other"].message
    assert "not a Parquet file" in said["no."].message
    assert "jq -c '.[]'" in said["array"].message
    assert len(problems) == 6


def test_a_missing_column_is_named_with_its_neighbours_and_cure(land: Land) -> None:
    rows, [problem] = land(MENTIONS.replace('text = "body"', 'text = "boddy"'), "mentions.csv")
    assert rows == {}
    assert problem.kind is Kind.CONTRACT
    for part in ("mentions.csv", "no column 'boddy' (mapping.text)", "did you mean 'body'", "'handle'", "sources.toml"):
        assert part in problem.message
    _, [problem] = land(MENTIONS.replace('{ constant = "mention" }', '"mention"'))
    assert '{ constant = "mention" }' in problem.message


def test_ten_megabytes_in_one_field_land_whole(land: Land) -> None:
    options = 'files = ["huge.csv"]\n[sources.mapping]\nid = "id"\ntext = "body"\n'
    lines = "a line of text, and a comma\n" * 370_000
    rows, problems = land(options, huge__csv=f'id,body\n1,"{lines}"\n2,short\n')
    assert not problems
    assert [row["native_id"] for row in rows["huge"]] == ["1", "2"]
    assert rows["huge"][0]["text"] == lines
    assert len(lines) > 10_000_000


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('text = "body"', 'txt = "body"'), ["mapping", "unknown setting 'txt'", "'text'"]),
        (("reactions_like =", "likes ="), ["metrics", "unknown metric 'likes'", "reactions_like"]),
        (("Europe/Berlin", "Europe/Berln"), ["time_zone", "Europe/Berlin"]),
        (('"sent"', '{ column = "sent", formats = ["%d.%m. %H:%M"] }'), ["created_at", "needs a year"]),
        (('constant = "mention"', 'constant = "tweet"'), ["mapping.kind", "'tweet' is no kind", "mention"]),
        (('"link"', '{ column = "link", pattern = "(" }'), ["mapping.url", "no regular expression"]),
        (('"body"', '{ columns = ["name", "body"] }'), ["mapping.text reads 'name'", "names a person"]),
        (('url = "link"', 'url = "place"'), ["mapping.url reads 'place'", "private_columns"]),
        (('files = ["mentions.csv"]', 'files = ["mentions.xls"]'), ["mentions.xls", 'format = "csv"']),
        (('files = ["mentions.csv"]', 'fils = ["mentions.csv"]'), ["'fils'", "'files'"]),
        (('"handle"', '{ column = "handle", constant = "x" }'), ["mapping.author", "one of column"]),
        (('time_zone = "', 'encoding = "utf-9"\ntime_zone = "'), ["encoding", "'utf-9'", "cp1252"]),
    ],
)
def test_a_wrong_mapping_is_a_config_error_with_place_and_cure(
    land: Land, change: tuple[str, str], said: list[str]
) -> None:
    with pytest.raises(ConfigError) as caught:
        land(MENTIONS.replace(*change), "mentions.csv")
    assert "my.toml: sources.exports" in str(caught.value)
    for part in said:
        assert part in str(caught.value)


def test_stream_names_are_unique_and_survive_dlts_own_naming() -> None:
    from dlt.common.normalizers.naming.snake_case import NamingConvention

    paths = [
        Path(name)
        for name in (
            "/a/Posts 2024.csv",
            "/a/iPhone__reviews.csv",
            "/a/2024-01.csv",
            "/a/Größe & Maß.csv",
            "/a/отзывы.csv",
            "/b/north/posts.csv",
            "/b/south/posts.csv",
            "/b/south/posts.jsonl",
            f"/a/{'very long ' * 20}.csv",
            "/a/_private_.csv",
        )
    ]
    names = stream_names(paths)
    assert len(set(names.values())) == len(paths)
    naming = NamingConvention(None)
    for name in names.values():
        assert naming.normalize_identifier(name) == name
        assert "__" not in name
        assert name[0].isalpha()
    assert names[Path("/a/Größe & Maß.csv")] == "groesse_mass"
    assert names[Path("/b/north/posts.csv")] == "north_posts"
