"""A local Airflow for `make run` and `make up`: started, watched, asked and ended. No stage of the pipeline is here."""
