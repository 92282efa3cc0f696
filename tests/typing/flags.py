"""What users write with flags, and the types they get. mypy checks this; it is never run."""

from collections.abc import Iterator, Mapping
from typing import assert_type

import pandas as pd
import polars as pl
import pydantic

import burgee
from burgee.core.json import Json
from burgee.core.result import Ok


def reaching(tenant: burgee.Tenant) -> None:
    assert_type(tenant.flags["checkout"], burgee.Flag)
    assert_type(tenant.flags.get("checkout"), burgee.Flag)
    assert_type(tenant.flags.create("checkout"), burgee.Flag)
    assert_type(tenant.flags.create("c", variants={"a": 50, "b": 50}, values={"a": 1, "b": [2, None]}), burgee.Flag)
    assert_type(iter(tenant.flags), Iterator[burgee.Flag])
    assert_type([flag.key for flag in tenant.flags.list(archived=True)], list[str])
    assert_type(tenant.flags.frame(), pd.DataFrame)
    assert_type("checkout" in tenant.flags, bool)


def changing(flag: burgee.Flag) -> None:
    """Every verb gives a flag, so that verbs chain."""
    chained = flag.target("country", "in", ["DE", "FR"], serve="treatment").rollout(20).enable(why="the launch")
    assert_type(chained, burgee.Flag)
    assert_type(flag.target("age", "gte", 18, serve="on", also=[("country", "eq", "DE")]), burgee.Flag)
    assert_type(flag.rollout(0.01), burgee.Flag)
    assert_type(flag.disable(), burgee.Flag)
    assert_type(flag.variants({"a": 20, "b": 80}), burgee.Flag)
    assert_type(flag.archive().restore(), burgee.Flag)
    assert_type(flag.revert(to=3), burgee.Flag)
    assert_type(flag.kill(why="pages fail").revive(), burgee.Flag)
    assert_type(flag.override({"u1": "on"}).override("u2", "off").unoverride("u1", 2), burgee.Flag)
    assert_type(
        flag.target("age", "exists", split={"on": 60, "off": 40}, percent=20).move("age exists", 1), burgee.Flag
    )
    assert_type(flag.require(flag, ["on"]).unrequire("other"), burgee.Flag)
    assert_type(flag.holdout("2026", 5).layer("shop", 0, 50).holdout(None).layer(None), burgee.Flag)
    assert_type(flag.schedule("2026-11-01").ramp(5, 50, start="2026-11-01", end="2026-11-08"), burgee.Flag)
    assert_type(flag.at("2026-11-01"), burgee.Flag)
    assert_type(flag.refresh(), burgee.Flag)


def asking(flag: burgee.Flag, tenant: burgee.Tenant) -> None:
    assert_type(flag.evaluate({"id": "u1", "country": "DE", "age": 41}), burgee.Evaluation[Json])
    assert_type(flag.evaluate({"id": "u1"}).variant, str | None)
    assert_type(flag.evaluate({"id": "u1"}).reason, burgee.Reason)
    assert_type(tenant.flags.evaluate("checkout", {"id": "u1"}, default=False), burgee.Evaluation[Json])
    assert_type(flag.key, str)
    assert_type(flag.version, int)
    assert_type(flag.enabled, bool)


def frames(flag: burgee.Flag) -> None:
    """Any frame in, pandas out."""
    assert_type(flag.assign(pd.DataFrame({"id": ["u1"]})), pd.DataFrame)
    assert_type(flag.assign(pl.DataFrame({"user": ["u1"]}), by="user"), pd.DataFrame)
    assert_type(flag.history().frame(), pd.DataFrame)


async def services(ws: burgee.Workspace) -> None:
    """Whoever writes async code calls the services; what may fail is in the type."""
    found = await ws.services.flags.evaluate("checkout", {"id": "u1"})
    if isinstance(found, Ok):
        assert_type(found.value, burgee.Evaluation[Json])


class Visitor(pydantic.BaseModel):
    """Who visits the shop."""

    id: str
    country: str


def serving(tenant: burgee.Tenant, visitor: Visitor) -> None:
    """An evaluator knows the class of its contexts, and the kinds of values."""
    plain = tenant.flags.evaluator(refresh=30, exposures=True)
    assert_type(plain, burgee.FlagEvaluator[Mapping[str, object]])
    assert_type(plain.evaluate("checkout", {"id": "u1"}), burgee.Evaluation[Json])
    typed = tenant.flags.evaluator(Visitor, exposures=burgee.Exposures(sample=0.1))
    assert_type(typed, burgee.FlagEvaluator[Visitor])
    assert_type(typed.boolean("checkout", visitor, False), burgee.Evaluation[bool])
    assert_type(typed.text("checkout", visitor, "").value, str)
    assert_type(typed.number("checkout", visitor, 1).value, float)
    assert_type(typed.variant("checkout", visitor), str | None)
    assert_type(typed.exposures, burgee.ExposureRecorder | None)
    with typed as same:
        assert_type(same.snapshot(), burgee.Snapshot)
