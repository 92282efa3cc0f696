"""What the database knows of a tenant's files: their states, what they take together, and the quota.

The sum is kept beside the files and changes with them, in one transaction: no two uploads can take the same room.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from pydantic import TypeAdapter
from sqlalchemy import Connection

from burgee.core.clock import Clock
from burgee.core.json import Json, dumps
from burgee.core.scope import SYSTEM_TENANT
from burgee.files.model import FileMetadata, FileState, Usage
from burgee.store import aggregates
from burgee.store.aggregates import Aggregates
from burgee.store.log import StoredEvent

_SUM, _SECRET, _STRUCK = "file-sum", "file-secret", "file-struck"
_SECRET_BYTES = 32
_SUMS = TypeAdapter(tuple[int, int])


@dataclass(frozen=True, slots=True)
class Quota:
    """How many bytes a tenant's files may have; none: what the workspace says."""

    bytes: int | None
    version: int


def file_states(clock: Clock) -> Aggregates[FileState]:
    """The files, as aggregates."""
    return Aggregates("file", TypeAdapter(FileState), _evolve, clock)


def quotas(clock: Clock) -> Aggregates[Quota]:
    """The quota of a tenant, as an aggregate."""

    def evolve(_: Quota | None, event: StoredEvent) -> Quota:
        said = event.data.get("bytes")
        return Quota(said if isinstance(said, int) else None, event.version)

    return Aggregates("file-quota", TypeAdapter(Quota), evolve, clock)


def audited(state: FileState | None) -> Mapping[str, Json]:
    """What an audit says of a file."""
    if state is None:
        return {}
    file = state.file
    return {"status": state.status, "name": file.name, "type": file.type, "size": file.size, **file.labels}


def usage(connection: Connection, tenant: str, quota: int | None) -> Usage:
    """What the files take."""
    text = aggregates.data(connection, tenant, _SUM, _SUM)
    files, size = _SUMS.validate_json(text) if text is not None else (0, 0)
    return Usage(files, size, quota)


def add(connection: Connection, tenant: str, files: int, size: int) -> None:
    """So many files and bytes more, or fewer. Within the transaction that makes it so."""
    now = usage(connection, tenant, None)
    aggregates.put(connection, tenant, _SUM, _SUM, dumps([now.files + files, now.size + size]))


def strike(connection: Connection, tenant: str, key: str) -> None:
    """An object is to be taken away, as nobody's: from now on no file can be entered with it."""
    aggregates.put(connection, tenant, _STRUCK, key, "true")


def is_struck(connection: Connection, tenant: str, key: str) -> bool:
    """Whether an object was, or is being, taken away."""
    return aggregates.data(connection, tenant, _STRUCK, key) is not None


def kept_secret(connection: Connection) -> bytes:
    """What addresses are signed with: of the workspace, the same for all its servers. Made when it is first needed."""
    text = aggregates.data(connection, SYSTEM_TENANT, _SECRET, _SECRET)
    if text is None:
        text = secrets.token_hex(_SECRET_BYTES)
        aggregates.put(connection, SYSTEM_TENANT, _SECRET, _SECRET, text)
    return bytes.fromhex(text)


def _evolve(state: FileState | None, event: StoredEvent) -> FileState:
    data, kind = event.data, event.type.removeprefix("file.")
    if kind in {"awaited", "uploaded"}:
        labels, size, until = data.get("labels"), data.get("size"), data.get("expires_at")
        file = FileMetadata(
            id=str(data["id"]),
            name=str(data["name"]),
            size=size if isinstance(size, int) else 0,
            type=str(data["type"]),
            checksum=str(data.get("checksum", "")),
            created_at=event.recorded_at,
            created_by=str(event.metadata.get("actor")),
            labels=labels if isinstance(labels, Mapping) else {},
            version=event.version,
        )
        if kind == "uploaded":
            stored_as = data.get("stored_as")
            return FileState(file, "stored", stored_as=stored_as if isinstance(stored_as, str) else None)
        expires = datetime.fromisoformat(until) if isinstance(until, str) else None
        return FileState(file, "awaited", expires, sized=isinstance(size, int))
    if state is None:
        raise RuntimeError(f"a file begins with its upload, not with {event.type!r}")
    changed = replace(state.file, version=event.version)
    match kind:
        case "deleting":
            return replace(state, file=changed, status="deleting")
        case "restored":
            return replace(state, file=changed, status="stored")
        case "refused":
            return replace(state, file=changed, status="refused")
        case _:
            return replace(state, file=changed, status="deleted")
