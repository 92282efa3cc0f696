"""The bytes of a file, unpacked and counted, with what breaks them off kept for later.

What is wrong with a packed file shows only where it breaks off. The rows before that are sound and must be
counted first, so that the error can say at which row; hence a failure ends the stream here, like the end
of the file does, and is asked for afterwards.
"""

import gzip
import io
import zlib
from collections.abc import Buffer, Callable
from pathlib import Path
from typing import Protocol, override

import pyarrow as pa

GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


class _Readable(Protocol):
    def read1(self, size: int, /) -> bytes: ...


class FileBytes(io.RawIOBase):
    """The bytes of a file, unpacked when its content says that it is packed (gzip or zstd).

    Attributes:
        failure: why the stream ended before the file's content did; empty if it did not.
        in_row: whether the last byte so far is within a line, rather than its end.
        quotes: how many double quotes went by.
    """

    def __init__(self, path: Path, moved: Callable[[int], None] | None = None) -> None:
        super().__init__()
        self._file = path.open("rb")
        self._moved = moved
        self._inner = _unpacked(self._file)
        self.failure = ""
        self.in_row = False
        self.quotes = 0

    @override
    def readable(self) -> bool:
        return True

    @override
    def readinto(self, buffer: Buffer, /) -> int:
        room = memoryview(buffer).cast("B")
        try:
            data = self._inner.read1(len(room))
        except (EOFError, OSError, zlib.error) as error:
            self.failure = f"the packed content breaks off: {error}"
            return 0
        room[: len(data)] = data
        if data:
            self.in_row = data[-1:] not in (b"\n", b"\r")
            self.quotes += data.count(b'"')
        if self._moved is not None:
            self._moved(self._file.tell())
        return len(data)

    @override
    def close(self) -> None:
        self._file.close()
        super().close()


def _unpacked(file: io.BufferedReader) -> _Readable:
    magic = file.peek(4)
    if magic.startswith(GZIP):
        return gzip.GzipFile(fileobj=file)
    if magic.startswith(ZSTD):
        unpacked: _Readable = pa.CompressedInputStream(pa.PythonFile(file, mode="r"), "zstd")
        return unpacked
    return file
