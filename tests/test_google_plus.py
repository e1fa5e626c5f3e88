"""Google+ archives through the real dlt: every form, every message once, nobody's name, faults by file."""

import json
import shutil
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from extraction import Source

from resonanz import settings
from resonanz.extract import extract
from resonanz.platforms import Context, Window
from resonanz.platforms.google_plus import Options, check
from resonanz.privacy import Privacy

FIXTURES = Path(__file__).parent / "fixtures" / "platforms" / "google_plus"
POSTS = Path("Takeout") / "Google+ Stream" / "Posts"
FULL = "20160512 - Leise wäscht!_Danke an +Anna Laternenpfa.json"
PAGE_ID, PAGE = "118000000000000000001", "Weidenfels Hausgeräte"
COMMENTS = ("3047207000001", "3056200000002", "3120159000003")  # the ends of the ids of those below FULL
COMPANY = [PAGE_ID, "https://plus.google.com/+WeidenfelsHausgeraete"]
PRIVATE = (
    *("Laternenpfa", "Gurkenglas", "Kurbelwelle", "Kachel", "Unbekannt", "Freunde von", "photo.jpg", "Streng privat"),
    *("117111111111111111111", "117222222222222222222", "117333333333333333333", "117444444444444444444"),
)
PRIVACY = Privacy(b"a secret for tests only")
ANNA, BRUNO, NUDEL, DORA = (PRIVACY.author_key("google_plus", "117" + str(n) * 18) for n in (1, 2, 3, 4))


@pytest.fixture
def source(tmp_path: Path) -> Source:
    return Source(tmp_path, {"platform": "google_plus", "files": ["in"], "company_accounts": COMPANY})


@pytest.fixture
def takeout(source: Source) -> Path:
    """The fixtures' Takeout in the source's folder; returns its folder of posts."""
    shutil.copytree(FIXTURES / "Takeout", source.folder / "in" / "Takeout")
    return source.folder / "in" / POSTS


def at(*moment: int) -> datetime:
    return datetime(*moment, tzinfo=UTC)  # type: ignore[misc, arg-type]


def put(folder: Path, name: str, post: Any) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(post if isinstance(post, str) else json.dumps(post), encoding="utf-8")


def a_post(number: int, **more: Any) -> dict[str, Any]:
    return {
        "url": f"https://plus.google.com/{PAGE_ID}/posts/Code{number}",
        "creationTime": "2018-01-05 12:00:00+0100",
        "author": {"displayName": PAGE, "resourceName": f"users/{PAGE_ID}"},
        "content": f"Beitrag {number}",
        "activityId": f"z12post{number}",
    } | more


# --- the forms -------------------------------------------------------------------------------------------------


def test_takeout_json(source: Source, takeout: Path) -> None:
    assert not source.run().problems
    rows = source.by_id()
    post = rows["z12xleisewaescht04cd"]
    assert post["text"] == (
        f"Leise wäscht!\nDanke an +{ANNA} für das Foto & die Geduld. #LeiseWäscht\n\nhttps://weidenfels.example/lavia-7"
    )
    assert (post["platform"], post["kind"], post["stream"]) == ("google_plus", "post", "posts")
    assert (post["is_company"], post["author_name"], post["account"]) == (True, PAGE, PAGE)
    assert (post["created_at"], post["edited_at"]) == (at(2016, 5, 12, 9, 5), at(2016, 5, 12, 9, 20, 31))
    assert post["url"] == "https://plus.google.com/+WeidenfelsHausgeraete/posts/HYNhBAMeA7U"
    assert json.loads(post["metrics"]) == {"reactions": 3, "comments": 3, "shares": 1}
    assert post["thread_native_id"] == post["native_id"]

    first, answer, third = (rows[f"z12xleisewaescht04cd#146{number}"] for number in COMMENTS)
    assert {row["kind"] for row in (first, answer, third)} == {"comment"}
    assert {row["parent_native_id"] for row in (first, answer, third)} == {"z12xleisewaescht04cd"}
    assert {row["account"] for row in (first, answer, third)} == {PAGE}
    assert (first["text"], first["author_key"]) == (f"Meine auch! 😍 +{PAGE} top", BRUNO)
    assert (answer["is_company"], answer["text"]) == (True, f"+{BRUNO} Das freut uns!")
    assert answer["edited_at"] == at(2016, 5, 12, 12, 31)
    assert third["text"] == (
        f"Ich hab noch eine Nudel im Sieb, +{DORA} kennt das. Siehe https://plus.google.com/{DORA}/posts/abc"
    )

    payload = json.loads(post["payload"])
    assert (payload["plusOnes"], payload["reshares"]) == (3, 1)
    assert payload["postAcl"]["visibleToStandardAcl"]["circles"][1] == {"type": "CIRCLE_TYPE_USER_CIRCLE"}
    assert payload["unknownToday"] == [1, {"owner": {"key": ANNA}}]
    assert payload["album"]["media"][0]["width"] == 640


def test_what_is_missing_stays_missing(source: Source, takeout: Path) -> None:
    source.run()
    rows = source.by_id()
    early = rows["Early1Post2"]  # no activityId: the address names it
    assert (early["edited_at"], json.loads(early["metrics"])) == (None, {"comments": 1})
    [comment] = [row for row in source.rows if row["parent_native_id"] == "Early1Post2"]
    assert (comment["text"], comment["created_at"]) == ("Früh dran", at(2016, 6, 1, 8))
    assert rows["z13poll"]["metrics"] is None
    assert json.loads(rows["z13poll"]["payload"])["poll"]["choices"][0]["votes"] == 2
    silent = rows["z13silent"]  # the company's, for circles only: kept, and its visibility with it
    assert (silent["text"], json.loads(silent["metrics"])) == (None, {"reactions": 0})
    [circle] = json.loads(silent["payload"])["postAcl"]["visibleToStandardAcl"]["circles"]
    assert circle == {"type": "CIRCLE_TYPE_YOUR_CIRCLES"}
    shared = rows["z13share"]
    assert shared["text"] == "Schön gesagt!"
    assert json.loads(shared["payload"])["resharedPost"]["url"] == f"https://plus.google.com/{DORA}/posts/Orig1111111"


def test_html_pages_in_any_language(source: Source, takeout: Path) -> None:
    source.run()
    rows = source.by_id()
    post = rows["dnaVNGMfB2B"]
    assert post["text"] == f"Neue Spülmaschine, danke +{ANNA}:\n\na < b & c"
    assert (post["created_at"], post["edited_at"]) == (at(2014, 6, 30, 14, 4), at(2014, 7, 1, 8, 6, 58))
    assert json.loads(post["metrics"]) == {"reactions": 2, "comments": 2, "shares": 1}
    assert (post["is_company"], post["account"]) == (True, PAGE)
    question, answer = sorted(
        (row for row in source.rows if row["parent_native_id"] == "dnaVNGMfB2B"), key=lambda row: row["created_at"]
    )
    assert (question["text"], question["is_company"]) == ("Wow, passt die unter http://example.org/kueche?", False)
    assert (answer["text"], answer["is_company"], answer["created_at"]) == ("Ja!", True, at(2014, 7, 1, 8, 6, 58))
    reshared = rows["4yCFGuJWUxz"]
    assert (reshared["text"], reshared["edited_at"]) == (f"Via +{DORA}.  Das ist süß.", None)
    assert reshared["created_at"] == at(2011, 9, 10, 16, 58, 6)
    assert json.loads(reshared["payload"])["resharedPost"]["content"].startswith("<b>Waschtag</b>")


def test_api_resources(source: Source) -> None:
    shutil.copytree(FIXTURES / "api", source.folder / "in")
    assert not source.run().problems
    rows = source.by_id()
    post = rows["z12apipost"]
    assert post["text"] == f"Frühlingsputz mit +{DORA}! 'Leise'"
    assert json.loads(post["metrics"]) == {"reactions": 27, "comments": 2, "shares": 0}
    assert (post["created_at"], post["edited_at"]) == (at(2015, 3, 26, 16, 14, 4, 235000), None)
    mention, share = rows["z12mention"], rows["z12share"]
    assert (mention["kind"], mention["account"], mention["author_key"]) == ("mention", PAGE, ANNA)
    assert mention["text"] == f"Danke +{PAGE} für die Hilfe\nAnna"
    assert mention["url"] == f"https://plus.google.com/{ANNA}/posts/ApiMention1"
    assert "address" not in json.loads(mention["payload"])
    assert (share["kind"], share["text"]) == ("mention", "Muss ich auch haben!")
    comment = rows["z12apipost.1427482988265001"]
    assert (comment["parent_native_id"], comment["thread_native_id"]) == ("z12apipost", "z12apipost")
    assert (comment["kind"], comment["account"], comment["author_key"]) == ("comment", PAGE, NUDEL)
    assert (comment["text"], json.loads(comment["metrics"])) == (f"+{ANNA} schau mal", {"reactions": 3})
    assert rows["z12line#1427482988265009"]["parent_native_id"] == "z12line"


def test_forms_of_one_post_are_one_message(source: Source, takeout: Path) -> None:
    """Takeout's JSON, its page and API v1 side by side; then each alone, in the other order."""
    shutil.copytree(FIXTURES / "api", source.folder / "in" / "api")
    source.run()
    rows = source.by_id()
    assert rows["z12xleisewaescht04cd"]["text"].startswith("Leise wäscht!\n")  # Takeout says most
    assert "z12xleisewaescht04cd.1463047207000001" not in rows
    assert source.run().batches == []


def test_a_page_first_and_its_json_later(source: Source) -> None:
    posts = source.folder / "in" / POSTS
    page = (FIXTURES / POSTS / "20140630 - Neue Spülmaschine.html").read_text()
    put(posts, "20140630 - Neue Spülmaschine.html", page)
    source.run()
    known = set(source.by_id())
    link = '<a href="http://example.org/kueche">http://example.org/kueche</a>'
    said = {
        "2014-07-01 03:51:39+0200": f"Wow, passt die unter {link}?",
        "2014-07-01 08:06:58+0000": "Ja!",
        "2014-07-02 08:06:58+0000": "Neu",
    }
    comments = [
        {"creationTime": time, "content": text, "author": {}, "commentActivityId": f"z12late#14041794990000{n:02}"}
        for n, (time, text) in enumerate(said.items())
    ]
    later = a_post(1, activityId="z12late", url="https://plus.google.com/118/posts/dnaVNGMfB2B", comments=comments)
    put(posts, "20140630 - Neue Spülmaschine.json", later)
    source.run()
    assert len(source.rows) == 4
    assert {row["native_id"] for row in source.rows} > known  # the same ids again, and one comment more


def test_a_page_of_a_post_from_the_api_adds_its_comments(source: Source) -> None:
    activity = json.loads((FIXTURES / "api" / "single.jsonl").read_text().splitlines()[0])
    activity |= {"id": "z12both", "url": "https://plus.google.com/118000000000000000001/posts/dnaVNGMfB2B"}
    put(source.folder / "in", "activity.json", activity)
    source.run()
    put(source.folder / "in" / POSTS, "x.html", (FIXTURES / POSTS / "20140630 - Neue Spülmaschine.html").read_text())
    source.run()
    assert [row["kind"] for row in source.rows] == ["comment", "comment"]
    assert {row["parent_native_id"] for row in source.rows} == {"z12both"}


def test_a_takeout_archive_as_it_was_downloaded(source: Source) -> None:
    archive = source.folder / "takeout-20190311T120000Z-001.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted((FIXTURES / POSTS).iterdir()):
            file.write(path, f"Takeout/Google+-Stream/Beiträge/{path.name}")
        file.writestr("Takeout/Google+-Stream/Aktivitätsprotokoll/Kommentare.json", '{"items": []}')
        file.writestr("Takeout/Meine Aktivitäten/Suche.html", "<html>nothing of Google+</html>")
    source.options["files"] = ["takeout-*.zip"]
    assert not source.run().problems
    found = {row["native_id"] for row in source.rows}
    assert {"z12xleisewaescht04cd", "dnaVNGMfB2B", "Early1Post2", "4yCFGuJWUxz"} < found
    assert source.run().batches == []


# --- nobody's name, no needless reading ------------------------------------------------------------------------


def test_nothing_private_is_written(source: Source, takeout: Path, caplog: pytest.LogCaptureFixture) -> None:
    shutil.copytree(FIXTURES / "api", source.folder / "in" / "api")
    put(takeout, "20180101 - Kaputt +Anna Laternenpfahl.json", '{"author": "Anna Laternenpfahl')
    extraction = source.run()
    assert [str(problem) for problem in extraction.problems]
    written = source.written() + str(extraction.problems) + caplog.text
    assert [name for name in PRIVATE if name in written] == []
    assert PAGE in written


def test_every_row_passes_the_guard_but_the_wrong_ones(source: Source, takeout: Path) -> None:
    shutil.copytree(FIXTURES / "api", source.folder / "in" / "api")
    source.run()
    wrong = {row["native_id"]: row["parse_error"] for row in source.rows if row["parse_error"]}
    assert wrong == {
        "z13wrong": "creationTime is no time such as 2018-11-23 14:05:00+0100",
        "z13wrong#1488618000000001": "content should be str: list",
    }
    assert list(source.quarantined().values()) == [2]
    assert next(row for row in source.rows if row["text"] == "Doch")["parent_native_id"] == "z13wrong"


def test_only_changed_files_are_read_again(source: Source, takeout: Path) -> None:
    source.run()
    assert source.run().batches == []
    for path in takeout.iterdir():  # copied anew: other times, the same content
        path.touch()
    assert source.run().batches == []
    post = json.loads((takeout / FULL).read_text())
    put(takeout, FULL, post | {"content": "Geändert"})
    put(takeout, "20180105 - Post.json", a_post(1))
    source.run()
    assert {row["text"] for row in source.rows if row["kind"] == "post"} == {"Geändert", "Beitrag 1"}
    assert len(source.rows) == 5
    source.options["account"] = "Weidenfels"  # read in another way: everything once more
    source.run()
    assert {row["account"] for row in source.rows if row["parse_error"] is None} == {"Weidenfels"}


def test_a_backfill_reads_its_window_and_leaves_no_trace(source: Source, takeout: Path) -> None:
    source.run()
    chosen = settings.load(source.folder / "sources.toml", source.folder / "var")
    extraction = extract(chosen, "fediverse", Window(at(2016, 5, 12, 10), at(2016, 6, 1)))
    assert not extraction.problems
    files = [file for batch in extraction.batches for file in batch.files]
    said = [row["native_id"] for file in files for row in pq.read_table(file).to_pylist()]
    assert said == [f"z12xleisewaescht04cd#146{number}" for number in COMMENTS]
    assert source.run().batches == []


def test_private_posts_of_private_people_are_left_out(source: Source) -> None:
    somebody = {"displayName": "Anna Laternenpfahl", "resourceName": "users/117111111111111111111"}
    public, event = {"isPublic": True}, {"eventAcl": {"event": {"resourceName": "events/x"}}}
    for number, acl in enumerate([{"visibleToStandardAcl": {}}, {"isDomainRestricted": True}, public, event, None]):
        put(source.folder / "in" / POSTS, f"2018010{number} - x.json", a_post(number, author=somebody, postAcl=acl))
    source.run()
    assert set(source.by_id()) == {"z12post2", "z12post3", "z12post4"}


# --- faults ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("20180106 - Post.json", b"", "it is empty"),
        ("20180106 - Post.json", b'{"url": "https://plus.goo', "no JSON from character 1 on"),
        ("20180106 - Post.json", "{\"content\": \"Größe\"}".encode("cp1252"), "not UTF-8"),
        ("20180106 - Post.json", b'{"hello": "world"}', "neither a post of Takeout"),
        ("20180106 - Post.json", b"[" * 100_000, "nested too deep"),
        ("20180106 - Post.html", b"<html><body>Suche</body></html>", "a page without a post"),
        ("20180106 - Post.html", b"", "a page without a post"),
        ("20180106 - Post.html", b"<html>\xff\xfe", "not UTF-8"),
    ],
)  # fmt: skip
def test_a_broken_file_is_named_and_the_rest_lands(source: Source, name: str, content: bytes, words: str) -> None:
    posts = source.folder / "in" / POSTS
    put(posts, "20180105 - Post.json", a_post(1))
    (posts / name).write_bytes(content)
    put(posts, "20180107 - Post.json", a_post(2))
    [problem] = source.run().problems
    assert name in problem.message
    assert words in problem.message
    assert problem.kind == "contract"
    assert set(source.by_id()) == {"z12post1", "z12post2"}
    [again] = source.run().problems  # until somebody mends it
    assert again.message == problem.message
    put(posts, "20180106 - Post.json", a_post(3))
    (posts / "20180106 - Post.html").unlink(missing_ok=True)
    assert not source.run().problems
    assert set(source.by_id()) == {"z12post3"}


def test_a_feed_that_is_cut_off_keeps_what_was_whole(source: Source) -> None:
    feed = (FIXTURES / "api" / "activities.json").read_text()
    put(source.folder / "in", "activities.json", feed[: feed.index('"z12share"')])
    [problem] = source.run().problems
    assert "cut off" in problem.message
    assert set(source.by_id()) == {"z12apipost", "z12mention"}


def test_a_page_stands_in_for_its_broken_json(source: Source, takeout: Path) -> None:
    put(takeout, "20160601 - Post.json", '{"content": ')
    [problem] = source.run().problems
    assert "20160601 - Post.json" in problem.message
    assert source.by_id()["Early1Post2"]["origin"] == "20160601 - Post.html"


def test_archives_and_paths_that_cannot_be_read(source: Source) -> None:
    (source.folder / "broken.zip").write_bytes(b"PK but no archive")
    (source.folder / "takeout.tgz").write_bytes(b"")
    put(source.folder, "20180105 - Post.json", a_post(1))
    source.options["files"] = ["broken.zip", "takeout.tgz", "nothing/*.json", "20180105 - Post.json"]
    said = [problem.message for problem in source.run().problems]
    for message, words in zip(said, ("broken.zip", "takeout.tgz", "no such file"), strict=True):
        assert words in message
    assert set(source.by_id()) == {"z12post1"}


# --- what is said before and beside ----------------------------------------------------------------------------


def context(folder: Path, options: Options) -> Context:
    return Context("gplus", folder, Privacy(b"a secret for tests only", options.company_accounts))


def test_check_counts_posts_by_form() -> None:
    options = Options(files=["Takeout", "api"], company_accounts=COMPANY)
    [files] = check(options, context(FIXTURES, options))
    assert files.words == "7 posts in Takeout JSON, 10 resources of API v1 and other JSON, 3 posts as HTML pages"
    assert files.problem is None


def test_check_says_what_is_missing(tmp_path: Path) -> None:
    options = Options(files=["nothing", "."])
    said = {item.problem or "" for item in check(options, context(tmp_path, options))}
    assert any("there is no such file" in words for words in said)
    assert any("company_accounts" in words for words in said)


def test_settings_name_the_account_in_any_form() -> None:
    accounts = ["@Weidenfels", "users/118000000000000000001", "plus.google.com/+Weidenfels", "118000000000000000001"]
    options = Options(files=["x"], company_accounts=accounts)
    assert options.company_accounts == [
        *("@Weidenfels", "118000000000000000001", "users/118000000000000000001", "+Weidenfels", "118000000000000000001")
    ]  # fmt: skip
    with pytest.raises(ValueError, match="did you mean 'files'"):
        Options.model_validate({"file": ["x"]})


def test_a_broken_member_of_an_archive_costs_itself_only(source: Source) -> None:
    archive = source.folder / "takeout.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for number in (1, 2, 3):
            file.writestr(f"Takeout/Google+ Stream/Posts/2018010{number} - Post.json", json.dumps(a_post(number)) * 1)
    content = bytearray(archive.read_bytes())
    start = content.index(b"20180102 - Post.json") + len("20180102 - Post.json")
    content[start : start + 20] = b"\xff" * 20
    archive.write_bytes(content)
    source.options["files"] = ["takeout.zip"]
    [problem] = source.run().problems
    assert "20180102 - Post.json in it" in problem.message
    assert set(source.by_id()) == {"z12post1", "z12post3"}
