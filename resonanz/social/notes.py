"""A few facts that a source keeps between two runs, beside its memory: which metrics were refused, which day is read.

They are written once everything has landed, like the memory itself. No names, no texts, no credentials.
"""

from typing import Any

from resonanz.lake import read_json, write_json
from resonanz.platforms import Context


class Notes(dict[str, Any]):
    """JSON values by name; what stands here when the run has landed stands here in the next one."""

    @classmethod
    def of(cls, context: Context) -> "Notes":
        """The notes of `context.source`; a source without a memory begins without any, and keeps none."""
        notes = cls()
        if context.memory is not None:
            file = context.memory.with_suffix(".notes.json")
            notes.update(read_json(file) or {})
            context.on_landed.append(lambda: write_json(file, dict(notes)))
        return notes
