"""A real clickstream with known answers (ecom.csv.gz): imported by the command, asked embedded and over HTTP."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

import burgee
from burgee.workspace import Tenant
from real_data import real_file
from services import children
from services.server import running

STEPS = ["catalog", "add_to_cart", "purchase"]
COUNTS = {"product_view": 6851, "catalog": 6521, "add_to_cart": 1346, "purchase": 470, "checkout_bug": 44}


def import_(folder: Path, file: Path) -> str:
    command = [sys.executable, "-m", "burgee", "import", str(file), "--tenant", "shop", "--stream", "user_id"]
    command += ["--type", "event", "--time", "timestamp", "--workspace", str(folder)]
    env = {**os.environ, "BURGEE_PROGRESS": "0"}
    done = children.run(command, env=env)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace folder with the file imported twice, as the command says."""
    file = real_file("ecom.csv.gz")
    folder = tmp_path_factory.mktemp("ecom") / "ws"
    assert "31,106 events stored, 0 were stored already" in import_(folder, file)
    assert "0 events stored, 31,106 were stored already" in import_(folder, file)
    return folder


@pytest.fixture(scope="module", params=["embedded", "server in another process"])
def shop(request: pytest.FixtureRequest, imported: Path) -> Iterator[Tenant]:
    if request.param == "embedded":
        with burgee.open(str(imported)) as ws:
            yield ws.tenant("shop")
        return
    with burgee.open(str(imported)) as ws:
        key = ws.create_key(tenant="shop").key
    with running(imported) as url, burgee.open(url, token=key) as ws:
        yield ws.tenant("shop")


def test_every_event_and_every_stream_is_there(shop: Tenant) -> None:
    assert shop.events.query().count() == 31_106
    streams = shop.events.query().by("stream").frame()
    assert len(streams) == 600
    assert round(streams["count"].mean(), 3) == 51.843
    assert streams["count"].median() == 51
    frame = shop.events.query().frame()
    assert len(frame) == 31_106
    assert frame["id"].is_unique
    assert (frame["user_id"] == frame["stream"]).all()
    assert frame["occurred_at"].min().date().isoformat() == "2024-01-04"
    assert frame["occurred_at"].max().date().isoformat() == "2024-06-29"


def test_events_are_counted_by_type_as_known(shop: Tenant) -> None:
    counted = shop.events.query().by("type").frame()
    by_type = dict(zip(counted["type"], counted["count"], strict=True))
    assert {name: by_type[name] for name in COUNTS} == COUNTS
    assert sum(by_type.values()) == 31_106
    monthly = shop.events.query("purchase").per("month").frame()
    assert monthly["count"].sum() == 470
    assert len(monthly) == 6


@pytest.mark.parametrize("by", ["user_id", "stream"])
def test_the_funnel_is_as_known(shop: Tenant, by: str) -> None:
    funnel = shop.events.query().funnel(STEPS, by=by).frame()
    assert list(funnel["step"]) == STEPS
    assert list(funnel["count"]) == [600, 511, 285]
    assert [round(share, 4) for share in funnel["step_conversion"]] == [1.0, 0.8517, 0.5577]


def test_a_funnel_split_by_platform_adds_up(shop: Tenant) -> None:
    split = shop.events.query().funnel(STEPS, by="user_id", split="platform").frame()
    assert split[split["step"] == "catalog"]["count"].sum() == 600


def test_within_a_window_fewer_come_through_and_whoever_starts_again_counts(shop: Tenant) -> None:
    whole, week, hour = (
        shop.events.query().funnel(STEPS, by="user_id", within=within).frame()["count"].tolist()
        for within in ("52w", "7d", "1h")
    )
    assert whole == [600, 511, 285]
    assert hour[2] < week[2] < 285
    events = shop.events.query(STEPS).frame().sort_values(["occurred_at", "position"])
    came = 0
    for _, part in events.groupby("user_id"):  # a plain walk from every catalog
        steps = list(zip(part["type"], part["occurred_at"], strict=True))
        came += any(_comes_through(steps[place:]) for place, (kind, _) in enumerate(steps) if kind == STEPS[0])
    assert hour[2] == came


def _comes_through(steps: list[tuple[str, pd.Timestamp]]) -> bool:
    left = STEPS.copy()
    for kind, at in steps:
        if at - steps[0][1] > pd.Timedelta(hours=1):
            break
        if kind == left[0]:
            left.pop(0)
        if not left:
            return True
    return False


def test_sessions_are_about_those_the_shop_itself_counted(shop: Tenant) -> None:
    visits = shop.events.query().sessions(by="user_id").frame()
    assert visits["events"].sum() == 31_106
    assert visits["user_id"].nunique() == 600
    paths = shop.events.query().paths(by="user_id").frame()
    assert paths["count"].sum() == 31_106 + 600
    assert paths.loc[paths["source"] == "(start)", "count"].sum() == 600


def test_a_flag_is_assigned_to_the_users_of_the_stream(shop: Tenant) -> None:
    if "new-checkout" not in shop.flags:
        flag = shop.flags.create("new-checkout", variants={"control": 50, "treatment": 50}).enable()
        flag = flag.target("platform", "eq", "mobile", serve="treatment").rollout(50)
    flag = shop.flags["new-checkout"]
    users = shop.events.query().frame().groupby("user_id")["platform"].first().reset_index()
    assigned = flag.assign(users, by="user_id")
    assert len(assigned) == 600
    mobile = users["platform"] == "mobile"
    assert (assigned["variant"][mobile] == "treatment").all()
    rest = assigned[~mobile]
    for row, user in zip(rest.itertuples(), users["user_id"][~mobile], strict=True):
        answer = flag.evaluate({"id": user, "platform": "desktop"})
        assert (row.variant, row.reason) == (answer.variant, answer.reason)
