"""What an event class says of itself: which of its fields are personal, and which one names the person."""

import dataclasses
from collections.abc import Iterator
from typing import Annotated, get_args, get_origin, get_type_hints

from pydantic import BaseModel

from burgee.core.errors import InvalidInputError
from burgee.privacy.model import Personal, SubjectMark

EVENT = "__burgee_event__"
"""The attribute in which an event class has its type and schema version."""


def marked_type(cls: type) -> str:
    """The event type that a class stands for."""
    name = getattr(cls, EVENT, None)
    if not isinstance(name, tuple) or not name or not isinstance(name[0], str):
        hint = (
            f'decorate it with @burgee.event("order.placed"), or give the type: protect("order.placed", {cls.__name__})'
        )
        raise InvalidInputError(f"the class {cls.__name__} does not say which event type it is", hint=hint)
    return name[0]


def marked_fields(cls: type, subject: str | None) -> dict[str, str]:
    """The personal fields of a class, each with what names the person: `subject`, if given, else as marked."""
    marks = {name: list(_marks(hint)) for name, hint in _hints(cls).items()}
    personal = {name: mark for name, found in marks.items() for mark in found if isinstance(mark, Personal)}
    if not personal:
        hint = "mark them: email: Annotated[str, burgee.Personal]"
        raise InvalidInputError(f"no field of {cls.__name__} is marked as personal", hint=hint)
    for name, kind in _hints(cls).items():
        if name not in personal and (inner := _deeper(kind)):
            why = f"{cls.__name__}.{name} holds a personal field, {inner}, and only whole fields can be personal"
            raise InvalidInputError(why, hint=f"mark {name!r} itself: Annotated[…, burgee.Personal]")
    subjects = [name for name, found in marks.items() if any(isinstance(mark, SubjectMark) for mark in found)]
    return {name: subject or mark.of or _only(cls, subjects) for name, mark in personal.items()}


def _only(cls: type, subjects: list[str]) -> str:
    if len(subjects) == 1:
        return subjects[0]
    why = f"{len(subjects) or 'no'} fields of {cls.__name__} are marked as the subject; one is needed"
    hint = 'mark it: customer: Annotated[str, burgee.Subject], or say it: protect(…, subject="stream")'
    raise InvalidInputError(why, hint=hint)


def _hints(cls: type) -> dict[str, object]:
    if not dataclasses.is_dataclass(cls) and not issubclass(cls, BaseModel):
        raise InvalidInputError(f"{cls.__name__} is no dataclass and no pydantic model")
    names = cls.model_fields if issubclass(cls, BaseModel) else {field.name for field in dataclasses.fields(cls)}
    return {name: hint for name, hint in get_type_hints(cls, include_extras=True).items() if name in names}


def _marks(hint: object) -> Iterator[Personal | SubjectMark]:
    """The marks on an annotation, also those within a union (`Annotated[str, Personal] | None`)."""
    if get_origin(hint) is Annotated:
        for mark in get_args(hint)[1:]:
            if isinstance(mark, Personal | SubjectMark):
                yield mark
            elif mark is Personal or mark is SubjectMark:
                yield mark()
    for part in get_args(hint):
        yield from _marks(part)


def _deeper(hint: object) -> str | None:
    """A personal field inside the type of a field; it would be stored in the clear."""
    if isinstance(hint, type) and (dataclasses.is_dataclass(hint) or issubclass(hint, BaseModel)):
        for name, inner in _hints(hint).items():
            if any(isinstance(mark, Personal) for mark in _marks(inner)):
                return f"{hint.__name__}.{name}"
            if found := _deeper(inner):
                return found
    return next(filter(None, map(_deeper, get_args(hint))), None)
