"""The harder words of conditions as SQL, in seven dialects: moments, semantic versions, patterns, segments.

They are kept apart from `expression` because each takes more than a comparison, and because what they need of a
dialect (`words_text`, `words_time`, `words_version`) nothing else does. Whatever a column holds, no engine is made to
raise: a text that is no time or no version meets nothing, as in Python.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import batched
from typing import TYPE_CHECKING

from sqlglot import exp

from burgee.core.clock import from_us
from burgee.core.errors import InvalidInputError, did_you_mean
from burgee.flags.changing.patterns import portable
from burgee.flags.changing.times import moment_of
from burgee.flags.changing.versions import precedence
from burgee.flags.model import Clause, Condition, Operator, Segment
from burgee.flags.operators import SEGMENT, TIME, VERSION
from burgee.flags.sql.columns import KEY_KINDS, Column, ColumnKind
from burgee.flags.sql.dialects import text
from burgee.flags.sql.words_text import found
from burgee.flags.sql.words_time import column_moment, text_moment
from burgee.flags.sql.words_version import version

if TYPE_CHECKING:
    import pyarrow as pa

WORDS = TIME | VERSION | SEGMENT | {Operator.MATCHES}
"""The operators that `word` knows."""

ID = "id"
"""The column of the tables in `Segments.tables`."""

_TIME_HINT = "times are ISO 8601 text in UTC, e.g. '2026-11-01T00:00:00.000000Z'"
_FEW = 100  # ids: more of them are quicker as a table
_LIST = 16_000  # Snowflake takes up to 16,384 values in a list


@dataclass(frozen=True, slots=True)
class Segments:
    """What conditions on segments are made with.

    Attributes:
        known: the segments by their keys.
        met: the SQL of clauses: true where all are met, else false, never NULL.
        key: the SQL of a column's values as targeting keys; NULL where there is none.
        tables: where the ids of segments go, if whoever runs the SQL can give the engine tables: by the name to
            register each under, with one column `ID`. Without it they stand in the SQL as lists.
    """

    known: Mapping[str, Segment]
    met: Callable[[Sequence[Clause]], exp.Expr]
    key: Callable[[Column], exp.Expr]
    tables: "dict[str, pa.Table] | None" = None


def word(condition: Condition, column: Column, dialect: str, segments: Segments | None = None) -> exp.Expr:
    """A condition with an operator of `WORDS` over a column: true, or false or NULL where it is not met.

    Conditions on segments are never NULL.

    Raises:
        InvalidInputError: a segment is not among `segments`, or the condition's value is not what its operator takes.
    """
    op, value = condition.op, condition.value
    if op in SEGMENT:
        return _in_segments(condition, column, dialect, segments)
    if op in TIME and column.kind is ColumnKind.TIME:
        return column_moment(column.value, op, _moment(condition), dialect)
    if column.kind is not ColumnKind.TEXT:
        return exp.false()
    if op in TIME:
        return text_moment(column.value, op, _moment(condition), dialect)
    if op in VERSION:
        return version(column.value, op, _version(condition), dialect)
    if op is Operator.MATCHES:
        return found(column.value, portable(str(value)), dialect)
    raise InvalidInputError(f"{op} is none of {', '.join(sorted(WORDS))}")


def _moment(condition: Condition) -> datetime:
    moment = moment_of(condition.value)
    if moment is None:
        raise InvalidInputError(f"{str(condition)!r} compares with no time", hint=_TIME_HINT)
    return from_us(moment)


def _version(condition: Condition) -> str:
    bound = condition.value
    if not isinstance(bound, str) or precedence(bound) is None:
        raise InvalidInputError(f"{str(condition)!r} compares with no semantic version", hint="write it like '1.4.0'")
    return bound


def _in_segments(condition: Condition, column: Column, dialect: str, segments: Segments | None) -> exp.Expr:
    keys = condition.value if isinstance(condition.value, tuple) else (condition.value,)
    known = segments.known if segments else {}
    among = []
    for key in map(str, keys):
        if segments is None or key not in known:
            raise InvalidInputError(f"there is no segment {key!r}", hint=did_you_mean(key, known, plural="segments"))
        among.append(_in_segment(known[key], column, dialect, segments))
    met = exp.or_(*among)
    return exp.not_(met) if condition.op is Operator.NOT_IN_SEGMENT else met


def _in_segment(segment: Segment, column: Column, dialect: str, segments: Segments) -> exp.Expr:
    """Who is left out, else who is named, else whom the clauses tell."""
    case = exp.case()
    if column.kind in KEY_KINDS:
        key = segments.key(column)
        for ids, met in ((segment.without, False), (segment.ids, True)):
            if ids:
                name = f"segment {segment.key} {'ids' if met else 'without'}"
                case = case.when(_among(key, ids, name, dialect, segments.tables), exp.convert(met))
    clauses = segments.met(segment.clauses) if segment.clauses else exp.false()
    return exp.paren(case.else_(clauses)) if case.args.get("ifs") else clauses


def _among(
    key: exp.Expr, ids: frozenset[str], name: str, dialect: str, tables: "dict[str, pa.Table] | None"
) -> exp.Expr:
    """Whether the key is one of many: NULL where there is no key."""
    if tables is not None and len(ids) > _FEW:
        import pyarrow as pa

        tables[name] = pa.table({ID: pa.array(sorted(ids), pa.string())})
        query = exp.select(exp.column(ID, quoted=True)).from_(exp.Table(this=exp.to_identifier(name, quoted=True)))
        return exp.In(this=key.copy(), query=query.subquery())
    lists = batched(sorted(ids), _LIST if dialect == "snowflake" else max(len(ids), 1), strict=False)
    return exp.or_(*(exp.In(this=key.copy(), expressions=[text(id, dialect) for id in some]) for some in lists))
