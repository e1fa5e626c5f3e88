"""Posts, comments and recommendations of Facebook -> Messages, with every private person in them keyed.

Source: Meta's reference of Page Post, Comment, Recommendation (v25.0).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from resonanz.landing import Message
from resonanz.social.facebook.payload import clean
from resonanz.social.facebook.people import PLATFORM, People
from resonanz.social.fields import Unreadable, field
from resonanz.social.graph.insights import Insights
from resonanz.social.graph.values import time_of

REACTIONS = ("LIKE", "LOVE", "WOW", "HAHA", "SAD", "ANGRY", "CARE")
_COUNTS = ",".join(
    [
        "reactions.limit(0).summary(total_count)",
        *(f"reactions.type({kind}).limit(0).summary(total_count).as(reactions_{kind.lower()})" for kind in REACTIONS),
    ]
)
POST_FIELDS = ",".join(
    [
        "id,message,message_tags,created_time,updated_time,from,permalink_url,status_type,is_published,is_hidden,shares",
        "attachments{media_type,type,title,unshimmed_url}",
        "comments.filter(stream).limit(0).summary(true)",
        _COUNTS,
    ]
)
COMMENT_FIELDS = ",".join(
    [
        "id,message,message_tags,created_time,from,parent{id},like_count,comment_count,is_hidden,permalink_url",
        "attachment",
        _COUNTS,
    ]
)
REVIEW_FIELDS = (
    "created_time,recommendation_type,has_rating,rating,has_review,review_text,reviewer,open_graph_story{id}"
)


_NAMES = ("reactions", *(f"reactions_{kind.lower()}" for kind in REACTIONS))


@dataclass(frozen=True)
class Page:
    """One of the company's pages: its id, and the name under which its messages stand."""

    id: str
    name: str


def parse_post(payload: Any, people: People, page: Page, insights: Insights | None = None) -> Message:
    """The message in one post of a page's feed or of the posts that tag it.

    :param insights: what is known of its metrics, for posts of the page itself.
    """
    try:
        return _post(payload, people, page, insights)
    except (Unreadable, TypeError, AttributeError, KeyError, ValueError) as error:
        return _unreadable(payload, people, error, people.post_id)


def parse_comment(payload: Any, people: People, page: Page, first: str) -> Message:
    """The message in one comment or reply below the post `first`, at any depth."""
    try:
        return _comment(payload, people, page, first)
    except (Unreadable, TypeError, AttributeError, KeyError, ValueError) as error:
        return _unreadable(payload, people, error)


def parse_review(payload: Any, people: People, page: Page) -> Message:
    """The message in one recommendation: without stars; whether it is positive or negative is in the payload."""
    try:
        return _review(payload, people, page)
    except (Unreadable, TypeError, AttributeError, KeyError, ValueError) as error:
        return _unreadable(payload, people, error)


def _post(post: Any, people: People, page: Page, insights: Insights | None) -> Message:
    raw = str(field(post, "id", str, int))
    author = _author(post, "from")
    owner = raw.partition("_")[0] if "_" in raw else ""
    is_on_page = not owner or people.is_own_page(owner)
    is_company = people.is_company(author) if author else False
    native_id = people.post_id(raw)
    people.speaks(author, native_id)
    spoken = people.spoken_of(post.get("message"), native_id, author)
    text, is_repaired = people.text(post, spoken)
    metrics = _counts(post)
    if (comments := _total(post.get("comments"))) is not None:
        metrics["comments"] = comments
    shares = post.get("shares")
    if isinstance(shares, Mapping) and isinstance(shares.get("count"), int):
        metrics["shares"] = float(shares["count"])
    unavailable: dict[str, str] = {}
    if insights is not None and is_company:
        found = insights.totals(post.get("insights"))
        metrics |= found
        unavailable = {name: reason for name, reason in insights.unavailable.items() if name not in metrics}
    key = people.key_of(author) if author else None if is_on_page else people.key(owner)
    return Message(
        platform=PLATFORM,
        native_id=native_id,
        kind="post" if is_on_page or is_company else "mention",
        thread_native_id=native_id,
        author_key=key,
        author_name=str(author.get("name") or page.name) if author and is_company else None,
        is_company=is_company,
        account=page.name,
        created_at=(created := time_of(post, "created_time")),
        created_at_precision="second" if created else "unknown",
        text=text,
        text_is_repaired=is_repaired,
        url=people.address(post.get("permalink_url"), native_id),
        metrics=metrics,
        unavailable_metrics=unavailable,
        payload=clean(post, people, spoken, native_id),
    )


def _comment(comment: Any, people: People, page: Page, first: str) -> Message:
    native_id = str(field(comment, "id", str, int))
    author = _author(comment, "from")
    above = comment.get("parent")
    parent = str(above["id"]) if isinstance(above, dict) and above.get("id") else first
    is_company = people.is_company(author) if author else False
    people.speaks(author, first)
    spoken = people.spoken_of(comment.get("message"), first, author)
    text, is_repaired = people.text(comment, spoken)
    metrics = _counts(comment)
    if isinstance(replies := comment.get("comment_count"), int):
        metrics["comments"] = float(replies)
    return Message(
        platform=PLATFORM,
        native_id=native_id,
        kind="comment" if parent == first else "reply",
        parent_native_id=parent,
        thread_native_id=first,
        author_key=people.key_of(author) if author else None,
        author_name=str(author.get("name") or page.name) if author and is_company else None,
        is_company=is_company,
        account=page.name,
        created_at=(created := time_of(comment, "created_time")),
        created_at_precision="second" if created else "unknown",
        text=text,
        text_is_repaired=is_repaired,
        url=people.address(comment.get("permalink_url"), native_id),
        metrics=metrics,
        payload=clean(comment, people, spoken),
    )


def _review(review: Any, people: People, page: Page) -> Message:
    author = _author(review, "reviewer")
    story = review.get("open_graph_story")
    created = time_of(review, "created_time")
    key = people.key_of(author) if author else None
    if isinstance(story, Mapping) and story.get("id"):
        own = str(story["id"]).rpartition("_")[2]
    else:  # a person recommends a page once; without one, moment and text have to do
        own = key or blake2b(f"{created} {review.get('review_text')}".encode(), digest_size=16).hexdigest()
    said = review.get("review_text")
    spoken = people.spoken_of(said, None, author)
    text, is_repaired = people.text({"message": said}, spoken)
    native_id = f"{page.id}/ratings/{own}"
    stars = review.get("rating")
    return Message(
        platform=PLATFORM,
        native_id=native_id,
        kind="review",
        thread_native_id=native_id,
        author_key=key,
        account=page.name,
        created_at=created,
        created_at_precision="second" if created else "unknown",
        text=text,
        text_is_repaired=is_repaired,
        url=f"https://www.facebook.com/{page.id}/reviews",
        rating=float(stars) if review.get("has_rating") is True and isinstance(stars, int | float) else None,
        payload=clean({**review, "open_graph_story": {"id": own}} if story else review, people, spoken),
    )


def _author(item: Any, name: str) -> Mapping[str, Any] | None:
    if not isinstance(item, dict):
        raise Unreadable(f"it should be an object, not {type(item).__name__}")
    author = item.get(name)
    return author if isinstance(author, dict) else None


def _counts(item: Mapping[str, Any]) -> dict[str, float]:
    """Reactions in all and by kind; comments of older answers have `like_count` alone."""
    metrics: dict[str, float] = {}
    for name in _NAMES:
        if (edge := item.get(name)) is not None and (count := _total(edge)) is not None:
            metrics[name] = count
    if "reactions" not in metrics and isinstance(likes := item.get("like_count"), int):
        metrics["reactions"] = float(likes)
    if "reactions_like" not in metrics and (count := _total(item.get("likes"))) is not None:
        metrics["reactions_like"] = count
    return metrics


def _total(edge: Any) -> float | None:
    summary = edge.get("summary") if isinstance(edge, dict) else None
    count = summary.get("total_count") if isinstance(summary, dict) else None
    return float(count) if isinstance(count, int) and not isinstance(count, bool) and count >= 0 else None


def _unreadable(payload: Any, people: People, error: Exception, named: Callable[[str], str] = str) -> Message:
    words = str(error) if isinstance(error, Unreadable) else f"it is not built as promised: {error}"
    raw = payload.get("id") if isinstance(payload, Mapping) else None
    native_id = named(raw) if isinstance(raw, str) else None
    try:
        kept = clean(payload, people, native_id=native_id)
    except (TypeError, AttributeError, ValueError, KeyError):
        kept = None
    return Message(platform=PLATFORM, native_id=native_id, payload=kept, parse_error=words)
