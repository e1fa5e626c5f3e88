"""Google Business Profile: reviews of a company's locations, with the owner's replies.

Sources: "accounts.locations.reviews" (list, get, Review), "Work with review data", "accounts.locations" of the Business
Information API and "Limits" of the Google Business Profile APIs.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Annotated, Any

from pydantic import AfterValidator, Field, model_validator

from resonanz.errors import Kind, SourceError
from resonanz.http import Client, base_address
from resonanz.landing import Message
from resonanz.platforms import Check, Context
from resonanz.social import sources
from resonanz.social.fields import Unreadable, field, utc
from resonanz.social.google_errors import ZONE, explain
from resonanz.social.network import Network, Timeline
from resonanz.social.oauth import fresh_token, has_refresh_token
from resonanz.social.options import SocialOptions
from resonanz.social.pages import Page, paged
from resonanz.social.texts import whole

PLATFORM = "google_business"
BUDGET_ZONE = ZONE
_PAGE = 50  # the most that the API gives at once
_STARS = {"ONE": 1.0, "TWO": 2.0, "THREE": 3.0, "FOUR": 4.0, "FIVE": 5.0}
_NAME = re.compile(r"accounts/[^/\s]+/locations/[^/\s]+")
_ACCOUNT = re.compile(r"accounts/[^/\s]+")
# Google's own translation stands in front of, or behind, what was written in another language than the reader's.
_TRANSLATION = re.compile(r"\n\n\(Translated by Google\)\n.*\Z", re.DOTALL)
_ORIGINAL = re.compile(r"\A\(Translated by Google\)\s.*\n\n\(Original\)\n", re.DOTALL)


class Options(SocialOptions):
    """A Google Business Profile source in sources.toml. More in docs/platforms/google_business.md.

    :param locations: `accounts/<account id>/locations/<location id>`.
    :param account: `accounts/<account id>`: all locations of the account, listed in each run; not beside `locations`.
    :param base_url: the API of reviews, or a proxy for it.
    :param version: of that API.
    :param locations_url: the API that lists an account's locations.
    :param auth_url: where a refresh token becomes an access token.
    """

    locations: list[str] = Field(default_factory=list)
    account: str | None = None
    base_url: Annotated[str, AfterValidator(base_address)] = "https://mybusiness.googleapis.com"
    version: str = Field("v4", pattern=r"^v\d+$")
    locations_url: Annotated[str, AfterValidator(base_address)] = "https://mybusinessbusinessinformation.googleapis.com"
    auth_url: Annotated[str, AfterValidator(base_address)] = "https://oauth2.googleapis.com/token"

    @model_validator(mode="after")
    def _complete(self) -> "Options":
        self.locations = [name.strip().strip("/") for name in self.locations]
        if bool(self.locations) == bool(self.account):
            raise ValueError("name either `locations` or one `account`")
        for name in self.locations:
            if not _NAME.fullmatch(name):
                raise ValueError(f"locations: {name!r}: write accounts/<account id>/locations/<location id>")
        if self.account is not None and not _ACCOUNT.fullmatch(self.account):
            raise ValueError(f"account: {self.account!r}: write accounts/<account id>")
        return self


class GoogleBusiness(Network):
    """One run over one Google Business Profile source."""

    platform = PLATFORM
    options: Options
    has_threads = False
    lookup_size = 1

    def __init__(self, options: Options, context: Context, client: Client, listing: Client) -> None:
        super().__init__(options, context, client)
        self._listing = listing
        self._titles: dict[str, str] = {}

    def timelines(self) -> Mapping[str, Sequence[Timeline]]:
        """`reviews`, a timeline per location, those that changed last first."""
        return {"reviews": Locations(self)}

    def timeline(self, location: str) -> Timeline:
        """The reviews of one location."""
        return Timeline(
            name=location,
            page=partial(self._reviews, location),
            parse=partial(self._messages, location),
            sorted_at=lambda message: message.edited_at or message.created_at,
        )

    def locations(self) -> list[str]:
        """The locations of the options, or all of the account's."""
        if not self.options.account:
            return self.options.locations
        found: list[str] = []
        for page, _ in paged(self._locations, None, f"locations of {self.options.account}"):
            for item in page:
                if isinstance(item.get("name"), str):
                    found.append(f"{self.options.account}/{item['name']}")
                    self._titles[found[-1]] = str(item.get("title") or item["name"])
        return found

    def title(self, location: str) -> str:
        """The location as its customers know it; where that cannot be told, by its id."""
        if location not in self._titles:
            own = location[location.index("locations/") :]
            try:
                answer = self._listing.get(f"/v1/{own}", {"readMask": "title"}, what=f"title of {own}").value
                self._titles[location] = str(answer.get("title") or own)
            except SourceError as error:
                self.context.notice(f"{own} goes by its id, since its title cannot be read: {error.message}")
                self._titles[location] = own
        return self._titles[location]

    def _locations(self, cursor: str | None) -> Page:
        account = self.options.account
        params = {"readMask": "name,title", "pageSize": 100, **({"pageToken": cursor} if cursor else {})}
        answer = self._listing.get(f"/v1/{account}/locations", params, what=f"locations of {account}").value
        return answer.get("locations") or [], answer.get("nextPageToken") or None

    def _reviews(self, location: str, cursor: str | None, _: str | None) -> Page:
        params = {"pageSize": _PAGE, "orderBy": "updateTime desc", **({"pageToken": cursor} if cursor else {})}
        path = f"/{self.options.version}/{location}/reviews"
        answer = self.client.get(path, params, what=f"reviews of {location}").value
        found = answer.get("reviews", [])
        if not isinstance(found, list):
            raise SourceError(Kind.CONTRACT, f"reviews of {location}: the answer has no list of reviews")
        return found, answer.get("nextPageToken") or None

    def lookup(self, native_ids: Sequence[str]) -> Mapping[str, Message | None]:
        """One review, or the reply to one, as it is now."""
        (native_id,) = native_ids
        own, review = native_id.removesuffix("/reply").split("/reviews/")
        location = next((name for name in self.locations() if name.endswith(f"/{own}")), None)
        if location is None:
            return {}  # it has left sources.toml
        name = f"{location}/reviews/{review}"
        try:
            item = self.client.get(f"/{self.options.version}/{name}", what="one review").value
        except SourceError as error:
            if error.kind is Kind.GONE:
                return {native_id: None}
            raise
        found = {message.native_id: message for message in self._messages(location, item)}
        return {native_id: found.get(native_id)}

    def _messages(self, location: str, item: Any) -> list[Message]:
        own = location[location.index("locations/") :]
        return parse_review(item, own, self.title(location), self.context)


class Locations(Sequence[Timeline]):
    """A timeline per location; an account's locations are asked for when the first one is read."""

    def __init__(self, network: GoogleBusiness) -> None:
        self._network = network
        self._found: list[Timeline] | None = None

    def _all(self) -> list[Timeline]:
        if self._found is None:
            self._found = [self._network.timeline(name) for name in self._network.locations()]
        return self._found

    def __len__(self) -> int:
        return len(self._all())

    def __getitem__(self, index: Any) -> Any:
        return self._all()[index]


def parse_review(item: Any, location: str, company: str, context: Context) -> list[Message]:
    """The review in `item` and, where there is one, the owner's reply.

    :param location: `locations/<id>`, under which it stands.
    :param company: the location as its customers know it.
    :return: messages; with `parse_error` in words where the review is not what the API promises.
    """
    try:
        return list(_parsed(item, location, company, context))
    except (Unreadable, TypeError, AttributeError, ValueError) as error:
        words = str(error) if isinstance(error, Unreadable) else "the review is not built as promised"
        native_id = item.get("name") if isinstance(item, Mapping) else None
        kept = _kept(item, context) if isinstance(item, Mapping) else None
        known = native_id if isinstance(native_id, str) else None
        return [Message(platform=PLATFORM, native_id=known, payload=kept, parse_error=words)]


def _parsed(item: Any, location: str, company: str, context: Context) -> Iterator[Message]:
    if not isinstance(item, Mapping):
        raise Unreadable(f"a review should be an object, not {type(item).__name__}")
    native_id = f"{location}/reviews/{_id(item)}"
    created, updated = _time(item, "createTime"), _time(item, "updateTime", created_too=True)
    said = item.get("comment")
    text, is_repaired = _text(said, context) if isinstance(said, str) else (None, False)
    reviewer = item.get("reviewer")
    yield Message(
        platform=PLATFORM,
        native_id=native_id,
        kind="review",
        thread_native_id=native_id,
        author_key=_author(reviewer, context),
        account=company,
        created_at=created,
        created_at_precision="second",
        edited_at=updated if updated > created else None,
        text=text,
        text_is_repaired=is_repaired,
        rating=_STARS.get(str(item.get("starRating"))),  # STAR_RATING_UNSPECIFIED: none
        payload=_kept(item, context),
    )
    reply = item.get("reviewReply")
    if isinstance(reply, Mapping) and isinstance(reply.get("comment"), str):
        text, is_repaired = _text(reply["comment"], context)
        yield Message(
            platform=PLATFORM,
            native_id=f"{native_id}/reply",
            kind="comment",
            parent_native_id=native_id,
            thread_native_id=native_id,
            author_name=company,
            is_company=True,
            account=company,
            created_at=_time(reply, "updateTime"),  # all that Google tells of it
            created_at_precision="second",
            text=text,
            text_is_repaired=is_repaired,
            payload={"reviewReply": {**reply, "comment": text}},
        )


def _id(item: Mapping[str, Any]) -> str:
    name = item.get("name")
    return str(item.get("reviewId") or (name.rsplit("/", 1)[-1] if isinstance(name, str) and name else "")) or str(
        field(item, "reviewId", str)
    )


def _author(reviewer: Any, context: Context) -> str | None:
    """A key of the name that is shown: Google gives no id of who reviews. None for those who do without a name."""
    name = reviewer.get("displayName") if isinstance(reviewer, Mapping) else None
    if not isinstance(name, str) or not name or reviewer.get("isAnonymous"):
        return None
    return context.privacy.author_key(PLATFORM, name)


def _text(said: str, context: Context) -> tuple[str | None, bool]:
    """What the person wrote, without Google's translation of it."""
    text, is_repaired = whole(_TRANSLATION.sub("", _ORIGINAL.sub("", said)))
    return context.privacy.text(PLATFORM, text) or None, is_repaired


def _kept(item: Mapping[str, Any], context: Context) -> Any:
    reviewer = item.get("reviewer")
    name = reviewer.get("displayName") if isinstance(reviewer, Mapping) else None
    identities = {name: _author(reviewer, context) or "anonymous"} if isinstance(name, str) and name else {}
    kept = {key: value for key, value in item.items() if key != "reviewer"}
    return context.privacy.scrub(PLATFORM, kept, identities, frozenset({"profilePhotoUrl", "displayName"}))


def _time(item: Mapping[str, Any], name: str, *, created_too: bool = False) -> datetime:
    value = str(item.get(name) or item.get("createTime") if created_too else field(item, name, str))
    return utc(value, name)


def streams(options: Options, context: Context) -> Sequence[Any]:
    """`reviews`: the reviews of all locations, with the owner's replies."""
    return sources.streams(_network(options, context))


def check(options: Options, context: Context) -> Iterator[Check]:
    """Whether the token is good and the reviews of each location can be read. A request for each."""
    network = _network(options, context)
    for location in network.locations():
        try:
            answer = network.client.get(
                f"/{options.version}/{location}/reviews", {"pageSize": 1}, what=f"reviews of {location}"
            ).value
            yield Check(f"location {location}", f"{answer.get('totalReviewCount', 0)} reviews can be read")
        except SourceError as error:
            if error.kind is Kind.CREDENTIALS:
                raise
            yield Check(f"location {location}", "cannot be read", error.message)


def _network(options: Options, context: Context) -> GoogleBusiness:
    if not context.token and not has_refresh_token(context):
        raise SourceError(
            Kind.CREDENTIALS,
            f"sources.{context.source}: Google Business Profile needs client_id, client_secret and refresh_token in "
            f"the extra of the Airflow connection resonanz_{context.source}, or for a try an access token in "
            f"RESONANZ_TOKEN_{context.source.upper()}",
        )
    token = fresh_token(context, options.auth_url) if has_refresh_token(context) else context.token
    reviews, listing = (
        Client(
            address,
            source=context.source,
            token=token,
            workers=options.concurrency,
            explain=explain,
            budget=context.budget,
        )
        for address in (options.base_url, options.locations_url)
    )
    return GoogleBusiness(options, context, reviews, listing)
