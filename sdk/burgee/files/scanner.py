"""Looking for malware before a file is kept: ClamAV's daemon, asked over its socket (INSTREAM, see `man clamd`).

What could not be looked at is not taken: no answer, an error, or more than the daemon looks through are refusals. By
default the daemon calls clean what it gave up on. It must say so (`AlertExceedsMax yes`), and `MaxFileSize` must not be
below `MaxScanSize`: else it looks at the beginning of what an archive holds, and calls the archive clean. Whether it is
so set is tried once, before the first file, with an archive that is larger unpacked than any daemon looks through.
"""

import selectors
import socket
import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import Protocol, override
from urllib.parse import urlsplit

from burgee.core.errors import InvalidInputError
from burgee.core.settings import Settings
from burgee.files.errors import FileTooLargeError, InfectedFileError, ScannerUnavailableError, UploadRefusedError

_PORT = 3310
_PIECE = 64 * 1024
_LONGEST_ANSWER = 4096
_GAVE_UP = "Heuristics.Limits.Exceeded"
_ZEROS = 1 << 20
_BLOCKS = 2048
"""How many MiB the trial holds: the most that `MaxFileSize` can be."""


class Scanner(Protocol):
    """Looks through a file."""

    def scan(self, pieces: Iterable[bytes]) -> None:
        """Return if nothing was found. It blocks, and may be called from many threads at once.

        Raises:
            InfectedFileError: something was found; `signature` names it.
            UploadRefusedError: the file can't be looked through: it is too large, or holds too much.
            ScannerUnavailableError: the scanner did not say.
        """
        ...


class ClamAV(Scanner):
    """ClamAV's daemon at `clamd://host:port` or, by its socket, `clamd:///path`. Takes a connection for each file."""

    __slots__ = ("_address", "_connect_timeout", "_timeout", "_tried")

    def __init__(self, url: str, *, timeout: float = 150.0, connect_timeout: float = 5.0) -> None:
        """`timeout` is for each step, in seconds; the daemon itself gives a file up to 120 (`MaxScanTime`)."""
        self._address = _address(url)
        self._timeout = timeout
        self._connect_timeout = connect_timeout
        self._tried = False

    @override
    def scan(self, pieces: Iterable[bytes]) -> None:
        if not self._tried:
            self._try()
            self._tried = True
        answer = self._ask(pieces)
        if answer.endswith(" FOUND"):
            signature = answer.removeprefix("stream: ").removesuffix(" FOUND")
            if signature.startswith(_GAVE_UP):
                raise UploadRefusedError(
                    f"it holds more than the scanner can look through ({signature})",
                    hint="is it packed many times over? upload what is in it instead",
                    signature=signature,
                )
            raise InfectedFileError(f"the scanner found {signature} in it", signature=signature)
        if answer != "stream: OK":
            raise self._unavailable(f"it answered {answer!a}")

    def _try(self) -> None:
        try:
            answer = self._ask(_archive_of_zeros())
        except FileTooLargeError:
            raise self._unavailable("it takes too little", hint="set StreamMaxLength to 4M or more") from None
        if _GAVE_UP not in answer:
            raise self._unavailable(
                "it calls clean what it could not look through",
                hint="in its clamd.conf: `AlertExceedsMax yes`, and a MaxFileSize that is not below MaxScanSize",
            )

    def _ask(self, pieces: Iterable[bytes]) -> str:
        try:
            connection = self._connect()
        except OSError as error:
            raise self._unavailable(str(error)) from None
        with connection:
            return self._sent(connection, pieces)

    def _sent(self, connection: socket.socket, pieces: Iterable[bytes]) -> str:
        """Send a file, in pieces; the daemon may answer, and hang up, before it has all."""
        error: OSError | None = None
        with selectors.DefaultSelector() as answered:
            answered.register(connection, selectors.EVENT_READ)
            for message in _messages(pieces):
                try:
                    if answered.select(0):
                        break
                    connection.sendall(message)
                except OSError as broken:
                    error = broken
                    break
        try:
            answer = _answer(connection)
        except OSError as broken:
            error, answer = error or broken, ""
        if answer.startswith("INSTREAM size limit exceeded"):
            raise FileTooLargeError(
                "it is larger than the scanner takes", hint="the most is StreamMaxLength in its clamd.conf"
            )
        if not answer:
            raise self._unavailable(f"it broke off in mid-scan: {error or 'no answer'}") from error
        return answer

    def _connect(self) -> socket.socket:
        if isinstance(self._address, str):
            connection = socket.socket(socket.AF_UNIX)
            try:
                connection.settimeout(self._connect_timeout)
                connection.connect(self._address)
            except OSError:
                connection.close()
                raise
        else:
            connection = socket.create_connection(self._address, self._connect_timeout)
        connection.settimeout(self._timeout)
        return connection

    def _unavailable(self, why: str, hint: str | None = None) -> ScannerUnavailableError:
        place = self._address if isinstance(self._address, str) else "{}:{}".format(*self._address)
        return ScannerUnavailableError(f"the scanner at {place} could not be asked: {why}", hint=hint)


def scanner_of(settings: Settings) -> Scanner | None:
    """The scanner that `BURGEE_SCANNER` names; None if it names none."""
    return None if settings.scanner is None else ClamAV(settings.scanner)


def _address(url: str) -> str | tuple[str, int]:
    """Where the daemon is: the path of a socket, or a host and port."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORT
    except (ValueError, AttributeError) as error:
        raise InvalidInputError(f"{url!a} is no address of a scanner: {error}") from None
    if parts.scheme != "clamd" or parts.query or parts.fragment or "@" in parts.netloc:
        raise InvalidInputError(
            f"a scanner can't be at {url!a}", hint="clamd://host:port, or clamd:///path of a socket"
        )
    if parts.hostname and parts.path in {"", "/"}:
        return parts.hostname, port
    if not parts.netloc and len(parts.path) > 1:
        return parts.path
    raise InvalidInputError(f"{url!a} names no host and no socket", hint="clamd://host:port, or clamd:///path")


def _messages(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """What is sent: the command, each piece after its length, and a length of none."""
    yield b"zINSTREAM\0"
    for piece in pieces:
        for start in range(0, len(piece), _PIECE):
            part = piece[start : start + _PIECE]
            yield len(part).to_bytes(4, "big") + part
    yield bytes(4)


def _answer(connection: socket.socket) -> str:
    answer = b""
    while not answer.endswith(b"\0") and len(answer) < _LONGEST_ANSWER:
        received = connection.recv(_LONGEST_ANSWER)
        if not received:
            break
        answer += received
    return answer.rstrip(b"\0\n").decode("utf-8", "replace")


def _archive_of_zeros() -> Iterator[bytes]:
    """A ZIP file of 2 MiB that holds 2 GiB of zeros: one block of DEFLATE, many times (APPNOTE 4.3)."""
    packer = zlib.compressobj(9, wbits=-15)
    block = packer.compress(bytes(_ZEROS)) + packer.flush(zlib.Z_FULL_FLUSH)
    end = packer.flush()
    size = len(block) * _BLOCKS + len(end)
    about = struct.pack("<HHHHHLLLHH", 20, 0, 8, 0, 0, 0, size, _ZEROS * _BLOCKS, 1, 0)
    local = b"PK\x03\x04" + about + b"0"
    entry = b"PK\x01\x02" + struct.pack("<H", 20) + about + bytes(14) + b"0"
    yield local
    for _ in range(_BLOCKS):
        yield block
    yield end + entry
    yield b"PK\x05\x06" + struct.pack("<HHHHLLH", 0, 0, 1, 1, len(entry), len(local) + size, 0)
