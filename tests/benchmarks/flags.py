"""How long a decision takes, beside two other libraries, in one run: `python tests/benchmarks/flags.py`.

Each case is asked of all three with contexts made beforehand, in turns, and the best turn counts. The
in-memory provider of OpenFeature has no rules of its own, so it is given a function with the same three
conditions and the same hash, written by hand. Eppo is asked for the value alone, its quickest answer; the
other two tell the reason, too. Neither of them takes a frame, so they are asked row by row.
"""

import hashlib
import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import eppo_client
import numpy as np
import pandas as pd
from eppo_client import AssignmentLogger, ClientConfig, Configuration
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.evaluation_context import EvaluationContext
from openfeature.flag_evaluation import FlagResolutionDetails, Reason
from openfeature.provider.in_memory_provider import InMemoryFlag, InMemoryProvider

from burgee.flags.changing.rules import make_condition, make_variants
from burgee.flags.evaluation.compiled import compile_flag
from burgee.flags.model import FlagState, Rule
from burgee.flags.sql.assign import assign

ROWS = 1_000_000
ASKED_ROW_BY_ROW = 100_000
CONTEXTS = 20_000
TURNS = 5
TOLERANCE = 0.015
PEERS = ("openfeature", "eppo", "hashlib alone")
COUNTRIES = ("US", "GB", "IT", "ES", "DE", "FR", "NL", "PL", "SE", "PT")
PLANS = ("free", "pro", "team", "enterprise")
SPLIT = {"a": 20.0, "b": 30.0, "c": 50.0}
RULES = (("country", "in", ["DE", "FR"]), ("plan", "eq", "enterprise"), ("age", "gte", 65))


@dataclass(frozen=True, slots=True)
class Contexts:
    """The same people, as each library wants them."""

    burgee: list[dict[str, object]]
    openfeature: list[EvaluationContext]
    eppo: list[tuple[str, dict[str, str | int | float | bool | None]]]


def main() -> None:
    """Measure everything and print the table."""
    people = made(ROWS)
    contexts = as_contexts(people.head(CONTEXTS))
    states = {"no rule": state(), "three rules, 25 %": state(RULES, rollout=25), "three weights": state(weights=SPLIT)}
    openfeature, eppo = openfeature_client(), eppo_client_of(states)
    rows: list[tuple[str, float, str, float]] = []
    for name, flag in states.items():
        asks = (
            asked_of_burgee(flag, contexts.burgee),
            asked_of_openfeature(openfeature, name, contexts.openfeature),
            asked_of_eppo(eppo, name, contexts.eppo),
        )
        check_alike(name, asks)
        ours, *theirs = (seconds / CONTEXTS for seconds in best(*asks, hashed(contexts)))
        rows += [(f"evaluate: {name}", ours, peer, one) for peer, one in zip(PEERS, theirs, strict=True)]
    rows += frames(states["three rules, 25 %"], people, openfeature, eppo)
    show(rows)


def made(size: int) -> pd.DataFrame:
    """So many people, with three attributes."""
    random = np.random.default_rng(7)
    return pd.DataFrame(
        {
            "id": [f"user-{number}" for number in range(size)],
            "country": random.choice(COUNTRIES, size),
            "plan": random.choice(PLANS, size, p=(0.6, 0.25, 0.1, 0.05)),
            "age": random.integers(18, 70, size),
        }
    )


def as_contexts(people: pd.DataFrame) -> Contexts:
    """Each person as a context of each library."""
    records = [{str(name): value for name, value in record.items()} for record in people.to_dict("records")]
    attributes = [{name: value for name, value in record.items() if name != "id"} for record in records]
    pairs = [(str(record["id"]), rest) for record, rest in zip(records, attributes, strict=True)]
    return Contexts(records, [EvaluationContext(key, rest) for key, rest in pairs], pairs)


def state(
    rules: Sequence[tuple[str, str, object]] = (), *, rollout: float = 100.0, weights: dict[str, float] | None = None
) -> FlagState:
    """A flag of ours."""
    variants = make_variants(weights)
    return FlagState(
        "f",
        variants,
        variants[-1].name,
        enabled=True,
        rollout=rollout,
        rules=tuple(Rule(f"r{n}", (make_condition(*rule),), variants[0].name) for n, rule in enumerate(rules)),
        salt="f",
    )


def openfeature_client() -> OpenFeatureClient:
    """A client of OpenFeature's in-memory provider with the same flags."""

    def by_rules(flag: InMemoryFlag[bool], context: EvaluationContext) -> FlagResolutionDetails[bool]:
        seen = context.attributes
        if seen.get("country") in {"DE", "FR"} or seen.get("plan") == "enterprise":
            return FlagResolutionDetails(True, reason=Reason.TARGETING_MATCH, variant="on")
        age = seen.get("age")
        if isinstance(age, int) and age >= 65:
            return FlagResolutionDetails(True, reason=Reason.TARGETING_MATCH, variant="on")
        inside = bucket(f"f-{context.targeting_key}") < 2**30
        variant = "on" if inside else "off"
        return FlagResolutionDetails(flag.variants[variant], reason=Reason.SPLIT, variant=variant)

    def by_weight(flag: InMemoryFlag[str], context: EvaluationContext) -> FlagResolutionDetails[str]:
        share = bucket(f"f/variant-{context.targeting_key}") / 2**32
        variant = "a" if share < 0.2 else "b" if share < 0.5 else "c"
        return FlagResolutionDetails(flag.variants[variant], reason=Reason.SPLIT, variant=variant)

    switch = {"on": True, "off": False}
    api.set_provider(
        InMemoryProvider(
            {
                "no rule": InMemoryFlag("on", switch),
                "three rules, 25 %": InMemoryFlag("off", switch, context_evaluator=by_rules),
                "three weights": InMemoryFlag("a", {name: name for name in SPLIT}, context_evaluator=by_weight),
            }
        )
    )
    return api.get_client()


def bucket(text: str) -> int:
    """As the scheme has it, by the standard library."""
    return int.from_bytes(hashlib.md5(text.encode(), usedforsecurity=False).digest()[:4])


def eppo_client_of(states: dict[str, FlagState]) -> eppo_client.EppoClient:
    """A client of Eppo's that has its configuration and asks nobody for another."""
    shards = 10_000
    conditions = (
        {"attribute": "country", "operator": "ONE_OF", "value": ["DE", "FR"]},
        {"attribute": "plan", "operator": "ONE_OF", "value": ["enterprise"]},
        {"attribute": "age", "operator": "GTE", "value": 65},
    )
    flags = {}
    for name, flag in states.items():
        weighted = name == "three weights"
        split, low = [], 0
        for variant in flag.variants:
            high = low + round(variant.weight / 100 * shards)
            inside = [{"salt": "f/variant", "ranges": [{"start": low, "end": high}]}] if weighted else []
            rollout = {"salt": "f", "ranges": [{"start": 0, "end": round(flag.rollout / 100 * shards)}]}
            inside += [rollout] if flag.rollout < 100 else []
            split += [{"variationKey": variant.name, "shards": inside}] if high > low else []
            low = high
        rules = [[{"conditions": [condition]}] for condition in conditions[: len(flag.rules)]]
        allocations = [
            {"key": f"rule-{n}", "rules": rule, "splits": [{"variationKey": "on", "shards": []}], "doLog": False}
            for n, rule in enumerate(rules)
        ]
        allocations.append({"key": "rollout", "splits": split, "doLog": False})
        flags[name] = {
            "key": name,
            "enabled": True,
            "variationType": "BOOLEAN" if flag.variants[0].value is True else "STRING",
            "variations": {v.name: {"key": v.name, "value": v.value} for v in flag.variants},
            "allocations": allocations,
            "totalShards": shards,
        }
    whole = {"createdAt": "2026-11-01T00:00:00Z", "format": "SERVER", "environment": {"name": "here"}, "flags": flags}
    return eppo_client.init(
        ClientConfig(
            api_key="none",
            base_url="http://127.0.0.1:9",
            assignment_logger=AssignmentLogger(),
            poll_interval_seconds=None,
            initial_configuration=Configuration(flags_configuration=json.dumps(whole).encode()),
        )
    )


def asked_of_burgee(flag: FlagState, contexts: list[dict[str, object]]) -> Callable[[], list[object]]:
    """Ask ours about each context."""
    evaluate = compile_flag(flag).evaluate

    def ask() -> list[object]:
        return [evaluate(context) for context in contexts]

    return ask


def asked_of_openfeature(
    client: OpenFeatureClient, name: str, contexts: list[EvaluationContext]
) -> Callable[[], list[object]]:
    """Ask OpenFeature about each context."""

    def ask() -> list[object]:
        if name == "three weights":
            return [client.get_string_details(name, "", context) for context in contexts]
        return [client.get_boolean_details(name, False, context) for context in contexts]

    return ask


def asked_of_eppo(
    client: eppo_client.EppoClient, name: str, contexts: list[tuple[str, dict[str, str | int | float | bool | None]]]
) -> Callable[[], list[object]]:
    """Ask Eppo about each context."""

    def ask() -> list[object]:
        if name == "three weights":
            return [client.get_string_assignment(name, key, attributes, "") for key, attributes in contexts]
        return [client.get_boolean_assignment(name, key, attributes, False) for key, attributes in contexts]

    return ask


def check_alike(name: str, asks: Sequence[Callable[[], list[object]]]) -> None:
    """All serve the same to about the same share of people; else their times would say nothing."""
    shares = []
    for ask in asks:
        values = [getattr(answer, "value", answer) for answer in ask()]
        shares.append({value: values.count(value) / len(values) for value in (True, False, *SPLIT)})
    for value, share in shares[0].items():
        if any(abs(other[value] - share) > TOLERANCE for other in shares):
            raise SystemExit(f"{name}: {value!r} is served to {[other[value] for other in shares]} of all")


def hashed(contexts: Contexts) -> Callable[[], list[object]]:
    """What no decision by MD5 and the standard library can be quicker than: one hash and nothing else."""
    texts = [f"f-{key}".encode() for key, _ in contexts.eppo]

    def ask() -> list[object]:
        return [hashlib.md5(text, usedforsecurity=False).digest() for text in texts]

    return ask


def best(*asks: Callable[[], object]) -> list[float]:
    """The shortest of several turns of each, in seconds; the turns alternate, so that a busy moment hits all."""
    turns: list[list[float]] = []
    for _ in range(TURNS):
        turn = []
        for ask in asks:
            start = time.perf_counter()
            ask()
            turn.append(time.perf_counter() - start)
        turns.append(turn)
    return [min(times) for times in zip(*turns, strict=True)]


def frames(
    flag: FlagState, people: pd.DataFrame, openfeature: OpenFeatureClient, eppo: eppo_client.EppoClient
) -> list[tuple[str, float, str, float]]:
    """A frame of a million people; the others are asked about a tenth of them, ten times as long."""
    name = "three rules, 25 %"
    some = people.head(ASKED_ROW_BY_ROW)

    def row_by_row_openfeature() -> object:
        return asked_of_openfeature(openfeature, name, as_contexts(some).openfeature)()

    def row_by_row_eppo() -> object:
        return asked_of_eppo(eppo, name, as_contexts(some).eppo)()

    (ours,) = best(lambda: assign(flag, people))
    theirs = best(row_by_row_openfeature, row_by_row_eppo, hashed(as_contexts(some)))
    return [
        ("assign: a million rows", ours, peer, one * (ROWS / len(some)))
        for peer, one in zip(PEERS, theirs, strict=True)
    ]


def show(rows: list[tuple[str, float, str, float]]) -> None:
    """The table: what was asked, how long each took, how many times as long the other took."""
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}, best of {TURNS} turns")
    print(f"{'case':<32}{'burgee':>12}   {'peer':<16}{'peer took':>12}{'ratio':>8}")
    for case, ours, peer, theirs in rows:
        print(f"{case:<32}{time_of(ours):>12}   {peer:<16}{time_of(theirs):>12}{theirs / ours:>8.2f}")


def time_of(seconds: float) -> str:
    """Seconds in a unit one can read."""
    return f"{seconds * 1e6:.2f} µs" if seconds < 1e-3 else f"{seconds:.3f} s"


if __name__ == "__main__":
    main()
