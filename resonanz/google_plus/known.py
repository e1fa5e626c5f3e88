"""The private people of one document: everybody who is named anywhere in it, and its texts and fields without them."""

import re
from collections.abc import Mapping
from typing import Any

from resonanz import addresses
from resonanz.google_plus.people import PLATFORM, PROFILE, People, Person
from resonanz.social.texts import whole

PEOPLE = frozenset({"author", "actor", "plusOner", "resharer", "voter", "owner", "user", "person", "member", "invitee"})
# Lists of people who did something: only how many they were stays.
_COUNTED = frozenset({"plusOnes", "reshares", "votes"})
_LEFT_OUT = frozenset({"avatarImageUrl", "localFilePath", "imageLocalFilePath", "clientSpecificActorInfo"})
_COMPANY = ("displayName", "resourceName", "id", "url", "profilePageUrl")  # what stays of the company's accounts
# Where a private person was when they wrote.
WHEREABOUTS = frozenset({"location", "geocode", "address", "radius", "placeId", "placeName"})
_NUMBER = re.compile(r"(?<!communities/)(?<!\d)1\d{20}(?!\d)")
_UNLINKED = re.compile(r"(?<!\w)\+(?![0-9a-f]{32})(?=[^\W\d_])")  # "+Anna" that no link explains
_PERSONAL = re.compile(r"users/[^/]+")


class Known:
    """Collects who is named in a document, and replaces them in it."""

    def __init__(self, people: People) -> None:
        self._people = people
        self._names: dict[str, str] = {}
        self._identities: dict[str, str] = {}  # in lower case, longest first once it is asked for
        self._is_sorted = True

    def add(self, person: Person) -> None:
        if person.key and not person.is_company:
            self._names |= dict.fromkeys((name.casefold() for name in person.names), person.key)
            self._identities |= {who.casefold(): key for who, key in person.identities.items()}
            self._is_sorted = False

    def collect(self, value: Any, name: str = "") -> None:
        """Get to know everybody in a JSON value: persons at any depth."""
        if isinstance(value, Mapping):
            if _is_person(value, name):
                self.add(self._people.person(value))
            for field, item in value.items():
                self.collect(item, field)
        elif isinstance(value, list):
            for item in value:
                self.collect(item, name)

    def text(self, text: str) -> str:
        """A text that people read: `+Name` and `@name` keyed, addresses of profiles too, all else untouched."""
        if "+" in text or "@" in text or "＠" in text:
            folded = text.casefold()
            names = [re.escape(name) for name in sorted(self._names, key=len, reverse=True) if name in folded]
            if names:
                pattern = re.compile(rf"(?<!\w)([+@＠])({'|'.join(names)})(?!\w)", re.IGNORECASE)
                text = pattern.sub(lambda found: found[1] + self._names.get(found[2].casefold(), ""), text)
            text = self._people.privacy.text(PLATFORM, text)
        return self._people.address(text, self._identities) if "plus.google.com" in text else text

    def word(self, value: str) -> str:
        """Any other string: an address, an id, a title."""
        if not value.isascii() or "\0" in value:
            value = whole(value.replace("\0", "\N{REPLACEMENT CHARACTER}"))[0]
        value = self._people.address(value, self._identities)
        value = _NUMBER.sub(lambda found: self._number(found[0]), value)
        if "/" in value:
            value = self._elsewhere(value)
        return self._without_people(self.text(value))

    def file_name(self, name: str) -> str:
        """A Takeout file's name, which is the start of the post, without the people in it."""
        return self.word(cut_name(name))

    def payload(self, value: Any, html: Any, name: str = "") -> Any:
        """A copy of a JSON value: private people as `{"key": …}`, lists of them as their number, texts keyed.

        :param html: turns HTML that people wrote into the same without private people.
        """
        if isinstance(value, Mapping):
            if _is_person(value, name):
                return self._person(value)
            return {
                self._field(field): len(item)
                if field in _COUNTED and isinstance(item, list)
                else self.payload(item, html, field)
                for field, item in value.items()
                if field not in _LEFT_OUT and not (name == "circles" and field != "type")
            }
        if isinstance(value, list):
            return [self.payload(item, html, name) for item in value]
        if isinstance(value, int) and not isinstance(value, bool) and _NUMBER.fullmatch(str(value)):
            return self._number(str(value))
        if not isinstance(value, str):
            return value
        if name in ("content", "originalContent", "annotation"):
            value = html(value)
        value = self.word(value)
        if name in ("description", "displayName", "title") and _UNLINKED.search(value):
            return self._without_unlinked(value)
        return value

    def _without_people(self, value: str) -> str:
        if not self._is_sorted:
            longest = sorted(self._identities, key=len, reverse=True)
            self._identities, self._is_sorted = {who: self._identities[who] for who in longest}, True
        folded = value.casefold()
        if not (named := [who for who in self._identities if who in folded]):
            return value
        pattern = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, named))})(?!\w)", re.IGNORECASE)
        return pattern.sub(lambda found: self._identities.get(found[0].casefold(), found[0]), value)

    def _elsewhere(self, value: str) -> str:
        """`value` with the people of other sites keyed; addresses of Google+ are done already."""
        pieces, end = [], 0
        for found in PROFILE.finditer(value):
            pieces += [self._others(value[end : found.start()]), found[0]]
            end = found.end()
        return "".join([*pieces, self._others(value[end:])])

    def _others(self, piece: str) -> str:
        return addresses.keyed(self._people.privacy, PLATFORM, piece, self._identities) if "/" in piece else piece

    def _field(self, name: Any) -> str:
        """The name of a field: nearly always a word of the form's own."""
        is_plain = isinstance(name, str) and name.isidentifier() and name.casefold() not in self._identities
        return name if is_plain else self.word(str(name))

    def _person(self, value: Mapping[str, Any]) -> dict[str, Any]:
        person = self._people.person(value)
        if person.is_company:
            return {
                field: value[field]
                for field in ("displayName", "resourceName", "id", "url", "profilePageUrl")
                if field in value
            }
        return {"key": person.key} if person.key else {}

    def _number(self, number: str) -> str:
        is_company = self._people.is_company_id(number)
        return number if is_company else self._people.privacy.author_key(PLATFORM, number)

    def _without_unlinked(self, value: str) -> str | None:
        """None for words about a picture that mention somebody in plain letters: nobody can tell where a name ends."""
        rest = _UNLINKED.split(value)[1:]
        names = tuple(name for name in self._people.privacy.company_accounts if not name.isdecimal())
        return value if all(part.casefold().startswith(tuple(n.lstrip("+") for n in names)) for part in rest) else None


def cut_name(name: str) -> str:
    """The name of a Takeout file up to the first mention, which stands there as a plain name and often cut off."""
    stem, dot, ending = name.rpartition(".")
    found = re.search(r"(?<!\w)[+@]\w", stem)
    return f"{stem[: found.start() + 1]}…{dot}{ending}" if found else name


def _is_person(value: Mapping[str, Any], name: str) -> bool:
    if name in PEOPLE or "profilePageUrl" in value or value.get("kind") == "plus#person":
        return True
    resource = value.get("resourceName")
    if isinstance(resource, str) and _PERSONAL.fullmatch(resource) and "content" not in value:
        return True
    return value.get("type") == "person" and "displayName" in value
