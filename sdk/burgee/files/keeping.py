"""How a file comes in and goes, whatever way it was sent: the storage first, then the log. Nothing half is ever seen.

Before its event there is no file, only an object under a key that nobody was told; what a process leaves there when it
is killed, `check` removes. Everything here blocks.
"""

import contextlib
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from threading import Lock

from sqlalchemy import Connection

from burgee.core.clock import Clock
from burgee.core.errors import (
    BurgeeError,
    ConflictError,
    DuplicateEventError,
    InvalidInputError,
    NotFoundError,
    WorkspaceError,
)
from burgee.core.ids import new_id
from burgee.core.json import Json
from burgee.core.result import Err, Ok, Result
from burgee.core.scope import bind_scope, current_scope
from burgee.files import books
from burgee.files.errors import ScannerUnavailableError, StorageUnavailableError, UploadRefusedError
from burgee.files.intake import Claims, Intake, Room, Rules, check_claims
from burgee.files.model import FileMetadata, FileState, Status, StoredObject, Usage
from burgee.files.names import shortened
from burgee.files.protocol import StorageProvider
from burgee.files.scanner import Scanner
from burgee.store import log
from burgee.store.database import Database
from burgee.store.log import NewEvent
from burgee.wire.octets import Octets

type Storage = StorageProvider[Mapping[str, str]]
type Refusal = BurgeeError
type Kept = Result[FileMetadata, Refusal]

EXPECTED = (InvalidInputError, ConflictError, NotFoundError, ScannerUnavailableError, StorageUnavailableError)
"""What can be expected to go wrong with a file."""


class Opened:
    """A storage that is opened when it is first needed, and closed if it was."""

    def __init__(self, make: Callable[[], Storage]) -> None:
        self._make = make
        self._made: Storage | None = None
        self._closed = False
        self._lock = Lock()

    def get(self) -> Storage:
        """The storage."""
        with self._lock:
            if self._closed:
                raise WorkspaceError("the workspace of these files is closed", hint="open it again: burgee.open(…)")
            if self._made is None:
                self._made = self._make()
            return self._made

    def close(self) -> None:
        """Give it back."""
        with self._lock:
            made, self._made, self._closed = self._made, None, True
        if made is not None:
            made.close()


class Keeper:
    """Takes files in and deletes them."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        storage: Opened,
        rules: Rules,
        quota: int | None,
        scanner: Scanner | None,
    ) -> None:
        self.database = database
        self.clock = clock
        self.rules = rules
        self.files = books.file_states(clock)
        self._storage = storage
        self._quota = quota
        self._quotas = books.quotas(clock)
        self._scanner = scanner

    @property
    def storage(self) -> Storage:
        """Where the bytes are."""
        return self._storage.get()

    def usage(self, connection: Connection, tenant: str) -> Usage:
        """What the tenant's files take, and its quota."""
        own = self._quotas.get(connection, tenant, "quota")
        return books.usage(connection, tenant, self._quota if own is None or own.bytes is None else own.bytes)

    def set_quota(self, connection: Connection, tenant: str, quota: int | None) -> Result[books.Quota, log.AppendError]:
        """Set the tenant's own quota."""
        event = NewEvent("file-quota.set", {"bytes": quota})
        return self._quotas.change(connection, tenant, "quota", lambda _: Ok(event))

    def room(self, connection: Connection, tenant: str) -> Room:
        """What its quota leaves now."""
        usage = self.usage(connection, tenant)
        return Room(usage.size, usage.quota)

    def state(self, tenant: str, id: str) -> FileState | None:
        """A file as it is now."""
        with self.database.read(tenant) as connection:
            return self.files.get(connection, tenant, id)

    def read(self, tenant: str, state: FileState, start: int, stop: int) -> Iterator[bytes]:
        """The bytes of a file, or a part of them."""
        try:
            return self.storage.read(state.key(tenant), start, stop)
        except NotFoundError:
            if self.state(tenant, state.file.id) != state:  # it was just deleted
                raise NotFoundError("file", state.file.id) from None
            hint = "acme.files.check() names all files that are lost"
            raise StorageUnavailableError(f"the bytes of {state.file.name!r} are gone", hint=hint) from None

    def keep(
        self,
        tenant: str,
        content: Iterable[bytes],
        claims: Claims,
        labels: Mapping[str, Json],
        awaited: str | None = None,
    ) -> FileMetadata:
        """Take a file in; `awaited` is the id of one that was to come. Raises what is wrong with it."""
        with self.database.read(tenant) as connection:
            if awaited is None and (earlier := self._earlier(connection, tenant)) is not None:
                return _same(earlier, claims)
            room = self.room(connection, tenant)
        check_claims(claims, self.rules, room)
        id = awaited or new_id(self.clock)
        # Several may bring an awaited file at once: each has an object of its own, and the first to be entered is it.
        stored_as = id if awaited is None else f"{id}.{secrets.token_hex(8)}"
        intake = Intake(content, claims, self.rules, room)
        with contextlib.ExitStack() as held:
            stored = self.storage.write(f"{tenant}/{stored_as}", intake, {}, held)
            with self._undone(stored.key):
                checksum = _checksum(stored)
                intake.check_sum(checksum)
                if self._scanner is not None:
                    with contextlib.closing(Octets(self.storage.read(stored.key))) as whole:
                        self._scanner.scan(whole)
            file: dict[str, Json] = {
                "id": id,
                "name": claims.name,
                "size": stored.size,
                "type": intake.type,
                "checksum": checksum,
            }
            if awaited is not None:
                file["stored_as"] = stored_as
            event = NewEvent("file.uploaded", {**file, "labels": dict(labels)})
            # What fails here without an answer may have been committed all the same: `check` knows then, not we.
            done = self._enter(tenant, id, event, stored, claims, awaited=awaited is not None)
        if isinstance(done, Err):
            self._drop(stored.key)
            raise done.error
        if done.value.id != id:  # another call with the same idempotency key was first
            self._drop(stored.key)
        return done.value

    def earlier(self, tenant: str) -> FileMetadata | None:
        """What the call before had for an answer, if this one is its repetition."""
        with self.database.read(tenant) as connection:
            return self._earlier(connection, tenant)

    def delete(self, tenant: str, id: str) -> FileMetadata:
        """Delete a file, or leave it as it is. Raises why."""
        if (done := self.earlier(tenant)) is not None and done.id == id:
            return done
        with keyless():
            state = self._turn(tenant, id, "stored", "deleting")
            try:
                self.storage.delete(state.key(tenant))
            except StorageUnavailableError:
                with contextlib.suppress(NotFoundError):  # a `check` meanwhile had more luck
                    self._turn(tenant, id, "deleting", "restored")
                raise
        try:
            return self.deleted(tenant, id)
        except NotFoundError:  # a `check` ended it meanwhile
            return state.file

    def deleted(self, tenant: str, id: str) -> FileMetadata:
        """Write down that a file's object is gone."""
        with self.database.write(tenant) as connection:
            file = self._turned(connection, tenant, id, "deleting", "deleted").file
            self.files.drop(connection, tenant, id)
            books.add(connection, tenant, -1, -file.size)
        return file

    def awaited_id(self, tenant: str) -> str:
        """The id of a file that may come: the one this call's repetition gave it, or a new one."""
        key = current_scope().idempotency_key
        if key is not None:
            with self.database.read(tenant) as connection:
                earlier = log.by_ids(connection, tenant, [key]).get(key)
            if earlier is not None and earlier.type == "file.awaited":
                return str(earlier.data["id"])
        return new_id(self.clock)

    def await_file(self, tenant: str, id: str, claims: Claims, labels: Mapping[str, Json], until: datetime) -> None:
        """Write down that a file may come, until then."""
        with self.database.read(tenant) as connection:
            check_claims(claims, self.rules, self.room(connection, tenant))
        file: dict[str, Json] = {"id": id, "name": claims.name, "size": claims.size, "type": claims.type}
        event = NewEvent("file.awaited", {**file, "labels": dict(labels), "expires_at": until.isoformat()})
        with self.database.write(tenant) as connection:
            if self.files.get(connection, tenant, id) is None:
                self.files.change(connection, tenant, id, lambda _: Ok(event)).unwrap()

    def finish(self, tenant: str, state: FileState) -> FileMetadata:
        """Take in what was put at an address of the storage itself; what is refused is removed."""
        file = state.file
        claims = Claims(file.name, file.type, file.size if state.sized else None)
        try:
            with keyless(), contextlib.closing(Octets(self.storage.read(state.key(tenant)))) as content:
                kept = self.keep(tenant, content, claims, file.labels, awaited=file.id)
        except UploadRefusedError:
            with contextlib.suppress(NotFoundError):  # somebody else was refused, too
                self.give_up(tenant, state)
            raise
        except (ConflictError, NotFoundError) as error:
            now = self.state(tenant, file.id)
            if now is not None and now.status == "stored":
                return now.file  # somebody else took it in meanwhile
            if now is not None and isinstance(error, ConflictError):
                raise  # it may be asked for again
            raise NotFoundError("file", file.id) from None
        self._drop(state.key(tenant))
        return kept

    def give_up(self, tenant: str, state: FileState) -> None:
        """A file that was to come does not come any more."""
        id = state.file.id
        with keyless(), self.database.write(tenant) as connection:
            self._turned(connection, tenant, id, "awaited", "refused")
            self.files.drop(connection, tenant, id)
        self._drop(state.key(tenant))

    def has(self, tenant: str, key: str) -> bool:
        """Whether an object belongs to a file now."""
        with self.database.read(tenant) as connection:
            return self._has(connection, tenant, key)

    def clear(self, tenant: str, key: str) -> None:
        """Take an object away that belongs to no file; not if it does by now. No file is entered with it afterwards."""
        with self.database.write(tenant) as connection:
            if self._has(connection, tenant, key):
                return
            books.strike(connection, tenant, key)
        self.storage.delete(key)

    def _has(self, connection: Connection, tenant: str, key: str) -> bool:
        state = self.files.get(connection, tenant, key.rpartition("/")[2].partition(".")[0])
        return state is not None and state.key(tenant) == key

    def _enter(
        self,
        tenant: str,
        id: str,
        event: NewEvent,
        stored: StoredObject[Mapping[str, str]],
        claims: Claims,
        *,
        awaited: bool,
    ) -> Result[FileMetadata, Refusal]:
        """The one transaction by which a file is there."""

        def decide(state: FileState | None) -> Result[NewEvent | None, Refusal]:
            if awaited and (state is None or state.status != "awaited"):
                return Err(ConflictError(f"the file {id!r} came already, or is not awaited any more"))
            return Ok(event)

        with self.database.write(tenant) as connection:
            try:
                if not awaited and (earlier := self._earlier(connection, tenant)) is not None:
                    return Ok(_same(earlier, claims))
                self.room(connection, tenant).need(stored.size, claims.name)
                _need_unstruck(connection, tenant, stored.key, claims.name)
            except EXPECTED as error:
                return Err(error)
            done = self.files.change(connection, tenant, id, decide)
            if isinstance(done, Ok):
                books.add(connection, tenant, 1, stored.size)
            return done.map(lambda state: state.file)

    def _earlier(self, connection: Connection, tenant: str) -> FileMetadata | None:
        key = current_scope().idempotency_key
        event = None if key is None else log.by_ids(connection, tenant, [key]).get(key)
        if event is None:
            return None
        if event.type not in {"file.uploaded", "file.deleted"}:
            raise DuplicateEventError(event.id, "is an idempotency key that another change used")
        id = event.stream.removeprefix(self.files.stream(""))
        *_, (_, state) = self.files.replay(connection, tenant, id, upto=event.version)
        return state.file

    def _turn(self, tenant: str, id: str, now: Status, then: str) -> FileState:
        with self.database.write(tenant) as connection:
            return self._turned(connection, tenant, id, now, then)

    def _turned(self, connection: Connection, tenant: str, id: str, now: Status, then: str) -> FileState:
        def decide(state: FileState | None) -> Result[NewEvent | None, Refusal]:
            if state is None or state.status != now:
                return Err(NotFoundError("file", id))
            return Ok(NewEvent(f"file.{then}", {}))

        return self.files.change(connection, tenant, id, decide).unwrap()

    @contextmanager
    def _undone(self, key: str) -> Iterator[None]:
        """The object goes if what is inside fails."""
        try:
            yield
        except BaseException:
            self._drop(key)
            raise

    def _drop(self, key: str) -> None:
        """Take an object away that no event names; where that fails, `check` does it later."""
        with contextlib.suppress(StorageUnavailableError):
            self.storage.delete(key)


@contextmanager
def keyless() -> Iterator[None]:
    """Without the call's idempotency key: it is for the one event that is the call's answer."""
    with bind_scope(replace(current_scope(), idempotency_key=None)):
        yield


def now_of(clock: Clock) -> datetime:
    """The time."""
    return datetime.fromtimestamp(clock.now_us() / 1_000_000, UTC)


def _checksum(stored: StoredObject[Mapping[str, str]]) -> str:
    if stored.checksum is None:
        raise StorageUnavailableError(f"the storage did not say what it wrote under {stored.key!r}")
    return stored.checksum


def _need_unstruck(connection: Connection, tenant: str, key: str, name: str) -> None:
    """Refuse a file whose object `check` took for somebody's who died, and took away."""
    if books.is_struck(connection, tenant, key):
        hint = "send it again; check(older_than=…) leaves alone what is younger than so many seconds"
        raise ConflictError(f"{shortened(name)!r} was still coming when a check took it away", hint=hint)


def _same(earlier: FileMetadata, claims: Claims) -> FileMetadata:
    """The first call's answer, if this one can be its repetition."""
    said = (claims.name, claims.size, claims.checksum)
    had = (earlier.name, earlier.size, earlier.checksum)
    if any(new is not None and new != old for new, old in zip(said, had, strict=True)):
        key = current_scope().idempotency_key or ""
        raise DuplicateEventError(key, "is an idempotency key that another file was uploaded with")
    return earlier
