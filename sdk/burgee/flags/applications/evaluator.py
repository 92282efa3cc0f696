"""The evaluator: the flags of a tenant in an application's memory, kept up to date in the background."""

import dataclasses
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, cast, override

from burgee.core.display import Sheet, Shown
from burgee.core.errors import InvalidInputError
from burgee.core.json import Json
from burgee.flags.applications.exposures import ExposureRecorder
from burgee.flags.applications.keeping import Keeper, Listener
from burgee.flags.applications.snapshot import ErrorCode, Snapshot
from burgee.flags.model import Evaluation, Reason

type Attributes = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Kind[T]:
    """A kind of values that a flag may serve."""

    words: str
    types: tuple[type, ...]
    value: type[T]

    def fits(self, value: object) -> bool:
        """Whether a value is of this kind. A truth value is no number."""
        return isinstance(value, self.types) and (self.value is bool or not isinstance(value, bool))


BOOLEAN: Kind[bool] = Kind("a truth value", (bool,), bool)
TEXT: Kind[str] = Kind("a text", (str,), str)
WHOLE: Kind[int] = Kind("a whole number", (int,), int)
NUMBER: Kind[float] = Kind("a number", (int, float), float)
STRUCTURE: Kind[Any] = Kind("an object or array", (Mapping, list, tuple), object)


@dataclass(frozen=True, slots=True)
class Resolved[T]:
    """An evaluation, with what went wrong in OpenFeature's words (if something did) and the version that was asked."""

    evaluation: Evaluation[T]
    code: ErrorCode | None
    version: int | None


class FlagEvaluator[TContext](Shown):
    """Evaluates flags without asking anybody: `evaluator.evaluate("checkout", {"id": "u1"})`.

    A context is a mapping of attributes, a pydantic model or a dataclass. All threads may use it at once. When the
    source of flags is away, it goes on with what it has: reasons stay what they were, and `stale` and `age` tell.
    """

    def __init__(self, keeper: Keeper, recorder: ExposureRecorder | None = None) -> None:
        self._keeper = keeper
        self._recorder = recorder
        self._end = weakref.finalize(self, _close, keeper, recorder)

    def evaluate(self, key: str, context: TContext, default: Json = None) -> Evaluation[Json]:
        """What the flag of that key serves to a context, and why. Never raises.

        `default` is the value where the flag can't be asked (there is none of that key, say): `reason` is `ERROR` then,
        and `error` tells why.
        """
        snapshot = self._keeper.snapshot
        attributes = attributes_of(context)
        answer = snapshot.evaluate(key, attributes, default)
        if self._recorder is not None:
            self._recorder.note(answer, attributes, snapshot.version(answer.flag))
        return answer

    def boolean(self, key: str, context: TContext, default: bool) -> Evaluation[bool]:
        """The same for a flag that serves truth values; `default`, and why, where it serves anything else."""
        return self.resolve(key, context, default, BOOLEAN).evaluation

    def text(self, key: str, context: TContext, default: str) -> Evaluation[str]:
        """The same for a flag that serves texts."""
        return self.resolve(key, context, default, TEXT).evaluation

    def number(self, key: str, context: TContext, default: float) -> Evaluation[float]:
        """The same for a flag that serves numbers, whole ones among them."""
        return self.resolve(key, context, default, NUMBER).evaluation

    def json(self, key: str, context: TContext, default: Json) -> Evaluation[Json]:
        """The same for a flag that serves JSON objects or arrays."""
        return self.resolve(key, context, default, STRUCTURE).evaluation

    def variant(self, key: str, context: TContext) -> str | None:
        """The name of the variant that is served; None where the flag can't be asked."""
        return self.evaluate(key, context).variant

    def evaluate_all(self, context: TContext) -> dict[str, Evaluation[Json]]:
        """What every flag that is not archived serves to a context, by key. No exposures are recorded."""
        return self._keeper.snapshot.evaluate_all(attributes_of(context))

    def snapshot(self) -> Snapshot:
        """The flags as they are known now: what is asked of it fits together, whatever changes meanwhile."""
        return self._keeper.snapshot

    @property
    def ready(self) -> bool:
        """Whether flags have been fetched at all."""
        return self._keeper.snapshot.ready

    @property
    def stale(self) -> bool:
        """Whether the source of flags can't be asked at the moment, so that they may have changed unseen."""
        return self._keeper.stale

    @property
    def age(self) -> float:
        """Seconds since the flags were known to be what the source has; infinite if they never were."""
        return self._keeper.age

    @property
    def trouble(self) -> Exception | None:
        """Why the source can't be asked, while that is so and known."""
        return self._keeper.trouble

    @property
    def exposures(self) -> ExposureRecorder | None:
        """What records exposures, if they are recorded."""
        return self._recorder

    @property
    def closed(self) -> bool:
        """Whether it is kept up to date no more."""
        return self._keeper.closed

    def refresh(self) -> Self:
        """Fetch the flags now. Raises what stands in the way; what was known stays then."""
        if self._keeper.closed:
            raise InvalidInputError("the evaluator is closed", hint="make another one: acme.flags.evaluator()")
        self._keeper.fetch()
        return self

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Tell a function what happens, by a `Notice`, in the background; gives the function that ends that."""
        return self._keeper.listen(listener)

    def close(self) -> None:
        """Store the exposures that wait, and end what runs in the background. It still evaluates what it knows."""
        self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def resolve[T](self, key: str, context: TContext, default: T, kind: "Kind[T]") -> "Resolved[T]":
        """The same for values of one kind, with all there is to tell; `default` where the flag serves another kind."""
        snapshot = self._keeper.snapshot
        attributes = attributes_of(context)
        answer = snapshot.evaluate(key, attributes, cast("Json", default))
        version = snapshot.version(answer.flag)
        code = snapshot.error_code(answer)
        if code is not None:
            return Resolved(Evaluation(answer.flag, default, None, Reason.ERROR, error=answer.error), code, version)
        if not kind.fits(answer.value):
            said = f"flag {key!r} serves {f'{answer.value!r}':.60}, which is not {kind.words}"
            return Resolved(Evaluation(answer.flag, default, None, Reason.ERROR, error=said), "TYPE_MISMATCH", version)
        if self._recorder is not None:
            self._recorder.note(answer, attributes, version)
        return Resolved(cast("Evaluation[T]", answer), None, version)

    @override
    def __repr__(self) -> str:
        state = "closed" if self.closed else "stale" if self.stale else "fresh"
        return f"<FlagEvaluator of {len(self._keeper.snapshot)} flags, {state}: .evaluate(key, context), .close()>"

    @override
    def _sheet(self) -> Sheet:
        rows: list[tuple[str, object]] = [
            ("flags", len(self._keeper.snapshot)),
            ("stale", self.stale),
            ("age, seconds", round(self.age, 1)),
            ("closed", self.closed),
        ]
        rows += [("trouble", self.trouble)] if self.trouble is not None else []
        rows += [("exposures stored", self._recorder.counts.stored)] if self._recorder is not None else []
        return Sheet("Evaluator", ("", "value"), rows, ".evaluate(key, context), .snapshot(), .refresh(), .close()")


def _close(keeper: Keeper, recorder: ExposureRecorder | None) -> None:
    keeper.close()
    if recorder is not None:
        recorder.close()


_readers: dict[type, Callable[[object], Attributes]] = {}


def attributes_of(context: object) -> Attributes:
    """The attributes of a context. What is none is given as it is: the flag that is asked says what is wrong."""
    kind = type(context)
    if kind is dict:
        return cast("Attributes", context)
    read = _readers.get(kind)
    if read is None:
        read = _readers[kind] = _reader(kind)
    try:
        return read(context)
    except AttributeError:  # a field without a value
        return cast("Attributes", context)


def can_be_context(kind: object) -> bool:
    """Whether something is a class whose objects can be contexts."""
    return isinstance(kind, type) and (
        issubclass(kind, Mapping) or dataclasses.is_dataclass(kind) or hasattr(kind, "__pydantic_fields__")
    )


def _reader(kind: type) -> Callable[[object], Attributes]:
    if issubclass(kind, Mapping) or not can_be_context(kind):
        return lambda context: cast("Attributes", context)
    if dataclasses.is_dataclass(kind):
        names = [field.name for field in dataclasses.fields(kind)]
        return lambda context: {name: getattr(context, name) for name in names}
    return lambda context: dict(cast("Mapping[str, object]", context))  # a pydantic model gives its fields in pairs
