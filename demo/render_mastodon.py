"""Mastodon's own JSON objects (Status, Account) from the demo's messages, with content as HTML."""

import html
import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from demo.company import MASTODON_DOMAIN
from demo.messages import Message
from demo.people import Person

HOST = f"https://{MASTODON_DOMAIN}"
_ENTITY = re.compile(
    r"(?P<link>https?://[^\s<>\"]*[^\s<>\".,;:!?)])"
    r"|(?<![\w/@])@(?P<mention>\w+(?:@[\w.-]*\w)?)"
    r"|(?<![\w&/])#(?P<tag>\w*[^\W\d]\w*)"
)


def account_url(person: Person) -> str:
    """The page of an account, on its own server."""
    name, _, domain = person.handle.partition("@")
    return f"https://{domain or MASTODON_DOMAIN}/@{name}"


def account(person: Person, statuses: int, last_status: datetime | None) -> dict[str, Any]:
    """An Account object."""
    name, _, domain = person.handle.partition("@")
    picture = f"https://files.{MASTODON_DOMAIN}/accounts/avatars/{person.native_id}/original/avatar.png"
    return {
        "id": person.native_id,
        "username": name,
        "acct": person.handle,
        "display_name": person.name,
        "locked": False,
        "bot": person.is_bot,
        "discoverable": person.is_company or None,
        "indexable": person.is_company,
        "group": False,
        "created_at": person.created_at.strftime("%Y-%m-%dT00:00:00.000Z"),
        "note": f"<p>{html.escape(person.note)}</p>" if person.note else "",
        "url": account_url(person),
        "uri": f"https://{domain or MASTODON_DOMAIN}/users/{name}",
        "avatar": picture,
        "avatar_static": picture,
        "avatar_description": "",
        "header": f"{HOST}/headers/original/missing.png",
        "header_static": f"{HOST}/headers/original/missing.png",
        "header_description": "",
        "followers_count": person.followers,
        "following_count": person.following,
        "statuses_count": statuses,
        "last_status_at": last_status.strftime("%Y-%m-%d") if last_status else None,
        "hide_collections": None,
        "emojis": [],
        "fields": [],
    }


def credential_account(account: Mapping[str, Any]) -> dict[str, Any]:
    """A CredentialAccount object: an account as its owner sees it."""
    source = {
        "note": "",
        "fields": [],
        "privacy": "public",
        "sensitive": False,
        "language": "de",
        "follow_requests_count": 0,
        "hide_collections": None,
        "discoverable": True,
        "indexable": True,
        "attribution_domains": [],
        "quote_policy": "public",
    }
    role = {"id": "-99", "name": "", "color": "", "permissions": "65536", "highlighted": False}
    return {**account, "source": source, "role": role}


def notification(number: int, status: Mapping[str, Any]) -> dict[str, Any]:
    """A Notification object: somebody's status names the account. Notifications are counted, unlike statuses."""
    return {
        "id": str(number),
        "type": "mention",
        "created_at": status["created_at"],
        "group_key": f"ungrouped-{number}",
        "account": status["account"],
        "status": status,
    }


def status_url(message: Message) -> str:
    """The page of a status, on its author's server."""
    return f"{account_url(message.author)}/{message.native_id}"


def status(message: Message, account: Mapping[str, Any], people: Mapping[str, Person]) -> dict[str, Any]:
    """A Status object.

    :param account: the author's Account object.
    :param people: handle -> account that a mention of it links to.
    """
    name, _, domain = message.author.handle.partition("@")
    parent = message.parent
    tags = list(dict.fromkeys(normalized(m["tag"]) for m in _ENTITY.finditer(message.text) if m["tag"]))
    mentioned = (people.get(m["mention"]) for m in _ENTITY.finditer(message.text) if m["mention"])
    return {
        "id": message.native_id,
        "created_at": stamp(message.created_at),
        "in_reply_to_id": parent.native_id if parent else None,
        "in_reply_to_account_id": parent.author.native_id if parent else None,
        "sensitive": bool(message.warning),
        "spoiler_text": message.warning,
        "visibility": "public",
        "language": message.language,
        "uri": f"https://{domain or MASTODON_DOMAIN}/users/{name}/statuses/{message.native_id}",
        "url": status_url(message),
        "replies_count": len(message.live_replies()),
        "reblogs_count": message.shares,
        "favourites_count": message.favourites,
        "quotes_count": 0,
        "edited_at": stamp(message.edited_at) if message.edited_at else None,
        "content": content(message.text, people),
        "reblog": None,
        "application": None if domain else {"name": "Web", "website": None},
        "account": account,
        "media_attachments": [_picture(message)] if message.has_picture else [],
        "mentions": [
            {"id": p.native_id, "username": p.handle.partition("@")[0], "url": account_url(p), "acct": p.handle}
            for p in dict.fromkeys(person for person in mentioned if person)
        ],
        "tags": [{"name": tag, "url": f"{HOST}/tags/{quote(tag)}"} for tag in tags],
        "emojis": [],
        "card": None,
        "poll": None,
        "quote": None,
    }


def content(text: str, people: Mapping[str, Person]) -> str:
    """`text` as Mastodon formats it: paragraphs, line breaks, links to mentions, hashtags and addresses."""

    def linked(paragraph: str) -> str:
        pieces, end = [], 0
        for match in _ENTITY.finditer(paragraph):
            pieces += [html.escape(paragraph[end : match.start()], quote=True), _anchor(match, people)]
            end = match.end()
        return "".join([*pieces, html.escape(paragraph[end:], quote=True)]).replace("\n", "<br />")

    return "".join(f"<p>{linked(paragraph)}</p>" for paragraph in re.split(r"\n{2,}", text))


def normalized(tag: str) -> str:
    """A hashtag as Mastodon files it: lower case, without accents (`LeiseWäscht` -> `leisewascht`)."""
    folded = unicodedata.normalize("NFKD", tag.lower().replace("ß", "ss"))
    return "".join(char for char in folded if not unicodedata.combining(char))


def stamp(moment: datetime) -> str:
    """A timestamp as Mastodon writes it: UTC, milliseconds, Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def _anchor(match: re.Match[str], people: Mapping[str, Person]) -> str:
    if link := match["link"]:
        scheme, rest = link.split("://", 1)
        shown, hidden = rest[:30], rest[30:]
        kind = ' class="ellipsis"' if hidden else ' class=""'
        return (
            f'<a href="{html.escape(link)}" target="_blank" rel="nofollow noopener" translate="no">'
            f'<span class="invisible">{scheme}://</span><span{kind}>{html.escape(shown)}</span>'
            f'<span class="invisible">{html.escape(hidden)}</span></a>'
        )
    if handle := match["mention"]:
        person = people.get(handle)
        if person is None:
            return match[0]
        name = html.escape(handle.partition("@")[0])
        return (
            f'<span class="h-card" translate="no"><a href="{account_url(person)}" class="u-url mention">'
            f"@<span>{name}</span></a></span>"
        )
    tag = match["tag"]
    return f'<a href="{HOST}/tags/{quote(tag)}" class="mention hashtag" rel="tag">#<span>{tag}</span></a>'


def _picture(message: Message) -> dict[str, Any]:
    stem = f"https://files.{MASTODON_DOMAIN}/media_attachments/files/{message.native_id}"
    return {
        "id": str(int(message.native_id) + 1),
        "type": "image",
        "url": f"{stem}/original/picture.jpg",
        "preview_url": f"{stem}/small/picture.jpg",
        "remote_url": None,
        "meta": {"original": {"width": 1280, "height": 960, "aspect": 1.3333}},
        "description": None,
        "blurhash": "UBL_:rOpGG-oBUNG,qRj2so|=eE1w^n4S5NH",
    }
