"""The archive on S3, on a server as strict as S3: written, leased, and read by DuckDB and Dask."""

import io
import time
from collections.abc import Iterator
from pathlib import Path

import dask.dataframe as dd
import duckdb
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
import s3fs

import burgee
from burgee.analytics.archive import Archive
from burgee.analytics.storage import LEASE_SECONDS, Bucket, storage_at
from burgee.core.errors import AlreadyExistsError, WorkspaceError
from burgee.core.json import dumps
from burgee.core.settings import Settings
from real_data import real_file
from services.s3 import S3, running_s3


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    """An S3 server with a bucket."""
    with running_s3(tmp_path_factory.mktemp("s3")) as s3:
        s3.make_bucket("lake")
        yield s3


@pytest.fixture
def s3(server: S3, monkeypatch: pytest.MonkeyPatch) -> S3:
    """The server, as every AWS client finds it."""
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)
    return server


def files(s3: S3) -> s3fs.S3FileSystem:
    return s3fs.S3FileSystem(
        key=s3.key, secret=s3.secret, client_kwargs={"endpoint_url": s3.url, "region_name": s3.region}
    )


# dask 2026.8 calls pandas in a way that pandas 3.1 means to give up.
@pytest.mark.filterwarnings("ignore:The inplace keyword")
def test_the_shops_archive_on_s3_has_the_same_counts_for_duckdb_and_dask(s3: S3, tmp_path: Path) -> None:
    settings = Settings(archive="s3://lake/shop", progress=False)
    with burgee.open(str(tmp_path / "ws"), settings=settings) as ws:
        acme = ws.tenants.create("acme")
        acme.events.import_file(real_file("ecom.csv.gz"), stream="user_id", type="event", time="timestamp")
        done = acme.events.archive()
        wanted = acme.events.query().by("type").frame()
    assert (done.place, done.events) == ("s3://lake/shop", 31_106)
    counts = dict(zip(wanted["type"], wanted["count"], strict=True))

    events = ds.dataset("lake/shop/", filesystem=files(s3), partitioning="hive", exclude_invalid_files=False)
    connection = duckdb.connect()
    connection.register("events", events.scanner().to_reader())  # an extension for S3 is not needed
    assert dict(connection.execute("SELECT type, count(*) FROM events GROUP BY 1").fetchall()) == counts

    connection.register_filesystem(files(s3))
    sql = "SELECT type, count(*) FROM read_parquet('s3://lake/shop/*/*/*.parquet') WHERE tenant = 'acme' GROUP BY 1"
    assert dict(connection.execute(sql).fetchall()) == counts

    frame = dd.read_parquet("lake/shop/tenant=acme/", filesystem=files(s3), columns=["type", "user_id"])
    assert frame.groupby("type").size().compute().to_dict() == counts
    assert frame["user_id"].nunique().compute() == 600


def test_what_is_new_is_added_and_an_export_does_not_mix_with_what_is_there(s3: S3) -> None:  # noqa: ARG001 - the variables
    with burgee.open("memory://", settings=Settings(progress=False)) as ws:
        acme = ws.tenants.create("acme")
        acme.events.append("s-1", [burgee.Event("a", {"n": 1}), burgee.Event("b", {"n": 2})])
        out = acme.events.query("a").export("s3://lake/out")
        assert (out.events, out.frame()["events"].tolist()) == (1, [1])
        with pytest.raises(AlreadyExistsError, match="s3://lake/out"):
            acme.events.export("s3://lake/out")
        assert acme.events.export("s3://lake/out", overwrite=True).events == 2
        found = storage_at("s3://lake/out")
        assert len([name for name in found.names("tenant=acme") if name.endswith(".parquet")]) == 1
        data = found.read(acme.events.export("s3://lake/out", overwrite=True).frame()["file"][0])
        assert data is not None
        assert pq.read_table(io.BytesIO(data))["n"].to_pylist() == [1, 2]


def test_one_writer_at_a_time_is_let_in_and_one_that_was_killed_is_waited_for(
    s3: S3,  # noqa: ARG001 - the variables
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bucket = storage_at("s3://lake/leases")
    assert isinstance(bucket, Bucket)
    now = time.time()
    waited: list[float] = []
    with bucket.writing("tenant=acme") as first:
        first.write("tenant=acme/x", b"1")
        monkeypatch.setattr(time, "sleep", waited.append)
        monkeypatch.setattr(time, "time", lambda: now + LEASE_SECONDS * (2 if waited else 0))
        with bucket.writing("tenant=acme") as second:  # the first one's lease has ended meanwhile
            second.write("tenant=acme/x", b"2")
            with pytest.raises(WorkspaceError, match="took over"):
                first.write("tenant=acme/x", b"3")
    assert waited
    assert bucket.read("tenant=acme/x") == b"2"
    assert bucket.get("tenant=acme/_lease") is None
    assert bucket.put("once", dumps({}).encode(), IfNoneMatch="*") is not None
    assert bucket.put("once", dumps({}).encode(), IfNoneMatch="*") is None


def test_what_s3_refuses_is_said_without_the_secret(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(WorkspaceError, match="s3://lake/x") as caught:
        Archive("s3://lake/x").manifest("acme")
    assert "AWS_SECRET_ACCESS_KEY" in " ".join(caught.value.hints)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3.secret)
    with pytest.raises(WorkspaceError, match="s3://nowhere"):
        Archive("s3://nowhere").manifest("acme")
