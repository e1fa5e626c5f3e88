"""One source of one platform, extracted through the real dlt into a lake of its own."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from dlt.load.load import Load

from resonanz import settings
from resonanz.extract import Extraction, extract
from resonanz.guard import admit
from resonanz.platforms import Window

_begin = Load.__init__


def _without_pause(load: Load, *arguments: Any, **options: Any) -> None:
    _begin(load, *arguments, **options)
    load._run_loop_sleep_duration = 0.02


Load.__init__ = _without_pause  # dlt looks once a second whether a load is done; tests load often and little


@dataclass
class Source:
    """A sources.toml with one source; `rows` are what the last run landed, stream by stream."""

    folder: Path
    options: dict[str, Any]
    accounts: list[str] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)

    def write(self) -> Path:
        """Write the sources.toml."""
        file = self.folder / "sources.toml"
        lines = ["[company]", 'name = "Weidenfels"', f"accounts = {json.dumps(self.accounts)}"]
        lines += ["[[sources]]", 'name = "fediverse"']
        lines += [f"{name} = {_toml(value)}" for name, value in self.options.items()]
        file.write_text("\n".join(lines), encoding="utf-8")
        return file

    def run(self, window: Window | None = None) -> Extraction:
        """Extract once; with `window`, as a backfill."""
        file = self.write()
        extraction = extract(settings.load(file, self.folder / "var"), "fediverse", window)
        self.rows = [
            {"stream": batch.stream, **row}
            for batch in extraction.batches
            for parquet in batch.files
            for row in pq.read_table(parquet).to_pylist()
        ]
        return extraction

    def by_id(self) -> dict[str, dict[str, Any]]:
        """native id -> row; fails where a message landed twice."""
        found = {row["native_id"]: row for row in self.rows}
        assert len(found) == len(self.rows), "a message landed twice"
        return found

    def landed(self) -> list[dict[str, Any]]:
        """What all runs landed."""
        lake = settings.load(self.folder / "sources.toml", self.folder / "var").lake
        return [row for batch in lake.batches() for file in batch.files for row in pq.read_table(file).to_pylist()]

    def quarantined(self) -> dict[str, int]:
        """Stream -> rows of everything landed that the guard would keep out; a refused batch counts whole."""
        lake = settings.load(self.folder / "sources.toml", self.folder / "var").lake
        return {str(batch): admit(lake, batch, self.options["platform"]).quarantined for batch in lake.batches()}

    def written(self) -> str:
        """Everything that was ever written below landing and dlt's folder, as one text."""
        texts = []
        for path in sorted((self.folder / "var").rglob("*")):
            if path.is_file() and path.suffix == ".parquet":
                texts.append(json.dumps(pq.read_table(path).to_pylist(), default=str, ensure_ascii=False))
            elif path.is_file() and path.suffix != ".secret":
                texts.append(path.read_bytes().decode("utf-8", "replace"))
        return "\n".join(texts)


class Feed(Source):
    """A source whose `rows` are messages; the rows of its accounts stand in `figures`."""

    figures: list[dict[str, Any]]

    def run(self, window: Window | None = None) -> Extraction:
        extraction = super().run(window)
        self.figures = [row for row in self.rows if row["kind"] == "account"]
        self.rows = [row for row in self.rows if row["kind"] != "account"]
        return extraction


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {_toml(item)}" for name, item in value.items()) + " }"
    return value.isoformat() if hasattr(value, "isoformat") else json.dumps(value)
