"""Scanning by ClamAV's own daemon (R6.6, R11.3): what it finds, what it can't look through, and when it is away."""

import io
import os
import socket
import threading
import tracemalloc
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from pydantic import ValidationError

from burgee.core.errors import InvalidInputError
from burgee.core.settings import Settings
from burgee.files.errors import (
    FileTooLargeError,
    InfectedFileError,
    ScannerUnavailableError,
    UploadRefusedError,
)
from burgee.files.scanner import ClamAV, scanner_of
from services.clamav import SCAN_MOST, STREAM_MOST, ClamServer, eicar, running_clamd
from services.server import free_port

MIB = 1024 * 1024


def zipped(content: bytes, times: int = 1) -> bytes:
    for _ in range(times):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("inner", content)
        content = packed.getvalue()
    return content


@pytest.fixture(scope="module")
def scanner(clamd: ClamServer) -> ClamAV:
    return ClamAV(clamd.url)


@pytest.mark.parametrize(
    "content", [[], [b""], [b"a,b\n1,2\n"], [bytes(3 * MIB)]], ids=["none", "empty", "csv", "large"]
)
def test_a_clean_file_passes(scanner: ClamAV, content: list[bytes]) -> None:
    scanner.scan(content)


def test_the_socket_in_a_folder_does_as_well(clamd: ClamServer) -> None:
    by_socket = ClamAV(clamd.socket_url)
    by_socket.scan([b"clean"])
    with pytest.raises(InfectedFileError):
        by_socket.scan([eicar()])


@pytest.mark.parametrize("times", [0, 1, 3], ids=["plain", "zipped", "zipped three times"])
def test_malware_is_found_and_named(scanner: ClamAV, times: int) -> None:
    with pytest.raises(InfectedFileError, match="the scanner found Eicar") as refused:
        scanner.scan([zipped(eicar(), times)])
    assert refused.value.details["signature"] == "Eicar.UNOFFICIAL"


def test_malware_is_found_where_pieces_meet(scanner: ClamAV) -> None:
    content = bytes(100_000) + eicar() + bytes(10)
    with pytest.raises(InfectedFileError):
        scanner.scan(content[start : start + 7001] for start in range(0, len(content), 7001))


def test_a_bomb_is_refused_though_it_is_small(scanner: ClamAV) -> None:
    for bomb in (zipped(bytes(4 * SCAN_MOST)), zipped(bytes(2 * SCAN_MOST), 3), zipped(b"deep", 20)):
        assert len(bomb) < 100_000
        with pytest.raises(UploadRefusedError, match=r"more than the scanner can look through \(Heuristics\.Limits"):
            scanner.scan([bomb])


def test_malware_behind_more_than_is_looked_through_does_not_pass(scanner: ClamAV) -> None:
    with pytest.raises(UploadRefusedError):
        scanner.scan([zipped(bytes(SCAN_MOST + MIB) + eicar())])


@pytest.mark.parametrize("piece", [1000, MIB, STREAM_MOST + 1])
def test_a_file_larger_than_the_daemon_takes_is_refused_as_that(scanner: ClamAV, piece: int) -> None:
    content = (bytes(piece) for _ in range(2 * STREAM_MOST // piece + 1))
    with pytest.raises(FileTooLargeError, match="larger than the scanner takes"):
        scanner.scan(content)


def test_a_daemon_that_calls_clean_what_it_gave_up_on_is_not_trusted() -> None:
    for options in ((), ("AlertExceedsMax yes", f"MaxFileSize {SCAN_MOST // 2}")):
        with running_clamd(options) as careless, pytest.raises(ScannerUnavailableError, match="calls clean") as refused:
            ClamAV(careless.url).scan([b"clean"])
        assert "AlertExceedsMax yes" in refused.value.hints[0]


def test_a_daemon_killed_in_mid_scan_lets_nothing_pass_and_serves_again_once_it_is_back() -> None:
    with running_clamd() as server:
        scanner = ClamAV(server.url)
        scanner.scan([b"clean"])

        def pieces() -> Iterator[bytes]:
            yield b"clean"
            server.kill()
            yield b"clean"

        with pytest.raises(ScannerUnavailableError, match="broke off in mid-scan"):
            scanner.scan(pieces())
        with pytest.raises(ScannerUnavailableError, match="could not be asked"):
            scanner.scan([b"clean"])
        server.start()
        scanner.scan([b"clean"])


def answering(answer: bytes | None) -> str:
    """A daemon that gives one answer to whatever it is sent, or none and keeps the line open."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]

    def serve() -> None:
        with listener, listener.accept()[0] as connection:
            connection.recv(100)
            if answer is None:
                while connection.recv(MIB):
                    pass
            else:
                connection.sendall(answer)

    threading.Thread(target=serve, daemon=True).start()
    return f"clamd://127.0.0.1:{port}"


@pytest.mark.parametrize(
    "answer",
    [b"stream: Can't allocate memory ERROR\0", b"", b"stream: OK and more\0", b"\xff\xfe\0", b"UNKNOWN COMMAND\0"],
    ids=["error", "nothing", "more", "no text", "unknown"],
)
def test_an_answer_that_is_not_clean_is_not_clean(answer: bytes) -> None:
    scanner = ClamAV(answering(answer))
    scanner._tried = True
    with pytest.raises(ScannerUnavailableError):
        scanner.scan([b"clean"])


def test_a_daemon_that_never_answers_is_not_waited_for_forever() -> None:
    scanner = ClamAV(answering(None), timeout=0.1)
    scanner._tried = True
    with pytest.raises(ScannerUnavailableError, match="timed out"):
        scanner.scan([b"clean"])


def test_an_error_of_the_file_itself_is_that_error(scanner: ClamAV) -> None:
    def broken() -> Iterator[bytes]:
        yield b"clean"
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        scanner.scan(broken())


def test_many_files_at_once_are_each_told_apart(scanner: ClamAV) -> None:
    def found(number: int) -> bool:
        try:
            scanner.scan([os.urandom(1000), eicar() if number % 2 else b"clean"])
        except InfectedFileError:
            return True
        return False

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(found, range(32))) == [bool(number % 2) for number in range(32)]


def test_a_file_goes_through_in_little_memory(scanner: ClamAV) -> None:
    scanner.scan([b"clean"])
    tracemalloc.start()
    scanner.scan(bytes(64 * 1024) for _ in range(60))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < MIB


def test_nobody_there_is_said_so() -> None:
    with pytest.raises(ScannerUnavailableError, match=r"127\.0\.0\.1:\d+ could not be asked"):
        ClamAV(f"clamd://127.0.0.1:{free_port()}").scan([b"clean"])
    with pytest.raises(ScannerUnavailableError, match="/nowhere/socket could not be asked"):
        ClamAV("clamd:///nowhere/socket").scan([b"clean"])


def test_the_setting_names_the_scanner_and_none_is_none() -> None:
    assert scanner_of(Settings(scanner=None)) is None
    assert isinstance(scanner_of(Settings(scanner="clamd://localhost")), ClamAV)
    with pytest.raises(ValidationError):
        Settings.model_validate({"scanner": 3310})


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:3310",
        "http://localhost:3310",
        "clamd://",
        "clamd:///",
        "clamd://host:port",
        "clamd://host/path",
        "clamd://host:99999",
        "clamd://user@host",
        "clamd://host?x=1",
    ],
)
def test_an_address_that_is_none_is_refused_when_it_is_set(url: str) -> None:
    with pytest.raises(InvalidInputError):
        ClamAV(url)
