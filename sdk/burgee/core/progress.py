"""Progress bars for long work, by rich; off by argument and by `BURGEE_PROGRESS=0`."""

from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class ProgressBar:
    """A bar that goes to `total`, or nothing at all."""

    def __init__(self, what: str, total: int, *, shown: bool) -> None:
        self._what = what
        self._total = total
        self._shown = shown
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        if self._shown:
            from rich.console import Console
            from rich.progress import Progress

            self._bar = Progress(console=Console(stderr=True), transient=True)
            self._bar.start()
            self._task = self._bar.add_task(self._what, total=self._total)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def reach(self, done: int) -> None:
        """So much is done in all."""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done)
