"""Every error burgee raises, in one tree. Catch `BurgeeError` to catch them all.

    BurgeeError
    ├── InvalidInputError (ValueError)       422  a value that can't be right, named
    │   ├── MissingColumnError                    a frame lacks a column; says which it has
    │   └── UnreadableFileError                   a file can't be read; says at which row
    ├── NotFoundError (LookupError)          404  what was asked for does not exist; says what does
    ├── ConflictError                        409  the world is not as the call expected
    │   ├── AlreadyExistsError                    the name is taken
    │   ├── ConcurrencyError                      another writer was first: stream, expected, actual
    │   ├── DuplicateEventError                   the event id is taken by an event with other content
    │   ├── StreamClosedError                     the stream was closed: nothing can be appended to it
    │   └── ProjectionFailedError                 an event could not be applied: name, position, cause
    ├── SchemaError                          422  an event does not fit the event types this process knows
    │   ├── UnknownSchemaVersionError             it is of a newer version than is known here
    │   ├── MissingUpcasterError                  no upcaster leads from its version to the next
    │   ├── UpcastError                           an upcaster failed: type, stream, version, cause
    │   └── PayloadError                          its data is not what its class says: type, field
    ├── AccessError
    │   ├── AuthenticationError              401  no key, or a wrong one
    │   ├── PermissionDeniedError            403  the key does not reach that far
    │   └── MissingTenantError               403  no tenant in the context
    ├── WorkspaceError                            the workspace can't be opened or is closed
    │   └── NewerWorkspaceError                   a newer burgee made it
    ├── RemoteError                               a server could not be asked
    │   ├── ServerUnavailableError           503  nothing answered, in all the tries allowed
    │   └── ServerFailureError               500  the server failed; its log knows the request id
    └── MissingExtraError (ImportError)      501  a library of an extra is not installed

Files and search add theirs (`files.errors`, `search.errors`); all of them are names of `burgee`, too.
An error crosses HTTP as `application/problem+json` (RFC 9457) and arrives as the same class, with the
same attributes, plus the request id the server gave it.
"""

import difflib
from collections.abc import Iterable, Mapping
from typing import ClassVar, Self

type Detail = str | int | float | bool | list[str] | list[int] | None


class BurgeeError(Exception):
    """The base of all burgee errors. `details` are also attributes; hints are in `__notes__`."""

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 500
    kinds: ClassVar[dict[str, type["BurgeeError"]]] = {}

    message: str
    details: dict[str, Detail]
    request_id: str | None

    def __init__(self, message: str, *, hint: str | None = None, **details: Detail) -> None:
        super().__init__(message)
        self.message = message
        self.details = details
        self.request_id = None
        for name, value in details.items():
            setattr(self, name, value)
        if hint:
            self.add_note(hint)

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        BurgeeError.kinds[cls.code] = cls

    @property
    def hints(self) -> list[str]:
        """What to do about it, a line each."""
        return list(getattr(self, "__notes__", ()))

    @classmethod
    def rebuild(
        cls, message: str, details: Mapping[str, Detail], hints: Iterable[str] = (), request_id: str | None = None
    ) -> Self:
        """The error again from its parts, as when it arrives over HTTP or from a pickle."""
        error = cls.__new__(cls, message)
        BurgeeError.__init__(error, message, hint=None, **details)
        for hint in hints:
            error.add_note(hint)
        error.request_id = request_id
        return error

    def __reduce__(self) -> tuple[object, ...]:
        return type(self).rebuild, (self.message, self.details, self.hints, self.request_id)


class InvalidInputError(BurgeeError, ValueError):
    """A value that can't be right; the message names it and what is allowed."""

    code = "invalid-input"
    status = 422


class MissingColumnError(InvalidInputError):
    """A frame lacks a column."""

    code = "missing-column"
    column: str
    columns: list[str]

    def __init__(self, column: str, columns: Iterable[str], *, role: str = "") -> None:
        there = list(columns)
        wanted = f"the {role} column {column!r}" if role else f"column {column!r}"
        super().__init__(
            f"there is no {wanted.removeprefix('the ')}; the columns are: {', '.join(map(repr, there)) or 'none'}",
            hint=did_you_mean(column, there, else_all=False),
            column=column,
            columns=there,
        )


class UnreadableFileError(InvalidInputError):
    """A file can't be read; `row` is the number of the offending row, counted from 1, where known."""

    code = "unreadable-file"
    path: str
    row: int | None

    def __init__(self, path: str, why: str, *, row: int | None = None, hint: str | None = None) -> None:
        where = f" at row {row}" if row is not None else ""
        super().__init__(f"can't read {path!r}{where}: {why}", hint=hint, path=path, row=row)


class NotFoundError(BurgeeError, LookupError):
    """What was asked for does not exist."""

    code = "not-found"
    status = 404
    kind: str
    key: str

    def __init__(self, kind: str, key: str, there: Iterable[str] = ()) -> None:
        names = list(there)
        super().__init__(f"no {kind} {key!r}", hint=did_you_mean(key, names, plural=f"{kind}s"), kind=kind, key=key)


class ConflictError(BurgeeError):
    """The world is not as the call expected."""

    code = "conflict"
    status = 409


class AlreadyExistsError(ConflictError):
    """The name is taken."""

    code = "already-exists"
    kind: str
    key: str

    def __init__(self, kind: str, key: str, *, hint: str | None = None) -> None:
        article = "an" if kind[:1] in "aeiou" else "a"
        super().__init__(f"there is already {article} {kind} {key!r}", hint=hint, kind=kind, key=key)


class ConcurrencyError(ConflictError):
    """Another writer was first: the stream is not at the version the caller expected."""

    code = "concurrency"
    stream: str
    expected: int
    actual: int

    def __init__(self, stream: str, expected: int, actual: int) -> None:
        if expected < 0:
            said = f"there is no stream {stream!r} yet, expected an existing one"
            hint = "look at its name again, or append with expected_version=burgee.ANY"
        else:
            wanted = "no such stream yet" if expected == 0 else f"version {expected}"
            said = f"stream {stream!r} is at version {actual}, expected {wanted}"
            hint = "read the stream again and decide anew, or append with expected_version=burgee.ANY"
        super().__init__(
            said,
            hint=hint,
            stream=stream,
            expected=expected,
            actual=actual,
        )


class DuplicateEventError(ConflictError):
    """The event id is taken by an event with other content, or a batch holds some known ids and some new."""

    code = "duplicate-event"
    id: str

    def __init__(self, id: str, why: str) -> None:
        super().__init__(f"event id {id!r} {why}", id=id)


class StreamClosedError(ConflictError):
    """The stream was closed, at `version`: it can be read, but nothing can be appended to it any more."""

    code = "stream-closed"
    stream: str
    version: int

    def __init__(self, stream: str, version: int) -> None:
        super().__init__(
            f"stream {stream!r} was closed at version {version}",
            hint="nothing can be appended to a closed stream: begin another one",
            stream=stream,
            version=version,
        )


class ProjectionFailedError(ConflictError):
    """An event could not be applied: the projection stands still before it. `position` is that event's."""

    code = "projection-failed"
    name: str
    position: int
    why: str

    def __init__(self, name: str, position: int, why: str) -> None:
        super().__init__(
            f"projection {name!r} failed at position {position}: {why}",
            hint="mend its code and .retry(), or .skip() this event; .rebuild() begins anew",
            name=name,
            position=position,
            why=why,
        )


class SchemaError(BurgeeError):
    """An event does not fit the event types this process knows."""

    code = "schema"
    status = 422
    type: str


class UnknownSchemaVersionError(SchemaError):
    """An event is of a newer schema version than is known here."""

    code = "unknown-schema-version"
    found: int
    known: int

    def __init__(self, type: str, found: int, known: int) -> None:
        super().__init__(
            f"an event {type!r} has schema version {found}; this process knows up to {known}",
            hint="import the newer event class, or take the data as it is stored: .frame(as_stored=True)",
            type=type,
            found=found,
            known=known,
        )


class MissingUpcasterError(SchemaError):
    """No upcaster leads from a schema version to the next; `step` is the version it would begin at."""

    code = "missing-upcaster"
    step: int
    known: int

    def __init__(self, type: str, step: int, known: int) -> None:
        super().__init__(
            f"no upcaster leads from version {step} of {type!r} to version {step + 1}; the newest is {known}",
            hint=f"write it: @burgee.upcaster({type!r}, {step})",
            type=type,
            step=step,
            known=known,
        )


class UpcastError(SchemaError):
    """An upcaster failed; `schema_version` is where it began, `__cause__` what happened."""

    code = "upcast"
    schema_version: int
    why: str

    def __init__(self, type: str, schema_version: int, where: str, why: str) -> None:
        step = f"the upcaster of {type!r} from version {schema_version} to {schema_version + 1}"
        super().__init__(f"{step} failed at {where}: {why}", type=type, schema_version=schema_version, why=why)


class PayloadError(SchemaError, ValueError):
    """The data of an event is not what its class says; `field` is the first that does not fit."""

    code = "payload"
    field: str
    why: str

    def __init__(self, type: str, field: str, why: str, where: str = "") -> None:
        place = f" at {where}" if where else ""
        super().__init__(f"{type!r}{place}: {field or 'its data'}: {why}", type=type, field=field, why=why)


class AccessError(BurgeeError):
    """The caller may not do that."""

    code = "access"
    status = 403


class AuthenticationError(AccessError):
    """No key, or one that is not known, revoked or expired."""

    code = "authentication"
    status = 401


class PermissionDeniedError(AccessError):
    """The key is known but does not reach that far."""

    code = "permission-denied"


class MissingTenantError(AccessError):
    """No tenant in the context."""

    code = "missing-tenant"

    def __init__(self) -> None:
        super().__init__(
            "no tenant in the context",
            hint="go through a tenant: ws.tenant('acme').flags …, or `with burgee.tenant_scope('acme'):`",
        )


class WorkspaceError(BurgeeError):
    """The workspace can't be opened, or it is closed."""

    code = "workspace"


class NewerWorkspaceError(WorkspaceError):
    """A newer burgee made this workspace; this one does not know its layout."""

    code = "newer-workspace"
    path: str
    found: int
    known: int

    def __init__(self, path: str, found: int, known: int) -> None:
        super().__init__(
            f"the workspace {path!r} has layout {found}; this burgee knows up to {known}",
            hint="install a newer burgee: pip install --upgrade burgee",
            path=path,
            found=found,
            known=known,
        )


class RemoteError(BurgeeError):
    """A server could not be asked."""

    code = "remote"
    status = 502


class ServerUnavailableError(RemoteError):
    """Nothing answered, in all the tries allowed."""

    code = "server-unavailable"
    status = 503
    url: str
    tries: int

    def __init__(self, url: str, why: str, tries: int) -> None:
        super().__init__(
            f"no answer from {url} ({why}; tried {tries} time{'s' if tries != 1 else ''})",
            hint="is it running? start it with: burgee serve",
            url=url,
            tries=tries,
        )


class ServerFailureError(RemoteError):
    """The server failed in a way it did not expect; its log knows the request id."""

    code = "server-failure"
    status = 500


class MissingExtraError(BurgeeError, ImportError):
    """A library that belongs to an extra is not installed."""

    code = "missing-extra"
    status = 501
    extra: str

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs the extra {extra!r}", hint=f"pip install 'burgee[{extra}]'", extra=extra)


def did_you_mean(
    asked: object, there: Iterable[str], *, plural: str = "", most: int = 8, else_all: bool = True
) -> str | None:
    """A hint that names the nearest of what exists, else what exists, else nothing."""
    names = sorted(there)
    near = difflib.get_close_matches(str(asked), names, n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]!r}?"
    if not names or not else_all:
        return None
    more = f" … {len(names)} in all" if len(names) > most else ""
    return f"the {plural or 'names'} are: {', '.join(map(repr, names[:most]))}{more}"
