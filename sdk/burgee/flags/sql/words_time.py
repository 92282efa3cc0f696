"""Moments as SQL: whether a time is before or after one that is known.

They are a room of their own because no cast of a text to a time means the same everywhere: engines differ in the
years they know, in what they take for a zone, and in whether they raise. So a text is compared as a text, by its
date and its seconds; only hours and minutes become numbers, as a zone's offset must be taken from them.
"""

from datetime import UTC, datetime, time, timedelta

from sqlglot import exp

from burgee.core.clock import to_us
from burgee.flags.changing.times import TIME_PATTERN
from burgee.flags.model import Operator
from burgee.flags.sql.words_text import found, length, number, part, piece, rest, string, whole

_DAY = timedelta(days=1)
_MICROSECOND = timedelta(microseconds=1)
_LAST = datetime.max.replace(tzinfo=UTC)
_DAY_MINUTES = 24 * 60
_MIDNIGHT = ":00.000000"
"""What a text lacks behind its minutes, counted from the end."""


def text_moment(seen: exp.Expr, op: Operator, bound: datetime, dialect: str) -> exp.Expr:
    """`seen before bound` or `after`, of texts compared by code point; NULL where one is no time.

    An offset is less than a day. So only for the day of the bound, the one before and the one after must be
    reckoned; the date alone tells for all others.
    """
    day = piece(seen, 1, 10)
    minutes, seconds = _clock(seen, dialect)
    wanted_minutes = bound.hour * 60 + bound.minute
    wanted_seconds = f":{bound:%S.%f}"
    before = op is Operator.BEFORE
    near = _near(bound)
    base = exp.case()
    for date, days in near.items():
        base = base.when(day.eq(string(date)), number(days * _DAY_MINUTES))
    at = exp.paren(base + exp.paren(minutes))
    same_minute = seconds < string(wanted_seconds) if before else seconds > string(wanted_seconds)
    within = exp.or_(
        at < wanted_minutes if before else at > wanted_minutes, exp.and_(at.copy().eq(wanted_minutes), same_minute)
    )
    decided = (
        exp.case()
        .when(day < string(min(near)), exp.convert(before))
        .when(day > string(max(near)), exp.convert(not before))
        .else_(within)
    )
    return exp.case().when(found(seen, f"^(?:{TIME_PATTERN})$", dialect), decided)


def _near(bound: datetime) -> dict[str, int]:
    """The days about the bound that there are, by their dates: how many days they are from its own."""
    days = {}
    for distance in (-1, 0, 1):
        try:
            date = (bound + distance * _DAY).date()
        except OverflowError:  # before the year 1, or beyond 9999
            continue
        days[date.isoformat()] = distance
    return days


def _clock(seen: exp.Expr, dialect: str) -> tuple[exp.Expr, exp.Expr]:
    """Of a time's text: minutes since its day began, in UTC, and what stands behind the minutes, in full length."""
    behind = rest(seen, 17)  # YYYY-MM-DDThh:mm
    seconds = behind
    for zone in "Z+-":
        seconds = part(seconds, zone, 1, dialect)
    in_full = exp.DPipe(this=seconds, expression=rest(string(_MIDNIGHT), length(seconds) + 1))
    offset = exp.paren(_minutes(exp.Right(this=seen.copy(), expression=number(5)), 1, dialect))
    east, west = (exp.StrPosition(this=behind.copy(), substr=string(sign)) > 0 for sign in "+-")
    dated_only = piece(seen, 11, 1).eq(string(""))
    here = exp.case().when(dated_only, number(0)).else_(_minutes(seen, 12, dialect))
    return here + exp.case().when(east, exp.Neg(this=offset)).when(west, offset.copy()).else_(number(0)), in_full


def _minutes(text: exp.Expr, start: int, dialect: str) -> exp.Expr:
    """The minutes that `hh:mm` is."""
    hours, minutes = (whole(piece(text, at, 2), dialect) for at in (start, start + 3))
    return exp.Add(this=exp.Mul(this=hours, expression=number(60)), expression=minutes)


def column_moment(seen: exp.Expr, op: Operator, bound: datetime, dialect: str) -> exp.Expr:
    """`seen before bound` or `after`, of times with a zone, without (in UTC), and of dates (midnight in UTC).

    The session's time zone plays no part, but on BigQuery the default zone of the project does (UTC unless it was set).
    """
    if dialect in _BY_TYPE:
        return _BY_TYPE[dialect](seen, op, bound)
    return _compared(_micros(seen.copy(), dialect), op, exp.convert(to_us(bound)))


def _micros(at: exp.Expr, dialect: str) -> exp.Expr:
    """Microseconds since 1970."""
    match dialect:
        case "postgres":
            return exp.Mul(this=exp.Extract(this=exp.var("EPOCH"), expression=at), expression=number(1_000_000))
        case "clickhouse":
            at = exp.Anonymous(this="toDateTime64", expressions=[at, number(6), string("UTC")])
            return exp.Anonymous(this="toUnixTimestamp64Micro", expressions=[at])
        case "bigquery":
            at = exp.Anonymous(this="TIMESTAMP", expressions=[at])
            return exp.Anonymous(this="UNIX_MICROS", expressions=[at])
        case _:
            return exp.Anonymous(this="DATE_PART", expressions=[exp.var("EPOCH_MICROSECOND"), at])


def _by_type_in_duckdb(seen: exp.Expr, op: Operator, bound: datetime) -> exp.Expr:
    """DuckDB rounds nanoseconds, and compares times with a zone and without by the session's; it knows types early.

    A date may lie beyond what microseconds can count: it meets nothing.
    """
    since = to_us(bound)
    nanoseconds = exp.Anonymous(this="EPOCH_NS", expressions=[seen.copy()])
    # Of `after`, the microsecond that a time is cut to must be a later one.
    limit = exp.convert(since * 1_000 if op is Operator.BEFORE else (since + 1) * 1_000 - 1)

    def cast_to(type: str) -> exp.Expr:
        at = exp.Anonymous(this="EPOCH_US", expressions=[exp.cast(seen.copy(), type)])
        return _compared(exp.Try(this=at), op, exp.convert(since))

    return (
        exp.case(_type_of(seen))
        .when(string("TIMESTAMP_NS"), _compared(exp.Try(this=nanoseconds), op, limit))
        .when(string("TIMESTAMPTZ_NS"), _compared(exp.Try(this=nanoseconds.copy()), op, limit.copy()))
        .when(string("TIMESTAMP WITH TIME ZONE"), cast_to("timestamptz"))
        .else_(cast_to("timestamp"))
    )


def _by_type_in_spark(seen: exp.Expr, op: Operator, bound: datetime) -> exp.Expr:
    """Spark compares times with a zone and without by the session's zone, so each type has its own branch."""
    wall = _wall(bound)
    instant = exp.cast(string(f"{wall}+00:00"), "timestamptz")
    clock = exp.cast(string(wall), "timestampntz")
    return (
        exp.case(_type_of(seen))
        .when(string("timestamp"), _compared(seen, op, instant))
        .when(string("timestamp_ntz"), _compared(seen, op, clock))
        .else_(_date_compared(seen, op, bound))
    )


def _by_type_in_trino(seen: exp.Expr, op: Operator, bound: datetime) -> exp.Expr:
    """Trino compares times with a zone and without by the session's zone; a date becomes a time without one."""
    zoned = exp.Like(this=_type_of(seen), expression=string("%with time zone"))
    comparison: type[exp.Binary] = exp.LT if op is Operator.BEFORE else exp.GT
    if op is Operator.AFTER and bound < _LAST:  # it may count picoseconds, which are to be cut off
        bound, comparison = bound + _MICROSECOND, exp.GTE
    wall = _wall(bound)
    # Without a precision it would be cut to milliseconds.
    instant = exp.cast(string(f"{wall} UTC"), exp.DataType.build("timestamptz(6)"))
    clock = exp.cast(string(wall), exp.DataType.build("timestamp(6)"))
    return (
        exp.case()
        .when(zoned, comparison(this=seen.copy(), expression=instant))
        .else_(comparison(this=seen.copy(), expression=clock))
    )


def _date_compared(date: exp.Expr, op: Operator, bound: datetime) -> exp.Expr:
    """The midnight of the day of the bound is before it, unless it is the bound."""
    day = exp.cast(string(bound.date().isoformat()), "date")
    if op is Operator.BEFORE and bound.time() != time.min:
        return exp.LTE(this=date.copy(), expression=day)
    return _compared(date, op, day)


def _wall(bound: datetime) -> str:
    return bound.replace(tzinfo=None).isoformat(" ", "microseconds")


def _type_of(seen: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this="TYPEOF", expressions=[seen.copy()])


def _compared(seen: exp.Expr, op: Operator, bound: exp.Expr) -> exp.Expr:
    comparison = exp.LT if op is Operator.BEFORE else exp.GT
    return comparison(this=seen.copy(), expression=bound)


_BY_TYPE = {"duckdb": _by_type_in_duckdb, "spark": _by_type_in_spark, "trino": _by_type_in_trino}
