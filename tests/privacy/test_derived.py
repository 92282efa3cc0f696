"""What was made of a person's events follows when they are forgotten: the mirror and the archive, at once."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self, override

import pyarrow.parquet as pq
import pytest

import burgee
from burgee.analytics import mirror
from burgee.core.settings import Settings
from burgee.workspace import Tenant, Workspace

ANN = "ann@example.org"


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    monkeypatch.setattr(mirror, "WRITE_ROWS", 1)  # also a small log goes to disk
    with burgee.open(tmp_path / "ws", settings=Settings(archive=str(tmp_path / "archive"))) as workspace:
        yield workspace


def emails(folder: Path) -> set[object]:
    found: set[object] = set()
    for path in folder.rglob("*.parquet"):
        table = pq.ParquetFile(path).read()
        assert table.num_rows
        found |= set(table["email"].to_pylist() if "email" in table.column_names else [])
        found |= {ANN for text in table["data"].to_pylist() if ANN in text}
    return found


def test_the_forgotten_are_gone_from_answers_mirror_and_archive(kept: Workspace, tmp_path: Path) -> None:
    acme = kept.tenants.create("acme")
    acme.privacy.protect("signup", fields=["email"], subject="user")
    for user, email in (("ann", ANN), ("bob", "bob@example.org")):
        acme.events.append(f"user-{user}", burgee.Event("signup", {"user": user, "email": email}))
    assert set(acme.events.query().frame()["email"]) == {ANN, "bob@example.org"}
    assert len(acme.events.query().by("email").frame()) == 2
    acme.events.archive()
    mirrored = tmp_path / "ws" / "mirror"
    assert ANN in emails(mirrored)
    assert emails(tmp_path / "archive") == {ANN, "bob@example.org"}

    acme.privacy.forget("ann", why="asked to")

    assert ANN not in emails(mirrored)  # before anybody asks again
    assert emails(tmp_path / "archive") == {None, "bob@example.org"}
    frame = acme.events.query().frame().set_index("user")
    assert frame["email"].isna().to_dict() == {"ann": True, "bob": False}
    counted = acme.events.query().by("email").frame()
    assert set(counted["email"].dropna()) == {"bob@example.org"}


@burgee.event("derived.signup")
@dataclass(frozen=True)
class Signup:
    user: str
    email: str | None


class Account(burgee.Aggregate[Signup]):
    email: str | None = None
    signups: int = 0

    def apply(self, event: Signup) -> Self:
        return replace(self, email=event.email, signups=self.signups + 1)


def has_snapshot(acme: Tenant) -> bool:
    return acme._link.call(acme._services.events.snapshot("user-ann", "Account")) is not None


class Emails(burgee.Projection[Signup, dict[str, str | None]]):
    """The newest address of each user."""

    @override
    def initial(self) -> dict[str, str | None]:
        return {}

    @override
    def apply(self, state: dict[str, str | None], event: Signup) -> dict[str, str | None]:
        return {**state, event.user: event.email}


def test_the_forgotten_are_gone_from_aggregates_and_views(acme: Tenant) -> None:
    acme.privacy.protect("derived.signup", fields=["email"], subject="user")
    accounts = acme.events.store(Account, snapshots=1)
    view = acme.projections.add(Emails())
    for number in range(3):
        acme.events.append("user-ann", Signup("ann", f"{number}{ANN}"))
        assert accounts.snapshot("user-ann").signups == number + 1
    assert accounts.load("user-ann") == accounts.load("user-ann", version=3)
    assert accounts.load("user-ann").email == f"2{ANN}"
    assert not has_snapshot(acme)  # they would hold the address in plain
    assert view.catch_up().state() == {"ann": f"2{ANN}"}

    acme.privacy.forget("ann")

    assert accounts.load("user-ann").email is None
    assert accounts.load("user-ann").signups == 3
    assert acme._link.call(acme._services.projections.view(view.name)).state == "null"
    assert view.state() == {}
    assert view.catch_up().state() == {"ann": None}


def test_an_archive_that_is_out_of_reach_does_not_keep_anybody_from_being_forgotten(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("no folder")
    with burgee.open(tmp_path / "ws", settings=Settings(archive=str(tmp_path / "file" / "archive"))) as ws:
        acme = ws.tenants.create("acme")
        acme.privacy.protect("signup", fields=["email"], subject="user")
        acme.events.append("user-ann", burgee.Event("signup", {"user": "ann", "email": ANN}))
        assert acme.privacy.forget("ann").events == 1
        assert acme.events.query().frame()["email"].isna().all()
    assert ANN not in caplog.text
