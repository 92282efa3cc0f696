"""The entrance: a `Workspace`, its tenants, and the `Tenant` everything else hangs on."""

from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, override

from pydantic import BaseModel

from burgee.app import Services, address_of, close, connected, database_of, embedded, folder_of
from burgee.cache.facade import Cache
from burgee.cache.opening import cache_of
from burgee.cache.protocol import CacheProvider
from burgee.core.checks import need_text
from burgee.core.clock import Clock, system_clock
from burgee.core.display import Sheet, Shown
from burgee.core.errors import AlreadyExistsError, InvalidInputError
from burgee.core.history import History
from burgee.core.json import Json
from burgee.core.link import Link
from burgee.core.listing import Listing, typed, typed_frame
from burgee.core.page import LARGEST_PAGE, Page
from burgee.core.portal import portal
from burgee.core.scope import Caller
from burgee.core.settings import Settings, load_settings
from burgee.events.facade import Events
from burgee.experiments.facade import Experiments
from burgee.files.facade import Files
from burgee.flags.facade import Flags
from burgee.flags.model import FlagState
from burgee.flags.segments import Segments
from burgee.flags.serving import Background
from burgee.keys.model import KeyInfo, NewKey
from burgee.keys.service import LocalKeyService
from burgee.privacy.facade import Privacy
from burgee.projections.facade import ProjectionHandle, Projections
from burgee.search.facade import Search
from burgee.store.database import Database
from burgee.tenants.config import TenantConfig
from burgee.tenants.model import TenantChange, TenantState
from burgee.wire.client import HttpClient, Transport

if TYPE_CHECKING:
    import os

    import pandas as pd
    from pydantic import SecretStr

type Projected = dict[str, ProjectionHandle[Any]]
"""The projections of one tenant whose code was brought, by name."""

_COLUMNS = ("id", "name", "settings", "version", "created_at", "updated_at")


class Tenant(Shown):
    """One tenant: everything that belongs to it, and nothing of any other."""

    __slots__ = (
        *("_known", "_link", "_services", "_settings"),
        *("cache", "events", "experiments", "files", "flags", "privacy", "projections", "search", "segments", "state"),
    )

    def __init__(
        self,
        link: Link,
        services: Services,
        settings: Settings,
        state: TenantState,
        known: dict[str, FlagState],
        projected: Projected,
        background: Background,
        cache: CacheProvider[Any],
        base: str = "",
    ) -> None:
        self._link = link.into(state.id)
        self._services = services
        self._settings = settings
        self._known = known
        self.state = state
        # Not properties: IPython runs none to complete the keys in `acme.flags["`.
        self.experiments = Experiments(self._link, services.experiments)
        """Its experiments, on flags and over frames."""
        self.flags = Flags(
            self._link,
            services.flags,
            known,
            experiments=self.experiments,
            ingest=services.events.ingest,
            background=background,
        )
        """Its feature flags."""
        self.segments = Segments(self._link, services.flags)
        """Its segments: users that rules name together."""
        self.events = Events(self._link, services.events, services.questions, progress=settings.progress)
        """Its event log."""
        progress = settings.progress
        self.projections = Projections(self._link, services.projections, services.events, projected, progress=progress)
        """Its projections: views made of its events."""
        self.search = Search(self._link, services.search, self.projections, self.events, progress=progress)
        """Its search indexes: `acme.search("products").query("red shoes")`."""
        self.cache = Cache(cache, f"tenant:{state.id}")
        """Its part of the workspace's cache."""
        self.files = Files(self._link, services.files, base=base, progress=progress)
        """Its files."""
        self.privacy = Privacy(self._link, services.privacy)
        """Personal data in its events: what is encrypted, and how somebody is forgotten."""

    @property
    def id(self) -> str:
        """The tenant's id."""
        return self.state.id

    @property
    def name(self) -> str:
        """The tenant's name."""
        return self.state.name

    def settings[TSettings: BaseModel](self, model: type[TSettings]) -> TenantConfig[TSettings]:
        """Its settings, typed by a pydantic model of yours: `acme.settings(ShopSettings).value.currency`."""
        state = self._link.call(self._services.tenants.get(self.id))

        def save(changes: Mapping[str, Json], why: str | None, version: int) -> TenantState:
            return self._link.call(self._services.tenants.configure(self.id, changes, version, why))

        return TenantConfig(model, state, save, lambda: self.history().frame())

    def history(self) -> "TenantHistory":
        """Every change of the tenant and its settings, oldest first."""
        return TenantHistory(Page(self._link.call(self._services.tenants.history(self.id))))

    @override
    def __repr__(self) -> str:
        return f"<Tenant {self.id!r} ({self.name}): .flags, .segments, .events, .projections, .settings(model)>"

    @override
    def _sheet(self) -> Sheet:
        rows: list[tuple[str, object]] = [("name", self.name), ("created", self.state.created_at)]
        rows += [(f"setting {name}", value) for name, value in self.state.settings.items()]
        rows += [("flags", ", ".join(sorted(self._known)) or "none fetched yet")]
        return Sheet(
            f"Tenant {self.id}",
            ("", "value"),
            rows,
            ".flags, .segments, .events, .projections, .search, .files, .cache, .settings(model), .history()",
        )


class TenantHistory(History[TenantState]):
    """The changes of a tenant. Frame: `version, at, actor, change, before, after, why`."""

    __slots__ = ()

    @override
    def __iter__(self) -> Iterator[TenantChange]:
        return super().__iter__()


class TenantList(Listing[Tenant]):
    """The tenants of a workspace."""

    __slots__ = ()
    columns = _COLUMNS
    dtypes = typed(text="id name", whole="version", moment="created_at updated_at")

    @override
    def __iter__(self) -> Iterator[Tenant]:
        return super().__iter__()

    @override
    def _row(self, item: Tenant) -> Mapping[str, object]:
        return {name: getattr(item.state, name) for name in self.columns}


class Tenants(Shown):
    """The tenants of a workspace: `ws.tenants["acme"]`."""

    __slots__ = ("_background", "_base", "_cache", "_known", "_link", "_projected", "_services", "_settings")

    def __init__(
        self,
        link: Link,
        services: Services,
        settings: Settings,
        known: dict[str, TenantState],
        projected: dict[str, Projected],
        background: Background,
        cache: CacheProvider[Any],
        base: str = "",
    ) -> None:
        self._base = base
        self._link = link
        self._services = services
        self._settings = settings
        self._known = known
        self._projected = projected  # by tenant
        self._background = background
        self._cache = cache

    def create(self, id: str, name: str | None = None, *, exist_ok: bool = False) -> Tenant:
        """Create a tenant: `id` of a-z, 0-9, `-` and `_`; `name` for people.

        With `exist_ok` one that is there already is given as it is, so that a cell can be run again.
        """
        try:
            return self._tenant(self._link.call(self._services.tenants.create(id, name)))
        except AlreadyExistsError:
            if exist_ok:
                return self.get(id)
            raise

    def get(self, id: str) -> Tenant:
        """The tenant of that id; `NotFoundError` says which there are."""
        need_text("a tenant's id", id)
        state = self._link.call(self._services.tenants.get(id))
        tenant = self._tenant(state)
        first = tenant._link.call(self._services.flags.list(limit=LARGEST_PAGE))  # noqa: SLF001 - for completion
        tenant._known.update((flag.key, flag) for flag in first.items)  # noqa: SLF001 - of the keys
        return tenant

    def __getitem__(self, id: str) -> Tenant:
        return self.get(id)

    def __iter__(self) -> Iterator[Tenant]:
        return iter(self.list())

    def list(self) -> TenantList:
        """The tenants by id."""

        def ask(after: str | None) -> Page[Tenant]:
            page = self._link.call(self._services.tenants.list(after))
            return Page(tuple(map(self._tenant, page.items)), page.after)

        return TenantList(ask(None), ask)

    def frame(self) -> "pd.DataFrame":
        """The tenants as a frame: `id, name, settings, version, created_at, updated_at`."""
        return self.list().frame()

    def _tenant(self, state: TenantState) -> Tenant:
        self._known[state.id] = state
        projected = self._projected.setdefault(state.id, {})
        kept = (self._background, self._cache, self._base)
        return Tenant(self._link, self._services, self._settings, state, {}, projected, *kept)

    def _ipython_key_completions_(self) -> Sequence[str]:
        return sorted(self._known)

    @override
    def __repr__(self) -> str:
        return f"<Tenants: {', '.join(sorted(self._known)) or 'none fetched yet'}>"

    @override
    def _sheet(self) -> Sheet:
        rows = [[getattr(state, name) for name in _COLUMNS] for _, state in sorted(self._known.items())]
        return Sheet("Tenants", _COLUMNS, rows, "what has been fetched; .list() asks again")


class Workspace(Shown):
    """What `burgee.open` gives: everything there is, embedded in this process or on a server."""

    def __init__(
        self,
        where: str,
        services: Services,
        link: Link,
        settings: Settings,
        *,
        database: Database | None = None,
        http: HttpClient | None = None,
    ) -> None:
        self.where = where
        self.services = services
        self._link = link
        self._settings = settings
        self._database = database
        self._http = http
        self._known: dict[str, TenantState] = {}
        self._projected: dict[str, Projected] = {}
        self._cache = cache_of(settings)
        self._background = Background()
        kept = (self._known, self._projected, self._background, self._cache)
        self.tenants = Tenants(link, services, settings, *kept, base="" if http is None else http.url)
        """The tenants."""
        self.cache = Cache(self._cache, "workspace")
        """Its cache: in this process's memory, or where `BURGEE_CACHE` says. Each tenant has one of its own."""

    def tenant(self, id: str) -> Tenant:
        """The tenant of that id; `NotFoundError` says which there are."""
        return self.tenants.get(id)

    @property
    def embedded(self) -> bool:
        """Whether the work is done in this process, not by a server."""
        return self._database is not None

    def create_key(self, *, tenant: str | None = None, name: str = "key") -> NewKey:
        """Make an API key for a server of this workspace: for one tenant, or an admin key without one.

        The key's text is in `.key` (a `SecretStr`) and is had now or never. Only on the machine itself.
        """
        keys = self.services.keys
        if not isinstance(keys, LocalKeyService):
            hint = "on its machine: burgee keys create --workspace DIR"
            raise InvalidInputError("a server's keys are made on its own machine", hint=hint)
        if tenant is not None:
            self._link.call(self.services.tenants.get(tenant))
        return self._link.call(keys.create(tenant=tenant, name=name))

    def keys(self) -> "pd.DataFrame":
        """The API keys there are: `id, name, tenant, admin, revoked, created_at`."""
        columns = KeyInfo.__slots__
        rows = [{name: getattr(key, name) for name in columns} for key in self._link.call(self.services.keys.list())]
        kinds = typed(text="id name tenant", yes_no="admin revoked", moment="created_at")
        return typed_frame(columns, rows, kinds)

    def revoke_key(self, id: str) -> KeyInfo:
        """Take a key's power away, for good and at once."""
        return self._link.call(self.services.keys.revoke(id))

    def close(self) -> None:
        """Give everything back, and end what runs in the background. An in-memory workspace is gone then."""
        for handle in [handle for projected in self._projected.values() for handle in projected.values()]:
            handle.stop()
        self._background.close()
        self._cache.close()
        close(self.services)
        if self._database is not None:
            self._database.close()
        if self._http is not None:
            portal.run(self._http.close())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @override
    def __repr__(self) -> str:
        return f"<Workspace {self.where!r}: .tenants, .tenant(id)>"

    @override
    def _sheet(self) -> Sheet:
        kind = "embedded in this process" if self._database is not None else "on a server"
        rows = [
            ("where", self.where),
            ("kind", kind),
            ("tenants", ", ".join(sorted(self._known)) or "none fetched yet"),
        ]
        return Sheet("Workspace", ("", "value"), rows, ".tenants, .tenant(id), .close()")


def open_workspace(
    where: "str | os.PathLike[str] | None" = None,
    *,
    token: "str | SecretStr | None" = None,
    actor: str | None = None,
    settings: Settings | None = None,
    clock: Clock = system_clock,
    transport: Transport | None = None,
    analytics: object = None,
) -> Workspace:
    """Open a workspace; see `burgee.open`."""
    chosen = _settings(settings, token)
    address = address_of(chosen.workspace if where is None else where)
    if address.startswith(("http://", "https://")):
        if actor is not None:
            raise InvalidInputError("actor is for embedded workspaces; on a server the key says who you are")
        if analytics is not None:
            raise InvalidInputError("analytics is for embedded workspaces; a server has an engine of its own")
        http = HttpClient(address, chosen, transport=transport)
        return Workspace(address, connected(http), Link(inline=False), chosen, http=http)
    database = database_of(address, chosen)
    try:
        services = embedded(database, chosen, clock, folder=folder_of(address), analytics=analytics)
    except BaseException:
        database.close()
        raise
    caller = Caller(actor) if actor is not None else None
    return Workspace(address, services, Link(inline=True, caller=caller), chosen, database=database)


def _settings(settings: Settings | None, token: "str | SecretStr | None") -> Settings:
    from pydantic import SecretStr

    settings = load_settings() if settings is None else settings
    if token is None:
        return settings
    secret = token if isinstance(token, SecretStr) else SecretStr(token)
    return settings.model_copy(update={"token": secret})
