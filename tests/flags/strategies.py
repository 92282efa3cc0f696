"""Flags, and frames they can be asked about: generated, so that rules match often, or built by hand."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise

import pandas as pd
import pyarrow as pa
from hypothesis import strategies as st

from burgee.core.json import Json
from burgee.flags.changing.rules import make_condition, make_variants
from burgee.flags.evaluation.compiled import ALONE, compile_flag
from burgee.flags.model import (
    SCHEME,
    SHA256,
    Clause,
    Condition,
    FlagState,
    Group,
    Holdout,
    Operator,
    Prerequisite,
    Rule,
    Ruleset,
    Slice,
    Split,
)
from burgee.flags.operators import MEMBERSHIP, ORDER, PRESENCE, TEXT

TEXTS = ("DE", "de", "D", "Ü", "u\u0308", "東京", "a'b", 'a"b', "%", "_", "\\", "1", "True", "a\nb", "😀", "\uffff")
WHOLE = (-1, 0, 1, 2, 2**24 + 1, 2**53 - 1, 2**53, 2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63), 2**63, 2**64 - 1)
FRACTIONS = (0.0, -0.0, 0.1, 0.5, 1.0, 2.5, -2.5, 2.0**53, 2.0**63, 2.0**64, 1e300, -1e300, 5e-324)
ATTRIBUTES = ("country", "age", "price", "member", "joined", "id")

texts = st.sampled_from(TEXTS) | st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=4)
numbers = st.sampled_from(WHOLE) | st.sampled_from(FRACTIONS) | st.integers(-5, 5)
scalars = texts | numbers | st.booleans()
ids = st.text(st.characters(codec="utf-8"), max_size=8) | st.integers(0, 10**6).map(str)


@st.composite
def conditions(draw: st.DrawFn) -> Condition:
    """A condition with any operator, its value often of another kind than the attribute."""
    op = draw(st.sampled_from([*PRESENCE, *MEMBERSHIP, *ORDER, *TEXT, Operator.EQ, Operator.NE, Operator.BETWEEN]))
    value: object
    if op in PRESENCE:
        value = None
    elif op in MEMBERSHIP:
        value = draw(st.lists(scalars, min_size=1, max_size=4))
    elif op in {Operator.EQ, Operator.NE}:
        value = draw(scalars)
    elif op in ORDER:
        value = draw(texts | numbers)
    elif op is Operator.BETWEEN:
        value = draw(st.one_of(st.lists(numbers, min_size=2, max_size=2), st.lists(texts, min_size=2, max_size=2)))
        value = sorted(value)
    else:
        value = draw(texts)
    return make_condition(draw(st.sampled_from(ATTRIBUTES)), op, value)


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
def flag_states(draw: st.DrawFn) -> FlagState:
    """A flag version: mostly enabled, with up to three rules."""
    variants = make_variants(draw(st.none() | weights()))
    names = st.sampled_from([variant.name for variant in variants])
    rules = draw(st.lists(st.lists(conditions(), min_size=1, max_size=2), max_size=3))
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


@st.composite
def clauses(draw: st.DrawFn) -> Clause:
    """A condition, or a group of some, up to two deep."""
    groups = st.sampled_from(("all", "any", "not"))
    made: st.SearchStrategy[Clause] = conditions()
    for _ in range(draw(st.integers(0, 2))):
        made = conditions() | st.builds(Group, groups, st.lists(made, min_size=1, max_size=3).map(tuple))
    return draw(made)


percents = st.sampled_from((0.0, 25.0, 50.0, 99.9, 100.0))
schemes = st.sampled_from((SCHEME, SHA256))


@st.composite
def _splits(draw: st.DrawFn, names: Sequence[str]) -> Split:
    cuts = sorted(draw(st.lists(percents, min_size=len(names) - 1, max_size=len(names) - 1)))
    shares = tuple(zip(names, (high - low for low, high in pairwise([0.0, *cuts, 100.0])), strict=True))
    salt, scheme = draw(st.none() | salts), draw(st.none() | schemes)
    return Split(shares, salt, draw(st.sampled_from(("id", "company"))), scheme)


@st.composite
def deep_states(draw: st.DrawFn, key: str = "f", others: Sequence[FlagState] = ()) -> FlagState:
    """A flag version with everything a flag can have; of the others it may require some."""
    state = draw(flag_states())
    names = [variant.name for variant in state.variants]
    rules = []
    for number, some in enumerate(draw(st.lists(st.lists(clauses(), max_size=2), max_size=3))):
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
    for number in range(draw(st.integers(0, 2))):
        others.append(draw(deep_states(f"g{number}", tuple(others))))
    state = draw(deep_states("f", tuple(others)))
    return state, Ruleset({other.key: other for other in others})


def _column(values: st.SearchStrategy[object], size: int, type: pa.DataType) -> st.SearchStrategy[pa.Array]:
    return st.lists(st.none() | values, min_size=size, max_size=size).map(lambda column: pa.array(column, type))


def attribute_columns(size: int) -> st.SearchStrategy[pa.Array]:
    """A column of any kind, with missing values."""
    small = st.sampled_from([number for number in WHOLE if abs(number) < 2**63])
    return st.one_of(
        _column(texts, size, pa.string()),
        _column(texts, size, pa.dictionary(pa.int32(), pa.string())),
        _column(small, size, pa.int64()),
        _column(st.integers(-128, 127), size, pa.int8()),
        _column(st.sampled_from([number for number in WHOLE if number >= 0]), size, pa.uint64()),
        _column(st.sampled_from(FRACTIONS) | st.just(float("nan")), size, pa.float64()),
        _column(st.floats(width=32), size, pa.float32()),
        _column(st.booleans(), size, pa.bool_()),
        _column(st.sampled_from((Decimal("0.10"), Decimal("2.50"), Decimal("-1.00"))), size, pa.decimal128(10, 2)),
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
