"""Whether the files of a tantivy index are whole: what it would read from others could be a wrong answer.

Each file of a segment ends with a footer: JSON with the checksum (CRC-32) of what stands before it, the length of that
JSON and a fixed number, each of four bytes, little-endian (tantivy's `directory/footer.rs`).
"""

import json
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

LARGEST_LOOKED_AT = 256 * 1024 * 1024
"""Bytes that are looked at whenever an index is opened; of a larger one only when it fails."""

_PARTS = ("idx", "pos", "term", "store", "fast", "fieldnorm")
_MAGIC = (1337).to_bytes(4, "little")
_LENGTH = 4
_CHUNK = 1024 * 1024


def is_damaged(folder: Path, *, at_most: int | None = None) -> bool:
    """Whether what is committed there can't be read as it was written. Beyond `at_most` bytes nobody looks.

    What the system does not let us read (there are too many open files, say) is not damaged.
    """
    try:
        while True:
            meta = _read(folder / "meta.json")
            damaged = meta is None or _read(folder / ".managed.json") is None or _is_any_damaged(folder, meta, at_most)
            if not damaged or _read(folder / "meta.json") == meta:  # else another one committed, and cleared files away
                return damaged
    except OSError:
        return False


def _is_any_damaged(folder: Path, meta: bytes, at_most: int | None) -> bool:
    try:
        paths = [folder / name for name in _names(json.loads(meta))]
        if at_most is not None and sum(path.stat().st_size for path in paths) > at_most:
            return False
        return not all(map(_is_whole, paths))
    except (FileNotFoundError, AttributeError, LookupError, TypeError):
        return True


def _read(path: Path) -> bytes | None:
    """A file of JSON; none if it is not there, or no JSON."""
    try:
        held = path.read_bytes()
        json.loads(held)
    except (FileNotFoundError, ValueError):
        return None
    return held


def _names(meta: Mapping[str, Any]) -> Iterator[str]:
    for segment in meta.get("segments", ()):
        name = str(segment["segment_id"]).replace("-", "")
        yield from (f"{name}.{part}" for part in _PARTS)
        if segment["deletes"]:
            yield f"{name}.{segment['deletes']['opstamp']}.del"


def _is_whole(path: Path) -> bool:
    with path.open("rb") as held:
        end = held.seek(0, 2) - 2 * _LENGTH
        if end < 0:
            return False
        held.seek(end)
        length, magic = held.read(_LENGTH), held.read(_LENGTH)
        body = end - int.from_bytes(length, "little")
        if magic != _MAGIC or body < 0:
            return False
        held.seek(body)
        try:
            expected = json.loads(held.read(end - body))["crc"]
        except (ValueError, LookupError, TypeError):
            return False
        held.seek(0)
        found, left = 0, body
        while left > 0 and (some := held.read(min(_CHUNK, left))):
            found, left = zlib.crc32(some, found), left - len(some)
        return bool(found == expected)
