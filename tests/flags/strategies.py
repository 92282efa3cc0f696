"""Flags, and frames they can be asked about: generated, so that rules match often, or built by hand."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from functools import cache
from itertools import pairwise
from typing import Any

import pandas as pd
import pyarrow as pa
from hypothesis import strategies as st

from burgee.core.json import Json
from burgee.flags.changing.groups import all_of, any_of, not_
from burgee.flags.changing.rules import make_condition, make_variants
from burgee.flags.evaluation.compiled import ALONE, compile_flag
from burgee.flags.model import (
    SCHEME,
    SHA256,
    Clause,
    Condition,
    FlagState,
    Holdout,
    Operator,
    Prerequisite,
    Rule,
    Ruleset,
    Segment,
    Slice,
    Split,
)
from burgee.flags.operators import MEMBERSHIP, ORDER, PRESENCE, SEGMENT, TIME, VERSION

TEXTS = ("DE", "de", "D", "Ü", "u\u0308", "東京", "a'b", 'a"b', "%", "_", "\\", "1", "True", "a\nb", "😀", "\uffff")
WHOLE = (-1, 0, 1, 2, 2**24 + 1, 2**53 - 1, 2**53, 2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63), 2**63, 2**64 - 1)
FRACTIONS = (0.0, -0.0, 0.1, 0.5, 1.0, 2.5, -2.5, 2.0**53, 2.0**63, 2.0**64, 1e300, -1e300, 5e-324)
VERSIONS = (
    "0.0.0", "1.0.0", "1.0.0-0", "1.0.0-9", "1.0.0-10", "1.0.0--", "1.0.0-1a", "1.0.0-alpha", "1.0.0-alpha.1",
    "1.0.0-alpha.beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0+5", "1.0.0-rc.1+a.05", "1.9.0", "1.10.0",
    "2.0.0", f"{2**64}.0.0", f"1.0.0-{10**30}",
)  # fmt: skip
"""Semantic versions whose order is easily got wrong."""
NO_VERSIONS = ("v1.0.0", "1.0", "1.0.0.0", "01.0.0", "1.0.0-", "1.0.0-01", "1.0.0+", "1.0.0-a..b", "1.0.0-ä", "1.0.0\n")
TIMES = (
    "2026-11-01", "2026-11-01T00:00Z", "2026-11-01 00:00:00.000001", "2026-10-31T23:59:59.999999Z",
    "2026-11-01T01:00:00+01:00", "2024-02-29", "2000-02-29T12:00", "0001-01-01T00:00:00+14:59", "0001-01-01",
    "9999-12-31T23:59:59.9-14:59", "1969-12-31T23:59:59.9Z",
)  # fmt: skip
"""Texts that are moments, some of them the same."""
NO_TIMES = (
    "2026-02-29", "1900-02-29", "0000-01-01", "2026-11-31", "2026-13-01", "2026-1-1", "2026-11-01T24:00", "20261101",
    "2026-11-01T09:30:60Z", "2026-11-01T09:30:00.1234567Z", "2026-11-01T09:30+15:00", "2026-11-01T09:30z",
    "2026-11-01\n", " 2026-11-01", "2026-11-01T", "+2026-11-01", "12026-11-01", "2026-11-01T09:30 Z",
)  # fmt: skip
PATTERNS = (
    "a", "^a", "a$", "^$", "a.b", "^[A-Z]{2}$", r"\d", r"^\w+$", r"[^\w]", r"\S\s\S", "(DE|de)", "^(?:D|東)", r"\\",
    "%|_", r"^1\.\d+\.\d+", "[a-z😀]", "[Ü-\uffff]", "(a|b)?$", r"['\"]", r"^[0-9]{4}-[0-9]{2}", r"[\-\]\^]", "^.$",
)  # fmt: skip
"""Regular expressions that some of the texts here match."""
SEGMENTS = ("beta", "staff", "everyone")
ATTRIBUTES = ("country", "age", "price", "member", "joined", "id")

texts = st.sampled_from(TEXTS) | st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=4)
numbers = st.sampled_from(WHOLE) | st.sampled_from(FRACTIONS) | st.integers(-5, 5)
scalars = texts | numbers | st.booleans()
versions = st.sampled_from(VERSIONS)
words = texts | st.sampled_from(VERSIONS + NO_VERSIONS + TIMES + NO_TIMES)
"""Texts as contexts hold them, for every operator."""
zones: st.SearchStrategy[Any] = st.none() | st.integers(-14 * 60, 14 * 60).map(
    lambda minutes: timezone(timedelta(minutes=minutes))
)
moments = st.one_of(
    st.sampled_from([time for time in TIMES if time[:4] not in {"0001", "9999"}]),
    st.dates(),
    st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=zones),  # noqa: DTZ001 - they are given zones
)
"""What `before` and `after` compare with."""
ids = st.text(st.characters(codec="utf-8"), max_size=8) | st.integers(0, 10**6).map(str)


@st.composite
def conditions(draw: st.DrawFn, segments: tuple[str, ...] = ()) -> Condition:
    """A condition with any operator, its value often of another kind than the attribute.

    Segments are named only where there are some.
    """
    op = draw(st.sampled_from([op for op in Operator if segments or op not in SEGMENT]))
    return make_condition(draw(st.sampled_from(ATTRIBUTES)), op, draw(_operands(op, segments)))


@cache
def _operands(op: Operator, segments: tuple[str, ...]) -> st.SearchStrategy[object]:
    if op in PRESENCE:
        return st.none()
    if op in MEMBERSHIP:
        return st.lists(scalars, min_size=1, max_size=4)
    if op in SEGMENT:
        return st.lists(st.sampled_from(segments), min_size=1, max_size=2)
    if op in TIME:
        return moments
    if op in VERSION:
        return versions
    if op is Operator.BETWEEN:
        return st.one_of(*(st.lists(kind, min_size=2, max_size=2).map(sorted) for kind in (numbers, texts)))
    return _SCALARS.get(op, texts | numbers if op in ORDER else texts)


_SCALARS: dict[Operator, st.SearchStrategy[object]] = {
    Operator.EQ: scalars,
    Operator.NE: scalars,
    Operator.MATCHES: st.sampled_from(PATTERNS),
}


@cache
def clauses(segments: tuple[str, ...] = ()) -> st.SearchStrategy[Clause]:
    """A condition, or a group of up to three, three deep."""
    groups = st.sampled_from((any_of, all_of, not_))
    return st.recursive(
        conditions(segments),
        lambda inner: st.builds(lambda make, some: make(*some), groups, st.lists(inner, min_size=1, max_size=3)),
        max_leaves=4,
    )


@st.composite
def segment_sets(draw: st.DrawFn) -> dict[str, Segment]:
    """The segments of `SEGMENTS`, told by ids, by clauses or by both; each may name those before it."""
    made: dict[str, Segment] = {}
    some = st.frozensets(words | ids, max_size=4)
    for key in SEGMENTS:
        where = draw(st.lists(clauses(tuple(made)), max_size=2))
        named, without = draw(some), draw(some)
        made[key] = Segment(key, tuple(where), named - without, without)
    return made


@cache
def values() -> st.SearchStrategy[object]:
    """What a context may hold, of every kind, missing and hostile ones among them."""
    return st.one_of(
        words,
        numbers,
        st.booleans(),
        st.dates(),
        st.datetimes(timezones=zones),
        st.sampled_from((None, float("nan"), pd.NA, pd.NaT, Decimal("2.5"), b"a", (), date(2026, 11, 1), "", "\ud800")),
        st.lists(texts, max_size=2),
    )


@cache
def contexts() -> st.SearchStrategy[dict[str, object]]:
    """A context with some of the attributes that generated rules name."""
    return st.dictionaries(st.sampled_from(ATTRIBUTES), values(), max_size=len(ATTRIBUTES))


@st.composite
def weights(draw: st.DrawFn) -> dict[str, float]:
    """One to four variants whose weights, in thousandths, make a hundred percent; some weigh nothing."""
    cuts = sorted(draw(st.lists(st.sampled_from((0, 1, 250, 333, 500, 667, 999, 1000)), max_size=3)))
    ends = [0, *cuts, 1000]
    return {f"v{n}": (high - low) / 10 for n, (low, high) in enumerate(pairwise(ends))}


rollouts = st.sampled_from((0.0, 0.01, 25.0, 50.0, 99.99, 100.0)) | st.floats(0, 100)
salts = st.sampled_from(("checkout", "it's", 'a"b', "ü", "")) | st.text(
    st.characters(codec="ascii", exclude_characters="\0"), max_size=12
)


@st.composite
def flag_states(draw: st.DrawFn, segments: tuple[str, ...] = ()) -> FlagState:
    """A flag version: mostly enabled, with up to three rules. They name segments only where there are some."""
    variants = make_variants(draw(st.none() | weights()))
    names = st.sampled_from([variant.name for variant in variants])
    rules = draw(st.lists(st.lists(clauses(segments), min_size=1, max_size=2), max_size=3))
    return FlagState(
        key="f",
        variants=variants,
        default=draw(names),
        enabled=draw(st.integers(0, 9)) > 0,
        archived=draw(st.integers(0, 19)) == 0,
        rollout=draw(rollouts),
        rules=tuple(Rule(f"rule {n}", tuple(some), draw(names)) for n, some in enumerate(rules)),
        salt=draw(salts),
    )


percents = st.sampled_from((0.0, 25.0, 50.0, 99.9, 100.0))
schemes = st.sampled_from((SCHEME, SHA256))


@st.composite
def _splits(draw: st.DrawFn, names: Sequence[str]) -> Split:
    cuts = sorted(draw(st.lists(percents, min_size=len(names) - 1, max_size=len(names) - 1)))
    shares = tuple(zip(names, (high - low for low, high in pairwise([0.0, *cuts, 100.0])), strict=True))
    salt, scheme = draw(st.none() | salts), draw(st.none() | schemes)
    return Split(shares, salt, draw(st.sampled_from(("id", "company"))), scheme)


@st.composite
def deep_states(
    draw: st.DrawFn, key: str = "f", others: Sequence[FlagState] = (), segments: Sequence[str] = ()
) -> FlagState:
    """A flag version with everything a flag can have; of the others it may require some."""
    state = draw(flag_states())
    names = [variant.name for variant in state.variants]
    rules = []
    for number, some in enumerate(draw(st.lists(st.lists(clauses(segments), max_size=2), max_size=3))):
        split = draw(st.none() | _splits(names))
        serve = None if split is not None else draw(st.sampled_from(names))
        rules.append(Rule(f"rule {number}", tuple(some), serve, split, draw(percents)))
    required = draw(st.lists(st.sampled_from([*others, None]), max_size=2, unique_by=id)) if others else []
    prerequisites = [
        Prerequisite("gone", ("on",))
        if other is None
        else Prerequisite(
            other.key, tuple(draw(st.sets(st.sampled_from([v.name for v in other.variants]), min_size=1)))
        )
        for other in required
    ]
    low, high = sorted((draw(percents), draw(percents)))
    return replace(
        state,
        key=key,
        rules=tuple(rules),
        scheme=draw(schemes),
        killed=draw(st.integers(0, 19)) == 0,
        overrides=draw(
            st.dictionaries(st.sampled_from(("1", "7", "Ü", "a'b", "\\", "😀")), st.sampled_from(names), max_size=3)
        ),
        holdout=draw(st.none() | st.builds(Holdout, st.sampled_from(("q4", "ü")), percents)),
        slice=draw(st.none() | st.just(Slice("page", low, high))),
        prerequisites=tuple(prerequisites),
    )


@st.composite
def deep_flags(draw: st.DrawFn) -> tuple[FlagState, Ruleset]:
    """A flag, and others, of which it and they may require some."""
    others: list[FlagState] = []
    segments: dict[str, Segment] = draw(st.just({}) | segment_sets())
    for number in range(draw(st.integers(0, 2))):
        others.append(draw(deep_states(f"g{number}", tuple(others), tuple(segments))))
    state = draw(deep_states("f", tuple(others), tuple(segments)))
    return state, Ruleset({other.key: other for other in others}, segments)


def _column(values: st.SearchStrategy[object], size: int, type: pa.DataType) -> st.SearchStrategy[pa.Array]:
    return st.lists(st.none() | values, min_size=size, max_size=size).map(lambda column: pa.array(column, type))


def attribute_columns(size: int) -> st.SearchStrategy[pa.Array]:
    """A column of any kind, with missing values."""
    small = st.sampled_from([number for number in WHOLE if abs(number) < 2**63])
    return st.one_of(
        _column(words, size, pa.string()),
        _column(words, size, pa.dictionary(pa.int32(), pa.string())),
        _column(small, size, pa.int64()),
        _column(st.integers(-128, 127), size, pa.int8()),
        _column(st.sampled_from([number for number in WHOLE if number >= 0]), size, pa.uint64()),
        _column(st.sampled_from(FRACTIONS) | st.just(float("nan")), size, pa.float64()),
        _column(st.floats(width=32), size, pa.float32()),
        _column(st.booleans(), size, pa.bool_()),
        _column(st.sampled_from((Decimal("0.10"), Decimal("2.50"), Decimal("-1.00"))), size, pa.decimal128(10, 2)),
        _column(st.datetimes(datetime(1700, 1, 1), datetime(2200, 1, 1)), size, pa.timestamp("us")),  # noqa: DTZ001
        _column(st.just(datetime(2026, 11, 1, tzinfo=UTC)), size, pa.timestamp("us", "UTC")),
        _column(st.lists(st.integers(0, 3), max_size=2), size, pa.list_(pa.int64())),
        _column(st.none(), size, pa.null()),
    )


def id_columns(size: int) -> st.SearchStrategy[pa.Array]:
    """A column of targeting keys, some of them missing or unusable."""
    return st.one_of(
        _column(ids, size, pa.string()),
        _column(ids, size, pa.large_string()),
        _column(st.integers(-(2**63), 2**63 - 1), size, pa.int64()),
        _column(st.integers(0, 2**64 - 1), size, pa.uint64()),
        _column(st.floats() | st.integers(-5, 5).map(float) | st.just(2.0**53 - 1), size, pa.float64()),
        _column(st.sampled_from(TEXTS), size, pa.dictionary(pa.int8(), pa.string())),
        _column(st.none(), size, pa.null()),
    )


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    """Up to eight users, with every attribute that the generated rules may name."""
    size = draw(st.integers(0, 8))
    columns = {name: draw(attribute_columns(size)) for name in ATTRIBUTES if name != "id"}
    return pa.table({"id": draw(id_columns(size)), **columns, "company": draw(id_columns(size))})


def flag(
    weights: Mapping[str, float] | None = None,
    *rules: tuple[str, str, object],
    values: Mapping[str, Json] | None = None,
    rollout: float = 100.0,
    salt: str = "checkout",
    enabled: bool = True,
    archived: bool = False,
) -> FlagState:
    """A flag whose rules, `r0` and on, serve the first variant, and which serves the last outside the rollout."""
    variants = make_variants(weights, values)
    made = [make_condition(*rule) for rule in rules]
    return FlagState(
        key="checkout",
        variants=variants,
        default=variants[-1].name,
        enabled=enabled,
        rollout=rollout,
        rules=tuple(Rule(f"r{n}", (condition,), variants[0].name) for n, condition in enumerate(made)),
        salt=salt,
        archived=archived,
    )


def as_rows(answer: pd.DataFrame) -> list[tuple[object, ...]]:
    """What `assign` answered, as rows of variant, value, reason, rule and bucket; None for what is missing."""
    names = ("variant", "value", "reason", "rule", "bucket")
    return list(zip(*([None if pd.isna(x) else x for x in answer[name].tolist()] for name in names), strict=True))


def evaluated(
    state: FlagState, contexts: Sequence[Mapping[str, object]], ruleset: Ruleset = ALONE
) -> list[tuple[object, ...]]:
    """The same rows, by asking about each context alone."""
    compiled = compile_flag(state, ruleset)
    served = [(compiled.evaluate(context), compiled.bucket(context.get("id"))) for context in contexts]
    return [(e.variant, e.value, e.reason.value, e.rule, bucket) for e, bucket in served]


def rows_of(frame: pd.DataFrame) -> Iterator[dict[str, object]]:
    """Each row as pandas holds it, scalars of numpy included."""
    for number in range(len(frame)):
        yield {str(name): frame[name].iloc[number] for name in frame.columns}


def bucket_of(salt: str, id: str) -> int:
    """The bucket by its definition, without the code under test."""
    digest = hashlib.md5(f"{salt}-{id}".encode(), usedforsecurity=False).digest()
    return int.from_bytes(digest[:4], "big")
