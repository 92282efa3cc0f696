"""The wire: any protocol becomes routes and a client; errors arrive as themselves; only safe requests are repeated."""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

import httpx
import pyarrow as pa
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st

from burgee.core import errors
from burgee.core.errors import (
    BurgeeError,
    ConcurrencyError,
    InvalidInputError,
    NotFoundError,
    ServerFailureError,
    ServerUnavailableError,
)
from burgee.core.portal import portal
from burgee.core.result import Err, Ok, Result
from burgee.core.scope import Scope, bind_scope, current_scope
from burgee.core.settings import Settings
from burgee.wire import arrow, problem
from burgee.wire.client import HttpClient
from burgee.wire.mount import mount
from burgee.wire.operation import operation, operations
from burgee.wire.remote import remote


@dataclass(frozen=True, slots=True)
class Parcel:
    id: str
    weight: float
    sent: datetime | None = None
    tags: tuple[str, ...] = ()


class Parcels(Protocol):
    """A protocol no part of burgee knows."""

    @operation("GET", "/parcels/{id}")
    async def get(self, id: str, detail: bool = False, since: datetime | None = None) -> Result[Parcel, NotFoundError]:
        """A parcel."""
        ...

    @operation("POST", "/parcels")
    async def send(self, parcel: Parcel, notes: Mapping[str, str]) -> Result[Parcel, InvalidInputError]:
        """Send one."""
        ...

    @operation("PUT", "/parcels/{id}")
    async def put(self, id: str, weight: float) -> Result[int, ConcurrencyError | NotFoundError]:
        """Change one."""
        ...

    @operation("POST", "/parcels/table/{factor}", repeatable=True)
    async def scale(
        self, rows: pa.RecordBatchReader, factor: int, extra: int = 0
    ) -> Result[pa.RecordBatchReader, InvalidInputError]:
        """A table in, a table out."""
        ...


class Depot:
    def __init__(self) -> None:
        self.calls: list[object] = []

    async def get(self, id: str, detail: bool = False, since: datetime | None = None) -> Result[Parcel, NotFoundError]:
        self.calls.append((id, detail, since, current_scope().idempotency_key))
        return Err(NotFoundError("parcel", id, ["abc"])) if id == "abd" else Ok(Parcel(id, 1.5, since))

    async def send(self, parcel: Parcel, notes: Mapping[str, str]) -> Result[Parcel, InvalidInputError]:
        self.calls.append((parcel, dict(notes)))
        return Ok(parcel)

    async def put(self, id: str, weight: float) -> Result[int, ConcurrencyError | NotFoundError]:
        if weight < 0:
            raise ZeroDivisionError
        return Err(ConcurrencyError(id, 1, 2))

    async def scale(
        self, rows: pa.RecordBatchReader, factor: int, extra: int = 0
    ) -> Result[pa.RecordBatchReader, InvalidInputError]:
        def batches() -> Iterator[pa.RecordBatch]:
            for batch in rows:
                yield pa.record_batch({"n": pa.array([n * factor + extra for n in batch["n"].to_pylist()], pa.int64())})

        return Ok(pa.RecordBatchReader.from_batches(pa.schema([("n", pa.int64())]), batches()))


def _app(depot: Depot) -> FastAPI:
    app = FastAPI()
    mount(app, Parcels, depot, tag="parcels")

    async def refused(_: object, error: Exception) -> httpx.Response:
        from fastapi import Response

        assert isinstance(error, BurgeeError)
        return Response(problem.to_problem(error, "r-1"), error.status, media_type=problem.MEDIA_TYPE)  # type: ignore[return-value]

    app.add_exception_handler(BurgeeError, refused)  # type: ignore[arg-type]
    return app


@pytest.fixture
def depot() -> Depot:
    return Depot()


@pytest.fixture
def parcels(depot: Depot) -> Parcels:
    transport = httpx.ASGITransport(_app(depot))
    return remote(Parcels, HttpClient("http://test", Settings(retries=0), transport=transport))


def test_values_arrive_as_they_were_sent(parcels: Parcels, depot: Depot) -> None:
    since = datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)
    assert portal.run(parcels.get("a/b c?&%ü", detail=True, since=since)) == Ok(Parcel("a/b c?&%ü", 1.5, since))
    parcel = Parcel("x", 0.1, since, ("a", "b"))
    assert portal.run(parcels.send(parcel, {"ü": "\u2028"})) == Ok(parcel)
    assert depot.calls[1] == (parcel, {"ü": "\u2028"})


@given(st.text(min_size=1).filter(str.isprintable))
def test_any_text_can_be_a_part_of_a_path(id: str) -> None:
    parcels = remote(Parcels, HttpClient("http://test", Settings(), transport=httpx.ASGITransport(_app(Depot()))))
    assert portal.run(parcels.get(f"x{id}")) == Ok(Parcel(f"x{id}", 1.5))
    assert portal.run(parcels.get("..")) == Ok(Parcel("..", 1.5))


def test_an_expected_failure_is_an_err_of_the_same_class_with_its_attributes(parcels: Parcels) -> None:
    """R10.3."""
    result = portal.run(parcels.get("abd"))
    assert isinstance(result, Err)
    assert isinstance(result.error, NotFoundError)
    assert (result.error.key, result.error.hints) == ("abd", ["did you mean 'abc'?"])
    refused = portal.run(parcels.put("p", 1))
    assert isinstance(refused, Err)
    assert isinstance(refused.error, ConcurrencyError)
    assert (refused.error.stream, refused.error.expected, refused.error.actual) == ("p", 1, 2)


def test_what_does_not_fit_is_refused_before_it_is_sent(parcels: Parcels, depot: Depot) -> None:
    result = portal.run(parcels.send("no parcel", {}))  # type: ignore[arg-type]
    assert isinstance(result, Err)
    assert "parcel" in result.error.message
    assert depot.calls == []


@given(st.lists(st.lists(st.integers(-1000, 1000), max_size=5), max_size=5))
def test_tables_travel_both_ways_batch_by_batch(batches: list[list[int]]) -> None:
    depot = Depot()
    parcels = remote(Parcels, HttpClient("http://test", Settings(), transport=httpx.ASGITransport(_app(depot))))
    schema = pa.schema([("n", pa.int64())])
    reader = pa.RecordBatchReader.from_batches(
        schema, [pa.record_batch([pa.array(b, pa.int64())], schema) for b in batches]
    )
    table = portal.run(parcels.scale(reader, 3, extra=1)).unwrap().read_all()
    assert table["n"].to_pylist() == [n * 3 + 1 for batch in batches for n in batch]


def test_a_table_cut_off_anywhere_is_refused() -> None:
    table = pa.table({"n": list(range(1000))})
    whole = b"".join(arrow.encode(pa.RecordBatchReader.from_batches(table.schema, table.to_batches(max_chunksize=100))))
    assert arrow.decode(whole).read_all() == table
    for cut in (0, 1, 100, len(whole) // 2, len(whole) - 8, len(whole) - 1):
        with pytest.raises(InvalidInputError):
            arrow.decode(whole[:cut]).read_all()
    with pytest.raises(InvalidInputError):
        arrow.decode(b"no arrow at all" + b"\xff\xff\xff\xff\x00\x00\x00\x00")


def test_a_stream_whose_offsets_lead_elsewhere_is_refused_before_anybody_follows_them() -> None:
    good = pa.table({"text": ["abc", "de"], "n": [1, 2]})
    assert arrow.received(b"".join(arrow.encode(good.to_reader()))).read_all() == good
    offsets = pa.py_buffer(struct.pack("<3i", 0, 2**30, 5))
    wild = pa.table({"text": pa.Array.from_buffers(pa.string(), 2, [None, offsets, pa.py_buffer(b"abcde")])})
    no_text = pa.table({"text": pa.array([b"\xff"]).view(pa.string())})
    for table in (wild, no_text):
        with pytest.raises(InvalidInputError, match="this Arrow stream is damaged"):
            arrow.received(b"".join(arrow.encode(table.to_reader())))
    with pytest.raises(InvalidInputError, match="this Arrow stream is damaged"):
        arrow.received(b"".join(arrow.encode(good.to_reader())).replace(b"text", b"te\xfft"))


DEEP = "[" * 300 + "]" * 300
WRONG = ",".join(f'"n{number}": 1' for number in range(1001))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (f'{{"parcel": {DEEP}, "notes": {{}}}}', "more than 200 lists and objects stand in one another"),
        (f'{{"notes": {{"a": "\\ud800"}}, "parcel": {DEEP}}}', "more than 200 lists and objects"),
        (f'{{"notes": {{"a": "\\\\uD800"}}, "parcel": {DEEP}}}', "more than 200 lists and objects"),
        (f'{{"parcel": {{"id": "a", "weight": 1}}, "notes": {{{WRONG}}}}}', "1001 values of the body are wrong"),
        ("[" * 100, "JSON decode error"),
        (f'{{"notes": {{"a": "{DEEP}"}}, "parcel": 1}}', "a dictionary or an instance of Parcel"),
    ],
    ids=range(6),
)
def test_a_body_that_would_hold_up_the_server_is_refused_unread(depot: Depot, body: str, said: str) -> None:
    async def post() -> httpx.Response:
        async with httpx.AsyncClient(base_url="http://test", transport=httpx.ASGITransport(_app(depot))) as client:
            return await client.post("/v1/parcels", content=body, headers={"Content-Type": "application/json"})

    answer = portal.run(post())
    assert answer.status_code == 422
    assert said in answer.text
    assert len(answer.text) < 10_000
    assert depot.calls == []


def test_openapi_is_made_of_the_same_declaration(depot: Depot) -> None:
    """R10.5."""
    spec = _app(depot).openapi()
    assert set(spec["paths"]) == {"/v1/parcels/{id}", "/v1/parcels", "/v1/parcels/table/{factor}"}
    get = spec["paths"]["/v1/parcels/{id}"]["get"]
    assert get["summary"] == "A parcel"
    assert {parameter["name"]: parameter["in"] for parameter in get["parameters"]} == {
        "id": "path",
        "detail": "query",
        "since": "query",
    }
    assert "404" in get["responses"]
    scale = spec["paths"]["/v1/parcels/table/{factor}"]["post"]
    assert arrow.MEDIA_TYPE in scale["requestBody"]["content"]
    assert arrow.MEDIA_TYPE in scale["responses"]["200"]["content"]


def test_a_protocol_that_does_not_answer_a_result_is_refused_when_read() -> None:
    class Wrong(Protocol):
        @operation("GET", "/x")
        async def x(self) -> int: ...

    with pytest.raises(TypeError, match="Result"):
        operations(Wrong)


def _every_error() -> Iterator[BurgeeError]:
    made: dict[type[BurgeeError], BurgeeError] = {
        errors.MissingColumnError: errors.MissingColumnError("usr", ["user", "id"], role="stream"),
        errors.UnreadableFileError: errors.UnreadableFileError("f.csv", "ragged", row=7),
        errors.NotFoundError: errors.NotFoundError("flag", "x", ["y"]),
        errors.AlreadyExistsError: errors.AlreadyExistsError("flag", "x"),
        errors.ConcurrencyError: errors.ConcurrencyError("s", 1, 2),
        errors.DuplicateEventError: errors.DuplicateEventError("e1", "is taken"),
        errors.StreamClosedError: errors.StreamClosedError("order-1", 7),
        errors.MissingTenantError: errors.MissingTenantError(),
        errors.NewerWorkspaceError: errors.NewerWorkspaceError("/x", 2, 1),
        errors.ServerUnavailableError: errors.ServerUnavailableError("http://x", "why", 3),
        errors.MissingExtraError: errors.MissingExtraError("plots", "notebook"),
        errors.ProjectionFailedError: errors.ProjectionFailedError("revenue", 7, "no total"),
        errors.UnknownSchemaVersionError: errors.UnknownSchemaVersionError("order.placed", 3, 2),
        errors.MissingUpcasterError: errors.MissingUpcasterError("order.placed", 1, 3),
        errors.UpcastError: errors.UpcastError("order.placed", 1, "version 1 of stream 'x'", "no total"),
        errors.PayloadError: errors.PayloadError("order.placed", "total", "is no number"),
    }
    for kind in BurgeeError.kinds.values():
        yield made.get(kind) or kind("said so", hint="do this")


@pytest.mark.parametrize("error", list(_every_error()), ids=lambda error: error.code)
def test_every_error_crosses_http_and_pickle_as_itself(error: BurgeeError) -> None:
    import pickle

    over_http = problem.from_problem(error.status, problem.to_problem(error, "r-1"), "r-1")
    for again in (over_http, pickle.loads(pickle.dumps(error))):  # noqa: S301 - our own bytes
        assert type(again) is type(error)
        assert (again.message, again.details, again.hints) == (error.message, error.details, error.hints)
        assert all(getattr(again, name) == value for name, value in error.details.items())
    assert over_http.request_id == "r-1"
    assert issubclass(type(error), BurgeeError)


@pytest.mark.parametrize("body", [b"<html>Bad gateway</html>", b"", b"[1]", b'{"code": 3}', b"\xff\xfe"])
def test_an_answer_from_something_that_is_not_burgee_is_still_a_burgee_error(body: bytes) -> None:
    assert isinstance(problem.from_problem(502, body, None), ServerFailureError)
    assert isinstance(problem.from_problem(404, body, None), NotFoundError)


class Flaky(httpx.AsyncBaseTransport):
    """Fails as told, then answers."""

    def __init__(self, *outcomes: Callable[[], httpx.Response]) -> None:
        self.outcomes = iter(outcomes)
        self.keys: list[str | None] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.keys.append(request.headers.get("Idempotency-Key"))
        return next(self.outcomes)()


def _lost() -> httpx.Response:
    raise httpx.ReadError("connection reset")


def _unconnected() -> httpx.Response:
    raise httpx.ConnectError("refused")


def _busy() -> httpx.Response:
    return httpx.Response(503, headers={"Retry-After": "0"})


def _fine() -> httpx.Response:
    return httpx.Response(200, json={"id": "x", "weight": 1.0}, headers={"Content-Type": "application/json"})


def _client(transport: Flaky, retries: int = 3) -> Parcels:
    return remote(Parcels, HttpClient("http://test", Settings(retries=retries), transport=transport))


@pytest.mark.parametrize("failure", [_lost, _unconnected, _busy])
def test_what_is_safe_to_repeat_is_repeated(failure: Callable[[], httpx.Response]) -> None:
    transport = Flaky(failure, failure, _fine)
    assert portal.run(_client(transport).get("x")) == Ok(Parcel("x", 1.0))
    assert len(transport.keys) == 3


def test_what_is_not_safe_is_repeated_only_if_it_never_left() -> None:
    transport = Flaky(_lost, _fine)
    with pytest.raises(ServerUnavailableError, match="connection reset") as caught:
        portal.run(_client(transport).send(Parcel("x", 1.0), {}))
    assert caught.value.tries == 1
    transport = Flaky(_unconnected, _fine)
    assert portal.run(_client(transport).send(Parcel("x", 1.0), {})) == Ok(Parcel("x", 1.0))


def test_every_try_of_a_call_has_the_same_idempotency_key_and_every_call_another() -> None:
    transport = Flaky(_unconnected, _unconnected, _fine, _fine)
    client = _client(transport)
    portal.run(client.send(Parcel("x", 1.0), {}))
    portal.run(client.send(Parcel("x", 1.0), {}))
    assert len(set(transport.keys[:3])) == 1
    assert len(set(transport.keys)) == 2
    with bind_scope(Scope(idempotency_key="mine")):
        transport.outcomes = iter([_fine])
        portal.run(client.send(Parcel("x", 1.0), {}))
    assert transport.keys[-1] == "mine"


def test_a_server_that_is_not_there_is_a_clear_error_after_all_tries() -> None:
    client = remote(Parcels, HttpClient("http://127.0.0.1:9", Settings(retries=1, timeout=2)))
    with pytest.raises(ServerUnavailableError, match=r"http://127\.0\.0\.1:9") as caught:
        portal.run(client.get("x"))
    assert caught.value.tries == 2
    assert "burgee serve" in caught.value.hints[0]


def test_a_server_too_slow_is_a_clear_error() -> None:
    async def slow() -> None:
        async with _listening() as port:
            http = HttpClient(f"http://127.0.0.1:{port}", Settings(retries=0, timeout=0.2))
            try:
                with pytest.raises(ServerUnavailableError, match="ReadTimeout"):
                    await remote(Parcels, http).get("x")
            finally:
                await http.close()

    portal.run(slow())  # not asyncio.run: the browser tests leave a running loop in this thread


@asynccontextmanager
async def _listening() -> AsyncIterator[int]:
    """A server that listens and never answers."""
    held = []

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)
        await reader.read()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    for writer in held:
        writer.close()
    server.close()


def test_an_answer_of_another_shape_says_so() -> None:
    transport = Flaky(lambda: httpx.Response(200, json={"what": "is this"}))
    with pytest.raises(ServerFailureError, match="not what this burgee expects"):
        portal.run(_client(transport).get("x"))
