"""Pages: how long lists travel."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from burgee.core.errors import InvalidInputError
from burgee.core.result import Err

LARGEST_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Page[T]:
    """Some of many. `after` is what to ask for to get the next ones; none if these were the last."""

    items: tuple[T, ...]
    after: str | None = None


def wrong_limit(limit: int) -> Err[InvalidInputError] | None:
    """The refusal of a page that is too large or holds nothing; none for one that is right."""
    if 1 <= limit <= LARGEST_PAGE:
        return None
    return Err(InvalidInputError(f"limit must be 1 to {LARGEST_PAGE}, not {limit}"))


def cut[T](items: Sequence[T], limit: int, cursor: Callable[[T], str]) -> Page[T]:
    """The first `limit` of the items. Ask for one more than that: it tells whether more follow."""
    more = cursor(items[limit - 1]) if len(items) > limit else None
    return Page(tuple(items[:limit]), more)
