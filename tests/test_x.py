"""The extraction of an X that grows, edits, deletes and fails; what is paid for, and what is never written."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from extraction import Source
from loopback import Reply, serve
from pydantic import ValidationError
from x_server import COMPANY, COMPANY_ID, START, TOKEN, X

from resonanz import http
from resonanz.budget import Budget
from resonanz.errors import Kind, SourceError
from resonanz.platforms import Context, Window
from resonanz.platforms.x import Options, check
from resonanz.privacy import Privacy
from resonanz.social.x import compliance as x_compliance

PRIVATE = ("anna_segelt", "bert_b", "Geheimname", "aus Kiel", "profile_images", "700000")
SEARCH = "Lavia -is:retweet"


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(http, "BACKOFF", 0.01)
    monkeypatch.setattr(x_compliance, "POLLS", (0.0, 0.01))
    monkeypatch.setenv("RESONANZ_TOKEN_FEDIVERSE", TOKEN)


@pytest.fixture
def x():
    server = X()
    with serve(server) as running:
        server.server, server.address = running, running.address
        yield server


@pytest.fixture
def source(x, tmp_path):
    options = {"platform": "x", "base_url": x.address, "accounts": [COMPANY], "page_size": 10, "reread_hours": 0}
    return Source(tmp_path, options, [COMPANY])


def fill(x: X, posts: int = 3) -> dict[str, int]:
    """A few posts of the company with answers, a mention with a dialogue below it, a post that only a search finds."""
    ids = {}
    for number in range(posts):
        ids[f"post{number}"] = x.say(COMPANY, f"Neuigkeit {number}", number)
    ids["comment"] = x.say("anna_segelt", f"@{COMPANY} Toll &amp; <3, sagt auch @bert_b", 100, ids["post0"])
    ids["nested"] = x.say("bert_b", "@anna_segelt Finde ich auch", 101, ids["comment"])
    ids["mention"] = x.say("anna_segelt", f"Moin @{COMPANY}, die Trommel klappert", 110)
    ids["answer"] = x.say(COMPANY, "@anna_segelt Das tut uns leid!", 111, ids["mention"])
    ids["thanks"] = x.say("anna_segelt", f"@{COMPANY} Danke!", 112, ids["answer"])
    ids["found"] = x.say("bert_b", "Meine Lavia läuft und läuft", 120)
    return ids


def asked(x: X, start: int = 0) -> list[str]:
    return [request.path for request in x.server.asked[start:]]


# ---------------------------------------------------------------- everything once, in its place


def test_everything_lands_once_with_its_place_in_the_dialogue(x, source):
    ids = fill(x)
    source.options["search"] = [SEARCH]
    extraction = source.run()
    assert extraction.problems == []
    rows = source.by_id()
    account = rows.pop(f"account/{COMPANY_ID}")
    assert set(rows) == {str(number) for number in ids.values()}
    places = {name: (row["kind"], row["parent_native_id"], row["thread_native_id"]) for name, row in by_name(rows, ids)}
    post, mention = str(ids["post0"]), str(ids["mention"])
    assert places["post1"] == ("post", None, str(ids["post1"]))
    assert places["comment"] == ("comment", post, post)
    assert places["nested"] == ("reply", str(ids["comment"]), post)
    assert places["mention"] == ("mention", None, mention)
    assert places["answer"] == ("comment", mention, mention)
    assert places["thanks"] == ("reply", str(ids["answer"]), mention)
    assert places["found"] == ("post", None, str(ids["found"]))
    assert {row["platform"] for row in rows.values()} == {"x"}
    assert {row["stream"] for row in rows.values()} == {"account_posts", "mentions", "search_posts", "comments"}
    assert rows[str(ids["answer"])]["is_company"]
    assert json.loads(rows[post]["metrics"]) == {
        **{"impressions": 400, "reactions": 5, "comments": 1, "shares": 1, "quotes": 2, "saves": 3}
    }
    assert json.loads(account["metrics"]) == {"followers": 1200}
    assert source.quarantined() == dict.fromkeys(source.quarantined(), 0)


def by_name(rows, ids):
    return [(name, rows[str(number)]) for name, number in ids.items() if str(number) in rows]


def test_a_second_run_lands_nothing_asks_little_and_pays_only_for_what_is_read_again(x, source):
    fill(x)
    source.options |= {"search": [SEARCH], "reread_hours": 24}
    source.run()
    source.run()  # looks at the young posts once more
    before, paid = len(x.server.asked), x.paid
    assert source.run().problems == []
    assert source.rows == []
    assert x.paid == paid, "nothing was paid for"
    paths = asked(x, before)
    assert len(paths) <= 8, paths
    assert "/2/tweets" not in paths


def test_what_came_since_lands_and_is_all_that_is_paid_for(x, source):
    ids = fill(x)
    source.options["reread_hours"] = 24
    source.run()
    source.run()
    paid = x.paid
    late = x.say("bert_b", "Ein später Gedanke", 300, ids["post1"])
    deep = x.say("anna_segelt", "@bert_b Stimmt", 301, ids["nested"])
    new = x.say(COMPANY, "Neu", 302)
    source.run()
    assert set(source.by_id()) >= {str(late), str(deep), str(new)}
    assert {row["native_id"] for row in source.rows} <= {str(late), str(deep), str(new)}
    assert source.by_id()[str(deep)]["parent_native_id"] == str(ids["nested"])
    assert x.paid - paid <= 3 + 2, "new posts, some of them in two lists"


def test_a_conversation_of_which_only_the_companys_answer_is_seen_comes_whole(x, source):
    question = x.say("anna_segelt", "Wer kennt eine leise Waschmaschine?", 10)
    aside = x.say("bert_b", "Ich nicht", 11, question)
    answer = x.say(COMPANY, "Wir!", 12, question)
    source.run()
    rows = source.by_id()
    assert {str(question), str(aside), str(answer)} <= set(rows)
    assert rows[str(question)]["kind"] == "post"


def test_many_known_conversations_are_asked_for_with_few_requests(x, source):
    ids = fill(x, 30)
    source.options["reread_hours"] = 24
    source.run()
    source.run()
    late = x.say("bert_b", "Ein später Gedanke", 300, ids["post17"])
    before, paid = len(x.server.asked), x.paid
    source.run()
    assert set(source.by_id()) == {str(late)}
    searches = [request.query["query"] for request in x.server.asked[before:] if request.path.endswith("/recent")]
    assert len(searches) == 3
    assert max(map(len, searches)) <= 512
    assert x.paid - paid == 1


# ---------------------------------------------------------------- edits, deletions, metrics


def test_an_edit_lands_under_the_first_id_and_with_its_own_time(x, source):
    ids = fill(x)
    source.run()
    latest = x.edit(ids["mention"], f"Moin @{COMPANY}, die Trommel klappert nicht mehr", 130)
    source.run()
    row = source.by_id()[str(ids["mention"])]
    assert row["text"].endswith("nicht mehr")
    assert row["created_at"] == START + timedelta(minutes=110)
    assert row["edited_at"] == START + timedelta(minutes=130)
    assert row["url"].endswith(str(latest))
    source.run()
    assert source.rows == []


def test_an_edit_of_what_no_list_shows_any_more_is_found_by_id(x, source):
    ids = fill(x)
    source.run()
    x.say(COMPANY, "Später", 500)
    x.edit(ids["nested"], "@anna_segelt Finde ich nicht", 131)
    source.run()
    assert source.by_id()[str(ids["nested"])]["text"].endswith("Finde ich nicht")


def test_deleted_and_protected_posts_end_as_deleted_and_their_answers_stay(x, source):
    ids = fill(x)
    source.run()
    x.delete(ids["mention"])
    x.protected.add(ids["nested"])
    source.run()
    rows = source.by_id()
    deleted = {native_id for native_id, row in rows.items() if row["is_deleted"]}
    assert deleted == {str(ids["mention"]), str(ids["nested"])}
    assert rows[str(ids["mention"])]["text"] is None
    source.run()
    assert source.rows == []


def test_compliance_finds_deletions_without_reading_a_post(x, source):
    ids = fill(x)
    source.options |= {"compliance": True, "reread_hours": 10_000}
    source.run()
    source.run()
    x.delete(ids["nested"])
    paid = x.paid
    source.run()
    assert {row["native_id"]: row["is_deleted"] for row in source.rows}[str(ids["nested"])]
    assert x.paid == paid
    assert all(row["is_deleted"] for row in source.rows if row["stream"] == "compliance")


def test_a_compliance_job_may_take_longer_than_a_run(x, source):
    ids = fill(x)
    source.options |= {"compliance": True, "reread_hours": 10_000}
    source.run()
    source.run()
    x.slow_jobs = 5
    x.delete(ids["nested"])
    assert source.run().problems == []
    assert [row for row in source.rows if row["stream"] == "compliance"] == []
    jobs = len(x.jobs)
    x.slow_jobs = 0
    source.run()
    assert [row["native_id"] for row in source.rows if row["is_deleted"]] == [str(ids["nested"])]
    assert len(x.jobs) == jobs, "the job that was under way was asked for, no other one created"


def test_the_addresses_of_compliance_files_are_never_written(x, source):
    fill(x)
    source.options["compliance"] = True
    source.run()
    x.faults["/files/1/up"] = [Reply(b"denied", 403)]
    extraction = source.run()
    assert [problem.kind for problem in extraction.problems] == [Kind.CONTRACT]
    said = source.written() + " ".join(problem.message for problem in extraction.problems)
    assert "geheim" not in said
    assert "/files/" not in said


def test_a_refused_count_is_unavailable_and_nothing_fails(x, source):
    ids = fill(x)
    x.withheld = {"impression_count"}
    extraction = source.run()
    assert extraction.problems == []
    row = source.by_id()[str(ids["post1"])]
    assert "impressions" not in json.loads(row["metrics"])
    assert json.loads(row["unavailable_metrics"]) == {"impressions": "not permitted: Field Authorization Error"}
    assert [notice for notice in extraction.notices if "impressions" in notice]


# ---------------------------------------------------------------- what is paid for


def test_no_post_is_read_beyond_the_budget(x, source):
    for number in range(60):
        x.say(COMPANY, f"Neuigkeit {number}", number)
    source.options["budget"] = {"posts_per_month": 25}
    extraction = source.run()
    assert x.paid == 25
    assert len([row for row in source.rows if row["kind"] != "account"]) == 25
    assert [(problem.kind, problem.code) for problem in extraction.problems] == [(Kind.LIMIT, "budget")]
    assert "posts: 25 now, 0 left" in extraction.spent
    assert [notice for notice in extraction.notices if "posts will be read; 25 left of the budget" in notice]
    source.options["budget"] = {"posts_per_month": 500}
    source.run()
    assert len([row for row in source.rows if row["kind"] != "account"]) >= 35, "the rest, from where it stopped"


def test_a_search_is_estimated_before_it_is_paid_for(x, source):
    fill(x)
    source.options |= {"search": [SEARCH], "budget": {"posts_per_month": 1000}}
    notices = source.run().notices
    assert f"search for {SEARCH}: about 1 posts will be read; " in "\n".join(notices)
    assert "left of the budget" in "\n".join(notices)


def test_rereads_take_no_more_than_half_of_the_days_share(x, source):
    for number in range(40):
        x.say(COMPANY, f"Neuigkeit {number}", number)
    source.options["budget"] = {"posts_per_day": 80}
    source.run()
    paid = x.paid
    source.run()
    assert x.paid - paid == 20


def test_a_days_even_share_of_a_months_budget():
    now = datetime.now(UTC)
    budget = Budget({"posts_per_month": 3100, "posts_per_day": 5000})
    days = ((now.replace(day=1) + timedelta(days=32)).replace(day=1).date() - now.date()).days
    assert budget.today("posts") in (3100 // days, 3100 // (days + 1))
    assert Budget({}).today("posts") is None


# ---------------------------------------------------------------- paging


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 20, 45])
def test_every_page_is_read_whatever_the_last_one_holds(x, source, count):
    for number in range(count):
        x.say(COMPANY, f"Neuigkeit {number}", number)
    source.run()
    assert len([row for row in source.rows if row["kind"] == "post"]) == count
    source.by_id()


def test_a_hundred_posts_of_one_second_land_once(x, source):
    for number in range(100):
        x.say(COMPANY, f"Gleichzeitig {number}", 5)
    source.run()
    assert len([row for row in source.rows if row["kind"] == "post"]) == 100
    x.say(COMPANY, "Noch einer", 5)
    source.run()
    assert [row["text"] for row in source.rows] == ["Noch einer"]


def test_an_expired_token_goes_on_before_the_last_post_that_was_read(x, source):
    numbers = [x.say(COMPANY, f"Neuigkeit {number}", number) for number in range(45)]
    x.expired = {f"t{numbers[-20]}"}
    assert source.run().problems == []
    assert len([row for row in source.rows if row["kind"] == "post"]) == 45
    assert x.paid == 45


def test_where_that_is_not_understood_either_the_list_is_read_from_its_top(x, source):
    numbers = [x.say(COMPANY, f"Neuigkeit {number}", number) for number in range(45)]
    x.expired = {f"t{numbers[-20]}"}
    path = f"/2/users/{COMPANY_ID}/tweets"

    def answers(request):
        if request.path == path:
            request.query.pop("until_id", None)
        if request.path == path and "pagination_token" not in request.query and len(x.server.asked) > 6:
            x.expired = set()
        return x(request)

    x.server.answers = answers
    source.run()
    source.run()
    assert {row["native_id"] for row in source.landed()} >= {str(number) for number in numbers}


def test_an_empty_page_with_a_next_one_is_followed_and_a_circle_ends(x, source):
    number = x.say(COMPANY, "Neuigkeit", 1)
    path = f"/2/users/{COMPANY_ID}/mentions"
    x.faults[path] = [Reply({"meta": {"result_count": 0, "next_token": f"t{number + 1}"}})]
    assert source.run().problems == []
    again = Reply({"data": [x.posts[number]], "meta": {"result_count": 1, "next_token": "t9"}})
    x.faults[path] = [again] * 9
    assert [problem.kind for problem in source.run().problems] == [Kind.CONTRACT]


def test_a_search_goes_on_where_its_last_post_is_too_old_to_start_from(x, source):
    fill(x)
    source.options["search"] = [SEARCH]
    source.run()
    new = x.say("bert_b", "Lavia, zum zweiten", 400)
    x.oldest_since = new
    extraction = source.run()
    assert extraction.problems == []
    assert str(new) in source.by_id()


# ---------------------------------------------------------------- faults


def test_after_the_faults_have_ended_everything_has_landed(x, source):
    ids = fill(x, 30)
    source.options["search"] = [SEARCH]
    count = 0
    spoilt = [
        *(Reply({"title": "Service Unavailable", "detail": "x", "type": "about:blank", "status": 503}, 503), None),
        *(
            Reply(b"<html>Over capacity</html>", headers={"Content-Type": "text/html"}),
            Reply({"data": [1] * 99}, cut=30),
        ),
        Reply({"title": "Too Many Requests", "status": 429}, 429, {"x-rate-limit-reset": "1"}),
        Reply(b'{"data": [{"id": "1", "te'),
        Reply({"title": "Too Many Requests", "status": 429}, 429),
    ]

    def answers(request):
        nonlocal count
        count += 1
        return spoilt[count // 5 % len(spoilt)] if count % 5 == 0 else x(request)

    x.server.answers = answers
    source.run()
    source.run()
    x.server.answers = x
    source.run()
    landed = {row["native_id"] for row in source.landed()}
    assert landed == {str(number) for number in ids.values()} | {f"account/{COMPANY_ID}"}


def test_a_limit_is_waited_for_where_x_says_until_when(x, source):
    fill(x)
    path = f"/2/users/{COMPANY_ID}/tweets"
    reset = str(int(datetime.now(UTC).timestamp()) + 3600)
    body = {"title": "Too Many Requests", "detail": "Too Many Requests", "type": "about:blank", "status": 429}
    x.faults[path] = [Reply(body, 429, {"x-rate-limit-reset": reset, "x-rate-limit-remaining": "0"})]
    (problem,) = source.run().problems
    assert problem.kind is Kind.LIMIT
    assert 3500 < problem.retry_after <= 3601
    assert {row["stream"] for row in source.rows} >= {"mentions"}, "other lists have limits of their own"


def test_a_monthly_cap_is_a_limit_until_the_month_ends(x, source):
    fill(x)
    cap = {"title": "UsageCapExceeded", "detail": "Usage cap exceeded: Monthly product cap", "period": "Monthly"}
    x.faults[f"/2/users/{COMPANY_ID}/tweets"] = [
        Reply({**cap, "type": "https://api.x.com/2/problems/usage-capped"}, 429)
    ]
    (problem,) = source.run().problems
    assert problem.kind is Kind.LIMIT
    assert problem.code == "UsageCapExceeded"
    assert problem.retry_after > 60


def test_a_wrong_token_is_never_tried_twice_and_a_missing_one_is_named(x, source, monkeypatch):
    fill(x)
    monkeypatch.setenv("RESONANZ_TOKEN_FEDIVERSE", "a-wrong-token")
    with_problem = source.run()
    assert {problem.kind for problem in with_problem.problems} == {Kind.CREDENTIALS}
    assert len(x.server.asked) == 1
    assert "a-wrong-token" not in source.written() + str(with_problem.problems)
    monkeypatch.delenv("RESONANZ_TOKEN_FEDIVERSE")
    with pytest.raises(SourceError, match="RESONANZ_TOKEN_FEDIVERSE") as raised:
        source.run()
    assert raised.value.kind is Kind.CREDENTIALS


def test_an_app_without_access_is_a_matter_of_permission(x, source):
    body = {"title": "Client Forbidden", "reason": "client-not-enrolled", "detail": "must be attached to a Project"}
    x.faults["/2/users/by/username/weidenfels"] = [Reply(body, 403)] * 3
    (problem,) = source.run().problems
    assert (problem.kind, problem.code) == (Kind.PERMISSION, "client-not-enrolled")


def test_one_missing_account_is_named_and_the_others_land(x, source):
    fill(x)
    source.options["accounts"] = [COMPANY, "nobody_here"]
    (problem,) = source.run().problems
    assert problem.kind is Kind.GONE
    assert len(source.rows) >= 9


# ---------------------------------------------------------------- words, windows, privacy


def test_a_server_that_speaks_of_posts_is_understood_as_well(x, source):
    ids = fill(x)
    x.words = "post"
    extraction = source.run()
    assert extraction.problems == []
    rows = source.by_id()
    assert {str(number) for name, number in ids.items() if name != "found"} <= set(rows)
    assert json.loads(rows[str(ids["post0"])]["metrics"])["shares"] == 1
    assert rows[str(ids["nested"])]["parent_native_id"] == str(ids["comment"])


def test_a_backfill_reads_its_window_alone(x, source):
    for number in range(30):
        x.say(COMPANY, f"Neuigkeit {number}", number)
    source.run()
    paid = x.paid
    window = Window(START + timedelta(minutes=10), START + timedelta(minutes=15))
    source.run(window)
    assert sorted(row["text"] for row in source.rows) == sorted(f"Neuigkeit {number}" for number in range(10, 15))
    assert x.paid - paid == 5
    source.run()
    assert source.rows == []


def test_nothing_private_and_no_token_is_written(x, source):
    link = {"expanded_url": "https://twitter.com/anna_segelt/status/123/photo/1", "title": "Anna Geheimname auf X"}
    entities = {"urls": [link], "mentions": [{"start": 0, "end": 7, "username": "bert_b", "id": "1"}]}
    x.say(COMPANY, "Danke an https://x.com/bert_b und @bert_b", 3, entities=entities)
    fill(x)
    source.options |= {"search": [SEARCH], "compliance": True}
    source.run()
    source.run()
    written = source.written()
    assert not [name for name in (*PRIVATE, TOKEN) if name in written]
    assert "Weidenfels Hausgeräte" in written


def test_check_names_token_accounts_searches_and_what_is_left(x):
    fill(x)
    context = Context(
        "fediverse", None, Privacy(b"0123456789abcdef"), token=TOKEN, budget=Budget({"posts_per_month": 500})
    )
    options = Options(base_url=x.address, accounts=[COMPANY, "nobody_here"], search=["Lavia"], compliance=True)
    found = {one.subject: one for one in check(options, context)}
    assert found["token"].problem is None
    assert found["quota"].words.startswith("0 of 2,000,000 posts used")
    assert found["account @weidenfels"].problem is None
    assert "nobody_here" in found["account @nobody_here"].problem
    assert (
        found["search Lavia"].words
        == "1 posts in the last seven days; add -is:retweet, reposts are paid for and left out"
    )
    assert found["compliance jobs"].problem is None
    assert found["budget"].words == "500 posts left"
    assert x.paid == 0
    context.token = "wrong"
    (refused,) = check(options, context)
    assert "RESONANZ_TOKEN_FEDIVERSE" in refused.problem


@pytest.mark.parametrize(
    "options", [{}, {"accounts": [""]}, {"accounts": ["a b"]}, {"search": [""]}, {"acounts": ["a"]}]
)
def test_options_that_name_nothing_are_refused(options):
    with pytest.raises(ValidationError):
        Options(**options)
