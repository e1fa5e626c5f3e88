"""What a source may spend: by whose day it counts, and when the next one begins."""

import json
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from resonanz import settings
from resonanz.budget import Budget, until_next
from resonanz.errors import Kind, SourceError
from resonanz.sources import budget

PACIFIC = ZoneInfo("America/Los_Angeles")


def test_spending_is_written_down_by_the_platforms_own_day(tmp_path):
    far = "Pacific/Kiritimati" if datetime.now(UTC).hour >= 12 else "Pacific/Pago_Pago"  # where it is another day now
    spent = Budget({"units_per_day": 5}, tmp_path / "usage.json", far)
    spent.take("units", 5)
    spent.flush()
    today = datetime.now(ZoneInfo(far)).date().isoformat()
    assert json.loads((tmp_path / "usage.json").read_text()) == {today: {"units": 5}}
    with pytest.raises(SourceError, match="units_per_day = 5") as raised:
        spent.take("units")
    assert raised.value.kind is Kind.LIMIT
    assert Budget({"units_per_day": 5}, tmp_path / "usage.json").left("units") == 5, "in UTC nothing is spent today"


@pytest.mark.parametrize(
    ("period", "now", "hours"),
    [
        ("day", datetime(2026, 11, 23, 22, tzinfo=UTC), 2),
        ("day", datetime(2026, 11, 23, 22, tzinfo=PACIFIC), 2),
        ("day", datetime(2026, 11, 1, 0, tzinfo=PACIFIC), 25),  # the clocks go back
        ("day", datetime(2026, 3, 8, 0, tzinfo=PACIFIC), 23),
        ("month", datetime(2026, 2, 28, 0, tzinfo=UTC), 24),
        ("month", datetime(2026, 12, 31, 23, tzinfo=UTC), 1),
    ],
)
def test_the_next_period_begins_at_midnight_there(period, now, hours):
    assert until_next(period, now) == hours * 3600


def test_the_platforms_own_quota_counts_where_sources_toml_says_nothing(tmp_path):
    file = tmp_path / "sources.toml"
    channel = 'platform = "youtube"\nchannels = ["@nordlicht"]\n'
    file.write_text(
        '[company]\nname = "Nordlicht"\naccounts = ["@nordlicht"]\n'
        f'[[sources]]\nname = "plain"\n{channel}'
        f'[[sources]]\nname = "large"\n{channel}budget = {{ units_per_day = 50000 }}\n'
    )
    found = settings.load(file, tmp_path / "var")
    assert budget(found, found.source("plain")).left("units") == 10_000
    assert budget(found, found.source("large")).left("units") == 50_000
    assert budget(found, found.source("large")).left("searches") == 100
