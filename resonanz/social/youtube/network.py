"""What a YouTube source reads: uploads, comments with replies, searches, a channel's figures.

Sources: "Channels", "PlaylistItems", "Videos", "CommentThreads", "Comments" and "Search" of the YouTube Data API.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from functools import partial
from typing import Annotated, Any

from pydantic import AfterValidator, Field, model_validator

from resonanz.errors import Kind, SourceError
from resonanz.http import Client, base_address
from resonanz.http_answers import GARBLED
from resonanz.landing import Message, account_metrics
from resonanz.platforms import Context
from resonanz.social.fields import mappings
from resonanz.social.network import Network, Timeline
from resonanz.social.notes import Notes
from resonanz.social.options import SocialOptions
from resonanz.social.pages import CURSOR_EXPIRED, Page, paged
from resonanz.social.youtube.api import MOST_IDS, SEARCH, Api, Channel
from resonanz.social.youtube.items import (
    count,
    inline_replies,
    is_public,
    parse_comment,
    parse_thread,
    parse_video,
    written_at,
)
from resonanz.social.youtube.people import PLATFORM, People

_HIDDEN = "hidden by the channel"
_THREADS, _REPLIES, _RESULTS = 100, 100, 50  # the most in one answer


class Options(SocialOptions):
    """A YouTube source in sources.toml. More in docs/platforms/youtube.md.

    :param channels: the company's channels: `UC...`, `@handle`, or an old user name.
    :param search: what to search for: videos of others that name the brand. Each costs one of 100 searches a day.
    :param search_every_hours: at least so long between two searches for the same words.
    :param search_comments: read the comments below what a search found, too.
    :param base_url: the API, or a proxy for it.
    :param version: of the API.
    :param auth_url: where a refresh token becomes an access token.
    """

    channels: list[str] = Field(default_factory=list)
    search: list[str] = Field(default_factory=list)
    search_every_hours: float = Field(6, ge=0)
    search_comments: bool = False
    recheck_threads: int = Field(5, ge=0)
    base_url: Annotated[str, AfterValidator(base_address)] = "https://www.googleapis.com"
    version: str = Field("v3", pattern=r"^v\d+$")
    auth_url: Annotated[str, AfterValidator(base_address)] = "https://oauth2.googleapis.com/token"

    @model_validator(mode="after")
    def _complete(self) -> "Options":
        self.channels = [channel.strip() for channel in self.channels]
        self.search = [query.strip() for query in self.search]
        if not all([*self.channels, *self.search]) or not (self.channels or self.search):
            raise ValueError("name at least one entry in channels or search, and no empty ones")
        if "company_accounts" not in self.model_fields_set:
            self.company_accounts = list(self.channels)
        return self


class YouTube(Network):
    """One run over one source."""

    platform = PLATFORM
    lookup_size = MOST_IDS
    has_accounts = True
    source_wide = (Kind.LIMIT, Kind.CREDENTIALS)  # one video's comments may be forbidden
    options: Options

    def __init__(self, options: Options, context: Context, client: Client) -> None:
        super().__init__(options, context, client)
        self.api = Api(client, options.version)
        self.people = People(context.privacy)
        self.notes = Notes.of(context)
        self._tops: dict[str, datetime] = {}  # timeline -> its newest comment

    def timelines(self) -> Mapping[str, Sequence[Timeline]]:
        """New comments stand in a list of all of a channel's, too: a video of two years ago is not read for them."""
        streams: dict[str, list[Timeline]] = {}
        for name in self.options.channels:
            uploads = Timeline(
                name=f"uploads {name}", page=partial(self._uploads, name), parse=self._post, rereads="lookup"
            )
            streams.setdefault("videos", []).append(uploads)
            if self.options.replies:
                recent = Timeline(
                    name=f"comments {name}", page=partial(self.recent, name), parse=self._thread, fetch_ahead=False
                )
                streams.setdefault("channel_comments", []).append(recent)
        for words in self.options.search:
            found = Timeline(
                name=f"search {words}", page=partial(self._search, words), parse=self._mention, fetch_ahead=False
            )
            streams.setdefault("search", []).append(found)
        return streams

    def accounts(self) -> Mapping[str, Callable[[], Iterator[Message]]]:
        return {name: partial(self._account, name) for name in self.options.channels}

    def lookup(self, native_ids: Sequence[str]) -> Mapping[str, Message | None]:
        """Videos, comments and replies by id; a video that became private is gone, like one that was deleted."""
        self._meet()
        kinds = {name: known.kind if (known := self.known(name)) else None for name in native_ids}
        threads = [name for name, kind in kinds.items() if kind == "comment"]
        replies = [name for name, kind in kinds.items() if kind == "reply"]
        videos = [name for name in native_ids if name not in threads and name not in replies]
        found: dict[str, Message | None] = dict.fromkeys(native_ids)
        for name, item in self.api.by_id("videos", "young videos", videos).items():
            found[name] = parse_video(item, self.people) if is_public(item) else None
        for name, item in self.api.by_id("commentThreads", "young comments", threads).items():
            found[name] = parse_thread(item, self.people, self._video_of(name))
        for name, item in self.api.by_id("comments", "young replies", replies).items():
            found[name] = parse_comment(item, self.people, self._video_of(name))
        return {name: found[name] for name in native_ids}

    def thread_of(self, message: Message) -> str | None:
        if message.kind == "mention" and not self.options.search_comments:
            return None
        return message.native_id

    def thread_page(self, first: str, cursor: str | None) -> Page:
        """The threads below a video, newest first; of a comment, its own thread."""
        self._meet()
        known = self.known(first)
        if known is not None and known.kind == "comment":
            found = self.api.by_id("commentThreads", f"comment {first}", [first])
            if not found:
                raise SourceError(Kind.GONE, f"comment {first} is not there any more", code="commentThreadNotFound")
            return list(found.values()), None
        try:
            return self.api.page(
                "commentThreads", f"comments of video {first}", cursor, videoId=first, order="time", maxResults=_THREADS
            )
        except SourceError as error:
            if error.code == "commentsDisabled":
                return [], None
            raise

    def answers(self, first: str, item: Any) -> Iterator[Message]:
        """A thread's comment and its replies, asked for where they did not all come with it."""
        top = parse_thread(item, self.people, self._video_of(first))
        yield top
        shown, is_all = inline_replies(item)
        seen: set[Any] = set()
        for reply in [*shown, *(() if is_all or not top.native_id else self._replies(top.native_id))]:
            if not isinstance(reply, Mapping) or reply.get("id") not in seen:
                seen.add(reply.get("id") if isinstance(reply, Mapping) else None)
                yield parse_comment(reply, self.people, top.thread_native_id)

    def _replies(self, comment: str) -> Iterator[Any]:
        what = f"replies to comment {comment}"

        def page(cursor: str | None) -> Page:
            return self.api.page("comments", what, cursor, parentId=comment, maxResults=_REPLIES)

        try:
            for found, _ in paged(page, None, what):
                yield from found
        except SourceError as error:
            if error.kind is not Kind.GONE:  # taken back meanwhile: the thread's next reading shows it
                raise

    def _uploads(self, name: str, cursor: str | None, newest: str | None) -> Page:
        """Videos, newest first. The playlist gives their ids, and still names those that are deleted or private."""
        self._meet()
        playlist = self.channel(name).uploads
        try:
            listed, following = self.api.page(
                "playlistItems", f"uploads of {name}", cursor, playlistId=playlist, maxResults=MOST_IDS
            )
        except SourceError as error:
            if error.code == "playlistNotFound":  # so it is for a channel that has no video yet
                return [], None
            raise
        ids = [_text(item, "contentDetails", "videoId") for item in mappings(listed)]
        return self._videos(f"videos of {name}", ids), following

    def _videos(self, what: str, ids: Sequence[str | None]) -> list[Any]:
        names = list(dict.fromkeys(name for name in ids if name))
        found = self.api.by_id("videos", what, names)
        return [found[name] for name in names if name in found and is_public(found[name])]

    def recent(self, name: str, cursor: str | None, newest: str | None) -> Page:
        """The newest threads below all of a channel's videos. A first load takes the look-back window from here, for
        each video's own comments bring the rest."""
        self._meet()
        what, channel = f"comments on channel {name}", self.channel(name)
        try:
            threads, following = self.api.page(
                "commentThreads",
                what,
                cursor,
                allThreadsRelatedToChannelId=channel.id,
                order="time",
                maxResults=_THREADS,
            )
        except SourceError as error:
            if error.code == "commentsDisabled":
                return [], None
            if error.kind not in (Kind.CONTRACT, Kind.GONE) or error.code in (GARBLED, CURSOR_EXPIRED):
                raise
            words = "new comments below videos older than lookback_days are not found this time"
            self.context.notice(f"{error.message} {words[0].upper()}{words[1:]}.")
            return [], None
        written = [at for thread in threads if (at := written_at(thread))]
        if newest is None and self.context.window is None and written:
            top = self._tops.setdefault(name, max(written))
            if min(written) < top - timedelta(days=self.options.lookback_days):
                following = None
        return threads, following

    def _search(self, words: str, cursor: str | None, newest: str | None) -> Page:
        """Videos that others have uploaded. The words are searched for only so often, since searches are few."""
        self._meet()
        window, note, now = self.context.window, f"searched {words}", datetime.now(UTC)
        last = self.notes.get(note)
        every = timedelta(hours=self.options.search_every_hours)
        if cursor is None and window is None and last and now - datetime.fromisoformat(last) < every:
            return [], None
        since = datetime.combine(self.options.since, time.min, UTC) if self.options.since else None
        found, following = self.api.page(
            SEARCH,
            f"search {words}",
            cursor,
            q=words,
            type="video",
            order="date",
            safeSearch="none",
            maxResults=_RESULTS,
            publishedAfter=_stamp(window.since if window else since),
            publishedBefore=_stamp(window.until if window else None),
        )
        ids = [_text(item, "id", "videoId") for item in mappings(found)]
        videos = self._videos(f"videos found by {words}", ids)
        self.notes[note] = now.isoformat(timespec="seconds")
        return videos, following

    def _post(self, video: Any) -> Message:
        return parse_video(video, self.people)

    def _mention(self, video: Any) -> Message | None:
        message = parse_video(video, self.people)
        return None if message.is_company else message

    def _thread(self, thread: Any) -> Message:
        return parse_thread(thread, self.people)

    def _account(self, name: str) -> Iterator[Message]:
        channel = self.channel(name)
        statistics = channel.item.get("statistics")
        statistics = statistics if isinstance(statistics, Mapping) else {}
        metrics = {"followers": count(statistics.get("subscriberCount")), "views": count(statistics.get("viewCount"))}
        if statistics.get("hiddenSubscriberCount") is True:
            metrics["followers"] = None
        missing = {metric: _HIDDEN for metric, value in metrics.items() if value is None and statistics}
        for metric in missing:
            self.context.notice(f"channel {name}: {metric} are {_HIDDEN}")
        known = {metric: value for metric, value in metrics.items() if value is not None}
        yield account_metrics(PLATFORM, channel.id, channel.name, known, unavailable=missing, origin=f"channel {name}")

    def channel(self, name: str) -> Channel:
        """The channel that the options call `name`; from now on it counts as the company's."""
        channel = self.api.channel(name)
        if channel.id not in self.people.names:
            handles = [handle for handle in (channel.handle, name) if handle and handle != channel.id]
            self.people.is_ours(channel.id, channel.name, *handles)
        return channel

    def _meet(self) -> None:
        """Know all of the company's channels before anybody is taken for a private person."""
        for name in self.options.channels:
            try:
                self.channel(name)
            except SourceError as error:
                if error.kind is Kind.CREDENTIALS:
                    raise

    def _video_of(self, name: str) -> str | None:
        """The video below which a message stands, or that it is."""
        known = self.known(name)
        return known.thread if known is not None else name


def _text(item: Any, part: str, name: str) -> str | None:
    inner = item.get(part)
    found = inner.get(name) if isinstance(inner, Mapping) else None
    return found if isinstance(found, str) else None


def _stamp(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None
