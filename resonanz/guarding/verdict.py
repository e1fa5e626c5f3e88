"""What the guard found, as data. resonanz/guarding/words.py says it in words."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from resonanz.lake import Batch


@dataclass(frozen=True)
class Finding:
    """One expectation that does not hold.

    :param table: the batch or the table in which.
    :param reason: in words, with the first bad row's values.
    :param count: bad rows; 1 where the table as a whole is meant.
    """

    expectation: str
    severity: Literal["critical", "warning", "info"]
    scope: Literal["row", "batch"]
    table: str
    reason: str
    count: int

    def __str__(self) -> str:
        rows = f" ({self.count:,} rows)" if self.count > 1 else ""
        return f"{self.table}: {self.reason}{rows} [{self.expectation}, {self.severity}]"


@dataclass(frozen=True)
class Verdict:
    """What became of one landed batch: extracted = rows let in + quarantined.

    :param platform: the connector that landed it, a name in PLATFORMS.
    :param quarantine: the file with the quarantined rows; there is none where nothing is quarantined.
    :param reason: why the batch is refused as a whole; None where it is admitted.
    :param started_at: when the load began, by its id.
    """

    batch: Batch
    platform: str
    status: Literal["admitted", "refused"]
    extracted: int
    quarantined: int
    quarantine: Path
    reason: str | None
    findings: tuple[Finding, ...]
    started_at: datetime
    judged_at: datetime

    def as_json(self) -> dict[str, Any]:
        """The JSON that stands under `Lake.admission`, which the load goes by; times are ISO 8601 in UTC."""
        return {
            "load_id": self.batch.load_id,
            "source": self.batch.source,
            "stream": self.batch.stream,
            "platform": self.platform,
            "status": self.status,
            "extracted": self.extracted,
            "quarantined": self.quarantined,
            "reason": self.reason,
            "started_at": self.started_at.isoformat(),
            "judged_at": self.judged_at.isoformat(),
            "findings": [
                {"expectation": f.expectation, "severity": f.severity, "count": f.count, "reason": f.reason}
                for f in self.findings
            ],
        }
