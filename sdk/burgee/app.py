"""The container composes the services of a workspace from settings; it alone knows which provider serves whom."""

import os
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
from burgee.search.opening import Opened, search_of
from burgee.search.protocol import SearchService
from burgee.search.service import LocalSearchService
from burgee.store.database import Database
from burgee.store.vault import Vault
from burgee.tenants.protocol import TenantService
from burgee.tenants.service import LocalTenantService
from burgee.wire.client import HttpClient
from burgee.wire.remote import remote

MEMORY = "memory://"


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


def mirror_of(workspace: str) -> Path | None:
    """Where the mirrors of an embedded workspace's logs lie; nowhere but in memory if it has no folder."""
    return None if workspace == MEMORY else Path(workspace).expanduser().resolve() / "mirror"


def archive_of(workspace: str, settings: Settings) -> str | None:
    """Where the archive of an embedded workspace lies; nowhere that lasts if it has no folder."""
    if settings.archive is not None or workspace == MEMORY:
        return settings.archive
    return str(Path(workspace).expanduser().resolve() / "archive")


def search_in(workspace: str, settings: Settings) -> Opened:
    """The search engines of an embedded workspace; they keep what they keep in its folder, if it has one."""
    return search_of(settings, None if workspace == MEMORY else Path(workspace).expanduser().resolve() / "search")


def passing_search(database: Database, settings: Settings) -> Opened:
    """Search engines that keep nothing, and are closed with the database or when the process ends."""
    opened = search_of(settings, None)
    weakref.finalize(database, opened.close)
    return opened


def embedded(
    database: Database,
    clock: Clock = system_clock,
    *,
    mirror: Path | None = None,
    archive: str | None = None,
    analytics: object = None,
    search: Opened | None = None,
    settings: Settings | None = None,
    files: Path | None = None,
    address: str | None = None,
) -> Services:
    """Services that do the work here, on this database.

    What questions run on is kept in the folder `mirror`. `archive` is a folder or `s3://…` for engines that don't
    see the log; without one it is a folder that goes with the process. `analytics` is the engine of questions
    (`engine_of`). Files are kept in the folder `files` unless the settings name a place; `address` is where a server
    of this workspace is reached (`LocalFileService`). `search` are the engines of search (`search_in`); their owner
    closes them.
    """
    kept = Archive(archive or _passing(database))
    logs = Mirror(database, mirror)

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
        search=LocalSearchService(database, clock, search or passing_search(database, settings or Settings())),
        files=_files(database, clock, settings or Settings(), files, address),
    )


def files_of(workspace: str) -> Path | None:
    """The folder whose `files` are those of an embedded workspace; none that lasts if it has no folder."""
    return None if workspace == MEMORY else Path(workspace).expanduser().resolve()


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


def _passing(database: Database) -> str:
    """A folder, not made yet, that is removed with the database or when the process ends."""
    place = Path(tempfile.gettempdir()) / f"burgee-archive-{uuid.uuid4().hex}"
    weakref.finalize(database, _remove, place, os.getpid())
    return str(place)


def _remove(place: Path, owner: int) -> None:
    if os.getpid() == owner:  # a forked child that ends leaves it to its parent
        shutil.rmtree(place, ignore_errors=True)


def connected(http: HttpClient) -> Services:
    """Services that ask a server."""
    return Services(**{name: remote(protocol, http) for name, protocol in PROTOCOLS})
