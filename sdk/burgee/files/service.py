"""The files of a tenant: their bytes in a storage, what is known of them as aggregates in the log."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from functools import partial
from typing import Any, cast, override
from unicodedata import normalize

from burgee.core.checks import need_text, need_whole
from burgee.core.clock import Clock
from burgee.core.errors import (
    AuthenticationError,
    ConflictError,
    InvalidInputError,
    NotFoundError,
    PermissionDeniedError,
)
from burgee.core.json import Json, dumps
from burgee.core.page import Page, cut, wrong_limit
from burgee.core.result import Err, Ok, Result
from burgee.core.scope import SYSTEM_TENANT, require_tenant, tenant_scope, unless_admin
from burgee.core.settings import Settings
from burgee.files import books
from burgee.files.checking import Checker
from burgee.files.content import DEFAULT_TYPES, media_type, need_allowed, patterns_of, sniff
from burgee.files.crowds import Crowd
from burgee.files.errors import ScannerUnavailableError, StorageUnavailableError, no_file
from burgee.files.headers import download_headers
from burgee.files.intake import Claims, Rules
from burgee.files.keeping import EXPECTED, Keeper, Opened, Storage, now_of
from burgee.files.keys import check_age, check_expires
from burgee.files.model import AwaitedFile, CheckReport, FileChange, FileMetadata, FileState, SignedUrl, Usage, incoming
from burgee.files.names import clean_name
from burgee.files.protocol import FileService, UploadError
from burgee.files.scanner import Scanner
from burgee.files.signing import SignedClaims, Signer
from burgee.store.database import Database
from burgee.wire.octets import Octets, RangeError, apart

FILES = "/v1/files"
"""Where a server takes files in."""

SIGNED = f"{FILES}/signed/"
"""Where burgee's server honours signed addresses."""

_LARGEST_LABELS = 64 * 1024
_LOOKED_AT = 1000  # files, for one that is called as an id was said to be
_MOST_SENDERS = 4
"""How many may put at one signed address at once: each has a thread and a part of the disk while it sends."""


class LocalFileService(FileService):
    """Files in the database and the storage of this workspace.

    Args:
        database: where what is known of them is.
        clock: the time.
        storage: opens the storage, when it is first needed.
        settings: limit, quota and types.
        scanner: looks through what comes in.
        address: where this workspace's server is reached; empty: where the client reaches it; none: there is none.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        storage: Callable[[], Storage],
        settings: Settings,
        *,
        scanner: Scanner | None = None,
        address: str | None = None,
    ) -> None:
        types = DEFAULT_TYPES if settings.files_types is None else patterns_of(settings.files_types)
        rules = Rules(settings.files_limit, types)
        self._database = database
        self._clock = clock
        self._storage = Opened(storage)
        self._keeper = Keeper(database, clock, self._storage, rules, settings.files_quota, scanner)
        self._files = self._keeper.files
        self._rules = rules
        self._address = address
        self._signer: Signer | None = None
        self._signs_itself: bool | None = None
        self._senders = Crowd(_MOST_SENDERS)

    def close(self) -> None:
        """Give the storage back."""
        self._storage.close()

    def closing(self) -> Callable[[], None]:
        """`close`, as something that does not keep the service."""
        return self._storage.close

    @override
    async def upload(
        self,
        content: Octets,
        name: str,
        type: str | None = None,
        size: int | None = None,
        checksum: str | None = None,
        labels: Mapping[str, Json] | None = None,
    ) -> Result[FileMetadata, UploadError]:
        tenant = require_tenant()

        def work() -> FileMetadata:
            said = content.size if size is None else size
            claims = Claims(clean_name(name), None if type is None else media_type(type), said, checksum)
            return self._keeper.keep(tenant, content, claims, _labels(labels))

        return await apart(partial(_told, work))

    @override
    async def list(
        self, after: str | None = None, limit: int = 100, prefix: str | None = None, type: str | None = None
    ) -> Result[Page[FileMetadata], InvalidInputError]:
        if refused := wrong_limit(limit):
            return refused
        for what, value in (("after", after), ("prefix", prefix), ("type", type)):
            if value is not None and not isinstance(cast("object", value), str):
                return Err(InvalidInputError(f"{what} must be text, not {value!r}"))
        tenant = require_tenant()
        start = normalize("NFC", prefix or "")  # as names are kept

        def work() -> Page[FileMetadata]:
            found: list[FileMetadata] = []
            for file in self._stored(tenant, after or "", limit + 1):
                if file.name.startswith(start) and fnmatchcase(file.type, type or "*"):
                    found.append(file)
                if len(found) > limit:
                    break
            return cut(found, limit, lambda file: file.id)

        return Ok(await self._database.run(work))

    @override
    async def usage(self) -> Result[Usage, InvalidInputError]:
        tenant = require_tenant()

        def work() -> Usage:
            with self._database.read(tenant) as connection:
                return self._keeper.usage(connection, tenant)

        return Ok(await self._database.run(work))

    @override
    async def set_quota(
        self, quota: int | None
    ) -> Result[Usage, InvalidInputError | ConflictError | PermissionDeniedError]:
        if refused := unless_admin("setting a quota"):
            return refused
        tenant = require_tenant()

        def work() -> Usage:
            if quota is not None:
                need_whole("a quota in bytes", quota)
            with self._database.write(tenant) as connection:
                self._keeper.set_quota(connection, tenant, quota).unwrap()
                return self._keeper.usage(connection, tenant)

        return await self._database.run(partial(_told, work))

    @override
    async def check(
        self, repair: bool = False, older_than: float = 3600.0
    ) -> Result[CheckReport, InvalidInputError | StorageUnavailableError | ScannerUnavailableError]:
        tenant = require_tenant()

        def work() -> CheckReport:
            return Checker(self._keeper, tenant, check_age(older_than)).run(repair=repair)

        return await apart(partial(_told, work))

    @override
    async def upload_url(
        self,
        name: str,
        type: str,
        size: int | None = None,
        expires: float = 3600.0,
        labels: Mapping[str, Json] | None = None,
    ) -> Result[AwaitedFile, UploadError]:
        tenant = require_tenant()

        def work() -> AwaitedFile:
            seconds = check_expires(expires)
            if size is not None:
                need_whole("a file's size in bytes", size)
            claims = Claims(clean_name(name), media_type(type), size)
            sniff(b"", claims.name, claims.type)  # the name's ending and the type must agree
            need_allowed(media_type(type), claims.name, self._rules.types)
            until = now_of(self._clock) + timedelta(seconds=seconds)
            id = self._keeper.awaited_id(tenant)
            address = self._keeper.storage.signed_put(incoming(tenant, id), seconds, type=media_type(type), size=size)
            if address is None:
                signed = SignedClaims(tenant, id, "PUT", until, claims.name, media_type(type), size)
                headers = {"Content-Type": media_type(type)}
                address = SignedUrl(self._signed(signed), "PUT", until, headers)
            self._keeper.await_file(tenant, id, claims, _labels(labels), until)
            return AwaitedFile(id, address)

        return await self._database.run(partial(_told, work))

    @override
    async def get(self, id: str) -> Result[FileMetadata, UploadError]:
        tenant = require_tenant()

        def work() -> FileMetadata:
            state = self._keeper.state(tenant, id)
            if state is not None and state.status == "awaited":
                return self._keeper.finish(tenant, state)
            if state is None or state.status != "stored":
                raise no_file(id, self._stored(tenant, "", _LOOKED_AT, most=_LOOKED_AT))
            return state.file

        return await apart(partial(_told, work))

    @override
    async def read(
        self, id: str, start: int = 0, stop: int | None = None
    ) -> Result[Octets, NotFoundError | InvalidInputError | StorageUnavailableError]:
        tenant = require_tenant()

        def work() -> Octets:
            state = self._there(tenant, id)
            file = state.file
            first, last = _part(file, start, stop)
            pieces = self._keeper.read(tenant, state, first, last)
            headers = download_headers(file.name, file.type, file.checksum)
            return Octets(pieces, size=last - first, start=first, total=file.size, headers=headers)

        return await self._database.run(partial(_told, work))

    @override
    async def url(
        self, id: str, expires: float = 3600.0
    ) -> Result[SignedUrl, NotFoundError | InvalidInputError | StorageUnavailableError]:
        tenant = require_tenant()

        def work() -> SignedUrl:
            seconds = check_expires(expires)
            state = self._there(tenant, id)
            file = state.file
            own = self._keeper.storage.signed_get(state.key(tenant), seconds, name=file.name, type=file.type)
            if own is not None:
                return own
            until = now_of(self._clock) + timedelta(seconds=seconds)
            return SignedUrl(self._to_read(tenant, file, until), "GET", until)

        return await self._database.run(partial(_told, work))

    def signed_address(self, tenant: str, file: FileMetadata, expires: float) -> str | None:
        """See `AddressSigner`."""
        seconds = check_expires(expires)
        if self._signs_itself is None:
            self._signs_itself = self._keeper.storage.has_addresses
        if self._signs_itself:
            return None
        return self._to_read(tenant, file, now_of(self._clock) + timedelta(seconds=seconds))

    @override
    async def finish(self, id: str) -> Result[FileMetadata, UploadError]:
        return await self.get(id)

    @override
    async def delete(
        self, id: str
    ) -> Result[FileMetadata, NotFoundError | ConflictError | InvalidInputError | StorageUnavailableError]:
        tenant = require_tenant()
        return await self._database.run(partial(_told, lambda: self._keeper.delete(tenant, id)))

    @override
    async def history(self, id: str) -> Result[tuple[FileChange, ...], NotFoundError]:
        tenant = require_tenant()

        def work() -> tuple[FileChange, ...]:
            with self._database.read(tenant) as connection:
                changes = tuple(self._files.audit(connection, tenant, id, books.audited))
            if not changes:
                raise NotFoundError("file", id)
            return changes

        return await self._database.run(partial(_told, work))

    async def permitted(self, token: str, method: str) -> Result[SignedClaims, AuthenticationError]:
        """What a signed address permits now."""
        signer = self._signer
        if signer is None:
            signer = await self._database.run(self._signing)
        try:
            return Ok(signer.verify(token, method, now_of(self._clock)))
        except AuthenticationError as error:
            return Err(error)

    async def receive(self, claims: SignedClaims, content: Octets) -> Result[FileMetadata, UploadError]:
        """Take in what is put at a signed address: the file it was signed for, once."""

        def work() -> FileMetadata:
            with tenant_scope(claims.tenant), self._senders.entered(f"{claims.tenant}/{claims.file}") as there_is_room:
                if not there_is_room:
                    raise ConflictError(f"the file {claims.name!r} is being sent by {_MOST_SENDERS} already")
                state = self._keeper.state(claims.tenant, claims.file)
                if state is None or state.status != "awaited":
                    raise ConflictError(f"the file {claims.name!r} came already, or is not awaited any more")
                said = Claims(claims.name, claims.type, content.size if claims.size is None else claims.size)
                return self._keeper.keep(claims.tenant, content, said, state.file.labels, awaited=claims.file)

        return await apart(partial(_told, work))

    def _there(self, tenant: str, id: str) -> FileState:
        state = self._keeper.state(tenant, id)
        if state is None or state.status != "stored":
            raise NotFoundError("file", id)
        return state

    def _stored(self, tenant: str, after: str, step: int, *, most: int | None = None) -> Iterator[FileMetadata]:
        """The files behind one, as they are found; of the first `most` known ones, if that is said."""
        while True:
            with self._database.read(tenant) as connection:
                states = self._files.page(connection, tenant, after=after, limit=step)
            yield from (state.file for state in states if state.status == "stored")
            if len(states) < step or most is not None:
                return
            after = states[-1].file.id

    def _signing(self) -> Signer:
        if self._signer is None:
            with tenant_scope(None), self._database.write(SYSTEM_TENANT) as connection:
                self._signer = Signer(books.kept_secret(connection))
        return self._signer

    def _base(self) -> str:
        if self._address is None:
            raise InvalidInputError(
                "a folder has no address of its own: signed addresses need a burgee server of this workspace",
                hint="set BURGEE_PUBLIC_URL to where that server is reached, e.g. https://flags.example",
            )
        return self._address.rstrip("/")

    def _to_read(self, tenant: str, file: FileMetadata, until: datetime) -> str:
        return self._signed(SignedClaims(tenant, file.id, "GET", until, file.name, file.type, file.size))

    def _signed(self, claims: SignedClaims) -> str:
        return f"{self._base()}{SIGNED}{self._signing().sign(claims)}"


def _told[T](work: Callable[[], T]) -> Result[T, Any]:  # each operation names its own errors
    """What was expected to go wrong, as a value."""
    try:
        return Ok(work())
    except EXPECTED as error:
        return Err(error)


def _labels(labels: Mapping[str, Json] | None) -> Mapping[str, Json]:
    if labels is None:
        return {}
    _need_labels(labels)
    if len(dumps(dict(labels), what="labels")) > _LARGEST_LABELS:
        raise InvalidInputError(f"labels have at most {_LARGEST_LABELS} characters as JSON")
    return labels


def _need_labels(labels: object) -> None:
    """Refuse what are no labels."""
    if not isinstance(labels, Mapping):
        raise InvalidInputError(f"labels are a mapping of names to values, not {labels!r}")
    for name in labels:
        need_text("a label's name", name)


def _part(file: FileMetadata, start: int, stop: int | None) -> tuple[int, int]:
    """The bytes that are wanted, within those there are; all of a file that has none are none."""
    for value in (start, 0 if stop is None else stop):
        need_whole("a place in a file", value, least=-(2**63))
    if stop is not None and (start < 0 or stop <= start):
        raise InvalidInputError(f"there are no bytes from {start} to before {stop}")
    first = max(0, file.size + start) if start < 0 else start
    if start != 0 and first >= file.size:
        raise RangeError(f"the file {file.id!r} has {file.size} bytes, none from {start} on", total=file.size)
    return first, file.size if stop is None else min(stop, file.size)
