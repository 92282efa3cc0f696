"""What flagd serves, told from its definition alone: JsonLogic as its daemon evaluates it, with its own operations.

This stands apart from what is tested: no line of it knows a rule or a clause. Facts from flagd's `core/pkg/evaluator`
(json.go, fractional.go, semver.go, string_comparison.go) and from jsonlogic.com. Where the daemon and flagd's providers
in process differ (null within an `and`), it is as the latter, and as jsonlogic.com has it.
"""

import math
import re
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

from burgee.core.json import Json
from burgee.flags.changing.versions import precedence
from burgee.flags.evaluation.fractional import murmur3

type Value = Any


def flagd_serves(key: str, flag: Mapping[str, Any], context: Mapping[str, Json], now: int = 0) -> str | None:
    """The variant, by its name."""
    targeting = flag.get("targeting")
    if not targeting:
        return flag.get("defaultVariant")
    data = {**context, "$flagd": {"flagKey": key, "timestamp": now}}
    found = apply(targeting, data)
    if found is None:
        return flag.get("defaultVariant")
    name = str(found).lower() if isinstance(found, bool) else str(found)
    assert name in flag["variants"]
    return name


def apply(node: Value, data: Mapping[str, Any]) -> Value:
    """The value of a tree."""
    if isinstance(node, list):
        return [apply(one, data) for one in node]
    if not isinstance(node, dict):
        return node
    ((name, args),) = node.items()
    args = args if isinstance(args, list) else [args]
    if name in {"if", "and", "or"}:
        return _LAZY[name](args, data)
    values = [apply(one, data) for one in args]
    if name == "var":
        return _var(values, data)
    if name == "fractional":
        return _fractional(values, data)
    return _OPERATIONS[name](*values)


def _if(args: list[Value], data: Mapping[str, Any]) -> Value:
    for index in range(0, len(args) - 1, 2):
        if truthy(apply(args[index], data)):
            return apply(args[index + 1], data)
    return apply(args[-1], data) if len(args) % 2 else None


def _and(args: list[Value], data: Mapping[str, Any]) -> Value:
    value: Value = True
    for one in args:
        value = apply(one, data)
        if not truthy(value):
            return value
    return value


def _or(args: list[Value], data: Mapping[str, Any]) -> Value:
    value: Value = False
    for one in args:
        value = apply(one, data)
        if truthy(value):
            return value
    return value


def _var(values: list[Value], data: Mapping[str, Any]) -> Value:
    found: Value = data
    for part in values[0].split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return (values[1] if len(values) > 1 else None) if found is None else found


def truthy(value: Value) -> bool:
    return bool(value)


def number(value: Value) -> float:
    if isinstance(value, str):
        if not value.strip():
            return 0.0
        return float(value) if re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", value) else math.nan
    return float(value or 0)


def equals(left: Value, right: Value) -> bool:
    if left is None or right is None:
        return left is right
    both = isinstance(left, str) and isinstance(right, str)
    return bool(left == right) if both else number(left) == number(right)


def _same(left: Value, right: Value) -> bool:
    def kind(value: Value) -> type:
        return float if isinstance(value, int) and not isinstance(value, bool) else type(value)

    return kind(left) is kind(right) and bool(left == right)


def _less(left: Value, right: Value) -> bool:
    both = isinstance(left, str) and isinstance(right, str)
    return bool(left < right) if both else number(left) < number(right)


def _chain(holds: Callable[[Value, Value], bool]) -> Callable[..., bool]:
    return lambda *values: all(holds(one, other) for one, other in pairwise(values))


def _in(needle: Value, hay: Value) -> bool:
    if isinstance(hay, str):
        return isinstance(needle, str) and needle in hay
    return isinstance(hay, list) and any(_same(needle, one) for one in hay)


def _texts(holds: Callable[[str, str], bool]) -> Callable[[Value, Value], bool | None]:
    return lambda text, part: holds(text, part) if isinstance(text, str) and isinstance(part, str) else None


def _sem_ver(left: Value, sign: str, right: str) -> bool | None:
    one, other = _version(left), _version(right)
    if one is None or other is None:
        return None
    if sign in {"^", "~"}:
        parts = 1 if sign == "^" else 2
        return bool(one[:parts] == other[:parts])
    return _SIGNS[sign](one, other)


def _version(text: Value) -> Any:
    if not isinstance(text, str):
        return None
    bare = text.removeprefix("v")
    return precedence(bare if bare.count(".") > 1 else f"{bare}{'.0' * (2 - bare.count('.'))}")


def _fractional(values: list[Value], data: Mapping[str, Any]) -> Value:
    by, buckets = values[0], values[1:]
    if not isinstance(by, str):
        buckets = buckets if by is None else values
        if not isinstance(data.get("targetingKey"), str) or any(not isinstance(one, list) for one in buckets):
            return None
        by = data["$flagd"]["flagKey"] + data["targetingKey"]
    weights = [one[1] if len(one) > 1 and one[1] is not None else 1 for one in buckets]
    place, end = (murmur3(by.encode()) * sum(weights)) >> 32, 0
    for bucket, weight in zip(buckets, weights, strict=True):
        end += weight
        if place < end:
            return bucket[0]
    return None


def _cat(*values: Value) -> str:
    return "".join("" if value is None else str(value) for value in values).strip()


_LAZY = {"if": _if, "and": _and, "or": _or}
_SIGNS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda one, other: one == other,
    "!=": lambda one, other: one != other,
    "<": lambda one, other: one < other,
    "<=": lambda one, other: one <= other,
    ">": lambda one, other: one > other,
    ">=": lambda one, other: one >= other,
}
_OPERATIONS: dict[str, Callable[..., Value]] = {
    "==": equals,
    "!=": lambda one, other: not equals(one, other),
    "===": _same,
    "!==": lambda one, other: not _same(one, other),
    "<": _chain(_less),
    "<=": _chain(lambda one, other: _less(one, other) or equals(one, other)),
    ">": _chain(lambda one, other: _less(other, one)),
    ">=": _chain(lambda one, other: _less(other, one) or equals(one, other)),
    "!": lambda value=None: not truthy(value),
    "!!": lambda value=None: truthy(value),
    "in": _in,
    "cat": _cat,
    "starts_with": _texts(str.startswith),
    "ends_with": _texts(str.endswith),
    "sem_ver": _sem_ver,
}
