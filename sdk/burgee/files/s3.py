"""Files in a bucket of S3, or of whatever speaks as S3 does.

What fits in one part is one request, with its SHA-256 as checksum and in the metadata. More goes as a multipart upload,
whose parts are checked by their SHA-256; of the whole S3 then keeps none, because metadata is said before the content
is known. Nothing is seen of an upload that is not complete: it is aborted, or, if the process was killed, swept.
"""

import base64
import hashlib
import logging
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from itertools import batched, chain
from typing import Any
from urllib.parse import unquote

from burgee.core.errors import InvalidInputError, NotFoundError
from burgee.core.s3 import S3_HINT, bucket_of, s3_client
from burgee.files.errors import FileTooLargeError, StorageUnavailableError
from burgee.files.headers import disposition
from burgee.files.keys import (
    OWN,
    check_age,
    check_expires,
    check_key,
    check_metadata,
    check_prefix,
    check_range,
    quoted,
)
from burgee.files.model import SignedUrl, StoredObject
from burgee.files.pieces import PIECE, Checksum, pieces
from burgee.files.protocol import StorageProvider

PART = 8 * 1024 * 1024
_LEAST_PART = 5 * 1024 * 1024
_MOST_PARTS = 10_000
"""What S3 takes; the last part may be shorter."""
_AT_ONCE = 2  # parts on their way
_LOOKS = 8  # objects asked for at once while listing
_SUM = f"{OWN}sha256"
_CONNECT_SECONDS, _READ_SECONDS, _TRIES = 3, 20, 3
_NOT_FOUND, _NO_SUCH_RANGE = 404, 416
_log = logging.getLogger("burgee.files")


class S3Storage(StorageProvider[Mapping[str, str]]):
    """Objects in a bucket.

    Args:
        place: `s3://bucket/prefix`. The bucket is there.
        part_size: bytes of a part of a multipart upload.
    """

    def __init__(self, place: str, *, part_size: int = PART) -> None:
        bucket, prefix = bucket_of(place, "files")
        if part_size < _LEAST_PART:
            raise InvalidInputError(f"a part has {_LEAST_PART} bytes or more, not {part_size!r}")
        self._bucket = bucket
        self._prefix = f"{check_key(prefix)}/" if prefix else ""
        self._part_size = part_size
        self._found = False
        self._client = s3_client(
            "a storage of files",
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=_READ_SECONDS,
            retries={"mode": "standard", "total_max_attempts": _TRIES},
            max_pool_connections=64,
            signature_version="s3v4",
            request_checksum_calculation="when_required",  # ours are given; and no signed address asks for one
        )

    @property
    def place(self) -> str:
        """The URL."""
        return f"s3://{self._bucket}/{self._prefix}".rstrip("/")

    @property
    def has_addresses(self) -> bool:
        """Yes: whoever has one reaches the bucket itself."""
        return True

    def write(
        self,
        key: str,
        content: Iterable[bytes],
        metadata: Mapping[str, str],
        held: ExitStack | None = None,  # noqa: ARG002 - see `is_held`
    ) -> StoredObject[Mapping[str, str]]:
        """Store an object, durable when this returns. It appears whole or, if `content` raises, not at all."""
        at, checked = self._at(key), check_metadata(metadata)
        said = {name: quoted(value) for name, value in checked.items()}
        parts = pieces(content, self._part_size)
        first, second = next(parts, b""), next(parts, None)
        if second is None:
            checksum, size = hashlib.sha256(first).hexdigest(), len(first)
            with self._told():
                self._client.put_object(
                    **at, Body=first, ChecksumSHA256=_checksum(first), Metadata={**said, _SUM: checksum}
                )
        else:
            checksum, size = self._in_parts(at, chain((first, second), parts), said)
        return StoredObject(key, size, checksum, datetime.now(UTC), checked)

    def is_held(self, key: str) -> bool:
        """Never: a bucket can't tell who lives."""
        check_key(key)
        return False

    def stat(self, key: str) -> StoredObject[Mapping[str, str]] | None:
        """What is known of an object; None if there is none. Without a checksum if it came in parts."""
        at = self._at(key)
        with self._told():
            try:
                found = self._client.head_object(**at)
            except self._client.exceptions.ClientError as error:
                if not _is_missing(error):
                    raise
                self._look_for_bucket()
                return None
        self._found = True
        return _stored(key, found)

    def read(self, key: str, start: int = 0, stop: int | None = None) -> Generator[bytes]:
        """The bytes from `start` to before `stop`, in pieces; `NotFoundError` at once if there is none."""
        start, stop = check_range(start, stop)
        read = self._read(key, start, stop)
        next(read)
        return read

    def delete(self, key: str) -> bool:
        """Take an object away, durably; whether there was one."""
        there = self.stat(key) is not None
        if there:
            with self._told():
                self._client.delete_object(**self._at(key))
        return there

    def list(self, prefix: str = "") -> Iterator[StoredObject[Mapping[str, str]]]:
        """The objects whose key begins so, by key. Each is asked for its metadata, some at once."""
        return self._list(check_prefix(prefix))

    def sweep(self, prefix: str, older_than: float) -> int:
        """Abort uploads that got their last part longer than so many seconds ago; how many it were."""
        begins, before = self._prefix + check_prefix(prefix), time.time() - check_age(older_than)
        with self._told():
            pages = self._client.get_paginator("list_multipart_uploads").paginate(Bucket=self._bucket, Prefix=begins)
            old = [
                upload
                for page in pages
                for upload in page.get("Uploads", ())
                if upload["Key"].startswith(begins) and upload["Initiated"].timestamp() <= before
            ]
        at = [({"Bucket": self._bucket, "Key": one["Key"]}, one["UploadId"]) for one in old]
        return sum(self._abort(*one) for one in at if not self._goes_on(*one, before))

    def signed_get(self, key: str, expires: float, *, name: str, type: str) -> SignedUrl | None:
        """An address to read the object from for `expires` seconds, as an attachment of that name and type."""
        as_told = {"ResponseContentDisposition": disposition(name), "ResponseContentType": _header(type)}
        return self._signed("get_object", "GET", key, expires, as_told)

    def signed_put(self, key: str, expires: float, *, type: str, size: int | None = None) -> SignedUrl | None:
        """An address to write the object to for `expires` seconds: once, of that type and, if given, that size."""
        headers = {"Content-Type": _header(type), "If-None-Match": "*"}
        params: dict[str, object] = {"ContentType": type, "IfNoneMatch": "*"}
        if size is not None:
            headers["Content-Length"] = str(_size(size))
            params["ContentLength"] = size
        return self._signed("put_object", "PUT", key, expires, params, headers)

    def close(self) -> None:
        """Give back connections."""
        self._client.close()

    def _in_parts(self, at: dict[str, str], parts: Iterable[bytes], metadata: dict[str, str]) -> tuple[str, int]:
        """Upload part by part, some at once; SHA-256 and size of the whole."""
        with self._told():
            begun = self._client.create_multipart_upload(**at, Metadata=metadata, ChecksumAlgorithm="SHA256")
        upload = {**at, "UploadId": begun["UploadId"]}
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="burgee-upload") as pool, Checksum() as checksum:
            running: deque[Future[dict[str, object]]] = deque()
            done: list[dict[str, object]] = []
            try:
                for number, part in _numbered(parts):
                    if len(running) == _AT_ONCE:
                        done.append(running.popleft().result())
                    running.append(pool.submit(self._send, upload, number, part))
                    checksum.add(part)
                done += [one.result() for one in running]
                with self._told():
                    self._client.complete_multipart_upload(**upload, MultipartUpload={"Parts": done})
            except BaseException:
                pool.shutdown(cancel_futures=True)  # a part that arrives after the end would stay
                self._abort(at, begun["UploadId"])
                raise
            return checksum.hexdigest(), checksum.size

    def _send(self, upload: dict[str, str], number: int, part: bytes) -> dict[str, object]:
        checksum = _checksum(part)
        with self._told():
            sent = self._client.upload_part(**upload, PartNumber=number, Body=part, ChecksumSHA256=checksum)
        return {"PartNumber": number, "ETag": sent["ETag"], "ChecksumSHA256": checksum}

    def _goes_on(self, at: dict[str, str], upload_id: str, before: float) -> bool:
        """Whether an upload got a part since then; false, too, if it is over."""
        pages = self._client.get_paginator("list_parts").paginate(**at, UploadId=upload_id)
        with self._told():
            try:
                return any(
                    part["LastModified"].timestamp() > before for page in pages for part in page.get("Parts", ())
                )
            except self._client.exceptions.ClientError as error:
                if not _is_missing(error):
                    raise
                return False

    def _abort(self, at: dict[str, str], upload_id: str) -> bool:
        """End an upload; whether it was there to be ended. What can't be ended now is swept later."""
        try:
            with self._told():
                self._client.abort_multipart_upload(**at, UploadId=upload_id)
        except (StorageUnavailableError, NotFoundError) as error:
            _log.warning("an upload to %s could not be aborted: %s", self.place, error)
            return False
        return True

    def _read(self, key: str, start: int, stop: int | None) -> Generator[bytes]:
        if stop == start:
            if self.stat(key) is None:
                raise NotFoundError("object", key)
            yield b""
            return
        body = self._body(key, start, stop)
        try:
            yield b""
            while True:
                with self._told():
                    piece = body.read(PIECE) if body is not None else b""
                if not piece:
                    return
                yield piece
        finally:
            if body is not None:
                body.close()

    def _body(self, key: str, start: int, stop: int | None) -> Any:  # noqa: ANN401 - boto3 has no types
        """The stream of a range; None if the object ends before it."""
        ranged = {} if (start, stop) == (0, None) else {"Range": f"bytes={start}-{'' if stop is None else stop - 1}"}
        at = self._at(key)
        with self._told():
            try:
                return self._client.get_object(**at, **ranged)["Body"]
            except self._client.exceptions.NoSuchKey:
                raise NotFoundError("object", key) from None
            except self._client.exceptions.ClientError as error:
                if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == _NO_SUCH_RANGE:
                    return None
                raise

    def _list(self, prefix: str) -> Iterator[StoredObject[Mapping[str, str]]]:
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=self._prefix + prefix
        )
        keys = (
            item["Key"].removeprefix(self._prefix) for page in self._each(pages) for item in page.get("Contents", ())
        )
        with ThreadPoolExecutor(_LOOKS, thread_name_prefix="burgee-list") as pool:
            for some in batched((key for key in keys if _is_ours(key)), 4 * _LOOKS):
                yield from (found for found in pool.map(self.stat, some) if found is not None)

    def _each(self, pages: Iterable[Any]) -> Iterator[Any]:
        rest = iter(pages)
        while True:
            with self._told():
                page = next(rest, None)
            if page is None:
                return
            yield page

    def _signed(
        self,
        action: str,
        method: str,
        key: str,
        expires: float,
        params: Mapping[str, object],
        headers: Mapping[str, str] | None = None,
    ) -> SignedUrl:
        seconds, at = check_expires(expires), self._at(key)
        ends = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=seconds)  # signed in whole seconds
        with self._told():
            url = self._client.generate_presigned_url(
                action, Params={**at, **params}, ExpiresIn=seconds, HttpMethod=method
            )
        return SignedUrl(url, method, ends, headers or {})

    def _look_for_bucket(self) -> None:
        """That an object is not there is only believed of a bucket that is."""
        if not self._found:
            self._client.head_bucket(Bucket=self._bucket)
            self._found = True

    def _at(self, key: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": self._prefix + check_key(key)}

    @contextmanager
    def _told(self) -> Iterator[None]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except (BotoCoreError, ClientError) as error:
            message = f"the files in {self.place!r} can't be reached: {error}"
            raise StorageUnavailableError(message, hint=S3_HINT) from error


def _numbered(parts: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """The parts, counted from 1."""
    for number, part in enumerate(parts, 1):
        if number > _MOST_PARTS:
            raise FileTooLargeError(f"S3 takes a file in at most {_MOST_PARTS} parts; this one has more")
        yield number, part


def _is_missing(error: Any) -> bool:  # noqa: ANN401 - boto3 has no types
    return bool(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == _NOT_FOUND)


def _is_ours(key: str) -> bool:
    """Whether this could have been written here; a bucket may hold other things, too."""
    try:
        check_key(key)
    except InvalidInputError:
        return False
    return True


def _stored(key: str, found: Mapping[str, Any]) -> StoredObject[Mapping[str, str]]:
    said = {name.lower(): value for name, value in found.get("Metadata", {}).items()}
    checksum = said.pop(_SUM, None)
    metadata = {name: unquote(value) for name, value in said.items()}
    return StoredObject(key, found["ContentLength"], checksum, found["LastModified"], metadata)


def _checksum(part: bytes) -> str:
    return base64.b64encode(hashlib.sha256(part).digest()).decode()


def _size(size: object) -> int:
    if isinstance(size, bool) or not isinstance(size, int) or size < 0:
        raise InvalidInputError(f"size is a number of bytes, 0 or more, not {size!r}")
    return size


def _header(type: object) -> str:
    """A media type, fit for a header."""
    if not isinstance(type, str) or not type or not type.isascii() or not type.isprintable():
        raise InvalidInputError(f"a media type is printable ASCII text, not {type!r}")
    return type
