"""The one Airflow DAG that writes the warehouse: from admitted batches to published marts."""

from airflow.sdk import DAG, Asset, AssetAny, task

from resonanz import stages
from resonanz.settings import is_scheduled, settings

assets = [Asset(name=source.name, uri=f"resonanz://landing/{source.name}") for source in settings().sources]

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
    score = task(stages.score, task_id="score")
    marts = task(stages.marts, task_id="marts")
    guard = task(stages.guard, task_id="guard")
    publish = task(stages.publish, task_id="publish")

    load() >> prepare() >> score() >> marts() >> guard() >> publish()
