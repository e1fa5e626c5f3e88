"""Asks the YouTube Data API v3: channels, and lists by page or by id.

Every request costs one unit of the day's quota, one that is refused too; searches are counted apart.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from resonanz.errors import Kind, SourceError
from resonanz.http import Client
from resonanz.social.fields import mappings
from resonanz.social.pages import Page

SEARCH = "search"  # the bucket of requests that are counted apart
MOST_IDS = 50  # in one request
_PARTS = {
    "channels": "snippet,contentDetails,statistics",
    "playlistItems": "contentDetails",
    "videos": "snippet,statistics,status,contentDetails",
    "commentThreads": "snippet,replies",
    "comments": "snippet",
    "search": "snippet",
}
_TEXTS = ("commentThreads", "comments")
# A right that is missing for one request of a kind is missing for all of them.
_DENIED = frozenset(
    {"insufficientPermissions", "ACCESS_TOKEN_SCOPE_INSUFFICIENT", "accessNotConfigured", "SERVICE_DISABLED"}
)


@dataclass(frozen=True)
class Channel:
    """One of the company's channels.

    :param name: the account as messages name it: its handle without the @, else its title.
    :param uploads: the playlist of its videos.
    :param item: the channel as the API gave it.
    """

    id: str
    name: str
    title: str
    handle: str | None
    uploads: str
    item: Mapping[str, Any]


class Api:
    """Lists of one kind each, called as in the API's paths.

    :param version: as it stands in paths ("v3").
    """

    def __init__(self, client: Client, version: str) -> None:
        self.client = client
        self._version = version
        self._lock = threading.Lock()
        self._channels: dict[str, Channel | SourceError] = {}
        self._refused: SourceError | None = None
        self._denied: dict[str, SourceError] = {}  # by kind of list

    def list(self, kind: str, what: str, **params: Any) -> Mapping[str, Any]:
        """The answer of `<kind>.list`."""
        if kind in self._denied:
            raise self._denied[kind]
        texts = {"textFormat": "plainText"} if kind in _TEXTS else {}
        asked = {"part": _PARTS[kind], **texts, **{name: value for name, value in params.items() if value is not None}}
        path, bucket = f"/youtube/{self._version}/{kind}", SEARCH if kind == SEARCH else ""
        try:
            value: Mapping[str, Any] = self.client.get(path, asked, what=what, bucket=bucket).value
        except SourceError as error:
            if error.code in _DENIED:
                self._denied[kind] = error
            raise
        return value

    def page(self, kind: str, what: str, cursor: str | None, **params: Any) -> Page:
        """Items, and the cursor of the page after."""
        value = self.list(kind, what, pageToken=cursor, **params)
        following = value.get("nextPageToken")
        return items(value, what), following if isinstance(following, str) and following else None

    def by_id(self, kind: str, what: str, ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        """Those of `ids` that exist. One that does not may fail the whole request: it is found by halving."""
        if not ids:
            return {}
        try:
            most = {"maxResults": MOST_IDS} if kind == "videos" else {}
            found = mappings(items(self.list(kind, what, id=",".join(ids), **most), what))
            return {item["id"]: item for item in found if isinstance(item.get("id"), str)}
        except SourceError as error:
            if error.kind is not Kind.GONE:
                raise
            if len(ids) == 1:
                return {}
        middle = len(ids) // 2
        return self.by_id(kind, what, ids[:middle]) | self.by_id(kind, what, ids[middle:])

    def channel(self, entry: str) -> Channel:
        """The channel that sources.toml calls `entry`: `UC...`, `@handle`, or an old user name. Asked for once a run.

        :raises SourceError: of kind gone where there is none; what cannot succeed later is not asked for again.
        """
        with self._lock:
            if self._refused:
                raise self._refused
            if entry not in self._channels:
                try:
                    self._channels[entry] = self._channel(entry)
                except SourceError as error:
                    if error.kind is Kind.CREDENTIALS:
                        self._refused = error
                    if error.is_retryable:
                        raise
                    self._channels[entry] = error
            found = self._channels[entry]
        if isinstance(found, SourceError):
            raise found
        return found

    def _channel(self, entry: str) -> Channel:
        what = f"channel {entry}"
        for place in _places(entry):
            for item in mappings(self.list("channels", what, **place).get("items")):
                return _read(item, what)
        raise SourceError(
            Kind.GONE,
            f"{what}: YouTube knows no such channel; write its id (UC...) or its @handle into sources.toml",
            code="channelNotFound",
        )


def items(value: Mapping[str, Any], what: str) -> list[Any]:
    """The items of an answer; an answer without any may leave the list out."""
    found = value.get("items", [])
    if not isinstance(found, list):
        raise SourceError(Kind.CONTRACT, f"{what}: the answer's items are no list")
    return found


def _places(entry: str) -> Iterator[dict[str, str]]:
    if entry.startswith("UC"):
        yield {"id": entry}
    else:
        yield {"forHandle": entry if entry.startswith("@") else f"@{entry}"}
        if not entry.startswith("@"):
            yield {"forUsername": entry}


def _read(item: Mapping[str, Any], what: str) -> Channel:
    number, snippet = item.get("id"), item.get("snippet")
    snippet = snippet if isinstance(snippet, Mapping) else {}
    if not isinstance(number, str) or not number:
        raise SourceError(Kind.CONTRACT, f"{what}: the answer has no channel id")
    title, handle = snippet.get("title"), snippet.get("customUrl")
    title = title if isinstance(title, str) and title else number
    handle = handle if isinstance(handle, str) and handle else None
    name = handle.lstrip("@") if handle else title
    return Channel(number, name, title, handle, _uploads(item) or f"UU{number.removeprefix('UC')}", item)


def _uploads(item: Mapping[str, Any]) -> str | None:
    details = item.get("contentDetails")
    lists = details.get("relatedPlaylists") if isinstance(details, Mapping) else None
    found = lists.get("uploads") if isinstance(lists, Mapping) else None
    return found if isinstance(found, str) and found else None
