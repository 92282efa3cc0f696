"""Frames of lists: the same dtypes with rows and without, so that they can be joined, plotted and put together."""

from collections.abc import Callable

import pandas as pd
import pytest

import burgee

EMPTY: dict[str, Callable[[burgee.Workspace, burgee.Tenant], pd.DataFrame]] = {
    "files": lambda _, acme: acme.files.frame(),
    "search indexes": lambda _, acme: acme.search.frame(),
    "flags": lambda _, acme: acme.flags.frame(),
    "segments": lambda _, acme: acme.segments.frame(),
    "events": lambda _, acme: acme.events.read("order-1").frame(),
    "types": lambda _, acme: acme.events.types().frame(),
    "personal fields": lambda _, acme: acme.privacy.rules().frame(),
    "subjects": lambda _, acme: acme.privacy.subjects().frame(),
    "keys": lambda ws, _: ws.keys(),
}


def filled(ws: burgee.Workspace, acme: burgee.Tenant) -> None:
    acme.files.upload(b"a,b\n1,2\n", "small.csv")
    acme.search.index("shoes", [{"id": "1", "title": "red"}], mapping={"title": "text"})
    acme.flags.create("checkout").rollout(20)
    acme.segments.create("testers", ("plan", "eq", "pro"))
    acme.privacy.protect("order.placed", ["email"], subject="stream")
    acme.events.append("order-1", burgee.Event("order.placed", {"email": "zoe@acme.example"}))
    ws.create_key(tenant="acme", name="ada")


@pytest.fixture(scope="module")
def frames() -> dict[str, tuple[pd.DataFrame, pd.DataFrame]]:
    """Each frame of a tenant that has nothing, and of the same when there is something."""
    with burgee.open("memory://") as ws:
        acme = ws.tenants.create("acme")
        before = {name: made(ws, acme) for name, made in EMPTY.items()}
        filled(ws, acme)
        return {name: (before[name], made(ws, acme)) for name, made in EMPTY.items()}


@pytest.mark.parametrize("name", EMPTY)
def test_a_frame_without_rows_has_the_columns_and_dtypes_of_one_with_rows(
    frames: dict[str, tuple[pd.DataFrame, pd.DataFrame]], name: str
) -> None:
    without, with_rows = frames[name]
    assert (len(without), len(with_rows)) == (0, 1)
    assert without.dtypes.to_dict() == with_rows.dtypes.to_dict()


def test_a_history_in_which_nobody_said_why_can_be_put_together_with_one_that_says() -> None:
    with burgee.open("memory://") as ws:
        flag = ws.tenants.create("acme").flags.create("checkout")
        silent, speaking = flag.history().frame(), flag.rollout(20, why="carefully").history().frame()
    assert silent.dtypes.to_dict() == speaking.dtypes.to_dict()
    both = pd.concat([silent, speaking])
    assert both["why"].isna().tolist() == [True, True, False]
    assert str(both["at"].dtype) == "datetime64[us, UTC]"
