# One image for every Airflow service of docker-compose.yml: the same pinned, hashed requirements as `make setup`.
ARG PYTHON=3.11-slim-bookworm

FROM python:${PYTHON} AS build
RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /opt/resonanz
COPY requirements/build.txt requirements/runtime.txt requirements/
RUN pip install --no-deps --require-hashes -r requirements/build.txt \
 && pip install --no-deps --require-hashes -r requirements/runtime.txt
COPY pyproject.toml README.md ./
COPY resonanz resonanz
# Editable, as in a checkout: the package finds dags/, dbt_project/, expectations/ and model/ beside itself.
RUN pip install --no-deps --no-build-isolation --editable . \
 && pip uninstall --yes uv hatchling editables

FROM python:${PYTHON}
RUN useradd --uid 50000 --create-home resonanz \
 && install --directory --owner=resonanz /opt/airflow /var/lib/resonanz
COPY --from=build /opt/venv /opt/venv
WORKDIR /opt/resonanz
COPY pyproject.toml README.md ./
COPY model model
COPY demo demo
COPY expectations expectations
COPY dbt_project dbt_project
COPY dags dags
COPY resonanz resonanz
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER resonanz
