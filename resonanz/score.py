"""Score: plan what is to be scored, score it shard by shard, take the scores into the warehouse.

Planning and taking in write the warehouse, scoring does not: so shards are scored side by side, by as many workers as
there are. New texts come first and all of them; texts that only an older revision of the model has scored follow,
newest first, so many a run (`rescore_per_run`). Which score the marts show meanwhile stands in int_message_scores.
"""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime

import duckdb

from resonanz import settings
from resonanz.lake import Lake
from resonanz.scoring.progress import Progress
from resonanz.scoring.rate import rate
from resonanz.scoring.shards import clear, finished, open_shard
from resonanz.sentiment import identify, load_model
from resonanz.warehouse import literal, open_warehouse, read_warehouse, transaction
from resonanz.warehouse_tables import create_tables

log = logging.getLogger(__name__)
_MOST_SHARDS = 500  # Airflow maps a task 1,024 times at most; more texts make larger shards

# Hashes alone are sorted and numbered, for a million texts are more than fit beside them; each shard fetches its own.
_WAITING = """
    select text_hash, newest, text_hash not in (select text_hash from enrichment.sentiment) as is_new
    from (
        select text_hash, max(created_at) as newest
        from intermediate.int_messages where text is not null group by text_hash
    )
    where text_hash not in (
        select text_hash from enrichment.sentiment where model_id = $model_id and model_revision = $revision
    )
"""
_PLAN = f"""
    create or replace temporary table plan as
    select row_number() over () - 1 as place, text_hash
    from (
        select text_hash from ({_WAITING})
        order by is_new desc, newest desc nulls last, text_hash
        limit $rescore + (select count(*) from ({_WAITING}) where is_new)
    )
"""  # noqa: S608  names of ours
_SHARD = """
    select text_hash, any_value(text) as text
    from intermediate.int_messages join plan using (text_hash)
    where place between {first} and {last} and text is not null
    group by text_hash, place order by place
"""


@dataclass(frozen=True)
class Taken:
    """What came into the warehouse.

    :param texts: texts with a new score.
    :param waiting: texts whose score is still of an older revision; later runs go on with them.
    """

    texts: int
    abstained: int
    waiting: int

    def __str__(self) -> str:
        words = f"{self.texts:,} texts scored, {self.abstained:,} of them abstained"
        if self.waiting:
            words += f"; {self.waiting:,} texts keep the score of an earlier model until later runs come to them"
        return words


def plan(lake: Lake, wanted: settings.Sentiment) -> list[str]:
    """Write what is to be scored in shards; returns their names, none where there is nothing to do.

    What a run that was killed had finished is taken in first, and the rest of it planned anew.
    Raises ConfigError where the model is one that cannot be used.
    """
    model_id, revision = _identify(wanted)
    with open_warehouse(lake) as warehouse:
        create_tables(warehouse)
        _take(lake, warehouse)
        _make_current(warehouse, model_id, revision)
        key = {"model_id": model_id, "revision": revision, "rescore": wanted.rescore_per_run}
        warehouse.execute(_PLAN, key)
        (texts,) = warehouse.execute("select count(*) from plan").fetchone() or (0,)
        size = max(wanted.texts_per_shard, -(-texts // _MOST_SHARDS))
        shards = [f"{start // size + 1:04d}" for start in range(0, texts, size)]
        for number, name in enumerate(shards):
            shard = open_shard(lake, name)
            shard.folder.mkdir(parents=True)
            mine = _SHARD.format(first=number * size, last=(number + 1) * size - 1)
            warehouse.execute(f"copy ({mine}) to {literal(shard.texts)} (format parquet)")
    log.info("%d texts to score by %s@%s, in %d shards", texts, model_id, revision, len(shards))
    return shards


def score(lake: Lake, wanted: settings.Sentiment, name: str) -> int:
    """Score one shard, batch by batch; returns how many texts. Batches that are there already are not scored again."""
    shard = open_shard(lake, name)
    batches = [number for number, *_ in shard.batches() if not shard.scores(number).exists()]
    if not batches:
        return 0
    model = load_model(wanted.model, wanted.revision, labels=wanted.labels, languages=wanted.languages)
    total, done = shard.count(), 0
    progress = None
    for number, hashes, texts in shard.batches():
        if number not in batches:
            done += len(texts)
            continue
        progress = progress or Progress(total, skipped=done)
        shard.write(number, model, hashes, rate(model, texts))
        log.info("shard %s: %s", name, progress.add(len(texts)))
    return total - done


def take(lake: Lake, wanted: settings.Sentiment) -> Taken:
    """Take all finished batches into enrichment.sentiment, then remove the shards. Done again, it does no harm."""
    model_id, revision = _identify(wanted)
    with open_warehouse(lake) as warehouse:
        texts, abstained = _take(lake, warehouse)
        return Taken(texts, abstained, _waiting(warehouse, model_id, revision))


def waiting(lake: Lake, wanted: settings.Sentiment) -> int:
    """Texts in the warehouse without a score of the model that is configured now; 0 where there is no warehouse."""
    if not lake.warehouse.exists():
        return 0
    model_id, revision = _identify(wanted)
    with read_warehouse(lake) as warehouse:
        known = "select 1 from duckdb_tables() where schema_name = 'intermediate' and table_name = 'int_messages'"
        return _waiting(warehouse, model_id, revision) if warehouse.execute(known).fetchone() else 0


def _identify(wanted: settings.Sentiment) -> tuple[str, str]:
    return identify(wanted.model, wanted.revision, labels=wanted.labels, languages=wanted.languages)


def _take(lake: Lake, warehouse: duckdb.DuckDBPyConnection) -> tuple[int, int]:
    """One transaction a shard. What was deleted since the texts were planned stays out."""
    texts = abstained = 0
    for files in finished(lake):
        scores = f"read_parquet([{', '.join(literal(file) for file in files)}])"
        with transaction(warehouse):
            warehouse.execute(
                f"create or replace temporary table taken as from {scores} where text_hash in "  # noqa: S608
                "(select text_hash from intermediate.int_messages where text is not null)"
            )
            warehouse.execute("insert or ignore into enrichment.sentiment by name from taken")
            counts = warehouse.execute("select count(*), count(*) filter (is_abstained) from taken").fetchone()
        texts, abstained = texts + (counts or (0, 0))[0], abstained + (counts or (0, 0))[1]
    clear(lake)
    return texts, abstained


def _waiting(warehouse: duckdb.DuckDBPyConnection, model_id: str, revision: str) -> int:
    found = warehouse.execute(f"select count(*) from ({_WAITING})", {"model_id": model_id, "revision": revision})  # noqa: S608
    return int((found.fetchone() or (0,))[0])


def _make_current(warehouse: duckdb.DuckDBPyConnection, model_id: str, revision: str) -> None:
    current = warehouse.execute("select model_id, model_revision from enrichment.current_model").fetchone()
    if current == (model_id, revision):
        return
    with transaction(warehouse):
        warehouse.execute("delete from enrichment.current_model")
        warehouse.execute(
            "insert into enrichment.current_model values (?, ?, ?)", [model_id, revision, datetime.now(UTC)]
        )
