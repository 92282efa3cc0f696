"""Pages: how long lists travel."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

LARGEST_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Page[T]:
    """Some of many. `after` is what to ask for to get the next ones; none if these were the last."""

    items: tuple[T, ...]
    after: str | None = None


def walk[T](ask: Callable[[str | None], Page[T]]) -> Iterator[T]:
    """All items, asking for a page only when it is reached."""
    after: str | None = None
    while True:
        page = ask(after)
        yield from page.items
        if page.after is None:
            return
        after = page.after
