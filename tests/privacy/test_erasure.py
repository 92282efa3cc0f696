"""Forgetting for real: the key's bytes are out of the files, and it is done whole or not at all."""

import signal
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import insert, select

import burgee
from burgee.core.clock import system_clock
from burgee.core.portal import drive
from burgee.core.scope import tenant_scope
from burgee.privacy.model import PrivacyChange
from burgee.privacy.service import LocalPrivacyService
from burgee.store.database import Database
from burgee.store.schema import projections, snapshots
from burgee.store.schema import subjects as keys
from burgee.store.vault import Vault
from burgee.workspace import Tenant
from services import children

GREP = """
    import pathlib, sys
    needles = [bytes.fromhex(line) for line in sys.stdin.read().split()]
    texts = [path.read_bytes() for path in pathlib.Path(sys.argv[1]).iterdir()]
    print(sum(any(needle in text for text in texts) for needle in needles))
"""


def in_files(folder: Path, needles: list[bytes]) -> int:
    """How many stand in the workspace's files. Another process looks: a file closed here drops SQLite's locks."""
    found = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(GREP), str(folder)],
        input="\n".join(needle.hex() for needle in needles),
        capture_output=True,
        text=True,
        check=True,
    )
    return int(found.stdout)


def key_bytes(database: Database) -> dict[str, bytes]:
    with database.read("acme") as connection:
        rows = connection.execute(select(keys.c.subject, keys.c.key).where(keys.c.generation > 0))
        return {subject: key[1:] for subject, key in rows if key is not None}


def fill(acme: Tenant, people: range) -> None:
    acme.privacy.protect("order.placed", fields=["email"], subject="customer")
    for n in people:
        data = {"customer": f"c{n}", "email": f"mail{n}@example.org"}
        acme.events.append(f"order-{n}", burgee.Event("order.placed", data, id=f"e{n}"))


def test_a_destroyed_keys_bytes_are_in_no_file_and_neither_was_the_secret_ever(tmp_path: Path) -> None:
    database = Database.in_folder(tmp_path / "ws")
    with burgee.open(tmp_path / "ws") as ws:
        acme = ws.tenants.create("acme")
        fill(acme, range(60))
        known = key_bytes(database)
        assert in_files(tmp_path / "ws", list(known.values())) == 60
        assert in_files(tmp_path / "ws", [b"mail7@example.org"]) == 0
        for n in range(0, 60, 2):
            assert acme.privacy.forget(f"c{n}").erased
        gone = [known[f"c{n}"] for n in range(0, 60, 2)]
        kept = [known[f"c{n}"] for n in range(1, 60, 2)]
        assert in_files(tmp_path / "ws", gone) == 0
        assert in_files(tmp_path / "ws", kept) == 30
    database.close()
    assert in_files(tmp_path / "ws", gone) == 0


def test_while_somebody_reads_the_old_bytes_are_said_to_be_there_still(tmp_path: Path) -> None:
    database = Database.in_folder(tmp_path / "ws")
    with burgee.open(tmp_path / "ws") as ws:
        acme = ws.tenants.create("acme")
        fill(acme, range(1))
        with database.read("acme") as reader:
            reader.execute(select(keys.c.subject)).all()
            assert not acme.privacy.forget("c0").erased
        assert acme.privacy.forget("c0").erased
    database.close()


def test_what_was_derived_goes_with_the_key(tmp_path: Path) -> None:
    database = Database.in_folder(tmp_path / "ws")
    with burgee.open(tmp_path / "ws") as ws:
        fill(ws.tenants.create("acme"), range(2))
        for tenant in ("acme", "other"):
            with database.write(tenant) as connection:
                snapshot = {"stream": "order-0", "kind": "Order", "version": 1, "data": '"snap of mail0"'}
                connection.execute(insert(snapshots).values(tenant=tenant, **snapshot))
                view = {"name": "v", "position": 9, "revision": 4, "status": "live", "state": "mail0", "updated_at": 0}
                connection.execute(insert(projections).values(tenant=tenant, **view))
        ws.tenant("acme").privacy.forget("c0")
        with database.read("acme") as connection:
            assert connection.execute(select(snapshots.c.tenant)).all() == [("other",)]
            c = projections.c
            found = connection.execute(select(c.tenant, c.status, c.revision, c.state)).all()
        assert sorted(found) == [("acme", "stale", 5, "null"), ("other", "live", 4, "mail0")]
    database.close()


def test_appending_while_forgetting_leaves_each_event_readable_or_forgotten(tmp_path: Path) -> None:
    with burgee.open(tmp_path / "ws") as ws:
        fill(ws.tenants.create("acme"), range(1))

        def work(number: int) -> None:
            acme = ws.tenant("acme")
            for turn in range(15):
                if number < 2:
                    acme.privacy.forget("c0")
                    continue
                data = {"customer": "c0", "email": f"{number}-{turn}"}
                acme.events.append(f"order-{number}", burgee.Event("order.placed", data))

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(work, range(4)))
        acme = ws.tenant("acme")
        found = [event.data["email"] for event in acme.events.read()]
        assert len(found) == 31
        done = [change.after for change in acme.privacy.history() if change.change == "forgotten"]
        forgotten = sum(int(str(each["events"])) for each in done)
        assert sum(email is None for email in found) == forgotten
        [subject] = acme.privacy.subjects()
        assert subject.generation == len(done) + (not subject.forgotten)


def names(change: PrivacyChange) -> list[str]:
    """Who was forgotten by it."""
    found = change.after["subject"] if change.change == "forgotten" else []
    return [str(name) for name in found] if isinstance(found, list) else []


FORGETTER = """
    import sys, burgee
    with burgee.open(sys.argv[1]) as ws:
        acme = ws.tenant("acme")
        for n in range(int(sys.argv[2]), 1000):
            print(n, flush=True)
            acme.privacy.forget(f"c{n}")
"""


def test_killed_while_forgetting_it_is_done_or_not_and_never_half(tmp_path: Path) -> None:
    """SIGKILL, 20 times."""
    folder = tmp_path / "ws"
    with burgee.open(folder) as ws:
        acme = ws.tenants.create("acme")
        acme.privacy.protect("order.placed", fields=["email"], subject="customer")
        events = [burgee.Event("order.placed", {"customer": f"c{n}", "email": f"m{n}"}) for n in range(1000)]
        acme.events.append("orders", events)
    begun = 0
    for kill in range(20):
        command = [sys.executable, "-c", textwrap.dedent(FORGETTER), str(folder), str(begun)]
        with children.start(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            said = [process.stdout.readline() for _ in range(2)]
            time.sleep(0.001 * kill)
            process.send_signal(signal.SIGKILL)
            said += process.stdout.read().split()
        begun = int(said[-1])
        with burgee.open(folder) as ws:
            acme = ws.tenant("acme")
            readable = {str(event.data["customer"]) for event in acme.events.read() if event.data["email"] is not None}
            told = [name for change in acme.privacy.history() for name in names(change)]
            forgotten = {subject.subject for subject in acme.privacy.subjects() if subject.forgotten}
            assert sorted(told) == sorted(forgotten)
            assert readable == {f"c{n}" for n in range(1000)} - forgotten
            assert {f"c{n}" for n in range(begun)} <= forgotten <= {f"c{n}" for n in range(begun + 1)}
    assert begun >= 20


def test_a_master_key_wraps_the_keys_and_without_it_nothing_is_readable(tmp_path: Path) -> None:
    folder, first, second = tmp_path / "ws", "first-master-key-" + "1" * 32, "second-master-key-" + "2" * 32

    def opened(setting: str | None) -> burgee.Workspace:
        return burgee.open(folder, settings=burgee.Settings(privacy_key=setting))  # type: ignore[arg-type] # as the environment has it

    def emails(ws: burgee.Workspace) -> list[object]:
        return [event.data["email"] for event in ws.tenant("acme").events.read()]

    with opened(None) as ws:  # what was plain is wrapped later
        fill(ws.tenants.create("acme"), range(1))
    with opened(first) as ws:
        fill(ws.tenant("acme"), range(1, 2))
        assert ws.tenant("acme").privacy.rewrap() == 1
        assert ws.tenant("acme").privacy.rewrap() == 0
        assert emails(ws) == ["mail0@example.org", "mail1@example.org"]
    for wrong in (None, second):
        with opened(wrong) as ws, pytest.raises(burgee.WorkspaceError, match="master key that is not here") as caught:
            emails(ws)
        assert "BURGEE_PRIVACY_KEY" in caught.value.hints[0]
    with opened(f"{second} {first}") as ws:
        assert len(emails(ws)) == 2
        assert ws.tenant("acme").privacy.rewrap() == 2
    with opened(second) as ws:
        assert emails(ws) == ["mail0@example.org", "mail1@example.org"]
        assert ws.tenant("acme").privacy.forget("c0").events == 1
        assert emails(ws) == [None, "mail1@example.org"]


def test_a_wrapped_key_does_not_stand_in_the_files(tmp_path: Path) -> None:
    vault = Vault.of(burgee.Settings(privacy_key="m" * 40).privacy_key)  # type: ignore[arg-type] # as the environment has it
    database = Database.in_folder(tmp_path / "ws", vault=vault)
    with tenant_scope("acme"):
        service = LocalPrivacyService(database, system_clock)
        drive(service.protect("order.placed", {"email": "customer"})).unwrap()
    with burgee.open(tmp_path / "ws", settings=burgee.Settings(privacy_key="m" * 40)) as ws:  # type: ignore[arg-type]
        ws.tenants.create("acme").events.append("o", burgee.Event("order.placed", {"customer": "c0", "email": "x"}))
    with database.read("acme") as connection:
        [wrapped] = connection.scalars(select(keys.c.key))
    plain = vault.unwrap(wrapped, "acme", "c0", "1")
    assert in_files(tmp_path / "ws", [wrapped]) == 1
    assert in_files(tmp_path / "ws", [plain]) == 0
    with pytest.raises(burgee.WorkspaceError, match="changed from outside"):
        vault.unwrap(wrapped, "other", "c0", "1")
    database.close()


def test_a_master_key_shows_itself_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """P22."""
    secret = "only-i-know-this"
    monkeypatch.setenv("BURGEE_PRIVACY_KEY", secret)
    with pytest.raises(burgee.InvalidInputError, match="32 characters") as caught, burgee.open("memory://"):
        pass
    assert secret not in repr(caught.value) + str(caught.value.hints)
    monkeypatch.setenv("BURGEE_PRIVACY_KEY", secret * 3)
    told = repr(burgee.Settings()) + repr(Vault.of(burgee.Settings().privacy_key))
    assert secret not in told
