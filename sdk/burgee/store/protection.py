"""The rules that say what is personal: read before every append, so in a room of their own and by a short way.

They are the state of one aggregate in the tenant's own log; the feature that changes them is `burgee.privacy`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from pydantic import TypeAdapter
from sqlalchemy import Connection, bindparam, select

from burgee.store.backend import Prepared
from burgee.store.schema import states

KIND, ID = "privacy", "tenant"
"""The aggregate that holds a tenant's rules."""

STREAM = "stream"
"""As a rule's subject: the name of the stream."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Which payload fields of an event type (exact, or a prefix ending in `*`) are personal.

    `fields` maps each field to what names the person: another field of the payload, or `stream`.
    """

    type: str
    fields: Mapping[str, str]

    def matches(self, type: str) -> bool:
        """Whether it is about this event type."""
        return type.startswith(self.type[:-1]) if self.type.endswith("*") else type == self.type


@dataclass(frozen=True, slots=True)
class Protection:
    """A tenant's rules by type, and how often it has forgotten somebody (`epoch`)."""

    rules: tuple[Rule, ...] = ()
    epoch: int = 0
    version: int = 0

    def fields(self, type: str) -> dict[str, str]:
        """The personal fields of an event type. Where rules disagree, the narrower one holds."""
        found: dict[str, str] = {}
        for rule in sorted(self.rules, key=lambda rule: (not rule.type.endswith("*"), len(rule.type))):
            if rule.matches(type):
                found |= rule.fields
        return found


_adapter = TypeAdapter(Protection)
_STATE = Prepared(
    select(states.c.data).where(
        states.c.tenant == bindparam("tenant"), states.c.kind == bindparam("kind"), states.c.id == bindparam("id")
    )
)


def protection(connection: Connection, tenant: str) -> Protection:
    """The rules of a tenant as they are now."""
    row = _STATE.row(connection, {"tenant": tenant, "kind": KIND, "id": ID})
    return parsed(None if row is None else row[0])


def parsed(text: object) -> Protection:
    """The rules as their state says; none where there is none."""
    return _NO_RULES if text is None else _parsed(str(text))


@lru_cache(maxsize=256)
def _parsed(text: str) -> Protection:
    return _adapter.validate_json(text)


_NO_RULES = Protection()
