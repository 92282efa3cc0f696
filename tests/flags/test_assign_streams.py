"""Relations and streams, assigned without loading them, and several flags at once."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from burgee.core.errors import InvalidInputError, MissingColumnError
from burgee.core.json import Json
from burgee.flags.evaluation.compiled import compile_flag
from burgee.flags.model import FLAGD, SHA256, FlagState, Prerequisite, Rule, Ruleset, Segment, Split
from burgee.flags.sql.assign import assign
from burgee.flags.sql.several import assign_several
from burgee.flags.sql.streams import COLUMNS, assign_any, assign_relation, assign_stream
from flags.strategies import deep_flags, evaluated, flag, tables

USERS = pa.table({"id": ["a", "b", "", None], "plan": ["pro", "free", "pro", None], "n": [1, 2, 3, None]})
BY_PLAN = flag({"new": 50, "old": 50}, ("plan", "eq", "pro"), rollout=50)


def rows(table: pa.Table) -> list[tuple[object, ...]]:
    return [tuple(row.values()) for row in table.select(list(COLUMNS)).to_pylist()]


@given(deep_flags(), tables())
@settings(max_examples=25, phases=(Phase.explicit, Phase.reuse, Phase.generate))
def test_a_relation_is_served_row_by_row_what_each_row_would_be(
    flags: tuple[FlagState, Ruleset], table: pa.Table
) -> None:
    """P19, P20, R9.1."""
    state, ruleset = flags
    with duckdb.connect() as connection:
        answer = assign_relation(state, connection.from_arrow(table), ruleset=ruleset)
        assert answer.columns == [*table.column_names, *COLUMNS]
        found = answer.select(", ".join(COLUMNS)).to_arrow_table()
    assert rows(found) == evaluated(state, table.to_pylist(), ruleset)


@given(deep_flags(), tables(), st.integers(1, 3))
@settings(max_examples=25, phases=(Phase.explicit, Phase.reuse, Phase.generate))
def test_a_stream_is_served_row_by_row_what_each_row_would_be(
    flags: tuple[FlagState, Ruleset], table: pa.Table, size: int
) -> None:
    """P19, P20, R9.1."""
    state, ruleset = flags
    reader = pa.RecordBatchReader.from_batches(table.schema, table.to_batches(max_chunksize=size))
    found = assign_stream(state, reader, ruleset=ruleset).read_all()
    assert str(found.select(table.column_names).to_pylist()) == str(table.to_pylist())  # as text, where NaN is NaN
    assert rows(found) == evaluated(state, table.to_pylist(), ruleset)


def test_a_relation_stays_lazy_and_keeps_its_columns(tmp_path: Path) -> None:
    path = tmp_path / "users.parquet"
    pq.write_table(USERS, path)
    with duckdb.connect() as connection:
        answer = assign_relation(BY_PLAN, connection.read_parquet(str(path)))
        path.unlink()
        assert answer.columns == [*USERS.column_names, *COLUMNS]
        with pytest.raises(duckdb.IOException):
            answer.fetchall()


def test_a_relation_of_hostile_columns_is_served_what_evaluate_says() -> None:
    query = """
        SELECT id, 1.10::DECIMAL(10, 2) AS price, 'a'::ENUM('a', 'b') AS kind, 1 AS burgee_key, 2 AS burgee__step,
               TIMESTAMP '2026-11-01' AS joined, DATE '2026-11-02' AS born, 0.1::FLOAT AS small, [1] AS list,
               id AS "q""q"
        FROM range(5) AS t(id)
    """
    rules = (
        ("price", "ne", 1.1), ("kind", "eq", "b"), ("burgee_key", "gt", 1), ("burgee__step", "lt", 2),
        ("joined", "after", "2026-11-01"), ("born", "before", "2026-11-02"), ("small", "eq", 0.1), ("list", "eq", 1),
        ('q"q', "eq", 4),
    )  # fmt: skip
    with duckdb.connect() as connection:
        answer = assign_relation(flag({"a": 50, "b": 50}, *rules), connection.sql(query)).to_arrow_table()
    contexts = [
        {
            "id": n,
            "price": Decimal("1.10"),
            "kind": "a",
            "burgee_key": 1,
            "burgee__step": 2,
            "joined": datetime(2026, 11, 1, tzinfo=UTC),
            "born": date(2026, 11, 2),
            "small": 0.10000000149011612,
            "list": [1],
            'q"q': n,
        }
        for n in range(5)
    ]
    assert rows(answer) == evaluated(flag({"a": 50, "b": 50}, *rules), contexts)
    assert {row[3] for row in rows(answer)} == {None, "r8"}


@pytest.mark.parametrize("make", [ds.dataset, lambda path: ds.dataset(path).scanner()])
def test_a_dataset_and_a_scanner_are_read_as_streams(make: object, tmp_path: Path) -> None:
    path = tmp_path / "users.parquet"
    pq.write_table(USERS, path)
    found = assign_any(BY_PLAN, make(path))  # type: ignore[operator] # a parameter
    assert isinstance(found, pa.RecordBatchReader)
    assert rows(found.read_all()) == evaluated(BY_PLAN, USERS.to_pylist())


def test_a_stream_is_read_only_as_far_as_it_is_asked_for() -> None:
    """Bounded memory: of ten large batches, two are read for the first of the answer."""
    read = []

    def batches() -> Iterator[pa.RecordBatch]:
        for number in range(10):
            read.append(number)
            yield pa.record_batch({"id": pa.array(range(400_000))})

    answer = assign_stream(flag(), pa.RecordBatchReader.from_batches(pa.schema({"id": pa.int64()}), batches()))
    assert read == []
    first = answer.read_next_batch()
    assert first.num_rows > 0
    assert read == [0, 1]
    assert sum(batch.num_rows for batch in answer) + first.num_rows == 4_000_000


@pytest.mark.parametrize(
    ("values", "type"),
    [
        ({"a": True, "b": False}, "BOOLEAN"),
        ({"a": 1, "b": -(2**63)}, "BIGINT"),
        ({"a": 1, "b": 0.1}, "DOUBLE"),
        ({"a": "x", "b": "ü'"}, "VARCHAR"),
        ({"a": None, "b": {"ü": [1, "x"]}}, "VARCHAR"),
        ({"a": 2**80, "b": True}, "VARCHAR"),
    ],
)
def test_values_are_of_the_type_they_are_all_of_else_json(values: dict[str, Json], type: str) -> None:
    state = flag({"a": 50, "b": 50}, values=values)
    with duckdb.connect() as connection:
        relation = assign_relation(state, connection.from_arrow(USERS))
        assert str(relation.types[relation.columns.index("value")]) == type
        of_relation = relation.to_arrow_table()
    of_stream = assign_stream(state, USERS.to_reader()).read_all()
    assert of_stream["value"].to_pylist() == of_relation["value"].to_pylist()
    plain = all(isinstance(value, str) for value in values.values()) or type != "VARCHAR"
    served = [row[1] for row in evaluated(state, USERS.to_pylist())]
    assert of_stream["value"].to_pylist() == [one if plain else json.dumps(one, ensure_ascii=False) for one in served]


def test_what_cannot_be_assigned_is_said_before_anything_is_read() -> None:
    with duckdb.connect() as connection:
        for give in (connection.from_arrow, pa.Table.to_reader):
            with pytest.raises(MissingColumnError, match="plan"):
                assign_any(BY_PLAN, give(USERS.drop_columns(["plan"])))
            with pytest.raises(InvalidInputError, match="'reason' already"):
                assign_any(BY_PLAN, give(USERS.append_column("reason", USERS["n"])))
            with pytest.raises(InvalidInputError, match="can't hold targeting keys"):
                assign_any(BY_PLAN, give(USERS.set_column(0, "id", pa.array([True] * 4))))


def test_a_split_as_flagds_goes_row_by_row_and_is_refused_of_a_relation() -> None:
    split = Split((("a", 50.0), ("b", 50.0)), scheme=FLAGD)
    state = FlagState("f", flag({"a": 50, "b": 50}).variants, "a", enabled=True, rules=(Rule("r", (), split=split),))
    with duckdb.connect() as connection, pytest.raises(InvalidInputError, match="flagd"):
        assign_relation(state, connection.from_arrow(USERS))
    expected = evaluated(state, USERS.to_pylist())
    assert rows(assign_stream(state, USERS.to_reader()).read_all()) == expected
    assert assign(state, USERS)["variant"].tolist() == [row[0] for row in expected]


def test_a_split_by_a_column_that_holds_no_keys_is_an_error() -> None:
    split = Split((("a", 50.0), ("b", 50.0)), by="vip", scheme=SHA256)
    state = FlagState("f", flag({"a": 50, "b": 50}).variants, "a", enabled=True, rules=(Rule("r", (), split=split),))
    with pytest.raises(InvalidInputError, match="'vip' can't hold targeting keys"):
        assign(state, pa.table({"id": ["a"], "vip": [True]}))


def test_a_large_segment_serves_whom_it_names_and_keeps_the_order() -> None:
    ids = frozenset(map(str, range(0, 100_000, 2)))
    ruleset = Ruleset(segments={"even": Segment("even", ids=ids, without=frozenset({"4"}))})
    state = flag({"a": 0, "b": 100}, ("id", "in_segment", ["even"]))
    frame = pa.table({"id": pa.array(range(200_000))})
    variant = assign(state, frame, ruleset=ruleset)["variant"].tolist()
    assert variant == ["a" if n % 2 == 0 and n < 100_000 and n != 4 else "b" for n in range(200_000)]


def test_several_flags_give_a_column_each() -> None:
    index = pd.Index(["w", "x", "y", "z"], name="who")
    frame = USERS.to_pandas().set_index(index)
    needing = flag({"on": 100})
    states = [
        BY_PLAN,
        FlagState("second", needing.variants, "on", enabled=True, prerequisites=(Prerequisite("g", ("on",)),)),
    ]
    answer = assign_several(states, frame)
    pd.testing.assert_index_equal(answer.index, index)
    assert list(answer.columns) == ["checkout", "second"]
    for state in states:
        ask = compile_flag(state).evaluate
        assert answer[state.key].tolist() == [ask(row).variant for row in USERS.to_pylist()]
        assert answer[state.key].dtype == "category"


def test_several_flags_say_which_of_them_can_not_be_assigned() -> None:
    with pytest.raises(MissingColumnError) as raised:
        assign_several(
            [
                flag({"a": 100}),
            ],
            pa.table({"n": [1]}),
        )
    assert any("checkout" in note for note in raised.value.__notes__)
    with pytest.raises(InvalidInputError, match="twice"):
        assign_several([BY_PLAN, BY_PLAN], USERS)
    assert assign_several([], USERS).shape == (4, 0)
