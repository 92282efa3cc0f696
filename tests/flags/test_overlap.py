"""Are they the same people: counts, chi-square, Cramér's V, and what is said of them."""

from typing import Any

import pandas as pd
import pytest
from scipy.stats import chi2, chi2_contingency
from scipy.stats.contingency import association

import burgee
from burgee.flags.analysis.overlap import Overlap, chi_square_tail
from burgee.workspace import Tenant

USERS = pd.DataFrame({"id": [f"u{n}" for n in range(4000)], "country": ["DE", "FR"] * 2000})


def overlap(*counts: tuple[int, ...]) -> Overlap:
    names = tuple("abcdef")
    return Overlap("f", "g", names[: len(counts)], names[: len(counts[0])], counts)


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 7, 30, 101])
def test_the_tail_is_that_of_scipy(freedom: int) -> None:
    for value in (0.0, 0.1, 1.0, 5.0, 30.0, 200.0, 5000.0):
        assert chi_square_tail(value, freedom) == pytest.approx(chi2.sf(value, freedom), rel=1e-9, abs=1e-300)


@pytest.mark.parametrize("counts", [
    ((10, 20), (30, 40)), ((500, 0), (0, 500)), ((1, 2, 3), (4, 5, 6)), ((900, 10), (20, 70), (5, 995)),
])  # fmt: skip
def test_chi_square_and_cramers_v_are_those_of_scipy(counts: tuple[tuple[int, ...], ...]) -> None:
    told = overlap(*counts)
    known = chi2_contingency(counts, correction=False)
    assert told.chi_square == pytest.approx(known.statistic)
    assert told.p_value == pytest.approx(known.pvalue)
    assert told.cramers_v == pytest.approx(association(counts, "cramer"))
    assert [list(row) for row in told.expected] == [pytest.approx(list(row)) for row in known.expected_freq]


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        (((500, 500), (500, 500)), "nothing binds them, as far as 2,000 users can tell"),
        (((500, 0), (0, 500)), "one tells the other: they are the same people"),
        (((400, 100), (100, 400)), "strongly bound"),
        (((600, 400), (400, 600)), "clearly bound"),
        (((52000, 48000), (48000, 52000)), "weakly, but surely, bound"),
        (((3, 2), (1, 2)), "the p-value is rough"),
        (((500, 500),), "flag 'f' serves all 1,000 users the same"),
        (((500,), (500,)), "flag 'g' serves all 1,000 users the same"),
    ],
)
def test_what_it_means_is_said(counts: tuple[tuple[int, ...], ...], said: str) -> None:
    assert said in overlap(*counts).note
    assert said in repr(overlap(*counts))


def test_a_flag_that_serves_all_the_same_has_no_p_value() -> None:
    told = overlap((500, 500))
    assert (told.p_value, told.cramers_v, told.freedom) == (None, None, 0)


def test_flags_overlap_by_their_salts_and_layers(acme: Tenant) -> None:
    half = {"x": 50, "y": 50}
    one = acme.flags.create("one", half, enabled=True)
    acme.flags.create("other", {"p": 30, "q": 70}, enabled=True)
    same = acme.flags.create("same", half, salt="one", enabled=True)
    acme.flags.create("german", rollout=0, enabled=True).target("country", "eq", "DE", serve="on")

    frame = one.overlap("other", USERS).frame()
    assert list(frame.columns) == ["one", "other", "users", "expected"]
    assert frame[["one", "other"]].to_numpy().tolist() == [["x", "p"], ["x", "q"], ["y", "p"], ["y", "q"]]
    assert frame["users"].sum() == pytest.approx(frame["expected"].sum()) == len(USERS)
    assert one.overlap(same, USERS).cramers_v == pytest.approx(1)

    pairs = acme.flags.overlap(["one", "same", "german"], USERS).frame()
    assert list(pairs.columns) == ["first", "second", "users", "cramers_v", "p_value", "note"]
    assert pairs[["first", "second"]].to_numpy().tolist() == [["one", "same"], ["one", "german"], ["same", "german"]]
    assert pairs["p_value"].lt(0.001).tolist() == [True, False, False]


@pytest.mark.parametrize("keys", ["one", ["one"], [], None, [1, 2], ["one", "one"]])
def test_what_are_no_two_flags_is_refused(keys: Any) -> None:
    with burgee.open("memory://") as ws:
        acme = ws.tenants.create("acme")
        acme.flags.create("one", enabled=True)
        with pytest.raises(burgee.InvalidInputError):
            acme.flags.overlap(keys, USERS)


def test_without_users_there_is_nothing_to_compare() -> None:
    with burgee.open("memory://") as ws:
        acme = ws.tenants.create("acme")
        one = acme.flags.create("one", enabled=True)
        acme.flags.create("other", enabled=True)
        with pytest.raises(burgee.InvalidInputError, match="no users"):
            one.overlap("other", USERS[:0])
        with pytest.raises(burgee.NotFoundError):
            one.overlap("gone", USERS)
        with pytest.raises(burgee.InvalidInputError, match="named by its key"):
            one.overlap(5, USERS)  # type: ignore[arg-type] # what is tested
        with pytest.raises(burgee.MissingColumnError):
            one.overlap("other", USERS, by="user")
