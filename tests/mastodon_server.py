"""A small Mastodon for tests: the API subset that the extractor uses, with the real one's paging rules.

Statuses stand newest first; `max_id` leads to older, `min_id` to the immediately newer ones; Link headers carry
`next` (older) and `prev` (newer); contexts list ancestors from the first one down and descendants depth first.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from loopback import Asked, Reply

START = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
DOMAIN = "social.example"
COMPANY = "weidenfels"
TOKEN = "company-token"


def account(acct: str) -> dict[str, Any]:
    """An account as the API shows it."""
    user, _, host = acct.partition("@")
    home = f"https://{host or DOMAIN}"
    return {
        "id": str(900_000 + sum(map(ord, acct))),
        "username": user,
        "acct": acct,
        "display_name": f"{user.title()} Geheimname",
        "locked": False,
        "bot": False,
        "group": False,
        "created_at": "2022-11-05T00:00:00.000Z",
        "note": f"<p>Ich bin {user} aus Kiel</p>",
        "url": f"{home}/@{user}",
        "uri": f"{home}/users/{user}",
        "avatar": f"{home}/avatars/{user}.png",
        "avatar_static": f"{home}/avatars/{user}.png",
        "header": f"{home}/headers/{user}.png",
        "header_static": f"{home}/headers/{user}.png",
        "followers_count": 10,
        "following_count": 20,
        "statuses_count": 30,
        "last_status_at": "2026-02-01",
        "emojis": [],
        "fields": [{"name": "Netz", "value": f"https://{user}.example", "verified_at": None}],
    }


def stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Mastodon:
    """The server's content and, in `faults`, what goes wrong: path -> replies to give first (None: hang up)."""

    token = TOKEN  # of the company's account; no other is known

    def __init__(self, limit: int = 40) -> None:
        self.limit = limit
        self.statuses: dict[int, dict[str, Any]] = {}
        self.faults: dict[str, list[Reply | None]] = {}
        self.notifications: dict[int, dict[str, Any]] = {}
        self.followers = 10
        self.version = (4, 5)
        self.link_headers = True
        self.before_page: Callable[[int], None] = lambda number: None
        self.pages = 0

    def say(
        self, acct: str, text: str, minute: int, reply_to: int | None = None, tags: tuple[str, ...] = (), **more: Any
    ) -> int:
        """A new status, `minute` minutes after START; returns its id, which follows from the time as it does there."""
        created = START + timedelta(minutes=minute)
        number = int(created.timestamp() * 1000) << 16
        while number in self.statuses:
            number += 1
        author = account(acct)
        self.statuses[number] = {
            "id": str(number),
            "created_at": stamp(created),
            "in_reply_to_id": str(reply_to) if reply_to else None,
            "in_reply_to_account_id": self.statuses[reply_to]["account"]["id"] if reply_to in self.statuses else None,
            "sensitive": False,
            "spoiler_text": "",
            "visibility": "public",
            "language": "de",
            "uri": f"{author['uri']}/statuses/{number}",
            "url": f"{author['url']}/{number}",
            "replies_count": 0,
            "reblogs_count": 0,
            "favourites_count": 0,
            "edited_at": None,
            "content": f"<p>{text}</p>",
            "reblog": None,
            "account": author,
            "media_attachments": [],
            "mentions": [],
            "tags": [{"name": tag, "url": f"https://{DOMAIN}/tags/{tag}"} for tag in tags],
            "emojis": [],
            "card": None,
            "poll": None,
            **more,
        }
        if reply_to in self.statuses:
            self.statuses[reply_to]["replies_count"] += 1
        return number

    def notify(self, number: int, kind: str = "mention", minute: int | None = None) -> int:
        """Tell the company of a status; notifications are counted, their ids say nothing about time."""
        status = self.statuses[number]
        created = status["created_at"] if minute is None else stamp(START + timedelta(minutes=minute))
        place = len(self.notifications) + 1
        self.notifications[place] = {
            "id": str(place),
            "type": kind,
            "group_key": f"ungrouped-{place}",
            "created_at": created,
            "account": status["account"],
            "status": status if kind not in ("follow",) else None,
        }
        return place

    def edit(self, number: int, **changes: Any) -> None:
        self.statuses[number].update(changes)

    def delete(self, number: int) -> None:
        """As the real one does it: answers to the deleted status stay, and no longer say what they answered."""
        gone = self.statuses.pop(number)
        if (parent := gone["in_reply_to_id"]) and int(parent) in self.statuses:
            self.statuses[int(parent)]["replies_count"] -= 1
        for status in self.statuses.values():
            if status["in_reply_to_id"] == str(number):
                status["in_reply_to_id"] = None
        told = {place for place, item in self.notifications.items() if item["status"] is gone}
        self.notifications = {place: item for place, item in self.notifications.items() if place not in told}

    def __call__(self, asked: Asked) -> Reply | None:
        if self.faults.get(asked.path):
            return self.faults[asked.path].pop(0)
        is_company = asked.headers.get("Authorization") == f"Bearer {self.token}"
        if "Authorization" in asked.headers and not is_company:
            return Reply({"error": "The access token is invalid"}, 401)
        match asked.path.strip("/").split("/"):
            case ["api", "v1", "accounts" | "apps" | "notifications", *rest] if (
                rest in ([], ["verify_credentials"]) and not is_company
            ):
                return Reply({"error": "The access token is invalid"}, 401)
            case ["api", "v1", "accounts", "verify_credentials"]:
                return Reply({**account(COMPANY), "followers_count": self.followers, "source": {"note": ""}})
            case ["api", "v1", "apps", "verify_credentials"]:
                scopes = ["read:accounts", "read:notifications"]
                return Reply({"id": "1", "name": "Resonanz", "scopes": scopes if self.version >= (4, 3) else None})
            case ["api", "v1", "notifications"]:
                kinds = asked.many.get("types[]", [])
                return self._page(asked, lambda item: item["type"] in kinds, self.notifications)
            case ["api", "v1", "statuses"] if self.version >= (4, 3):
                wanted = [int(number) for number in asked.many.get("id[]", [])]
                assert len(wanted) <= 20
                return Reply([self.statuses[number] for number in wanted if number in self.statuses])
            case ["api", "v2", "instance"]:
                return Reply({"domain": DOMAIN, "title": "Test", "version": "4.5.0"})
            case ["api", "v1", "accounts", "lookup"]:
                acct = asked.query["acct"].removesuffix(f"@{DOMAIN}")
                known = {status["account"]["acct"] for status in self.statuses.values()} | {COMPANY}
                found = {**account(acct), "followers_count": self.followers}
                return Reply(found) if acct in known else Reply({"error": "Record not found"}, 404)
            case ["api", "v1", "accounts", native_id, "statuses"]:
                return self._page(asked, lambda status: status["account"]["id"] == native_id)
            case ["api", "v1", "timelines", "tag", tag]:
                return self._page(asked, lambda status: tag in [found["name"] for found in status["tags"]])
            case ["api", "v1", "statuses", native_id, *rest]:
                if int(native_id) not in self.statuses:
                    return Reply({"error": "Record not found"}, 404)
                return Reply(self._context(int(native_id)) if rest else self.statuses[int(native_id)])
        return Reply({"error": "not there"}, 404)

    def _page(
        self, asked: Asked, chosen: Callable[[dict[str, Any]], bool], items: dict[int, dict[str, Any]] | None = None
    ) -> Reply:
        items = self.statuses if items is None else items
        self.pages += 1
        self.before_page(self.pages)
        query = {name: int(value) for name, value in asked.query.items() if value.isdigit()}
        limit = min(query.get("limit", 20), self.limit)
        found = sorted((number for number, item in items.items() if chosen(item)), reverse=True)
        if "max_id" in query:
            found = [number for number in found if number < query["max_id"]]
        if "since_id" in query:
            found = [number for number in found if number > query["since_id"]]
        if "min_id" in query:
            found = [number for number in found if number > query["min_id"]][-limit:]
        page = found[:limit]
        headers = {}
        if page and self.link_headers:
            base = f"https://{DOMAIN}{asked.path}?limit={limit}"
            links = [f'<{base}&min_id={page[0]}>; rel="prev"']
            if len(page) == limit:
                links.insert(0, f'<{base}&max_id={page[-1]}>; rel="next"')
            headers["Link"] = ", ".join(links)
        return Reply([items[number] for number in page], headers=headers)

    def _context(self, number: int) -> dict[str, Any]:
        above: list[dict[str, Any]] = []
        parent = self.statuses[number]["in_reply_to_id"]
        while parent and int(parent) in self.statuses:
            above.insert(0, self.statuses[int(parent)])
            parent = above[0]["in_reply_to_id"]
        below: list[dict[str, Any]] = []

        def descend(start: int, depth: int) -> None:
            for child in sorted(self.statuses):
                if self.statuses[child]["in_reply_to_id"] == str(start) and len(below) < 60 and depth <= 20:
                    below.append(self.statuses[child])
                    descend(child, depth + 1)

        descend(number, 1)
        return {"ancestors": above[-40:], "descendants": below}
