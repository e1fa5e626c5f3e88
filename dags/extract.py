"""One Airflow DAG per source in sources.toml: extract what is new, then admit it through the guard."""

from airflow.sdk import DAG, Asset, task

from resonanz import stages
from resonanz.settings import settings

for source in settings().sources:
    admitted = Asset(name=source.name, uri=f"resonanz://landing/{source.name}")

    with DAG(
        dag_id=f"extract_{source.name}",
        description=f"{source.platform}: land what is new at {source.name}, keep out what the guard refuses",
        schedule=settings().schedule(source),
        catchup=False,
        max_active_runs=1,
        default_args=stages.RETRIES,
        tags=["extract", source.platform],
    ):
        # What landed before a fault is judged all the same, and only an admitted batch emits the source's asset.
        # Parts that failed or were refused make the run fail at its end, after the rest has gone on.
        extract = task(stages.extract, task_id="extract")
        admit = task(stages.admit, task_id="admit", outlets=[admitted], trigger_rule="all_done")
        report = task(stages.report, task_id="report", trigger_rule="none_failed")

        problems = extract(source.name)
        refusals = admit(source.name)
        problems >> refusals >> report(source.name, problems, refusals)
