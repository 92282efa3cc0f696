"""Aggregates: things with a current state that change only by events.

The current state stands in a table of its own, written in the transaction that appends the event:
`get` and `list` never replay. Any earlier state is had by replaying with the same `evolve`.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol, cast

from pydantic import TypeAdapter
from sqlalchemy import Connection, delete, select, text

from burgee.core.clock import Clock
from burgee.core.errors import ConcurrencyError, DuplicateEventError
from burgee.core.history import Change
from burgee.core.json import Json
from burgee.core.result import Err, Ok, Result
from burgee.core.scope import current_caller, current_scope
from burgee.store import log
from burgee.store.backend import Prepared
from burgee.store.log import ANY, OWN, NewEvent, StoredEvent
from burgee.store.schema import states

_GET = Prepared(text("SELECT data FROM states WHERE tenant = :tenant AND kind = :kind AND id = :id"))
_PAGE = Prepared(
    text("SELECT data FROM states WHERE tenant = :tenant AND kind = :kind AND id > :after ORDER BY id LIMIT :most")
)
_PUT = Prepared(
    text(
        "INSERT INTO states (tenant, kind, id, version, data) VALUES (:tenant, :kind, :id, :version, :data)"
        " ON CONFLICT (tenant, kind, id) DO UPDATE SET version = excluded.version, data = excluded.data"
    )
)
_MOST = 2**62  # more rows than there are


class Versioned(Protocol):
    """A state that knows its version."""

    @property
    def version(self) -> int:
        """The version of its stream."""
        ...


def data(connection: Connection, tenant: str, kind: str, id: str) -> str | None:
    """The text of a state, as it stands there."""
    row = _GET.row(connection, {"tenant": tenant, "kind": kind, "id": id})
    return None if row is None else cast("str", row[0])


def put(connection: Connection, tenant: str, kind: str, id: str, text: str, version: int = 1) -> None:
    """Set the text of a state. For an aggregate's, `Aggregates.change` does it."""
    _PUT.run(connection, {"tenant": tenant, "kind": kind, "id": id, "version": version, "data": text})


@dataclass(frozen=True, slots=True)
class Aggregates[S: Versioned]:
    """All aggregates of one kind. `evolve` gives the state after an event; it is pure and never fails."""

    kind: str
    adapter: TypeAdapter[S]
    evolve: Callable[[S | None, StoredEvent], S]
    clock: Clock

    def stream(self, id: str) -> str:
        """The stream of an aggregate."""
        return f"{OWN}{self.kind}-{id}"

    def get(self, connection: Connection, tenant: str, id: str) -> S | None:
        """The current state."""
        text = data(connection, tenant, self.kind, id)
        return None if text is None else self.adapter.validate_json(text)

    def page(self, connection: Connection, tenant: str, *, after: str = "", limit: int | None = None) -> list[S]:
        """Current states by id, those behind `after`."""
        most = _MOST if limit is None else limit
        rows = _PAGE.rows(connection, {"tenant": tenant, "kind": self.kind, "after": after, "most": most})
        return [self.adapter.validate_json(cast("str", row[0])) for row in rows]

    def ids(self, connection: Connection, tenant: str) -> list[str]:
        """The ids there are."""
        query = select(states.c.id).where(states.c.tenant == tenant, states.c.kind == self.kind)
        return list(connection.scalars(query.order_by(states.c.id)))

    def replay(
        self, connection: Connection, tenant: str, id: str, *, upto: int | None = None
    ) -> Iterator[tuple[StoredEvent, S]]:
        """Each event with the state it led to, in order."""
        state: S | None = None
        for event in log.read_stream(connection, tenant, self.stream(id), upto=upto):
            state = self.evolve(state, event)
            yield event, state

    def audit(
        self, connection: Connection, tenant: str, id: str, words: Callable[[S | None], Mapping[str, Json]]
    ) -> Iterator[Change[S]]:
        """Every change, oldest first. `words` says of a state what is compared; of none, what goes without saying."""
        before = words(None)
        for event, state in self.replay(connection, tenant, id):
            after = words(state)
            touched = [n for n in {**after, **before} if n not in before or n not in after or before[n] != after[n]]
            why = event.metadata.get("why")
            yield Change(
                version=event.version,
                at=event.recorded_at,
                actor=str(event.metadata.get("actor")),
                change=event.type.removeprefix(f"{self.kind}."),
                before={name: before[name] for name in touched if name in before},
                after={name: after[name] for name in touched if name in after},
                why=None if why is None else str(why),
                state=state,
            )
            before = after

    def change[E: Exception](
        self,
        connection: Connection,
        tenant: str,
        id: str,
        decide: Callable[[S | None], Result[NewEvent | None, E]],
        *,
        expected: int = ANY,
        why: str | None = None,
    ) -> Result[S, E | log.AppendError]:
        """Decide on the current state and store what was decided, event and state together.

        `decide` gives the event, or none where nothing is to change. A call that comes again with the
        idempotency key of its scope gets the first call's answer.
        """
        log.check_expected(expected)
        key = current_scope().idempotency_key
        if key is not None:
            earlier = log.by_ids(connection, tenant, [key]).get(key)
            if earlier is not None:
                return self._again(connection, tenant, id, earlier, decide)
        state = self.get(connection, tenant, id)
        actual = state.version if state is not None else 0
        if not log.as_expected(expected, actual):
            return Err(ConcurrencyError(self.stream(id), expected, actual))
        decided = decide(state)
        if isinstance(decided, Err):
            return decided
        if decided.value is None:
            if state is None:
                raise RuntimeError("there is no aggregate, so something must change")
            return Ok(state)
        metadata: dict[str, Json] = {"actor": current_caller().actor, **({"why": why} if why else {})}
        event = NewEvent(decided.value.type, decided.value.data, metadata, id=key)
        appended = log.append(connection, self.clock, tenant, self.stream(id), [event], actual)
        if isinstance(appended, Err):
            return appended
        [stored] = log.read_stream(connection, tenant, self.stream(id), after=actual)
        state = self.evolve(state, stored)
        self._put(connection, tenant, id, state)
        return Ok(state)

    def drop(self, connection: Connection, tenant: str, id: str) -> None:
        """Take the current state of what is no more away; its events stay."""
        where = (states.c.tenant == tenant, states.c.kind == self.kind, states.c.id == id)
        connection.execute(delete(states).where(*where))

    def _put(self, connection: Connection, tenant: str, id: str, state: S) -> None:
        put(connection, tenant, self.kind, id, self.adapter.dump_json(state).decode(), state.version)

    def _again[E: Exception](
        self,
        connection: Connection,
        tenant: str,
        id: str,
        earlier: StoredEvent,
        decide: Callable[[S | None], Result[NewEvent | None, E]],
    ) -> Result[S, E | log.AppendError]:
        before: S | None = None
        if earlier.stream == self.stream(id):
            for event, state in self.replay(connection, tenant, id, upto=earlier.version):
                if event.version < earlier.version:
                    before = state
                    continue
                decided = decide(before)
                if isinstance(decided, Ok) and decided.value is not None:
                    same = NewEvent(decided.value.type, decided.value.data, event.metadata)
                    if log.same_content(event, event.stream, same):
                        return Ok(state)
        return Err(DuplicateEventError(earlier.id, "is an idempotency key that another change used"))
