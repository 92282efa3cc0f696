"""burgee: feature flags and event streams for analysts. Every answer is a DataFrame or one call away from it.

    import burgee

    ws = burgee.open("memory://")
    acme = ws.tenants.create("acme", name="Acme Ltd")
    flag = acme.flags.create("new-checkout", variants={"control": 50, "treatment": 50}).rollout(20).enable()
    flag.evaluate({"id": "u1"})

Importing this loads next to nothing: what a name stands for is loaded when the name is used.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import os

    from pydantic import SecretStr

    from burgee import samples
    from burgee.core.clock import Clock, ManualClock
    from burgee.core.errors import (
        AccessError,
        AlreadyExistsError,
        AuthenticationError,
        BurgeeError,
        ConcurrencyError,
        ConflictError,
        DuplicateEventError,
        InvalidInputError,
        MissingColumnError,
        MissingExtraError,
        MissingTenantError,
        MissingUpcasterError,
        NewerWorkspaceError,
        NotFoundError,
        PayloadError,
        PermissionDeniedError,
        ProjectionFailedError,
        RemoteError,
        SchemaError,
        ServerFailureError,
        ServerUnavailableError,
        StreamClosedError,
        UnknownSchemaVersionError,
        UnreadableFileError,
        UpcastError,
        WorkspaceError,
    )
    from burgee.core.scope import tenant_scope
    from burgee.core.settings import Settings
    from burgee.events.aggregate import Aggregate
    from burgee.events.facade import Events
    from burgee.events.model import ANY, NO_STREAM, STREAM_EXISTS, StoredEvent
    from burgee.events.model import NewEvent as Event
    from burgee.events.query import Query
    from burgee.events.repository import EventStore
    from burgee.experiments import metrics
    from burgee.experiments.facade import Experiments
    from burgee.experiments.frames import from_frame as experiment
    from burgee.experiments.planning import Plan, plan
    from burgee.experiments.result import ExperimentResult
    from burgee.files.errors import (
        ChecksumError,
        FileTooLargeError,
        FileTypeError,
        InfectedFileError,
        QuotaExceededError,
        ScannerUnavailableError,
        StorageUnavailableError,
        UploadRefusedError,
    )
    from burgee.flags.applications.evaluator import FlagEvaluator
    from burgee.flags.applications.exposures import ExposureRecorder, Exposures
    from burgee.flags.applications.keeping import Notice
    from burgee.flags.applications.snapshot import Snapshot
    from burgee.flags.changing.groups import all_of, any_of, not_
    from burgee.flags.facade import Flag, Flags
    from burgee.flags.model import Evaluation, Operator, Reason, Variant
    from burgee.privacy.model import Personal
    from burgee.privacy.model import SubjectMark as Subject
    from burgee.projections.facade import ProjectionHandle, Projections
    from burgee.projections.projection import Projection
    from burgee.search.errors import DegradedSearchWarning, SearchRefusedError, SearchUnavailableError
    from burgee.search.facade import Search, SearchIndex
    from burgee.search.indexer import Indexer
    from burgee.store.registry import event, upcaster
    from burgee.wire.client import Transport
    from burgee.workspace import Tenant, Tenants, Workspace

__version__ = "0.1.0"

_ERRORS = (
    "AccessError",
    "AlreadyExistsError",
    "AuthenticationError",
    "BurgeeError",
    "ConcurrencyError",
    "ConflictError",
    "DuplicateEventError",
    "InvalidInputError",
    "MissingColumnError",
    "MissingExtraError",
    "MissingTenantError",
    "MissingUpcasterError",
    "NewerWorkspaceError",
    "NotFoundError",
    "PayloadError",
    "PermissionDeniedError",
    "ProjectionFailedError",
    "RemoteError",
    "SchemaError",
    "ServerFailureError",
    "ServerUnavailableError",
    "StreamClosedError",
    "UnknownSchemaVersionError",
    "UnreadableFileError",
    "UpcastError",
    "WorkspaceError",
)

_FILE_ERRORS = (
    "ChecksumError",
    "FileTooLargeError",
    "FileTypeError",
    "InfectedFileError",
    "QuotaExceededError",
    "ScannerUnavailableError",
    "StorageUnavailableError",
    "UploadRefusedError",
)

_HOMES = {
    **dict.fromkeys(_ERRORS, "burgee.core.errors"),
    **dict.fromkeys(_FILE_ERRORS, "burgee.files.errors"),
    "ANY": "burgee.events.model",
    "DegradedSearchWarning": "burgee.search.errors",
    "Indexer": "burgee.search.indexer",
    "Search": "burgee.search.facade",
    "SearchIndex": "burgee.search.facade",
    "SearchRefusedError": "burgee.search.errors",
    "SearchUnavailableError": "burgee.search.errors",
    "Aggregate": "burgee.events.aggregate",
    "Evaluation": "burgee.flags.model",
    "Event": "burgee.events.model:NewEvent",
    "EventStore": "burgee.events.repository",
    "Events": "burgee.events.facade",
    "ExperimentResult": "burgee.experiments.result",
    "Experiments": "burgee.experiments.facade",
    "ExposureRecorder": "burgee.flags.applications.exposures",
    "Exposures": "burgee.flags.applications.exposures",
    "Flag": "burgee.flags.facade",
    "FlagEvaluator": "burgee.flags.applications.evaluator",
    "Flags": "burgee.flags.facade",
    "ManualClock": "burgee.core.clock",
    "NO_STREAM": "burgee.events.model",
    "Notice": "burgee.flags.applications.keeping",
    "Operator": "burgee.flags.model",
    "Projection": "burgee.projections.projection",
    "ProjectionHandle": "burgee.projections.facade",
    "Projections": "burgee.projections.facade",
    "Plan": "burgee.experiments.planning",
    "Personal": "burgee.privacy.model",
    "Query": "burgee.events.query",
    "Reason": "burgee.flags.model",
    "STREAM_EXISTS": "burgee.events.model",
    "Settings": "burgee.core.settings",
    "Snapshot": "burgee.flags.applications.snapshot",
    "StoredEvent": "burgee.events.model",
    "Subject": "burgee.privacy.model:SubjectMark",
    "Tenant": "burgee.workspace",
    "Tenants": "burgee.workspace",
    "Variant": "burgee.flags.model",
    "Workspace": "burgee.workspace",
    "all_of": "burgee.flags.changing.groups",
    "any_of": "burgee.flags.changing.groups",
    "event": "burgee.store.registry",
    "experiment": "burgee.experiments.frames:from_frame",
    "metrics": "burgee.experiments.metrics:",
    "not_": "burgee.flags.changing.groups",
    "plan": "burgee.experiments.planning",
    "samples": "burgee.samples:",
    "tenant_scope": "burgee.core.scope",
    "upcaster": "burgee.store.registry",
}

__all__ = [
    "ANY",
    "NO_STREAM",
    "STREAM_EXISTS",
    "AccessError",
    "Aggregate",
    "AlreadyExistsError",
    "AuthenticationError",
    "BurgeeError",
    "ChecksumError",
    "ConcurrencyError",
    "ConflictError",
    "DegradedSearchWarning",
    "DuplicateEventError",
    "Evaluation",
    "Event",
    "EventStore",
    "Events",
    "ExperimentResult",
    "Experiments",
    "ExposureRecorder",
    "Exposures",
    "FileTooLargeError",
    "FileTypeError",
    "Flag",
    "FlagEvaluator",
    "Flags",
    "Indexer",
    "InfectedFileError",
    "InvalidInputError",
    "ManualClock",
    "MissingColumnError",
    "MissingExtraError",
    "MissingTenantError",
    "MissingUpcasterError",
    "NewerWorkspaceError",
    "NotFoundError",
    "Notice",
    "Operator",
    "PayloadError",
    "PermissionDeniedError",
    "Personal",
    "Plan",
    "Projection",
    "ProjectionFailedError",
    "ProjectionHandle",
    "Projections",
    "Query",
    "QuotaExceededError",
    "Reason",
    "RemoteError",
    "ScannerUnavailableError",
    "SchemaError",
    "Search",
    "SearchIndex",
    "SearchRefusedError",
    "SearchUnavailableError",
    "ServerFailureError",
    "ServerUnavailableError",
    "Settings",
    "Snapshot",
    "StorageUnavailableError",
    "StoredEvent",
    "StreamClosedError",
    "Subject",
    "Tenant",
    "Tenants",
    "UnknownSchemaVersionError",
    "UnreadableFileError",
    "UpcastError",
    "UploadRefusedError",
    "Variant",
    "Workspace",
    "WorkspaceError",
    "all_of",
    "any_of",
    "event",
    "experiment",
    "metrics",
    "not_",
    "open",
    "plan",
    "samples",
    "tenant_scope",
    "upcaster",
]


def open(  # noqa: A001 - burgee.open, as in gzip.open
    where: "str | os.PathLike[str] | None" = None,
    *,
    token: "str | SecretStr | None" = None,
    actor: str | None = None,
    settings: "Settings | None" = None,
    clock: "Clock | None" = None,
    transport: "Transport | None" = None,
    analytics: object = None,
) -> "Workspace":
    """Open a workspace.

    Args:
        where: a folder (made if it is not there), `memory://` for one that is gone when closed, or the
            `http(s)://` address of a burgee server. By default `BURGEE_WORKSPACE`, else `./.burgee`.
        token: the API key or JWT for a server; by default `BURGEE_TOKEN`.
        actor: who is named in the history of changes; by default who is logged in. For embedded workspaces.
        settings: all settings at once, instead of those from the environment.
        clock: another clock than the machine's, for tests and notebooks that must come out the same.
        transport: another way to send HTTP requests, e.g. `httpx.ASGITransport(app)` for a server in this process.
        analytics: what answers questions about events, instead of DuckDB here: a `SparkSession`, `"clickhouse"` (in
            this process), `"postgres"` (the database of `BURGEE_DATABASE`), or an engine of your own
            (`burgee.analytics.engine`). Spark and ClickHouse read the archive: `BURGEE_ARCHIVE`, else a folder
            in the workspace's. For embedded workspaces.

    Raises:
        WorkspaceError: the folder can't be used; `NewerWorkspaceError` if a newer burgee made it.
        MissingExtraError: a library that questions run on is not there.
    """
    from burgee.core.clock import system_clock

    try:
        from burgee.workspace import open_workspace
    except ModuleNotFoundError as error:
        if error.name not in {"duckdb", "pyarrow", "sqlglot"}:
            raise
        from burgee.core.errors import MissingExtraError

        raise MissingExtraError(f"the event log ({error.name} is not installed)", "all") from error
    return open_workspace(
        where,
        token=token,
        actor=actor,
        settings=settings,
        clock=clock or system_clock,
        transport=transport,
        analytics=analytics,
    )


if not TYPE_CHECKING:  # a type checker knows the names from above, and so finds misspelt ones

    def __getattr__(name: str) -> object:
        home = _HOMES.get(name)
        if home is None:
            raise AttributeError(f"module 'burgee' has no attribute {name!r}")
        module, _, other = home.partition(":")
        loaded = importlib.import_module(module)
        globals()[name] = found = loaded if home.endswith(":") else getattr(loaded, other or name)
        return found


def __dir__() -> list[str]:
    return sorted(__all__)
