"""Texts as each dialect takes them apart: patterns found in them, parts, numbers.

They are kept apart because dialects name these things differently, and the words should not have to know. Whatever
the text holds, nothing here makes an engine raise but `whole`, which is for texts known to be digits.
"""

import re
from collections.abc import Mapping
from itertools import pairwise

from sqlglot import exp

from burgee.core.errors import InvalidInputError

_TOKEN = re.compile(r"\\.|\[(?:\\.|[^\]\\])*\]|\(\?:|\{[0-9]+,\}|.", re.DOTALL)
_UNBOUNDED = re.compile(r"[*+]|\{[0-9]+,\}").fullmatch
_SAID: Mapping[str, Mapping[str, str]] = {
    # Java's `$` is also met before a newline that ends the text.
    "spark": {"$": r"\z"},
    # Its library is Oniguruma's kin, where both may mean lines.
    "trino": {"^": r"\A", "$": r"\z"},
    # POSIX groups only; which ones are captured makes no difference to whether there is a match.
    "snowflake": {"(?:": "("},
}
"""What stands for a part of a portable pattern where a dialect means something else by it."""


def string(text: str) -> exp.Expr:
    """A text that is known."""
    return exp.Literal.string(text)


def number(value: int) -> exp.Expr:
    """A whole number that is known."""
    return exp.Literal.number(value)


def found(text: exp.Expr, pattern: str, dialect: str) -> exp.Expr:
    """Whether a portable pattern (see `changing.patterns`) is found anywhere in the text.

    Raises:
        InvalidInputError: it is for Spark and repeats a group without bound.
    """
    tokens = _TOKEN.findall(pattern)
    if dialect == "spark" and any(group == ")" and _UNBOUNDED(sign) for group, sign in pairwise(tokens)):
        raise InvalidInputError(
            f"Spark can't be given the pattern {pattern!r}: it repeats a group without bound, and Java runs out of"
            " stack on a text of a few thousand characters",
            hint="give the repeat a bound, e.g. {1,100} instead of +",
        )
    said = _SAID.get(dialect, {})
    pattern = "".join(said.get(token, token) for token in tokens)
    if dialect == "snowflake":
        # A pattern must be met by the whole text there, and `.` is every character only with the flag `s`.
        return exp.RegexpLike(this=text.copy(), expression=string(f".*({pattern}).*"), flag=string("s"))
    return exp.RegexpLike(this=text.copy(), expression=string(pattern))


def part(text: exp.Expr, by: str, position: int, dialect: str) -> exp.Expr:
    """The part at a position (from 1) between separators of one character; empty where there are not so many."""
    separator = string(by)
    match dialect:
        case "clickhouse":
            parts = exp.Anonymous(this="splitByChar", expressions=[separator, _never_null(text)])
            return exp.Anonymous(this="arrayElement", expressions=[parts, number(position)])
        case "bigquery":
            parts = exp.Anonymous(this="SPLIT", expressions=[text.copy(), separator])
            return _never_null(exp.Bracket(this=parts, expressions=[number(position - 1)], offset=0, safe=True))
        case "trino":
            return _never_null(_split_part(text, separator, position))
        case _:
            return _split_part(text, separator, position)


def rest(text: exp.Expr, start: int | exp.Expr) -> exp.Expr:
    """The text from a position on (from 1); empty where it is not so long."""
    return exp.Substring(this=text.copy(), start=number(start) if isinstance(start, int) else start)


def piece(text: exp.Expr, start: int, length: int) -> exp.Expr:
    """So many characters of the text from a position on (from 1)."""
    return exp.Substring(this=text.copy(), start=number(start), length=number(length))


def length(text: exp.Expr) -> exp.Expr:
    """How many characters the text has."""
    return exp.Length(this=text.copy())


def whole(digits: exp.Expr, dialect: str) -> exp.Expr:
    """The number that a few digits are. Only PostgreSQL raises for other texts, so a CASE must have looked before."""
    if dialect == "clickhouse":
        return exp.Anonymous(this="toInt32OrNull", expressions=[digits.copy()])
    return exp.TryCast(this=digits.copy(), to=exp.DataType.build("int"), requires_string=True)


def _split_part(text: exp.Expr, separator: exp.Expr, position: int) -> exp.Expr:
    return exp.Anonymous(this="SPLIT_PART", expressions=[text.copy(), separator, number(position)])


def _never_null(text: exp.Expr) -> exp.Expr:
    return exp.Coalesce(this=text.copy(), expressions=[string("")])
