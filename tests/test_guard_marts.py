"""Guard on what is about to be published: every suite catches its planted fault, and says so in words."""

import shutil
from pathlib import Path

import duckdb
import pytest
from batches import land, message

from resonanz import guard
from resonanz.errors import BatchRefused, StageError
from resonanz.guard import admit, check_marts
from resonanz.guarding.expectations import FOLDER, read_suite
from resonanz.lake import Lake
from resonanz.landing import account_metrics
from resonanz.load import load_pending
from resonanz.publish import publish

# The marts as dbt makes them, in short: the same columns from the same raw rows.
MARTS = """
create schema core;
create table core.fct_messages as
select
    platform || ':' || native_id as message_id, source, platform, kind, null::varchar as parent_id,
    platform || ':' || native_id as thread_id, account, author_key, author_name, is_company, created_at,
    created_at_precision, edited_at, text, text_is_repaired, 'de' as language, url, is_deleted, rating,
    'negative' as sentiment, 0.7::double as p_negative, 0.2::double as p_neutral, 0.1::double as p_positive,
    0.7::double as confidence,
    false as is_abstained, null::varchar as abstain_reason, 'shipped' as model_id, '1' as model_revision,
    timestamptz '2025-06-01 13:00:00+00' as scored_at,
    case when row_number % 2 = 0 then ['production', 'sales'] else []::varchar[] end as departments,
    observed_at as first_observed_at, observed_at as last_observed_at
from raw.archive where kind <> 'account';
create table core.dim_authors as
select author_key, min(platform) as platform, bool_or(is_company) as is_company, min(author_name) as author_name
from core.fct_messages group by author_key;
create table core.fct_message_metrics_daily as
select message_id, 'reactions' as metric, date '2025-06-01' as day, 3.0::double as value, 3.0::double as change
from core.fct_messages;
create table core.department_summary as
select
    department, count(*) as messages, 0.5::double as share, count(*) as negative, 0::bigint as neutral,
    0::bigint as positive, 0::bigint as abstained, -1.0::double as net_sentiment
from (
    select unnest(case when len(departments) > 0 then departments else ['unassigned'] end) as department
    from core.fct_messages
)
group by department;
create table core.department_sentiment_daily as
select created_at::date as day, department, count(*) as messages, count(*) as negative, 0::bigint as neutral,
    0::bigint as positive, 0::bigint as abstained, 0::bigint as unscored, -1.0::double as net_sentiment,
    1::bigint as model_revisions, ['shipped@1'] as revisions
from (
    select created_at, unnest(case when len(departments) > 0 then departments else ['unassigned'] end) as department
    from core.fct_messages
)
group by all;
create table core.sentiment_drift as
select 'sentiment' as measure, unnest(['negative', 'positive']) as value, unnest([0.5, 0.5]) as reference_share,
    unnest([0.9, 0.1]) as recent_share, unnest([0.4, -0.4]) as change, 199::bigint as reference_messages,
    400::bigint as recent_messages, 0.88 as stability_index, 1::bigint as model_revisions,
    date '2025-06-01' as recent_from;
create table core.dim_departments as
select unnest(['production', 'sales', 'marketing']) as department;
create table core.dim_accounts as select 'mastodon:shop' as account_id, 12.0::double as followers;
create table core.fct_account_metrics_daily as
select 'mastodon:shop' as account_id, platform, 'shop' as account, split_part(native_id, '/', 2) as native_account_id,
    'followers' as metric, observed_at::date as day, (metrics->>'followers')::double as value, observed_at
from raw.archive where kind = 'account';
create table core.dim_campaigns as select 'Spring' as campaign;
create table core.dim_products as select 'Kettle' as product;
create table core.dim_dates as select date '2025-06-01' as day;
create table core.metric_availability as
select 'mastodon' as platform, 'views' as metric, false as is_offered, false as is_observed, 'retired' as reason,
    timestamptz '2025-06-01 12:00:00+00' as unavailable_since;
create table core.fct_message_departments as
select message_id, unnest(departments) as department from core.fct_messages;
create table core.fct_threads as
select
    thread_id, 1::bigint as messages, 1::bigint as participants, 1::bigint as customer_messages,
    0::bigint as company_replies, null::double as first_response_minutes
from core.fct_messages;
create table core.routing_coverage as
select date '2025-06-01' as day, 'fediverse' as source, 20::bigint as assigned, 20::bigint as unassigned,
    40::bigint as messages, 0.5::double as unassigned_share;
create schema customer_service;
create table customer_service.backlog_daily as
select date '2025-06-01' as day, 'mastodon' as platform, 3::bigint as opened, 1::bigint as answered,
    2::bigint as backlog;
create table customer_service.response_times_daily as
select date '2025-06-01' as day, 'mastodon' as platform, 3::bigint as turns, 2::bigint as answered,
    1::bigint as answered_within_hour, 2::bigint as answered_within_day, 70.0::double as median_response_minutes;
create table customer_service.thread_worklist as select thread_id, 5.0::double as waiting_hours from core.fct_messages;
create schema marketing;
create table marketing.platform_sentiment_daily as
select 'mastodon' as platform, date '2025-06-01' as day, 40::bigint as messages, 39::bigint as negative,
    0::bigint as neutral, 1::bigint as positive, 0::bigint as abstained, -0.95::double as net_sentiment;
create table marketing.campaign_performance as
select 'Spring' as campaign, * exclude (platform) from marketing.platform_sentiment_daily;
create table marketing.content_performance as
select message_id, null::double as views, null::double as impressions, null::double as reach, null::double as clicks,
    3.0::double as reactions, 0.0::double as comments, 0.0::double as shares, null::double as quotes,
    null::double as saves
from core.fct_messages;
create schema product_management;
create table product_management.product_feedback_daily as
select 'Kettle' as product, * from marketing.platform_sentiment_daily;
create table product_management.emerging_terms as
select 'leak' as term, date '2025-06-02' as week_start, 4::bigint as messages, 3::bigint as negative;
create table product_management.product_complaints as select message_id from core.fct_messages;
"""
FIRST = "where message_id = 'mastodon:native-1'"
# suite, expectation -> (what goes wrong in the warehouse, words of the finding)
FAULTS: dict[tuple[str, str], tuple[str, str]] = {
    ("fct_messages", "every_loaded_message_is_shown"): (
        f"delete from core.fct_messages {FIRST}",
        "40 different messages were loaded, 39 would be shown",
    ),
    ("fct_messages", "message_id_is_unique"): (
        f"insert into core.fct_messages from core.fct_messages {FIRST}",
        '2 rows share their message_id with another, such as "mastodon:native-1"',
    ),
    ("fct_messages", "message_id_names_its_platform"): (
        f"update core.fct_messages set platform = 'twitter' {FIRST}",
        'message_id "mastodon:native-1" is not its platform ("twitter")',
    ),
    ("fct_messages", "kind_is_known"): (f"update core.fct_messages set kind = null {FIRST}", "is missing; it must be"),
    ("fct_messages", "created_at_is_sane"): (
        f"update core.fct_messages set created_at = timestamptz '1936-08-01 00:00:00+00' {FIRST}",
        "1936-08-01 00:00 UTC",
    ),
    ("fct_messages", "observations_are_in_order"): (
        f"update core.fct_messages set first_observed_at = last_observed_at + interval 1 second {FIRST}",
        "was first observed 2025-06-01 12:00 UTC",
    ),
    ("fct_messages", "departments_are_a_set"): (
        f"update core.fct_messages set departments = null {FIRST}",
        'departments of "mastodon:native-1" is missing',
    ),
    ("fct_messages", "probabilities_sum_to_one"): (
        f"update core.fct_messages set p_neutral = 0.25 {FIRST}",
        "are 0.7, 0.25 and 0.1",
    ),
    ("fct_messages", "sentiment_is_known"): (
        f"update core.fct_messages set sentiment = 'angry' {FIRST}",
        'is "angry"; it must be',
    ),
    ("fct_messages", "private_authors_have_no_name"): (
        "update core.fct_messages set author_name = 'Erika Mustermann'",
        "40 messages of private people show a name",
    ),
    ("fct_messages", "private_authors_are_keyed"): (
        f"update core.fct_messages set author_key = 'erika@chaos.social' {FIRST}",
        "is not a keyed hash",
    ),
    ("fct_messages", "deleted_messages_are_gone"): (
        f"update core.fct_messages set is_deleted = true {FIRST}",
        "still shows its text",
    ),
    ("load_ledger", "ledger_balances"): (
        "update ops.load_ledger set extracted = 44",
        "44 extracted are not 41 loaded + 1 duplicates + 1 quarantined",
    ),
    ("load_ledger", "ledger_is_true"): (
        "delete from raw.archive where row_number = 3",
        "the ledger says that 41 rows were loaded, the warehouse has 40",
    ),
    ("load_ledger", "status_is_known"): (
        "create or replace table ops.load_ledger as select * replace ('done' as status) from ops.load_ledger",
        "1 loads have a status other than",
    ),
    ("redactions", "figures_are_possible"): (
        "insert into ops.redactions values (timestamptz '2025-06-01 12:00:00+00', 1, 2, 3)",
        "the removal of 2025-06-01 12:00 UTC cannot be right: 1 messages, 2 rows, 3 batches",
    ),
    ("dim_authors", "private_authors_are_keyed"): (
        "update core.dim_authors set author_name = 'Erika Mustermann' where author_key like '%1'",
        "private people show a name",
    ),
    ("fct_message_metrics_daily", "values_are_counts"): (
        f"update core.fct_message_metrics_daily set value = -1 {FIRST}",
        'reactions of "mastodon:native-1" on 2025-06-01 is -1',
    ),
    ("fct_message_metrics_daily", "messages_are_known"): (
        f"update core.fct_message_metrics_daily set message_id = 'mastodon:gone' {FIRST}",
        '1 values belong to no message in core.fct_messages, such as those of "mastodon:gone"',
    ),
    ("fct_account_metrics_daily", "values_are_counts"): (
        "update core.fct_account_metrics_daily set value = null",
        "followers of mastodon / shop on 2025-06-01 is missing",
    ),
    ("fct_account_metrics_daily", "accounts_are_known"): (
        "update core.fct_account_metrics_daily set account_id = 'mastodon:branch'",
        "1 values belong to no account in core.dim_accounts, such as those of mastodon:branch",
    ),
    ("fct_account_metrics_daily", "days_are_not_in_the_future"): (
        "update core.fct_account_metrics_daily set day = date '2025-06-03'",
        "was observed 2025-06-01 12:00 UTC for 2025-06-03",
    ),
    ("dim_accounts", "followers_are_a_count"): (
        "update core.dim_accounts set followers = -1",
        "followers of mastodon:shop are -1.0",
    ),
    ("metric_availability", "what_is_gone_is_not_offered"): (
        "update core.metric_availability set is_offered = true",
        "mastodon / views is offered, and gone since 2025-06-01 12:00 UTC",
    ),
    ("metric_availability", "every_row_has_its_reason"): (
        "update core.metric_availability set reason = ''",
        "mastodon / views has no reason",
    ),
    ("department_summary", "figures_are_possible"): (
        "update core.department_summary set positive = messages where department = 'sales'",
        "the figures of sales contradict each other (20 messages)",
    ),
    ("department_summary", "summary_agrees_with_messages"): (
        "delete from core.department_summary where department = 'unassigned'",
        "unassigned has missing messages in the summary and 20 in core.fct_messages",
    ),
    ("department_sentiment_daily", "figures_are_possible"): (
        "update core.department_sentiment_daily set unscored = 1 where department = 'sales'",
        "/ sales cannot be right",
    ),
    ("department_sentiment_daily", "mixed_revisions_are_told"): (
        f"update core.fct_messages set model_revision = '2' {FIRST}",
        "rests on 2 revisions of models and says 1",
    ),
    ("sentiment_drift", "shares_make_the_whole"): (
        "update core.sentiment_drift set recent_share = 0.2 where value = 'positive'",
        "the shares of sentiment do not sum to 1",
    ),
    ("fct_message_departments", "pairs_are_known"): (
        "update core.fct_message_departments set department = 'canteen' where department = 'sales'",
        "the row of mastodon:native-",
    ),
    ("fct_threads", "figures_are_possible"): (
        "update core.fct_threads set company_replies = 2 where thread_id = 'mastodon:native-1'",
        "the row of mastodon:native-1 cannot be right",
    ),
    ("routing_coverage", "parts_make_the_whole"): (
        "update core.routing_coverage set unassigned = 19",
        "the row of 2025-06-01 / fediverse cannot be right",
    ),
    ("backlog_daily", "figures_are_possible"): (
        "update customer_service.backlog_daily set backlog = -1",
        "the row of 2025-06-01 / mastodon cannot be right",
    ),
    ("response_times_daily", "figures_are_possible"): (
        "update customer_service.response_times_daily set answered_within_hour = 3",
        "the row of 2025-06-01 / mastodon cannot be right",
    ),
    ("thread_worklist", "threads_are_known"): (
        "update customer_service.thread_worklist set thread_id = 'mastodon:gone' where thread_id = 'mastodon:native-1'",
        "the row of mastodon:gone cannot be right",
    ),
    ("campaign_performance", "figures_are_possible"): (
        "update marketing.campaign_performance set negative = 41",
        "the row of Spring / 2025-06-01 cannot be right",
    ),
    ("content_performance", "messages_are_known"): (
        f"update marketing.content_performance set message_id = 'mastodon:gone' {FIRST}",
        "the row of mastodon:gone cannot be right",
    ),
    ("content_performance", "metrics_are_counts"): (
        f"update marketing.content_performance set shares = -2 {FIRST}",
        "the row of mastodon:native-1 cannot be right",
    ),
    ("platform_sentiment_daily", "figures_are_possible"): (
        "update marketing.platform_sentiment_daily set net_sentiment = -1.5",
        "the row of mastodon / 2025-06-01 cannot be right",
    ),
    ("emerging_terms", "figures_are_possible"): (
        "update product_management.emerging_terms set negative = 5",
        "the row of leak / 2025-06-02 cannot be right",
    ),
    ("product_complaints", "complaints_are_customers_words"): (
        f"update core.fct_messages set is_deleted = true, text = null, sentiment = null, p_negative = null, "
        f"p_neutral = null, p_positive = null, confidence = null {FIRST}",
        "the row of mastodon:native-1 cannot be right",
    ),
    ("product_feedback_daily", "figures_are_possible"): (
        "update product_management.product_feedback_daily set positive = -1",
        "the row of Kettle / 2025-06-01 / mastodon cannot be right",
    ),
}
TABLES = {
    suite.name.removeprefix("published_"): suite.meta.table for suite in map(read_suite, FOLDER.glob("published_*"))
}
# A row that stands twice, in every table that promises one row for each.
FAULTS |= {
    (name, "grain_is_unique"): (f"insert into {table} from {table} limit 1", "stands there more than once")
    for name, table in TABLES.items()
    if any(entry.id == "grain_is_unique" for entry in read_suite(FOLDER / f"published_{name}.yml").expectations)
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake = Lake(tmp_path_factory.mktemp("built") / "var")
    messages = [message(number) for number in range(1, 41)]
    shop = account_metrics("mastodon", "7", "shop", {"followers": 12})
    admit(lake, land(lake, [*messages, message(40), message(41, kind="tweet"), shop]), "archive")
    load_pending(lake)
    with duckdb.connect(str(lake.warehouse)) as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(MARTS)
    return lake


@pytest.fixture
def lake(built: Lake, tmp_path: Path) -> Lake:
    home = tmp_path / "var"
    home.mkdir()
    shutil.copy(built.warehouse, home)
    return Lake(home)


def change(lake: Lake, sql: str) -> None:
    with duckdb.connect(str(lake.warehouse)) as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(sql)


def test_sound_marts_pass_without_a_word(lake: Lake) -> None:
    before = lake.warehouse.read_bytes()
    assert check_marts(lake) == []
    assert lake.warehouse.read_bytes() == before


@pytest.mark.parametrize("fault", FAULTS, ids=".".join)
def test_each_expectation_catches_its_fault(lake: Lake, fault: tuple[str, str]) -> None:
    sql, words = FAULTS[fault]
    change(lake, sql)
    with pytest.raises(BatchRefused) as raised:
        check_marts(lake)
    told = str(raised.value)
    assert f"{TABLES[fault[0]]}: " in told
    assert f"[{fault[1]}, critical]" in told
    assert words in told
    assert "Erika" not in told
    assert f"{lake.published} stays as it is" in told


def test_every_critical_expectation_has_a_planted_fault() -> None:
    suites = [read_suite(file) for file in FOLDER.glob("published_*.yml")]
    critical = {
        (suite.name.removeprefix("published_"), entry.id)
        for suite in suites
        for entry in suite.expectations
        if entry.severity == "critical"
    }
    assert critical == set(FAULTS) | {("fct_messages", "not_far_fewer_rows_than_before")}  # below


def test_marts_that_shrank_are_not_published_over_larger_ones(lake: Lake) -> None:
    publish(lake)
    for share in ("number <= 4", "number <= 8"):  # a tenth, a fifth
        numbers = f"(select number from range(41) as r(number) where {share})"
        which = f"where try_cast(split_part(native_id, '-', 2) as integer) in {numbers}"
        change(lake, f"delete from raw.archive {which}")
        for schema in ("core", "customer_service", "marketing", "product_management"):
            change(lake, f"drop schema {schema} cascade")
        change(lake, MARTS)
        change(lake, "update ops.load_ledger set loaded = (select count(*) from raw.archive)")
        change(lake, "update ops.load_ledger set extracted = loaded + duplicates + quarantined")
        if share == "number <= 4":
            assert check_marts(lake) == []
    with pytest.raises(BatchRefused, match="32 messages, far fewer than are published now"):
        check_marts(lake)
    lake.published.unlink()
    assert check_marts(lake) == []


def test_a_missing_table_is_a_finding(lake: Lake) -> None:
    change(lake, "drop table core.dim_authors")
    with pytest.raises(BatchRefused, match=r"core\.dim_authors: there is no such table"):
        check_marts(lake)


def test_all_faults_are_told_at_once(lake: Lake) -> None:
    for fault in ("kind_is_known", "probabilities_sum_to_one"):
        change(lake, FAULTS["fct_messages", fault][0])
    with pytest.raises(BatchRefused, match=r"kind_is_known.*probabilities_sum_to_one"):
        check_marts(lake)


def test_warnings_are_returned(lake: Lake) -> None:
    change(lake, f"update core.fct_messages set model_id = null {FIRST}")
    (finding,) = check_marts(lake)
    assert (finding.expectation, finding.severity, finding.count) == ("texts_are_scored", "warning", 1)
    assert "mastodon:native-1" in str(finding)


def test_drift_is_told_and_holds_nothing_back(lake: Lake) -> None:
    """200 messages in each window are enough to speak of a shift, 199 are not."""
    change(lake, "update core.sentiment_drift set reference_messages = 200")
    (finding,) = check_marts(lake)
    assert (finding.expectation, finding.severity) == ("distribution_is_stable", "warning")
    assert "sentiment has shifted (stability index 0.88)" in str(finding)
    assert "negative went from 0.5 to 0.9" in str(finding)
    change(lake, "update core.sentiment_drift set stability_index = 0.25")
    assert check_marts(lake) == []


def test_days_of_two_revisions_are_told_and_pass(lake: Lake) -> None:
    change(lake, f"update core.fct_messages set model_revision = '2' {FIRST}")
    change(
        lake,
        "update core.department_sentiment_daily set model_revisions = 2, revisions = ['shipped@1', 'shipped@2'] "
        "where (day, department) in (select created_at::date, unnest(if(len(departments) > 0, departments, "
        f"['unassigned'])) from core.fct_messages {FIRST})",
    )
    (finding,) = check_marts(lake)
    assert (finding.expectation, finding.severity) == ("days_are_of_one_revision", "info")
    assert "shipped@2" in str(finding)


def test_a_published_file_that_cannot_be_read_does_not_stop_the_next(lake: Lake) -> None:
    lake.published.parent.mkdir(parents=True)
    lake.published.write_bytes(b"no database " * 10_000)
    assert check_marts(lake) == []


def test_the_warehouse_is_free_again_afterwards(lake: Lake) -> None:
    """Great Expectations' connections must not outlive the check: the next stage writes."""
    check_marts(lake)
    change(lake, "create table core.another as select 1 as one")


def test_without_a_warehouse_the_cure_is_named(tmp_path: Path) -> None:
    with pytest.raises(StageError, match="make run"):
        check_marts(Lake(tmp_path))
    assert guard._MAY_SHRINK_TO == 0.9  # as expectations/published_fct_messages.yml says in words


def test_every_mart_has_a_suite() -> None:
    """Nothing is published unjudged: a new mart comes with its suite."""
    models = Path(__file__).resolve().parent.parent / "dbt_project" / "models" / "marts"
    marts = {f"{file.parent.name}.{file.stem}" for file in models.glob("*/*.sql")}
    assert marts | {"ops.load_ledger", "ops.redactions"} == set(TABLES.values())
