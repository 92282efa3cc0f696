"""A link: how fluent objects reach services. It carries the tenant and the caller, and the way to run."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace

from burgee.core.errors import BurgeeError
from burgee.core.portal import drive, portal
from burgee.core.result import Result
from burgee.core.scope import Caller, Scope, bind_scope


@dataclass(frozen=True, slots=True)
class Link:
    """The way from a fluent object to its services. `inline`: the services never suspend (see `core.portal`)."""

    inline: bool
    caller: Caller | None = None
    tenant: str | None = None

    def into(self, tenant: str) -> "Link":
        """The same way, into a tenant."""
        return replace(self, tenant=tenant)

    def call[T, E: Exception](self, work: Coroutine[object, object, Result[T, E]]) -> T:
        """Run a service's operation and give its value, or raise its error: without the way it took below here."""
        __tracebackhide__ = True  # of IPython: the frames of whoever called are what a reader looks for
        try:
            answer = self.run(work)
        except BurgeeError as error:
            raise error.with_traceback(None) from error.__cause__
        return answer.unwrap()

    def run[T](self, work: Coroutine[object, object, T]) -> T:
        """Run any coroutine of a service in this link's scope."""
        with bind_scope(Scope(self.tenant, self.caller)):
            return drive(work) if self.inline else portal.run(work)

    def within[T](self, work: Callable[[], T]) -> T:
        """Run plain code in this link's scope."""
        with bind_scope(Scope(self.tenant, self.caller)):
            return work()
