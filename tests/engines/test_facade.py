"""Engines and archives as people use them: `burgee.open(…, analytics=…)`, `archive()`, `export()`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa
import pytest
from pydantic import SecretStr
from sqlglot import exp

import burgee
from burgee.analytics.duckdb import DuckDBEngine
from burgee.analytics.source import LogSource
from burgee.core.errors import AlreadyExistsError, InvalidInputError, MissingExtraError
from burgee.core.settings import Settings
from burgee.workspace import Tenant
from services.postgres import Server

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

EVENTS = [burgee.Event("seen", {"user": "é", "n": 1}), burgee.Event("bought", {"user": "é", "n": 2.5, "ok": True})]


def ask(acme: Tenant) -> pd.DataFrame:
    return acme.events.query().per("year").by("type").sum("n").frame().drop(columns="time")


WANTED = pd.DataFrame({"type": ["bought", "seen"], "sum_n": [2.5, 1.0]}).astype({"type": "str"})


@pytest.mark.slow
def test_a_spark_session_answers_and_what_was_just_appended_is_in_it(spark: "SparkSession", tmp_path: Path) -> None:
    with burgee.open(str(tmp_path / "ws"), analytics=spark) as ws:
        acme = ws.tenants.create("acme")
        assert len(ask(acme)) == 0
        acme.events.append("s-1", EVENTS)
        pd.testing.assert_frame_equal(ask(acme), WANTED)
        acme.events.append("s-1", burgee.Event("seen", {"n": 9}))
        assert ask(acme)["sum_n"].tolist() == [2.5, 10.0]
        assert acme.events.query(own=True).count() == acme.events.query(own=True).by("stream").frame()["count"].sum()
    assert not spark.catalog.listTables()  # the session is left as it was
    assert (tmp_path / "ws" / "archive" / "tenant=acme").is_dir()


def test_clickhouse_answers(tmp_path: Path) -> None:
    settings = Settings(archive=str(tmp_path / "a {b} *"))
    with burgee.open("memory://", analytics="clickhouse", settings=settings) as ws:
        acme = ws.tenants.create("acme")
        assert len(ask(acme)) == 0
        acme.events.append("s-1", EVENTS)
        pd.testing.assert_frame_equal(ask(acme), WANTED)
        assert len(ws.tenants.create("other").events.query().by("type").frame()) == 0


def test_postgres_answers_where_the_log_is(postgres: Server, tmp_path: Path) -> None:
    settings = Settings(database=SecretStr(postgres.schema()))
    with burgee.open(str(tmp_path / "ws"), analytics="postgres", settings=settings) as ws:
        acme = ws.tenants.create("acme")
        acme.events.append("s-1", EVENTS)
        pd.testing.assert_frame_equal(ask(acme), WANTED)
        long = "x" * 70
        acme.events.append("s-1", burgee.Event("a%s", {long: 1, f"{long}y": 2, 'it\'s "q"': 3}))
        both = acme.events.query().by(long, f"{long}y", 'it\'s "q"').frame()
        assert both.iloc[0].tolist() == [1, 2, 3, 1]


def test_postgres_for_a_log_that_is_elsewhere_is_refused(tmp_path: Path) -> None:
    with burgee.open(str(tmp_path / "ws"), analytics="postgres") as ws:
        acme = ws.tenants.create("acme")
        acme.events.append("s-1", EVENTS)
        with pytest.raises(InvalidInputError, match="no PostgreSQL") as caught:
            ask(acme)
        assert "BURGEE_DATABASE" in " ".join(caught.value.hints)


def test_an_engine_of_ones_own_is_one_class() -> None:
    class Mine:
        dialect = "duckdb"

        def __init__(self) -> None:
            self.asked: list[str] = []

        def answer(self, tree: exp.Query, source: LogSource) -> pa.Table:
            self.asked.append(source.tenant)
            return DuckDBEngine().answer(tree, source)

    mine = Mine()
    with burgee.open("memory://", analytics=mine) as ws:
        acme = ws.tenants.create("acme")
        acme.events.append("s-1", EVENTS)
        pd.testing.assert_frame_equal(ask(acme), WANTED)
    assert mine.asked == ["acme"]


@pytest.mark.parametrize("engine", ["clikhouse", 7, object()])
def test_what_is_no_engine_is_refused_with_what_there_is(engine: object) -> None:
    with pytest.raises(InvalidInputError) as caught:
        burgee.open("memory://", analytics=engine)
    assert "clickhouse" in " ".join(caught.value.hints)


def test_a_server_has_an_engine_of_its_own() -> None:
    with pytest.raises(InvalidInputError, match="embedded"):
        burgee.open("http://127.0.0.1:9", analytics="clickhouse")


def test_clickhouse_reads_no_archive_on_s3() -> None:
    with pytest.raises(InvalidInputError, match="s3://lake"):
        burgee.open("memory://", analytics="clickhouse", settings=Settings(archive="s3://lake/x"))


def test_a_library_that_is_missing_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "chdb", None)
    with pytest.raises(MissingExtraError) as caught:
        burgee.open("memory://", analytics="clickhouse")
    assert caught.value.extra == "clickhouse"
    monkeypatch.setitem(sys.modules, "boto3", None)
    lake = Settings(archive="s3://lake/x")
    with burgee.open("memory://", settings=lake) as ws, pytest.raises(MissingExtraError) as caught:
        ws.tenants.create("acme").events.archive()
    assert caught.value.extra == "s3"


def test_the_archive_is_brought_up_to_date_in_every_mode(acme: Tenant) -> None:
    acme.events.append("s-1", EVENTS)
    done = acme.events.archive()
    assert (done.events, done.tenant) == (2, acme.id)
    acme.events.append("s-1", burgee.Event("seen"))
    again = acme.events.archive()
    assert (again.events, again.place) == (3, done.place)
    frame = again.frame()
    assert frame.columns.tolist() == ["date", "file", "events", "bytes", "first", "last"]
    assert frame["events"].sum() == 3
    assert "3 events" in repr(again)
    assert "text/html" in again._repr_mimebundle_()


def test_an_export_lands_with_the_caller_in_every_mode(acme: Tenant, tmp_path: Path) -> None:
    acme.events.append("s-1", EVENTS)
    out = acme.events.export(tmp_path / "out")
    assert out.events == 2
    whole = pd.read_parquet(tmp_path / "out")
    assert whole["tenant"].tolist() == [acme.id] * 2
    assert whole["n"].tolist() == [1.0, 2.5]
    with pytest.raises(AlreadyExistsError, match="already"):
        acme.events.export(tmp_path / "out")
    only = acme.events.query("seen").export(tmp_path / "out", overwrite=True)
    assert only.events == 1
    assert pd.read_parquet(tmp_path / "out")["type"].tolist() == ["seen"]
    with pytest.raises(InvalidInputError, match="parquet"):
        acme.events.export(tmp_path / "x", format="csv")
