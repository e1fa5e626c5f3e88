"""Airflow imports a module of this name when it starts; the local scheduler alone finds this one (supervisor.py).

Its workers are forked from it and each task from a worker, so what is imported here is imported once, and not anew in
every task: Great Expectations alone takes seconds.
"""

import resonanz.guard
import resonanz.load
import resonanz.pipelines

__all__ = ["resonanz"]
