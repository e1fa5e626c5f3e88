"""The one Airflow DAG that writes the warehouse: from admitted batches to published marts."""

from airflow.sdk import DAG, Asset, AssetAny, task

from resonanz import stages
from resonanz.settings import is_scheduled, settings

assets = [Asset(name=source.name, uri=f"resonanz://landing/{source.name}") for source in settings().sources]
assets += [Asset(name=stages.RESCORE, uri="resonanz://rescore")]

with DAG(
    dag_id="build_warehouse",
    description="load, prepare, score, marts, guard, publish: whatever was admitted since the last run",
    schedule=AssetAny(*assets) if is_scheduled() else None,
    catchup=False,
    max_active_runs=1,
    default_args=stages.RETRIES | {"pool": stages.WAREHOUSE_POOL},
    tags=["warehouse"],
):
    load = task(stages.load, task_id="load")
    prepare = task(stages.prepare, task_id="prepare")
    # One task a shard, outside the pool: whoever is free scores. None where nothing is to be scored.
    score = task(stages.score, task_id="score", pool=stages.SCORING_POOL)
    marts = task(stages.marts, task_id="marts", trigger_rule="none_failed")
    guard = task(stages.guard, task_id="guard")
    publish = task(stages.publish, task_id="publish")

    shards = prepare()
    load() >> shards
    score.expand(shard=shards) >> marts() >> guard() >> publish()
