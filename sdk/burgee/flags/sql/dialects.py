"""What the dialects of SQL disagree about and a flag needs: buckets, literals, parts of texts.

It is its own room so that the tree of a flag is written once. The names of functions are the engines' own
(DuckDB, PostgreSQL, Spark, ClickHouse, BigQuery, Snowflake and Trino document each); trees of questions have
`analytics.dialects` for the same end.
"""

from collections.abc import Callable, Mapping

from sqlglot import exp

from burgee.core.errors import InvalidInputError
from burgee.flags.model import SCHEME, SHA256

type Hashed = Callable[[exp.Expr, bool], exp.Expr]
"""A text and whether SHA-256 takes MD5's place, to the first four bytes of the digest as a number."""

_DIGITS = 8
"""So many hexadecimal digits are the first four bytes, big-endian."""
_INT64 = 2**63


def bucket(salt: str, scheme: str, key: exp.Expr, dialect: str) -> exp.Expr:
    """The bucket of a key's text, 0 to 2**32 - 1, by a scheme of `model.SCHEMES`; NULL for NULL.

    Raises:
        InvalidInputError: the scheme can't be said in SQL.
    """
    if scheme not in {SCHEME, SHA256}:
        raise InvalidInputError(
            f"buckets of the scheme {scheme!r} can't be said in SQL",
            hint=f"{SCHEME!r} and {SHA256!r} can; assign(frame) knows it, too, row by row",
        )
    salted = exp.DPipe(this=text(f"{salt}-", dialect), expression=key.copy())
    return _HASHED[dialect](salted, scheme == SHA256)


def text(value: str, dialect: str) -> exp.Expr:
    """A text that is known."""
    if "\0" in value and dialect == "postgres":
        raise InvalidInputError(f"PostgreSQL has no text with the character NUL, as in {value!r}")
    return exp.Literal.string(value)


def whole(value: int, dialect: str) -> exp.Expr:
    """A whole number that is known; beyond 64 bits where a dialect's literals end there, as a decimal."""
    if dialect in {"bigquery", "trino"} and not -_INT64 < value < _INT64:
        return exp.cast(exp.Literal.string(str(value)), exp.DataType.build("decimal(38, 0)"))
    return exp.convert(value)


def fraction(value: float, dialect: str) -> exp.Expr:
    """A float that is known: as text, because a plain `0.1` is a decimal to most engines."""
    if dialect == "clickhouse":  # its literals are read more exactly than its texts
        number = exp.Literal.number(repr(abs(float(value))))
        return exp.Neg(this=number) if value < 0 else number
    return exp.cast(exp.Literal.string(repr(float(value))), exp.DType.DOUBLE)


def bytewise(value: exp.Expr, dialect: str) -> exp.Expr:
    """A text, to be compared by its characters' numbers and not as a language sorts."""
    if dialect == "postgres":
        return exp.Collate(this=value, expression=exp.to_identifier("C", quoted=True))
    return value


def is_nan(value: exp.Expr, dialect: str) -> exp.Expr:
    """Whether a float is no number."""
    if dialect in {"postgres", "snowflake"}:  # a NaN equals itself there
        return value.copy().eq(exp.cast(exp.Literal.string("NaN"), exp.DType.DOUBLE))
    return exp.IsNan(this=value.copy())


def starts_with(value: exp.Expr, start: str, dialect: str) -> exp.Expr:
    """Whether a text starts with another."""
    return exp.StartsWith(this=value.copy(), expression=text(start, dialect))


def ends_with(value: exp.Expr, end: str, dialect: str) -> exp.Expr:
    """Whether a text ends with another that is not empty."""
    if dialect == "postgres":
        last: exp.Expr = exp.Right(this=value.copy(), expression=exp.convert(len(end)))
    elif dialect == "trino":
        last = exp.Anonymous(this="SUBSTR", expressions=[value.copy(), exp.convert(-len(end))])
    else:
        return exp.EndsWith(this=value.copy(), expression=text(end, dialect))
    return last.eq(text(end, dialect))


def contains(value: exp.Expr, part: str, dialect: str) -> exp.Expr:
    """Whether a text contains another."""
    # In brackets, because PostgreSQL's POSITION takes no COLLATE without.
    return exp.StrPosition(this=exp.paren(value.copy()), substr=text(part, dialect)) > 0


def _call(name: str, *parts: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this=name, expressions=list(parts))


def _number(value: int) -> exp.Expr:
    return exp.Literal.number(value)


def _first_digits(digest: exp.Expr) -> exp.Expr:
    return _call("SUBSTR", digest, _number(1), _number(_DIGITS))


def _duckdb(salted: exp.Expr, sha256: bool) -> exp.Expr:
    digest = _call("SHA256" if sha256 else "MD5", salted)
    digits = exp.Left(this=digest, expression=_number(_DIGITS))
    return exp.cast(exp.DPipe(this=exp.Literal.string("0x"), expression=digits), exp.DType.UINT)


def bucket_of_all(salt: str, key: exp.Expr) -> exp.Expr:
    """What `bucket` gives by MD5 in DuckDB, without hexadecimal digits: a quarter quicker where every row needs it.

    The digest as one number begins with its last byte, so the first four bytes are turned round. The number is said
    four times, and DuckDB works it out once, but not within a CASE.
    """
    salted = exp.DPipe(this=exp.Literal.string(f"{salt}-"), expression=key.copy())
    last = exp.BitwiseAnd(this=_call("MD5_NUMBER", salted), expression=_number(0xFFFFFFFF))
    number = exp.cast(exp.paren(last), exp.DType.UBIGINT)
    low, below = (exp.paren(exp.BitwiseAnd(this=number.copy(), expression=_number(mask))) for mask in (0xFF, 0xFF00))
    shifted = exp.paren(exp.BitwiseRightShift(this=number.copy(), expression=_number(8)))
    turned = (
        exp.paren(exp.BitwiseLeftShift(this=low, expression=_number(24))),
        exp.paren(exp.BitwiseLeftShift(this=below, expression=_number(8))),
        exp.paren(exp.BitwiseAnd(this=shifted, expression=_number(0xFF00))),
        exp.paren(exp.BitwiseRightShift(this=number.copy(), expression=_number(24))),
    )
    first, *others = turned
    whole: exp.Expr = first
    for other in others:
        whole = exp.BitwiseOr(this=whole, expression=other)
    return exp.cast(exp.paren(whole), exp.DType.UINT)


def _postgres(salted: exp.Expr, sha256: bool) -> exp.Expr:
    data = _call("CONVERT_TO", salted, exp.Literal.string("UTF8"))  # whatever the database's own encoding
    digest = _call("ENCODE", _call("SHA256", data), exp.Literal.string("hex")) if sha256 else _call("MD5", data)
    bits = exp.cast(exp.DPipe(this=exp.Literal.string("x"), expression=_first_digits(digest)), "bit(32)")
    return exp.cast(bits, exp.DType.BIGINT)


def _spark(salted: exp.Expr, sha256: bool) -> exp.Expr:
    digest = _call("SHA2", salted, _number(256)) if sha256 else _call("MD5", salted)
    return exp.cast(_call("CONV", _first_digits(digest), _number(16), _number(10)), exp.DType.BIGINT)


def _clickhouse(salted: exp.Expr, sha256: bool) -> exp.Expr:
    first = _call("substring", _call("SHA256" if sha256 else "MD5", salted), _number(1), _number(_DIGITS // 2))
    return _call("reinterpretAsUInt32", _call("reverse", first))  # it reads the last byte as the highest


def _bigquery(salted: exp.Expr, sha256: bool) -> exp.Expr:
    digest = _call("TO_HEX", _call("SHA256" if sha256 else "MD5", salted))
    return exp.cast(_call("CONCAT", exp.Literal.string("0x"), _first_digits(digest)), exp.DType.BIGINT)


def _snowflake(salted: exp.Expr, sha256: bool) -> exp.Expr:
    digest = _call("SHA2", salted, _number(256)) if sha256 else _call("MD5", salted)
    return _call("TO_NUMBER", _first_digits(digest), exp.Literal.string("X" * _DIGITS))


def _trino(salted: exp.Expr, sha256: bool) -> exp.Expr:
    digest = _call("SHA256" if sha256 else "MD5", _call("TO_UTF8", salted))
    return _call("FROM_BASE", _first_digits(_call("TO_HEX", digest)), _number(16))


_HASHED: Mapping[str, Hashed] = {
    "duckdb": _duckdb,
    "postgres": _postgres,
    "spark": _spark,
    "clickhouse": _clickhouse,
    "bigquery": _bigquery,
    "snowflake": _snowflake,
    "trino": _trino,
}
