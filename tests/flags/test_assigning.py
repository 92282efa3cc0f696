"""The verbs `assign` and `sql` of a flag and of all flags, embedded and over HTTP."""

import duckdb
import pandas as pd
import pyarrow as pa
import pytest

from burgee.core.errors import InvalidInputError, MissingColumnError, NotFoundError
from burgee.workspace import Tenant

USERS = pd.DataFrame({"id": [f"u{n}" for n in range(50)], "plan": ["pro", None] * 25})


def test_a_flag_that_requires_another_is_assigned_and_said_as_it_is_evaluated(acme: Tenant) -> None:
    acme.flags.create("first", enabled=True, rollout=50)
    flag = acme.flags.create("second", {"a": 50, "b": 50}, enabled=True).require("first", "on")
    flag = flag.target("plan", "eq", "pro", serve="b")
    expected = [flag.evaluate({str(name): value for name, value in row.items()}) for row in USERS.to_dict("records")]
    served = [(one.variant, one.reason.value) for one in expected]
    assert {reason for _, reason in served} == {"DEFAULT", "TARGETING_MATCH", "SPLIT"}
    frame = flag.assign(USERS)
    assert list(zip(frame["variant"], frame["reason"], strict=True)) == served
    with duckdb.connect() as connection:
        connection.register("users", USERS)
        answer = connection.sql(flag.sql("duckdb", table="users"))
        assert answer.columns == ["id", "plan", "variant", "reason"]
        assert answer.select("variant, reason").fetchall() == served
        relation = flag.assign(connection.table("users"))
        assert relation.select("variant, reason").fetchall() == served
    reader = flag.assign(pa.Table.from_pandas(USERS).to_reader())
    assert reader.read_all()["variant"].to_pylist() == [variant for variant, _ in served]


def test_all_flags_are_assigned_to_a_frame_a_column_each(acme: Tenant) -> None:
    on = acme.flags.create("on", enabled=True, rollout=50)
    acme.flags.create("off")
    acme.flags.create("gone").archive()
    everything = acme.flags.assign(USERS)
    assert list(everything.columns) == ["off", "on"]
    assert everything["on"].tolist() == on.assign(USERS)["variant"].tolist()
    assert list(acme.flags.assign(USERS, flags=[on, "gone"]).columns) == ["on", "gone"]
    with pytest.raises(NotFoundError, match="of"):
        acme.flags.assign(USERS, flags=["of"])
    with pytest.raises(InvalidInputError, match="list"):
        acme.flags.assign(USERS, flags="on")
    with pytest.raises(InvalidInputError, match="flag's key"):
        acme.flags.assign(USERS, flags=[None])  # type: ignore[list-item] # on purpose
    with pytest.raises(MissingColumnError, match="user"):
        acme.flags.assign(USERS, by="user")
