"""What a run ends with: the published numbers in words, for a person at a terminal."""

import textwrap
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import duckdb

from resonanz.lake import Lake
from resonanz.settings import Settings

_WIDTH = 100
_COMPLAINTS = 3


def render(settings: Settings, started: datetime) -> str:
    """The summary of a run that began at `started` (aware): ledger, sentiment, departments, where to look.

    Reads the published file only, so it shows just what every reader sees.
    """
    lake = settings.lake
    if not lake.published.exists():
        return "Nothing is published yet."
    with duckdb.connect(str(lake.published), read_only=True) as marts:
        marts.execute("set TimeZone = 'UTC'")
        parts = [
            _heading("What came in this run"),
            _ledger(marts, [source.name for source in settings.sources], started),
            _heading("Sentiment by language"),
            _languages(marts),
            _heading("Departments"),
            *_departments(marts),
            _where(lake),
        ]
    return "\n".join(parts)


def _ledger(marts: duckdb.DuckDBPyConnection, sources: list[str], started: datetime) -> str:
    rows = marts.execute(
        """
        with ledger as (
            select *, finished_at >= $started as is_new from ops.load_ledger
        )
        select
            name,
            coalesce(sum(extracted) filter (is_new), 0), coalesce(sum(duplicates) filter (is_new), 0),
            coalesce(sum(quarantined) filter (is_new), 0), coalesce(sum(loaded) filter (is_new), 0),
            coalesce(sum(loaded), 0), coalesce(sum(quarantined), 0)
        from (select unnest($sources) as name) left join ledger on source = name
        group by name
        order by name
        """,
        {"started": started, "sources": sources},
    ).fetchall()
    titles = ["source", "extracted", "duplicate", "quarantined", "loaded", "loaded in all", "quarantined in all"]
    return _table(titles, rows)


def _languages(marts: duckdb.DuckDBPyConnection) -> str:
    rows = marts.execute(
        """
        select
            coalesce(language, 'unknown'),
            count(*),
            count(*) filter (sentiment = 'negative' and not is_abstained),
            count(*) filter (sentiment = 'neutral' and not is_abstained),
            count(*) filter (sentiment = 'positive' and not is_abstained),
            count(*) filter (is_abstained)
        from core.fct_messages
        where not is_company and not is_deleted and text is not null
        group by all
        order by 2 desc, 1
        limit 8
        """
    ).fetchall()
    titles = ["language", "messages", "negative", "neutral", "positive", "abstained", "net sentiment"]
    return _table(titles, [(*row, _net(row[4], row[2])) for row in rows])


def _departments(marts: duckdb.DuckDBPyConnection) -> list[str]:
    rows = marts.execute(
        """
        select
            departments.department,
            count(m.message_id),
            count(*) filter (m.sentiment = 'positive' and not m.is_abstained),
            count(*) filter (m.sentiment = 'negative' and not m.is_abstained)
        from core.dim_departments as departments
        left join core.fct_messages as m
            on list_contains(m.departments, departments.department) and not m.is_company and not m.is_deleted
        group by all
        order by 2 desc, 1
        """
    ).fetchall()
    lines = []
    for department, messages, positive, negative in rows:
        lines.append(f"{department}: {messages:,} messages, net sentiment {_net(positive, negative)}")
        lines += [_quote(*complaint) for complaint in _complaints(marts, department)]
    total, unassigned = marts.execute(
        """
        select count(*), count(*) filter (len(departments) = 0)
        from core.fct_messages where not is_company and not is_deleted
        """
    ).fetchone() or (0, 0)
    if total:
        lines.append(f"(no department: {unassigned:,} of {total:,} messages, {unassigned / total:.0%})")
    return lines


def _complaints(marts: duckdb.DuckDBPyConnection, department: str) -> list[tuple[Any, ...]]:
    """The messages that the model is surest are negative; those that differ in names and numbers alone stand once."""
    return marts.execute(
        r"""
        select
            arg_max(text, p_negative), max(p_negative), arg_max(platform, p_negative), arg_max(created_at, p_negative)
        from core.fct_messages
        where list_contains(departments, $department) and sentiment = 'negative' and not is_abstained
            and not is_company and not is_deleted
        group by left(trim(regexp_replace(lower(text), '@\S+|[^\pL]+', ' ', 'g')), 60)
        order by 2 desc, 1
        limit $count
        """,
        {"department": department, "count": _COMPLAINTS},
    ).fetchall()


def _quote(text: str, p_negative: float, platform: str, created_at: datetime | None) -> str:
    when = f"{created_at:%Y-%m-%d}" if created_at else "no date"
    plain = "".join(sign if sign.isprintable() else " " for sign in text.replace("\n", " – "))
    words = textwrap.shorten(plain, _WIDTH - 8, placeholder=" …")
    return f"    − {words}\n      {platform}, {when}, {p_negative:.2f} negative"


def _where(lake: Lake) -> str:
    query = "select department, messages, net_sentiment from core.department_summary order by messages desc"
    command = f"""import duckdb; print(duckdb.connect('{lake.published}', read_only=True).sql('{query}'))"""
    return f'\nPublished marts: {lake.published}\nTry:  {query};\n      .venv/bin/python -c "{command}"'


def _net(positive: int, negative: int) -> str:
    return f"{(positive - negative) / (positive + negative):+.2f}" if positive + negative else "–"


def _heading(text: str) -> str:
    return f"\n{text}\n{'─' * len(text)}"


def _table(titles: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    cells = [[str(title) for title in titles]]
    cells += [[f"{value:,}" if isinstance(value, int) else str(value) for value in row] for row in rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(titles))]
    lines = []
    for row in cells:
        first, *rest = (
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        lines.append("  ".join([first, *rest]))
    return "\n".join(lines)
