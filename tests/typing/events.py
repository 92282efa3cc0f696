"""What users write with events, and the types they get. mypy checks this; it is never run."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import assert_type

import pandas as pd
import polars as pl

import burgee


def writing(events: burgee.Events) -> None:
    placed = burgee.Event("order.placed", {"total": 42.5, "items": ["a", "b"]})
    assert_type(events.append("order-42", placed, expected_version=burgee.NO_STREAM).version, int)
    assert_type(events.append("order-42", [placed, {"type": "order.paid"}], expected_version=1).ids, tuple[str, ...])
    frame = pd.DataFrame({"order_id": ["order-1"], "event": ["order.placed"], "at": ["2026-11-01"]})
    assert_type(events.ingest(frame, stream="order_id", type="event", time="at").stored, int)
    assert_type(events.ingest(pl.from_pandas(frame), stream="order_id", type="event", time="at").known, int)


def reading(events: burgee.Events) -> None:
    assert_type(iter(events.read("order-42")), Iterator[burgee.StoredEvent])
    assert_type([event.type for event in events.read("order-42")], list[str])
    assert_type([event.version for event in events.query(limit=10)], list[int])
    assert_type(next(iter(events.read())).occurred_at, datetime)


def asking(events: burgee.Events) -> None:
    query = events.query(type="order.*", since="2026-11-01", until=datetime(2026, 12, 1, tzinfo=UTC))
    assert_type(query, burgee.Query)
    assert_type(events.query(["order.placed", "order.paid"], metadata={"shop": "north"}), burgee.Query)
    assert_type(query.frame(), pd.DataFrame)
    assert_type(query.count(), int)
    assert_type(query.per("day").by("type").frame(), pd.DataFrame)
    assert_type(query.by("country", "device").frame(), pd.DataFrame)
    assert_type(query.funnel(["catalog", "add_to_cart", "purchase"], by="user_id", within="7d").frame(), pd.DataFrame)
    assert_type(query.per("month").sum("value", revenue="value").quantile("value", 0.9).frame(), pd.DataFrame)
    assert_type(query.distinct("user_id").median("value").count().frame(), pd.DataFrame)
    assert_type(query.retention(by="user_id", period="week").triangle("count"), pd.DataFrame)
    assert_type(query.paths(by="user_id").matrix(), pd.DataFrame)
    assert_type(query.sessions(by="user_id", gap=timedelta(minutes=30)).summary(), pd.DataFrame)
    assert_type(query.funnel(["a", "b"]).times(), pd.DataFrame)
    assert_type(query.retention().sql("bigquery", table="crm.events"), str)
