"""The validators themselves: each finds what is wrong, and leaves alone what is right."""

import copy
import json
from random import Random
from typing import Any

import pytest
from specs import discovery, documented, fields, meta, openapi
from specs.schema import Document

from demo import render_mastodon
from demo.people import People

# --- schemas ---------------------------------------------------------------------------------------------------

TREE = Document(
    {
        "schemas": {
            "Leaf": {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}},
            "Twig": {
                "allOf": [{"$ref": "#/schemas/Leaf"}, {"type": "object", "properties": {"at": {"format": "date-time"}}}]
            },
            "Any": {"oneOf": [{"$ref": "#/schemas/Leaf"}, {"type": "null"}]},
            "Open": {"type": "object"},
            "Map": {"type": "object", "additionalProperties": {"$ref": "#/schemas/Leaf"}},
            "Old": {"type": "object", "properties": {"n": {"type": "integer", "nullable": True}}},
        }
    }
)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("Leaf", {"id": "1"}, None),
        ("Leaf", {"id": 1}, "$.id: 1 is not of type 'string'"),
        ("Leaf", {}, "'id' is a required property"),
        ("Leaf", {"id": "1", "x": 1}, "$.x: the specification knows no such property"),
        ("Twig", {"id": "1", "at": "2026-01-01T00:00:00Z"}, None),
        ("Twig", {"id": "1", "at": "yesterday"}, "is not a 'date-time'"),
        ("Twig", {"id": "1", "x": 1}, "$.x: the specification knows no such property"),
        ("Any", None, None),
        ("Any", {"id": "1", "x": 1}, "$.x"),
        ("Any", 5, "is not valid under any of the given schemas"),
        ("Open", {"x": {"y": 1}}, None),
        ("Map", {"a": {"id": "1"}}, None),
        ("Map", {"a": {"id": "1", "x": 1}}, "$.a.x"),
        ("Old", {"n": None}, None),
        ("Old", {"n": "1"}, "is not of type 'integer', 'null'"),
    ],
)
def test_a_schema_finds_what_is_wrong(name: str, value: Any, words: str | None) -> None:
    found = TREE.violations(f"/schemas/{name}", value)
    assert (words is None) == (found == []), found
    assert words is None or any(words in one for one in found), found


def test_without_strictness_unknown_properties_pass() -> None:
    assert TREE.violations("/schemas/Leaf", {"id": "1", "x": 1}, strict=False) == []


# --- OpenAPI: Mastodon and X -----------------------------------------------------------------------------------


def test_an_account_of_mastodons_is_right_and_changes_to_it_are_found() -> None:
    check = openapi.mastodon().violations
    query = {"acct": ["weidenfels"]}
    account = render_mastodon.account(People("mastodon", Random(1)).company, 3, None)
    assert check("GET", "/api/v1/accounts/lookup", query, 200, account) == []
    assert check("GET", "/api/v1/accounts/lookup", query, 200, json.dumps(account).encode()) == []
    for change, words in (
        ({"followers_count": "many"}, "$.followers_count: 'many' is not of type 'integer'"),
        ({"shoe_size": 43}, "$.shoe_size: the specification knows no such property"),
        ({"created_at": "2016-11-24"}, "is not a 'date-time'"),
    ):
        assert any(words in one for one in check("GET", "/api/v1/accounts/lookup", query, 200, account | change))
    del account["acct"]
    assert any("'acct' is a required" in one for one in check("GET", "/api/v1/accounts/lookup", query, 200, account))


@pytest.mark.parametrize(
    ("path", "query", "status", "body", "words"),
    [
        ("/api/v1/nothing", {}, 200, {}, "no such operation"),
        ("/api/v1/accounts/lookup", {}, 404, {"error": "x"}, "parameter acct is missing"),
        ("/api/v1/accounts/lookup", {"acct": ["a"], "q": ["b"]}, 404, {"error": "x"}, "declares no parameter q"),
        ("/api/v1/accounts/lookup", {"acct": ["a", "b"]}, 404, {"error": "x"}, "is given 2 times"),
        ("/api/v1/accounts/lookup", {"acct": ["a"]}, 404, {"message": "x"}, "'error' is a required property"),
        ("/api/v1/accounts/lookup", {"acct": ["a"]}, 418, {}, "no answer with status 418"),
        ("/api/v1/accounts/lookup", {"acct": ["a"]}, 200, b"<html>", "is no JSON"),
        ("/api/v1/timelines/tag/x", {"limit": ["ten"]}, 200, [], "'ten' is not of type 'integer'"),
    ],
)
def test_requests_and_answers_that_mastodon_does_not_know(
    path: str, query: dict[str, list[str]], status: int, body: Any, words: str
) -> None:
    found = openapi.mastodon().violations("GET", path, query, status, body)
    assert any(words in one for one in found), found


COUNTS = dict.fromkeys(("retweet_count", "reply_count", "like_count", "quote_count"), 1)
COUNTS |= dict.fromkeys(("bookmark_count", "impression_count"), 1)
POST = {"id": "1", "text": "x", "edit_history_tweet_ids": ["1"], "public_metrics": COUNTS}
ASKED = {"query": ["weidenfels"], "max_results": ["100"], "tweet.fields": ["author_id,created_at,public_metrics"]}


def search(post: dict[str, Any], query: dict[str, list[str]] | None = None, **more: Any) -> list[str]:
    body = {"data": [post], "meta": {"result_count": 1}, **more}
    return openapi.x().violations("GET", "/2/tweets/search/recent", query or ASKED, 200, body)


def test_x_is_understood_in_its_old_words_and_in_its_new_ones() -> None:
    assert search(POST, includes={"tweets": [POST], "users": [{"id": "2", "name": "x", "username": "x"}]}) == []
    new = {"id": "1", "text": "x", "edit_history_post_ids": ["1"]}
    new["public_metrics"] = {**COUNTS, "repost_count": 1}
    del new["public_metrics"]["retweet_count"]
    assert search(new, {"query": ["x"], "post.fields": ["public_metrics"], "expansions": ["referenced_posts"]}) == []


@pytest.mark.parametrize(
    ("change", "query", "words"),
    [
        ({"id": 1}, {}, "$.data[0].id: 1 is not of type 'string'"),
        ({"likes": 4}, {}, "$.data[0].likes: the specification knows no such property"),
        ({"public_metrics": {"like_count": 1}}, {}, "'repost_count' is a required property"),
        ({}, {"max_results": ["101"]}, "101 is greater than the maximum of 100"),
        ({}, {"tweet.fields": ["mood"]}, "'mood' is not one of"),
        ({}, {"since_id": ["latest"]}, "does not match"),
        ({}, {"page": ["2"]}, "declares no parameter page"),
    ],
)
def test_requests_and_answers_that_x_does_not_know(
    change: dict[str, Any], query: dict[str, list[str]], words: str
) -> None:
    found = search(POST | change, ASKED | query)
    assert any(words in one for one in found), found


def test_x_is_checked_in_its_errors_and_in_what_is_sent() -> None:
    problem = {"title": "Too Many Requests", "detail": "Too Many Requests", "type": "about:blank", "status": 429}
    assert openapi.x().violations("GET", "/2/users/1/tweets", {}, 429, problem) == []
    assert openapi.x().violations("GET", "/2/users/1/tweets", {}, 429, {"error": "x"}) != []
    made = {"data": {"id": "1", "type": "tweets", "status": "created"}}
    check = openapi.x().violations
    assert check("POST", "/2/compliance/jobs", {}, 200, made, sent=b'{"type":"tweets"}') == []
    assert any("sent:" in one for one in check("POST", "/2/compliance/jobs", {}, 200, made, sent=b'{"type":"all"}'))


# --- Graph API -------------------------------------------------------------------------------------------------

GRAPH = meta.Graph({"1": "Page", "1_2": "PagePost", "178": "IGUser", "179": "IGMedia"}.get)
FIELDS = "id,message,created_time,comments.limit(5).summary(true){id,message},reactions.type(LIKE).limit(0).as(like)"
PAGE_POST = {
    "id": "1_2",
    "message": "x",
    "created_time": "2026-09-01T10:00:00+0000",
    "comments": {"data": [{"id": "2_3", "message": "y"}], "summary": {"total_count": 1}},
    "like": {"data": []},
}


def posts(post: dict[str, Any], **query: str) -> list[str]:
    asked = {"fields": [FIELDS], "limit": ["25"], **{name: [value] for name, value in query.items()}}
    body = {"data": [post], "paging": {"cursors": {"before": "a", "after": "b"}, "next": "http://127.0.0.1/v25.0/1"}}
    return GRAPH.violations("GET", "/v25.0/1/published_posts", asked, 200, body)


def test_a_page_of_posts_is_right() -> None:
    assert posts(PAGE_POST) == []


@pytest.mark.parametrize(
    ("change", "query", "words"),
    [
        ({"message": 5}, {}, "$.data[0].message: string expected"),
        ({"created_time": "2026-09-01T10:00:00Z"}, {}, "created_time: datetime expected"),
        ({"from": {"id": "1"}}, {}, "$.data[0].from: nobody asked for it"),
        ({"mood": "x"}, {"fields": "mood"}, "fields.mood: PagePost has no such field or edge"),
        ({"comments": [{"id": "2_3"}]}, {}, "a page of comments has a list called data"),
        ({"comments": {"data": [{"id": "2_3", "from": {}}]}}, {}, "comments.data[0].from: nobody asked for it"),
        ({}, {"fields": "comments{id,zip}"}, "fields.comments.zip: Comment has no such field or edge"),
        ({}, {"fields": "comments.colour(red){id}"}, "fields.comments.colour(): no such parameter"),
        ({}, {"fields": "comments{id"}, "no } after comments{"),
        ({}, {"sort": "newest"}, "parameter sort: Page/published_posts declares none"),
        ({}, {"limit": "all"}, "limit=all: a number expected"),
        ({}, {"access_token": "EAAB"}, "tokens belong into the Authorization header"),
    ],
)
def test_requests_and_answers_that_graph_does_not_know(
    change: dict[str, Any], query: dict[str, str], words: str
) -> None:
    found = posts(PAGE_POST | change, **query)
    assert any(words in one for one in found), found


def test_graph_is_checked_in_edges_errors_and_batches() -> None:
    insights = {
        "name": "views",
        "period": "day",
        "values": [{"value": 3}],
        "title": "x",
        "id": "178/insights/views/day",
    }
    query = {"metric": ["views"], "period": ["day"], "metric_type": ["total_value"]}
    assert GRAPH.violations("GET", "/v25.0/178/insights", query, 200, {"data": [insights]}) == []
    wrong = GRAPH.violations("GET", "/v25.0/178/insights", query | {"period": ["eon"]}, 200, {"data": [insights]})
    assert any("period=eon" in one for one in wrong)
    assert GRAPH.violations("GET", "/v25.0/179/comments", {}, 200, {"data": [{"id": "1", "text": 3}]}) != []
    assert any("no edge wall" in one for one in GRAPH.violations("GET", "/v25.0/1/wall", {}, 200, {"data": []}))
    assert any("no version" in one for one in GRAPH.violations("GET", "/1/feed", {}, 200, {"data": []}))
    error = {"message": "x", "type": "OAuthException", "code": 190, "fbtrace_id": "A"}
    assert GRAPH.violations("GET", "/v25.0/1", {}, 400, {"error": error}) == []
    assert GRAPH.violations("GET", "/v25.0/1", {}, 400, {"error": error | {"code": "190"}}) != []
    assert GRAPH.violations("GET", "/v25.0/1", {}, 400, {"error": error | {"hint": "x"}}) != []
    batch = b'batch=[{"method":"GET","relative_url":"v25.0/1?fields=id,name"}]'
    answer = {"code": 200, "headers": [], "body": '{"id":"1","name":"Weidenfels"}'}
    assert GRAPH.violations("POST", "/v25.0", {}, 200, [answer], sent=batch) == []
    wrong = GRAPH.violations("POST", "/v25.0", {}, 200, [answer | {"body": '{"id":"1","name":7}'}], sent=batch)
    assert any("$.name: string expected" in one for one in wrong)
    assert GRAPH.violations("POST", "/v25.0", {}, 200, [], sent=batch) != []


def test_fields_are_parsed_with_what_stands_inside() -> None:
    first, second = fields.parse("id,comments.limit(2).order(chronological){id,replies{id}}")
    assert (first.name, first.fields) == ("id", [])
    assert second.modifiers == {"limit": "2", "order": "chronological"}
    assert [one.name for one in second.fields] == ["id", "replies"]
    with pytest.raises(fields.FieldsError):
        fields.parse("id,,message")


# --- Google's discovery documents ------------------------------------------------------------------------------

COMMENT = {
    "textDisplay": "x",
    "publishedAt": "2026-09-01T10:00:00Z",
    "likeCount": 3,
    "authorChannelId": {"value": "UC"},
}
THREADS = {
    "kind": "youtube#commentThreadListResponse",
    "etag": "e",
    "pageInfo": {"totalResults": 1, "resultsPerPage": 20},
    "items": [
        {"kind": "youtube#commentThread", "id": "Ug", "snippet": {"topLevelComment": {"id": "Ug", "snippet": COMMENT}}}
    ],
}


def threads(body: Any = THREADS, status: int = 200, **query: str) -> list[str]:
    asked = {"part": ["snippet,replies"], "videoId": ["v"]} | {name: [value] for name, value in query.items()}
    return discovery.youtube().violations("GET", "/youtube/v3/commentThreads", asked, status, body)


def test_a_page_of_comment_threads_is_right() -> None:
    assert threads(maxResults="100", order="time", textFormat="plainText") == []


@pytest.mark.parametrize(
    ("change", "query", "words"),
    [
        ({"likeCount": "3"}, {}, "likeCount: '3' is not of type 'integer'"),
        ({"mood": "x"}, {}, "topLevelComment.snippet.mood: the specification knows no such property"),
        ({"publishedAt": "yesterday"}, {}, "is not a 'date-time'"),
        ({}, {"maxResults": "101"}, "maxResults=101: 1 to 100"),
        ({}, {"order": "loudness"}, "order=loudness: one of"),
        ({}, {"page": "2"}, "declares no parameter page"),
        ({}, {"key": "AIza"}, "keys and tokens belong into a header"),
    ],
)
def test_requests_and_answers_that_youtube_does_not_know(
    change: dict[str, Any], query: dict[str, str], words: str
) -> None:
    body = copy.deepcopy(THREADS)
    body["items"][0]["snippet"]["topLevelComment"]["snippet"] |= change
    found = threads(body, **query)
    assert any(words in one for one in found), found


def test_youtube_is_checked_in_its_errors_and_its_required_parameters() -> None:
    reason = {"message": "x", "domain": "youtube.quota", "reason": "quotaExceeded"}
    error = {"code": 403, "message": "x", "errors": [reason]}
    assert threads({"error": error}, 403) == []
    assert threads({"error": error | {"errors": [{"message": "x"}]}}, 403) != []
    check = discovery.youtube().violations
    assert any("part is missing" in one for one in check("GET", "/youtube/v3/videos", {}, 200, {"items": []}))
    assert any("no such method" in one for one in check("GET", "/youtube/v3/moods", {}, 200, {}))


def test_google_business_accounts_and_locations_are_known() -> None:
    account = {"accounts": [{"name": "accounts/1", "accountName": "Weidenfels", "type": "LOCATION_GROUP"}]}
    assert discovery.business_accounts().violations("GET", "/v1/accounts", {"pageSize": ["20"]}, 200, account) == []
    check = discovery.business_locations().violations
    asked = {"readMask": ["name,title"], "pageSize": ["100"]}
    page = {"locations": [{"name": "locations/1", "title": "Weidenfels Store"}], "totalSize": 1}
    assert check("GET", "/v1/accounts/1/locations", asked, 200, page) == []
    assert check("GET", "/v1/accounts/1/locations", {"pageSize": ["all"]}, 200, page) != []
    page["locations"][0]["headline"] = "x"
    assert any("headline" in one for one in check("GET", "/v1/accounts/1/locations", asked, 200, page))


# --- documented APIs: LinkedIn and Google's reviews ------------------------------------------------------------

HEADERS = {"linkedin-version": "202511", "x-restli-protocol-version": "2.0.0"}
COMMENT_URN = "urn:li:comment:(urn:li:activity:7,8)"
ANSWER = {
    "actor": "urn:li:person:sfUvrNPqLU",
    "created": {"actor": "urn:li:person:sfUvrNPqLU", "time": 1_787_000_000_000},
    "id": "8",
    "$URN": COMMENT_URN,
    "message": {"text": "Hallo", "attributes": []},
    "object": "urn:li:activity:7",
}


def comments(comment: dict[str, Any], headers: dict[str, str] | None = None, **query: str) -> list[str]:
    body = {"paging": {"start": 0, "count": 10, "links": []}, "elements": [comment]}
    asked = {name: [value] for name, value in query.items()}
    path = "/rest/socialActions/urn%3Ali%3Ashare%3A7/comments"
    return documented.linkedin().violations("GET", path, asked, 200, body, HEADERS if headers is None else headers)


def test_linkedin_is_checked_in_parameters_headers_and_answers() -> None:
    assert comments(ANSWER, start="0", count="100") == []
    for change, headers, query, words in (
        ({"likes": 3}, None, {}, "elements[0].likes: the specification knows no such property"),
        ({"created": {"time": "2026-09-01"}}, None, {}, "is not valid under any"),
        ({}, {}, {}, "header LinkedIn-Version is missing"),
        ({}, HEADERS | {"linkedin-version": "v2"}, {}, "header LinkedIn-Version: $: 'v2' does not match"),
        ({}, None, {"count": "500"}, "500 is greater than the maximum"),
        ({}, None, {"page": "2"}, "declares no parameter page"),
    ):
        found = comments(ANSWER | change, headers, **query)
        assert any(words in one for one in found), found
    check = documented.linkedin().violations
    metadata = {"entity": "urn:li:share:7", "reactionSummaries": {"LIKE": {"reactionType": "LIKE", "count": 2}}}
    assert (
        check("GET", "/rest/socialMetadata", {"ids": ["List(urn:li:share:7)"]}, 200, {"results": {"u": metadata}}) == []
    )
    metadata["reactionSummaries"]["HATE"] = {"count": 1}
    assert check("GET", "/rest/socialMetadata/urn%3Ali%3Ashare%3A7", {}, 200, metadata) != []
    error = {"status": 401, "serviceErrorCode": 65601, "code": "REVOKED_ACCESS_TOKEN", "message": "x"}
    assert check("GET", "/rest/posts/urn%3Ali%3Ashare%3A7", {}, 401, error) == []
    assert check("GET", "/rest/posts/7", {}, 401, error) != []


def test_googles_reviews_are_checked() -> None:
    review = {
        "name": "accounts/1/locations/2/reviews/a",
        "reviewId": "a",
        "reviewer": {"displayName": "x"},
        "starRating": "FIVE",
        "createTime": "2026-09-01T10:00:00.000Z",
        "updateTime": "2026-09-01T10:00:00.000Z",
        "reviewReply": {"comment": "Danke", "updateTime": "2026-09-02T10:00:00Z"},
    }
    check = documented.google_business_reviews().violations
    path = "/v4/accounts/1/locations/2/reviews"
    page = {"reviews": [review], "averageRating": 4.5, "totalReviewCount": 1}
    assert check("GET", path, {"pageSize": ["50"], "orderBy": ["updateTime desc"]}, 200, page) == []
    assert any("51 is greater" in one for one in check("GET", path, {"pageSize": ["51"]}, 200, page))
    assert any("mood" in one for one in check("GET", path, {}, 200, {"reviews": [review | {"mood": 1}]}))
    assert any(
        "5 is not one of" in one for one in check("GET", path, {}, 200, {"reviews": [review | {"starRating": 5}]})
    )
    sent = json.dumps({"locationNames": ["accounts/1/locations/2"], "pageSize": 50}).encode()
    answer = {"locationReviews": [{"name": "accounts/1/locations/2", "review": review}]}
    assert check("POST", "/v4/accounts/1/locations:batchGetReviews", {}, 200, answer, sent=sent) == []
    assert check("POST", "/v4/accounts/1/locations:batchGetReviews", {}, 200, answer, sent=b'{"pageSize":50}') != []
