"""The made-up shop: the same for the same seed, and shaped like one."""

from collections.abc import Callable

import pandas as pd
import pytest

import burgee
from burgee import samples
from burgee.core.errors import InvalidInputError

COLUMNS = ["user_id", "session_id", "event", "timestamp", "country", "platform", "plan", "value"]


def test_the_same_seed_makes_the_same_shop_and_another_seed_another() -> None:
    pd.testing.assert_frame_equal(samples.shop(seed=3, users=50), samples.shop(seed=3, users=50))
    assert not samples.shop(seed=3, users=50).equals(samples.shop(seed=4, users=50))
    pd.testing.assert_frame_equal(samples.users(seed=3), samples.users(seed=3))
    assert not samples.users(seed=3).equals(samples.users(seed=4))


def test_the_shop_has_the_columns_and_times_promised() -> None:
    shop = samples.shop()
    assert list(shop.columns) == COLUMNS
    assert 10_000 < len(shop) < 25_000
    assert str(shop["timestamp"].dtype) == "datetime64[us, UTC]"
    assert shop["timestamp"].is_monotonic_increasing
    assert shop["timestamp"].min() >= pd.Timestamp("2026-01-01", tz="UTC")
    assert shop["timestamp"].max() < pd.Timestamp("2026-04-02", tz="UTC")
    assert shop.drop(columns="value").notna().all(axis=None)
    assert samples.shop(users=20, days=5, start="2025-06-01")["timestamp"].min() >= pd.Timestamp("2025-06-01", tz="UTC")


def test_only_purchases_have_a_value() -> None:
    shop = samples.shop()
    bought = shop["event"] == "purchase"
    assert shop.loc[bought, "value"].gt(0).all()
    assert shop.loc[~bought, "value"].isna().all()


def test_users_of_the_shop_are_the_first_users_whatever_their_number() -> None:
    users = samples.users(n=1000)
    assert list(users.columns) == ["id", "country", "platform", "plan", "age", "signup"]
    pd.testing.assert_frame_equal(samples.users(n=10), users.head(10))
    assert users["id"].is_unique
    assert users["age"].between(18, 78).all()
    assert (users["signup"].dt.year == 2025).all()
    seen = samples.shop(users=100).drop_duplicates("user_id").merge(users, left_on="user_id", right_on="id")
    assert len(seen) > 90
    for column in ("country", "platform", "plan"):
        assert (seen[f"{column}_x"] == seen[f"{column}_y"]).all()


def test_every_session_is_of_one_user_and_goes_through_the_steps_in_order() -> None:
    shop = samples.shop()
    order = shop["event"].map({"catalog": 0, "product_view": 1, "add_to_cart": 2, "purchase": 3})
    sessions = shop.assign(order=order).groupby("session_id")
    assert len(shop.drop_duplicates(["session_id", "user_id"])) == len(sessions)
    assert sessions["order"].apply(lambda steps: steps.is_monotonic_increasing and steps.iloc[0] == 0).all()
    assert (
        sessions["event"]
        .apply(lambda events: (events.value_counts().drop("product_view", errors="ignore") == 1).all())
        .all()
    )


def test_fewer_users_come_to_each_step_and_some_come_to_the_last() -> None:
    with burgee.open("memory://") as ws:
        acme = ws.tenants.create("acme")
        acme.events.ingest(samples.shop(), stream="user_id", type="event", time="timestamp", progress=False)
        steps = acme.events.query().funnel(["catalog", "product_view", "add_to_cart", "purchase"], by="user_id")
        counts = steps.frame()["count"].tolist()
    assert counts == sorted(counts, reverse=True)
    assert len(set(counts)) == 4
    assert counts[-1] > 50


def test_evenings_and_weekends_are_busier_than_nights_and_mondays() -> None:
    begun = samples.shop(users=2000).drop_duplicates("session_id")["timestamp"]
    hours, days = begun.dt.hour.value_counts(), begun.dt.day_of_week.value_counts()
    assert hours[20] > 4 * hours[3]
    assert days[5] > days[0]


@pytest.mark.parametrize(
    "make",
    [
        lambda: samples.shop(users=0),
        lambda: samples.shop(days=0),
        lambda: samples.shop(days=-1),
        lambda: samples.shop(start="soon"),
        lambda: samples.users(n=0),
    ],
)
def test_a_shop_that_cannot_be_is_refused(make: Callable[[], pd.DataFrame]) -> None:
    with pytest.raises(InvalidInputError):
        make()


def test_the_smallest_shop_is_a_frame_with_the_same_columns() -> None:
    assert list(samples.shop(seed=1, users=1, days=1).columns) == COLUMNS
