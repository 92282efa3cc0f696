"""The mirror's folder: Parquet parts, the manifest that names them, and the lock that lets one process write.

The manifest is replaced in one step and names only what is whole on disk, so a process that is killed
leaves at most files that nobody names. They are removed by the next one that writes.
"""

import json
import os
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from burgee.analytics.layout import Facts, Kind, TypeFacts
from burgee.analytics.source import Part

if TYPE_CHECKING:
    from io import BufferedRandom

if sys.platform == "win32":  # pragma: no cover - no lock of this kind is needed elsewhere
    import msvcrt
else:
    import fcntl

FORMAT = 1
"""The layout of the manifest. Another one is no manifest to this burgee, which makes the mirror anew."""

ROW_GROUP = 100_000

_GRACE = 900.0  # seconds a replaced part stays, for whoever reads it still
_SAMPLE = 10_000  # rows
_MANIFEST = "manifest.json"
_UNSORTED = frozenset({"id", "data", "metadata"})  # minima and maxima of these help nobody


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is on disk: parts in the order of positions, and all that is known of the events in them.

    `log` names the database, `epoch` the state of its personal fields' keys, `last` and `anchor` are
    position and id of the last event that was looked at.
    """

    log: str = ""
    epoch: int = 0
    last: int = 0
    anchor: str = ""
    parts: tuple[Part, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    facts: Facts = field(default_factory=dict)
    retired: tuple[tuple[str, float], ...] = ()


type Stamp = tuple[int, int, int] | None


class MirrorFolder:
    """Where the mirror of one tenant lies. Reading is free; write only while `locked()` says so."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def stamp(self) -> Stamp:
        """What changes whenever the manifest does; none without one."""
        try:
            found = (self.path / _MANIFEST).stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size

    def load(self) -> Manifest:
        """The manifest; an empty one where there is none that can be read, or files it names are not whole."""
        try:
            manifest = _from_json(json.loads((self.path / _MANIFEST).read_bytes()), self.path)
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            return Manifest()
        return manifest if self.is_whole(manifest) else Manifest()

    @staticmethod
    def is_whole(manifest: Manifest) -> bool:
        """Whether every part is there, in its size."""
        try:
            return all(part.path.stat().st_size == part.size for part in manifest.parts)
        except OSError:
            return False

    @contextmanager
    def locked(self) -> Iterator[bool]:
        """Whether this process may write until the `with` ends: nobody else does meanwhile. Never waits."""
        self.path.mkdir(parents=True, exist_ok=True)
        with (self.path / "lock").open("a+b") as file:
            if not _lock(file):
                yield False
                return
            try:
                yield True
            finally:
                _unlock(file)

    def write(self, table: pa.Table, kinds: Mapping[str, Kind]) -> Part:
        """A new part with the rows of the table, on disk when this returns. Nobody knows of it yet."""
        first, last = table["position"][0].as_py(), table["position"][-1].as_py()
        path = self.path / f"part-{first}-{last}-{uuid.uuid4().hex[:8]}.parquet"
        unfinished = path.with_suffix(".tmp")
        names = table.column_names
        texts = ["stream", "type", "metadata", *(name for name, kind in kinds.items() if kind in {"text", "json"})]
        pq.write_table(
            table,
            unfinished,
            row_group_size=ROW_GROUP,
            compression="zstd",
            compression_level=1,
            use_dictionary=[name for name in texts if _repeats(table[name])],
            write_statistics=[name for name in names if name not in _UNSORTED],
        )
        _sync(unfinished)
        size = unfinished.stat().st_size
        unfinished.replace(path)
        return Part(path, first, last, len(table), size, dict(kinds))

    def publish(self, manifest: Manifest) -> None:
        """Replace the manifest, and remove what neither it nor a reader needs any more."""
        now = time.time()
        kept = tuple((name, at) for name, at in manifest.retired if 0 <= now - at < _GRACE)
        text = json.dumps(_to_json(manifest, kept), ensure_ascii=False, separators=(",", ":"))
        unfinished = self.path / f"manifest-{uuid.uuid4().hex[:8]}.tmp"
        unfinished.write_text(text, encoding="utf-8", errors="surrogatepass")
        _sync(unfinished)
        unfinished.replace(self.path / _MANIFEST)
        _sync(self.path)
        needed = {part.path.name for part in manifest.parts} | {name for name, _ in kept}
        for file in self.path.iterdir():
            if file.name not in needed and file.suffix in {".parquet", ".tmp"}:
                with suppress(OSError):  # on Windows somebody may have it open
                    file.unlink()


def _repeats(values: pa.ChunkedArray) -> bool:
    """Whether a dictionary of the values is worth its while."""
    sample = values.slice(0, _SAMPLE)
    few: bool = pc.count_distinct(sample).as_py() * 4 <= len(sample)
    return few


def _sync(path: Path) -> None:
    if os.name == "nt" and path.is_dir():  # pragma: no cover - a folder can't be opened there
        return
    handle = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _lock(file: "BufferedRandom") -> bool:
    try:
        if sys.platform == "win32":  # pragma: no cover
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):  # somebody has it
        return False
    return True


def _unlock(file: "BufferedRandom") -> None:
    # Said aloud, and not left to closing: a process forked meanwhile holds the same lock open.
    if sys.platform == "win32":  # pragma: no cover
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)
    else:
        fcntl.flock(file, fcntl.LOCK_UN)


def _to_json(manifest: Manifest, retired: tuple[tuple[str, float], ...]) -> dict[str, object]:
    return {
        "format": FORMAT,
        "log": manifest.log,
        "epoch": manifest.epoch,
        "last": manifest.last,
        "anchor": manifest.anchor,
        "parts": [[p.path.name, p.first, p.last, p.rows, p.size, dict(p.kinds)] for p in manifest.parts],
        "names": dict(manifest.names),
        "facts": {
            type: [of.count, of.first, of.last, sorted(of.versions), {f: sorted(s) for f, s in of.fields.items()}]
            for type, of in manifest.facts.items()
        },
        "retired": [list(each) for each in retired],
    }


def _from_json(found: Any, folder: Path) -> Manifest:  # noqa: ANN401 - JSON: whatever does not fit is caught by `load`
    if found["format"] != FORMAT:
        raise ValueError(found["format"])
    return Manifest(
        str(found["log"]),
        int(found["epoch"]),
        int(found["last"]),
        str(found["anchor"]),
        tuple(
            Part(folder / name, first, last, rows, size, kinds)
            for name, first, last, rows, size, kinds in found["parts"]
        ),
        dict(found["names"]),
        {
            type: TypeFacts(count, first, last, frozenset(versions), {f: frozenset(s) for f, s in fields.items()})
            for type, (count, first, last, versions, fields) in found["facts"].items()
        },
        tuple((str(name), float(at)) for name, at in found["retired"]),
    )
