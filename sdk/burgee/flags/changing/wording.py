"""A flag's state in plain words: names of rules, and what an audit compares before and after."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime

from burgee.core.json import Json
from burgee.flags.model import Clause, Condition, FlagState, Holdout, Ramp, Rule, Schedule, Slice

_VALUES_SHOWN = 3
_LONGEST_NAME = 200
_WHOLE = 100.0


def rule_name(conditions: Sequence[Clause], taken: AbstractSet[str]) -> str:
    """What the rule says, in words short enough for a table, and another name than those taken."""
    name = " and ".join(map(_words, conditions))
    if len(name) > _LONGEST_NAME:
        name = f"{name[:_LONGEST_NAME]}…"
    number, unique = 1, name
    while unique in taken:
        number += 1
        unique = f"{name} ({number})"
    return unique


def audited(state: FlagState | None) -> dict[str, Json]:
    """What the audit compares before and after: plain words, one for each thing that can change."""
    if state is None:
        return {
            "rules": [],
            "archived": False,
            "killed": False,
            "description": "",
            "values": {},
            "prerequisites": {},
            "holdout": None,
            "layer": None,
            "schedule": None,
            "ramp": None,
            "schema": None,
        }
    return {
        "enabled": state.enabled,
        "killed": state.killed,
        "rollout": state.rollout,
        "ramp": ramp_words(state.ramp),
        "variants": {variant.name: variant.weight for variant in state.variants},
        "values": {variant.name: variant.value for variant in state.variants if variant.value != variant.name},
        "default": state.default,
        "schema": state.schema,
        "rules": [f"{_told(rule)} -> {serve_words(rule)}" for rule in state.rules],
        "prerequisites": {one.flag: list(one.variants) for one in state.prerequisites},
        "holdout": holdout_words(state.holdout),
        "layer": slice_words(state.slice),
        "schedule": schedule_words(state.schedule),
        "archived": state.archived,
        "description": state.description,
        **{f"override {id}": name for id, name in state.overrides.items()},
    }


def serve_words(rule: Rule) -> str:
    """What a rule serves, to how many of those who meet it, and when."""
    if rule.split is None:
        served = str(rule.serve)
    else:
        served = " / ".join(f"{name} {share:g}" for name, share in rule.split.shares)
        more = {"by": rule.split.by if rule.split.by != "id" else None, "salt": rule.split.salt}
        served += "".join(f", {word} {value}" for word, value in more.items() if value is not None)
    share = f" for {rule.percent:g} %" if rule.percent < _WHOLE else ""
    times = f" {schedule_words(rule.schedule)}" if rule.schedule is not None else ""
    return f"{served}{share}{times}"


def holdout_words(holdout: Holdout | None) -> str | None:
    """Who is held out."""
    return None if holdout is None else f"{holdout.name} {holdout.percent:g} %"


def slice_words(part: Slice | None) -> str | None:
    """The part of a layer."""
    return None if part is None else f"{part.layer} {part.low:g} to {part.high:g} %"


def schedule_words(schedule: Schedule | None) -> str | None:
    """When it is on."""
    if schedule is None:
        return None
    start = "" if schedule.start is None else f"from {_time(schedule.start)}"
    end = "" if schedule.end is None else f"until {_time(schedule.end)}"
    return " ".join(filter(None, (start, end)))


def ramp_words(ramp: Ramp | None) -> str | None:
    """How the rollout moves."""
    if ramp is None:
        return None
    return f"{ramp.low:g} % at {_time(ramp.start)} to {ramp.high:g} % at {_time(ramp.end)}"


def _time(moment: datetime) -> str:
    return moment.isoformat(sep=" ").replace("+00:00", "Z").replace(" 00:00:00Z", "")


def _told(rule: Rule) -> str:
    """The rule's name, and its conditions where the name does not say them whole."""
    whole = " and ".join(_words(clause, shown=None) for clause in rule.conditions)
    said = rule.name == whole or (rule.name.startswith(f"{whole} (") and rule.name.endswith(")"))
    return rule.name if said else f"{rule.name} ({whole})"


def _words(clause: Clause, shown: int | None = _VALUES_SHOWN) -> str:
    if isinstance(clause, Condition):
        return _condition_words(clause, shown)
    between = " and " if clause.match == "all" else " or "
    inside = between.join(_words(one, shown) for one in clause.clauses)
    return f"not ({inside})" if clause.match == "not" else f"({inside})"


def _condition_words(condition: Condition, shown: int | None) -> str:
    value = condition.value
    if value is None:
        return f"{condition.attribute} {condition.op}"
    if isinstance(value, tuple):
        more = f", … {len(value)}" if shown is not None and len(value) > shown else ""
        return f"{condition.attribute} {condition.op} {', '.join(map(str, value[:shown]))}{more}"
    return f"{condition.attribute} {condition.op} {value}"
