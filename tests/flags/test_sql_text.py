"""A flag as the text of a SELECT: what it says in each dialect, and what it refuses to say."""

from collections.abc import Mapping
from datetime import UTC, datetime

import duckdb
import pandas as pd
import pyarrow as pa
import pytest
import sqlglot

from burgee.analytics.dialects import DIALECTS
from burgee.core.errors import InvalidInputError, MissingColumnError
from burgee.flags.changing.rules import make_condition
from burgee.flags.evaluation.compiled import compile_flag
from burgee.flags.model import FLAGD, SHA256, FlagState, Group, Prerequisite, Rule, Ruleset, Schedule, Split
from burgee.flags.sql.text import select_of
from flags.strategies import flag

OTHER = flag({"a": 50, "b": 50}, salt="other")
SPLIT = Split((("a", 30.0), ("b", 70.0)), by="company", scheme=SHA256)
STATE = FlagState(
    "f",
    OTHER.variants,
    "a",
    enabled=True,
    rollout=20,
    salt="f",
    overrides={"it's": "b", "back\\slash": "a"},
    prerequisites=(Prerequisite("checkout", ("a",)),),
    rules=(
        Rule("r", (Group("not", (make_condition("country", "ends_with", "ü"),)),), split=SPLIT),
        Rule(
            "s", (make_condition("age", "gte", 2**63), make_condition("joined", "after", "2026-11-01")), "a", percent=40
        ),
    ),
)
RULESET = Ruleset({"checkout": OTHER})
BUCKETS: Mapping[str, str] = {
    # https://duckdb.org/docs/stable/sql/functions/text: md5 and sha256 give hexadecimal text; '0x…' is a number's text
    "duckdb": "CAST('0x' || LEFT(MD5('f-' || \"burgee_key\"), 8) AS UINTEGER)",
    # https://www.postgresql.org/docs/current/functions-binarystring.html; bit(32) to bigint has no sign
    "postgres": "CAST(CAST('x' || SUBSTR(MD5(CONVERT_TO('f-' || \"burgee_key\", 'UTF8')), 1, 8) AS BIT(32)) AS BIGINT)",
    # https://spark.apache.org/docs/latest/api/sql/: conv(num, from_base, to_base)
    "spark": "CAST(CONV(SUBSTR(MD5('f-' || `burgee_key`), 1, 8), 16, 10) AS BIGINT)",
    # https://clickhouse.com/docs/sql-reference/functions/hash-functions: MD5 gives bytes, read with the lowest first
    "clickhouse": "reinterpretAsUInt32(reverse(substring(MD5('f-' || \"burgee_key\"), 1, 4)))",
    # https://cloud.google.com/bigquery/docs/reference/standard-sql/conversion_functions: '0x…' casts to INT64
    "bigquery": "CAST(CONCAT('0x', SUBSTR(TO_HEX(MD5('f-' || `burgee_key`)), 1, 8)) AS INT64)",
    # https://docs.snowflake.com/en/sql-reference/sql-format-models: X is a hexadecimal digit; MD5 gives lower ones
    "snowflake": "TO_NUMBER(SUBSTR(MD5('f-' || \"BURGEE_KEY\"), 1, 8), 'XXXXXXXX')",
    # https://trino.io/docs/current/functions/binary.html: md5 of varbinary; from_base(text, radix) gives a bigint
    "trino": "FROM_BASE(SUBSTR(TO_HEX(MD5(TO_UTF8('f-' || \"burgee_key\"))), 1, 8), 16)",
}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_text_is_one_select_that_the_dialect_can_read(dialect: str) -> None:
    text = select_of(compile_flag(STATE, RULESET), dialect, "crm.users")
    (tree,) = sqlglot.parse(text, dialect=dialect)
    assert isinstance(tree, sqlglot.exp.Select)
    assert [name.casefold() for name in tree.named_selects[-2:]] == ["variant", "reason"]
    tables = {(table.db, table.name) for table in tree.find_all(sqlglot.exp.Table)}
    assert ("crm", "users") in tables


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_bucket_is_the_first_four_bytes_of_the_digest_in_every_dialect(dialect: str) -> None:
    text = " ".join(select_of(compile_flag(STATE, RULESET), dialect, "users").split())
    assert BUCKETS[dialect] in text
    assert "858993459" in text  # 20 % of 2**32
    assert "SHA2" in text


def test_names_in_small_letters_are_snowflakes_capitals_and_others_are_kept() -> None:
    state = flag(None, ("country", "eq", "DE"), ("Sign Up", "eq", "x"))
    text = select_of(compile_flag(state), "snowflake", "users")
    assert '"COUNTRY"' in text
    assert '"Sign Up"' in text


def test_numbers_beyond_64_bits_are_decimals_where_literals_end_there() -> None:
    compiled = compile_flag(flag(None, ("n", "lt", 2**63 + 1)))
    for dialect in ("bigquery", "trino"):
        assert str(2**63 + 1) in select_of(compiled, dialect, "users", columns={"n": "whole"})
        assert f"< {2**63 + 1}" not in select_of(compiled, dialect, "users", columns={"n": "whole"})


def test_schedules_stand_in_the_text_as_they_are_at_the_moment() -> None:
    noon = datetime(2026, 11, 1, 12, tzinfo=UTC)
    state = FlagState("f", OTHER.variants, "a", enabled=True, schedule=Schedule(noon))
    before = select_of(compile_flag(state, now=datetime(2026, 11, 1, tzinfo=UTC)), "duckdb", "users")
    after = select_of(compile_flag(state, now=noon), "duckdb", "users")
    assert "'DISABLED'" in before
    assert "'DISABLED'" not in after


def test_what_columns_hold_is_told_taken_from_a_frame_or_inferred() -> None:
    state = flag({"a": 50, "b": 50}, ("age", "gt", 5), ("vip", "eq", True), ("joined", "before", "2026-11-01"))
    users = pd.DataFrame(
        {"id": [1, 2], "age": [4, 6], "vip": [True, False], "joined": pd.to_datetime(["2026-10-01", "2026-12-01"])}
    )
    kinds = {"id": "whole", "age": "whole", "vip": "boolean", "joined": "time"}
    compiled = compile_flag(state)
    texts = [
        select_of(compiled, "duckdb", "users"),
        select_of(compiled, "duckdb", "users", columns=kinds),
        select_of(compiled, "duckdb", "users", like=users),
        select_of(compiled, "duckdb", "users", columns={"age": "fraction"}, like=users),
    ]
    expected = [
        compiled.evaluate({str(name): value for name, value in row.items()}).variant for row in users.to_dict("records")
    ]
    with duckdb.connect() as connection:
        connection.register("users", users)
        for text in texts:
            answer = connection.sql(text)
            assert answer.columns == ["id", "age", "vip", "joined", "variant", "reason"]
            assert [row[4] for row in answer.fetchall()] == expected
    assert texts[1] == texts[2]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"dialect": "oracle"}, "no dialect 'oracle'"),
        ({"dialect": None}, "no dialect None"),
        ({"table": "users; DROP TABLE users"}, "no name of a table"),
        ({"table": "(SELECT 1)"}, "no name of a table"),
        ({"columns": {"country": "txt"}}, "can't hold 'txt'"),
        ({"columns": {"country": None}}, "can't hold None"),
        ({"columns": {"id": "boolean"}}, "can't hold targeting keys"),
        ({"like": pd.DataFrame({"id": [1, 2], "country": ["DE", 1]})}, "mixes kinds"),
        ({"like": 5}, "a frame is needed"),
    ],
)
def test_what_can_not_be_said_is_an_error_that_names_it(change: dict[str, object], says: str) -> None:
    given = {"dialect": "postgres", "table": "users", **change}
    with pytest.raises(InvalidInputError, match=says):
        select_of(compile_flag(flag(None, ("country", "eq", "DE"))), **given)  # type: ignore[arg-type] # on purpose


def test_a_column_compared_with_several_kinds_has_to_be_told() -> None:
    compiled = compile_flag(flag(None, ("a", "in", ["x", 1])))
    with pytest.raises(InvalidInputError, match="several kinds") as raised:
        select_of(compiled, "duckdb", "users")
    assert "columns=" in str(raised.value.__notes__)
    assert select_of(compiled, "duckdb", "users", columns={"a": "text"})


def test_a_sample_that_lacks_a_column_is_an_error() -> None:
    with pytest.raises(MissingColumnError, match="country"):
        select_of(compile_flag(flag(None, ("country", "eq", "DE"))), "duckdb", "users", like=pa.table({"id": [1]}))


def test_a_split_as_flagds_and_a_nul_for_postgres_can_not_be_said() -> None:
    split = FlagState(
        "f", OTHER.variants, "a", enabled=True, rules=(Rule("r", (), split=Split((("a", 100.0),), scheme=FLAGD)),)
    )
    with pytest.raises(InvalidInputError, match="flagd"):
        select_of(compile_flag(split), "duckdb", "users")
    with pytest.raises(InvalidInputError, match="NUL"):
        select_of(compile_flag(flag(None, ("a", "eq", "\0"))), "postgres", "users")
