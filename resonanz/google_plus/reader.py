"""One run over the files of a Google+ source: what is new or changed in them, every message once."""

import hashlib
import logging
from collections.abc import Generator, Iterator, Mapping
from typing import Any

from resonanz.errors import Kind, SourceError
from resonanz.google_plus import page
from resonanz.google_plus.documents import documents, not_utf8
from resonanz.google_plus.files import UNREADABLE, Archives, Entry, entries, fault
from resonanz.google_plus.ids import DERIVED, OPEN, Ids, code_of
from resonanz.google_plus.known import cut_name
from resonanz.google_plus.parts import is_public
from resonanz.google_plus.people import People
from resonanz.google_plus.posts import Posts
from resonanz.landing import Message
from resonanz.platforms import Context

log = logging.getLogger(__name__)
_READ_AS = 1  # raise it when files must be read again because reading itself has changed
_TAKEOUT = frozenset({"activityId", "creationTime", "postAcl", "resharedPost", "plusOnes"})
_STAMP = 16  # characters
_LIMITED = (
    "{count:,} posts of private people that were shared with circles or single people only were left out; if they are "
    "the company's own, add the page to company_accounts"
)
_NOBODY = (
    "none of the posts that were read is by one of the company's accounts; add the page's name, id or address to "
    "company_accounts, where this is its own archive"
)


class Reader:
    """Reads the files of one source.

    :param options: `Options` of resonanz.platforms.google_plus.
    """

    def __init__(self, options: Any, context: Context) -> None:
        self._options = options
        self._context = context
        self._archives = Archives()
        self._seen: set[bytes] = set()  # native ids of this run
        self._read: set[str] = set()  # places whose JSON is in order, now or since an earlier run
        self._limited = self._posts = self._own = 0

    def read(self, state: dict[str, Any]) -> Iterator[Message]:
        """The messages of new and changed files; in a backfill, those of all files from its window.

        `state`: `files` has 32 characters for each file read (what it is known by, and its content), `posts` the ids
        of all posts met, `names` the company's accounts, `reading` how files were read.
        """
        if self._context.window is not None:
            state = {}  # a backfill must find everything, and leaves no trace
        files = self._files(state)
        self._people = People(self._context.privacy, state.setdefault("names", {}))
        self._parser = Posts(self._people, Ids(state.setdefault("posts", {})), self._options.account)
        try:
            found = entries(self._options.files, self._context.base, self._archives, self._context.problems)
            pages = {entry.place for entry in found if entry.is_page}
            for entry in found:
                mark = self._changed(entry, files)
                if mark is not None and not (entry.is_page and entry.place in self._read):
                    if not (yield from self._messages(entry)):
                        continue
                    if mark:
                        files[entry.key] = mark
                if entry.place in pages:
                    self._read.add(entry.place)
        finally:
            self._archives.close()
        self._tell(len(found))

    def _files(self, state: dict[str, Any]) -> dict[str, str]:
        accounts = sorted(self._context.privacy.company_accounts)
        reading = hashlib.sha256(f"{_READ_AS}\n{self._options.account}\n{accounts}".encode()).hexdigest()[:_STAMP]
        if state.get("reading") != reading:
            state |= {"reading": reading, "files": {}}
        files: dict[str, str] = state["files"]
        return files

    def _changed(self, entry: Entry, files: dict[str, str]) -> str | None:
        """What to remember of a file once it is read; None for one that is unchanged, "" where it cannot be told."""
        before = files.get(entry.key, "")
        if before[:_STAMP] == entry.stamp:
            return None
        if entry.member is not None:
            return entry.stamp  # an archive lists what its members contain
        try:
            with entry.path.open("rb") as file:
                mark = entry.stamp + hashlib.file_digest(file, "sha256").hexdigest()[:_STAMP]
        except OSError:
            return ""  # reading it will say why
        if before[_STAMP:] == mark[_STAMP:]:
            files[entry.key] = mark
            return None
        return mark

    def _messages(self, entry: Entry) -> Generator[Message, None, bool]:
        """The messages of one file, and whether all of it could be read."""
        try:
            for message in self._parsed(entry):
                if message.parse_error is None:
                    mark = hashlib.blake2b((message.native_id or "").encode(), digest_size=8).digest()
                    window = self._context.window
                    is_outside = window is not None and (message.created_at is None or message.created_at not in window)
                    if mark in self._seen or is_outside:
                        continue
                    self._seen.add(mark)
                elif self._context.window is not None:
                    continue
                yield message
        except SourceError as error:
            self._context.problems.append(error)
            return False
        except RecursionError:
            self._context.problems.append(SourceError(Kind.CONTRACT, f"{entry.shown}: its JSON is nested too deep"))
            return False
        except UNREADABLE as error:
            self._context.problems.append(fault(entry.shown, error))
            return False
        return True

    def _parsed(self, entry: Entry) -> Iterator[Message]:
        origin = cut_name(entry.name)
        with self._archives.open(entry) as file:
            if entry.is_page:
                content = file.read(page.LONGEST + 1)
                yield from self._page(content, entry, origin)
                return
            for number, document in enumerate(documents(file, entry.shown), start=1):
                yield from self._document(document, entry, f"{origin}:{number}" if number > 1 else origin)

    def _page(self, content: bytes, entry: Entry, origin: str) -> Iterator[Message]:
        if len(content) > page.LONGEST:
            raise SourceError(Kind.CONTRACT, f"{entry.shown}: a page of more than {page.LONGEST:,} bytes is no post")
        try:
            found = page.post(content.decode("utf-8-sig"))
        except UnicodeDecodeError:
            raise not_utf8(entry.shown) from None
        if found is None:
            raise SourceError(
                Kind.CONTRACT,
                f"{entry.shown}: a page without a post (a link to plus.google.com/…/posts/… and class main-content); "
                f"take it out of `files`, or out of the archive again if it is cut off",
            )
        style = self._parser.ids.style(None, code_of(found["url"]))
        if style in (None, OPEN, DERIVED):  # else a better form with all its comments has been read
            yield from self._takeout(found, origin, has_post=style != OPEN)

    def _document(self, document: Any, entry: Entry, origin: str) -> Iterator[Message]:
        kind = str(document.get("kind", "")) if isinstance(document, Mapping) else ""
        if kind.startswith("plus#people") or kind.startswith("plus#person"):
            self._context.notice(f"{entry.shown}: lists of people are not read, only activities and comments")
        elif kind == "plus#comment" or (isinstance(document, Mapping) and "inReplyTo" in document):
            yield self._parser.comment(document, origin)
        elif kind == "plus#activity" or (isinstance(document, Mapping) and {"actor", "object"} <= document.keys()):
            for message in self._parser.activity(document, origin):
                self._count(message)
                yield message
        elif isinstance(document, Mapping) and document.keys() & _TAKEOUT and "postUrl" not in document:
            yield from self._takeout(document, origin)
        elif not kind.endswith("Feed"):  # a feed's last page has no items
            raise SourceError(
                Kind.CONTRACT,
                f"{entry.shown}: neither a post of Takeout (activityId, creationTime) nor an activity or comment of "
                f"API v1 (kind); take it out of `files`",
            )

    def _takeout(self, raw: Mapping[str, Any], origin: str, *, has_post: bool = True) -> Iterator[Message]:
        if not is_public(raw) and not self._people.person(raw.get("author")).is_company:
            self._limited += 1
            return
        for message in self._parser.takeout(raw, origin, has_post=has_post):
            self._count(message)
            yield message

    def _count(self, message: Message) -> None:
        if message.kind in ("post", "mention"):
            self._posts += 1
            self._own += message.is_company

    def _tell(self, files: int) -> None:
        log.info("%d files; %d posts read, %d of them by the company", files, self._posts, self._own)
        if self._limited:
            self._context.notice(_LIMITED.format(count=self._limited))
        if self._posts and not self._own:
            self._context.notice(_NOBODY)
