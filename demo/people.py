"""Who speaks: fictional accounts made from word lists. No handle or name stands for a real person."""

import base64
import hashlib
import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from random import Random

from demo.company import BLUESKY_HANDLE, LEGAL_NAME, MASTODON_DOMAIN, MASTODON_HANDLE, first_moment
from demo.native_ids import COMPANY_IDS, person_id

NAMES = Path(__file__).parent / "phrases" / "names.toml"
_NEWS = (
    ("hausrat_ticker", "Hausrat-Ticker", "de"),
    ("fuldaer_blatt", "Fuldaer Blatt", "de"),
    ("schnaeppchen_funk", "Schnäppchenfunk", "de"),
    ("testlabor_kueche", "Testlabor Küche", "de"),
    ("appliance_wire", "Appliance Wire", "en"),
    ("deal_lighthouse", "Deal Lighthouse", "en"),
    ("home_tech_notes", "Home Tech Notes", "en"),
)
_DOMAINS = (
    (MASTODON_DOMAIN, 24),
    ("plaudern.example", 30),
    ("elbe.example", 18),
    ("tooting.example", 18),
    ("kaffeeklatsch.example", 10),
)
BY_NAME = ("facebook", "linkedin", "google_business")  # handles are not shown there; names are whole and unique
_HANDLE_LENGTHS = {"x": 15, "instagram": 30, "youtube": 30}
_EMOJI = ("", "", "", "", "", " ☕", " 🌻", " 🚲", " 🐈", " 🧶", " 🍞", " 🎺")


@dataclass(frozen=True)
class Person:
    """One account on one channel.

    :param handle: what stands after `@` when it is mentioned, unique on the channel: a Bluesky handle, or for
        Mastodon `name` on the company's own server and `name@server` elsewhere; a user name in the shop.
    :param native_id: the platform's own id of the account (Mastodon number, DID, shop customer number, see
        demo.native_ids for the others).
    """

    channel: str
    handle: str
    name: str
    native_id: str
    language: str
    note: str
    created_at: datetime
    followers: int
    following: int
    is_company: bool = False
    is_bot: bool = False

    @property
    def called(self) -> str:
        """How a text mentions it: `@handle`, or the name on the platforms where people go by that."""
        return self.name if self.channel in BY_NAME else f"@{self.handle}"


class People:
    """The accounts of one channel, made as they are needed; some write again, most once or twice."""

    def __init__(self, channel: str, rng: Random) -> None:
        self.channel = channel
        self._rng = rng
        self._taken: set[str] = set()
        self._names: set[str] = set()
        self._known: dict[str, list[Person]] = {"de": [], "en": []}
        self.company = self._company()
        self.news = [self._news(*entry) for entry in _NEWS]

    def somebody(self, language: str, *, again: float = 0.42) -> Person:
        """A private person who writes `language`; with probability `again` one who has written before."""
        known = self._known.setdefault(language, [])
        if known and self._rng.random() < again:
            return known[int(len(known) * self._rng.random() ** 1.6)]
        person = self._private(language)
        known.append(person)
        return person

    def all(self) -> list[Person]:
        """Everybody who has an account so far, in a stable order."""
        return [self.company, *self.news, *(p for language in sorted(self._known) for p in self._known[language])]

    def _private(self, language: str) -> Person:
        rng = self._rng
        adjectives, nouns, notes = _words(language if language == "de" else "en")
        first, second = adjectives[int(rng.random() * len(adjectives))], nouns[int(rng.random() * len(nouns))]
        pattern = int(rng.random() * 5)
        number = str(int(rng.random() * 90) + 10)
        plain = [_ascii(first), _ascii(second)]
        stem = [
            "_".join(plain),
            "".join(plain),
            plain[1] + number,
            "_".join([*plain, number]),
            plain[1] + "_" + plain[0],
        ][pattern]
        name = [
            f"{first.title()} {second.title()}",
            second.title(),
            f"{first} {second}",
            stem,
            second.title() + " " + number,
        ][int(rng.random() * 5)] + _EMOJI[int(rng.random() * len(_EMOJI))]
        if self.channel in BY_NAME:
            name = self._free_name(f"{first.title()} {second.title()}")
        return self._person(self._free(stem), name, language, notes[int(rng.random() * len(notes))])

    def _news(self, stem: str, name: str, language: str) -> Person:
        return self._person(self._free(stem), name, language, "", is_bot=True, popularity=9.0)

    def _company(self) -> Person:
        handle = {"mastodon": MASTODON_HANDLE, "bluesky": BLUESKY_HANDLE}.get(self.channel, "weidenfels")
        self._taken.add(handle)
        self._taken.add("weidenfels")
        note = (
            "Hausgeräte aus Fulda und Zwickau. Hier antwortet das Serviceteam, Mo bis Sa. / We answer in English too."
        )
        return self._person(handle, LEGAL_NAME, "de", note, is_company=True, popularity=10.0)

    def _free_name(self, stem: str) -> str:
        """A name that nobody has yet: where it is taken, with a middle initial."""
        first, last = stem.split(" ")
        options = [stem, *(f"{first} {a}. {last}" for a in "ABDEFGHJKLMNRSTW")]
        name = next(option for option in options if option not in self._names)
        self._names.add(name)
        return name

    def _free(self, stem: str) -> str:
        """A handle from `stem` that nobody has yet."""
        longest = _HANDLE_LENGTHS.get(self.channel, 99)
        attempt, number = stem[:longest], 2
        while attempt in self._taken:
            attempt, number = f"{stem[: longest - len(str(number))]}{number}", number + 1
        self._taken.add(attempt)
        if self.channel == "bluesky":
            return f"{attempt.replace('_', '-')}.bsky.test"
        if self.channel == "mastodon":
            domain = _weighted(self._rng, _DOMAINS)
            return attempt if domain == MASTODON_DOMAIN else f"{attempt}@{domain}"
        return attempt

    def _person(
        self,
        handle: str,
        name: str,
        language: str,
        note: str,
        *,
        is_company: bool = False,
        is_bot: bool = False,
        popularity: float = 4.2,
    ) -> Person:
        rng = self._rng
        created = first_moment() - timedelta(days=30 + int(rng.random() * 2000), seconds=int(rng.random() * 86_400))
        return Person(
            channel=self.channel,
            handle=handle,
            name=name,
            native_id=_native_id(self.channel, handle, created),
            language=language,
            note=note,
            created_at=created.astimezone(UTC),
            followers=int(2.718 ** rng.gauss(popularity, 1.3 if popularity < 5 else 0.2)),
            following=int(2.718 ** rng.gauss(4.6, 0.9)),
            is_company=is_company,
            is_bot=is_bot,
        )


def _native_id(channel: str, handle: str, created: datetime) -> str:
    if channel in COMPANY_IDS:
        return COMPANY_IDS[channel] if handle == "weidenfels" else person_id(channel, handle, created)
    digest = hashlib.sha256(f"{channel}:{handle}".encode()).digest()
    if channel == "bluesky":
        return "did:plc:" + base64.b32encode(digest).decode().lower()[:24]
    if channel == "mastodon":
        return str((int(created.timestamp() * 1000) << 16) | int.from_bytes(digest[:2], "big"))
    return f"C{int.from_bytes(digest[:4], 'big') % 10**8:08d}"


def _weighted(rng: Random, options: tuple[tuple[str, int], ...]) -> str:
    drawn = rng.random() * sum(weight for _, weight in options)
    for value, weight in options:
        drawn -= weight
        if drawn < 0:
            return value
    return options[-1][0]


def _ascii(word: str) -> str:
    for umlaut, plain in (("ä", "ae"), ("ö", "oe"), ("ü", "ue"), ("ß", "ss")):
        word = word.replace(umlaut, plain)
    return word


@cache
def _words(language: str) -> tuple[list[str], list[str], list[str]]:
    lists = tomllib.loads(NAMES.read_text(encoding="utf-8"))[language]
    return lists["adjectives"].split(), lists["nouns"].split(), lists["notes"]
