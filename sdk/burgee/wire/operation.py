"""What a protocol says of itself: `@operation` marks a method with its HTTP method and path.

From the method's signature everything else follows. Parameters named in the path travel there; an
Arrow reader or `Octets` travel as the request's body; the others travel in the query string (GET, DELETE)
or as fields of a JSON object (POST, PUT, PATCH). The answer is `Result[T, E]`: `T` as JSON, as an Arrow
stream where it is a reader, as server-sent events where it is a `Stream[T]`, or as plain bytes where it is
`Octets` (of which `start` and `stop` take a part: the Range header); each class in `E` by its status.
`mount` makes routes of this, `remote` makes a client, and neither knows any protocol by name.
"""

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from types import NoneType, UnionType
from typing import Literal, TypeAliasType, Union, get_args, get_origin, get_type_hints

import pyarrow as pa
from pydantic import TypeAdapter

from burgee.core.errors import BurgeeError
from burgee.core.result import Result
from burgee.wire.octets import Octets
from burgee.wire.stream import Stream

type Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
type Place = Literal["path", "query", "body", "arrow", "octets", "range"]

API = "/v1"
"""What every path begins with."""

AFTER = "after"
"""The parameter that says from where a stream goes on."""

RANGE = ("start", "stop")
"""The parameters that say which part of the bytes is wanted."""

_CONTENTS: dict[object, Place] = {pa.RecordBatchReader: "arrow", Octets: "octets"}
_MARK = "__burgee_operation__"


@dataclass(frozen=True)
class Parameter:
    """One parameter of an operation, and where it travels."""

    name: str
    annotation: object
    place: Place
    default: object = inspect.Parameter.empty

    @property
    def required(self) -> bool:
        """Whether the caller must give it."""
        return self.default is inspect.Parameter.empty

    @cached_property
    def adapter(self) -> TypeAdapter[object]:
        """Turns it to JSON and back."""
        return _adapter(self.annotation)

    @property
    def is_document(self) -> bool:
        """Whether it is a mapping, which in a query string is JSON text."""
        return any(get_origin(part) is Mapping for part in (self.annotation, *get_args(self.annotation)))


@dataclass(frozen=True)
class Operation:
    """One method of a protocol, as both sides of HTTP read it."""

    name: str
    method: Method
    path: str
    repeatable: bool
    parameters: tuple[Parameter, ...]
    answer: object
    errors: tuple[type[BurgeeError], ...]
    doc: str

    @property
    def gives_arrow(self) -> bool:
        """Whether the answer is an Arrow stream."""
        return self.answer is pa.RecordBatchReader

    @property
    def gives_octets(self) -> bool:
        """Whether the answer is plain bytes."""
        return self.answer is Octets

    @property
    def gives_stream(self) -> bool:
        """Whether the answer is a stream; it is taken up again from a position, as the parameter `after`."""
        return get_origin(self.answer) is Stream

    @property
    def item(self) -> object:
        """What travels as JSON: the answer, or each item of the stream."""
        return get_args(self.answer)[0] if self.gives_stream else self.answer

    @cached_property
    def adapter(self) -> TypeAdapter[object]:
        """Turns that to JSON and back."""
        return _adapter(self.item)

    def at(self, place: Place) -> tuple[Parameter, ...]:
        """The parameters that travel there."""
        return tuple(parameter for parameter in self.parameters if parameter.place == place)


def operation[F: Callable[..., object]](
    method: Method, path: str, *, repeatable: bool | None = None
) -> Callable[[F], F]:
    """Mark a protocol's method. `repeatable`: a second time does no harm, so a lost answer may be asked for again.

    GET, PUT and DELETE are repeatable unless said otherwise; a POST is where its service knows a call
    it has seen (by event ids or by the idempotency key of the scope), or where it only asks.
    """
    safe = method in {"GET", "PUT", "DELETE"} if repeatable is None else repeatable

    def mark(function: F) -> F:
        setattr(function, _MARK, (method, path, safe))
        return function

    return mark


def operations(protocol: type) -> tuple[Operation, ...]:
    """The operations of a protocol, in the order they are written."""
    return _operations(protocol)


@cache
def _operations(protocol: type) -> tuple[Operation, ...]:
    marked = [(name, item) for name, item in vars(protocol).items() if hasattr(item, _MARK)]
    return tuple(_read(name, function) for name, function in marked)


def _adapter(annotation: object) -> TypeAdapter[object]:
    return TypeAdapter(annotation)  # type: ignore[arg-type] # an annotation, but read at run time


def _read(name: str, function: Callable[..., object]) -> Operation:
    method, path, repeatable = getattr(function, _MARK)
    hints = get_type_hints(function, include_extras=True)
    in_path = set(re.findall(r"{(\w+)}", path))
    rest: Place = "query" if method in {"GET", "DELETE"} else "body"
    given = list(inspect.signature(function).parameters.values())[1:]
    has_content = any(hints[parameter.name] in _CONTENTS for parameter in given)
    answer, errors = _result(name, hints["return"])

    def place(parameter: inspect.Parameter) -> Place:
        if parameter.name in in_path:
            return "path"
        if hints[parameter.name] in _CONTENTS:
            return _CONTENTS[hints[parameter.name]]
        if answer is Octets and parameter.name in RANGE:
            return "range"
        return "query" if has_content else rest  # the body is taken by the content

    parameters = tuple(
        Parameter(parameter.name, hints[parameter.name], place(parameter), parameter.default) for parameter in given
    )
    doc = inspect.getdoc(function) or ""
    read = Operation(name, method, API + path, repeatable, parameters, answer, errors, doc)
    if read.gives_stream and AFTER not in hints:
        raise TypeError(f"operation {name!r} answers a stream, so it must take {AFTER!r}: the position to go on from")
    return read


def _result(name: str, annotation: object) -> tuple[object, tuple[type[BurgeeError], ...]]:
    if get_origin(annotation) is not Result:
        raise TypeError(f"operation {name!r} must answer Result[T, E], not {annotation!r}")
    answer, errors = get_args(annotation)
    return answer, tuple(dict.fromkeys(_classes(errors)))


def _classes(annotation: object) -> list[type[BurgeeError]]:
    if isinstance(annotation, TypeAliasType):
        return _classes(annotation.__value__)
    if get_origin(annotation) in {Union, UnionType}:
        return [one for part in get_args(annotation) for one in _classes(part)]
    if isinstance(annotation, type) and issubclass(annotation, BurgeeError):
        return [annotation]
    if annotation is NoneType:
        return []
    raise TypeError(f"{annotation!r} is no class of burgee's errors")
