"""One post of a Takeout, or one resource of API v1, with the comments in it -> Messages.

Sources: Google Takeout, "Google+ Stream" (activityId, author, content, comments, plusOnes, reshares, postAcl);
Google+ API v1 reference, resources Activities and Comments.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from resonanz.google_plus import content as said
from resonanz.google_plus.ids import Ids, code_of
from resonanz.google_plus.known import WHEREABOUTS, Known
from resonanz.google_plus.parts import last, linked, lists, moment, part, string, total, totals
from resonanz.google_plus.people import PLATFORM, People, Person
from resonanz.landing import Message
from resonanz.social.fields import Unreadable, field, mappings

_SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class Thread:
    """The post on which comments stand: its ids in the archive, our id, and the account it stands under."""

    activity_id: str | None
    code: str | None
    native_id: str | None
    account: str | None
    url: str | None


class Posts:
    """Parses the posts and comments of one source.

    :param account: what stands for the company's account or page; without it the name of who posted.
    """

    def __init__(self, people: People, ids: Ids, account: str | None = None) -> None:
        self.people = people
        self.ids = ids
        self._account = account

    def takeout(self, raw: Mapping[str, Any], origin: str, *, has_post: bool = True) -> Iterator[Message]:
        """The post and its comments, out of Takeout's JSON; `has_post = False`: only the comments are new."""
        known = self._known(raw)
        origin = known.word(origin)
        shared = raw.get("resharedPost")
        author = self.people.person(raw.get("author"))
        address, activity_id = string(raw, "url"), string(raw, "activityId")
        code = code_of(address) or last(string(raw, "resourceName"), "posts")
        thread = Thread(activity_id, code, self.ids.post(activity_id, code), None, known.word(address or "") or None)
        bare = {name: value for name, value in raw.items() if name != "comments"}

        def post() -> Message:
            if thread.native_id is None:
                raise Unreadable("activityId, url and resourceName are missing, so the post has no id")
            text, is_repaired = self._text(raw, "content", known)
            metrics = {name: len(people) for name, people in lists(raw)}
            if text is None and not metrics:
                metrics = {"reactions": 0}  # Takeout lists everybody who gave +1, and leaves the list out if nobody did
            return self._message(
                raw, author, thread, ("creationTime", "updateTime"), known, bare, text, is_repaired, metrics, shared
            )

        message = self._safely(post, thread.native_id, known, bare, origin)
        thread = Thread(activity_id, code, thread.native_id, self._under(message, author), thread.url)
        if has_post:
            yield message
        else:
            self.ids.derive(activity_id, code)
        if not isinstance(raw.get("comments"), list | None):
            yield self._fault("comments should be a list", None, None, origin)
        for comment in mappings(raw.get("comments")):
            given = string(comment, "commentActivityId") or last(string(comment, "resourceName"), "comments")
            yield self._comment(comment, given, thread, known, origin, ("creationTime", "updateTime"), comment)
        if activity_id:
            self.ids.close(activity_id, code)

    def activity(self, raw: Mapping[str, Any], origin: str) -> Iterator[Message]:
        """One plus#activity, and comments that an archive has put into its `object.replies`."""
        known = self._known(raw)
        origin = known.word(origin)
        author = self.people.person(raw.get("actor"))
        what = part(raw, "object")
        address, activity_id = string(raw, "url") or string(what, "url"), string(raw, "id")
        code = code_of(address)
        thread = Thread(activity_id, code, self.ids.post(activity_id, code), None, known.word(address or "") or None)
        is_share = raw.get("verb") == "share"
        bare = {name: value for name, value in raw.items() if name != "title"}  # the start of the text, once more

        def post() -> Message:
            if not activity_id:
                raise Unreadable("id is missing")
            field(raw, "object", Mapping)
            # What a share says of its own is its annotation; its object is somebody else's post.
            text, is_repaired = self._text(raw, "annotation", known) if is_share else self._text(what, "content", known)
            metrics = dict(totals(what))
            shared = what if is_share else None
            return self._message(
                raw, author, thread, ("published", "updated"), known, bare, text, is_repaired, metrics, shared
            )

        message = self._safely(post, thread.native_id, known, bare, origin)
        yield message
        thread = Thread(activity_id, code, thread.native_id, self._under(message, author), thread.url)
        for comment in mappings(part(what, "replies").get("items")):
            yield self._api_comment(comment, thread, known, origin)

    def comment(self, raw: Mapping[str, Any], origin: str) -> Message:
        """One plus#comment."""
        known = self._known(raw)
        on = next(mappings(raw.get("inReplyTo")), {})
        activity_id, address = string(on, "id"), string(on, "url")
        if not activity_id and (own := string(raw, "id")):
            activity_id = own.replace("#", ".").partition(".")[0] if own.startswith("z") else None
        code = code_of(address)
        post = self.ids.post(activity_id, code) if activity_id or code else None
        thread = Thread(activity_id, code, post, self.people.company_at(address), known.word(address or "") or None)
        return self._api_comment(raw, thread, known, known.word(origin))

    def _api_comment(self, raw: Mapping[str, Any], thread: Thread, known: Known, origin: str) -> Message:
        what = part(raw, "object")
        return self._comment(raw, string(raw, "id"), thread, known, origin, ("published", "updated"), what)

    def _comment(
        self,
        raw: Mapping[str, Any],
        given: str | None,
        thread: Thread,
        known: Known,
        origin: str,
        times: tuple[str, str],
        what: Mapping[str, Any],
    ) -> Message:
        author = self.people.person(raw.get("author") or raw.get("actor"))

        def parse_comment() -> Message:
            text, is_repaired = self._text(what, "content", known)
            created_at, _ = moment(raw, times[0])
            native_id = self.ids.comment(given, thread.activity_id, thread.code, created_at, text)
            if native_id is None:
                raise Unreadable("a comment has neither an id nor a time")
            metrics = {"reactions": count} if (count := total(raw, "plusoners")) is not None else {}
            metrics |= {name: len(people) for name, people in lists(raw) if name == "reactions"}
            return self._message(raw, author, thread, times, known, raw, text, is_repaired, metrics, None, native_id)

        return self._safely(parse_comment, given, known, raw, origin)

    def _message(
        self,
        raw: Mapping[str, Any],
        author: Person,
        thread: Thread,
        times: tuple[str, str],
        known: Known,
        bare: Mapping[str, Any],
        text: str | None,
        is_repaired: bool,
        metrics: dict[str, int],
        shared: Any,
        comment_id: str | None = None,
    ) -> Message:
        created_at, precision = moment(raw, times[0])
        edited_at, _ = moment(raw, times[1])
        is_edited = created_at is not None and edited_at is not None and edited_at - created_at >= _SECOND
        called = None if comment_id or author.is_company else self._called(raw, shared)
        return Message(
            platform=PLATFORM,
            native_id=known.word(comment_id or thread.native_id or ""),
            kind="comment" if comment_id else "mention" if called else "post",
            parent_native_id=known.word(thread.native_id) if comment_id and thread.native_id else None,
            thread_native_id=known.word(thread.native_id) if thread.native_id else None,
            author_key=author.key,
            author_name=author.name,
            is_company=author.is_company,
            account=self._account or thread.account or author.name or called,
            created_at=created_at,
            created_at_precision=precision,
            edited_at=edited_at if is_edited else None,
            text=text,
            text_is_repaired=is_repaired,
            url=thread.url,
            metrics=dict(metrics),
            payload=self._payload(bare, known, is_company=author.is_company),
        )

    def _under(self, message: Message, author: Person) -> str | None:
        """The account under which a post's comments stand, also where the post itself could not be parsed."""
        return message.account or self._account or author.name

    def _called(self, raw: Mapping[str, Any], shared: Any) -> str | None:
        """The company account that a post names, or whose post it shares on."""
        what = part(raw, "object")
        named = [*said.mentioned(raw.get("content") or what.get("content")), *said.mentioned(raw.get("annotation"))]
        if isinstance(shared, Mapping):
            named.append(shared.get("author") or shared.get("actor") or {})
        found = (self.people.person(person) for person in named)
        return next((person.name for person in found if person.is_company), None)

    def _text(self, raw: Mapping[str, Any], name: str, known: Known) -> tuple[str | None, bool]:
        if raw.get(name) is None:
            return None, False
        return said.text(field(raw, name, str), self.people, known)

    def _known(self, raw: Mapping[str, Any]) -> Known:
        known = Known(self.people)
        known.collect(raw)
        for person in linked(raw):
            known.add(self.people.person(person))
        return known

    def _payload(self, raw: Mapping[str, Any], known: Known, *, is_company: bool) -> Any:
        kept = raw if is_company else {name: value for name, value in raw.items() if name not in WHEREABOUTS}
        return known.payload(kept, lambda html: said.keyed_html(html, self.people, known))

    def _safely(
        self, parse_it: Any, native_id: str | None, known: Known, raw: Mapping[str, Any], origin: str
    ) -> Message:
        try:
            message: Message = parse_it()
        except Unreadable as error:
            try:
                payload = self._payload(raw, known, is_company=False)
            except (TypeError, ValueError, AttributeError, RecursionError):
                payload = {}
            return self._fault(str(error), known.word(native_id) if native_id else None, payload, origin)
        message.origin = origin
        return message

    def _fault(self, words: str, native_id: str | None, payload: Any, origin: str) -> Message:
        return Message(platform=PLATFORM, native_id=native_id, payload=payload or {}, origin=origin, parse_error=words)
