import re
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, date, datetime

import duckdb
import numpy as np
import pyarrow as pa
import pytest
import sqlglot
from hypothesis import given
from hypothesis import strategies as st
from sqlglot import exp

from burgee.core.errors import InvalidInputError
from burgee.flags.changing.rules import make_condition
from burgee.flags.changing.versions import precedence
from burgee.flags.evaluation.conditions import test_of as python_of
from burgee.flags.model import Clause, Condition, Operand, Operator, Segment
from burgee.flags.operators import SEGMENT, TIME, VERSION
from burgee.flags.sql.columns import Column, ColumnKind, column
from burgee.flags.sql.words import ID, WORDS, Segments, word
from flags.word_values import (
    ATTRIBUTE,
    UNBOUNDED,
    moment_conditions,
    moment_texts,
    moments,
    patterns,
    subjects,
    text_conditions,
    texts,
    times,
    versions,
)

DIALECTS = ("duckdb", "postgres", "spark", "clickhouse", "bigquery", "snowflake", "trino")
DUCKDB = duckdb.connect()
TEXT = column(ATTRIBUTE, ColumnKind.TEXT)


def text_of(dialect: str) -> Column:
    """The attribute as a column of texts, as the dialect names and compares it."""
    return column(ATTRIBUTE, ColumnKind.TEXT, dialect)


def asked(
    conditions: Sequence[Condition],
    array: pa.Array,
    kind: ColumnKind = ColumnKind.TEXT,
    segments: Segments | None = None,
    zone: str = "UTC",
) -> list[list[bool]]:
    """What DuckDB answers each condition, value by value."""
    trees = [word(condition, column(ATTRIBUTE, kind), "duckdb", segments) for condition in conditions]
    return run(trees, array, segments.tables or {} if segments else {}, zone)


def run(trees: Sequence[exp.Expr], array: pa.Array, tables: dict[str, pa.Table], zone: str = "UTC") -> list[list[bool]]:
    """What DuckDB answers, with NULL as what is not met."""
    met = [f"COALESCE({tree.sql('duckdb')}, FALSE) AS c{n}" for n, tree in enumerate(trees)]
    with closing(DUCKDB.cursor()) as connection:
        connection.execute(f"SET TimeZone = '{zone}'")
        for name, table in tables.items():
            connection.register(name, table)
        connection.register("frame", pa.table({ATTRIBUTE: array, "n": range(len(array))}))
        found = connection.sql(f"SELECT n, {', '.join(met)} FROM frame ORDER BY n").to_arrow_table()
    return [found[f"c{n}"].to_pylist() for n in range(len(trees))]


def meant(
    conditions: Sequence[Condition], values: Sequence[object], segments: dict[str, Segment] | None = None
) -> list[list[bool]]:
    """What Python answers."""
    tests = [python_of((condition,), segments or {}) for condition in conditions]
    return [[test({ATTRIBUTE: value}) for value in values] for test in tests]


@given(versions.filter(precedence), st.sampled_from(sorted(VERSION)), st.lists(versions, min_size=1, max_size=8))
def test_versions_are_compared_as_in_python(bound: str, op: Operator, seen: list[str]) -> None:
    conditions = [make_condition(ATTRIBUTE, op, bound)]
    seen = [*seen, bound, f"{bound}.0", f"{bound}-0"]
    assert asked(conditions, pa.array(seen, pa.string())) == meant(conditions, seen)


@given(moments.flatmap(lambda bound: st.tuples(st.just(bound), st.lists(moment_texts(bound), min_size=1, max_size=8))))
def test_times_told_as_text_are_compared_as_in_python(drawn: tuple[datetime, list[str]]) -> None:
    bound, seen = drawn
    conditions = [make_condition(ATTRIBUTE, op, bound) for op in sorted(TIME)]
    assert asked(conditions, pa.array(seen, pa.string())) == meant(conditions, seen)


@given(patterns, st.lists(subjects, min_size=1, max_size=8))
def test_patterns_are_found_as_in_python(pattern: str, seen: list[str]) -> None:
    conditions = [make_condition(ATTRIBUTE, "matches", pattern)]
    assert asked(conditions, pa.array(seen, pa.string())) == meant(conditions, seen)


def test_no_text_makes_a_condition_raise() -> None:
    conditions, seen = text_conditions(), texts(300)
    assert asked(conditions, pa.array(seen, pa.string())) == meant(conditions, seen)


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Pacific/Kiritimati"])
@pytest.mark.parametrize("type", [pa.timestamp("us"), pa.timestamp("us", "UTC"), pa.timestamp("us", "Asia/Tokyo")])
def test_columns_of_times_are_compared_as_in_python_whatever_the_sessions_zone(zone: str, type: pa.DataType) -> None:
    conditions, seen = moment_conditions(), times()
    plain = seen if type.tz else [at and at.replace(tzinfo=None) for at in seen]
    assert asked(conditions, pa.array(plain, type), ColumnKind.TIME, zone=zone) == meant(conditions, seen)


def test_a_date_is_its_midnight_in_utc() -> None:
    conditions, seen = moment_conditions(), [at and at.date() for at in times()]
    assert asked(conditions, pa.array(seen, pa.date32()), ColumnKind.TIME, zone="Asia/Tokyo") == meant(conditions, seen)


def test_a_date_beyond_every_clock_is_not_met() -> None:
    far = pa.array([2_000_000_000, 0], pa.date32())
    assert asked([make_condition(ATTRIBUTE, "before", date(2026, 1, 1))], far, ColumnKind.TIME) == [[False, True]]


@pytest.mark.parametrize("zone", [None, "UTC"])
def test_nanoseconds_are_cut_and_not_rounded(zone: str | None) -> None:
    seen = [-1_001, -1_000, -999, -1, 0, 1, 499, 500, 999, 1_000, 1_999, 2_000]
    conditions = [make_condition(ATTRIBUTE, op, datetime(1970, 1, 1, 0, 0, 0, us, UTC)) for op in TIME for us in (0, 1)]
    moments = [np.datetime64(nanoseconds, "ns") for nanoseconds in seen]
    array = pa.array(seen, pa.timestamp("ns", zone))
    assert asked(conditions, array, ColumnKind.TIME) == meant(conditions, moments)


@pytest.mark.parametrize("unit", ["s", "ms"])
def test_times_may_be_counted_in_coarser_units(unit: str) -> None:
    seen = [at and at.replace(microsecond=0, tzinfo=None) for at in times()]
    got = asked(moment_conditions(), pa.array(seen, pa.timestamp(unit)), ColumnKind.TIME)
    assert got == meant(moment_conditions(), seen)


@pytest.mark.parametrize("kind", [kind for kind in ColumnKind if kind is not ColumnKind.TEXT])
@pytest.mark.parametrize("op", sorted(WORDS - SEGMENT))
def test_what_is_no_text_meets_nothing_but_times_their_own_words(op: Operator, kind: ColumnKind) -> None:
    value = {Operator.MATCHES: "1"}.get(op, "1.0.0" if op in VERSION else "2026-11-01")
    tree = word(make_condition(ATTRIBUTE, op, value), column(ATTRIBUTE, kind), "duckdb")
    assert (tree == exp.false()) is not (op in TIME and kind is ColumnKind.TIME)


# Segments


def segments(*known: Segment, tables: dict[str, pa.Table] | None = None) -> Segments:
    """With clauses and keys told as a flag's SQL tells them."""

    def met(clauses: Sequence[Clause]) -> exp.Expr:
        parts = [word(clause, TEXT, "duckdb", made) for clause in clauses if isinstance(clause, Condition)]
        return exp.and_(*(exp.Coalesce(this=part, expressions=[exp.false()]) for part in parts))

    def key(column: Column) -> exp.Expr:
        return exp.Nullif(this=exp.cast(column.value.copy(), "text"), expression=exp.Literal.string(""))

    made = Segments({segment.key: segment for segment in known}, met, key, tables)
    return made


NAMED = Segment("named", ids=frozenset({"a'b", "é", "7", "left"}), without=frozenset({"left", "2.0.0"}))
TOLD = Segment("told", (make_condition(ATTRIBUTE, "semver_gte", "1.0.0"),), without=frozenset({"1.5.0"}))
BOTH = Segment("both", (Condition(ATTRIBUTE, Operator.IN_SEGMENT, ("told",)),), frozenset({"1.5.0", "é"}))
EMPTY = Segment("empty")
KNOWN = {segment.key: segment for segment in (NAMED, TOLD, BOTH, EMPTY)}


@pytest.mark.parametrize("op", sorted(SEGMENT))
@pytest.mark.parametrize("keys", [("named",), ("told",), ("both",), ("empty",), ("named", "told"), ("empty", "both")])
def test_segments_are_told_as_in_python(op: Operator, keys: tuple[str, ...]) -> None:
    conditions = [make_condition(ATTRIBUTE, op, list(keys))]
    seen = [None, "", "a'b", "é", "7", "left", "1.0.0", "1.5.0", "2.0.0", "0.9.0", "who"]
    got = asked(conditions, pa.array(seen, pa.string()), segments=segments(*KNOWN.values()))
    assert got == meant(conditions, seen, KNOWN)


def test_whole_numbers_are_in_a_segment_by_their_digits() -> None:
    conditions = [make_condition(ATTRIBUTE, op, "named") for op in sorted(SEGMENT)]
    seen = [7, 70, None]
    got = asked(conditions, pa.array(seen, pa.int64()), ColumnKind.WHOLE, segments(NAMED))
    assert got == meant(conditions, seen, KNOWN)


@pytest.mark.parametrize("kind", [ColumnKind.BOOLEAN, ColumnKind.TIME, ColumnKind.OTHER])
def test_what_can_be_no_key_is_in_no_list(kind: ColumnKind) -> None:
    condition = make_condition(ATTRIBUTE, "in_segment", "named")
    assert word(condition, column(ATTRIBUTE, kind), "duckdb", segments(NAMED)) == exp.false()


def test_a_hundred_thousand_ids_go_as_a_table() -> None:
    many = Segment("many", ids=frozenset(map(str, range(0, 200_000, 2))), without=frozenset(map(str, range(500))))
    tables: dict[str, pa.Table] = {}
    conditions = [make_condition(ATTRIBUTE, op, "many") for op in sorted(SEGMENT)]
    seen = ["0", "499", "500", "501", "199998", "200000", "", None]
    got = asked(conditions, pa.array(seen, pa.string()), segments=segments(many, tables=tables))
    assert got == meant(conditions, seen, {"many": many})
    assert {name: (table.column_names, table.num_rows) for name, table in tables.items()} == {
        "segment many ids": ([ID], 100_000),
        "segment many without": ([ID], 500),
    }


def test_many_ids_go_as_text_where_there_are_no_tables() -> None:
    many = Segment("many", ids=frozenset(f"u{n}" for n in range(20_000)))
    condition = make_condition(ATTRIBUTE, "in_segment", "many")
    assert asked([condition], pa.array(["u0", "u19999", "u", None]), segments=segments(many)) == [
        [True, True, False, False]
    ]


def test_snowflake_is_given_lists_no_longer_than_it_takes() -> None:
    many = Segment("many", ids=frozenset(f"u{n}" for n in range(40_000)))
    tree = word(make_condition(ATTRIBUTE, "in_segment", "many"), text_of("snowflake"), "snowflake", segments(many))
    lists = [len(each.expressions) for each in tree.find_all(exp.In)]
    assert sum(lists) == 40_000
    assert max(lists) <= 16_384


@pytest.mark.parametrize("given", [None, segments(NAMED)])
def test_a_segment_that_is_not_there_is_refused_by_its_name(given: Segments | None) -> None:
    with pytest.raises(InvalidInputError, match="there is no segment 'nmed'") as refused:
        word(make_condition(ATTRIBUTE, "in_segment", "nmed"), TEXT, "duckdb", given)
    assert given is None or "named" in str(refused.value.__notes__)


# What is refused


@pytest.mark.parametrize(
    ("op", "value", "why"),
    [
        (Operator.BEFORE, "soon", "compares with no time"),
        (Operator.AFTER, None, "compares with no time"),
        (Operator.BEFORE, "2026-02-30T00:00:00.000000Z", "compares with no time"),
        (Operator.SEMVER_GT, "1.0", "compares with no semantic version"),
        (Operator.SEMVER_EQ, 1, "compares with no semantic version"),
        (Operator.MATCHES, "(a+)+", "can take an engine forever"),
        (Operator.EQ, "a", "eq is none of after, before"),
    ],
)
def test_a_condition_made_by_hand_is_checked(op: Operator, value: Operand, why: str) -> None:
    with pytest.raises(InvalidInputError, match=re.escape(why)):
        word(Condition(ATTRIBUTE, op, value), TEXT, "duckdb")


# Dialects


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_word_is_text_that_its_dialect_reads(dialect: str) -> None:
    conditions = [condition for condition in text_conditions() if dialect != "spark" or condition.value != UNBOUNDED]
    trees = [word(condition, text_of(dialect), dialect) for condition in conditions]
    trees += [
        word(condition, column(ATTRIBUTE, ColumnKind.TIME, dialect), dialect) for condition in moment_conditions()
    ]
    for tree in trees:
        text = tree.sql(dialect, unsupported_level=sqlglot.ErrorLevel.RAISE)
        read = sqlglot.parse_one(text, dialect=dialect)
        assert {each.name for each in read.find_all(exp.Column)} == {"X" if dialect == "snowflake" else ATTRIBUTE}


@pytest.mark.parametrize(
    ("dialect", "said"),
    [
        *((dialect, r"^a\.[\\'$](?:é|\\d)[^\n]$") for dialect in ("duckdb", "postgres", "clickhouse", "bigquery")),
        ("spark", r"^a\.[\\'$](?:é|\\d)[^\n]\z"),
        ("trino", r"\Aa\.[\\'$](?:é|\\d)[^\n]\z"),
        ("snowflake", r".*(^a\.[\\'$](é|\\d)[^\n]$).*"),
    ],
)
def test_a_pattern_arrives_as_its_dialect_means_it(dialect: str, said: str) -> None:
    r"""Java's `$` is met before a last line feed (`Pattern`); Snowflake's patterns are met by the whole text."""
    text = word(make_condition(ATTRIBUTE, "matches", r"^a\.[\\'$](é|\\d).$"), text_of(dialect), dialect).sql(dialect)
    literals = [literal.name for literal in sqlglot.parse_one(text, dialect=dialect).find_all(exp.Literal)]
    assert literals == ([said, "s"] if dialect == "snowflake" else [said])


@pytest.mark.parametrize(
    ("pattern", "refused"),
    [
        ("(ab)+", True),
        ("(a|b)*c", True),
        ("((a|b){2,}c)?", True),
        ("(ab){1,100}", False),
        ("[)]+[*]", False),
        (r"(a\))?\)+", False),
        ("(a)b+", False),
    ],
)
def test_spark_is_given_no_group_that_repeats_without_bound(pattern: str, refused: bool) -> None:
    """Java goes as deep into its stack as such a group is repeated, so a long text would end the engine."""
    condition = make_condition(ATTRIBUTE, "matches", pattern)
    if not refused:
        assert isinstance(word(condition, TEXT, "spark"), exp.RegexpLike)
        return
    with pytest.raises(InvalidInputError, match=r"repeats a group without bound") as error:
        word(condition, TEXT, "spark")
    assert "{1,100}" in str(error.value.__notes__)


def test_a_text_is_compared_by_its_bytes_in_postgres() -> None:
    """Its parts have the collation of the text they are taken of (PostgreSQL, "Collation Support")."""
    tree = word(make_condition(ATTRIBUTE, "semver_gt", "1.0.0-a"), text_of("postgres"), "postgres")
    assert all(isinstance(seen.parent, exp.Collate) for seen in tree.find_all(exp.Column))


@pytest.mark.parametrize(
    ("dialect", "said"),
    [
        ("bigquery", "UNIX_MICROS(TIMESTAMP(`x`)) > 1793491200000000"),
        ("snowflake", 'DATE_PART(EPOCH_MICROSECOND, "X") > 1793491200000000'),
        (
            "trino",
            (
                "CASE WHEN TYPEOF(\"x\") LIKE '%with time zone'"
                " THEN \"x\" >= CAST('2026-11-01 00:00:00.000001 UTC' AS TIMESTAMP(6) WITH TIME ZONE)"
                " ELSE \"x\" >= CAST('2026-11-01 00:00:00.000001' AS TIMESTAMP(6)) END"
            ),
        ),
    ],
)
def test_times_are_told_in_microseconds_where_no_engine_is_at_hand(dialect: str, said: str) -> None:
    """As documented: BigQuery "Timestamp functions", Snowflake "DATE_PART", Trino "Data types" (no precision is 3)."""
    tree = word(make_condition(ATTRIBUTE, "after", "2026-11-01"), column(ATTRIBUTE, ColumnKind.TIME, dialect), dialect)
    assert tree.sql(dialect) == said


@pytest.mark.parametrize(
    ("dialect", "said"),
    [
        ("bigquery", "SPLIT(`x`, '+')[SAFE_OFFSET(0)]"),
        ("snowflake", "SPLIT_PART(\"X\", '+', 1)"),
        ("trino", "COALESCE(SPLIT_PART(\"x\", '+', 1), '')"),
        ("clickhouse", "arrayElement(splitByChar('+', COALESCE(\"x\", '')), 1)"),
    ],
)
def test_a_part_that_is_not_there_raises_nowhere(dialect: str, said: str) -> None:
    """SAFE_OFFSET and Trino give NULL, the others an empty text, as their documentation of these functions says."""
    assert said in word(make_condition(ATTRIBUTE, "semver_eq", "1.0.0"), text_of(dialect), dialect).sql(dialect)
