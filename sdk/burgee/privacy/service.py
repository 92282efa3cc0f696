"""Personal data of a tenant: the rules as an aggregate in its own log, and forgetting, in one transaction."""

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import override

from pydantic import TypeAdapter
from sqlalchemy import Connection

from burgee.core.clock import Clock, from_us
from burgee.core.errors import (
    ConflictError,
    DuplicateEventError,
    InvalidInputError,
    MissingTenantError,
    NotFoundError,
)
from burgee.core.history import Change
from burgee.core.json import Json
from burgee.core.page import Page, cut, wrong_limit
from burgee.core.result import Err, Ok, Result
from burgee.core.scope import current_scope, require_tenant
from burgee.privacy.model import Forgotten, PrivacyChange, Protection, Rule, Subject, check_rule
from burgee.privacy.protocol import PrivacyService
from burgee.store import log, subjectkeys, subjects
from burgee.store import query as reading
from burgee.store.aggregates import Aggregates
from burgee.store.database import Database
from burgee.store.log import NewEvent, StoredEvent
from burgee.store.protection import ID, KIND, protection

_PROTECTED, _UNPROTECTED, _FORGOTTEN = f"{KIND}.protected", f"{KIND}.unprotected", f"{KIND}.forgotten"
_log = logging.getLogger(__name__)
_NEAR = 1000  # names looked through for one that was meant


class LocalPrivacyService(PrivacyService):
    """Rules and keys in the database of this workspace.

    `derived` makes anew what was made of a tenant's events and is kept elsewhere, when somebody was forgotten.
    """

    def __init__(self, database: Database, clock: Clock, derived: Callable[[str], None] = lambda _: None) -> None:
        self._database = database
        self._derived = derived
        self._clock = clock
        self._rules = Aggregates(KIND, TypeAdapter(Protection), _evolve, clock)

    @override
    async def protect(
        self, type: str, fields: Mapping[str, str], why: str | None = None
    ) -> Result[Rule, ConflictError | InvalidInputError | MissingTenantError]:
        tenant = require_tenant()
        try:
            rule = check_rule(type, fields)
        except InvalidInputError as error:
            return Err(error)

        def decide(state: Protection | None) -> Result[NewEvent | None, InvalidInputError]:
            if state is not None and rule in state.rules:
                return Ok(None)
            return Ok(NewEvent(_PROTECTED, {"type": rule.type, "fields": rule.fields}))

        def work() -> Result[Protection, ConflictError | InvalidInputError]:
            with self._database.write(tenant) as connection:
                return self._rules.change(connection, tenant, ID, decide, why=why)

        changed = await self._database.run(work)
        return changed if isinstance(changed, Err) else Ok(rule)

    @override
    async def unprotect(
        self, type: str, why: str | None = None
    ) -> Result[Rule, ConflictError | InvalidInputError | MissingTenantError | NotFoundError]:
        tenant = require_tenant()
        removed: list[Rule] = []

        def decide(state: Protection | None) -> Result[NewEvent | None, NotFoundError]:
            there = {rule.type: rule for rule in state.rules} if state is not None else {}
            if type not in there:
                return Err(NotFoundError("rule", type, there))
            removed.append(there[type])
            return Ok(NewEvent(_UNPROTECTED, {"type": type}))

        def work() -> Result[Protection, ConflictError | InvalidInputError | NotFoundError]:
            with self._database.write(tenant) as connection:
                return self._rules.change(connection, tenant, ID, decide, why=why)

        changed = await self._database.run(work)
        return changed if isinstance(changed, Err) else Ok(removed[0])

    @override
    async def rules(self) -> Result[tuple[Rule, ...], MissingTenantError]:
        tenant = require_tenant()

        def work() -> tuple[Rule, ...]:
            with self._database.read(tenant) as connection:
                return protection(connection, tenant).rules

        return Ok(await self._database.run(work))

    @override
    async def subjects(
        self, after: str | None = None, limit: int = 100
    ) -> Result[Page[Subject], InvalidInputError | MissingTenantError]:
        tenant = require_tenant()
        if refused := wrong_limit(limit):
            return refused

        def work() -> Page[Subject]:
            with self._database.read(tenant) as connection:
                items = subjectkeys.page(connection, tenant, after=after or "", limit=limit + 1)
                return cut(items, limit, lambda subject: subject.subject)

        return Ok(await self._database.run(work))

    @override
    async def forget(
        self, subject: str, why: str | None = None, missing_ok: bool = False
    ) -> Result[Forgotten, ConflictError | InvalidInputError | MissingTenantError | NotFoundError]:
        tenant = require_tenant()
        if not subject:
            return Err(InvalidInputError(f"a subject must be text, not {subject!r}"))

        def work() -> Result[Forgotten, ConflictError | InvalidInputError | NotFoundError]:
            # Counting reads the whole log. It is done before, so that writers wait for the last few events only.
            upto = reading.last_position(self._database, tenant)
            with self._database.read(tenant) as connection:
                counted = subjectkeys.living(connection, tenant, subjectkeys.names_of(connection, tenant, subject))
                events = subjects.events_of(connection, tenant, counted, upto=upto)
            with self._database.write(tenant) as connection:
                done = self._done_before(connection, tenant, subject)
                if done is not None:
                    return done
                names = subjectkeys.names_of(connection, tenant, subject)
                keys = subjectkeys.living(connection, tenant, names)
                if not keys:
                    return self._nothing(connection, tenant, subject, names, missing_ok=missing_ok)
                if keys == counted:
                    events += subjects.events_of(connection, tenant, keys, after=upto)
                else:
                    events = subjects.events_of(connection, tenant, keys)
                now = self._clock.now_us()
                subjectkeys.destroy(connection, tenant, keys, now)
                names = sorted({key.subject for key in keys})
                event = NewEvent(_FORGOTTEN, {"subject": names, "keys": len(keys), "events": events})
                self._rules.change(connection, tenant, ID, lambda _: Ok(event), why=why).unwrap()
                return Ok(Forgotten(subject, events, len(keys), from_us(now)))

        forgotten = await self._database.run(work)
        if isinstance(forgotten, Err):
            return forgotten
        erased = await self._database.run(self._database.scrub)
        await self._database.run(lambda: self._follow(tenant))
        return Ok(replace(forgotten.value, erased=erased))

    def _follow(self, tenant: str) -> None:
        try:
            self._derived(tenant)
        except Exception:  # noqa: BLE001 - the key is gone, whatever happens to what was made with it
            _log.exception("what was derived from the events of %r follows only when it is next used", tenant)

    @override
    async def rewrap(self) -> Result[int, MissingTenantError]:
        tenant = require_tenant()

        def work() -> int:
            with self._database.write(tenant) as connection:
                changed = subjectkeys.rewrap(connection, tenant)
            self._database.scrub()
            return changed

        return Ok(await self._database.run(work))

    @override
    async def history(self) -> Result[tuple[PrivacyChange, ...], MissingTenantError]:
        tenant = require_tenant()

        def work() -> tuple[PrivacyChange, ...]:
            with self._database.read(tenant) as connection:
                return tuple(_audit(self._rules.replay(connection, tenant, ID)))

        return Ok(await self._database.run(work))

    def _done_before(
        self, connection: Connection, tenant: str, subject: str
    ) -> Result[Forgotten, ConflictError] | None:
        """The first answer again, for a call that comes again with its idempotency key."""
        key = current_scope().idempotency_key
        event = None if key is None else log.by_ids(connection, tenant, [key]).get(key)
        if event is None:
            return None
        if event.type != _FORGOTTEN or event.data["subject"] != subjectkeys.names_of(connection, tenant, subject):
            return Err(DuplicateEventError(event.id, "is an idempotency key that another change used"))
        return Ok(_forgotten(subject, event.data, event.recorded_at))

    @staticmethod
    def _nothing(
        connection: Connection, tenant: str, subject: str, names: list[str], *, missing_ok: bool
    ) -> Result[Forgotten, NotFoundError]:
        """The answer where no key is left: forgotten before, or never known."""
        known = subjectkeys.page(connection, tenant, names=names, limit=len(names) or 1) if names else []
        if known:
            return Ok(Forgotten(subject, at=max(one.forgotten_at for one in known if one.forgotten_at is not None)))
        if missing_ok:
            return Ok(Forgotten(subject))
        there = [one.subject for one in subjectkeys.page(connection, tenant, limit=_NEAR)]
        error = NotFoundError("subject", subject, there)
        error.add_note("only fields that a rule named when their event was stored can be forgotten: .rules().frame()")
        return Err(error)


def _forgotten(subject: str, data: Mapping[str, Json], at: datetime) -> Forgotten:
    events, keys = data["events"], data["keys"]
    if not isinstance(events, int) or not isinstance(keys, int):
        raise TypeError("an event of forgetting has numbers")
    return Forgotten(subject, events, keys, at)


def _evolve(state: Protection | None, event: StoredEvent) -> Protection:
    state = state or Protection()
    if event.type == _FORGOTTEN:
        return replace(state, epoch=state.epoch + 1, version=event.version)
    type, fields = str(event.data["type"]), event.data.get("fields")
    rules = {rule.type: rule for rule in state.rules if rule.type != type}
    if isinstance(fields, Mapping):
        rules[type] = Rule(type, {name: str(subject) for name, subject in fields.items()})
    return replace(state, rules=tuple(rules[type] for type in sorted(rules)), version=event.version)


def _audit(replay: Iterator[tuple[StoredEvent, Protection]]) -> Iterator[PrivacyChange]:
    before: dict[str, Rule] = {}
    for event, state in replay:
        after = {rule.type: rule for rule in state.rules}
        type = str(event.data.get("type"))
        why = event.metadata.get("why")
        yield Change(
            version=event.version,
            at=event.recorded_at,
            actor=str(event.metadata.get("actor")),
            change=event.type.removeprefix(f"{KIND}."),
            before=_words(before.get(type)),
            after=event.data if event.type == _FORGOTTEN else _words(after.get(type)),
            why=None if why is None else str(why),
            state=state,
        )
        before = after


def _words(rule: Rule | None) -> dict[str, Json]:
    return {} if rule is None else {rule.type: dict(rule.fields)}
