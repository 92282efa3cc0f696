"""A flag version as one SQL tree (sqlglot): the same decision as `evaluate`, for frames and warehouses.

It is its own room because it needs sqlglot and nothing else: `assign` runs the tree with DuckDB, and
another engine is given its text. The meaning of conditions, ids and missing values is told in `evaluation`, what is
served in which order in `model`; a property test holds the two together. What a column holds is known before the
tree is made, so it never compares what `evaluate` would not compare, and no engine's coercions come into play.

A decision is made in layers, so that nothing is hashed twice and a row is hashed only for what it has come to:

- the texts of its keys;
- of each flag that is required, the variant it serves;
- the step that decides: the first branch of a CASE that is met;
- where the step splits, the bucket by which it does.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlglot import exp

from burgee.analytics.dialects import check_dialect
from burgee.core.errors import InvalidInputError
from burgee.core.json import Json
from burgee.flags.evaluation.buckets import TARGETING_KEY, rollout_limit, share_limits
from burgee.flags.evaluation.compiled import CompiledFlag, is_live
from burgee.flags.model import BUCKETS, FLAGD, SCHEME, Evaluation, FlagState, Rule, Split, holdout_salt, layer_salt
from burgee.flags.sql.columns import Column, identifier, key_text
from burgee.flags.sql.conditions import Conditions
from burgee.flags.sql.dialects import bucket, bucket_of_all, text

if TYPE_CHECKING:
    import pyarrow as pa

PREFIX = "burgee_"
"""What the names of layers begin with, unless that would meet a column's."""

_WHOLE = 100.0  # percent

type Layer = tuple[str, exp.Expr]
"""A name and what it is, over the table's columns and the layers before."""
type Branch = tuple[exp.Expr, Evaluation[Json]]
type Met = tuple[exp.Expr, "_Step"]


@dataclass(frozen=True, slots=True)
class FlagExpression:
    """A flag version as SQL.

    Attributes:
        layers: in their order, each made of the table's columns and those before it.
        branches: conditions over all of these in their order, each with what it serves.
        otherwise: what is served if none is met.
        dialect: whose SQL it is.
        bucket: the layer that tells where a row falls in the rollout, if it was asked for.
    """

    layers: tuple[Layer, ...]
    branches: tuple[Branch, ...]
    otherwise: Evaluation[Json]
    dialect: str
    bucket: str | None = None

    def case(self, served: Callable[[Evaluation[Json]], exp.Expr]) -> exp.Expr:
        """One property of what is served, e.g. its variant."""
        return _case(self.branches, self.otherwise, served)

    def nested(self, query: exp.Select) -> exp.Select:
        """The rows of a query, which is used up, with a column for each layer behind its own."""
        for name, layer in self.layers:
            made = exp.alias_(layer.copy(), identifier(name, self.dialect))
            query = exp.select("*", made, copy=False).from_(query.subquery("layer", copy=False), copy=False)
        return query


def flag_expression(
    compiled: CompiledFlag,
    columns: Mapping[str, Column],
    by: str = TARGETING_KEY,
    dialect: str = "duckdb",
    *,
    with_bucket: bool = False,
    prefix: str = PREFIX,
    tables: "dict[str, pa.Table] | None" = None,
) -> FlagExpression:
    """The flag version over these columns: those that `attributes.needed` names, and `by`, the targeting keys.

    Args:
        compiled: the flag with those it requires, settled at one moment.
        columns: by attribute. The attribute `id` is the targeting key, so the column `by`.
        by: the attribute of the targeting keys.
        dialect: whose SQL, by sqlglot's names.
        with_bucket: whether there is to be a layer that tells where each row falls in the rollout.
        prefix: what the names of layers begin with.
        tables: where the ids of large segments go, by the name to register each under; without it, into the SQL.

    Raises:
        InvalidInputError: there is no such dialect, a column can't hold targeting keys, or a split is flagd's, which
            can't be said in SQL.
    """
    seen = {**columns, TARGETING_KEY: columns[by]}
    return _Making(seen, check_dialect(dialect), prefix, tables).whole(compiled, with_bucket=with_bucket)


@dataclass(frozen=True, slots=True)
class _Step:
    """What decides, if it is the first that is met: one answer, or several split by a bucket."""

    number: int
    answers: tuple[Evaluation[Json], ...]
    keys: tuple[str, ...] = ()
    """Layers without which it fails."""
    ends: tuple[int, ...] = ()
    """Where the answers but the last end."""
    bucket: exp.Expr | None = None


@dataclass(slots=True)
class _Making:
    """Makes the layers of one flag and those it requires."""

    columns: Mapping[str, Column]
    dialect: str
    prefix: str
    tables: "dict[str, pa.Table] | None"
    layers: list[Layer] = field(default_factory=list)
    keys: dict[str, str] = field(default_factory=dict)
    """Layers of keys' texts by attribute."""
    served: dict[str, tuple[exp.Expr, tuple[str, ...]]] = field(default_factory=dict)
    """By flag required: which variant it serves, as a number among these."""

    def whole(self, compiled: CompiledFlag, *, with_bucket: bool) -> FlagExpression:
        name = None
        state = compiled.settled
        if with_bucket:
            quick = self.dialect == "duckdb" and state.scheme == SCHEME and sys.byteorder == "little"
            key = self.key()
            at = bucket_of_all(state.salt, self.column(key)) if quick else self.hashed(state.salt, state.scheme, key)
            name = self.add("bucket", at)
        rollout = None if name is None else self.column(name)
        branches, otherwise = self.decision(compiled, rollout)
        return FlagExpression(tuple(self.layers), tuple(branches), otherwise, self.dialect, name)

    def add(self, name: str, layer: exp.Expr) -> str:
        there = {name for name, _ in self.layers}
        full, number = f"{self.prefix}{name}", 1
        while full in there:
            number += 1
            full = f"{self.prefix}{name}_{number}"
        self.layers.append((full, layer))
        return full

    def column(self, layer: str) -> exp.Expr:
        return exp.column(identifier(layer, self.dialect))

    def key(self, by: str = TARGETING_KEY) -> str:
        if by not in self.keys:
            self.keys[by] = self.add("key", key_text(self.columns[by]))
        return self.keys[by]

    def hashed(self, salt: str, scheme: str, key: str) -> exp.Expr:
        return bucket(salt, scheme, self.column(key), self.dialect)

    def within(self, state: FlagState, salt: str, low: float, high: float) -> exp.Expr:
        """Whether a key's bucket lies between two percentages, the upper one excluded."""
        start, end = rollout_limit(low), rollout_limit(high)
        if start <= 0 and end >= BUCKETS:
            return exp.true()
        at = self.hashed(salt, state.scheme, self.key())
        if start <= 0:
            return at < end
        return (
            at >= start if end >= BUCKETS else exp.Between(this=at, low=exp.convert(start), high=exp.convert(end - 1))
        )

    def decision(
        self, compiled: CompiledFlag, rollout: exp.Expr | None = None
    ) -> tuple[Sequence[Branch], Evaluation[Json]]:
        """What is served, over the layers that this adds."""
        state, outcomes = compiled.settled, compiled.outcomes
        if not is_live(state):
            return (), outcomes.disabled
        before = self.prerequisites(compiled)
        steps = _Steps(self, compiled, rollout)
        met = [*steps.first(before), *steps.rules(), *steps.outside()]
        last = steps.inside()
        every = [*(one for _, one in met), last]
        here: list[exp.Expr] = [exp.true()]
        if met:  # else everybody comes to the one step there is, which need not be told
            step = self.column(self.add("step", _case(met, last, lambda one: exp.convert(one.number))))
            here = [step.eq(one.number) for one in every]
        split = self.split_bucket(here, every)
        branches: list[Branch] = []
        for at, one in zip(here, every, strict=True):
            ends = zip(one.ends, one.answers, strict=False)
            branches += [(_both(at, self.column(key).is_(exp.null())), outcomes.failed) for key in one.keys]
            branches += [(_both(at, split < end), answer) for end, answer in ends]
            branches.append((at, one.answers[-1]))
        return branches[:-1], last.answers[-1]

    def split_bucket(self, here: Sequence[exp.Expr], steps: Sequence["_Step"]) -> exp.Expr:
        """Where a row falls among the shares of its step; `here` tells of each whether it is the row's."""
        splitting = [(at, one.bucket) for at, one in zip(here, steps, strict=True) if one.bucket is not None]
        if not splitting:
            return exp.null()
        if len(steps) == 1:
            return self.column(self.add("split", splitting[0][1]))
        case = exp.case()
        for at, falls in splitting:
            case = case.when(at, falls)
        return self.column(self.add("split", case))

    def prerequisites(self, compiled: CompiledFlag) -> list[tuple[exp.Expr, Evaluation[Json]]]:
        """Where a flag required serves none of the variants wanted, and what is served then."""
        unmet: list[tuple[exp.Expr, Evaluation[Json]]] = []
        asked = zip(
            compiled.settled.prerequisites, compiled.prerequisites, compiled.outcomes.prerequisites, strict=True
        )
        for one, other, answer in asked:
            if other is None:
                unmet.append((exp.true(), answer))
                continue
            served, names = self.variant_of(other)
            wanted = [exp.convert(number) for number, name in enumerate(names) if name in one.variants]
            met = exp.In(this=served.copy(), expressions=wanted) if wanted else exp.false()
            unmet.append((exp.not_(met), answer))
        return unmet

    def variant_of(self, other: CompiledFlag) -> tuple[exp.Expr, tuple[str, ...]]:
        key = other.settled.key
        if key not in self.served:
            names = tuple(variant.name for variant in other.settled.variants)
            branches, otherwise = self.decision(other)
            number = _case(branches, otherwise, lambda one: exp.convert(names.index(str(one.variant))))
            self.served[key] = (self.column(self.add("served", number)), names)
        return self.served[key]


@dataclass(slots=True)
class _Steps:
    """Makes the steps of one flag, numbered in their order."""

    making: _Making
    compiled: CompiledFlag
    rollout: exp.Expr | None
    count: int = 0

    def step(
        self,
        *answers: Evaluation[Json],
        keys: Sequence[str] = (),
        ends: tuple[int, ...] = (),
        bucket: exp.Expr | None = None,
    ) -> _Step:
        self.count += 1
        return _Step(self.count, answers, tuple(dict.fromkeys(keys)), ends, bucket)

    def first(self, prerequisites: Sequence[tuple[exp.Expr, Evaluation[Json]]]) -> list[Met]:
        """What comes before the rules."""
        making, state, outcomes = self.making, self.compiled.settled, self.compiled.outcomes
        met = [(unmet, self.step(answer)) for unmet, answer in prerequisites]
        for name, answer in outcomes.overrides.items():
            ids = [text(id, making.dialect) for id, variant in state.overrides.items() if variant == name]
            met.append((exp.In(this=making.column(making.key()), expressions=ids), self.step(answer)))
        if state.holdout is None and state.slice is None:
            return met
        key = making.column(making.key())
        met.append((key.is_(exp.null()), self.step(outcomes.failed)))
        if state.holdout is not None and outcomes.held_out is not None:
            held = making.within(state, holdout_salt(state.holdout.name), 0.0, state.holdout.percent)
            met.append((held, self.step(outcomes.held_out)))
        if state.slice is not None and outcomes.out_of_layer is not None:
            part = making.within(state, layer_salt(state.slice.layer), state.slice.low, state.slice.high)
            met.append((exp.not_(part), self.step(outcomes.out_of_layer)))
        return met

    def rules(self) -> list[Met]:
        """The rules."""
        making, state = self.making, self.compiled.settled
        conditions = Conditions(making.columns, making.dialect, self.compiled.segments, making.tables)
        met = []
        for rule, answers in zip(state.rules, self.compiled.outcomes.rules, strict=True):
            condition = conditions.all_of(rule.conditions)
            keys = []
            if rule.percent < _WHOLE:
                keys.append(making.key())
                within = making.within(state, state.rule_salt(rule.name), 0.0, rule.percent)
                missing = making.column(making.key()).is_(exp.null())
                condition = exp.and_(condition, exp.or_(missing, within))
            met.append((condition, self.rule(rule, answers, keys)))
        return met

    def rule(self, rule: Rule, answers: tuple[Evaluation[Json], ...], keys: list[str]) -> _Step:
        """What a rule serves."""
        if rule.split is None:
            return self.step(*answers, keys=keys)
        making, state, split = self.making, self.compiled.settled, rule.split
        if split.scheme == FLAGD:
            raise InvalidInputError(
                f"rule {rule.name!r} of flag {state.key!r} splits as flagd does, which can't be said in SQL",
                hint="assign(frame) serves it, row by row",
            )
        by = making.key(split.by)
        shares = [share for _, share in split.shares]
        salt = state.variant_salt if split.salt is None else split.salt
        return self.split(answers, shares, Split(split.shares, salt, by, split.scheme or state.scheme), [*keys, by])

    def split(
        self, answers: tuple[Evaluation[Json], ...], shares: list[float], split: Split, keys: Sequence[str]
    ) -> _Step:
        """One of several answers by their shares; `split` tells the salt, the layer of keys and the scheme."""
        positions, ends = share_limits(shares)
        chosen = [answers[position] for position in positions]
        hashed = self.making.hashed(str(split.salt), str(split.scheme), split.by) if ends else None
        return self.step(*chosen, keys=keys, ends=ends, bucket=hashed)

    def outside(self) -> list[Met]:
        """Who has no key, and who is outside the rollout."""
        making, state, outcomes = self.making, self.compiled.settled, self.compiled.outcomes
        limit = rollout_limit(state.rollout)
        if limit >= BUCKETS:
            return []
        key = making.key()
        missing = (making.column(key).is_(exp.null()), self.step(outcomes.failed))
        at = making.hashed(state.salt, state.scheme, key) if self.rollout is None else self.rollout.copy()
        return [missing, (at >= limit, self.step(outcomes.outside))]

    def inside(self) -> _Step:
        """Who is in the rollout: the weights decide."""
        state = self.compiled.settled
        weights = [variant.weight for variant in state.variants]
        key = self.making.key()
        split = Split((), state.variant_salt, key, state.scheme)
        return self.split(self.compiled.outcomes.inside, weights, split, [key])


def _both(one: exp.Expr, other: exp.Expr) -> exp.Expr:
    return other if one == exp.true() else exp.and_(one, other)


def _case[T](branches: Sequence[tuple[exp.Expr, T]], otherwise: T, said: Callable[[T], exp.Expr]) -> exp.Expr:
    last = said(otherwise)
    whens = [(condition, said(one)) for condition, one in branches]
    while whens and whens[-1][1] == last:
        whens.pop()
    if not whens:
        return last
    case = exp.case()
    for condition, one in whens:
        case = case.when(condition.copy(), one, copy=False)
    return case.else_(last, copy=False)
