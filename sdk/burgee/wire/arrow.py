"""Tables over HTTP: Arrow IPC streams, batch by batch."""

import io
from collections.abc import Iterator
from typing import override

import pyarrow as pa

from burgee.core.errors import InvalidInputError

MEDIA_TYPE = "application/vnd.apache.arrow.stream"

_END = b"\xff\xff\xff\xff\x00\x00\x00\x00"  # Arrow columnar format, "IPC Streaming Format": the end-of-stream mark


class _Pieces(io.RawIOBase):
    """A file that keeps what is written to it until it is taken."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    @override
    def writable(self) -> bool:
        return True

    @override
    def write(self, data: object, /) -> int:
        piece = bytes(memoryview(data))  # type: ignore[arg-type] # RawIOBase takes any buffer, typed only as such
        self._pieces.append(piece)
        return len(piece)

    def take(self) -> bytes:
        """Everything written since the last time."""
        taken = b"".join(self._pieces)
        self._pieces.clear()
        return taken


def encode(reader: pa.RecordBatchReader) -> Iterator[bytes]:
    """The stream in pieces: one for each batch (the schema with the first), then the end mark."""
    pieces = _Pieces()
    with pa.ipc.new_stream(pieces, reader.schema) as writer:
        for batch in reader:
            writer.write_batch(batch)
            yield pieces.take()
    yield pieces.take()


def decode(body: bytes) -> pa.RecordBatchReader:
    """The table again, without copying its columns; `InvalidInputError` for what is no whole Arrow stream."""
    if not body.endswith(_END):  # pyarrow takes a stream that was cut between two batches for a whole one
        raise InvalidInputError("this is no whole Arrow stream", hint=f"send {MEDIA_TYPE}, with its end mark")
    try:
        return pa.ipc.open_stream(pa.py_buffer(body))
    except pa.ArrowException as error:
        raise InvalidInputError(f"this is no Arrow stream: {error}") from None


def received(body: bytes) -> pa.RecordBatchReader:
    """As `decode`, of what anybody may have sent: Arrow believes a stream's offsets, and wrong ones end the process."""
    try:
        table = decode(body).read_all()
        table.validate(full=True)
        str(table.schema)  # names are texts, too
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"this Arrow stream is damaged: {str(error).partition('\n')[0]}") from None
    return table.to_reader()
