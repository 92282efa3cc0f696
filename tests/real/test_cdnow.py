"""Real purchases with known answers (cdnow.txt.gz): monthly cohorts, who came back, and revenue."""

from collections.abc import Iterator

import pandas as pd
import pytest

import burgee
from burgee.workspace import Tenant
from real_data import real_file


@pytest.fixture(scope="module")
def shop() -> Iterator[Tenant]:
    names = ["customer", "day", "quantity", "value"]
    bought = pd.read_csv(real_file("cdnow.txt.gz"), sep=r"\s+", header=0, names=names, dtype={"day": str})
    bought["event"], bought["day"] = "purchase", pd.to_datetime(bought["day"])
    with burgee.open("memory://") as ws:
        tenant = ws.tenants.create("cdnow")
        done = tenant.events.ingest(bought, stream="customer", type="event", time="day", progress=False)
        assert done.stored == len(bought) == 69_659
        yield tenant


def test_the_cohorts_and_who_bought_again_in_the_next_month_are_as_known(shop: Tenant) -> None:
    frame = shop.events.query().retention(by="customer", period="month").frame()
    assert frame[frame["period"] == 0]["size"].tolist() == [7846, 8476, 7248]
    assert frame[frame["period"] == 1]["count"].tolist() == [1157, 1312, 1032]
    assert frame.groupby("cohort")["period"].max().tolist() == [17, 16, 15]
    assert frame[~frame["complete"]]["period"].tolist() == [17, 16, 15]  # June 1998, in which the file ends


def test_revenue_and_customers_are_as_known(shop: Tenant) -> None:
    query = shop.events.query()
    whole = query.sum(revenue="value").distinct("customer").count().frame()
    assert round(whole["revenue"].item(), 2) == 2_500_315.63
    assert whole["distinct_customer"].item() == 23_570
    assert whole["count"].item() == 69_659
    monthly = query.per("month").sum("value").median("value").quantile("value", 0.9).frame()
    assert round(monthly["sum_value"].sum(), 2) == 2_500_315.63
    bought = query.frame()
    by_month = bought.groupby(bought["occurred_at"].dt.strftime("%Y-%m"))["value"]
    assert monthly["median_value"].tolist() == pytest.approx(by_month.median().tolist())
    assert monthly["p90_value"].tolist() == pytest.approx(by_month.quantile(0.9).tolist())


def test_the_triangle_is_the_frame_turned(shop: Tenant) -> None:
    triangle = shop.events.query().retention(by="customer").triangle("count")
    assert triangle["size"].tolist() == triangle[0].tolist() == [7846, 8476, 7248]
    assert triangle[1].tolist() == [1157, 1312, 1032]
    assert triangle[17].isna().tolist() == [False, True, True]
