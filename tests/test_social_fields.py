"""Times and answers that all social platforms read in one way."""

from datetime import UTC, datetime

import pytest

from resonanz.errors import Kind, SourceError
from resonanz.social.fields import Unreadable, utc
from resonanz.social.once import Once


@pytest.mark.parametrize(
    "value", ["2026-03-02T10:15:26.123456789+01:00", "2026-03-02T09:15:26.123456Z", "2026-03-02T09:15:26.123456"]
)
def test_a_time_is_read_in_utc(value):
    assert utc(value, "createTime") == datetime(2026, 3, 2, 9, 15, 26, 123456, UTC)


@pytest.mark.parametrize(
    "value", ["gestern", "", "2026-13-01", "0001-01-01T00:00:00+14:00", "9999-12-31T23:00:00-14:00"]
)
def test_what_is_no_time_says_so_and_ends_no_run(value):
    with pytest.raises(Unreadable, match="createTime"):
        utc(value, "createTime")


@pytest.mark.parametrize(("kind", "asked"), [(Kind.GONE, 1), (Kind.CREDENTIALS, 1), (Kind.TRANSIENT, 2)])
def test_a_lasting_fault_is_asked_for_once_and_a_passing_one_again(kind, asked):
    names = []

    def ask(name):
        names.append(name)
        raise SourceError(kind, "no")

    once = Once(ask)
    for _ in range(2):
        with pytest.raises(SourceError):
            once("page")
    assert len(names) == asked
    assert list(once.answers()) == []


def test_an_answer_is_asked_for_once():
    names = []
    once = Once(lambda name: names.append(name) or name.upper())
    assert [once("a"), once("b"), once("a")] == ["A", "B", "A"]
    assert names == ["a", "b"]
    assert list(once.answers()) == ["A", "B"]
