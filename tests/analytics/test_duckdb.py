"""The engine: several callers at once, none in another's sight, nothing outside in reach, stopped when told to."""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import duckdb
import pyarrow as pa
import pytest

from burgee.analytics.duckdb import DuckDBEngine
from burgee.core.errors import BurgeeError, InvalidInputError

ENGINE = DuckDBEngine()
ONE = {"events": pa.table({"x": [1, 2, 3]})}
FOR_AGES = "select count(*) from range(3000000) a, range(3000000) b where a.range * b.range % 7 = 3"


def test_an_answer_is_an_arrow_table_with_times_in_utc() -> None:
    events = {"events": pa.table({"at": pa.array([0], pa.timestamp("us", "Europe/Berlin"))})}
    table = ENGINE.run(
        "select at_utc, current_setting('TimeZone') as zone from (select \"at\" as at_utc from events)", events
    )
    assert table["at_utc"].type == pa.timestamp("us", "UTC")
    assert table["zone"].to_pylist() == ["UTC"]


def test_parameters_take_the_places_of_question_marks() -> None:
    assert ENGINE.run("select ? as a, x from events where x > ?", ONE, ["'", 2]).to_pylist() == [{"a": "'", "x": 3}]


def test_many_threads_each_see_their_own_tables() -> None:
    def ask(n: int) -> bool:
        events = {"events": pa.table({"x": [n] * 1000})}
        return bool(ENGINE.run("select sum(x)::bigint as s from events", events)["s"].to_pylist() == [n * 1000])

    with ThreadPoolExecutor(6) as pool:
        assert all(pool.map(ask, range(60)))


def test_a_table_is_gone_when_its_query_is_done() -> None:
    ENGINE.run("select 1", {"mine": pa.table({"x": [1]})})
    with pytest.raises(InvalidInputError, match="mine"):
        ENGINE.run("select * from mine", {})


@pytest.mark.parametrize(
    "sql",
    [
        "create table t as select 1",
        "select 1; select 2",
        "insert into events values (1)",
        "copy (select 1) to 'x.csv'",
        "set threads = 1",
        "set timezone = 'Asia/Tokyo'",
        "attach 'x.db'",
        "install httpfs",
        "load httpfs",
        "pragma database_size",
        "",
    ],
)
def test_a_query_that_is_no_single_select_is_refused(sql: str) -> None:
    with pytest.raises(InvalidInputError, match="one SELECT"):
        ENGINE.run(sql, ONE)


@pytest.mark.parametrize(
    "sql",
    [
        "select * from read_csv('/etc/hosts')",
        "select * from read_text('/etc/hosts')",
        "select * from '/etc/hosts'",
        "select * from glob('/*')",
        "select * from read_parquet('https://127.0.0.1:1/x.parquet')",
        "select * from sniff_csv('/etc/hosts')",
        "select * from ONE",
        "select * from pa",
    ],
)
def test_files_networks_and_python_variables_are_out_of_reach(sql: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        ENGINE.run(sql, ONE)
    assert "nothing else: 'events'" in caught.value.hints[-1]


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("selec x from events", "selec"),
        ("select y from events", "y"),
        ("select * from evnts", "evnts"),
        ("select cast('abc' as int) from events", "abc"),
    ],
)
def test_what_duckdb_cannot_run_is_a_typed_error_that_names_it(sql: str, said: str) -> None:
    with pytest.raises(InvalidInputError, match=said) as caught:
        ENGINE.run(sql, ONE)
    assert isinstance(caught.value.__cause__, duckdb.Error)


def test_a_failure_in_duckdb_itself_is_told_and_the_next_query_runs() -> None:
    deep = "[" * 500 + "]" * 500
    engine = DuckDBEngine()
    with pytest.raises(BurgeeError):
        engine.run("select json_structure(j::json) from t", {"t": pa.table({"j": [deep]})})
    assert engine.run("select 1 as x", {}).to_pylist() == [{"x": 1}]


def test_stop_ends_a_query_and_the_engine_goes_on() -> None:
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        ENGINE.run(FOR_AGES, {})
    assert ENGINE.run("select x from events", ONE)["x"].to_pylist() == [1, 2, 3]


def test_stop_is_heard_also_when_another_thread_takes_the_signal() -> None:
    def take() -> None:
        time.sleep(0.5)
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)

    threading.Thread(target=take).start()
    with pytest.raises(KeyboardInterrupt):
        ENGINE.run(FOR_AGES, {})
    assert ENGINE.run("select x from events", ONE)["x"].to_pylist() == [1, 2, 3]


def test_interrupt_ends_queries_of_other_threads() -> None:
    engine = DuckDBEngine()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(engine.run, FOR_AGES, {})
        while not running.done():  # the query may not have begun yet
            engine.interrupt()
            time.sleep(0.01)
        with pytest.raises(BurgeeError, match="stopped"):
            running.result()
    assert engine.run("select 1 as x", {}).to_pylist() == [{"x": 1}]


def test_a_closed_engine_opens_again_when_asked() -> None:
    engine = DuckDBEngine()
    engine.run("select 1", {})
    engine.close()
    engine.close()
    assert engine.run("select 2 as x", {}).to_pylist() == [{"x": 2}]


def test_a_forked_child_asks_and_ends_like_its_parent() -> None:
    script = """
import os
from burgee.analytics.duckdb import DuckDBEngine
engine = DuckDBEngine()
sql = "select sum(range)::bigint as s from range(1000000)"
engine.run(sql, {})
child = os.fork()
answer = engine.run(sql, {})["s"].to_pylist()
if child:
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
assert answer == [499999500000]
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", script], check=True, timeout=120)
