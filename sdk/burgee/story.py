"""The story that `burgee demo` tells, in chapters: events come in, a flag is rolled out, and what there is to see.

It uses burgee as anybody would, through the public objects. It is its own room so that `demo` can be about folders,
files and printing.
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import pandas as pd

from burgee.analytics.payload import METADATA, STANDARD
from burgee.core.clock import ManualClock
from burgee.core.display import Sheet
from burgee.core.errors import MissingExtraError
from burgee.core.periods import fitting_period
from burgee.flags.facade import Flag
from burgee.flags.model import FlagChange, Reason, conditions_in
from burgee.report import Code, Facts, Part
from burgee.workspace import Tenant

if TYPE_CHECKING:
    from burgee.notebook.figures import Plot

KEY = "one-page-checkout"
EXPOSURE = "flag.exposure"
ROLLOUT = ((5, "a first look, with few"), (25, "a week without complaints"), (50, "enough users to compare"))
"""The steps of the rollout, in percent, a week apart, and the words that go with them."""

_MOST_VALUES = 12  # of a column that is good for targeting
_MOST_TYPES = 12
_MIDDLE_95 = 1.96  # standard deviations

type Chapter = tuple[str, list[Part]]


@dataclass(frozen=True, slots=True)
class Data:
    """The events as a frame, their users (what the first event of each says of them), and the funnel's steps.

    `source` is what the events are of, `code` the line that brought them in.
    """

    events: pd.DataFrame
    users: pd.DataFrame
    steps: tuple[str, ...]
    source: str
    code: str


def tell(demo: Tenant, data: Data, clock: ManualClock) -> Iterator[Chapter]:
    """The chapters, each told when it has happened."""
    yield _arrival(demo, data)
    flag = _roll_out(demo, data, clock)
    yield _rollout(flag, data)
    yield _assignment(flag, data)
    if len(data.steps) > 1:
        yield _funnel(demo, data)
    yield _comparison(demo, flag, data)
    yield _audit(flag)


def _arrival(demo: Tenant, data: Data) -> Chapter:
    events, users = data.events, data.users
    first, last = events["occurred_at"].min(), events["occurred_at"].max()
    kinds = events.groupby("type", observed=True)["stream"].agg(["size", "nunique"])
    kinds = kinds.sort_values("size", ascending=False, kind="stable")
    rows = [(kind, int(size), int(of_users)) for kind, size, of_users in kinds.itertuples(name=None)]
    note = f"and {len(rows) - _MOST_TYPES} types more" if len(rows) > _MOST_TYPES else ""
    words = (
        f"{len(events):,} events of {len(users):,} users came in, {first:%Y-%m-%d} to {last:%Y-%m-%d}. "
        "Importing the same rows again would store nothing twice."
    )
    counts = demo.events.query(data.steps).per(fitting_period((last - first).days)).by("type")
    sheet = Sheet("Events by type", ("type", "events", "users"), rows[:_MOST_TYPES], note)
    return "What came in", [words, Code(data.code), sheet, *_drawn(counts.plot)]


def _roll_out(demo: Tenant, data: Data, clock: ManualClock) -> Flag:
    """Create the flag, target it, and raise its rollout in steps, a week apart."""
    attribute, op, value = _audience(data)
    flag = demo.flags.create(
        KEY, variants={"control": 50, "treatment": 50}, rollout=0, description="A checkout on one page",
        why="will more of them come to the end?",
    )  # fmt: skip
    clock.advance(days=2)
    flag = flag.target(attribute, op, value, serve="treatment", name="first", why="these agreed to try it")
    clock.advance(days=2)
    flag = flag.enable(why="it is ready")
    clock.advance(days=3)
    for percent, why in ROLLOUT:
        flag = flag.rollout(percent, why=why)
        clock.advance(weeks=1)
    return flag


def _audience(data: Data) -> tuple[str, str, object]:
    """Whom to serve first: the smallest group by something known of every user; or else three users by name."""
    for name in data.users.columns:
        column = data.users[name]
        if name in {*STANDARD, METADATA} or not pd.api.types.is_string_dtype(column):
            continue
        few = column.notna().all() and 1 < column.nunique() <= _MOST_VALUES
        if few and data.events.groupby("stream")[name].nunique(dropna=False).max() == 1:
            return str(name), "eq", str(column.value_counts().idxmin())
    return "id", "in", list(data.users["stream"].head(3))


def _rollout(flag: Flag, data: Data) -> Chapter:
    rows: list[tuple[object, ...]] = []
    before = pd.Series(False, index=data.users.index)
    for change in flag.history():
        if change.change == "rollout":
            inside = _served(flag.at(change.version), data)["reason"] == Reason.SPLIT
            came, left = int((inside & ~before).sum()), int((before & ~inside).sum())
            rows.append((f"{change.state.rollout:g} %", int(inside.sum()), came, left, change.why))
            before = inside
    words = (
        f"The flag {flag.key} splits the users it lets in half and half. Its rollout was raised in steps, as words in "
        "its history tell. A raise lets more in and puts nobody out: who has seen the new thing keeps it. "
        "(The demo sets its own clock, so that the steps lie a week apart.)"
    )
    rule = next(conditions_in(flag.state.rules[0].conditions))
    code = Code(
        f'flag = demo.flags.create("{KEY}", variants={{"control": 50, "treatment": 50}}, rollout=0)\n'
        f'flag = flag.target({_typed(rule.attribute)}, "{rule.op}", {_typed(rule.value)}, serve="treatment").enable()\n'
        f'flag = flag.rollout({ROLLOUT[0][0]}, why="{ROLLOUT[0][1]}")'
    )
    sheet = Sheet("The rollout", ("rollout", "users in it", "new", "put out", "why"), rows)
    return "A flag, rolled out in steps", [words, code, sheet]


def _assignment(flag: Flag, data: Data) -> Chapter:
    served = _served(flag, data)
    names = {Reason.SPLIT: "in the rollout: by weight", Reason.DEFAULT: "not in the rollout: the default"}
    why = served["reason"].astype(object).map(lambda reason: names.get(reason, reason))
    rule = flag.state.rules[0]
    why = why.mask(served["rule"].notna(), f"rule: {', '.join(map(str, rule.conditions))}")
    sizes = served.groupby([served["variant"].astype(str), why]).size().rename("users").reset_index()
    shares = (100 * sizes["users"] / len(served)).round(1)
    rows = list(zip(sizes["variant"], sizes["reason"], sizes["users"], shares, strict=True))
    words = (
        f"flag.assign(users) answers for {len(served):,} users at once what each is served, and why. "
        "The same user always gets the same answer; any warehouse can compute it too."
    )
    sheet = Sheet("What the users are served", ("variant", "why", "users", "share, %"), rows)
    return "Who is served what, and why", [
        words,
        Code('flag.assign(users, by="stream")'),
        sheet,
        *_drawn(lambda: flag.plot(data.users, by="stream")),
    ]


def _served(flag: Flag, data: Data) -> pd.DataFrame:
    return flag.assign(data.users, by="stream")


def _funnel(demo: Tenant, data: Data) -> Chapter:
    funnel = demo.events.query().funnel(data.steps)
    frame = funnel.frame()
    shares = (round(100 * frame[name].fillna(0), 1) for name in ("conversion", "step_conversion"))
    rows = [(step, int(count), *two) for step, count, *two in zip(frame["step"], frame["count"], *shares, strict=True)]
    (first, all_of_them, *_), (last, came, *_) = rows[0], rows[-1]
    words = f"{came:,} of {all_of_them:,} users went from {first} all the way to {last}, in this order."
    sheet = Sheet("The funnel", ("step", "users", "of the first, %", "of the step before, %"), rows)
    return "The funnel of all users", [
        words,
        Code(f"demo.events.query().funnel({_typed(data.steps)})"),
        sheet,
        *_drawn(funnel.plot),
    ]


def _comparison(demo: Tenant, flag: Flag, data: Data) -> Chapter:
    """The funnel by variant: who was shown what is an event like any other, and the funnel is split by it."""
    served = _served(flag, data)
    chance = served["reason"] == Reason.SPLIT  # a rule's users did not come to their variant by chance
    shown = data.users[chance]
    if not len(shown):  # then there is no exposure in the log to ask about
        names = Sheet("The funnel by variant", ["step"], [[step] for step in (EXPOSURE, *data.steps)])
        return "The funnel by variant", [names, _verdict({}, data.steps[-1])]
    exposures = pd.DataFrame(
        {
            "user": shown["stream"],
            "type": EXPOSURE,
            "time": shown["occurred_at"] - timedelta(seconds=1),
            "flag": flag.key,
            "variant": served["variant"][chance].astype(str),
        }
    )
    demo.events.ingest(exposures, stream="user", type="type", time="time")
    funnel = demo.events.query().funnel([EXPOSURE, *data.steps], split="variant")
    frame = funnel.frame()
    counts = {str(name): [int(count) for count in part["count"]] for name, part in frame.groupby("variant", sort=False)}
    rows: list[list[object]] = []
    for number, step in enumerate([EXPOSURE, *data.steps]):
        rows.append([step])
        for steps in counts.values():
            rows[-1] += [steps[number], round(100 * steps[number] / steps[0], 1)]
    words = (
        f"For each of the {len(shown):,} users in the rollout an event {EXPOSURE}, a second before their first own, "
        "says what they were shown, and the funnel is split by it. Users of the rule are left out: it was not chance "
        "that brought them to their variant."
    )
    columns = ["step", *(word for name in counts for word in (name, f"{name}, %"))]
    verdict = _verdict(counts, data.steps[-1])
    sheet = Sheet("The funnel by variant", columns, rows)
    return "The funnel by variant", [
        words,
        Code(f'demo.events.query().funnel({_typed([EXPOSURE, *data.steps])}, split="variant")'),
        sheet,
        verdict,
        *_drawn(funnel.plot),
    ]


def _verdict(counts: Mapping[str, Sequence[int]], last: str) -> str:
    """What the comparison says, with the 95 % interval of the difference by Agresti and Caffo.

    One success and one failure are added to each side, then the normal interval is taken (A. Agresti, B. Caffo,
    "Simple and effective confidence intervals for proportions and differences of proportions", The American
    Statistician 54, 2000).
    """
    if len(counts) != 2:  # noqa: PLR2004 - two variants
        return "There are too few users in the rollout to compare variants."
    sides = {name: ((steps[-1] + 1) / (steps[0] + 2), steps[0] + 2) for name, steps in counts.items()}
    (control, a), (treatment, b) = sides["control"], sides["treatment"]
    middle = treatment - control
    margin = _MIDDLE_95 * math.sqrt(control * (1 - control) / a + treatment * (1 - treatment) / b)
    shares = [f"{100 * steps[-1] / steps[0]:.1f} % with {name}" for name, steps in counts.items()]
    low, high = 100 * (middle - margin), 100 * (middle + margin)
    odd = low > 0 or high < 0
    chance = "it is chance all the same, as one comparison in twenty shows it" if odd else "chance alone does as much"
    said = f"{' and '.join(shares)} came to {last}. The difference is between {low:+.1f} and {high:+.1f} points"
    return f"{said} (95 % interval). None of these users ever saw the flag, so {chance}."


def _audit(flag: Flag) -> Chapter:
    rows = [(one.version, one.at, one.actor, _told(one), one.why) for one in flag.history()]
    words = (
        "Every change is an event: who, when, what and why. "
        "flag.at(3) is the flag as it was, flag.revert(to=3) brings that back; both are there for good."
    )
    return "Who changed what, when and why", [
        words,
        Code("flag.history().frame()"),
        Sheet("History", ("version", "at", "who", "what", "why"), rows),
    ]


def glance(demo: Tenant, data: Data) -> Facts:
    """The numbers that stand out, when all is told."""
    flag = demo.flags[KEY]
    inside = int((_served(flag, data)["reason"] == Reason.SPLIT).sum())
    facts = [
        ("events", f"{len(data.events):,}"),
        ("users", f"{len(data.users):,}"),
        ("rollout", f"{flag.state.rollout:g} %"),
        ("users in the rollout", f"{inside:,}"),
    ]
    if len(data.steps) > 1:
        funnel = demo.events.query().funnel(data.steps).frame()
        facts.append((f"came to {data.steps[-1]}", f"{100 * funnel['conversion'].iloc[-1]:.1f} %"))
    return Facts(facts)


def _told(change: FlagChange) -> str:
    """A change in words."""
    match change.change:
        case "rollout":
            return f"rollout {change.state.rollout:g} %"
        case "target":
            return f"rule: {'; '.join(', '.join(map(str, rule.conditions)) for rule in change.state.rules)}"
        case other:
            return other


def _typed(value: object) -> str:
    """A value as it is typed in Python, in double quotes."""
    return json.dumps(value, ensure_ascii=False)


def _drawn(draw: "Callable[[], Plot]") -> "list[Plot]":
    """The plot, or none where matplotlib is not installed."""
    try:
        return [draw()]
    except MissingExtraError:
        return []
