"""The demo's stand-ins behind one port: `start` for tests, `serve` for the command line."""

import signal
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path

from demo import archives
from demo.standin_bluesky import BlueskyStandIn
from demo.standin_facebook import FacebookStandIn
from demo.standin_google_business import GoogleBusinessStandIn
from demo.standin_instagram import InstagramStandIn
from demo.standin_linkedin import LinkedInStandIn
from demo.standin_mastodon import MastodonStandIn
from demo.standin_x import XStandIn
from demo.standin_youtube import YouTubeStandIn
from demo.web import Fault, Server
from demo.world import SEED, World, build

STANDINS = (
    MastodonStandIn,
    BlueskyStandIn,
    FacebookStandIn,
    InstagramStandIn,
    XStandIn,
    YouTubeStandIn,
    GoogleBusinessStandIn,
    LinkedInStandIn,
)


def start(
    port: int = 0,
    *,
    seed: int = SEED,
    world: World | None = None,
    faults: Iterable[Fault] = (),
    limit: int = 100_000,
    window: float = 300.0,
) -> Server:
    """Serve a world (built from `seed` where none is given) on 127.0.0.1; port 0 takes a free one.

    :param faults: what goes wrong, see :class:`demo.web.Fault`.
    :param limit: requests allowed in each window, for each platform.
    :param window: length of that window in seconds.
    :return: the running server, with `.port`, `.url`, `.inject(fault)` and `.stop()`.
    """
    world = world or build(seed)
    return Server([standin(world, limit, window) for standin in STANDINS], port, faults)


def serve(port: int, folder: Path, seed: int = SEED, times: Mapping[str, int] | None = None) -> None:
    """Write the exports into `folder`, serve until SIGTERM or SIGINT, and say in one line when it is ready."""
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    world = build(seed, times=times)
    archives.write(world, folder)
    with start(port, world=world) as server:
        count = sum(len(messages) for messages in world.messages.values())
        print(f"Weidenfels is ready: {count} messages, APIs at {server.url}, exports in {folder}", flush=True)
        while not ended.wait(1.0):
            pass
