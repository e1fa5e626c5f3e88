"""Ids as the platforms make them, of people and of what they write. The same input gives the same id."""

import base64
import hashlib
from datetime import datetime

from demo.company import FACEBOOK_PAGE_ID, INSTAGRAM_USER_ID, LINKEDIN_ORGANIZATION, X_USER_ID, YOUTUBE_CHANNEL_ID

COMPANY_IDS = {
    "facebook": FACEBOOK_PAGE_ID,
    "instagram": INSTAGRAM_USER_ID,
    "x": X_USER_ID,
    "youtube": YOUTUBE_CHANNEL_ID,
    "linkedin": LINKEDIN_ORGANIZATION,
    "google_business": "owner",
}
_SNOWFLAKE_EPOCH = 1_288_834_974_657  # X counts milliseconds from here


def person_id(channel: str, handle: str, created: datetime) -> str:
    """The id of a private account.

    Facebook: page-scoped, 17 digits; Instagram: Instagram-scoped, 17 digits; X: a snowflake; YouTube: `UC` and 22
    characters; LinkedIn: `urn:li:person:` and 10 characters; Google Business Profile gives none (here: 21 digits).
    """
    seed = f"{channel}:{handle}"
    if channel == "x":
        return snowflake(created, _number(seed, 4_194_304))
    if channel == "youtube":
        return "UC" + _letters(seed, 22)
    if channel == "linkedin":
        return "urn:li:person:" + _letters(seed, 10)
    return digits(seed, 21 if channel == "google_business" else 17)


def digits(seed: str, length: int) -> str:
    """`length` digits, the first of them not 0."""
    return str(10 ** (length - 1) + _number(seed, 9 * 10 ** (length - 1)))


def snowflake(moment: datetime, low: int) -> str:
    """X's id of something made at `moment`: its milliseconds are in the upper bits."""
    return str((milliseconds(moment) - _SNOWFLAKE_EPOCH) << 22 | low % 4_194_304)


def share_number(moment: datetime, low: int) -> str:
    """LinkedIn's number in `urn:li:share:`, `urn:li:activity:` and of a comment: it holds the moment as well."""
    return str(milliseconds(moment) << 22 | low % 4_194_304)


def video_id(seed: str) -> str:
    """YouTube's id of a video: 11 characters."""
    return _letters(seed, 11)


def comment_thread_id(seed: str) -> str:
    """YouTube's id of a comment, 26 characters; a reply's id is `<its comment's id>.` and `reply_suffix`."""
    return "Ug" + _letters(seed, 17) + "4AaABAg"


def reply_suffix(seed: str) -> str:
    """The second part of the id of a reply on YouTube: 22 characters."""
    return "9" + _letters(seed, 21)


def review_id(seed: str) -> str:
    """Google's id of a review: a long opaque string."""
    return "AbFvOq" + _letters(seed, 42) + _letters(seed + "+", 42)


def milliseconds(moment: datetime) -> int:
    """Since 1970."""
    return int(moment.timestamp() * 1000)


def _letters(seed: str, length: int) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(seed.encode()).digest()).decode()[:length]


def _number(seed: str, below: int) -> int:
    return int.from_bytes(hashlib.sha256(seed.encode()).digest()[:16], "big") % below
