"""Same question, same answer: DuckDB, ClickHouse, PostgreSQL and Spark on real data, every question there is."""

import pandas as pd
import pytest

from burgee.workspace import Tenant
from engines.asking import Log, questions
from engines.conftest import Filled
from real_data import real_file

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SHOP = questions(("catalog", "add_to_cart", "purchase"), "user_id", "platform", None)
MONEY = {"measures", "measures by a property", "times between steps", "retention by month", "by a property"}
CDNOW = {
    name: asked
    for name, asked in questions(("purchase", "purchase"), "customer_id", "bulk", "dollar_value").items()
    if name in MONEY  # what the shop is not asked, or would not tell apart
}


@pytest.fixture(scope="module")
def shop(filled: Filled) -> Log:
    """The clickstream of a shop."""
    file = real_file("ecom.csv.gz")

    def fill(acme: Tenant) -> None:
        acme.events.import_file(file, stream="user_id", type="event", time="timestamp")

    return filled(fill)


@pytest.fixture(scope="module")
def cdnow(filled: Filled) -> Log:
    """The purchases of a shop's first customers: with money, and many at the same time."""
    frame = pd.read_csv(real_file("cdnow.txt.gz"), sep=r"\s+")
    frame["date"] = pd.to_datetime(frame["date"].astype(str), format="%Y%m%d")
    frame["type"] = "purchase"
    frame["bulk"] = frame["number_of_cds"] > 2
    frame["id"] = [f"cdnow-{place}" for place in range(len(frame))]

    def fill(acme: Tenant) -> None:
        acme.events.ingest(frame, stream="customer_id", type="type", time="date", id="id")

    return filled(fill)


@pytest.mark.parametrize("name", SHOP)
def test_every_engine_gives_the_same_answers_about_the_shop(shop: Log, name: str) -> None:
    assert len(shop.assert_same(SHOP[name])) > 0


@pytest.mark.parametrize("name", CDNOW)
def test_every_engine_gives_the_same_answers_about_the_customers(cdnow: Log, name: str) -> None:
    assert len(cdnow.assert_same(CDNOW[name])) > 0
