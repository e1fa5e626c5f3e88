"""What a LinkedIn source reads: posts of organisations, comments with replies, statistics by day, followers.

Sources: LinkedIn's "Posts API", "Comments API", "Social Metadata API", "Organization Share Statistics", "Network Size".
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from functools import partial
from typing import Annotated, Any
from urllib.parse import quote

from pydantic import AfterValidator, Field, field_validator, model_validator

from resonanz.errors import Kind, SourceError
from resonanz.http import Client, base_address
from resonanz.landing import Message, account_metrics
from resonanz.platforms import Context
from resonanz.social.linkedin.api import MOST_IDS, Api, comment_urn, replies
from resonanz.social.linkedin.items import Counted, number, parse_comment, parse_post
from resonanz.social.linkedin.metrics import NEEDS, SHARES, Metrics, span
from resonanz.social.linkedin.people import PLATFORM, People
from resonanz.social.network import Network, Timeline
from resonanz.social.notes import Notes
from resonanz.social.options import SocialOptions
from resonanz.social.pages import Page

VERSION = "202606"
_ORGANIZATION = re.compile(r"(?:urn:li:(?P<kind>organization|organizationBrand):)?(?P<number>\d+)")
_FOLLOWED = "COMPANY_FOLLOWED_BY_MEMBER"
_REFUSED_IN_A_ROW = 5  # threads; then the token is taken to read no comments at all


class Options(SocialOptions):
    """A LinkedIn source in sources.toml. More in docs/platforms/linkedin.md.

    :param organizations: the company's pages: their numbers or URNs (`urn:li:organization:123`).
    :param statistics: read impressions, reach, clicks and shares; needs the role ADMINISTRATOR on the page.
    :param page_size: posts in one answer, 100 at most.
    :param base_url: the API, or a proxy for it.
    :param version: of the API, as YYYYMM; LinkedIn serves each for about a year.
    :param auth_url: where a refresh token becomes an access token.
    """

    organizations: list[str] = Field(min_length=1)
    statistics: bool = True
    recheck_threads: int = Field(3, ge=0)
    page_size: int = Field(50, ge=1, le=100)
    base_url: Annotated[str, AfterValidator(base_address)] = "https://api.linkedin.com"
    version: str = Field(VERSION, pattern=r"^20\d{4}$")
    auth_url: Annotated[str, AfterValidator(base_address)] = "https://www.linkedin.com/oauth/v2/accessToken"

    @field_validator("organizations")
    @classmethod
    def _urns(cls, names: list[str]) -> list[str]:
        found = [(name, _ORGANIZATION.fullmatch(name.strip())) for name in names]
        for name, match in found:
            if match is None:
                raise ValueError(
                    f"{name!r} is no organisation; write its number, which stands in the address of its admin page "
                    "(linkedin.com/company/<number>/admin)"
                )
        return [f"urn:li:{one['kind'] or 'organization'}:{one['number']}" for _, one in found if one]

    @model_validator(mode="after")
    def _ours(self) -> "Options":
        self.company_accounts = [*self.company_accounts, *self.organizations]
        return self


class LinkedIn(Network):
    """One run over one source."""

    platform = PLATFORM
    lookup_size = MOST_IDS
    has_accounts = True
    source_wide = (Kind.LIMIT, Kind.CREDENTIALS)  # one post's comments may be forbidden
    options: Options

    def __init__(self, options: Options, context: Context, client: Client) -> None:
        super().__init__(options, context, client)
        self.notes = Notes.of(context)
        self.api = Api(client, self.notes)
        self.people = People(context.privacy)
        self.metrics = Metrics(self.api, context, options.statistics)
        self._refused: list[SourceError] = []  # threads whose comments may not be read, as long as none may

    def timelines(self) -> Mapping[str, Sequence[Timeline]]:
        lines = [
            Timeline(name=f"posts {urn}", page=partial(self._posts, urn), parse=self._post)
            for urn in self.options.organizations
        ]
        return {"posts": lines}

    def accounts(self) -> Mapping[str, Callable[[], Iterator[Message]]]:
        return {urn: partial(self._account, urn) for urn in self.options.organizations}

    def lookup(self, native_ids: Sequence[str]) -> Mapping[str, Message | None]:
        """Posts as they are now in one request, comments one by one."""
        self._meet()
        found: dict[str, Message | None] = {}
        comments = [name for name in native_ids if name.startswith("urn:li:comment:")]
        posts = [name for name in native_ids if name not in comments]
        there = self.api.batch("posts", f"{len(posts)} posts", posts) if posts else {}
        found |= {name: None for name, post in there.items() if post is None}
        for urn in self.options.organizations:
            own = [post for post in there.values() if post is not None and post.get("author") == urn]
            for counted in self.metrics.posts(urn, own, is_first=True):
                found[counted.item["id"]] = self._post(counted)
        for name in comments:
            known = self.known(name)
            if known is None or known.thread is None or known.parent is None:
                continue
            comment = self.api.comment(known.parent, name)
            above = known.parent if known.parent != known.thread else None
            found[name] = None if comment is None else self._comment(comment, name, known.thread, above)
        return found

    def thread_page(self, first: str, cursor: str | None) -> Page:
        """Comments below a post, each with its replies."""
        self._meet()
        if len(self._refused) >= _REFUSED_IN_A_ROW:
            raise self._refused[-1]
        try:
            items, following = self.api.comments(first, cursor)
        except SourceError as error:
            if error.kind is Kind.PERMISSION:
                self._refused.append(error)
            if error.kind is not Kind.GONE or self.api.batch("posts", f"post {first}", [first]).get(first) is None:
                raise
            return [], None  # the post is there, and nothing below it any more
        self._refused.clear()
        return [self._answered(first, item) for item in self._with_reactions(items)], following

    def answers(self, first: str, item: Any) -> Iterator[Message]:
        comment: Counted = item
        top = parse_comment(comment, self.people, first, self._account_of(first), None)
        yield top
        for reply in comment.replies:
            yield parse_comment(reply, self.people, first, self._account_of(first), top.native_id)
        if comment.failed is not None:
            raise comment.failed

    def name(self, urn: str) -> str:
        """What one of the company's organisations is called."""
        name = self.api.name(urn)
        self.people.is_ours(urn, name)
        return name

    def _posts(self, urn: str, cursor: str | None, newest: str | None) -> Page:
        """Posts with their counts. On a first load none comes without them, since older posts are read once."""
        self._meet()
        self.name(urn)
        posts, following = self.api.posts(urn, cursor, self.options.page_size)
        return list(self.metrics.posts(urn, posts, is_first=newest is None)), following

    def _post(self, counted: Counted) -> Message | None:
        return parse_post(counted, self.people)

    def _answered(self, first: str, comment: Counted) -> Counted:
        """A comment with its replies, asked for where there are some, or it does not say."""
        name, count = comment_urn(comment.item), replies(comment.item)
        if name is None or count == 0 or (count is None and first in self.metrics.flat):
            return comment
        try:
            below = self._with_reactions(self.api.replies(name))
        except SourceError as error:
            return Counted(comment.item, comment.metrics, comment.missing, failed=error)
        return Counted(comment.item, comment.metrics, comment.missing, replies=tuple(below))

    def _with_reactions(self, comments: Sequence[Any]) -> list[Counted]:
        """Comments with the reactions to them, asked for where they do not tell their number."""
        untold = [
            name
            for item in comments
            if isinstance(item, Mapping) and not isinstance(item.get("likesSummary"), Mapping)
            if (name := comment_urn(item)) is not None
        ]
        found = self.metrics.social("comments", untold)
        return [Counted(item, found.get(comment_urn(item) or "", {})) for item in comments]

    def _comment(self, item: Any, name: str, first: str, above: str | None) -> Message:
        (counted,) = self._with_reactions([item])
        message = parse_comment(counted, self.people, first, self._account_of(first), above)
        message.native_id = name
        return message

    def _account(self, urn: str) -> Iterator[Message]:
        name, number_of = self.name(urn), urn.rpartition(":")[2]
        failed: SourceError | None = None
        missing: dict[str, str] = {}
        if self.options.statistics:
            try:
                yield from self._days(urn, name, number_of)
            except SourceError as error:
                if error.kind is Kind.PERMISSION:
                    self.metrics.refuse(SHARES, urn, error)
                    missing = self.metrics.missing(urn)
                else:
                    failed = error
        if self.context.window is None:
            metrics = {}
            try:
                path = f"/{quote(urn, safe='')}"
                size = self.api.get("networkSizes", f"followers of {name}", path, edgeType=_FOLLOWED)
                followers = number(size.get("firstDegreeSize"))
                metrics = {"followers": followers} if followers is not None else {}
            except SourceError as error:
                if error.kind is not Kind.PERMISSION:
                    raise
                missing["followers"] = NEEDS[SHARES]
                self.context.notice(f"followers of {name} are {NEEDS[SHARES]}. {error.message}")
            yield account_metrics(PLATFORM, number_of, name, metrics, unavailable=missing, origin=f"organization {urn}")
        if failed is not None:
            raise failed

    def _days(self, urn: str, name: str, number_of: str) -> Iterator[Message]:
        """All of the organisation's posts together, day by day."""
        known = self.notes.setdefault("days", {})
        last = date.fromisoformat(known[urn]) if urn in known else None
        first, end = span(last, self.options.since, self.options.lookback_days, self.context.window)
        for day, counts in self.metrics.days(urn, first, end):
            if first <= day < end and counts:
                yield account_metrics(PLATFORM, number_of, name, counts, day=day, origin=f"statistics {urn}")
                known[urn] = max(day.isoformat(), known.get(urn, ""))

    def _account_of(self, first: str) -> str | None:
        """The organisation under whose post a thread stands."""
        known = self.known(first)
        return known.account if known is not None else None

    def _meet(self) -> None:
        """Know what all of the company's organisations are called before they are met in a thread."""
        for urn in self.options.organizations:
            try:
                self.name(urn)
            except SourceError as error:
                if error.kind is Kind.CREDENTIALS:
                    raise
