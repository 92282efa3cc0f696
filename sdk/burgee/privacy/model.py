"""The words of privacy, as frozen values. Those that the log itself speaks are made in `store`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from burgee.core.checks import need_mapping, need_text
from burgee.core.errors import InvalidInputError
from burgee.core.history import Change
from burgee.store.log import check_name
from burgee.store.protection import STREAM, Protection, Rule
from burgee.store.subjectkeys import Subject

__all__ = [
    "STREAM",
    "Forgotten",
    "Personal",
    "PersonalField",
    "PrivacyChange",
    "Protection",
    "Rule",
    "Subject",
    "SubjectMark",
    "check_rule",
]


@dataclass(frozen=True, slots=True)
class Personal:
    """Marks a field of an event class as personal: `email: Annotated[str, burgee.Personal]`.

    `of` names the field that says whose it is, e.g. `Annotated[str, burgee.Personal("recipient")]`; not needed
    where one field is marked `burgee.Subject`.
    """

    of: str | None = None


@dataclass(frozen=True, slots=True)
class SubjectMark:
    """Marks the field of an event class whose value names the person: `customer: Annotated[str, burgee.Subject]`."""


@dataclass(frozen=True, slots=True)
class PersonalField:
    """One personal field: of which event type, and what names the person (a payload field, or `stream`)."""

    type: str
    field: str
    subject: str


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What forgetting a subject did.

    Attributes:
        subject: who, as it was asked.
        events: how many events lost personal fields by it.
        keys: how many keys were destroyed; 0 if there was nothing (more) to forget.
        at: when it was done; of a subject forgotten before, when that was.
        erased: whether the keys' bytes are out of the database's files, too. False where somebody is reading:
            call it again later, or close the workspace.
    """

    subject: str
    events: int = 0
    keys: int = 0
    at: datetime | None = None
    erased: bool = True


type PrivacyChange = Change[Protection]


def check_rule(type: object, fields: object) -> Rule:
    """A rule that can be kept."""
    name = check_name("event type", type)
    if "*" in name[:-1]:
        hint = "write it like order.placed, order.* or *"
        raise InvalidInputError(f"{name!r} is no event type and no prefix: the * comes last", hint=hint)
    need_mapping("the personal fields", fields)
    if not isinstance(fields, Mapping) or not fields:
        raise InvalidInputError("a rule names one personal field or more", hint='fields=["email", "address"]')
    for field, subject in fields.items():
        need_text("a personal field", field)
        need_text("a subject", subject)
    return Rule(name, dict(sorted(fields.items())))
