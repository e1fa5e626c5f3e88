"""A channel on YouTube as the Data API shows it, small and changeable."""

from datetime import UTC, datetime, timedelta
from typing import Any

from loopback import Asked, Reply, Server

CHANNEL = "UCchannel0000000000000001"
UPLOADS = "UUchannel0000000000000001"
START = datetime(2026, 3, 1, tzinfo=UTC)
KEY = "AIzaSecretKeyOfTheTest"


def stamp(minute: float) -> str:
    return (START + timedelta(minutes=minute)).strftime("%Y-%m-%dT%H:%M:%SZ")


def refused(reason: str, status: int, **error: Any) -> Reply:
    said = {"message": reason, "domain": "youtube.api", "reason": reason}
    return Reply({"error": {"code": status, "message": reason, "errors": [said], **error}}, status)


class Tube:
    """The server's answers. `videos`, `comments`: id -> what a test put there; edit or delete them as you like."""

    def __init__(self, size: int = 50) -> None:
        self.size = size
        self.videos: dict[str, dict[str, Any]] = {}
        self.comments: dict[str, dict[str, Any]] = {}
        self.found: list[str] = []  # what a search shows
        self.closed: set[str] = set()  # videos whose comments are disabled
        self.expired: set[str] = set()  # page tokens that are no good any more
        self.can_list_a_channel = True
        self.replies: dict[str, Reply] = {}  # kind -> what is answered instead
        self.server: Server

    def video(self, name: str, minute: float, **more: Any) -> None:
        self.videos[name] = {"minute": minute, "title": f"Video {name}", "channel": CHANNEL, **more}

    def comment(self, video: str, name: str, minute: float, parent: str | None = None, **more: Any) -> None:
        author = {"author": "@dunkle_kurbel", "by": "UCdunklekurbel0000000001"}
        self.comments[name] = (
            {"video": video, "minute": minute, "parent": parent, "text": f"Text {name}"} | author | more
        )

    def ids(self) -> list[str]:
        return sorted([*self.videos, *self.comments])

    def asked(self, since: int = 0) -> list[str]:
        return [path.rsplit("/", 1)[1] for path in self.server.paths()[since:]]

    def __call__(self, asked: Asked) -> Reply | None:
        kind, query = asked.path.removeprefix("/youtube/v3/"), asked.query
        if asked.headers.get("X-Goog-Api-Key") != KEY:
            return refused("keyInvalid", 400)
        if kind in self.replies:
            return self.replies[kind]
        if query.get("pageToken") in self.expired:
            return refused("invalidPageToken", 400)
        answer = getattr(self, f"_{kind}")(query)
        return answer if isinstance(answer, Reply) else Reply({"kind": kind, **answer})

    def _channels(self, query: dict[str, str]) -> Any:
        if query.get("id", CHANNEL) != CHANNEL or query.get("forHandle", "@shop").lower() != "@shop":
            return {"pageInfo": {"totalResults": 0}}
        statistics = {"viewCount": "900", "subscriberCount": "77", "hiddenSubscriberCount": False, "videoCount": "3"}
        details = {"relatedPlaylists": {"uploads": UPLOADS}}
        snippet = {"title": "Der Laden", "customUrl": "@shop"}
        item = {"id": CHANNEL, "snippet": snippet, "contentDetails": details, "statistics": statistics}
        return {"items": [item]}

    def _playlistItems(self, query: dict[str, str]) -> Any:
        own = [name for name, video in self._newest(self.videos) if video["channel"] == CHANNEL]
        return self._page([{"contentDetails": {"videoId": name}} for name in own], query)

    def _videos(self, query: dict[str, str]) -> Any:
        return {"items": [self._shown(name) for name in query["id"].split(",") if name in self.videos]}

    def _search(self, query: dict[str, str]) -> Any:
        return self._page([{"id": {"kind": "youtube#video", "videoId": name}} for name in self.found], query)

    def _commentThreads(self, query: dict[str, str]) -> Any:
        if "id" in query:
            names = [name for name in query["id"].split(",") if name in self.comments]
            return {"items": [self._thread(name) for name in names]}
        if "allThreadsRelatedToChannelId" in query:
            if not self.can_list_a_channel:
                return refused("unexpectedParameter", 400)
            wanted = {name for name, video in self.videos.items() if video["channel"] == CHANNEL} - self.closed
        elif query["videoId"] not in self.videos:
            return refused("videoNotFound", 404)
        elif query["videoId"] in self.closed:
            return refused("commentsDisabled", 403)
        else:
            wanted = {query["videoId"]}
        tops = [name for name, c in self._newest(self.comments) if c["video"] in wanted and not c["parent"]]
        return self._page([self._thread(name) for name in tops], query)

    def _comments(self, query: dict[str, str]) -> Any:
        if "id" in query:
            return {"items": [self._reply(name) for name in query["id"].split(",") if name in self.comments]}
        if query["parentId"] not in self.comments:
            return refused("commentNotFound", 404)
        return self._page([self._reply(name) for name in self._below(query["parentId"])], query)

    def _newest(self, things: dict[str, dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
        return sorted(things.items(), key=lambda thing: thing[1]["minute"], reverse=True)

    def _below(self, name: str) -> list[str]:
        return [reply for reply, comment in self.comments.items() if comment["parent"] == name]

    def _page(self, items: list[Any], query: dict[str, str]) -> Any:
        start = int(query.get("pageToken", "0"))
        following = {"nextPageToken": str(start + self.size)} if start + self.size < len(items) else {}
        return {"items": items[start : start + self.size], **following}

    def _shown(self, name: str) -> Any:
        video = self.videos[name]
        count = sum(comment["video"] == name for comment in self.comments.values())
        statistics = {
            "viewCount": "10",
            "likeCount": "1",
            **({} if name in self.closed else {"commentCount": str(count)}),
        }
        snippet = {
            "publishedAt": stamp(video["minute"]),
            "channelId": video["channel"],
            "channelTitle": video.get("channel_title", "Der Laden"),
            "title": video["title"],
            "description": "",
        }
        status = {"privacyStatus": video.get("privacy", "public")}
        return {"id": name, "snippet": snippet, "statistics": statistics, "status": status}

    def _thread(self, name: str) -> Any:
        below = self._below(name)
        video = self.comments[name]["video"]
        top = self._reply(name)
        top["snippet"]["videoId"] = video
        snippet = {"channelId": CHANNEL, "videoId": video, "topLevelComment": top, "totalReplyCount": len(below)}
        replies = {"replies": {"comments": [self._reply(reply) for reply in below[-2:]]}} if below else {}
        return {"id": name, "snippet": snippet, **replies}

    def _reply(self, name: str) -> Any:
        comment = self.comments[name]
        snippet = {
            "channelId": CHANNEL,
            "textOriginal": comment["text"],
            "textDisplay": comment["text"],
            "authorDisplayName": comment["author"],
            "authorChannelId": {"value": comment["by"]},
            "authorChannelUrl": f"http://www.youtube.com/{comment['author']}",
            "authorProfileImageUrl": f"https://yt3.ggpht.com/{comment['by']}",
            "likeCount": comment.get("likes", 0),
            "publishedAt": stamp(comment["minute"]),
            "updatedAt": stamp(comment.get("edited", comment["minute"])),
        }
        return {"id": name, "snippet": snippet | ({"parentId": comment["parent"]} if comment["parent"] else {})}
