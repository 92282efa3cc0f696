"""The choice of events as SQL: what `store.query` says to the database, said to an engine.

Both mean the same; a test compares them filter by filter.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlglot import exp

from burgee.analytics.dialects import literal, metadata_is
from burgee.analytics.source import EVENTS, PROPERTIES, Columns, Kind
from burgee.core.errors import InvalidInputError, did_you_mean
from burgee.core.json import dumps
from burgee.store.query import EventQuery

NUMBERS: tuple[Kind, ...] = ("int", "float", "bool")
"""Kinds that can be added up; of truth values the true ones count 1."""


@dataclass(frozen=True, slots=True)
class Field:
    """A property of events as SQL, and what it holds."""

    value: exp.Expr
    kind: Kind


@dataclass(frozen=True, slots=True)
class Choice:
    """Some events of a log: which, and what its events and their fields are called.

    burgee's own events are in the table only where the query asks for them, so that nothing is said about them here.
    In an empty log nothing has a name yet: every field is there, and null.
    """

    query: EventQuery
    columns: Columns
    types: frozenset[str]

    def select(self, columns: Mapping[str, exp.Expr], *where: exp.Expr) -> exp.Select:
        """The events as a SELECT of these columns; each is an expression over the table `events`."""
        shown = [exp.alias_(value, name, quoted=True) for name, value in columns.items()]
        shown = shown or [exp.alias_(exp.Literal.number(1), "one", quoted=True)]  # a SELECT selects something
        limit = self.query.limit
        if limit is None:
            return exp.select(*shown).from_(EVENTS).where(*self._conditions(), *where)
        first = exp.select("*").from_(EVENTS).where(*self._conditions()).order_by("position").limit(limit)
        return exp.select(*shown).from_(first.subquery("first_events")).where(*where)

    def field(self, name: str) -> Field:
        """A property: `type`, `stream` or a payload field.

        Raises:
            InvalidInputError: no event has such a field; says which there are.
        """
        if not self.types and name not in {*PROPERTIES, *self.columns.fields}:
            return Field(exp.cast(exp.null(), "text"), "text")
        found = self.columns.find(name)
        return Field(exp.column(found.name, quoted=name not in PROPERTIES), found.kind)

    def number(self, name: str, why: str) -> Field:
        """A property that holds numbers.

        Raises:
            InvalidInputError: it holds something else; says what, and which fields hold numbers.
        """
        found = self.field(name)
        if not self.types:
            return Field(exp.cast(exp.null(), "double"), "float")
        if found.kind not in NUMBERS:
            numbers = [one.field for one in self.columns.fields.values() if one.kind in NUMBERS]
            listed = f"fields with numbers: {', '.join(map(repr, sorted(numbers)))}" if numbers else None
            raise InvalidInputError(f"{why} needs numbers, and the field {name!r} is {found.kind}", hint=listed)
        if found.kind == "bool":
            return Field(exp.cast(found.value, "int"), "int")
        return found

    def check(self, steps: Sequence[str] = ()) -> None:
        """Refuse types that no event has, as steps or in the choice itself: they are slips of the pen.

        Raises:
            InvalidInputError: a type is not there; says which are.
        """
        if not self.types:
            return
        for name in [*self.query.types, *steps]:
            prefix = name[:-1] if name.endswith("*") and name not in steps else None
            if name in self.types or (prefix is not None and any(one.startswith(prefix) for one in self.types)):
                continue
            what = f"no event has a type {name!r}" if prefix is None else f"no event's type begins with {prefix!r}"
            raise InvalidInputError(what, hint=did_you_mean(name, sorted(self.types), plural="types"))

    def _conditions(self) -> list[exp.Expr]:
        query = self.query
        where: list[exp.Expr] = []
        if query.types:
            where.append(exp.or_(*self._types()))
        if query.stream is not None:
            where.append(_is("stream", query.stream))
        if query.category is not None:
            where.append(exp.or_(_is("stream", query.category), _begins("stream", f"{query.category}-")))
        occurred, recorded, position = (exp.column(name) for name in ("occurred_at", "recorded_at", "position"))
        if query.since is not None:
            where.append(exp.GTE(this=occurred, expression=literal(query.since)))
        if query.until is not None:
            where.append(exp.LT(this=occurred.copy(), expression=literal(query.until)))
        if query.as_of is not None:
            where.append(exp.LTE(this=recorded, expression=literal(query.as_of)))
        if query.after is not None:
            where.append(exp.GT(this=position, expression=exp.Literal.number(query.after)))
        if query.upto is not None:
            where.append(exp.LTE(this=position.copy(), expression=exp.Literal.number(query.upto)))
        where.extend(metadata_is(name, dumps(value)) for name, value in query.metadata.items())
        return where

    def _types(self) -> list[exp.Expr]:
        names = [name for name in self.query.types if not name.endswith("*")]
        prefixes = [name[:-1] for name in self.query.types if name.endswith("*")]
        exact = [exp.column("type").isin(*(exp.Literal.string(name) for name in names))] if names else []
        return [*exact, *(_begins("type", prefix) for prefix in prefixes)]


def _is(column: str, value: str) -> exp.Expr:
    return exp.column(column).eq(exp.Literal.string(value))


def _begins(column: str, prefix: str) -> exp.Expr:
    return exp.StartsWith(this=exp.column(column), expression=exp.Literal.string(prefix))
