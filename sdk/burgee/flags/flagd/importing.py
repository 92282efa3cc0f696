"""flagd's flag definitions, read: each flag as what makes it here, or why it can't be said.

What they are made of: flagd.dev/schema/v0/flags.json. flagd never asks for a rollout of everybody, so a flag that came
from there has none (0 %): all it serves is said by rules.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import override

from burgee.core.display import Sheet
from burgee.core.errors import InvalidInputError, UnreadableFileError
from burgee.core.json import Json, dumps, loads
from burgee.core.listing import Listing
from burgee.core.page import Page
from burgee.flags.changing.asks import FlagSpec
from burgee.flags.changing.rules import check_key, make_condition
from burgee.flags.flagd.conditions import operation
from burgee.flags.flagd.saying import Reading, UnsayableError
from burgee.flags.flagd.targeting import rules_of

MADE, THERE, REFUSED = "made", "there already", "refused"

type Source = str | os.PathLike[str] | Mapping[str, Json]
"""A file, the text of one, or what it says."""

_FORM = "a definition is an object with 'flags': flagd.dev/schema/v0/flags.json"
_FIELDS = {"key", "state", "variants", "defaultVariant", "targeting", "metadata"}
_DESCRIPTION = "description"


@dataclass(frozen=True, slots=True)
class Read:
    """One flag of a definition: what makes it, or why it can't be said; and what is not quite the same here."""

    key: str
    spec: FlagSpec | None
    refused: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of one flag: `made`, `there already` (and left as it was), or `refused`."""

    flag: str
    done: str
    why: str | None = None
    notes: tuple[str, ...] = ()


class FlagdImport(Listing[Imported]):
    """What became of each flag of a definition. Frame: `flag, done, why, notes`.

    `why` says what could not be said, so why the flag was refused; `notes` what is not quite the same here.
    """

    __slots__ = ()
    columns = ("flag", "done", "why", "notes")

    def __init__(self, imported: Sequence[Imported]) -> None:
        super().__init__(Page(tuple(imported), None))

    @property
    def made(self) -> list[str]:
        """The keys of the flags that were made."""
        return [one.flag for one in self._items if one.done == MADE]

    @property
    def refused(self) -> dict[str, str]:
        """Why, by the key of each flag that was refused."""
        return {one.flag: one.why or "" for one in self._items if one.done == REFUSED}

    @override
    def __iter__(self) -> Iterator[Imported]:
        return super().__iter__()

    @override
    def _row(self, item: Imported) -> Mapping[str, object]:
        return {"flag": item.flag, "done": item.done, "why": item.why, "notes": "; ".join(item.notes)}

    @override
    def _sheet(self) -> Sheet:
        rows = [list(self._row(item).values()) for item in self._items]
        return Sheet("Flags of a flagd definition", list(self.columns), rows, self._words())

    @override
    def __repr__(self) -> str:
        return f"<FlagdImport: {self._words()}>"

    def _words(self) -> str:
        done = [one.done for one in self._items]
        return ", ".join(f"{done.count(what)} {what}" for what in (MADE, THERE, REFUSED) if what in done) or "no flags"


def read_flagd(source: Source, attributes: Mapping[str, str] | None = None) -> list[Read]:
    """The flags of a definition, in its order.

    Args:
        source: a file, the text of one, or what it says.
        attributes: names of flagd's attributes with the names they have here.

    Raises:
        InvalidInputError: it is no definition.
        UnreadableFileError: there is no such file, or it holds no JSON.
    """
    definition = _definition(source)
    names = _names(attributes)
    shared = definition.get("$evaluators") or {}
    if not isinstance(shared, Mapping):
        raise InvalidInputError(f"'$evaluators' is an object, not {shared!r:.100}", hint=_FORM)
    return [_read(key, flag, shared, names) for key, flag in _flags(definition)]


def _read(key: str, flag: Json, shared: Mapping[str, Json], names: Mapping[str, str]) -> Read:
    reading = Reading(key, names)
    try:
        spec = _spec(flag, shared, reading)
    except (UnsayableError, InvalidInputError) as error:
        return Read(key, None, str(error))
    except RecursionError:
        return Read(key, None, "its targeting lies too deep")
    return Read(key, spec, None, tuple(reading.notes))


def _spec(flag: Json, shared: Mapping[str, Json], reading: Reading) -> FlagSpec:
    check_key(reading.key)
    if not isinstance(flag, Mapping):
        raise UnsayableError(f"it is {flag!r:.100}, not an object")
    state = flag.get("state", "ENABLED")
    if state not in {"ENABLED", "DISABLED"}:
        raise UnsayableError(f"its state is {state!r:.100}, neither 'ENABLED' nor 'DISABLED'")
    variants = flag.get("variants")
    if not isinstance(variants, Mapping) or not variants:
        raise UnsayableError(f"its variants are {variants!r:.100}; flagd has an object of names and values")
    default = _default(flag, variants)
    rules = rules_of(_resolved(flag.get("targeting"), shared), list(variants), default, reading)
    served = default if default is not None else next(iter(variants))
    if state == "DISABLED":
        reading.note(f"while it is off, flagd leaves the answer to the caller; here {served!r} is served")
    for name in flag.keys() - _FIELDS:
        reading.note(f"its {name!r} is not kept")
    return FlagSpec(
        variants={name: 100.0 if name == served else 0.0 for name in variants},
        values=variants,
        default=served,
        rollout=0.0,
        enabled=state == "ENABLED",
        description=_description(flag.get("metadata"), reading),
        rules=rules,
    )


def _default(flag: Mapping[str, Json], variants: Mapping[str, Json]) -> str | None:
    default = flag.get("defaultVariant")
    if default is None or default == "":
        return None
    if not isinstance(default, str) or default not in variants:
        raise UnsayableError(f"its default variant {default!r:.100} is none of {', '.join(map(repr, variants))}")
    return default


def _description(metadata: Json, reading: Reading) -> str:
    if metadata is None:
        return ""
    if not isinstance(metadata, Mapping):
        raise UnsayableError(f"its metadata are {metadata!r:.100}, not an object")
    description = metadata.get(_DESCRIPTION, "")
    kept = {_DESCRIPTION} if isinstance(description, str) else set()
    for name in sorted(metadata.keys() - kept):
        reading.note(f"its metadata {name!r} are not kept; only a description is")
    return description if isinstance(description, str) else ""


def _resolved(node: Json, shared: Mapping[str, Json], path: tuple[str, ...] = ()) -> Json:
    """A tree with the shared evaluators that it refers to in their places."""
    if isinstance(node, Mapping):
        if "$ref" not in node:
            return {name: _resolved(inner, shared, path) for name, inner in node.items()}
        name = operation(node)[1][0]
        if not isinstance(name, str) or name not in shared:
            there = ", ".join(map(repr, shared)) or "none"
            raise UnsayableError(f"it refers to the evaluator {name!r:.100}; the evaluators are: {there}")
        if name in path:
            raise UnsayableError(f"the evaluator {name!r} refers to itself: {' -> '.join([*path, name])}")
        return _resolved(shared[name], shared, (*path, name))
    if isinstance(node, Sequence) and not isinstance(node, str):
        return [_resolved(inner, shared, path) for inner in node]
    return node


def _flags(definition: Mapping[str, Json]) -> Iterator[tuple[str, Json]]:
    flags = definition.get("flags")
    if isinstance(flags, Mapping):
        yield from flags.items()
        return
    if not isinstance(flags, Sequence) or isinstance(flags, str):
        raise InvalidInputError(f"this is no definition of flagd's: its flags are {flags!r:.100}", hint=_FORM)
    for number, flag in enumerate(flags, 1):
        key = flag.get("key") if isinstance(flag, Mapping) else None
        if not isinstance(key, str):
            raise InvalidInputError(f"flag {number} of the definition has the key {key!r:.100}", hint=_FORM)
        yield key, flag


def _names(attributes: object) -> dict[str, str]:
    if attributes is None:
        return {}
    if not isinstance(attributes, Mapping):
        raise InvalidInputError(
            f"attributes are given as names of flagd's with names here, not as {attributes!r:.100}",
            hint="e.g. {'user.email': 'email'}",
        )
    for name, here in attributes.items():
        if not isinstance(name, str):
            raise InvalidInputError(f"an attribute is named by text, not by {name!r:.100}")
        make_condition(here, "exists")
    return dict(attributes)


def _definition(source: Source) -> Mapping[str, Json]:
    if isinstance(source, Mapping):
        made = loads(dumps(source, what="definition", sort=False))
    elif isinstance(source, str) and source.lstrip().startswith(("{", "[")):
        made = _parsed(source, "the definition")
    elif isinstance(source, str | os.PathLike):
        made = _parsed(_text(source), str(source))
    else:
        raise InvalidInputError(f"a definition is a file, text or an object, not {type(source).__name__}", hint=_FORM)
    if not isinstance(made, Mapping):
        raise InvalidInputError(f"this is no definition of flagd's but {made!r:.100}", hint=_FORM)
    return made


def _text(path: str | os.PathLike[str]) -> str:
    try:
        return Path(path).expanduser().read_text("utf-8-sig")
    except (OSError, ValueError) as error:
        raise UnreadableFileError(str(path), str(error)) from None


def _parsed(text: str, name: str) -> Json:
    try:
        return loads(text)
    except (ValueError, RecursionError) as error:
        raise UnreadableFileError(name, f"it holds no JSON: {error}") from None
