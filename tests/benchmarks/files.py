"""Files beside plain copies: writing with a checksum into a folder, and memory while a GiB goes up and down.

By hand: `python tests/benchmarks/files.py [MiB]`. versitygw is started here, over a folder of its own.
"""

import hashlib
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[1]))

import burgee
from burgee.core.disk import sync_folder
from burgee.files.folder import FolderStorage
from burgee.files.pieces import PIECE
from burgee.files.protocol import StorageProvider
from burgee.files.s3 import S3Storage
from burgee.files.signing import SignedClaims, Signer
from services.s3 import running_s3

MIB = 1024 * 1024
ROUNDS = 7


def pieces_of(path: Path) -> Iterator[bytes]:
    """What is in a file, as an upload reads it."""
    with path.open("rb", buffering=0) as file:
        while piece := file.read(PIECE):
            yield piece


def took(work: Callable[[], object]) -> float:
    """Seconds of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def copied(source: Path, target: Path, *, durable: bool) -> None:
    """A plain copy, and SHA-256 of it; `durable`: it and its name are on the disk, and it appeared whole."""
    beside = target.with_suffix(".new") if durable else target
    shutil.copyfile(source, beside)
    with beside.open("rb+") as file:
        hashlib.file_digest(file, "sha256")
        if durable:
            os.fsync(file.fileno())
            beside.replace(target)
            sync_folder(target.parent)


def speed(folder: Path, sizes: tuple[int, ...]) -> None:
    """Writing, beside a plain copy with SHA-256: one that waits for no disk, and one that waits as ours does."""
    storage = FolderStorage(folder / "files")
    source, target = folder / "source", folder / "target"
    for size in sizes:
        source.write_bytes(os.urandom(MIB) * (size // MIB) + os.urandom(size % MIB))
        rounds = []
        for number in range(ROUNDS):
            ours = took(lambda: storage.write(f"a/{number}", pieces_of(source), {}))  # noqa: B023 - called at once
            plain = took(lambda: copied(source, target, durable=False))
            target.unlink()
            durable = took(lambda: copied(source, target, durable=True))
            target.unlink()
            storage.delete(f"a/{number}")
            rounds.append((ours, plain, durable))
        ours, plain, durable = (median(column) for column in zip(*rounds, strict=True))
        print(
            f"{size / MIB:8.2f} MiB   burgee {ours * 1e3:9.2f} ms   "
            f"copy + sha256 {plain * 1e3:9.2f} ms, ratio {plain / ours:5.2f}   "
            f"and on the disk {durable * 1e3:9.2f} ms, ratio {durable / ours:5.2f}"
        )


def uploads(folder: Path, sizes: tuple[int, ...]) -> None:
    """A whole upload, with its event and state, beside a copy with SHA-256 that waits for no disk and one that does.

    An upload waits three times: for the file, its name, and the transaction. The second copy waits for the first two.
    """
    source, target = folder / "source", folder / "target"
    with burgee.open(str(folder / "workspace"), settings=burgee.Settings(progress=False)) as ws:
        files = ws.tenants.create("acme").files
        for size in sizes:
            source.write_bytes(b"a,b\n" * (size // 4))
            rounds = []
            for _ in range(5 * ROUNDS):
                ours = took(lambda: files.upload(source, "a.csv"))
                plain = took(lambda: copied(source, target, durable=False))
                target.unlink()
                durable = took(lambda: copied(source, target, durable=True))
                target.unlink()
                rounds.append((ours, plain, durable))
            ours, plain, durable = (median(column) for column in zip(*rounds, strict=True))
            print(
                f"{size / MIB:8.2f} MiB   upload {ours * 1e3:9.2f} ms   copy + sha256 {plain * 1e3:9.2f} ms, "
                f"ratio {plain / ours:5.2f}   and on the disk {durable * 1e3:9.2f} ms, ratio {durable / ours:5.2f}"
            )


def memory(size: int, folder: Path) -> None:
    """Memory while a large object is written and read, over what was there before; of this process alone."""
    piece = os.urandom(PIECE)
    with running_s3(folder / "s3") as s3:
        os.environ.update(s3.environment())
        s3.make_bucket("files")
        storages: dict[str, StorageProvider[Mapping[str, str]]] = {
            "folder": FolderStorage(folder / "large"),
            "s3": S3Storage("s3://files"),
        }
        for name, storage in storages.items():
            storage.write("small", [piece], {})
            sum(map(len, storage.read("small")))
            for verb, work in (
                ("up", lambda: storage.write("large", (piece for _ in range(size // PIECE)), {})),  # noqa: B023
                ("down", lambda: sum(map(len, storage.read("large")))),  # noqa: B023
            ):
                used, seconds = _most(work)
                print(f"{size / MIB:8.0f} MiB {verb:<4} {name:<8} {used:6.1f} MiB more memory, {seconds:6.2f} s")
            storage.delete("large")


def signing(folder: Path) -> None:
    """Signing an address that the server honours, beside boto3's presigning: neither asks anybody."""
    signer = Signer(os.urandom(32))
    expires = datetime.now(UTC) + timedelta(hours=1)
    claims = SignedClaims("acme", "018f2a", "GET", expires, "report.pdf", "application/pdf", 1000)
    ours = microseconds(lambda: signer.sign(claims), 20_000)
    with running_s3(folder) as s3:
        os.environ.update(s3.environment())
        s3.make_bucket("signed")
        storage = S3Storage("s3://signed/files")
        theirs = microseconds(lambda: storage.signed_get("a/b", 3600, name="report.pdf", type="application/pdf"), 200)
    with burgee.open("memory://", settings=burgee.Settings(public_url="https://flags.example", progress=False)) as ws:
        file = ws.tenants.create("acme").files.upload(b"abc", "report.txt")
        whole = microseconds(file.url, 20_000)
    print(f"file.url(): {whole:.1f} us (aim: under 20)")
    print(f"a signed address: folder {ours:.1f} us (aim: under 20), S3 by boto3 {theirs:.0f} us")


def microseconds(work: Callable[[], object], calls: int) -> float:
    """Of one call: the median of several rounds."""
    rounds = [took(lambda: [work() for _ in range(calls)]) / calls for _ in range(ROUNDS)]
    return median(rounds) * 1e6


def _most(work: Callable[[], object]) -> tuple[float, float]:
    """The most resident memory above what was there at the start, in MiB, looked at each millisecond; and seconds."""
    done = threading.Event()
    before = most = _resident()

    def look() -> None:
        nonlocal most
        while not done.wait(0.001):
            most = max(most, _resident())

    looking = threading.Thread(target=look)
    looking.start()
    try:
        seconds = took(work)
    finally:
        done.set()
        looking.join()
    return (most - before) / MIB, seconds


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        signing(Path(place) / "signing")
        speed(Path(place), (4 * 1024, MIB, 8 * MIB, 64 * MIB, 256 * MIB))
        uploads(Path(place), (4 * 1024, 64 * 1024, MIB, 8 * MIB))
        memory(int(sys.argv[1]) * MIB if len(sys.argv) > 1 else 1024 * MIB, Path(place))
