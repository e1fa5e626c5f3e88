"""Videos and comments of the YouTube Data API -> Messages, with every private person in them keyed.

Sources: the resources "Videos", "CommentThreads" and "Comments" of the YouTube Data API.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from resonanz.landing import Message
from resonanz.social.fields import Unreadable, field, mappings, utc
from resonanz.social.youtube.people import PLATFORM, People

_WATCH = "https://www.youtube.com/watch?v="
_VIDEO_METRICS = {
    "viewCount": ("views", "hidden by the channel"),
    "likeCount": ("reactions", "hidden by the channel"),
    "commentCount": ("comments", "comments are disabled"),
}
_NOT_THERE = frozenset({"deleted", "failed", "rejected"})
_FAULTS = (Unreadable, TypeError, AttributeError, KeyError, ValueError)


def is_public(video: Any) -> bool:
    """Whether others can watch the video; a channel that signs in gets its private and failed ones, too."""
    status = video.get("status") if isinstance(video, Mapping) else None
    if not isinstance(status, Mapping):
        return True
    return status.get("privacyStatus") != "private" and status.get("uploadStatus") not in _NOT_THERE


def parse_video(video: Any, people: People) -> Message:
    """The message in a video: a post of the company's, or somebody else's mention.

    :return: a message; with `parse_error` in words where the video is not what the API promises.
    """
    try:
        return _video(video, people)
    except _FAULTS as error:
        return _unreadable(video, people, error)


def parse_comment(comment: Any, people: People, video: str | None, replies: Any = None, thread: Any = None) -> Message:
    """The message in a comment or a reply.

    :param video: the video it stands below, where the comment does not tell.
    :param replies: for a thread's first comment, how many replies it has.
    :param thread: the thread around it, which then is its payload.
    :return: a message; with `parse_error` in words where the comment is not what the API promises.
    """
    try:
        return _comment(comment, people, video, replies, thread)
    except _FAULTS as error:
        return _unreadable(comment, people, error)


def parse_thread(thread: Any, people: People, video: str | None = None) -> Message:
    """The first comment of a thread; its replies stand in `inline_replies`."""
    snippet = thread.get("snippet") if isinstance(thread, Mapping) else None
    if not isinstance(snippet, Mapping):
        return _unreadable(thread, people, Unreadable("snippet is missing"))
    first = snippet.get("topLevelComment")
    own = snippet.get("videoId")
    around = {name: item for name, item in thread.items() if name != "replies"}
    return parse_comment(first, people, own if isinstance(own, str) else video, snippet.get("totalReplyCount"), around)


def written_at(thread: Any) -> datetime | None:
    """When a thread's first comment was written; None where that cannot be read."""
    try:
        first = field(field(thread, "snippet", Mapping), "topLevelComment", Mapping)
        return utc(field(field(first, "snippet", Mapping), "publishedAt", str), "publishedAt")
    except Unreadable:
        return None


def inline_replies(thread: Any) -> tuple[list[Mapping[str, Any]], bool]:
    """The replies that come with a thread, and whether they are all of them."""
    if not isinstance(thread, Mapping):
        return [], True
    replies, snippet = thread.get("replies"), thread.get("snippet")
    found = list(mappings(replies.get("comments"))) if isinstance(replies, Mapping) else []
    total = snippet.get("totalReplyCount") if isinstance(snippet, Mapping) else None
    return found, len(found) >= (count(total) or 0)


def _video(video: Any, people: People) -> Message:
    native_id, snippet = str(field(video, "id", str)), field(video, "snippet", Mapping)
    channel, title = str(field(snippet, "channelId", str)), snippet.get("channelTitle")
    title = title if isinstance(title, str) else None
    is_company = people.is_company(channel)
    said = "\n\n".join(part.strip() for part in _strings(snippet, "title", "description") if part.strip())
    text, is_repaired = people.text(said)
    metrics, unavailable = _metrics(video.get("statistics"))
    return Message(
        platform=PLATFORM,
        native_id=native_id,
        kind="post" if is_company else "mention",
        thread_native_id=native_id,
        author_key=people.key(channel),
        author_name=title if is_company else None,
        is_company=is_company,
        account=people.names.get(channel) or (title if is_company else None),
        created_at=utc(field(snippet, "publishedAt", str), "publishedAt"),
        created_at_precision="second",
        text=text or None,
        text_is_repaired=is_repaired,
        declared_language=next(_strings(snippet, "defaultLanguage", "defaultAudioLanguage"), None),
        url=_WATCH + native_id,
        metrics=metrics,
        unavailable_metrics=unavailable,
        payload=people.clean(video, channel, title),
    )


def _comment(comment: Any, people: People, video: str | None, replies: Any, thread: Any) -> Message:
    native_id, snippet = str(field(comment, "id", str)), field(comment, "snippet", Mapping)
    own = snippet.get("videoId")
    video = own if isinstance(own, str) and own else video
    parent = snippet.get("parentId")
    if not isinstance(parent, str) or not parent:  # a reply's id is its comment's, a dot and its own
        parent = native_id.rpartition(".")[0]
    channel, name = _author(snippet)
    author = channel or name
    is_company = people.is_company(channel, name)
    # What was typed; the text that is shown may have a video's title in place of its address.
    text, is_repaired = people.text(next(_strings(snippet, "textOriginal", "textDisplay"), ""))
    created = utc(field(snippet, "publishedAt", str), "publishedAt")
    edited = utc(snippet["updatedAt"], "updatedAt") if isinstance(snippet.get("updatedAt"), str) else created
    metrics = {"reactions": count(snippet.get("likeCount")), "comments": None if parent else count(replies)}
    page = snippet.get("channelId")
    return Message(
        platform=PLATFORM,
        native_id=native_id,
        kind="reply" if parent else "comment",
        parent_native_id=parent or video,
        thread_native_id=video,
        author_key=people.key(author) if author else None,
        author_name=name if is_company else None,
        is_company=is_company,
        account=people.names.get(page) if isinstance(page, str) else None,
        created_at=created,
        created_at_precision="second",
        edited_at=edited if edited != created else None,
        text=text or None,
        text_is_repaired=is_repaired,
        url=f"{_WATCH}{video}&lc={native_id}" if video else None,
        metrics={metric: value for metric, value in metrics.items() if value is not None},
        payload=people.clean(thread or comment, channel, name),
    )


def _metrics(statistics: Any) -> tuple[dict[str, float], dict[str, str]]:
    """What a video's statistics give, and why the rest is missing: YouTube leaves out what the channel hides."""
    if not isinstance(statistics, Mapping):
        return {}, {}
    found, missing = {}, {}
    for name, (metric, reason) in _VIDEO_METRICS.items():
        value = count(statistics.get(name))
        if value is not None:
            found[metric] = value
        elif name not in statistics:
            missing[metric] = reason
    return found, missing


def _unreadable(item: Any, people: People, error: Exception) -> Message:
    words = str(error) if isinstance(error, Unreadable) else "the item is not built as promised"
    native_id = item.get("id") if isinstance(item, Mapping) else None
    return Message(
        platform=PLATFORM,
        native_id=native_id if isinstance(native_id, str) else None,
        payload=_rest(item, people),
        parse_error=words,
    )


def _rest(item: Any, people: People) -> Any:
    """What can be kept of an item that could not be read: all but what may name somebody in a way that is not known."""
    if not isinstance(item, Mapping):
        return None
    snippet = item.get("snippet")
    if not isinstance(snippet, Mapping):
        return {name: item[name] for name in ("id", "kind", "etag") if isinstance(item.get(name), str)}
    channel, name = _author(snippet)
    told = {**item, "snippet": {name: part for name, part in snippet.items() if name != "authorChannelId"}}
    return people.clean(told, channel, name)


def _author(snippet: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """A comment's author: the channel's id, and its handle."""
    author = snippet.get("authorChannelId")
    channel = author.get("value") if isinstance(author, Mapping) else None
    return channel if isinstance(channel, str) and channel else None, next(_strings(snippet, "authorDisplayName"), None)


def _strings(value: Mapping[str, Any], *names: str) -> Iterator[str]:
    for name in names:
        if isinstance(found := value.get(name), str) and found:
            yield found


def count(value: Any) -> float | None:
    """A count, which the API gives as a number or, where it may be long, as a string."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value)
    return float(value) if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
