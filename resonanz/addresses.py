"""Which part of a web address names a private person, site by site, and the same address without it.

Exports of posts carry addresses such as `twitter.com/anna/status/1` or `plus.google.com/+AnnaMuster/posts/x`,
often in rows that have no author column at all. Text is not touched here: only ids, addresses and payloads.
"""

import re
from collections.abc import Mapping, Sequence
from urllib.parse import unquote

from resonanz.privacy import Privacy

_START = r"(?<![\w.-])(?:www\.|mobile\.|m\.)?"

# A status opens under any handle, so it keeps an address that works and names nobody.
_STATUS = re.compile(_START + r"(?:twitter|x)\.com/(?P<who>[^/?#\s]+)/status(?:es)?/(?P<id>\d+)", re.IGNORECASE)

# (platform, pattern): the group is the person, who gets that platform's key.
_SITES: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (platform, re.compile(pattern, re.IGNORECASE))
    for platform, pattern in (
        (
            "twitter",
            _START + r"(?:twitter|x)\.com/(?!(?:i|search|hashtag|intent|share|home|explore)(?:[/?#]|$))@?([^/?#\s]+)",
        ),
        ("facebook", r"facebook\.com/profile\.php\?id=(\d+)"),
        ("facebook", r"facebook\.com/people/([^/?#\s]+)"),
        ("facebook", r"facebook\.com/people/[^/?#\s]+/(\d+)"),
        (
            "facebook",
            r"facebook\.com/(?!(?:pages|groups|events|hashtag|watch|media|notes|help|business|sharer|login|videos?"
            r"|reel|share|stories|people|plugins|dialog|marketplace|gaming|photos?)(?:[/?#]|$)|[\w-]+\.php)"
            r"([A-Za-z][\w.-]*)",
        ),
        ("google_plus", r"plus\.google\.com/(?:u/\d+/)?\+([^/?#\s]+)"),
        ("google_plus", r"plus\.google\.com/(?:u/\d+/)?(\d{6,})"),
        ("youtube", r"youtube\.com/(?:user/|c/|channel/|@)([^/?#&\s]+)"),
        ("instagram", r"instagram\.com/stories/([\w.]+)"),
        ("instagram", r"instagram\.com/(?!(?:p|reels?|tv|explore|stories|accounts)(?:/|$))([\w.]+)"),
        ("tiktok", r"tiktok\.com/@([\w.]+)"),
        ("linkedin", r"linkedin\.com/in/([^/?#\s]+)"),
        ("xing", r"xing\.com/profile/([^/?#\s]+)"),
        ("reddit", r"reddit\.com/(?:u|user)/([\w-]+)"),
        ("flickr", r"flickr\.com/(?:photos|people)/([^/?#\s]+)"),
        ("bluesky", r"bsky\.app/profile/([^/?#\s]+)"),
        ("bluesky", r"at://([^/?#\s]+)"),
        ("mastodon", r"/users/([^/?#\s]+)/statuses/"),
        ("blog", r"//(?!(?:www|en|de)\.)([\w-]+)\.(?:wordpress|blogspot|tumblr|livejournal|over-blog)\.\w+"),
    )
)
_KNOWN = re.compile(
    r"twitter|x\.com|facebook|plus\.google|youtube|instagram|tiktok|linkedin|xing|reddit|flickr|bsky|at://|/users/"
    r"|wordpress|blogspot|tumblr|livejournal|over-blog",
    re.IGNORECASE,
)
_KEYED = re.compile(r"[0-9a-f]{32}")


def keyed(
    privacy: Privacy,
    platform: str,
    address: str,
    identities: Mapping[str, str],
    more: Sequence[re.Pattern[str]] = (),
) -> str:
    """`address` with every private person in it as a key; company accounts stay readable.

    :param identities: who is already known -> the key that stands for them.
    :param more: further patterns with one group, for people of `platform`.
    """

    def key(site: str, who: str) -> str:
        return identities.get(who) or privacy.author_key(site, unquote(who))

    def spoken_for(who: str) -> bool:
        return bool(_KEYED.fullmatch(who)) or privacy.is_company(who, unquote(who))

    def status(match: re.Match[str]) -> str:
        return match[0] if spoken_for(match["who"]) else f"{match[0].split('/')[0]}/i/status/{match['id']}"

    def person(site: str, match: re.Match[str]) -> str:
        if match[1] is None or spoken_for(match[1]):
            return match[0]
        start, end = (position - match.start() for position in match.span(1))
        return match[0][:start] + key(site, match[1]) + match[0][end:]

    sites: list[tuple[str, re.Pattern[str]]] = [(platform, pattern) for pattern in more]
    if "/" in address and _KNOWN.search(address):
        address = _STATUS.sub(status, address)
        sites = [*_SITES, *sites]
    for site, pattern in sites:
        address = pattern.sub(lambda match, site=site: person(site, match), address)  # type: ignore[misc]
    return address
