"""The keys of subjects: one for each person and tenant, made when first needed and destroyed for good.

A subject is written by its name only where the name stands in the event anyway; else by a hash of it that is
keyed with a secret of the tenant, so that it can't be guessed from the log. Once a key is destroyed, the subject
gets another one (the next generation) as soon as something new is said of it.
"""

import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import batched
from typing import TYPE_CHECKING

from sqlalchemy import Connection, bindparam, delete, func, insert, select, tuple_, update

from burgee.core.clock import from_us
from burgee.store.schema import projections, snapshots, subjects
from burgee.store.vault import Vault, new_key

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESSIV

VAULT = "burgee_vault"
"""The execution option that carries a database's vault to its connections."""

STALE = "stale"
"""The status of a projection that must be rebuilt, since it may hold what was forgotten."""

_HIDDEN = "hidden:"
_LONGEST_NAME = 200  # a longer subject is hashed
_AT_ONCE = 400  # bound parameters of one statement
_PEPPER = ""  # where the tenant's secret lies: no subject has that name
_EMPTY = Vault()
_KEYS = select(subjects.c.subject, subjects.c.generation, subjects.c.key).where(
    subjects.c.tenant == bindparam("tenant"),
    subjects.c.generation > 0,
    subjects.c.subject.in_(bindparam("names", expanding=True)),
)


@dataclass(frozen=True, slots=True)
class Subject:
    """A person there are, or were, keys for. `generation` counts the keys; a forgotten one has none left."""

    subject: str
    generation: int
    since: datetime
    forgotten: bool
    forgotten_at: datetime | None


@dataclass(frozen=True, slots=True)
class Key:
    """Which key: whose, and which of theirs."""

    subject: str
    generation: int


def names_of(connection: Connection, tenant: str, subject: str) -> list[str]:
    """The names under which a subject may have keys: its own, the hash of it, or the hash as it was shown."""
    names = [subject, Namer(connection, tenant).hidden(subject)]
    found = connection.scalars(
        select(subjects.c.subject)
        .distinct()
        .where(subjects.c.tenant == tenant, subjects.c.subject.in_(names), subjects.c.generation > 0)
    )
    return sorted(found)


def living(connection: Connection, tenant: str, names: Iterable[str]) -> list[Key]:
    """The keys of these subjects that are not destroyed."""
    rows = connection.execute(
        select(subjects.c.subject, subjects.c.generation)
        .where(subjects.c.tenant == tenant, subjects.c.subject.in_(list(names)))
        .where(subjects.c.generation > 0, subjects.c.key.is_not(None))
        .order_by(subjects.c.subject)
    )
    return [Key(subject, generation) for subject, generation in rows]


def destroy(connection: Connection, tenant: str, keys: Sequence[Key], now: int) -> None:
    """Empty the keys, and with them what was derived: snapshots go, projections are marked to be rebuilt.

    The revision of the projections moves on, so that a run under way can't store what it read before.
    """
    connection.execute(
        update(subjects)
        .where(subjects.c.tenant == tenant)
        .where(tuple_(subjects.c.subject, subjects.c.generation).in_([(key.subject, key.generation) for key in keys]))
        .values(key=None, forgotten_at=now)
    )
    connection.execute(delete(snapshots).where(snapshots.c.tenant == tenant))
    connection.execute(
        update(projections)
        .where(projections.c.tenant == tenant)
        .values(status=STALE, state="null", error=None, revision=projections.c.revision + 1, updated_at=now)
    )


def page(
    connection: Connection, tenant: str, *, names: Iterable[str] | None = None, after: str = "", limit: int
) -> list[Subject]:
    """The subjects by name, those behind `after`."""
    c = subjects.c
    query = select(
        c.subject, func.max(c.generation), func.min(c.created_at), func.count(c.key), func.max(c.forgotten_at)
    ).where(c.tenant == tenant, c.generation > 0, c.subject > after)
    if names is not None:
        query = query.where(c.subject.in_(list(names)))
    rows = connection.execute(query.group_by(c.subject).order_by(c.subject).limit(limit))
    return [
        Subject(name, generation, from_us(since), not alive, None if at is None else from_us(at))
        for name, generation, since, alive, at in rows
    ]


def rewrap(connection: Connection, tenant: str) -> int:
    """Wrap every key anew that is not wrapped as the vault would do it today; how many."""
    vault = _vault(connection)
    c = subjects.c
    rows = connection.execute(
        select(c.subject, c.generation, c.key).where(c.tenant == tenant, c.key.is_not(None))
    ).all()
    old = [row for row in rows if not vault.is_current(row.key)]
    for row in old:
        key = vault.unwrap(row.key, tenant, row.subject, str(row.generation))
        where = (c.tenant == tenant, c.subject == row.subject, c.generation == row.generation)
        wrapped = vault.wrap(key, tenant, row.subject, str(row.generation))
        connection.execute(update(subjects).where(*where).values(key=wrapped))
    return len(old)


class Namer:
    """Says under which name a subject's keys are stored."""

    __slots__ = ("_connection", "_now", "_pepper", "_tenant")

    def __init__(self, connection: Connection, tenant: str, now: int | None = None) -> None:
        self._connection = connection
        self._tenant = tenant
        self._now = now
        self._pepper: bytes | None = None

    def stored(self, subject: str, *, known: bool) -> str:
        """Its own name if that stands in the event anyway (`known`) and is a short one; else the hash of it."""
        plain = known and len(subject) <= _LONGEST_NAME and subject.isprintable() and not subject.startswith(_HIDDEN)
        return subject if plain else self.hidden(subject)

    def hidden(self, subject: str) -> str:
        """The hash of a subject, keyed with the tenant's secret."""
        if self._pepper is None:
            self._pepper = self._secret()
        return _HIDDEN + hmac.digest(self._pepper, subject.encode(), "sha256")[:16].hex()

    def _secret(self) -> bytes:
        c, owner = subjects.c, (self._tenant, _PEPPER, "0")
        where = (c.tenant == self._tenant, c.subject == _PEPPER, c.generation == 0)
        stored = self._connection.scalar(select(c.key).where(*where))
        vault = _vault(self._connection)
        if stored is not None:
            return vault.unwrap(stored, *owner)
        secret = new_key()
        if self._now is not None:  # where nothing is stored, no hash leads anywhere
            row = {"key": vault.wrap(secret, *owner), "created_at": self._now}
            self._connection.execute(insert(subjects).values(tenant=self._tenant, subject=_PEPPER, generation=0, **row))
        return secret


def sealing_ciphers(
    connection: Connection, tenant: str, names: set[str], now: int
) -> "tuple[dict[str, Key], dict[Key, AESSIV]]":
    """The key that seals for each subject; a new one where there is none, or none any more."""
    from cryptography.hazmat.primitives.ciphers.aead import AESSIV

    vault = _vault(connection)
    newest = {
        key.subject: (key, stored) for key, stored in sorted(_stored(connection, tenant, names).items(), key=_age)
    }
    keys: dict[str, Key] = {}
    ciphers: dict[Key, AESSIV] = {}
    made = []
    for name in sorted(names):
        key, stored = newest.get(name, (Key(name, 0), None))
        if stored is None:
            key, secret = Key(name, key.generation + 1), new_key()
            wrapped = vault.wrap(secret, tenant, name, str(key.generation))
            made.append({"tenant": tenant, "subject": name, "generation": key.generation, "key": wrapped})
        else:
            secret = vault.unwrap(stored, tenant, name, str(key.generation))
        keys[name] = key
        ciphers[key] = AESSIV(secret)
    if made:
        connection.execute(insert(subjects), [{**row, "created_at": now} for row in made])
    return keys, ciphers


def opening_ciphers(connection: Connection, tenant: str, keys: set[Key]) -> "dict[Key, AESSIV | None]":
    """What opens with each key that is known; none for one that is forgotten."""
    from cryptography.hazmat.primitives.ciphers.aead import AESSIV

    vault = _vault(connection)
    found = _stored(connection, tenant, {key.subject for key in keys})
    return {
        key: None if stored is None else AESSIV(vault.unwrap(stored, tenant, key.subject, str(key.generation)))
        for key, stored in found.items()
        if key in keys
    }


def _stored(connection: Connection, tenant: str, names: set[str]) -> dict[Key, bytes | None]:
    found: dict[Key, bytes | None] = {}
    for some in batched(sorted(names), _AT_ONCE, strict=False):
        rows = connection.execute(_KEYS, {"tenant": tenant, "names": some})
        found.update((Key(subject, generation), key) for subject, generation, key in rows)
    return found


def _age(item: tuple[Key, bytes | None]) -> int:
    return item[0].generation


def _vault(connection: Connection) -> Vault:
    vault = connection.get_execution_options().get(VAULT)
    return vault if isinstance(vault, Vault) else _EMPTY
