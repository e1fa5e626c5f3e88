"""The demo company's page on Google+, 2014 to 2018, as its Takeout: a folder of posts, most as JSON, some as HTML.

The page was quiet: a post every five weeks, a handful of comments. Field names and markup follow real Takeouts of 2019.
"""

import hashlib
import html
import json
import re
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from demo.company import ZONE
from demo.people import People, Person
from demo.phrases import Line, Phrases
from demo.rhythm import poisson
from demo.scene import Scene, Stage, weighted

FOLDER = "google_plus"
POSTS = Path(FOLDER) / "Takeout" / "Google+ Stream" / "Posts"
PAGE_ID, PAGE_ADDRESS = "118036271505164218713", "https://plus.google.com/+WeidenfelsHausgeraete"
_FIRST, _LAST = datetime(2014, 3, 3, tzinfo=ZONE), datetime(2018, 11, 26, tzinfo=ZONE)
_UNSAFE = re.compile(r"[^\w +-]")
_AS_PAGES_UNTIL = 2015  # Takeouts of the first years were HTML; these were never asked for again
_ANSWERS = {
    "praise_product": "company_reply_thanks",
    "suggestion_product": "company_reply_thanks",
    "complaint_product": "company_reply_apology",
    "question_product": "company_reply_help",
}
_ELSEWHERE = re.compile(r"toot|tröt|thread|bubble|\bDMs?\b|direktnachricht", re.IGNORECASE)  # words of other networks
_ODDS = {"praise_product": 0.45, "question_product": 0.25, "complaint_product": 0.17, "suggestion_product": 0.13}


@dataclass
class Said:
    """A post of the page or a comment below one."""

    author: Person
    at: datetime
    text: str
    mentioned: tuple[Person, ...] = ()
    liked_by: list[Person] = field(default_factory=list)
    shared_by: list[Person] = field(default_factory=list)
    comments: list["Said"] = field(default_factory=list)
    edited_at: datetime | None = None


class _Page(Stage):
    @property
    def limit(self) -> int:
        return 5_000


def build(seed: int, phrases: Phrases | None = None) -> list[Said]:
    """The page's posts with their comments, oldest first: the same for the same seed."""
    rng = Random(f"{seed}:google_plus")
    people = People("google_plus", Random(f"{seed}:google_plus:people"))
    stage = _Page("google_plus", rng, people, phrases or Phrases())
    posts, at = [], _FIRST
    while at < _LAST:
        if said := _post(stage, _office(rng, at)):
            posts.append(said)
        at += timedelta(days=12 + int(rng.random() * 46))
    return posts


def files(posts: list[Said]) -> dict[str, bytes]:
    """Name -> content of every file that Takeout makes of the posts."""
    found: dict[str, bytes] = {}
    for post in posts:
        is_page = post.at.year < _AS_PAGES_UNTIL
        content = _html(post) if is_page else json.dumps(_json(post), ensure_ascii=False, indent=2)
        start = _UNSAFE.sub("_", post.text)[:39]
        stem = f"{post.at.astimezone(ZONE):%Y%m%d} - {start}"
        found[f"{stem}.{'html' if is_page else 'json'}"] = content.encode()
    return found


def write(seed: int, folder: Path) -> Path:
    """Write the Takeout below `folder`, each file in one step and only where it would change; returns its folder."""
    target, wanted = folder / POSTS, files(build(seed))
    target.mkdir(parents=True, exist_ok=True)
    for stale in [path for path in target.iterdir() if path.suffix in (".json", ".html") and path.name not in wanted]:
        stale.unlink()
    for name, content in wanted.items():
        path = target / name
        if path.is_file() and path.read_bytes() == content:
            continue
        with tempfile.NamedTemporaryFile(dir=target, prefix=".writing.", delete=False) as file:
            file.write(content)
        Path(file.name).replace(path)
    return folder / FOLDER


def _post(stage: Stage, at: datetime) -> Said | None:
    rng = stage.rng
    language = "de" if rng.random() < 0.7 else "en"
    scene = Scene(stage, language)
    kind = weighted(rng, {"company_post_product": 0.75, "company_post_job": 0.25})
    line = scene.choose(_lines(stage, language, kind), is_opening=True)
    if line is None:
        return None
    post = Said(stage.people.company, at, scene.words(line.text))
    if rng.random() < 0.15:
        post.edited_at = at + timedelta(minutes=3 + int(rng.random() * 50))
    audience = {person.handle: person for person in (stage.people.somebody(language) for _ in range(poisson(rng, 5)))}
    post.liked_by = list(audience.values())
    post.shared_by = [person for person in post.liked_by if rng.random() < 0.15]
    if kind == "company_post_product":
        for _ in range(poisson(rng, 2.2)):
            _comment(stage, scene, post, language)
    post.comments.sort(key=lambda said: said.at)
    return post


def _comment(stage: Stage, thread: Scene, post: Said, language: str) -> None:
    """What somebody says below a post, and often the page's answer to it, with a +mention."""
    rng = stage.rng
    scene = Scene(stage, language, product=thread.product, used=thread.used)
    topic = weighted(rng, _ODDS)
    lines = [line for line in _lines(stage, language, topic) if "{mention}" not in line.text]
    line = scene.choose(lines, is_opening=True)
    if line is None:
        return
    author = stage.people.somebody(language)
    said = Said(author, post.at + timedelta(minutes=8 + int(rng.random() ** 3 * 6_000)), scene.words(line.text))
    company = stage.people.company
    said.mentioned = (company,) if company.called in said.text else ()
    post.comments.append(said)
    if rng.random() < 0.65 and (reply := scene.choose(_lines(stage, language, _ANSWERS[topic]))):
        text = scene.words(reply.text, author)
        if author.called not in text:
            text = f"{author.called} {text}"
        at = _office(rng, said.at + timedelta(hours=1 + int(rng.random() * 20)))
        post.comments.append(Said(company, max(at, said.at + timedelta(minutes=5)), text, (author,)))


def _lines(stage: Stage, language: str, file: str) -> list[Line]:
    return [line for line in stage.phrases.lines(language, file) if not _ELSEWHERE.search(line.text)]


def _office(rng: Random, at: datetime) -> datetime:
    """A moment in office hours on the day of `at` or the next working day."""
    local = at.astimezone(ZONE)
    while local.weekday() == 6:
        local += timedelta(days=1)
    local = local.replace(hour=8 + int(rng.random() * 9), minute=int(rng.random() * 60), second=int(rng.random() * 60))
    return local.astimezone(UTC)


# --- as Takeout writes it --------------------------------------------------------------------------------------


def _json(post: Said) -> dict[str, Any]:
    code, activity = _code(post), _activity(post)
    thread = "Ugx" + _letters(f"thread {activity}", 20)
    found: dict[str, Any] = {
        "url": f"{PAGE_ADDRESS}/posts/{code}",
        "creationTime": _time(post.at),
        "updateTime": _time(post.edited_at or post.at),
        "author": _person(post.author),
        "content": _content(post),
        "comments": [
            {
                "creationTime": _time(comment.at),
                "author": _person(comment.author),
                "content": _content(comment),
                "postUrl": f"{PAGE_ADDRESS}/posts/{code}",
                "resourceName": f"users/{PAGE_ID}/posts/{thread}/comments/{thread}-{number}",
                "commentActivityId": f"{activity}#{int(comment.at.timestamp()) * 1_000_000 + number}",
            }
            for number, comment in enumerate(post.comments, start=1)
        ],
        "resourceName": f"users/{PAGE_ID}/posts/{thread}",
        "plusOnes": [{"plusOner": _person(person)} for person in post.liked_by],
        "reshares": [{"resharer": _person(person)} for person in post.shared_by],
        "activityId": activity,
        "postAcl": {"visibleToStandardAcl": {"circles": [{"type": "CIRCLE_TYPE_PUBLIC"}]}, "isPublic": True},
        "postKind": "STANDARD",
    }
    return {name: value for name, value in found.items() if value != []}  # Takeout has no empty lists


def _html(post: Said) -> str:
    address = f"{PAGE_ADDRESS}/posts/{_code(post)}"
    said = [
        f'<html><head><meta charset="utf-8"><title>{html.escape(post.text[:80])}</title></head><body>'
        '<div style="margin-bottom:1em;"><div style="display:flex; align-items:center">'
        f'<img class="author-photo" src="{_picture(post.author)}" alt="{post.author.name}">'
        f'<a href="{PAGE_ADDRESS}" target="_blank" class="author">{post.author.name}</a> - '
        f'<a target="_blank" href="{address}">{_time(post.at)}</a>'
        f"<span> - Aktualisiert: {_time(post.edited_at or post.at)}</span></div>"
        f'<div class="main-content">{_content(post)}</div></div><div class="visibility">Geteilt mit: Öffentlich</div>'
    ]
    for name, label, people in (("plus-oners", "+1 von", post.liked_by), ("resharers", "Geteilt von", post.shared_by)):
        if people:
            said.append(f'<div class="{name}">{label}: {", ".join(map(_link, people))}</div>')
    for comment in post.comments:
        said.append(
            f'<div class="comment">{_link(comment.author, "author")}<span class="time"> - {_time(comment.at)}</span>'
            f'<div class="comment-content">{_content(comment)}</div></div>'
        )
    return "".join([*said, "</body></html>"])


def _content(said: Said) -> str:
    """The text with links to people and hashtags, as Google+ marked it up."""
    text = html.escape(said.text).replace("\n", "<br>")
    text = re.sub(
        r"(?<![\w&])#(\w*[^\W\d]\w*)",
        r'<a rel="nofollow" class="ot-hashtag bidi_isolate" href="https://plus.google.com/s/%23\1/posts">#\1</a>',
        text,
    )
    for person in said.mentioned:
        number = _number(person)
        link = (
            '<span class="proflinkWrapper"><span class="proflinkPrefix">+</span><a class="proflink bidi_isolate" '
            f'href="https://plus.google.com/{number}" oid="{number}" >{html.escape(person.name)}</a></span>'
        )
        text = text.replace(html.escape(person.called), link)
    return text


def _person(person: Person) -> dict[str, str]:
    return {
        "displayName": person.name,
        "profilePageUrl": _address(person),
        "avatarImageUrl": _picture(person),
        "resourceName": f"users/{_number(person)}",
    }


def _link(person: Person, name: str = "") -> str:
    classes = f' class="{name}"' if name else ""
    return f'<a target="_blank" href="{_address(person)}"{classes}>{html.escape(person.name)}</a>'


def _address(person: Person) -> str:
    return PAGE_ADDRESS if person.is_company else f"https://plus.google.com/{_number(person)}"


def _number(person: Person) -> str:
    """21 digits that begin with 1, as all of Google+'s ids."""
    digest = hashlib.sha256(f"google_plus:{person.handle}".encode()).digest()
    return PAGE_ID if person.is_company else f"1{int.from_bytes(digest[:10], 'big') % 10**20:020d}"


def _picture(person: Person) -> str:
    return f"https://lh3.googleusercontent.com/-{_letters(f'picture {person.handle}', 11)}/photo.jpg"


def _code(post: Said) -> str:
    return _letters(f"code {post.at.isoformat()}", 11)


def _activity(post: Said) -> str:
    return "z12" + _letters(f"activity {post.at.isoformat()}", 32).lower()


def _letters(words: str, length: int) -> str:
    alphabet = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789"
    digest = hashlib.sha512(words.encode()).digest()
    return "".join(alphabet[byte % len(alphabet)] for byte in digest[:length])


def _time(moment: datetime) -> str:
    return f"{moment.astimezone(ZONE):%Y-%m-%d %H:%M:%S%z}"
