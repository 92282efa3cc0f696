"""Content on its way: cut into pieces of one size, and its checksum made meanwhile."""

import hashlib
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

from burgee.core.errors import InvalidInputError

PIECE = 1024 * 1024
"""Bytes that are read and written at once."""
_ALONE = 4 * PIECE
"""How many of the first bytes the adding thread sees to itself: for fewer, another thread takes longer to start."""


def pieces(content: Iterable[bytes], size: int = PIECE) -> Iterator[bytes]:
    """The same bytes in pieces of `size`, the last one shorter; none if there are none.

    Raises:
        InvalidInputError: it is not an iterable of bytes.
    """
    if isinstance(content, str | bytes | bytearray | memoryview) or not isinstance(content, Iterable):
        hint = "content is an iterable of bytes: [data], or a file's pieces"
        raise InvalidInputError(f"content comes in pieces of bytes, not as {type(content).__name__}", hint=hint)
    parts: Iterable[object] = content
    kept = bytearray()
    for part in parts:
        if not isinstance(part, bytes | bytearray | memoryview):
            raise InvalidInputError(f"content comes in pieces of bytes; one is {type(part).__name__}")
        if len(part) == size and not kept and isinstance(part, bytes):
            yield part
            continue
        view = memoryview(part.tobytes() if isinstance(part, memoryview) else part)
        at = min(size - len(kept), len(view)) if kept else 0
        kept += view[:at]
        if len(kept) == size:
            yield bytes(kept)
            kept.clear()
        while len(view) - at >= size:
            yield bytes(view[at : at + size])
            at += size
        kept += view[at:]
    if kept:
        yield bytes(kept)


class Checksum:
    """SHA-256 of what is added, made by a thread of its own while the adding one writes: hashlib lets others run."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._pool: ThreadPoolExecutor | None = None
        self._last: Future[None] | None = None
        self.size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown()

    def add(self, piece: bytes) -> None:
        """The next bytes. They must not change afterwards."""
        self._wait()
        self.size += len(piece)
        if len(piece) < PIECE or self.size <= _ALONE:  # less work than handing it over
            self._digest.update(piece)
            return
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, thread_name_prefix="burgee-checksum")
        self._last = self._pool.submit(self._digest.update, piece)

    def hexdigest(self) -> str:
        """Of all so far, in hexadecimal."""
        self._wait()
        return self._digest.hexdigest()

    def _wait(self) -> None:
        if self._last is not None:
            self._last.result()
            self._last = None
