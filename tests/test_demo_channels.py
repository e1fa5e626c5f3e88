"""The demo company on the big platforms: each channel in its platform's shape, with ids in its form."""

import re
from itertools import pairwise

import pytest

from demo import audience
from demo.channels import SHAPES, is_found
from demo.company import DAYS, FACEBOOK_PAGE_ID, LOCATIONS, first_moment, last_moment
from demo.messages import Message
from demo.native_ids import milliseconds
from demo.scene import DEPTHS, LIMITS
from demo.world import World, build

CHANNELS = (*SHAPES, "google_business")
POST_IDS = {
    "facebook": r"\d{15,18}_\d{18}",
    "instagram": r"18\d{15}",
    "x": r"\d{19}",
    "youtube": r"[\w-]{11}",
    "linkedin": r"urn:li:share:\d{19}",
    "google_business": r"AbFvOq[\w-]{84}",
}
ANSWER_IDS = {
    "facebook": r"\d{18}_\d{18}",
    "instagram": r"17\d{15}",
    "x": r"\d{19}",
    "youtube": r"Ug[\w-]{17}4AaABAg(\.9[\w-]{21})?",
    "linkedin": r"urn:li:comment:\(urn:li:activity:\d{19},\d{19}\)",
    "google_business": r"AbFvOq[\w-]{84}/reply",
}
PEOPLE_IDS = {
    "facebook": r"\d{17}",
    "instagram": r"\d{17}",
    "x": r"\d{19}",
    "youtube": r"UC[\w-]{22}",
    "linkedin": r"urn:li:person:[\w-]{10}",
    "google_business": r"\d{21}",
}


@pytest.fixture(scope="module")
def world() -> World:
    return build()


def facts(messages: list[Message]) -> list[str]:
    return [
        repr((m.native_id, m.author, m.created_at, m.text, m.title, m.place, m.reactions, m.impressions, m.views))
        + repr((m.is_deleted, m.edited_at, m.rating, m.details, m.quoted and m.quoted.native_id))
        for m in messages
    ]


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_channel_is_the_same_from_the_same_seed(world: World, channel: str) -> None:
    assert facts(build().messages[channel]) == facts(world.messages[channel])
    assert facts(build(seed=7).messages[channel]) != facts(world.messages[channel])


@pytest.mark.parametrize("channel", CHANNELS)
def test_messages_stand_in_order_below_their_parents(world: World, channel: str) -> None:
    seen: set[int] = set()
    for message in world.messages[channel]:
        assert message.parent is None or id(message.parent) in seen
        assert message.place == message.root.place
        seen.add(id(message))
    moments = [message.created_at for message in world.messages[channel]]
    assert all(a < b for a, b in pairwise(moments))
    assert first_moment() <= moments[0] < moments[-1] < last_moment()
    deepest = max(message.depth for message in world.messages[channel])
    assert deepest == DEPTHS.get(channel, 8)


@pytest.mark.parametrize("channel", CHANNELS)
def test_ids_have_the_form_of_their_platform(world: World, channel: str) -> None:
    messages = world.messages[channel]
    assert len({message.native_id for message in messages}) == len(messages)
    for message in messages:
        form = (ANSWER_IDS if message.parent else POST_IDS)[channel]
        assert re.fullmatch(form, message.native_id), message.native_id
    people = world.people[channel]
    assert len({person.native_id for person in people}) == len(people)
    assert all(re.fullmatch(PEOPLE_IDS[channel], p.native_id) for p in people if not p.is_company)


def test_ids_hold_the_moment_where_they_do(world: World) -> None:
    assert all((int(m.native_id) >> 22) + 1_288_834_974_657 == milliseconds(m.created_at) for m in world.messages["x"])
    shares = [m for m in world.messages["linkedin"] if m.parent is None]
    assert all(int(m.native_id.rpartition(":")[2]) >> 22 == milliseconds(m.created_at) for m in shares)


def test_answers_carry_the_ids_of_what_they_answer(world: World) -> None:
    for message in world.messages["facebook"]:
        owner, _, own = message.native_id.partition("_")
        if message.parent is not None:
            assert owner == message.root.native_id.partition("_")[2]
        else:
            assert (owner == FACEBOOK_PAGE_ID) == (message.place in ("own", "visitor"))
        assert own
    for message in world.messages["youtube"]:
        if message.depth == 2:
            assert message.native_id.startswith(f"{message.parent.native_id}.")
    for message in world.messages["linkedin"]:
        if message.parent is not None:
            assert message.root.details["activity"] in message.native_id


@pytest.mark.parametrize("channel", CHANNELS)
def test_texts_keep_within_the_limit_and_name_nobody_real(world: World, channel: str) -> None:
    messages = world.messages[channel]
    assert max(len(message.text) for message in messages) <= LIMITS[channel]
    assert all(message.text for message in messages if channel != "google_business" or message.parent)
    assert not [m.text for m in messages if re.search(r"[{}]|\\n", f"{m.title} {m.text}")]
    known = {person.called for person in world.people[channel]}
    handles = {handle for m in messages for handle in re.findall(r"(?<!\w)@\w[\w.]*\w", m.text)}
    assert handles <= known
    for message in messages:
        for start, length, person in world.mentions(message):
            assert message.text[start : start + length] == person.called


@pytest.mark.parametrize("channel", CHANNELS)
def test_some_are_deleted_with_what_stood_below(world: World, channel: str) -> None:
    gone = [m for m in world.messages[channel] if m.is_deleted]
    assert 3 <= len(gone) < 0.1 * len(world.messages[channel])
    left = [reply for m in gone for reply in m.replies if not reply.is_deleted]
    assert bool(left) == (channel == "x")


def test_every_thread_can_be_found_on_x(world: World) -> None:
    roots = [m for m in world.messages["x"] if m.parent is None]
    assert {m.place for m in roots} == {"own", "mention", "search"}
    assert all("@weidenfels" in m.text for m in roots if m.place == "mention")
    assert all(is_found(m.text) for m in roots if m.place == "search")
    assert sum(m.quoted is not None for m in roots) >= 5


def test_reviews_are_spread_over_the_locations(world: World) -> None:
    reviews = [m for m in world.messages["google_business"] if m.parent is None]
    for location in LOCATIONS:
        here = [m for m in reviews if m.details["location"] == location.name]
        assert len(here) > 50
        assert {m.rating for m in here} == {1.0, 2.0, 3.0, 4.0, 5.0}
    assert 0.2 < sum(not m.text for m in reviews) / len(reviews) < 0.5
    assert all(len(m.replies) <= 1 for m in reviews)
    assert sum(bool(m.replies) for m in reviews) > 50
    assert sum(m.edited_at is not None for m in reviews) >= 5


def test_counts_fit_together(world: World) -> None:
    for channel in ("facebook", "linkedin"):
        assert all(sum(m.reactions.values()) == m.favourites for m in world.messages[channel])
        assert len({kind for m in world.messages[channel] for kind in m.reactions}) >= 6
    assert all(m.impressions is not None and m.views is None for m in world.messages["x"])
    videos = [m for m in world.messages["youtube"] if m.parent is None]
    assert all(m.views and m.title and re.fullmatch(r"PT(\d+M)?\d+S", m.details["duration"]) for m in videos)
    days = [audience.followers(world, "facebook", day) for day in range(DAYS)]
    assert days == sorted(days)
    assert days[-1] == world.company("facebook").followers
    assert sum(audience.daily(world, "facebook", day)["views"] for day in range(DAYS)) > 1_000


def test_edited_posts_on_x_know_their_history(world: World) -> None:
    edited = [m for m in world.messages["x"] if "edit_history" in m.details]
    assert len(edited) >= 5
    for message in edited:
        first, last = message.details["edit_history"].split()
        assert last == message.native_id
        before = (int(first) >> 22) + 1_288_834_974_657
        assert 0 < milliseconds(message.created_at) - before < 30 * 60_000
        assert message.text.startswith(message.old_text)
