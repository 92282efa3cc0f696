"""What can be uploaded: a path, bytes, an open file, pieces of bytes, or a frame."""

import io
import stat
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import Protocol, cast, runtime_checkable

from burgee.core.checks import need_text
from burgee.core.errors import InvalidInputError, UnreadableFileError
from burgee.core.frames import ArrowBatch, ArrowStream, to_arrow
from burgee.files.content import ending_of, said_by
from burgee.files.encoding import ENDINGS, Encoded
from burgee.files.signatures import PARQUET

_PIECE = 1024 * 1024


@runtime_checkable
class Readable(Protocol):
    """A file that is open for reading."""

    def read(self, size: int = -1, /) -> bytes:
        """So many bytes, or fewer at the end."""
        ...


type Source = (
    "str | PathLike[str] | bytes | bytearray | memoryview | Readable | Iterable[bytes] | ArrowStream | ArrowBatch"
)


@dataclass(frozen=True, slots=True)
class Sent:
    """A source, ready to be sent."""

    pieces: Iterable[bytes]
    name: str
    size: int | None
    """In bytes; None if that is not known before they are made."""
    type: str | None = None


def sent(source: object, name: str | None, type: str | None) -> Sent:
    """A source as pieces; a frame becomes Parquet, or what the name ends with: `.csv`, `.tsv`, `.arrow`, `.jsonl`.

    The index of a frame of pandas becomes columns, unless it has no name and only counts the rows.

    Raises:
        InvalidInputError: it is nothing that has bytes, or needs a name and has none.
        UnreadableFileError: there is no such file.
    """
    if isinstance(source, str | PathLike):
        return _of_path(Path(fspath(source)), name, type)
    if isinstance(source, bytes | bytearray | memoryview):
        data = bytes(source)
        return Sent([data] if data else [], _named(name, "bytes"), len(data), type)
    if isinstance(source, ArrowStream | ArrowBatch):  # pandas frames are, too
        return _of_frame(source, _as_table(name or "frame.parquet"), type)
    if isinstance(source, Readable):
        return _of_file(source, name, type)
    if isinstance(source, Iterable):
        return Sent(_checked(source), _named(name, "pieces of bytes"), None, type)
    hint = "give a path, bytes, a file opened with 'rb', pieces of bytes or a frame"
    raise InvalidInputError(f"{source!r} can't be uploaded", hint=hint)


def _of_path(path: Path, name: str | None, type: str | None) -> Sent:
    size = None
    try:
        about = path.stat()
        if stat.S_ISREG(about.st_mode) or stat.S_ISDIR(about.st_mode):  # to open a pipe waits for its other end
            with path.open("rb"):
                size = about.st_size
    except (OSError, ValueError) as error:
        hint = None if name is None else "a text is the path of a file; a text to keep is bytes: text.encode()"
        raise UnreadableFileError(str(path), getattr(error, "strerror", None) or str(error), hint=hint) from None
    if size is None:
        hint = "open it with 'rb', and give that with a name"
        raise UnreadableFileError(str(path), "it is a pipe or a device", hint=hint)
    return Sent(_read(path), path.name if name is None else name, size, type)


def _of_file(file: Readable, name: str | None, type: str | None) -> Sent:
    if isinstance(cast("object", file), io.TextIOBase):
        raise InvalidInputError("this file is open as text", hint="open it with mode 'rb'")
    if isinstance(file, io.IOBase) and (file.closed or not file.readable()):
        raise InvalidInputError("this file is closed, or not open for reading", hint="open it with mode 'rb'")
    own = getattr(file, "name", None)
    if name is None and isinstance(own, str):
        name = Path(own).name
    return Sent(_checked(iter(lambda: file.read(_PIECE), b"")), _named(name, "a file without a name"), None, type)


def _of_frame(frame: object, name: str, type: str | None) -> Sent:
    return Sent(Encoded(to_arrow(_with_index(frame)), ending_of(name)), name, None, type)


def _with_index(frame: object) -> object:
    """A frame of pandas with its index as columns, unless that has no name and only counts the rows."""
    pandas = sys.modules.get("pandas")
    if pandas is None or not isinstance(frame, pandas.DataFrame):
        return frame
    index = frame.index
    if index.nlevels == 1 and index.name is None and (index.empty or pandas.api.types.is_integer_dtype(index.dtype)):
        return frame
    try:
        return frame.reset_index()
    except (ValueError, TypeError) as error:
        hint = "rename it (frame.rename_axis), or leave it out: frame.reset_index(drop=True)"
        raise InvalidInputError(f"the index of this frame can't become a column: {error}", hint=hint) from None


def _as_table(name: str) -> str:
    """The name of a frame's file; refused where its ending is that of what no frame becomes."""
    need_text("a file's name", name)
    name = name.strip()
    types = said_by(name)
    if types and PARQUET not in types and ending_of(name) not in ENDINGS:
        hint = "call it .parquet, .csv, .tsv, .arrow or .jsonl; or write the file yourself, and give its path"
        raise InvalidInputError(f"a frame can't become {name!r}: burgee writes no .{ending_of(name)}", hint=hint)
    return name


def _named(name: str | None, what: str) -> str:
    if name is None:
        raise InvalidInputError(f"{what} can't be uploaded without a name", hint="upload(…, name='report.csv')")
    return name


def _checked(pieces: Iterable[object]) -> Iterator[bytes]:
    for piece in pieces:
        if not isinstance(piece, bytes | bytearray | memoryview):
            hint = "of a text: text.encode(); of a dict or a list: json.dumps(…).encode()"
            raise InvalidInputError(
                f"what is uploaded must come as bytes; one piece is {type(piece).__name__}", hint=hint
            )
        if piece:
            yield bytes(piece)


def _read(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb", buffering=0) as file:
            while piece := file.read(_PIECE):
                yield piece
    except OSError as error:  # readable a moment ago
        raise UnreadableFileError(str(path), error.strerror or str(error)) from None
