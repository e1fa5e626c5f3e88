"""docker-compose.yml and what belongs to it: the service split, health checks, secrets, the image's content."""

import re
import shutil
from fnmatch import fnmatch
from pathlib import Path

import compose_file
import pytest
from compose_file import REPOSITORY, MissingVariable

from resonanz.local.demo_tokens import demo_tokens
from resonanz.settings import DEMO_SOURCES, load
from resonanz.stages import WAREHOUSE_POOL

AIRFLOW = {
    "apiserver": ["airflow", "api-server"],
    "scheduler": ["airflow", "scheduler"],
    "dag-processor": ["airflow", "dag-processor"],
    "triggerer": ["airflow", "triggerer", "--skip-serve-logs"],
    "worker": ["airflow", "celery", "worker", "--skip-serve-logs"],
}
REQUIRED = {
    "POSTGRES_PASSWORD",
    "REDIS_PASSWORD",
    "AIRFLOW_FERNET_KEY",
    "AIRFLOW_JWT_SECRET",
    "AIRFLOW_API_SECRET_KEY",
    "AIRFLOW_ADMIN_PASSWORD",
    "RESONANZ_AUTHOR_KEY_SECRET",
}
PLAIN = dict.fromkeys(REQUIRED, "0123456789abcdef")


def test_the_services_are_airflows_official_split():
    services = compose_file.resolved(PLAIN)
    assert services.keys() == {*AIRFLOW, "init", "postgres", "redis", "demo"}
    for name, command in AIRFLOW.items():
        assert services[name]["command"] == command
        assert services[name]["environment"]["AIRFLOW__CORE__EXECUTOR"] == "CeleryExecutor"
        assert services[name]["depends_on"]["init"] == {"condition": "service_completed_successfully"}
    for name in {*AIRFLOW, "init", "demo"}:
        assert services[name]["build"] == "."
    assert [name for name in services if "profiles" in services[name]] == ["demo"]


def test_every_service_that_stays_has_a_health_check():
    services = compose_file.resolved(PLAIN)
    checks = {name: " ".join(service["healthcheck"]["test"]) for name, service in services.items() if name != "init"}
    assert "/api/v2/monitor/health" in checks["apiserver"]
    assert ":8974/health" in checks["scheduler"]
    assert "jobs check --job-type DagProcessorJob" in checks["dag-processor"]
    assert "jobs check --job-type TriggererJob" in checks["triggerer"]
    assert "inspect ping" in checks["worker"]
    assert "pg_isready" in checks["postgres"]
    assert "redis-cli ping" in checks["redis"]
    assert "demo" in checks
    assert services["init"]["restart"] == "no"


@pytest.mark.parametrize("name", sorted(REQUIRED))
@pytest.mark.parametrize("left", ["unset", "empty"])
def test_a_missing_secret_is_named(name: str, left: str):
    given = {key: value for key, value in PLAIN.items() if key != name} | ({name: ""} if left == "empty" else {})
    with pytest.raises(MissingVariable, match=rf"^{name} is missing in \.env"):
        compose_file.resolved(given)


def test_no_secret_has_a_default_or_stands_in_the_file():
    used = compose_file.expressions((REPOSITORY / "docker-compose.yml").read_text())
    assert {name for name, operator in used if operator == ":?"} == REQUIRED
    assert {name for name, operator in used if operator != ":?"} == {"RESONANZ_SOURCES_FOLDER", "RESONANZ_UI_PORT"}
    secret = re.compile(r"PASSWORD$|SECRET|KEY$|CONN$|RESULT_BACKEND|BROKER_URL|REDISCLI_AUTH")
    held = [
        (service, key, value)
        for service, content in compose_file.raw()["services"].items()
        for key, value in content["environment"].items()
        if secret.search(key)
    ]
    assert len(held) > 20
    assert [entry for entry in held if ":?" not in entry[2]] == []


def test_secrets_reach_only_who_needs_them():
    services = compose_file.resolved({name: f"the {name}" for name in REQUIRED})
    holders = {
        name: {service for service, content in services.items() if f"the {name}" in str(content)} for name in REQUIRED
    }
    assert holders["AIRFLOW_ADMIN_PASSWORD"] == {"init"}
    assert holders["RESONANZ_AUTHOR_KEY_SECRET"] == {"worker"}
    assert holders["POSTGRES_PASSWORD"] == {"postgres", "init", *AIRFLOW}
    assert holders["REDIS_PASSWORD"] == {"redis", "init", *AIRFLOW}


def test_env_example_lists_every_variable_with_its_command_and_no_value():
    used = compose_file.expressions((REPOSITORY / "docker-compose.yml").read_text())
    listed = compose_file.env_example()
    assert listed.keys() == {name for name, _ in used}
    assert {name for name, command in listed.items() if command} == REQUIRED


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_the_commands_in_env_example_make_usable_values():
    from cryptography.fernet import Fernet

    made = compose_file.generated_env()
    Fernet(made["AIRFLOW_FERNET_KEY"])
    assert len(set(made.values())) == len(REQUIRED)
    assert min(map(len, made.values())) >= 24
    for name in ("POSTGRES_PASSWORD", "REDIS_PASSWORD"):
        assert re.fullmatch(r"[0-9a-f]+", made[name]), "stands in a URL"


def test_ports_are_open_on_loopback_only():
    ports = [port for service in compose_file.resolved(PLAIN).values() for port in service.get("ports", [])]
    assert ports == ["127.0.0.1:8080:8080"]


def test_one_warehouse_slot_and_one_data_volume():
    services = compose_file.resolved(PLAIN)
    assert f"airflow pools set {WAREHOUSE_POOL} 1 " in services["init"]["command"][-1]
    with_data = [name for name in services if "data:/var/lib/resonanz" in services[name].get("volumes", [])]
    assert with_data == ["worker", "demo"]
    assert services["worker"]["environment"]["RESONANZ_HOME"] == "/var/lib/resonanz"


def test_the_demo_sources_find_the_stand_ins(monkeypatch: pytest.MonkeyPatch):
    services = compose_file.resolved(PLAIN)
    demo = services["demo"]
    assert demo["network_mode"] == "service:worker"
    assert "data:/var/lib/resonanz" in demo["volumes"]
    for service in ("worker", "dag-processor"):
        assert "./demo:/etc/resonanz:ro" in services[service]["volumes"]
        for name, value in services[service]["environment"].items():
            if name.startswith("RESONANZ_DEMO_"):
                monkeypatch.setenv(name, value)
        assert services[service]["environment"]["RESONANZ_SOURCES"] == "/etc/resonanz/sources.toml"
        assert demo_tokens().items() <= services[service]["environment"].items()
    read = str(load(DEMO_SOURCES, Path("/var/lib/resonanz")).sources)
    port, archives = (demo["command"][demo["command"].index(option) + 1] for option in ("--port", "--archives"))
    assert set(re.findall(r"http://[^/']+", read)) == {f"http://127.0.0.1:{port}"}
    assert f"'{archives}/shop_reviews.jsonl'" in read


def test_the_image_has_the_pinned_requirements_and_no_root():
    runs = [" ".join(words) for words in compose_file.dockerfile() if words[0] == "RUN"]
    installs = re.findall(r"pip install [^&]*", " ".join(runs))
    from_files = [line for line in installs if " -r " in line]
    assert [re.findall(r"-r (\S+)", line) for line in from_files] == [
        ["requirements/build.txt"],
        ["requirements/runtime.txt"],
    ]
    assert all("--no-deps" in line for line in installs)
    assert all("--require-hashes" in line for line in from_files)
    users = [words[1] for words in compose_file.final_stage() if words[0] == "USER"]
    assert users == ["resonanz"]


def test_what_the_image_copies_exists_and_nothing_else_reaches_the_build():
    allowed = [line[1:] for line in (REPOSITORY / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    copied = {
        source
        for words in compose_file.dockerfile()
        if words[0] == "COPY" and not words[1].startswith("--from")
        for source in words[1:-1]
    }
    assert {"dags", "resonanz", "dbt_project", "expectations", "model", "demo"} <= copied
    for source in sorted(copied):
        assert (REPOSITORY / source).exists(), source
        assert any(fnmatch(source, pattern) for pattern in allowed), f"{source} is shut out by .dockerignore"
    assert "*" in (REPOSITORY / ".dockerignore").read_text().splitlines()
