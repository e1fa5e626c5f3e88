"""Single posts of X's API as messages, without anything private, and what X's problems mean."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resonanz.errors import Kind
from resonanz.http_answers import Reply, refusal
from resonanz.landing import METRICS as CANONICAL
from resonanz.privacy import Privacy
from resonanz.social.x.errors import explain
from resonanz.social.x.people import People
from resonanz.social.x.post import METRICS, parse_post

FIXTURES = Path(__file__).parent / "fixtures" / "platforms" / "x"
PRIVACY = Privacy(b"a secret for tests only", ["@weidenfels"])
ANNA = PRIVACY.author_key("x", "1450000000000000001")
BERT = PRIVACY.author_key("x", "1450000000000000002")
PRIVATE = ("anna_segelt", "Anna_Segelt", "bert_b", "carla_c", "Geheimname", "Segelt gern", "14500000", "profile_images")


def fixture(name: str):
    return json.loads((FIXTURES / name).read_text(encoding="utf-8"))


def parse(number: int, **changes):
    answer = fixture("mentions.json")
    post = answer["data"][number] | changes
    users = {user["id"]: user for user in answer["includes"]["users"]}
    return parse_post(post, users.get(post.get("author_id")), People(PRIVACY))


def test_a_post_becomes_a_message_with_all_its_fields():
    message = parse(0)
    assert message.parse_error is None
    assert message.text == (
        f"@weidenfels @{BERT} Die Trommel klappert <laut> & seit 3 Tagen 🙃 https://t.co/aBcDeF1234 #Lavia7"
    )
    assert (message.platform, message.native_id, message.kind) == ("x", "2028035261138894850", "reply")
    assert message.parent_native_id == "2028030000000000000"
    assert message.thread_native_id == "2028017393464246272"
    assert (message.author_key, message.author_name, message.is_company) == (ANNA, None, False)
    assert message.account == "weidenfels"
    assert message.created_at == datetime(2026, 3, 1, 9, 11, tzinfo=UTC)
    assert (message.created_at_precision, message.edited_at) == ("second", None)
    assert message.declared_language == "de"
    assert message.url == "https://x.com/i/web/status/2028035261138894850"
    assert message.metrics == {
        **{"impressions": 2210, "reactions": 17, "comments": 4, "shares": 2, "quotes": 1, "saves": 3}
    }
    assert message.unavailable_metrics == {}
    assert set(METRICS) <= CANONICAL


def test_nothing_private_is_left_in_a_post_and_its_payload():
    for number in range(4):
        if (message := parse(number)) is None:
            continue
        landed = json.dumps([message.payload, message.text, message.url, message.native_id], ensure_ascii=False)
        assert not [name for name in PRIVATE if name in landed], landed
    payload = parse(0).payload
    assert payload["author_id"] == ANNA
    assert payload["in_reply_to_user_id"] == BERT
    assert payload["entities"]["mentions"][1] == {"start": 12, "end": 19, "username": BERT}
    assert payload["entities"]["mentions"][0]["username"] == "weidenfels"
    links = [link["expanded_url"] for link in payload["entities"]["urls"]]
    assert links == [
        "https://twitter.com/i/status/2028035261138894850/photo/1",
        "https://www.example.org/forum/thread?id=4711",
    ]
    assert payload["a_field_from_tomorrow"] == {"mood": "cross", "said_by": f"@{ANNA}"}
    assert "geo" not in payload


def test_a_repost_says_nothing_of_its_own():
    assert parse(1) is None


def test_an_edited_quote_of_the_company_is_a_mention_under_its_first_id():
    message = parse(2)
    assert (message.kind, message.account) == ("mention", "weidenfels")
    assert message.native_id == message.thread_native_id == "2028032000000000000"
    assert message.created_at < message.edited_at
    assert message.edited_at == datetime(2026, 3, 1, 9, 2, tzinfo=UTC)
    carla = PRIVACY.author_key("x", "1450000000000000004")
    assert message.text == f"Genau so: lange Fassung, die über 280 Zeichen hinausgeht und @{carla} nennt & mehr"
    assert message.declared_language is None
    assert message.metrics == {"reactions": 0, "comments": 0, "shares": 0, "quotes": 0}
    assert set(message.unavailable_metrics) == {"impressions", "saves"}, "what X did not give is not 0"


def test_what_is_missing_does_no_harm():
    message = parse(3)
    assert message.parse_error is None
    assert (message.kind, message.text, message.metrics) == ("post", "Nur das Nötigste", {})
    assert message.created_at == datetime(2026, 3, 1, 8, 54, 4, tzinfo=UTC), "ids hold the time"
    assert message.author_key is None


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"referenced_tweets": [{"type": "replied_to", "id": "2028017393464246272"}]}, "comment"),
        ({"referenced_tweets": []}, "reply"),
        ({"referenced_tweets": [], "in_reply_to_user_id": None}, "mention"),
        ({"referenced_tweets": [{"type": "of tomorrow", "id": "1"}], "in_reply_to_user_id": None}, "mention"),
        ({"referenced_tweets": [], "in_reply_to_user_id": None, "author_id": "2244994953"}, "post"),
    ],
)
def test_the_kind_follows_from_the_place_in_the_thread(changes, kind):
    assert parse(0, **changes).kind == kind


def test_the_companys_own_post_stays_readable():
    message = parse(0, author_id="2244994953")
    assert message.is_company
    assert (message.author_name, message.account) == ("Weidenfels Hausgeräte", "weidenfels")
    assert message.url == "https://x.com/weidenfels/status/2028035261138894850"
    assert message.payload["author_id"] == "2244994953"


def test_views_of_before_december_2022_were_not_counted():
    counts = {"like_count": 3, "impression_count": 0}
    old = parse(0, created_at="2021-03-01T09:11:00.000Z", public_metrics=counts)
    assert "impressions" not in old.metrics
    assert old.unavailable_metrics["impressions"] == "not counted before December 2022"
    assert parse(0, public_metrics=counts).metrics["impressions"] == 0


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"id": None}, "id is missing"),
        ({"created_at": "gestern"}, "created_at is no ISO 8601 time"),
        ({"text": None}, "text is missing"),
        ({"public_metrics": {"like_count": "viele"}}, "like_count should be int"),
    ],
)
def test_a_post_that_is_not_as_promised_says_why(changes, words):
    message = parse(0, **changes)
    assert words in message.parse_error
    assert not [name for name in PRIVATE if name in json.dumps(message.payload, ensure_ascii=False)]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda one: (
            st.lists(one)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "id",
                        "text",
                        "author_id",
                        "entities",
                        "mentions",
                        "username",
                        "public_metrics",
                        "referenced_tweets",
                        "type",
                        "created_at",
                        "edit_history_tweet_ids",
                        "note_tweet",
                        "urls",
                        "expanded_url",
                    ]
                ),
                one,
            )
        ),
    )
)
def test_whatever_comes_is_a_message_or_none(post):
    message = parse_post(post, None, People(PRIVACY))
    assert message is None or message.parse_error or message.native_id is not None


@pytest.mark.parametrize("problem", fixture("problems.json"), ids=lambda one: f"{one['status']} {one['code']}")
def test_what_xs_problems_mean(problem):
    reply = Reply(problem["status"], "x", {}, json.dumps(problem["body"]).encode())
    fault = refusal(reply, "posts", "https://api.x.com/2/tweets", "brand", True, {}, explain)
    assert (fault.kind, fault.code) == (Kind(problem["kind"]), problem["code"])
    if fault.code == "UsageCapExceeded":
        assert fault.retry_after > 0
