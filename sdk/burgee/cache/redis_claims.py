"""Claims in Redis: who makes the value of a key, as a part of the entry itself (see `envelope`).

Each step is one script, which Redis runs whole. The time is Redis's own, so that clocks that differ do no harm.
"""

import uuid
from collections.abc import Callable
from typing import override

from burgee.cache.envelope import CLAIM, HEAD, UNCLAIMED, VERSION
from burgee.cache.protocol import Claim

_WHO = 16
"""Letters that tell a claim from others."""

_ENTRY = f"""
local kind = redis.call("type", KEYS[1]).ok
if kind ~= "string" and kind ~= "none" then redis.call("unlink", KEYS[1]) end
local entry = redis.call("strlen", KEYS[1]) >= {HEAD}
local function last(milliseconds)
    if redis.call("pttl", KEYS[1]) < tonumber(milliseconds) then redis.call("pexpire", KEYS[1], milliseconds) end
end
local function until_then(milliseconds)
    local now = redis.call("time")
    return string.format("%013.0f", now[1] * 1000 + math.floor(now[2] / 1000) + milliseconds)
end
local mine = redis.call("getrange", KEYS[1], 1, {_WHO}) == ARGV[1]
"""

TAKE = f"""{_ENTRY}
local head = redis.call("getrange", KEYS[1], 0, {CLAIM})
local known = head:byte(1) == {VERSION}
if known and (tonumber(head:sub({_WHO + 2})) or 0) > tonumber(until_then(0)) then return 0 end
if known and entry then
    redis.call("setrange", KEYS[1], 1, ARGV[1] .. until_then(ARGV[2]))
    last(ARGV[2])
else
    redis.call("set", KEYS[1], string.char({VERSION}) .. ARGV[1] .. until_then(ARGV[2]), "px", ARGV[2])
end
return 1
"""

RENEW = f"""{_ENTRY}
if not mine then return 0 end
redis.call("setrange", KEYS[1], {1 + _WHO}, until_then(ARGV[2]))
last(ARGV[2])
return 1
"""

KEEP = f"""{_ENTRY}
if not mine then return 0 end
if ARGV[2] == "" then redis.call("unlink", KEYS[1]) else redis.call("set", KEYS[1], ARGV[2], "px", ARGV[3]) end
return 1
"""
"""Nothing to be stored is a value that is too large: the entry goes."""

RELEASE = f"""{_ENTRY}
if not mine then return 0 end
if entry then redis.call("setrange", KEYS[1], 1, "{UNCLAIMED.decode()}") else redis.call("unlink", KEYS[1]) end
return 1
"""

type Run = Callable[[str, bool, float, tuple[object, ...]], bool]
"""Runs a script on the key: whether the tags are to name it as well, for how many seconds, and what it is given."""


class RedisClaim[T](Claim[T]):
    """A claim on a key in Redis.

    Args:
        run: runs a script on the key.
        seconds: for how long it is had, unless renewed.
        made: gives a value's bytes, and for how many seconds it is stored; no bytes if it is too large.
    """

    __slots__ = ("_made", "_open", "_run", "_seconds", "_who")

    def __init__(self, run: Run, seconds: float, made: Callable[[T, float | None], tuple[bytes, float]]) -> None:
        self._run, self._seconds, self._made = run, seconds, made
        self._who = uuid.uuid4().hex[:_WHO]
        self._open = False

    def take(self) -> bool:
        """Claim it, unless another has: whether it was claimed."""
        self._open = self._run(TAKE, True, self._seconds, (self._who, milliseconds(self._seconds)))
        return self._open

    @override
    def keep(self, value: T, ttl: float | None = None) -> bool:
        data, seconds = self._made(value, ttl)
        kept = self._run(KEEP, True, seconds, (self._who, data, milliseconds(seconds)))
        self._open = False
        return kept

    @override
    def renew(self) -> bool:
        return self._run(RENEW, True, self._seconds, (self._who, milliseconds(self._seconds)))

    @override
    def release(self) -> None:
        if self._open:
            self._open = False
            self._run(RELEASE, False, 0.0, (self._who,))


def milliseconds(seconds: float) -> int:
    """For Redis, which knows no time of none."""
    return max(1, int(seconds * 1000))
