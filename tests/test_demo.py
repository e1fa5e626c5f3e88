"""The demo company: the same from the same seed, believable in its numbers, findable through its stand-ins."""

import csv
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
import requests

from demo import archives
from demo.company import FAULTY_BATCH, HASHTAGS, PRODUCTS, STORIES, day_of, first_moment, last_moment
from demo.messages import Message
from demo.phrases import FOLDER, PhraseError
from demo.server import start
from demo.web import Fault, Server
from demo.world import World, build

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def world() -> World:
    return build()


@pytest.fixture(scope="module")
def server(world: World):
    with start(world=world) as running:
        yield running


def everything(world: World) -> list[Message]:
    return [message for messages in world.messages.values() for message in messages]


# --- the world -------------------------------------------------------------------------------------------------


def facts(world: World) -> list[str]:
    return [
        repr((m.channel, m.native_id, m.author.handle, m.created_at, m.text, m.favourites, m.is_deleted, m.edited_at))
        for m in everything(world)
    ]


def test_two_builds_are_identical_and_another_seed_is_not(world: World) -> None:
    assert facts(build()) == facts(world)
    assert facts(build(seed=7)) != facts(world)


def test_a_build_does_not_depend_on_the_process_or_its_clock(world: World, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONHASHSEED": "7", "TZ": "Pacific/Auckland", "LC_ALL": "C"}
    command = [sys.executable, "-m", "demo", "export", "--archives", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, timeout=60)
    assert (tmp_path / "shop_reviews.jsonl").read_bytes() == archives.shop_reviews(world)
    assert (tmp_path / "employer_reviews.csv").read_bytes() == archives.employer_reviews(world)


def test_the_channels_have_their_shares(world: World) -> None:
    counts = {channel: len(messages) for channel, messages in world.messages.items()}
    sizes = {"facebook": 700, "instagram": 400, "x": 600, "youtube": 300, "linkedin": 250, "google_business": 350}
    assert {c: pytest.approx(counts.pop(c), rel=0.25) for c in sizes} == sizes
    total = sum(counts.values())
    assert total >= 5_500
    expected = {"mastodon": 0.45, "bluesky": 0.30, "shop": 0.20, "employer": 0.05}
    assert {c: pytest.approx(n / total, abs=0.04) for c, n in counts.items()} == expected
    languages = Counter(message.language for message in everything(world))
    assert languages["de"] / (languages["de"] + languages["en"]) == pytest.approx(0.62, abs=0.04)
    assert languages["fr"] + languages["nl"] >= 10


def test_everything_happens_within_the_ninety_days(world: World) -> None:
    messages = everything(world)
    assert all(first_moment() <= m.created_at < last_moment() for m in messages)
    assert {day_of(m.created_at) for m in messages} == set(range(90))
    assert all(m.created_at < m.edited_at < last_moment() for m in messages if m.edited_at)
    assert all(m.parent.created_at < m.created_at for m in messages if m.parent)


def test_people_write_in_the_evening_and_the_company_in_office_hours(world: World) -> None:
    from demo.company import ZONE

    answers = [m.created_at.astimezone(ZONE) for m in everything(world) if m.author.is_company and m.parent]
    assert all(moment.weekday() < 6 and 8 <= moment.hour < 20 for moment in answers)
    posts = Counter(m.created_at.astimezone(ZONE).hour for m in everything(world) if not m.author.is_company)
    assert posts[20] > 5 * posts[4]


def test_stories_are_visible_in_the_daily_counts(world: World) -> None:
    social = world.messages["mastodon"] + world.messages["bluesky"]

    def per_day(file: str, first: int, last: int) -> float:
        days = Counter(day_of(m.created_at) for m in social if m.topic == file)
        return sum(days[day] for day in range(first, last + 1)) / (last - first + 1)

    def loudest(file: str) -> int:
        days = Counter(day_of(m.created_at) for m in social if m.topic == file)
        return max(range(1, 89), key=lambda day: days[day - 1] + 2 * days[day] + days[day + 1])

    batch, campaign = STORIES["batch"], STORIES["campaign"]
    assert per_day("story_faulty_batch", 0, batch.onset - 1) == 0
    assert per_day("story_faulty_batch", 53, 57) > 4 * per_day("story_faulty_batch", 48, 50)
    assert per_day("story_faulty_batch", 53, 57) > 4 * per_day("story_faulty_batch", 75, 89)
    assert loudest("story_faulty_batch") in range(53, 58)
    assert loudest("story_campaign_praise") in range(20, 27)
    assert loudest("story_employer_social") in range(64, 70)
    assert per_day("story_campaign_praise", 0, campaign.onset - 1) == 0
    assert per_day("story_campaign_praise", 21, 24) > 3 * per_day("story_campaign_praise", 31, 35)
    assert per_day("story_delivery", 0, 29) < 0.2
    assert per_day("story_delivery", 66, 75) > 2 * per_day("story_delivery", 33, 42)
    assert per_day("story_employer_social", 62, 72) > 5 * per_day("story_employer_social", 0, 61)
    storm = Counter(day_of(m.created_at) for m in world.messages["employer"] if m.topic == "review_employer_storm")
    assert sum(storm[day] for day in range(62, 81)) > 0.9 * storm.total()
    first_word = min(
        m.created_at for m in social if m.author.is_company and re.search(FAULTY_BATCH, m.text) and m.parent is None
    )
    assert day_of(first_word) == 60


def test_the_company_takes_longer_in_the_backlog(world: World) -> None:
    def median_hours(first: int, last: int) -> float:
        waits = sorted(
            (m.created_at - m.parent.created_at).total_seconds() / 3600
            for m in everything(world)
            if m.author.is_company and m.parent and first <= day_of(m.parent.created_at) <= last
        )
        return waits[len(waits) // 2]

    assert median_hours(60, 78) > 2 * median_hours(0, 29)


def test_threads_are_up_to_eight_deep_and_some_parents_are_gone(world: World) -> None:
    for channel in ("mastodon", "bluesky"):
        messages = world.messages[channel]
        assert max(message.depth for message in messages) == 8
        known = {message.native_id for message in messages}
        assert len(known) == len(messages)
        assert all(message.parent.native_id in known for message in messages if message.parent)
        orphans = [message for message in messages if message.parent and message.parent.is_deleted]
        assert len(orphans) >= 10


def test_texts_are_whole_and_varied(world: World) -> None:
    messages = everything(world)
    assert not [m.text for m in messages if re.search(r"[{}]|\\n", f"{m.title} {m.text}")]
    assert all(m.text.strip() for m in messages if m.channel != "google_business")
    messages = [m for m in messages if m.text]
    bare = [re.sub(r"^(@\S+\s+)+", "", m.text) for m in messages]
    assert len(set(bare)) / len(bare) >= 0.6
    for channel in ("mastodon", "bluesky"):
        for root in (m for m in world.messages[channel] if m.parent is None):
            texts = [re.sub(r"^(@\S+\s+)+", "", m.text) for m in thread(root) if not m.author.is_company]
            assert len(set(texts)) == len(texts), texts
    assert max(len(m.text) for m in world.messages["bluesky"]) <= 300
    assert max(len(m.text) for m in world.messages["mastodon"]) > 900
    assert sum(not re.search(r"\w", m.text.replace("1️⃣", "")) for m in messages) >= 1  # emoji only


def thread(root: Message) -> list[Message]:
    return [root, *(m for reply in root.replies for m in thread(reply))]


def test_no_line_is_worn_out_and_hardly_one_is_left_over(world: World) -> None:
    uses = {line.place: line.uses for line in world.phrases.all()}
    said = [
        n
        for place, n in uses.items()
        if not re.search(r"company_(reply|greeting|closing)|review_(title|context)|edit_suffix", place)
    ]
    assert max(said) <= 12
    assert sorted(said)[len(said) * 9 // 10] <= 6
    assert sum(n == 0 for n in said) < 0.1 * len(said)


def test_a_missing_file_and_an_unknown_slot_are_named(tmp_path: Path) -> None:
    folder = tmp_path / "phrases"
    shutil.copytree(FOLDER, folder)
    (folder / "en" / "off_topic.txt").unlink()
    with pytest.raises(PhraseError, match=r"missing phrase files.*en/off_topic\.txt"):
        build(folder=folder)
    (folder / "en" / "off_topic.txt").write_text("# a comment\nFine.\nMy {prodct} is odd.\n", encoding="utf-8")
    with pytest.raises(PhraseError, match=r"off_topic\.txt:3: unknown slot.*prodct"):
        build(folder=folder)
    (folder / "en" / "off_topic.txt").write_text("# only a comment\n", encoding="utf-8")
    with pytest.raises(PhraseError, match=r"off_topic\.txt: no line of text"):
        build(folder=folder)


# --- the exports -----------------------------------------------------------------------------------------------


def test_the_shop_export_has_answers_edits_and_tombstones(world: World, tmp_path: Path) -> None:
    path, *_ = archives.write(world, tmp_path)
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    ids = Counter(row["id"] for row in rows)
    seen: set[str] = set()
    for row in rows:
        assert row.get("reply_to", row["id"]) in seen | {row["id"]}
        seen.add(row["id"])
    assert sum("reply_to" in row for row in rows) > 150
    assert sum(row.get("deleted", False) for row in rows) > 20
    assert sum(count > 1 for count in ids.values()) > 60
    assert {row["product"] for row in rows if "product" in row} == {product.name for product in PRODUCTS}
    assert {row["stars"] for row in rows if "stars" in row} == {1, 2, 3, 4, 5}


def test_the_employer_export_is_a_german_csv(world: World, tmp_path: Path) -> None:
    _, path, _ = archives.write(world, tmp_path)
    rows = list(csv.DictReader(io.StringIO(path.read_bytes().decode("cp1252")), delimiter=";"))
    assert len(rows) == len(world.messages["employer"])
    assert all(1 <= float(row["Gesamtbewertung"].replace(",", ".")) <= 5 for row in rows)
    assert {row["Standort"] for row in rows} == {"Fulda", "Zwickau"}


def test_exports_are_left_alone_where_nothing_changed(world: World, tmp_path: Path) -> None:
    paths = archives.write(world, tmp_path)
    before = [path.stat().st_mtime_ns for path in paths]
    paths[1].write_text("something else", encoding="utf-8")
    archives.write(world, tmp_path)
    assert [path.stat().st_mtime_ns for path in (paths[0], paths[2])] == [before[0], before[2]]
    assert paths[1].read_bytes() == archives.employer_reviews(world)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "employer_reviews.csv",
        "google_plus",
        "shop_reviews.jsonl",
    ]


# --- the stand-in for Mastodon ---------------------------------------------------------------------------------


def pages(url: str, rel: str) -> list[dict]:
    found = []
    address: str | None = url
    while address:
        answer = requests.get(address, timeout=10)
        answer.raise_for_status()
        page = answer.json()
        found += page if rel == "next" else page[::-1]
        address = answer.links.get(rel, {}).get("url") if page else None
    return found


@pytest.mark.parametrize("limit", [7, 40])
def test_a_timeline_gives_each_status_once_in_both_directions(server: Server, world: World, limit: int) -> None:
    url = f"{server.url}/mastodon/api/v1/timelines/tag/Weidenfels"
    older = [status["id"] for status in pages(f"{url}?limit={limit}", "next")]
    newer = [status["id"] for status in pages(f"{url}?limit={limit}&min_id=0", "prev")]
    assert len(older) == len(set(older)) > 100
    assert older == sorted(older, key=int, reverse=True)
    assert newer == older[::-1]
    middle = older[len(older) // 2]
    since = requests.get(f"{url}?since_id={middle}&limit={limit}", timeout=10).json()
    assert [status["id"] for status in since] == older[:limit]
    after = requests.get(f"{url}?min_id={middle}&limit={limit}", timeout=10).json()
    position = older.index(middle)
    assert [status["id"] for status in after] == older[max(0, position - limit) : position]


def test_a_client_finds_every_status_that_is_there(server: Server, world: World) -> None:
    api = f"{server.url}/mastodon/api/v1"
    company = requests.get(f"{api}/accounts/lookup?acct=weidenfels@haushalt.example", timeout=10).json()
    found: dict[str, dict] = {}
    for tag in HASHTAGS:
        found |= {status["id"]: status for status in pages(f"{api}/timelines/tag/{tag}?limit=40", "next")}
    own = pages(f"{api}/accounts/{company['id']}/statuses?limit=40&exclude_reblogs=true", "next")
    found |= {status["id"]: status for status in own}
    with_boosts = pages(f"{api}/accounts/{company['id']}/statuses?limit=40", "next")
    assert {s["id"] for s in with_boosts} > {s["id"] for s in own}
    assert all(s["reblog"] for s in with_boosts if s["id"] not in found)
    session = requests.Session()
    for number in list(found):
        if found[number]["replies_count"] or found[number]["in_reply_to_id"]:
            context = session.get(f"{api}/statuses/{number}/context", timeout=10).json()
            found |= {status["id"]: status for part in ("ancestors", "descendants") for status in context[part]}
    alive = {message.native_id for message in world.messages["mastodon"] if not message.is_deleted}
    assert set(found) == alive
    replies = Counter(status["in_reply_to_id"] for status in found.values())
    assert all(status["replies_count"] == replies[status["id"]] for status in found.values())


def test_a_status_looks_as_mastodon_makes_it(server: Server, world: World) -> None:
    api = f"{server.url}/mastodon/api/v1"
    edited = next(m for m in world.messages["mastodon"] if m.edited_at and m.parent and not m.is_deleted)
    status = requests.get(f"{api}/statuses/{edited.native_id}", timeout=10).json()
    assert status["edited_at"].endswith("Z")
    assert status["in_reply_to_id"] == edited.parent.native_id
    assert re.fullmatch(r"<p>.*</p>", status["content"], re.DOTALL)
    assert status["mentions"][0]["acct"] == edited.parent.author.handle
    assert f'class="u-url mention">@<span>{status["mentions"][0]["username"]}</span></a>' in status["content"]
    gone = next(m for m in world.messages["mastodon"] if m.is_deleted)
    answer = requests.get(f"{api}/statuses/{gone.native_id}", timeout=10)
    assert (answer.status_code, answer.json()) == (404, {"error": "Record not found"})
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", answer.headers["X-RateLimit-Reset"])
    tagged = requests.get(f"{api}/timelines/tag/leisewäscht?limit=1", timeout=10).json()[0]
    assert "leisewascht" in [tag["name"] for tag in tagged["tags"]]
    spec = ROOT.parent / "shared" / "data" / "specs" / "mastodon-openapi.json"
    if spec.exists():
        schemas = json.loads(spec.read_text(encoding="utf-8"))["components"]["schemas"]
        assert set(schemas["Status"]["required"]) <= set(status)
        assert set(schemas["Account"]["required"]) <= set(status["account"])
        instance = requests.get(f"{server.url}/mastodon/api/v2/instance", timeout=10).json()
        assert set(schemas["Instance"]["required"]) <= set(instance)


# --- the stand-in for Bluesky ----------------------------------------------------------------------------------


def xrpc(server: Server, method: str, **parameters: object) -> requests.Response:
    return requests.get(f"{server.url}/bluesky/xrpc/{method}", params=parameters, timeout=10)


def test_feed_and_search_give_each_post_once(server: Server, world: World) -> None:
    for method, field, parameters in (
        ("app.bsky.feed.getAuthorFeed", "feed", {"actor": "weidenfels.test", "limit": 33}),
        ("app.bsky.feed.searchPosts", "posts", {"q": "weidenfels", "limit": 33}),
    ):
        uris, cursor = [], None
        while True:
            page = xrpc(server, method, **parameters, **({"cursor": cursor} if cursor else {})).json()
            uris += [
                item["post"]["uri"] if field == "feed" and "reason" not in item else item.get("uri")
                for item in page[field]
            ]
            cursor = page.get("cursor")
            if cursor is None:
                break
        uris = [uri for uri in uris if uri]
        assert len(uris) == len(set(uris)) > 200
    own = [m for m in world.messages["bluesky"] if m.author.is_company]
    first = xrpc(
        server, "app.bsky.feed.getAuthorFeed", actor="weidenfels.test", limit=1, filter="posts_no_replies"
    ).json()
    newest = max((m for m in own if m.parent is None), key=lambda m: m.created_at)
    assert first["feed"][0]["post"]["uri"].endswith(newest.native_id)


def test_a_client_finds_every_post_that_is_there(server: Server, world: World) -> None:
    company = xrpc(server, "com.atproto.identity.resolveHandle", handle="weidenfels.test").json()["did"]
    posts: dict[str, dict] = {}
    missing: set[str] = set()

    def walk(node: dict) -> None:
        if node["$type"].endswith("notFoundPost"):
            missing.add(node["uri"])
            return
        posts[node["post"]["uri"]] = node["post"]
        for reply in node.get("replies", []):
            walk(reply)
        if "parent" in node:
            walk(node["parent"])

    words = ["weidenfels", *(f'"{product.name}"' for product in PRODUCTS), *(f"#{tag}" for tag in HASHTAGS)]
    for method, field, parameters in (
        ("app.bsky.feed.getAuthorFeed", "feed", {"actor": company}),
        *(("app.bsky.feed.searchPosts", "posts", {"q": word}) for word in words),
    ):
        cursor: dict[str, str] = {}
        while True:
            page = xrpc(server, method, limit=100, **parameters, **cursor).json()
            found = [item.get("post", item) for item in page[field]]
            posts |= {post["uri"]: post for post in found}
            if "cursor" not in page:
                break
            cursor = {"cursor": page["cursor"]}
    roots = {post["record"].get("reply", {}).get("root", post)["uri"] for post in list(posts.values())}
    session = requests.Session()
    for uri in [*roots, *posts]:
        if uri in roots or posts[uri]["author"]["did"] == company:
            answer = session.get(
                f"{server.url}/bluesky/xrpc/app.bsky.feed.getPostThread", params={"uri": uri, "depth": 20}, timeout=10
            )
            if answer.status_code == 400:
                assert answer.json()["error"] == "NotFound"
                missing.add(uri)
            else:
                walk(answer.json()["thread"])
    keys = {uri.rsplit("/", 1)[1] for uri in posts}
    alive = {message.native_id for message in world.messages["bluesky"] if not message.is_deleted}
    assert keys == alive
    gone = {message.native_id for message in world.messages["bluesky"] if message.is_deleted}
    assert len({uri.rsplit("/", 1)[1] for uri in missing} & gone) >= 5
    replies = Counter(post["record"]["reply"]["parent"]["uri"] for post in posts.values() if "reply" in post["record"])
    assert all(post["replyCount"] == replies[post["uri"]] for post in posts.values())


def test_facets_point_at_bytes(server: Server) -> None:
    page = xrpc(server, "app.bsky.feed.searchPosts", q="#LeiseWäscht", limit=100).json()
    seen = 0
    for post in page["posts"]:
        text = post["record"]["text"].encode()
        for facet in post["record"].get("facets", []):
            piece = text[facet["index"]["byteStart"] : facet["index"]["byteEnd"]].decode()
            feature = facet["features"][0]
            if feature["$type"].endswith("#tag"):
                assert piece == f"#{feature['tag']}"
                seen += 1
            else:
                assert piece[0] == "@" or piece.startswith("http")
    assert seen >= len(page["posts"])


def test_bluesky_names_its_errors(server: Server) -> None:
    for method, parameters, status, error in (
        ("app.bsky.feed.getAuthorFeed", {"actor": "nobody.test"}, 400, "InvalidRequest"),
        ("app.bsky.feed.getAuthorFeed", {"actor": "weidenfels.test", "limit": 101}, 400, "InvalidRequest"),
        ("app.bsky.feed.getPostThread", {"uri": "at://did:plc:x/app.bsky.feed.post/3x"}, 400, "NotFound"),
        ("app.bsky.feed.getTimeline", {}, 501, "MethodNotImplemented"),
    ):
        answer = xrpc(server, method, **parameters)
        assert (answer.status_code, answer.json()["error"]) == (status, error)
        assert int(answer.headers["RateLimit-Reset"]) > time.time()


# --- faults and the command ------------------------------------------------------------------------------------


def test_faults_happen_as_often_as_asked(world: World) -> None:
    with start(world=world, faults=[Fault(path="/mastodon", status=500, times=2)]) as running:
        url = f"{running.url}/mastodon/api/v2/instance"
        assert [requests.get(url, timeout=5).status_code for _ in range(3)] == [500, 500, 200]
        running.inject(Fault(kind="html"))
        assert requests.get(url, timeout=5).text.startswith("<!DOCTYPE html>")
        running.inject(Fault(kind="empty"))
        assert requests.get(url, timeout=5).content == b""
        running.inject(Fault(kind="truncated"))
        with pytest.raises(requests.JSONDecodeError):
            requests.get(url, timeout=5).json()
        running.inject(Fault(kind="hangup"))
        with pytest.raises(requests.ConnectionError):
            requests.get(url, timeout=5)
        admin = requests.post(
            f"{running.url}/_admin/faults", json={"path": "xrpc", "status": 429, "reset_after": 30}, timeout=5
        )
        assert admin.status_code == 200
        answer = requests.get(f"{running.url}/bluesky/xrpc/app.bsky.actor.getProfile?actor=weidenfels.test", timeout=5)
        assert (answer.status_code, answer.json()["error"]) == (429, "RateLimitExceeded")
        assert answer.headers["RateLimit-Remaining"] == "0"
        assert 20 < int(answer.headers["RateLimit-Reset"]) - time.time() < 40
        assert requests.get(url, timeout=5).status_code == 200


def test_limits_are_counted_and_reset(world: World) -> None:
    with start(world=world, limit=3, window=0.4) as running:
        url = f"{running.url}/mastodon/api/v2/instance"
        answers = [requests.get(url, timeout=5) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert [answer.headers["X-RateLimit-Remaining"] for answer in answers] == ["2", "1", "0", "0"]
        time.sleep(0.5)
        assert requests.get(url, timeout=5).status_code == 200


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_says_when_it_is_ready_and_stops_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-m", "demo", "serve", "--port", "0", "--archives", str(tmp_path / "exports")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        line = process.stdout.readline()
        match = re.search(r"ready: (\d+) messages, APIs at (http://127\.0\.0\.1:\d+)", line)
        assert match, line
        assert int(match[1]) >= 5_500
        assert requests.get(f"{match[2]}/mastodon/api/v2/instance", timeout=5).status_code == 200
        process.send_signal(number)
        assert process.wait(timeout=10) == 0
        assert process.stdout.read() == ""
        assert process.stderr.read() == ""
    assert sorted(path.name for path in (tmp_path / "exports").iterdir()) == [
        "employer_reviews.csv",
        "google_plus",
        "shop_reviews.jsonl",
    ]


def test_serve_names_a_port_that_is_taken(server: Server, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "demo", "serve", "--port", str(server.port), "--archives", str(tmp_path)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert ended.stderr.startswith("demo: ")
    assert "Traceback" not in ended.stderr
