import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from burgee.flags.evaluation.compiled import compile_flag
from burgee.flags.model import FlagState, Operator, Reason
from burgee.flags.operators import SEGMENT, TIME, VERSION
from flags.strategies import bucket_of, flag, flag_states


def meets(op: str, value: object, seen: object) -> bool:
    """Whether an attribute meets a condition, asked of a flag that nobody else is served `on` by."""
    compiled = compile_flag(flag(None, ("a", op, value), rollout=0))
    return compiled.evaluate({"id": "u", "a": seen}).reason is Reason.TARGETING_MATCH


# Ids


@pytest.mark.parametrize("same", [5, 5.0, np.int64(5), np.uint8(5), np.float64(5), np.str_("5")])
def test_a_whole_number_is_the_id_of_its_digits_however_it_is_held(same: object) -> None:
    """P20: an id that pandas turned into a float falls into no other bucket."""
    compiled = compile_flag(flag({"a": 50, "b": 50}, rollout=50))
    assert compiled.bucket(same) == compiled.bucket("5") == bucket_of("checkout", "5")
    assert compiled.evaluate({"id": same}) is compiled.evaluate({"id": "5"})


def test_a_uuid_is_the_id_of_its_text() -> None:
    id = uuid.UUID("01234567-89ab-cdef-0123-456789abcdef")
    assert compile_flag(flag()).bucket(id) == bucket_of("checkout", str(id))


def test_whole_numbers_keep_all_their_digits() -> None:
    bucket = compile_flag(flag()).bucket
    assert bucket(2**64 + 1) == bucket_of("checkout", "18446744073709551617")
    assert bucket(-0.0) == bucket("0")
    assert bucket(2.0**53 - 1) == bucket("9007199254740991")


@pytest.mark.parametrize("missing", [None, "", float("nan"), np.float64("nan"), pd.NA, pd.NaT, np.str_("")])
def test_a_missing_id_is_told(missing: object) -> None:
    compiled = compile_flag(flag())
    served = compiled.evaluate({"id": missing})
    assert (served.variant, served.value, served.reason) == ("off", False, Reason.ERROR)
    assert served.error == "no targeting key 'id' in the context, and no rule matched without it"
    assert compiled.evaluate({}) == served
    assert compiled.bucket(missing) is None


@pytest.mark.parametrize(
    ("id", "says"),
    [
        (True, "not bool"),
        (np.bool_(False), "not bool"),
        (1.5, "not 1.5"),
        (float("inf"), "not inf"),
        (2.0**53, "not 9007199254740992.0"),
        (np.float32(5), "not float32"),
        (Decimal(5), "not Decimal"),
        (b"u", "not bytes"),
        (["u"], "not list"),
        (("u",), "not tuple"),
        ({"u": 1}, "not dict"),
        (np.array(["u", "v"]), "not ndarray"),
        (datetime(2026, 11, 1, tzinfo=UTC), "not datetime"),
        (object(), "not object"),
        ("\ud800", "half a character"),
        (10**5000, "the context can't be read"),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("state", [flag(), flag(rollout=50), flag({"a": 50, "b": 50})], ids=["all", "half", "split"])
def test_an_id_of_an_impossible_type_is_told(id: object, says: str, state: FlagState) -> None:
    compiled = compile_flag(state)
    served = compiled.evaluate({"id": id})
    assert (served.variant, served.reason, served.rule) == (state.default, Reason.ERROR, None)
    assert says in str(served.error)
    assert compiled.bucket(id) is compiled.variant_bucket(id) is None


class Broken:
    def get(self, name: str) -> object:
        raise OSError(f"no {name} today")


@pytest.mark.parametrize(
    ("context", "says"),
    [
        (None, "the context is a mapping of attributes, not NoneType"),
        ([], "not list"),
        ("user-1", "not str"),
        (5, "not int"),
        (Broken(), "the context can't be read: OSError: no id today"),
    ],
)
def test_a_context_that_is_none_is_answered_with_the_default_and_the_cause(
    context: Mapping[str, object], says: str
) -> None:
    served = compile_flag(flag()).evaluate(context)
    assert (served.value, served.reason) == (False, Reason.ERROR)
    assert says in str(served.error)


@given(flag_states(), st.dictionaries(st.text(max_size=3) | st.just("id"), st.from_type(type).flatmap(st.from_type)))
def test_evaluation_never_raises(state: FlagState, context: dict[str, object]) -> None:
    """R9.1: whatever is in the context."""
    served = compile_flag(state).evaluate(context)
    assert served.flag == state.key
    assert (served.error is not None) == (served.reason is Reason.ERROR)


def test_a_row_of_a_frame_is_a_context() -> None:
    row = pd.DataFrame({"id": [7], "plan": ["pro"]}).iloc[0]
    assert (
        compile_flag(flag(None, ("plan", "eq", "pro")))
        .evaluate({str(name): value for name, value in row.items()})
        .reason
        is Reason.TARGETING_MATCH
    )


# Conditions


@pytest.mark.parametrize(
    ("op", "value", "yes", "no"),
    [
        ("eq", "DE", ["DE", np.str_("DE")], ["de", "D", "DEU", 1, True]),
        ("eq", 1, [1, 1.0, np.int8(1), np.float32(1), Decimal(1)], [2, "1", True, np.bool_(True), 1.5]),
        ("eq", 0.1, [0.1, Decimal("0.1")], [0.10000000000000002, np.float32(0.1)]),
        ("eq", True, [True, np.bool_(True)], [1, 1.0, "True", False]),
        ("eq", 2**53 + 1, [2**53 + 1], [2**53, 2.0**53, 2**53 + 2]),
        ("ne", 1, [2, 1.5, "1", True, b"x", [1], datetime(2026, 11, 1, tzinfo=UTC)], [1, 1.0]),
        ("in", ["DE", 1, True], ["DE", 1, 1.0, True], ["1", 2, False, "True", ["DE"]]),
        ("not_in", ["DE", 1], ["FR", 2, True, ["DE"], {"DE": 1}], ["DE", 1, 1.0]),
        ("gt", 5, [6, 5.1, float("inf"), 10**400], [5, 4, "6", True, [6]]),
        ("gte", 5, [5, 5.0, np.int64(6)], [4.9, "5"]),
        ("lt", 5, [4, -1.5, float("-inf")], [5, "4", False]),
        ("lte", "m", ["m", "a", "M"], ["n", 1]),
        ("gt", "Z", ["a", "é", "東京", "\ue000"], ["A", "Z"]),
        ("between", (1, 2.5), [1, 2, 2.5], [0.9, 2.6, "2", True]),
        ("between", ("b", "d"), ["b", "cat", "d"], ["da", "a", 1]),
        ("contains", "ea", ["ea", "sea"], ["EA", "e a", 1, ["ea"]]),
        ("not_contains", "ea", ["EA", "", 1, ["ea"], True], ["sea"]),
        ("starts_with", "%", ["%x"], ["x%", ""]),
        ("ends_with", "_", ["x_"], ["_x", "xy"]),
        ("exists", None, ["", 0, False, [], b"", float("inf")], []),
    ],
)
def test_a_condition_is_met_by_what_it_says_and_by_nothing_else(
    op: str, value: object, yes: list[object], no: list[object]
) -> None:
    """R9.3: kinds are never turned into one another."""
    assert [seen for seen in yes if not meets(op, value, seen)] == []
    assert [seen for seen in no if meets(op, value, seen)] == []


OPERANDS: dict[str, object] = {
    "in": ["x"],
    "not_in": ["x"],
    "between": ("a", "b"),
    "exists": None,
    **{op.value: "2026-11-01" for op in TIME},
    **{op.value: "1.0.0" for op in VERSION},
}


@pytest.mark.parametrize("missing", [None, float("nan"), np.float64("nan"), pd.NA, pd.NaT, np.datetime64("NaT", "s")])
@pytest.mark.parametrize(
    "op",
    [op.value for op in Operator if op is not Operator.NOT_EXISTS and op not in SEGMENT],
)
def test_a_missing_attribute_meets_no_condition_but_not_exists(op: str, missing: object) -> None:
    assert not meets(op, OPERANDS.get(op, "x"), missing)
    assert meets("not_exists", None, missing)
    if op in {"ne", "gt", "not_in", "between"}:
        assert not meets(op, {"not_in": [1], "between": (1, 2)}.get(op, 1), missing)


def test_an_absent_attribute_is_missing() -> None:
    evaluate = compile_flag(flag(None, ("a", "ne", 1), rollout=0)).evaluate
    assert evaluate({"id": "u"}).reason is Reason.DEFAULT
    assert compile_flag(flag(None, ("a", "not_exists", None))).evaluate({}).reason is Reason.TARGETING_MATCH
