"""Flags in applications: the verbs of `acme.flags` that make what runs in the background."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, overload
from weakref import WeakSet

from burgee.core.errors import InvalidInputError
from burgee.core.link import Link
from burgee.flags.applications.evaluator import FlagEvaluator, can_be_context
from burgee.flags.applications.exposures import ExposureRecorder, Exposures, Ingest
from burgee.flags.applications.keeping import Keeper, Listener
from burgee.flags.protocol import FlagService

PUSH = "push"
_SHORTEST = 0.05  # seconds; whoever wants them quicker than that wants them pushed


@dataclass(frozen=True, slots=True)
class Background:
    """What runs in the background of a workspace for its flags: it ends when the workspace is closed."""

    running: "WeakSet[FlagEvaluator[Any] | ExposureRecorder]" = field(default_factory=WeakSet)

    def close(self) -> None:
        """End all of it."""
        for one in list(self.running):
            one.close()


class Serving:
    """What `acme.flags` makes for applications."""

    __slots__ = ()
    _link: Link
    _service: FlagService
    _ingest: Ingest | None
    _background: Background

    @overload
    def evaluator(
        self,
        context: None = None,
        *,
        refresh: str | float = PUSH,
        exposures: bool | Exposures | ExposureRecorder | None = None,
        on_change: Listener | None = None,
    ) -> FlagEvaluator[Mapping[str, object]]: ...

    @overload
    def evaluator[TContext](
        self,
        context: type[TContext],
        *,
        refresh: str | float = PUSH,
        exposures: bool | Exposures | ExposureRecorder | None = None,
        on_change: Listener | None = None,
    ) -> FlagEvaluator[TContext]: ...

    def evaluator(
        self,
        context: type[Any] | None = None,
        *,
        refresh: str | float = PUSH,
        exposures: bool | Exposures | ExposureRecorder | None = None,
        on_change: Listener | None = None,
    ) -> FlagEvaluator[Any]:
        """All flags in memory, for applications that ask often: `evaluator.evaluate("checkout", {"id": "u1"})`.

        Close it when done, or use it in a `with`; closing the workspace closes it, too.

        Args:
            context: the class of the contexts it is asked with, for type checkers: a pydantic model, a dataclass, or
                any mapping.
            refresh: `"push"`: changes are in force as they are made; or a number of seconds, to ask that often.
            exposures: record who was served what: True, or `burgee.Exposures(sample=0.1)`, or a recorder that several
                evaluators share.
            on_change: a function that is told in the background what happens, by a `burgee.Notice`: that flags changed,
                that their source is away, that it is back.

        Raises:
            InvalidInputError: an argument can't be.
            AccessError: the server refuses the key. A server that can't be reached is no error: the evaluator is stale
                until it can, and answers the defaults it is given.
        """
        if context is not None and not can_be_context(context):
            hint = "a context is a mapping, a pydantic model or a dataclass"
            raise InvalidInputError(f"{context!r} is no class of contexts", hint=hint)
        every = _every(refresh)
        if on_change is not None and not callable(on_change):
            raise InvalidInputError(f"on_change is a function of a Notice, not {on_change!r}")
        recorder = exposures if isinstance(exposures, ExposureRecorder) else None
        if exposures and not isinstance(exposures, ExposureRecorder):
            recorder = self.recorder(Exposures() if exposures is True else exposures)
        keeper = Keeper(self._link, self._service, every)
        if on_change is not None:
            keeper.listen(on_change)
        keeper.start()
        made: FlagEvaluator[Any] = FlagEvaluator(keeper, recorder)
        self._background.running.add(made)
        return made

    def recorder(self, exposures: Exposures | None = None) -> ExposureRecorder:
        """What records exposures without an evaluator, e.g. those of another OpenFeature provider."""
        settings = Exposures() if exposures is None else exposures
        if not isinstance(settings, Exposures):
            raise InvalidInputError(f"exposures must be burgee.Exposures(…), not {settings!r}")
        if self._ingest is None:
            raise InvalidInputError("these flags have no event log to record exposures in")
        made = ExposureRecorder(self._link, self._ingest, settings)
        self._background.running.add(made)
        return made


def _every(refresh: object) -> float | None:
    """The seconds between two looks; none where changes are pushed."""
    if refresh == PUSH:
        return None
    if isinstance(refresh, int | float) and not isinstance(refresh, bool) and _SHORTEST <= refresh < float("inf"):
        return float(refresh)
    hint = f"a number of seconds from {_SHORTEST} on, or {PUSH!r}"
    raise InvalidInputError(f"refresh can't be {refresh!r}", hint=hint)
