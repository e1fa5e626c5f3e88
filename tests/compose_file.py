"""docker-compose.yml, .env.example and the Dockerfile as `docker compose` and `docker build` read them."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).parents[1]
_EXPRESSION = re.compile(r"\$\$|\$\{(?P<name>\w+)(?:(?P<operator>:?[-?])(?P<word>[^}]*))?\}")


class MissingVariable(Exception):
    """A `${NAME:?message}` without a value; `docker compose` stops there with the message."""


def raw() -> dict[str, Any]:
    """docker-compose.yml with its anchors and merges, variables not resolved yet."""
    document: dict[str, Any] = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())
    return document


def resolved(variables: dict[str, str]) -> dict[str, dict[str, Any]]:
    """The services by name, with `variables` as the content of .env; raises MissingVariable."""
    services: dict[str, dict[str, Any]] = interpolated(raw()["services"], variables)
    return services


def interpolated(value: Any, variables: dict[str, str]) -> Any:
    """`value` with compose's variable expressions replaced in every string."""
    if isinstance(value, dict):
        return {key: interpolated(item, variables) for key, item in value.items()}
    if isinstance(value, list):
        return [interpolated(item, variables) for item in value]
    if not isinstance(value, str):
        return value

    def replaced(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        given, operator = variables.get(match["name"]), match["operator"] or ""
        is_missing = given is None or (given == "" and operator.startswith(":"))
        if is_missing and operator.endswith("?"):
            raise MissingVariable(f"{match['name']} {match['word']}")
        return match["word"] if is_missing and operator else given or ""

    return _EXPRESSION.sub(replaced, value)


def expressions(text: str) -> set[tuple[str, str]]:
    """(name, operator) of every variable expression in `text`; the operator is empty for a plain `${NAME}`."""
    return {(m["name"], m["operator"] or "") for m in _EXPRESSION.finditer(text) if m["name"]}


def env_example() -> dict[str, str | None]:
    """Variable of .env.example -> the command that makes its value, None where it is optional."""
    found: dict[str, str | None] = {}
    command = None
    for line in (REPOSITORY / ".env.example").read_text().splitlines():
        if line.startswith("# $ "):
            command = line.removeprefix("# $ ")
        elif match := re.fullmatch(r"(#?)(\w+)=", line):
            found[match[2]] = None if match[1] else command
            command = None
        elif line and not line.startswith("# "):
            raise ValueError(f".env.example: neither a comment nor a variable without a value: {line}")
    return found


def generated_env() -> dict[str, str]:
    """What a user's .env holds: every required variable, made by the command that .env.example names."""
    return {
        name: subprocess.run(["sh", "-c", command], check=True, capture_output=True, text=True).stdout.strip()
        for name, command in env_example().items()
        if command is not None
    }


def dockerfile() -> list[list[str]]:
    """The Dockerfile's instructions in words, comments and line continuations resolved."""
    text = re.sub(r"\\\n", " ", (REPOSITORY / "Dockerfile").read_text())
    return [shlex.split(line) for line in text.splitlines() if line and not line.startswith("#")]


def final_stage() -> list[list[str]]:
    """The instructions of the Dockerfile's last stage: what the image is."""
    instructions = dockerfile()
    start = max(index for index, words in enumerate(instructions) if words[0] == "FROM")
    return instructions[start:]


def copy_image_files(target: Path) -> None:
    """Lay out below `target` what the image's working folder holds, and nothing else of the checkout."""
    target.mkdir(parents=True)
    for _, *sources, place in (words for words in final_stage() if words[0] == "COPY" and "--from=build" not in words):
        for source in sources:
            path = REPOSITORY / source
            if path.is_dir():
                shutil.copytree(path, target / place, ignore=shutil.ignore_patterns("__pycache__", "*.pyc", "target"))
            else:
                shutil.copy(path, target / place)
