"""Where an archive lies: a folder, or a bucket of S3. Both let one writer of a tenant in at a time.

A name is a path with `/` below the archive's place. What is written is there whole or not at all: a file of
a folder is renamed into its place, an object of S3 appears when it is complete.
"""

import contextlib
import os
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from burgee.core.disk import locked
from burgee.core.errors import InvalidInputError, WorkspaceError
from burgee.core.json import dumps, loads
from burgee.core.s3 import S3_HINT, bucket_of, s3_client

LEASE_SECONDS = 30.0
"""How long a writer on S3 keeps others out since it wrote last; so long they wait for one that was killed."""

_AT_ONCE = 1000  # keys of one delete request (S3, DeleteObjects)


class Writer(Protocol):
    """The only one that writes below a prefix, while it lasts."""

    def write(self, name: str, data: bytes) -> None:
        """Put a file there, in place of one of the same name."""
        ...

    def delete(self, names: Iterable[str]) -> None:
        """Remove files; one that is not there is no matter."""
        ...


class Storage(Protocol):
    """The files of an archive."""

    @property
    def place(self) -> str:
        """The folder, or the URL: what people call it."""
        ...

    def names(self, prefix: str) -> list[str]:
        """The files below a prefix, in alphabetical order."""
        ...

    def read(self, name: str) -> bytes | None:
        """What is in a file; none if it is not there."""
        ...

    def writing(self, prefix: str) -> AbstractContextManager[Writer]:
        """Be the only writer below this prefix; waits for another one."""
        ...

    def path(self, name: str) -> str:
        """Where a file is, for a reader: a path, or an `s3://` URL."""
        ...


def storage_at(place: str | Path) -> Storage:
    """A folder (made when it is written to), or `s3://bucket/prefix`.

    S3 is reached as the usual variables say (`core.s3`).

    Raises:
        InvalidInputError: it is neither.
        MissingExtraError: S3, and boto3 is not installed.
    """
    text = str(place)
    if "://" not in text:
        if not text:
            raise InvalidInputError("an archive needs a place: a folder or s3://bucket/prefix")
        return Folder(Path(text).expanduser())
    return Bucket(*bucket_of(text, "an archive"))


class Folder:
    """An archive in a folder. A lock file per prefix lets one writer in, of this process or another."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @property
    def place(self) -> str:
        """The folder."""
        return str(self._root)

    def names(self, prefix: str) -> list[str]:
        """The files below a prefix, in alphabetical order."""
        found = (path for path in (self._root / prefix).rglob("*") if path.is_file())
        return sorted(path.relative_to(self._root).as_posix() for path in found)

    def read(self, name: str) -> bytes | None:
        """What is in a file; none if it is not there."""
        with self._told(), contextlib.suppress(FileNotFoundError):
            return (self._root / name).read_bytes()
        return None

    @contextmanager
    def writing(self, prefix: str) -> Iterator["Folder"]:
        """Be the only writer below this prefix; waits for another one."""
        lock = self._root / prefix / "_lock"
        with self._told():
            lock.parent.mkdir(parents=True, exist_ok=True)
            file = lock.open("ab")
        with file:
            locked(file.fileno())  # and is let go when the file is closed, or the process ends
            yield self

    def write(self, name: str, data: bytes) -> None:
        """Put a file there, in place of one of the same name."""
        path = self._root / name
        new = path.with_name(f"_new-{path.name}")
        with self._told():
            path.parent.mkdir(parents=True, exist_ok=True)
            with new.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            new.replace(path)

    def delete(self, names: Iterable[str]) -> None:
        """Remove files; one that is not there is no matter."""
        with self._told():
            for name in names:
                path = self._root / name
                path.unlink(missing_ok=True)
                with contextlib.suppress(OSError):  # not empty
                    path.parent.rmdir()

    def path(self, name: str) -> str:
        """Where a file is."""
        return str((self._root / name).absolute())

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise
        except OSError as error:
            raise WorkspaceError(f"the archive {self.place!r} can't be used: {error.strerror or error}") from error


class Bucket:
    """An archive in a bucket of S3.

    One writer at a time is let in by a lease: an object that is made only if it is not there (If-None-Match) and
    renewed only by who made it (If-Match). A writer that was killed holds it for `LEASE_SECONDS` more.
    """

    def __init__(self, bucket: str, prefix: str) -> None:
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        self._client = s3_client("an archive")

    @property
    def place(self) -> str:
        """The URL."""
        return f"s3://{self._bucket}/{self._prefix}".rstrip("/")

    def names(self, prefix: str) -> list[str]:
        """The files below a prefix, in alphabetical order."""
        pages = self._client.get_paginator("list_objects_v2")
        with self._told():
            found = [
                str(item["Key"]).removeprefix(self._prefix)
                for page in pages.paginate(Bucket=self._bucket, Prefix=f"{self._prefix}{prefix}/")
                for item in page.get("Contents", ())
            ]
        return sorted(found)

    def read(self, name: str) -> bytes | None:
        """What is in a file; none if it is not there."""
        found = self.get(name)
        return None if found is None else found[0]

    @contextmanager
    def writing(self, prefix: str) -> Iterator["_Lease"]:
        """Be the only writer below this prefix; waits for another one."""
        lease = _Lease(self, f"{prefix}/_lease")
        lease.take()
        try:
            yield lease
        finally:
            lease.give_back()

    def path(self, name: str) -> str:
        """Where a file is, as a URL."""
        return f"s3://{self._bucket}/{self._prefix}{name}"

    def get(self, name: str) -> tuple[bytes, str] | None:
        """An object and its tag; none if it is not there."""
        with self._told():
            try:
                found = self._client.get_object(Bucket=self._bucket, Key=self._prefix + name)
                return found["Body"].read(), found["ETag"]
            except self._client.exceptions.NoSuchKey:
                return None

    def put(self, name: str, data: bytes, **only: str) -> str | None:
        """Write an object; its tag, or nothing if `only` (IfMatch, IfNoneMatch) does not hold."""
        with self._told():
            try:
                done = self._client.put_object(Bucket=self._bucket, Key=self._prefix + name, Body=data, **only)
            except self._client.exceptions.ClientError as error:
                status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
                if only and status in {404, 409, 412}:
                    return None
                raise
            return str(done["ETag"])

    def remove(self, names: Iterable[str]) -> None:
        """Delete objects; one that is not there is no matter."""
        keys = [{"Key": self._prefix + name} for name in names]
        with self._told():
            for start in range(0, len(keys), _AT_ONCE):
                part = {"Objects": keys[start : start + _AT_ONCE], "Quiet": True}
                self._client.delete_objects(Bucket=self._bucket, Delete=part)

    @contextmanager
    def _told(self) -> Iterator[None]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except (BotoCoreError, ClientError) as error:
            raise WorkspaceError(f"the archive {self.place!r} can't be used: {error}", hint=S3_HINT) from error


class _Lease:
    """The right to write below a prefix of a bucket."""

    def __init__(self, bucket: Bucket, name: str) -> None:
        self._bucket = bucket
        self._name = name
        self._writer = uuid.uuid4().hex
        self._tag = ""
        self._until = 0.0

    def take(self) -> None:
        """Wait until nobody else has it."""
        while (tag := self._try()) is None:
            time.sleep(0.2)
        self._tag = tag

    def write(self, name: str, data: bytes) -> None:
        """Put a file there, in place of one of the same name."""
        self._keep()
        self._bucket.put(name, data)

    def delete(self, names: Iterable[str]) -> None:
        """Remove files; one that is not there is no matter."""
        self._keep()
        self._bucket.remove(names)

    def give_back(self) -> None:
        """Let the next one in, unless somebody took it over."""
        with contextlib.suppress(WorkspaceError):  # then it ends by itself
            if (found := self._bucket.get(self._name)) is not None and found[1] == self._tag:
                self._bucket.remove([self._name])

    def _try(self) -> str | None:
        found = self._bucket.get(self._name)
        if found is None:
            return self._put(IfNoneMatch="*")
        held = loads(found[0])
        until = held.get("until") if isinstance(held, dict) else None
        if isinstance(until, int | float) and until > time.time():
            return None
        return self._put(IfMatch=found[1])

    def _keep(self) -> None:
        """Renew it before it ends; what is written after somebody took it over could undo their work."""
        if time.time() < self._until - LEASE_SECONDS / 2:
            return
        tag = self._put(IfMatch=self._tag)
        if tag is None:
            msg = f"another process took over the archive {self._bucket.place!r} while this one wrote"
            raise WorkspaceError(msg, hint="ask again: nothing is lost, the other one does the work")
        self._tag = tag

    def _put(self, **only: str) -> str | None:
        until = time.time() + LEASE_SECONDS
        text = dumps({"writer": self._writer, "until": until}).encode()
        tag = self._bucket.put(self._name, text, **only)
        if tag is not None:
            self._until = until
        return tag
