r"""Patterns of keys: `user:*`, `user:?`, `user:[ab]`, `user:[a-c]`, `user:[^x]`; `\*` is a star.

They are the globs of Redis, read by one function for all providers, so that they mean the same everywhere: Redis is
asked only for what begins as the pattern does.
"""

import re
from functools import lru_cache

from burgee.core.errors import InvalidInputError

_SPECIAL = re.compile(r"([*?\[\]^\\-])")


@lru_cache(maxsize=256)
def matcher(pattern: str) -> re.Pattern[str]:
    """The pattern as a regular expression of whole keys."""
    parts: list[str] = []
    at = 0
    while at < len(pattern):
        letter = pattern[at]
        if letter == "*":
            parts.append(".*")
        elif letter == "?":
            parts.append(".")
        elif letter == "\\" and at + 1 < len(pattern):
            at += 1
            parts.append(re.escape(pattern[at]))
        elif letter == "[":
            text, at = _class(pattern, at)
            parts.append(text)
        else:
            parts.append(re.escape(letter))
        at += 1
    return re.compile("".join(parts), re.DOTALL)


def literal(pattern: str) -> str:
    """What every key that the pattern matches begins with."""
    start: list[str] = []
    at = 0
    while at < len(pattern) and pattern[at] not in "*?[":
        if pattern[at] == "\\" and at + 1 < len(pattern):
            at += 1
        start.append(pattern[at])
        at += 1
    return "".join(start)


def escaped(text: str) -> str:
    """A pattern that matches this text and nothing else."""
    return _SPECIAL.sub(r"\\\1", text)


def _class(pattern: str, start: int) -> tuple[str, int]:
    """A class as a regular expression, and where it ends."""
    at = start + 1
    negated = pattern[at : at + 1] == "^"
    at += negated
    members: list[str] = []
    while at < len(pattern) and pattern[at] != "]":
        if pattern[at] == "\\" and at + 1 < len(pattern):
            at += 1
        first = last = pattern[at]
        if pattern[at + 1 : at + 2] == "-" and at + 2 < len(pattern) and pattern[at + 2] != "]":
            last = pattern[at + 2]
            at += 2
        low, high = sorted((first, last))
        members.append(f"{re.escape(low)}-{re.escape(high)}")
        at += 1
    if at >= len(pattern):
        raise InvalidInputError(
            f"the pattern {pattern!r} opens a '[' that it does not close", hint=r"a plain one is '\['"
        )
    if not members:
        return (".", at) if negated else ("(?!)", at)
    return f"[{'^' if negated else ''}{''.join(members)}]", at
