"""After a change of the model: start builds until every text has its score. Each build scores a bounded number."""

from airflow.sdk import DAG, Asset, task

from resonanz import stages
from resonanz.settings import is_scheduled

with DAG(
    dag_id="rescore",
    description="start a build while texts wait for the score of another model than the one that scored them",
    schedule="*/15 * * * *" if is_scheduled() else None,
    catchup=False,
    max_active_runs=1,
    default_args=stages.RETRIES | {"pool": stages.WAREHOUSE_POOL},
    tags=["warehouse"],
):
    task(stages.rescore, task_id="rescore", outlets=[Asset(name=stages.RESCORE, uri="resonanz://rescore")])()
