"""The container composes the services of a workspace from settings; it alone knows which provider serves whom."""

import os
import re
import shutil
import tempfile
import uuid
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import get_type_hints

from burgee.analytics.archive import Archive
from burgee.analytics.engines import engine_of
from burgee.analytics.mirror import Mirror
from burgee.core.clock import Clock, system_clock
from burgee.core.errors import InvalidInputError
from burgee.core.settings import Settings
from burgee.events.protocol import EventService
from burgee.events.service import LocalEventService
from burgee.experiments.protocol import ExperimentService
from burgee.experiments.service import LocalExperimentService
from burgee.files.opening import storage_of
from burgee.files.protocol import FileService
from burgee.files.scanner import scanner_of
from burgee.files.service import LocalFileService
from burgee.flags.protocol import FlagService
from burgee.flags.service import LocalFlagService
from burgee.keys.protocol import KeyService
from burgee.keys.service import LocalKeyService
from burgee.privacy.protocol import PrivacyService
from burgee.privacy.service import LocalPrivacyService
from burgee.projections.protocol import ProjectionService
from burgee.projections.service import LocalProjectionService
from burgee.questions.protocol import QuestionService
from burgee.questions.service import LocalQuestionService
from burgee.search.opening import search_of
from burgee.search.protocol import SearchService
from burgee.search.service import LocalSearchService
from burgee.store.database import Database
from burgee.store.vault import Vault
from burgee.tenants.protocol import TenantService
from burgee.tenants.service import LocalTenantService
from burgee.wire.client import HttpClient
from burgee.wire.remote import remote

MEMORY = "memory://"
_HOST_AND_PORT = re.compile(r"[\w.-]+:\d{1,5}(?:/.*)?")


@dataclass(frozen=True, slots=True)
class Services:
    """The services of one workspace. Each is asynchronous: `await services.flags.get("checkout")`."""

    tenants: TenantService
    flags: FlagService
    events: EventService
    keys: KeyService
    questions: QuestionService
    projections: ProjectionService
    privacy: PrivacyService
    experiments: ExperimentService
    search: SearchService
    files: FileService


PROTOCOLS: tuple[tuple[str, type], ...] = tuple(get_type_hints(Services).items())
"""Every protocol there is, by the name of its service: what a server mounts and a client is made of."""


def database_of(workspace: str, settings: Settings) -> Database:
    """The database of an embedded workspace."""
    vault = Vault.of(settings.privacy_key)
    if settings.database is not None:
        url = settings.database.get_secret_value()
        connections = settings.database_connections
        return Database(
            url, name="BURGEE_DATABASE", durability=settings.durability, connections=connections, vault=vault
        )
    if workspace == MEMORY:
        return Database.in_memory(vault=vault)
    return Database.in_folder(Path(workspace).expanduser(), durability=settings.durability, vault=vault)


def address_of(where: object) -> str:
    """What `burgee.open` was given, if a workspace can be there: a folder, memory:// or a server's URL."""
    if not isinstance(where, str | os.PathLike):
        raise InvalidInputError(f"a workspace is a folder, memory:// or a server's URL, not {where!r}")
    address = str(where)
    if not address:
        raise InvalidInputError("a workspace needs a place: a folder, memory:// or a server's URL")
    if _HOST_AND_PORT.fullmatch(address) and not Path(address).exists():
        hint = f"for a server write 'http://{address}', for a folder './{address}'"
        raise InvalidInputError(f"{address!r} is no place for a workspace", hint=hint)
    foreign = "://" in address or address.startswith("memory:")
    if foreign and address != MEMORY and not address.startswith(("http://", "https://")):
        hint = "give a folder, memory:// or an http(s):// address; a database is set with BURGEE_DATABASE"
        raise InvalidInputError(f"{address!r} is no place for a workspace", hint=hint)
    return address


def folder_of(workspace: str) -> Path | None:
    """The folder of an embedded workspace, if it has one."""
    return None if workspace == MEMORY else Path(workspace).expanduser().resolve()


def embedded(
    database: Database,
    settings: Settings | None = None,
    clock: Clock = system_clock,
    *,
    folder: Path | None = None,
    analytics: object = None,
    address: str | None = None,
) -> Services:
    """Services that do the work here, on this database; `close` them before it.

    What lies beside the database (mirrors, archive, files, search indexes) is kept in `folder`, unless the settings
    name another place; without one it goes with the process. `analytics` is the engine of questions (`engine_of`);
    `address` is where a server of this workspace is reached.
    """
    settings = settings or Settings()
    within = _passing(database) if folder is None else folder
    search = search_of(settings, None if folder is None else folder / "search")
    weakref.finalize(database, _close, search.close, os.getpid())
    kept = Archive(settings.archive or str(within / "archive"))
    logs = Mirror(database, None if folder is None else folder / "mirror")

    def derived(tenant: str) -> None:
        logs.renew(tenant)
        if kept.manifest(tenant).parts:
            kept.refresh(logs.source(tenant))

    engine = engine_of(analytics, database, kept)
    return Services(
        tenants=LocalTenantService(database, clock),
        flags=LocalFlagService(database, clock),
        events=LocalEventService(database, clock),
        keys=LocalKeyService(database, clock),
        questions=LocalQuestionService(logs, engine, kept, clock),
        projections=LocalProjectionService(database, clock),
        privacy=LocalPrivacyService(database, clock, derived),
        experiments=LocalExperimentService(logs, engine, clock),
        search=LocalSearchService(database, clock, search),
        files=_files(database, clock, settings, folder, address),
    )


def close(services: Services) -> None:
    """Give back what services hold beside the database."""
    for service in (services.files, services.search):
        if isinstance(service, LocalFileService | LocalSearchService):
            service.close()


def _files(
    database: Database, clock: Clock, settings: Settings, folder: Path | None, address: str | None
) -> LocalFileService:
    """Files; their storage is opened when it is first needed, and closed with the database at the latest."""
    storage = partial(storage_of, settings.files, folder)
    made = LocalFileService(
        database, clock, storage, settings, scanner=scanner_of(settings), address=settings.public_url or address
    )
    weakref.finalize(database, _close, made.closing(), os.getpid())
    return made


def _close(close: Callable[[], None], owner: int) -> None:
    if os.getpid() == owner:  # a forked child that ends leaves it to its parent
        close()


def _passing(database: Database) -> Path:
    """A folder, not made yet, that is removed with the database or when the process ends."""
    place = Path(tempfile.gettempdir()) / f"burgee-{uuid.uuid4().hex}"
    weakref.finalize(database, _remove, place, os.getpid())
    return place


def _remove(place: Path, owner: int) -> None:
    if os.getpid() == owner:  # a forked child that ends leaves it to its parent
        shutil.rmtree(place, ignore_errors=True)


def connected(http: HttpClient) -> Services:
    """Services that ask a server."""
    return Services(**{name: remote(protocol, http) for name, protocol in PROTOCOLS})
