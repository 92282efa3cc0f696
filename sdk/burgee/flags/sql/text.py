"""A flag version as the text of a SELECT, for whoever has the users in a warehouse.

The layers of `expression` are put over the table in one of two ways. Where a dialect can leave columns out of a `*`,
each layer is a subquery around the one before, and the last SELECT leaves them out. Where it can't, each layer is a
lateral subquery beside the table, whose columns alone are selected.
"""

from collections.abc import Mapping

from sqlglot import ErrorLevel, exp

from burgee.analytics.dialects import check_dialect, table_named
from burgee.core.errors import InvalidInputError, did_you_mean
from burgee.core.json import Json
from burgee.flags.evaluation.buckets import TARGETING_KEY
from burgee.flags.evaluation.compiled import CompiledFlag
from burgee.flags.model import Evaluation
from burgee.flags.operators import PRESENCE, SEGMENT, TIME, Kind, kind_of
from burgee.flags.sql.attributes import conditions_of, keys_of, needed
from burgee.flags.sql.columns import KEY_KINDS, Column, ColumnKind, column, identifier
from burgee.flags.sql.dialects import bytewise, text
from burgee.flags.sql.expression import FlagExpression, flag_expression

_LATERAL = {"postgres", "spark", "trino"}
_ROWS = "burgee_rows"
_BY_KIND: Mapping[Kind, ColumnKind] = {
    "text": ColumnKind.TEXT,
    "number": ColumnKind.FRACTION,
    "truth value": ColumnKind.BOOLEAN,
}


def select_of(
    compiled: CompiledFlag,
    dialect: str,
    table: str,
    by: str = TARGETING_KEY,
    columns: Mapping[str, str] | None = None,
    like: object = None,
) -> str:
    """The text of `SELECT <the table's columns>, variant, reason FROM …`: row by row what `evaluate` says.

    Args:
        compiled: the flag, settled at one moment.
        dialect: `duckdb`, `postgres`, `spark`, `clickhouse`, `bigquery`, `snowflake` or `trino`.
        table: its name as the dialect writes it: `"crm.users"`.
        by: the column of targeting keys.
        columns: what columns hold: `text`, `whole`, `fraction`, `boolean`, `time`, `uuid` or `other`. Those not told
            are taken from `like`, or else for what rules compare them with: a text for text, a number for a fraction
            (exact up to 2**53, whole numbers included), a truth value for boolean, a moment for time; keys for text.
        like: a frame with columns of the same kinds as the table's.

    Raises:
        InvalidInputError: there is no such dialect or kind, the table's name is none, what a column holds can't be
            told, or the dialect can't say it.
        MissingColumnError: `like` lacks a column.
    """
    check_dialect(dialect)
    rows = table_named(table, dialect)
    kinds = _kinds(compiled, by, columns or {}, like)
    seen = {name: _column(name, kind, dialect, is_key=name == by) for name, kind in kinds.items()}
    decision = flag_expression(compiled, seen, by, dialect)
    query = (_beside if dialect in _LATERAL else _around)(decision, rows)
    return query.sql(dialect, pretty=True, unsupported_level=ErrorLevel.RAISE)


def _column(name: str, kind: ColumnKind, dialect: str, *, is_key: bool) -> Column:
    if is_key and kind is ColumnKind.TEXT:  # a number taken for text is the text of its digits
        as_text = exp.cast(exp.column(identifier(name, dialect)), exp.DType.VARCHAR)
        return Column(bytewise(as_text, dialect), kind)
    return column(name, kind, dialect)


def _around(decision: FlagExpression, table: exp.Table) -> exp.Select:
    layers = [identifier(name, decision.dialect) for name, _ in decision.layers]
    every = exp.Star(except_=layers) if layers else exp.Star()
    rows = decision.nested(exp.select("*").from_(table))
    return exp.select(every, *_served(decision)).from_(rows.subquery(_ROWS) if layers else table)


def _beside(decision: FlagExpression, table: exp.Table) -> exp.Select:
    every = exp.Column(this=exp.Star(), table=exp.to_identifier(_ROWS))
    query = exp.select(every, *_served(decision)).from_(exp.alias_(table, _ROWS, table=True))
    for number, (name, layer) in enumerate(decision.layers, 1):
        made = exp.select(exp.alias_(layer.copy(), identifier(name, decision.dialect)))
        if decision.dialect == "postgres":
            made = made.offset(0)  # else the layer is written anew wherever it is named, and hashed as often
        alias = exp.TableAlias(this=exp.to_identifier(f"burgee_layer_{number}"))
        query = query.join(exp.Lateral(this=exp.Subquery(this=made), alias=alias), join_type="cross")
    return query


def _served(decision: FlagExpression) -> list[exp.Expr]:
    def variant(answer: Evaluation[Json]) -> exp.Expr:
        return exp.null() if answer.variant is None else text(answer.variant, decision.dialect)

    def reason(answer: Evaluation[Json]) -> exp.Expr:
        return exp.Literal.string(answer.reason.value)

    return [
        exp.alias_(decision.case(variant), identifier("variant", decision.dialect)),
        exp.alias_(decision.case(reason), identifier("reason", decision.dialect)),
    ]


def _kinds(compiled: CompiledFlag, by: str, told: Mapping[str, str], like: object) -> dict[str, ColumnKind]:
    words = {name: _kind_named(name, word) for name, word in told.items()}
    names = dict.fromkeys([by, *needed(compiled)])
    sample = {} if like is None else _kinds_of(like, {name: "the flag needs it" for name in names if name not in words})
    kinds = {name: words.get(name) or sample.get(name) or _inferred(compiled, name, by) for name in names}
    for name in (by, *keys_of(compiled)):
        if kinds[name] not in KEY_KINDS:
            raise InvalidInputError(f"column {name!r} can't hold targeting keys: it is told to be {kinds[name].value}")
    return kinds


def _kind_named(name: str, word: str) -> ColumnKind:
    try:
        return ColumnKind(word)
    except ValueError:
        hint = did_you_mean(str(word), [kind.value for kind in ColumnKind], plural="kinds")
        raise InvalidInputError(f"column {name!r} can't hold {word!r}", hint=hint) from None


def _kinds_of(frame: object, names: Mapping[str, str]) -> dict[str, ColumnKind]:
    from burgee.flags.sql.frames import Frame, kind_of_type

    sample = Frame(frame)
    sample.check(names)
    kinds = {}
    for name in names:
        array = sample.array(name)
        if array is None:
            raise InvalidInputError(
                f"column {name!r} of the sample mixes kinds of values", hint=f'say it: columns={{{name!r}: "text"}}'
            )
        kinds[name] = kind_of_type(array.type)
    return kinds


def _inferred(compiled: CompiledFlag, name: str, by: str) -> ColumnKind:
    """What a column must hold for the rules that name it to mean anything."""
    found = {ColumnKind.TEXT} if name == by or name in keys_of(compiled) else set()
    for condition, _ in conditions_of(compiled):
        if condition.attribute != (TARGETING_KEY if name == by else name) or condition.op in PRESENCE:
            continue
        if condition.op in TIME:
            found |= set() if found else {ColumnKind.TIME}
        elif condition.op in SEGMENT:
            found.add(ColumnKind.TEXT)
        elif name != by:
            operands = condition.value if isinstance(condition.value, tuple) else (condition.value,)
            found |= {_BY_KIND[kind] for one in operands if (kind := kind_of(one)) is not None}
    if len(found) > 1:
        kinds = " and ".join(sorted(kind.value for kind in found))
        hint = f'say what it holds: columns={{{name!r}: "text"}}'
        raise InvalidInputError(f"rules compare column {name!r} with values of several kinds: {kinds}", hint=hint)
    return found.pop() if found else ColumnKind.OTHER
