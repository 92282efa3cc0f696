"""The container composes the services of a workspace from settings; it alone knows which provider serves whom."""

from dataclasses import dataclass
from pathlib import Path
from typing import get_type_hints

from burgee.analytics.duckdb import DuckDBEngine
from burgee.core.clock import Clock, system_clock
from burgee.core.settings import Settings
from burgee.events.protocol import EventService
from burgee.events.service import LocalEventService
from burgee.flags.protocol import FlagService
from burgee.flags.service import LocalFlagService
from burgee.keys.protocol import KeyService
from burgee.keys.service import LocalKeyService
from burgee.privacy.protocol import PrivacyService
from burgee.privacy.service import LocalPrivacyService
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
    privacy: PrivacyService


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


def embedded(database: Database, clock: Clock = system_clock) -> Services:
    """Services that do the work here, on this database."""
    return Services(
        tenants=LocalTenantService(database, clock),
        flags=LocalFlagService(database, clock),
        events=LocalEventService(database, clock, DuckDBEngine()),
        keys=LocalKeyService(database, clock),
        privacy=LocalPrivacyService(database, clock),
    )


def connected(http: HttpClient) -> Services:
    """Services that ask a server."""
    return Services(**{name: remote(protocol, http) for name, protocol in PROTOCOLS})
