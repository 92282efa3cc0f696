"""One tree, several dialects: what each engine must be told so that the same question has the same answer.

Trees are written with what every dialect has. The few things that dialects disagree about stand in a tree as *signs*,
calls that no dialect knows (`MICROS`, `UTC`, …), and `render` turns them into what the dialect says; sqlglot does the
rest. Whoever runs a tree renders it here and not with `tree.sql()`.
"""

import json
from collections.abc import Callable, Mapping
from datetime import datetime

from sqlglot import ErrorLevel, exp
from sqlglot.errors import SqlglotError

from burgee.analytics.source import EVENTS
from burgee.core.clock import from_us, to_us
from burgee.core.errors import InvalidInputError, did_you_mean

DIALECTS = ("duckdb", "spark", "clickhouse", "postgres", "bigquery", "snowflake", "trino")
"""What questions can be said in, by sqlglot's names."""

YEAR_1 = 62_135_596_800_000_000
"""Microseconds from the year 1, which began on a Monday, to 1970: with them added no time of a log is below 0."""

MICROS = {"minute": 60_000_000, "hour": 3_600_000_000, "day": 86_400_000_000, "week": 604_800_000_000}
"""How long the periods are that are all of one length, in microseconds."""

type Sign = Callable[..., exp.Expr]


def micros(time: exp.Expr) -> exp.Expr:
    """Microseconds since 1970 of a time: times are compared and subtracted as whole numbers."""
    return _call("MICROS", time)


def literal(time: datetime) -> exp.Expr:
    """A time that is known."""
    return _call("LITERAL", f"{from_us(to_us(time)):%Y-%m-%d %H:%M:%S.%f}")


def start_of(period: str, time: exp.Expr) -> exp.Expr:
    """When the period began that a time is in, as a clock in UTC shows it; weeks begin on Monday."""
    return _call("START_OF", period, time)


def from_clock(wall: exp.Expr) -> exp.Expr:
    """What `start_of` gave, as a time again: done last, on few rows, since it costs."""
    return _call("FROM_CLOCK", wall)


def divide(number: exp.Expr, by: int) -> exp.Expr:
    """A whole number, not below 0, divided by another and rounded down."""
    return _call("DIVIDE", number, by)


def place_of(at: exp.Expr, position: exp.Expr) -> exp.Expr:
    """One number that orders events by time, in microseconds, and then by position."""
    return _call("PLACE", at, position)


def ranked(rank: exp.Expr) -> exp.Expr:
    """A column's value that only `quantile_of` needs; the column is left out where a dialect has what it means."""
    return _call("RANKED", rank)


def quantile_of(value: exp.Expr, at: float, by_ranks: exp.Expr) -> exp.Expr:
    """A quantile, between two values in proportion: by the dialect's own where that is exact, or as worked out."""
    return _call("QUANTILE", value, exp.Literal.number(at), by_ranks)


def metadata_is(name: str, value: str) -> exp.Expr:
    """Whether a top-level field of the metadata equals this JSON scalar: `1`, `true` and `"1"` are three values."""
    return _call("METADATA_IS", exp.column("metadata"), name, value)


def bytewise(text: exp.Expr) -> exp.Expr:
    """A text, to be compared by its characters' numbers and not as a language sorts."""
    return _call("BYTEWISE", text)


def check_dialect(dialect: str) -> str:
    """The dialect's name; `InvalidInputError` says which there are."""
    if dialect not in DIALECTS:
        hint = did_you_mean(str(dialect), DIALECTS, plural="dialects")
        raise InvalidInputError(f"there is no dialect {dialect!r}", hint=hint)
    return dialect


def render(tree: exp.Expr, dialect: str, table: str = EVENTS, *, pretty: bool = False) -> str:
    """The tree as text of this dialect, over the table that is named as the dialect writes it.

    Raises:
        InvalidInputError: there is no such dialect; says which there are. The table's name is none.
    """
    check_dialect(dialect)
    said = tree.copy()
    _lighten(said, dialect)
    for node in reversed(list(said.walk())):  # what is inside comes first
        new = _say(dialect, node)
        if new is not node:
            node.replace(new)
    for name in said.find_all(exp.Identifier):
        name.set("quoted", True)  # a name of ours may be a word that some dialect keeps for itself
    _put(said, table_named(table, dialect))
    if dialect == "clickhouse":
        said.set("settings", [exp.var(name).eq(exp.Literal.number(1)) for name in _CLICKHOUSE_SETTINGS])
    return said.sql(dialect, pretty=pretty, unsupported_level=ErrorLevel.RAISE)


def pointer(name: str) -> str:
    """A field's name as one step of a JSON Pointer (RFC 6901), where every name can be written."""
    return "/" + name.replace("~", "~0").replace("/", "~1")


def table_named(name: str, dialect: str) -> exp.Table:
    """A table by its name as the dialect writes it; `InvalidInputError` if it is none."""
    try:
        table = exp.maybe_parse(name, into=exp.Table, dialect=dialect)
    except SqlglotError as error:
        raise InvalidInputError(f"{name!r} is no name of a table") from error
    if isinstance(table.this, exp.Identifier) and set(filter(table.args.get, table.args)) <= {"this", "db", "catalog"}:
        return table
    raise InvalidInputError(f"{name!r} is no name of a table")


def _lighten(said: exp.Expr, dialect: str) -> None:
    """Leave out ranks that nobody needs, and the word about reading a part anew where it is not known."""
    if dialect != "duckdb":
        for part in said.find_all(exp.CTE):
            if part.args.get("materialized") is False:
                part.set("materialized", None)
        return
    for column in list(said.find_all(exp.Alias)):
        if isinstance(column.this, exp.Anonymous) and column.this.name == "RANKED":
            column.pop()


def _say(dialect: str, node: exp.Expr) -> exp.Expr:
    if isinstance(node, exp.Anonymous) and node.name in _SIGNS:
        return _SIGNS[node.name][dialect](*(part.copy() for part in node.expressions))
    if dialect == "clickhouse":
        return _for_clickhouse(node)
    if dialect == "bigquery" and isinstance(node, exp.Window) and node.args.get("spec"):
        for ordered in node.args["order"].expressions:  # never null, and where null would stand can't be said there
            ordered.set("nulls_first", True)  # as it is there anyway, so that nothing is said
    return node


def _put(tree: exp.Expr, table: exp.Table) -> None:
    for node in list(tree.find_all(exp.Table)):
        if node.name == EVENTS:
            node.replace(table.copy())


def _call(name: str, *parts: exp.Expr | str | int) -> exp.Expr:
    return exp.Anonymous(this=name, expressions=[_value(part) for part in parts])


def _value(part: exp.Expr | str | int) -> exp.Expr:
    if isinstance(part, exp.Expr):
        return part
    return exp.Literal.string(part) if isinstance(part, str) else exp.Literal.number(part)


def _whole(value: exp.Expr) -> exp.Expr:
    return exp.cast(value, "bigint")


def _times(value: exp.Expr, factor: int) -> exp.Expr:
    return exp.Mul(this=value, expression=exp.Literal.number(factor))


# What each sign is in each dialect, with the sign's own parts as arguments.


def _same(value: exp.Expr) -> exp.Expr:
    return value


def _named(function: str, *more: str | int) -> Sign:
    return lambda value: _call(function, value, *more)


def _postgres_micros(time: exp.Expr) -> exp.Expr:
    epoch = exp.Extract(this=exp.var("EPOCH"), expression=time)
    return _whole(_times(epoch, 1_000_000))  # its epoch is an exact decimal


def _trino_micros(time: exp.Expr) -> exp.Expr:
    return _whole(_call("ROUND", _times(_call("TO_UNIXTIME", time), 1_000_000)))  # exact: below 2**53


def _with_zone(text: exp.Expr) -> exp.Expr:
    return exp.cast(exp.Literal.string(f"{text.name}+00:00"), "timestamptz")


def _at_utc(time: exp.Expr) -> exp.Expr:
    return exp.AtTimeZone(this=time, zone=exp.Literal.string("UTC"))


def _trunc(period: exp.Expr, time: exp.Expr) -> exp.Expr:
    return exp.TimestampTrunc(this=time, unit=exp.var(period.name.upper()))


def _duckdb_start(period: exp.Expr, time: exp.Expr) -> exp.Expr:
    # Over plain timestamps: over those with a zone DuckDB asks a calendar at each row, five times as slow.
    return _trunc(period, _call("MAKE_TIMESTAMP", _call("EPOCH_US", time)))


def _bigquery_start(period: exp.Expr, time: exp.Expr) -> exp.Expr:
    unit = "ISOWEEK" if period.name == "week" else period.name.upper()
    return _call("TIMESTAMP_TRUNC", time, exp.var(unit))


def _clickhouse_start(period: exp.Expr, time: exp.Expr) -> exp.Expr:
    # Its own functions give dates of 16 bits, which end in 2149 and begin in 1970.
    wall = _clickhouse_time(time)
    if period.name in MICROS:
        at = _call("toUnixTimestamp64Micro", wall)
        since_year_1 = exp.paren(exp.Add(this=at.copy(), expression=exp.Literal.number(YEAR_1)))
        into = exp.Mod(this=since_year_1, expression=exp.Literal.number(MICROS[period.name]))
        return _call("fromUnixTimestamp64Micro", exp.Sub(this=at, expression=into), "UTC")
    month: exp.Expr = exp.Literal.number(1)
    if period.name == "month":
        month = _call("toMonth", wall.copy())
    elif period.name == "quarter":
        month = exp.Sub(
            this=_times(_call("toQuarter", wall.copy()), 3),
            expression=exp.Literal.number(2),
        )
    return _call("makeDateTime64", _call("toYear", wall), month, 1, 0, 0, 0, 0, 6, "UTC")


def _clickhouse_time(time: exp.Expr) -> exp.Expr:
    return _call("toDateTime64", time, 6, "UTC")


def _int_div(number: exp.Expr, by: exp.Expr) -> exp.Expr:
    return exp.IntDiv(this=exp.paren(number), expression=by)


def _slash(number: exp.Expr, by: exp.Expr) -> exp.Expr:
    return exp.Div(this=exp.paren(number), expression=by, typed=True)  # whole by whole is whole there


def _snowflake_divide(number: exp.Expr, by: exp.Expr) -> exp.Expr:
    # Its division rounds to six digits: only a whole result is exact.
    rest = exp.Mod(this=exp.paren(number.copy()), expression=by.copy())
    return _whole(exp.Div(this=exp.paren(exp.Sub(this=exp.paren(number), expression=rest)), expression=by))


def _place(kind: str) -> Sign:
    more_than_positions = 100_000_000_000  # that a log has
    return lambda at, position: exp.Add(this=_times(exp.cast(at, kind), more_than_positions), expression=position)


def _by_ranks(value: exp.Expr, at: exp.Expr, by_ranks: exp.Expr) -> exp.Expr:  # noqa: ARG001 - a sign's parts
    return by_ranks


def _duckdb_quantile(value: exp.Expr, at: exp.Expr, by_ranks: exp.Expr) -> exp.Expr:  # noqa: ARG001 - a sign's parts
    return _call("QUANTILE_CONT", exp.cast(value, "double"), at)


def _duckdb_metadata(column: exp.Expr, name: exp.Expr, value: exp.Expr) -> exp.Expr:
    return exp.cast(_call("JSON_EXTRACT", column, pointer(name.name)), "text").eq(value)


def _postgres_metadata(column: exp.Expr, name: exp.Expr, value: exp.Expr) -> exp.Expr:
    there = _call("JSONB_EXTRACT_PATH", exp.cast(column, "jsonb"), name)
    return there.eq(exp.cast(value, "jsonb"))


def _clickhouse_metadata(column: exp.Expr, name: exp.Expr, value: exp.Expr) -> exp.Expr:
    return _call("JSONExtractRaw", column, name).eq(value)


def _bigquery_metadata(column: exp.Expr, name: exp.Expr, value: exp.Expr) -> exp.Expr:
    return _call("JSON_QUERY", column, f"$.{json.dumps(name.name, ensure_ascii=False)}").eq(value)


def _trino_metadata(column: exp.Expr, name: exp.Expr, value: exp.Expr) -> exp.Expr:
    path = f"$[{json.dumps(name.name, ensure_ascii=False)}]"
    return _call("JSON_FORMAT", _call("JSON_EXTRACT", _call("JSON_PARSE", column), path)).eq(value)


def _snowflake_metadata(column: exp.Expr, name: exp.Expr, value: exp.Expr) -> exp.Expr:
    return _call("TO_JSON", _call("GET", _call("PARSE_JSON", column), name)).eq(value)


def _spark_metadata(column: exp.Expr, name: exp.Expr, value: exp.Expr) -> exp.Expr:
    """Its parser gives a value only where it is of the kind asked for, but for text, which takes everything."""
    wanted = json.loads(value.name)

    def read_as(kind: str) -> exp.Expr:
        shape = f"`{name.name.replace('`', '``')}` {kind}"
        return exp.Dot(
            this=_call("FROM_JSON", column.copy(), shape), expression=exp.to_identifier(name.name, quoted=True)
        )

    if isinstance(wanted, bool):
        return read_as("BOOLEAN").eq(exp.true() if wanted else exp.false())
    if isinstance(wanted, int) and abs(wanted) < 2**63:
        return read_as("BIGINT").eq(exp.Literal.number(wanted))
    if isinstance(wanted, int | float):
        return read_as("DOUBLE").eq(exp.cast(exp.Literal.string(repr(wanted)), "double"))
    others = [exp.Is(this=read_as(kind), expression=exp.null()) for kind in ("BOOLEAN", "DOUBLE")]
    return exp.and_(read_as("STRING").eq(exp.Literal.string(wanted)), *others)


_SIGNS: Mapping[str, Mapping[str, Sign]] = {
    "MICROS": {
        "duckdb": _named("EPOCH_US"),
        "spark": _named("UNIX_MICROS"),
        "clickhouse": lambda time: _call("toUnixTimestamp64Micro", _clickhouse_time(time)),
        "postgres": _postgres_micros,
        "bigquery": _named("UNIX_MICROS"),
        "snowflake": lambda time: _call("DATE_PART", exp.var("EPOCH_MICROSECOND"), time),
        "trino": _trino_micros,
    },
    "LITERAL": {
        **dict.fromkeys(DIALECTS, _with_zone),
        "clickhouse": _clickhouse_time,
    },
    "START_OF": {
        "duckdb": _duckdb_start,
        "spark": _trunc,
        "clickhouse": _clickhouse_start,
        "postgres": lambda period, time: _trunc(period, _at_utc(time)),
        "bigquery": _bigquery_start,
        "snowflake": lambda period, time: _trunc(period, _call("CONVERT_TIMEZONE", "UTC", time)),
        "trino": lambda period, time: _trunc(period, _at_utc(time)),
    },
    "FROM_CLOCK": {**dict.fromkeys(DIALECTS, _same), "duckdb": _at_utc, "postgres": _at_utc},
    "DIVIDE": {
        "duckdb": _int_div,
        "spark": _int_div,
        "clickhouse": lambda number, by: _call("intDiv", number, by),
        "postgres": _slash,
        "bigquery": lambda number, by: _call("DIV", number, by),
        "snowflake": _snowflake_divide,
        "trino": _slash,
    },
    "PLACE": {**dict.fromkeys(DIALECTS, _place("decimal(38, 0)")), "duckdb": _place("hugeint")},
    "RANKED": dict.fromkeys(DIALECTS, _same),
    "QUANTILE": {**dict.fromkeys(DIALECTS, _by_ranks), "duckdb": _duckdb_quantile},
    "METADATA_IS": {
        "duckdb": _duckdb_metadata,
        "spark": _spark_metadata,
        "clickhouse": _clickhouse_metadata,
        "postgres": _postgres_metadata,
        "bigquery": _bigquery_metadata,
        "snowflake": _snowflake_metadata,
        "trino": _trino_metadata,
    },
    "BYTEWISE": {
        **dict.fromkeys(DIALECTS, _same),
        "postgres": lambda text: exp.Collate(this=text, expression=exp.to_identifier("C", quoted=True)),
    },
}

_CLICKHOUSE_SETTINGS = ("join_use_nulls", "aggregate_functions_null_for_empty", "prefer_column_name_to_alias")
"""With these it means by a missing row and by an alias what SQL means."""


def _for_clickhouse(node: exp.Expr) -> exp.Expr:
    """Counts are signed there as they are elsewhere, and before the first row stands null, not a zero."""
    counting = exp.Count | exp.RowNumber
    if isinstance(node, exp.Lag | exp.Lead):
        return type(node)(this=_call("toNullable", node.this.copy()))
    if isinstance(node, exp.Window) and isinstance(node.this, counting):
        return _whole(node.copy())
    if isinstance(node, exp.Count) and not isinstance(node.parent, exp.Window):
        return _whole(node.copy())
    return node
