"""How parts are put into a digest: shared by what tells values, tables and code."""

from collections.abc import Callable
from typing import Any

type Feed = Callable[[Any, object, str, int], None]
"""Puts a value into a digest: the digest, the value, where it was found and how deep."""


def put(digest: Any, name: str, data: Any) -> None:
    """A part with its length, so that no two parts can be taken for other two."""
    head = name.encode("utf-8", "surrogatepass")
    digest.update(f"{len(head)}:{memoryview(data).nbytes}:".encode())
    digest.update(head)
    digest.update(data)


def home(value: object) -> str:
    """The full name of a value's type."""
    return f"{type(value).__module__}.{type(value).__qualname__}"
