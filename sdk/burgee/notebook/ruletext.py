"""What stands in the fields of a rule: operands as text and back, and what is known of the users' columns.

`DE, FR` is two texts, `18, 65` two numbers; a text that would be read as something else stands in quotes, as in JSON.
Where a column of users holds text only, `18` is text without quotes.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from burgee.core.errors import InvalidInputError
from burgee.flags.model import Operand, Operator, Scalar
from burgee.flags.operators import MEMBERSHIP, PRESENCE, Kind, kind_of, plain

if TYPE_CHECKING:
    import pandas as pd

SEVERAL = MEMBERSHIP | {Operator.BETWEEN, Operator.IN_SEGMENT, Operator.NOT_IN_SEGMENT}
"""Operators that take several values."""

_COMPARING = {Operator.EQ, Operator.NE, Operator.GT, Operator.GTE, Operator.LT, Operator.LTE}
_TOKEN = re.compile(r'\s*("(?:[^"\\]|\\.)*"|[^,]*?)\s*(?:,|$)')
_EXAMPLES = 3
_LOOKED_AT = 10_000


_SIGNS = {Operator.EQ: "=", Operator.NE: "≠", Operator.GT: ">", Operator.GTE: "≥", Operator.LT: "<", Operator.LTE: "≤"}


def sign(op: Operator) -> str:
    """The operator as people write it."""
    return _SIGNS.get(op, op.value.replace("_", " "))


@dataclass(frozen=True, slots=True)
class Column:
    """What is known of a column of users: the kind of its values, if it is one, and a few of them."""

    kind: Kind | None
    examples: tuple[str, ...]


def columns_of(users: "pd.DataFrame | None") -> dict[str, Column]:
    """The columns of a frame of users."""
    return {} if users is None else {str(name): _column(users.iloc[:, n]) for n, name in enumerate(users.columns)}


def operand(op: Operator, words: str, kind: Kind | None = None) -> object:
    """The operand that somebody wrote; `kind` is that of the column it is compared with."""
    if op in PRESENCE:
        return None
    if op in SEVERAL:
        return [_scalar(token, kind) for token in _tokens(words)]
    # Only what can be of several kinds needs to be told; a pattern or a version is text, with its quotes.
    return _scalar(words.strip(), kind) if op in _COMPARING else words


def operand_words(op: Operator, value: Operand, kind: Kind | None = None) -> str:
    """The operand as somebody would write it: `operand` makes the same of it."""
    if value is None:
        return ""
    if isinstance(value, tuple):
        return ", ".join(_written(one, kind) for one in value)
    return _written(value, kind) if op in _COMPARING else str(value)


def example(op: Operator, column: Column | None) -> str:
    """What could stand in the field."""
    if op in PRESENCE:
        return "takes no value"
    known = column.examples if column is not None else ()
    if op is Operator.BETWEEN:
        return "low, high"
    if op in SEVERAL:
        return ", ".join(known) if known else "one, two, …"
    return known[0] if known and op in _COMPARING else _EXAMPLE_OF.get(op, "value")


_EXAMPLE_OF: Mapping[Operator, str] = {
    Operator.BEFORE: "2026-11-01",
    Operator.AFTER: "2026-11-01",
    Operator.MATCHES: "a regular expression",
    **dict.fromkeys((op for op in Operator if op.startswith("semver")), "1.2.3"),
}


def _tokens(words: str) -> list[str]:
    tokens: list[str] = []
    place = 0
    while place < len(words):
        found = _TOKEN.match(words, place)
        if found is None:
            raise InvalidInputError(f"{words[place:]!r} can't be read", hint='write values like DE, "a, b", 18')
        tokens.append(found[1])
        place = found.end()
    return [token for token in tokens if token]


def _scalar(token: str, kind: Kind | None) -> Scalar:
    if token.startswith('"') and token.endswith('"') and len(token) > 1:
        try:
            return str(json.loads(token))
        except ValueError:
            raise InvalidInputError(f"{token} is no text in quotes", hint='quotes within are written \\"') from None
    if kind == "text":
        return token
    if token in {"true", "false"}:
        return token == "true"  # noqa: S105 - a word, no password
    for number in (int, float):
        try:
            read = number(token)
        except ValueError:
            continue
        return token if isinstance(read, float) and token.strip("+-")[:1].isalpha() else read  # nan and inf are words
    return token


def _written(value: Scalar, kind: Kind | None) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return repr(value)
    bare = value == value.strip() and value and not set(value) & {",", '"'} and _scalar(value, kind) == value
    return value if bare else json.dumps(value, ensure_ascii=False)


def _column(series: "pd.Series") -> Column:
    values = [value for one in series.head(_LOOKED_AT).tolist() if (value := plain(one)) is not None]
    kinds = {kind_of(value) for value in values}
    kind = kinds.pop() if len(kinds) == 1 else None
    shown = dict.fromkeys(_written(value, kind) for value in values if isinstance(value, str | int | float))
    return Column(kind, tuple(shown)[:_EXAMPLES])
