"""Typed frames, SQL and types as people ask for them, in all modes."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pytest

import burgee
from burgee import InvalidInputError
from burgee.analytics import mirror
from burgee.workspace import Tenant, Workspace

DAY = datetime(2026, 1, 2, tzinfo=UTC)


def fill(tenant: Tenant) -> None:
    tenant.events.append(
        "order-1", [burgee.Event("order.placed", {"total": 10, "who": "ann", "tags": ["a"]}, occurred_at=DAY)]
    )
    tenant.events.append(
        "order-2", [burgee.Event("order.placed", {"total": 30, "who": "bob", "vip": True}, {"by": "x"})]
    )
    tenant.events.append("order-1", [burgee.Event("order.paid", {"total": 10.5, "who": 7}, schema_version=2)])


def test_a_frame_has_the_fields_of_its_types_in_their_kinds(acme: Tenant) -> None:
    fill(acme)
    placed = acme.events.query("order.placed").frame()
    standard = ["position", "stream", "version", "id", "type", "occurred_at", "recorded_at"]
    assert list(placed.columns) == [*standard, "tags", "total", "vip", "who", "metadata"]
    assert placed["total"].tolist() == [10, 30]
    assert str(placed["total"].dtype) == "int64"
    assert placed["who"].tolist() == ["ann", "bob"]
    assert placed["tags"].tolist() == [["a"], None]
    assert placed["metadata"].tolist() == [{}, {"by": "x"}]
    everything = acme.events.query().frame()
    assert everything["total"].tolist() == [10.0, 30.0, 10.5]
    assert everything["who"].tolist() == ["ann", "bob", "7"]
    assert list(acme.events.query(stream="nobody").frame().columns) == [*standard, "metadata"]


def test_a_frame_may_be_backed_by_arrow(acme: Tenant) -> None:
    fill(acme)
    found = acme.events.query("order.placed").frame(arrow=True)
    assert all(isinstance(dtype, pd.ArrowDtype) for dtype in found.dtypes)
    assert found["vip"].isna().tolist() == [True, False]
    assert found["total"].sum() == 40
    assert found["metadata"].tolist() == ["{}", '{"by":"x"}']


def test_a_query_chooses_what_the_log_would_choose(acme: Tenant) -> None:
    fill(acme)
    queries = [
        acme.events.query("order.p*"),
        acme.events.query(["order.paid", "x"]),
        acme.events.query(stream="order-1"),
        acme.events.query(category="order", limit=2),
        acme.events.query(since="2026-01-03"),
        acme.events.query(until="2026-01-03"),
        acme.events.query(metadata={"by": "x"}),
        acme.events.query(as_of="2026-01-03"),
        acme.events.query(own=True),
    ]
    for query in queries:
        assert query.frame()["id"].tolist() == [event.id for event in query.list()][: query.count()], query


def test_own_events_are_asked_for_by_their_stream_as_well(acme: Tenant) -> None:
    fill(acme)
    acme.flags.create("checkout")
    streams = set(acme.events.query(own=True).frame()["stream"])
    (own,) = [stream for stream in streams if stream.startswith("$")]
    assert set(acme.events.query(stream=own).frame()["stream"]) == {own}
    assert len(acme.events.query().frame()) == 3


def test_sql_sees_all_events_and_each_type_by_itself(acme: Tenant) -> None:
    fill(acme)
    sql = acme.events.sql
    counted = sql("select type, count(*) as n from events group by 1 order by 1")
    assert counted.frame().to_dict("list") == {"type": ["order.paid", "order.placed"], "n": [1, 2]}
    assert isinstance(counted.arrow(), pa.Table)
    assert "select type" in repr(counted)
    for table in ('"order.placed"', "order_placed", "ORDER_PLACED"):
        found = sql(f"select sum(total)::int as total, max(who) as who from {table}").frame()
        assert found.to_dict("list") == {"total": [40], "who": ["bob"]}
    typed = sql('select total, who from "order.paid"').arrow()
    assert typed.to_pylist() == [{"total": 10.5, "who": 7}]
    assert "vip" not in sql('select * from "order.paid"').frame().columns
    assert sql("select data->>'$.who' as who from events order by position").frame()["who"].tolist() == [
        "ann",
        "bob",
        "7",
    ]
    joined = "select count(*)::int as n from order_placed a join order_paid b using (stream)"
    assert sql(joined).frame()["n"].tolist() == [1]


def test_sql_as_of_a_time_sees_what_was_recorded_by_then(acme: Tenant) -> None:
    fill(acme)
    recorded = acme.events.query().frame()["recorded_at"]
    for place, at in enumerate(recorded):
        known = int((recorded <= at).sum())
        found = acme.events.sql("select count(*)::int as n from events", as_of=at.to_pydatetime()).frame()["n"][0]
        assert found == known, place
    assert len(acme.events.sql("select * from order_paid", as_of="2026-01-01").frame()) == 0


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("select * from evnts", '"events", "order.paid", "order.placed", "order_paid", "order_placed"'),
        ("select totl from events", '"total"'),
        ("select * from order.placed", '"order.placed"'),
        ("delete from events", "one SELECT"),
        ("select 1; select 2", "one SELECT"),
        ("", "text"),
    ],
)
def test_what_sql_cannot_be_run_is_told_with_what_there_is(acme: Tenant, statement: str, said: str) -> None:
    fill(acme)
    with pytest.raises(InvalidInputError) as caught:
        acme.events.sql(statement).frame()
    assert said in "\n".join([str(caught.value), *caught.value.hints])


def test_types_tell_what_there_is(acme: Tenant) -> None:
    fill(acme)
    found = acme.events.types().frame().set_index("type")
    assert list(found.columns) == ["count", "first", "last", "versions", "fields", "conflicts"]
    assert found["count"].to_dict() == {"order.paid": 1, "order.placed": 2}
    assert found["first"]["order.placed"] == DAY
    assert list(found["versions"]["order.paid"]) == [2]
    assert found["fields"]["order.placed"] == {"tags": "list", "total": "int", "vip": "bool", "who": "text"}
    assert list(found["conflicts"]["order.paid"]) == ["who"]
    assert [info.type for info in acme.events.types()] == ["order.paid", "order.placed"]


@pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")  # Ibis calls it by its older name
def test_a_relation_and_an_ibis_table_are_the_events_to_go_on_with(acme: Tenant) -> None:
    fill(acme)
    query = acme.events.query("order.placed")
    connection = duckdb.connect()
    assert query.relation(connection).filter("total > 10").project("who").fetchall() == [("bob",)]
    connection.close()
    assert query.relation().aggregate("sum(total)").fetchall() == [(40,)]
    table = pytest.importorskip("ibis") and query.ibis()
    assert table.total.sum().to_pyarrow().as_py() == 40


def test_sql_of_one_tenant_reaches_no_file_but_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirror, "WRITE_ROWS", 1)
    place = tmp_path / "work [1] *"
    with burgee.open(str(place)) as ws:
        ours, near, other = (ws.tenants.create(name) for name in ("acme", "acme2", "other"))
        for tenant in (ours, near, other):
            tenant.events.append("s-1", burgee.Event("t", {"secret": tenant.state.id}))
            assert tenant.events.sql("select secret from events").frame()["secret"].tolist() == [tenant.state.id]
        folder = place / "mirror"
        parts = {name: next((folder / name).glob("part-*")) for name in ("acme", "acme2", "other")}
        out_of_reach = [
            parts["other"],
            parts["acme2"],
            folder / "acme" / ".." / "other" / parts["other"].name,
            folder / "*" / "part-*",
            folder / "acme*" / "part-*",
            folder / "acme2" / "part-*",
            place / "burgee.sqlite3",
            Path("/etc/hosts"),
        ]
        for path in out_of_reach:
            for function in ("read_parquet", "read_text", "read_blob", "glob", "read_csv", "parquet_metadata"):
                literal = str(path).replace("'", "''")
                with pytest.raises(InvalidInputError):
                    ours.events.sql(f"select * from {function}('{literal}')").frame()
            with pytest.raises(InvalidInputError):
                ours.events.sql(f'select * from "{path}"').frame()
        for name, statement in {
            "settings": "select * from events where (select count(*) from read_parquet('x.parquet')) > 0",
            "variables": "select * from ours",
        }.items():
            with pytest.raises(InvalidInputError):
                ours.events.sql(statement).frame()
            assert name


def test_a_folder_like_a_pattern_and_one_given_relatively_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirror, "WRITE_ROWS", 1)
    monkeypatch.chdir(tmp_path)
    with burgee.open("it's [a-z]*?") as ws:
        acme = ws.tenants.create("acme")
        fill(acme)
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        assert acme.events.sql("select count(*)::int as n from events").frame()["n"].tolist() == [3]
        assert acme.events.query("order.placed").frame()["total"].tolist() == [10, 30]
        assert list((tmp_path / "it's [a-z]*?" / "mirror" / "acme").glob("part-*"))


def test_tenants_are_apart_in_frames_sql_and_types(ws: Workspace) -> None:
    name = f"apart-{id(ws)}"
    one, two = ws.tenants.create(f"{name}-1"), ws.tenants.create(f"{name}-2")
    one.events.append("s", burgee.Event("mine", {"mine": 1}))
    two.events.append("s", burgee.Event("yours", {"yours": 2}))
    assert one.events.types().frame()["type"].tolist() == ["mine"]
    assert two.events.query().frame()["yours"].tolist() == [2]
    with pytest.raises(InvalidInputError):
        one.events.sql("select * from yours").frame()


@pytest.mark.parametrize("library", ["pyarrow", "duckdb"])
def test_without_a_library_the_error_names_it_and_what_to_install(tmp_path: Path, library: str) -> None:
    script = f"""
import sys
sys.modules[{library!r}] = None
import burgee
try:
    burgee.open({str(tmp_path)!r})
except burgee.MissingExtraError as error:
    print(error, *error.hints)
"""
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert library in found.stdout
    assert "pip install" in found.stdout


def test_without_ibis_the_error_names_its_extra(acme: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ibis", None)
    with pytest.raises(burgee.MissingExtraError, match="'ibis'"):
        acme.events.query().ibis()
