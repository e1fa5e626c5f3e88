"""One Airflow DAG per source in sources.toml: extract what is new, then admit it through the guard."""

from typing import Any

from airflow.sdk import DAG, Asset, Param, task

from resonanz import stages
from resonanz.limits import Extract
from resonanz.settings import settings

DAY: dict[str, Any] = {"default": None, "type": ["null", "string"], "format": "date"}
RANGE = {
    "from": Param(**DAY, description="Backfill: the first day, for instance 2026-01-01"),
    "to": Param(**DAY, description="Backfill: the last day; today if it is left out"),
}
# A backfill has runs of its own beside the scheduled one; no two of them read or judge one source at once.
ALONE: dict[str, Any] = {"max_active_tis_per_dag": 1}

for source in settings().sources:
    admitted = Asset(name=source.name, uri=f"resonanz://landing/{source.name}")

    with DAG(
        dag_id=f"extract_{source.name}",
        description=f"{source.platform}: land what is new at {source.name}, keep out what the guard refuses",
        schedule=settings().schedule(source),
        catchup=False,
        max_active_runs=1,
        params=RANGE,
        default_args=stages.RETRIES,
        tags=["extract", source.platform],
    ):
        # What landed before a fault is judged all the same, and only an admitted batch emits the source's asset.
        # Parts that failed or were refused make the run fail at its end, after the rest has gone on.
        extract = Extract(task_id="extract", source=source.name, **ALONE)
        admit = task(stages.admit, task_id="admit", outlets=[admitted], trigger_rule="all_done", **ALONE)
        report = task(stages.report, task_id="report", trigger_rule="none_failed")

        refusals = admit(source.name)
        extract >> refusals >> report(source.name, extract.output, refusals)
