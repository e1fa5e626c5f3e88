"""Private people in the AT Protocol's JSON: DIDs, handles, mentions and profile addresses become keys."""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import orjson

from resonanz.privacy import Privacy
from resonanz.social.fields import Unreadable, mappings
from resonanz.social.texts import whole

PLATFORM = "bluesky"
URI = re.compile(r"at://(?P<authority>[^/]+)(?P<path>/.*)?")
_DID = re.compile(r"did:[a-z]+:(?:[A-Za-z0-9._:-]|%[0-9A-Fa-f]{2})*[A-Za-z0-9_-]")
_DID_IN_JSON = re.compile(_DID.pattern.encode())
# Where somebody may be named in JSON; "@jpeg" ends the addresses of pictures.
_NAMED_IN_JSON = re.compile(rb"@(?!(?:jpeg|png|webp)\")|\xef\xbc\xa0|bsky\.app/profile/")
_KEYED = re.compile(r"[0-9a-f]{32}")
_PROFILE = re.compile(r"(?P<head>bsky\.app/profile/)(?P<name>[\w.:%-]*\w)")
# Fields about people, or about whoever asks; left out of the payload at any depth.
_LEFT_OUT = frozenset({"avatar", "banner", "associated", "labels", "viewer", "verification", "threadgate"})


class People:
    """Who is the company and who is a private person, by DID and by handle.

    :param companies: DID -> handle of the company's accounts met so far; grows, and is kept in dlt's state, so that
        an address that shows nothing but a DID is always read in the same way.
    """

    def __init__(self, privacy: Privacy, companies: dict[str, str]) -> None:
        self.privacy = privacy
        self.companies = companies
        self._is_configured = lru_cache(maxsize=50_000)(privacy.is_company)  # the same people speak again and again

    def meet(self, value: Any) -> None:
        """Learn the company's DIDs from every view of an account in `value`."""
        todo = [value]
        while todo:
            current = todo.pop()
            if isinstance(current, dict):
                did, handle = current.get("did"), current.get("handle")
                names = isinstance(did, str) and isinstance(handle, str) and (did, handle)
                if names and any(map(self._is_configured, names)):
                    self.companies[names[0]] = names[1]
                todo += [item for item in current.values() if isinstance(item, (dict, list))]
            elif isinstance(current, list):
                todo += [item for item in current if isinstance(item, (dict, list))]

    def is_company(self, *names: str) -> bool:
        return any(name in self.companies or self._is_configured(name) for name in names)

    def key(self, name: str) -> str:
        return self.privacy.author_key(PLATFORM, name)

    def native_id(self, uri: str) -> str:
        """The at:// address with a private author's DID as the author's key."""
        found = URI.fullmatch(uri)
        if found is None:
            raise Unreadable("uri is no at:// address")
        authority = found["authority"]
        shown = authority if self.is_company(authority) else self.key(authority)
        return f"at://{shown}{found['path'] or ''}"

    def words(self, text: str) -> str:
        """`text` with DIDs and profile addresses of private people keyed."""
        if "did:" in text:
            text = _DID.sub(lambda found: found[0] if self.is_company(found[0]) else self.key(found[0]), text)
        if "bsky.app/profile/" in text:
            text = _PROFILE.sub(self._profile, text)
        return text

    def _profile(self, found: re.Match[str]) -> str:
        name = found["name"]
        if self.is_company(name) or _KEYED.fullmatch(name):
            return found[0]
        return found["head"] + self.key(name)


def keyed_text(text: str, facets: Any, people: People) -> str:
    """`text` with private people keyed: by DID where a facet gives it, else by the handle after the @."""
    if not facets:
        return _plain(text, people)
    data, pieces, end = text.encode("utf-8"), [], 0
    for start, stop, did in sorted(_mention_ranges(facets)):
        if not end <= start < stop <= len(data):
            continue
        try:
            before, shown = data[end:start].decode("utf-8"), data[start:stop].decode("utf-8")
        except UnicodeDecodeError:
            continue  # a range that cuts a character in two
        if not shown.startswith(("@", "＠")):
            continue
        handle = shown[1:]
        pieces += [_plain(before, people), shown if people.is_company(did, handle) else f"@{people.key(did)}"]
        end = stop
    return "".join([*pieces, _plain(data[end:].decode("utf-8"), people)])


def _plain(text: str, people: People) -> str:
    text = people.words(text)
    return people.privacy.text(PLATFORM, text) if "@" in text or "＠" in text else text


def _mention_ranges(facets: Any) -> Iterator[tuple[int, int, str]]:
    for facet in mappings(facets):
        index = facet.get("index")
        start, stop = (index.get("byteStart"), index.get("byteEnd")) if isinstance(index, Mapping) else (None, None)
        for feature in mappings(facet.get("features")):
            if isinstance(did := feature.get("did"), str) and isinstance(start, int) and isinstance(stop, int):
                yield start, stop, did


def clean(value: Any, people: People) -> Any:
    """A copy of a JSON value of the API without private people; the company's accounts keep their names."""
    handles: dict[str, str] = {}
    structure = _structure(value, people, handles)
    try:
        data = orjson.dumps(structure)
    except TypeError:  # halves of broken characters
        return _scrubbed(structure, people, handles)
    is_named = _NAMED_IN_JSON.search(data) or any(handle.encode() in data for handle in handles)
    if is_named or not all(people.is_company(did.decode()) for did in _DID_IN_JSON.findall(data)):
        return _scrubbed(structure, people, handles)
    return structure  # nobody is named in any of its strings


def _structure(value: Any, people: People, handles: dict[str, str]) -> Any:
    if isinstance(value, str):
        return people.words(value) if "did:" in value else value
    if isinstance(value, list):
        return [_structure(item, people, handles) for item in value]
    if not isinstance(value, dict):
        return value
    did, handle = value.get("did"), value.get("handle")
    if isinstance(did, str) and isinstance(handle, str):
        if people.is_company(did, handle):
            return {name: value[name] for name in ("did", "handle", "displayName") if name in value}
        handles[handle] = people.key(did)
        return {"did": people.key(did)}
    kept = {}
    for name, item in value.items():
        if name in _LEFT_OUT:
            continue
        if isinstance(item, (dict, list)) or (isinstance(item, str) and "did:" in item):
            kept[name] = _structure(item, people, handles)
        else:
            kept[name] = item
    if isinstance(value.get("text"), str) and isinstance(value.get("facets"), list):
        text = whole(value["text"])[0]
        kept["text"] = keyed_text(text, value["facets"], people)
        if kept["text"] != text:  # positions count the bytes of the text as it was
            kept["facets"] = [
                {name: item for name, item in facet.items() if name != "index"} for facet in mappings(kept["facets"])
            ]
    return kept


def _scrubbed(value: Any, people: People, handles: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        value = people.words(whole(value)[0])
        needs = "@" in value or "＠" in value or any(handle in value for handle in handles)
        return people.privacy.scrub(PLATFORM, value, handles) if needs else value
    if isinstance(value, dict):
        return {people.words(whole(str(name))[0]): _scrubbed(item, people, handles) for name, item in value.items()}
    if isinstance(value, list):
        return [_scrubbed(item, people, handles) for item in value]
    return value
