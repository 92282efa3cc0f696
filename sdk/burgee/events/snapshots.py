"""When to keep the state of an aggregate beside its stream, and what of it is kept.

A snapshot is sealed with a hash of its content and its class: the fields, the code of its methods, the versions
of its events. One whose seal does not fit is broken or of another class: it is not used, the stream is replayed.
"""

import dataclasses
import hashlib
import logging
from collections.abc import Callable, Iterator
from types import CodeType
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticSchemaGenerationError
from pydantic_core import PydanticSerializationError

from burgee.core.errors import InvalidInputError
from burgee.core.json import dumps, loads
from burgee.events.aggregate import Aggregate, placed
from burgee.events.model import Snapshot
from burgee.store import registry

type Policy = int | Callable[[Any, int], bool] | None
"""Every so many events; a function of the aggregate and the events since the last one; or never."""

_log = logging.getLogger("burgee.events")


class Snapshots[A: Aggregate[Any]]:
    """How the states of one class become snapshots, and come back."""

    def __init__(self, kind: type[A], policy: Policy) -> None:
        wrong_number = not isinstance(policy, int) or isinstance(policy, bool) or policy < 1
        if policy is not None and not callable(policy) and wrong_number:
            hint = "give a number of events, a function of aggregate and events since the last one, or None for never"
            raise InvalidInputError(f"snapshots can't be {policy!r}", hint=hint)
        self.name = kind.__name__
        self._kind = kind
        self._policy = policy
        if policy is None:
            return
        try:
            self._adapter: TypeAdapter[A] = TypeAdapter(kind)
            self._print = _print(kind, self._adapter)
        except (PydanticSchemaGenerationError, PydanticSerializationError) as error:
            why = str(error).partition("\n")[0]
            hint = "give its fields types that pydantic knows, or snapshots=None"
            raise InvalidInputError(f"no snapshots can be made of {kind.__name__}: {why}", hint=hint) from None

    @property
    def on(self) -> bool:
        """Whether there are any."""
        return self._policy is not None

    def due(self, aggregate: A) -> bool:
        """Whether one is to be kept now."""
        since = aggregate.version - aggregate._kept  # noqa: SLF001 - what only repositories need to know
        if callable(self._policy):
            return since > 0 and bool(self._policy(aggregate, since))
        return self._policy is not None and since >= self._policy

    def make(self, aggregate: A) -> Snapshot | None:
        """The snapshot, if the state comes back from it as it is; if not, none, and the log says so."""
        try:
            text = self._adapter.dump_json(aggregate, warnings="error").decode()
            same = self._adapter.validate_json(text) == aggregate
        except (PydanticSerializationError, ValidationError):
            same = False
        if not same:
            _log.warning(
                "no snapshot of %s %r: its fields do not hold what they are declared to", self.name, aggregate.stream
            )
            return None
        return Snapshot(aggregate.version, dumps({"seal": self._seal(text), "state": text}))

    def read(self, stream: str, snapshot: Snapshot) -> A | None:
        """The aggregate again; none where the snapshot is of another class, or broken."""
        try:
            found = loads(snapshot.data)
            text = str(found.get("state")) if isinstance(found, dict) else ""
            if not isinstance(found, dict) or found.get("seal") != self._seal(text):
                return None
            state = self._adapter.validate_json(text)
        except ValueError:  # a ValidationError is one, too
            return None
        return placed(state, stream=stream, version=snapshot.version, _kept=snapshot.version)

    def _seal(self, text: str) -> str:
        return _hash(self._print, text)


def _print[A: Aggregate[Any]](kind: type[A], adapter: TypeAdapter[A]) -> str:
    """What tells this class from what it was before and from others."""
    parts: list[object] = [kind.__qualname__, kind.snapshot_version, adapter.dump_json(kind()).decode()]
    parts += [(field.name, str(field.type)) for field in dataclasses.fields(kind)]  # type: ignore[arg-type] # subclasses of Aggregate are dataclasses
    parts += [(name, registry.latest(name)) for name in kind.kinds.names()]
    for parent in kind.__mro__:
        if parent is Aggregate:
            break
        parts += [(name, *_code(code)) for name, code in sorted(_methods(parent))]
    return _hash(*map(repr, parts))


def _hash(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:32]


def _methods(kind: type) -> Iterator[tuple[str, CodeType]]:
    for name, item in vars(kind).items():
        function = getattr(item, "fget", None) or getattr(item, "__func__", item)
        code = getattr(function, "__code__", None)
        if isinstance(code, CodeType) and not name.startswith("__"):  # those dataclasses make
            yield name, code


def _code(code: CodeType) -> Iterator[object]:
    """What a function does, without where it is written."""
    yield from (code.co_code, code.co_names, code.co_varnames)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield tuple(_code(constant))
        else:
            yield sorted(map(repr, constant)) if isinstance(constant, frozenset) else repr(constant)
