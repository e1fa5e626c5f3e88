"""The drift report: what core.sentiment_drift says, for a person at a terminal."""

import duckdb

from resonanz.errors import StageError
from resonanz.lake import Lake

_QUERY = """
    select measure, value, reference_share, recent_share, change, stability_index, reference_messages,
        recent_messages, reference_from, reference_to, recent_from, recent_to, model_revisions
    from core.sentiment_drift order by measure desc, recent_share desc, value
"""
_SHIFTED = 0.25  # as expectations/published_sentiment_drift.yml
_SLIGHT = 0.1


def report(lake: Lake) -> str:
    """The published drift table in words, one block a measure; raises StageError where nothing is published."""
    if not lake.published.exists():
        raise StageError(f"{lake.published}: nothing is published yet. Run `make run`.")
    with duckdb.connect(str(lake.published), read_only=True) as marts:
        try:
            found = marts.execute(_QUERY)
        except duckdb.CatalogException:
            raise StageError(f"{lake.published} has no core.sentiment_drift yet. Run `make run`.") from None
        names = [column[0] for column in found.description or []]
        rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    if not rows:
        return "There is no scored feedback with a day, so there is nothing to compare."
    first = rows[0]
    lines = [
        f"recent     {first['recent_from']} to {first['recent_to']}: {first['recent_messages']:,} messages",
        f"reference  {first['reference_from']} to {first['reference_to']}: {first['reference_messages']:,} messages",
    ]
    if first["model_revisions"] > 1:
        lines.append(f"Scored by {first['model_revisions']} revisions of models: a shift may be the model's own.")
    for measure in dict.fromkeys(row["measure"] for row in rows):
        mine = [row for row in rows if row["measure"] == measure]
        lines += ["", f"{measure}: {_judged(mine[0]['stability_index'])}"]
        lines.append(f"  {'':<12}{'reference':>10}{'recent':>10}{'change':>10}")
        shares = ("reference_share", "recent_share", "change")
        lines += [f"  {row['value']:<12}" + "".join(_share(row[name]) for name in shares) for row in mine]
    return "\n".join(lines)


def _judged(index: float | None) -> str:
    if index is None:
        return "a window is empty, so nothing can be compared"
    words = "shifted" if index > _SHIFTED else "somewhat shifted" if index > _SLIGHT else "stable"
    return f"{words} (stability index {index:.3f})"


def _share(value: float | None) -> str:
    return f"{'-' if value is None else f'{value:.1%}':>10}"
