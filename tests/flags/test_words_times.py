import calendar
import re
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from burgee.core.errors import InvalidInputError
from burgee.flags.changing.rules import make_condition
from burgee.flags.changing.times import TIME_PATTERN, moment_of
from burgee.flags.evaluation.conditions import test_of as the_test_of
from burgee.flags.operators import plain
from flags.strategies import NO_TIMES, TIMES, zones

NOON = "2026-11-01T12:00:00.000000Z"


def meets(op: str, value: object, seen: object) -> bool:
    return the_test_of((make_condition("a", op, value),), {})({"a": seen})


@pytest.mark.parametrize(
    ("given_time", "kept"),
    [
        ("2026-11-01T12:00:00.000000Z", NOON),
        ("2026-11-01 13:00+01:00", NOON),
        (datetime(2026, 11, 1, 12), NOON),  # noqa: DTZ001 - what has no zone is UTC
        (datetime(2026, 11, 1, 13, tzinfo=ZoneInfo("Europe/Berlin")), NOON),
        (pd.Timestamp("2026-11-01 12:00"), NOON),
        (pd.Timestamp("2026-11-01 13:00", tz="Europe/Berlin"), NOON),
        (np.datetime64("2026-11-01T12:00", "ns"), NOON),
        (date(2026, 11, 1), "2026-11-01T00:00:00.000000Z"),
        ("2026-11-01", "2026-11-01T00:00:00.000000Z"),
        ("0001-01-01", "0001-01-01T00:00:00.000000Z"),
        ("9999-12-31T23:59:59.999999", "9999-12-31T23:59:59.999999Z"),
    ],
)
def test_a_condition_keeps_a_time_in_utc_with_microseconds(given_time: object, kept: str) -> None:
    """R9.3."""
    made = make_condition("joined", "before", given_time)
    assert made.value == kept
    assert make_condition("joined", "before", made.value) == made


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (None, "'a before' can't compare with None"),
        (pd.NaT, "'a before' can't compare with NaT"),
        (np.datetime64("NaT", "ns"), "'a before' can't compare with"),
        (float("nan"), "'a before' can't compare with nan"),
        ("soon", "'a before' needs a time, not 'soon'"),
        ("2026-02-29", "'a before' needs a time, not '2026-02-29'"),
        ("2026-11-01T09:30:60Z", "'a before' needs a time"),
        (1_793_000_000, "'a before' needs a time, not 1793000000"),
        (True, "'a before' needs a time, not True"),
        (["2026-11-01"], "'a before' needs a time"),
        (datetime(2026, 11, 1, tzinfo=UTC).timetz(), "'a before' needs a time"),
        ("0001-01-01T00:00+14:00", "within the years 1 to 9999 in UTC"),
        ("9999-12-31T23:00-14:00", "within the years 1 to 9999 in UTC"),
        (np.datetime64("20000-01-01", "s"), "within the years 1 to 9999 in UTC"),
    ],
)
def test_what_is_no_time_to_compare_with_is_refused_by_name(value: object, says: str) -> None:
    with pytest.raises(InvalidInputError, match=says):
        make_condition("a", "before", value)


LATER: list[object] = [
    "2026-11-01T12:00:00.000001Z",
    "2026-11-01 13:00:01+01:00",
    "2026-11-02",
    date(2026, 11, 2),
    datetime(2026, 11, 1, 12, 0, 1),  # noqa: DTZ001
    datetime(2026, 11, 1, 11, 30, tzinfo=timezone(timedelta(hours=-1))),
    pd.Timestamp("2026-11-01 12:00:00.000001"),
    np.datetime64("2026-11-01T12:00:00.000001", "ns"),
    np.datetime64("20000-01-01", "s"),
    pd.Timestamp(np.datetime64("20000-01-01", "s")),
    "9999-12-31T23:59:59-14:59",
    datetime.max.replace(tzinfo=timezone(timedelta(hours=-14))),
]
EARLIER: list[object] = [
    "2026-11-01",
    date(2026, 11, 1),
    "2026-11-01T12:59:59.999999+01:00",
    datetime(2026, 11, 1, 11, 59, 59, 999_999),  # noqa: DTZ001
    pd.Timestamp("1700-01-01", tz="UTC"),
    np.datetime64("2026-11-01", "D"),
    np.datetime64("-0044-03-15", "D"),
    "0001-01-01T00:00:00+14:59",
    datetime.min.replace(tzinfo=timezone(timedelta(hours=14))),
]
SAME: list[object] = [
    NOON,
    "2026-11-01T12:00",
    "2026-11-01 02:00-10:00",
    datetime(2026, 11, 1, 12, tzinfo=UTC),
    pd.Timestamp("2026-11-01 12:00:00.000000999"),
    np.datetime64("2026-11-01T12:00:00.000000999", "ns"),
]


def test_before_and_after_are_strict_in_whatever_way_a_moment_is_held() -> None:
    """R9.3: also where it is out of the range of a datetime in UTC."""
    assert [seen for seen in LATER if not meets("after", NOON, seen) or meets("before", NOON, seen)] == []
    assert [seen for seen in EARLIER if not meets("before", NOON, seen) or meets("after", NOON, seen)] == []
    assert [seen for seen in SAME if meets("before", NOON, seen) or meets("after", NOON, seen)] == []


@pytest.mark.parametrize(
    "seen", [*NO_TIMES, "", "x" * 10_000, 0, 1.5, True, b"2026-11-01", [], {}, np.timedelta64(1, "s")]
)
def test_what_is_no_moment_is_neither_before_nor_after(seen: object) -> None:
    assert not meets("before", "9999-01-01", seen)
    assert not meets("after", "0001-01-02", seen)


@pytest.mark.parametrize("text", TIMES)
def test_every_text_of_the_pattern_is_a_moment(text: str) -> None:
    assert meets("before", NOON, text) or meets("after", NOON, text)


class Nowhere(tzinfo):
    """A zone that does not know its offset, as the standard library allows."""

    def utcoffset(self, _when: datetime | None) -> None:
        return None

    dst = tzname = utcoffset


def test_a_zone_without_an_offset_is_utc() -> None:
    assert moment_of(datetime(2026, 11, 1, tzinfo=Nowhere())) == moment_of("2026-11-01")


YEARS = [1, 4, 99, 100, 400, 1000, 1582, 1600, 1896, 1900, 1999, 2000, 2023, 2024, 2100, 2400, 9996, 9999]


def test_the_pattern_knows_how_many_days_a_month_has() -> None:
    matches = re.compile(TIME_PATTERN).fullmatch
    for year in [0, *YEARS]:
        for month in range(14):
            days = calendar.monthrange(year, month)[1] if year and 1 <= month <= 12 else 0
            there = [day for day in range(33) if matches(f"{year:04}-{month:02}-{day:02}")]
            assert there == list(range(1, days + 1)), (year, month)


def test_the_pattern_knows_every_leap_year() -> None:
    matches = re.compile(TIME_PATTERN).fullmatch
    leap = [year for year in range(10_000) if matches(f"{year:04}-02-29")]
    assert leap == [year for year in range(1, 10_000) if calendar.isleap(year)]


@given(st.datetimes(timezones=zones), st.sampled_from(["T", " "]), st.sampled_from(["auto", "minutes", "milliseconds"]))
def test_a_moment_written_in_iso_8601_is_the_moment(when: datetime, sep: str, precision: str) -> None:
    text = when.isoformat(sep, precision)
    assert moment_of(text) == moment_of(datetime.fromisoformat(text))


EDGES = datetime(2, 1, 1), datetime(9998, 1, 1)  # noqa: DTZ001 - a condition can't be beyond the range of UTC


@given(st.datetimes(timezones=zones), st.datetimes(*EDGES, timezones=zones))
def test_before_and_after_order_moments_as_datetimes_do(seen: datetime, bound: datetime) -> None:
    """R9.3."""
    one, other = (when if when.tzinfo else when.replace(tzinfo=UTC) for when in (seen, bound))
    assert meets("before", bound, seen) is (one < other)
    assert meets("after", bound, seen.isoformat()) is (one > other)


@given(st.text("0123456789-:.TZ +", max_size=33))
def test_a_text_that_is_nearly_a_time_raises_nothing(text: str) -> None:
    assert not (meets("before", NOON, text) and meets("after", NOON, text))


def test_a_time_of_numpy_is_no_number() -> None:
    """Its own Python form is a number of nanoseconds."""
    moment = np.datetime64("2026-11-01", "ns")
    assert plain(moment) is moment
    assert plain(np.datetime64("NaT", "ns")) is None
    assert not meets("gt", 0, moment)
    assert meets("exists", None, moment)
