"""Sentiment of a text: negative, neutral or positive, by a transformer that runs without torch."""

import html
import re

_URL = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
# A handle, with the server that Mastodon adds or the dots of a Bluesky name; not the middle of an e-mail address.
_MENTION = re.compile(r"(?<!\w)@\w(?:[\w.\-]*\w)?(?:@\w(?:[\w.\-]*\w)?)?")
_SPACE = re.compile(r"\s+")
# Far more than any model here reads, and it bounds the time a hostile text can cost.
_MAX_CHARACTERS = 8_000


def normalise(text: str) -> str:
    """Bring a text to the form that the model was trained on.

    Mentions become ``@user`` and links ``http``, as in the UMSAB data; HTML entities are resolved, blanks folded,
    broken surrogates replaced, and what lies past 8,000 characters is dropped (no model here reads that far).
    """
    text = text[:_MAX_CHARACTERS].encode("utf-8", "replace").decode("utf-8")
    text = html.unescape(text)
    text = _URL.sub("http", text)
    text = _MENTION.sub("@user", text)
    return _SPACE.sub(" ", text).strip()
