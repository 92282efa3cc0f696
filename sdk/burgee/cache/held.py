"""How memory holds a value: so that whoever gets it can change it and the cache does not, at the least cost of a read.

All is made from the value's bytes, not from the value, which another thread may be changing. What nobody can change
is held as it is. Small flat lists and mappings are copied at each read; deeper ones are read from Python's own bytes
(marshal), in a third of the time that JSON takes: bytes that were made here and never leave this process. Frames are
held as tables of Arrow, which can't be changed; those that came as pandas frames are made anew at each read.
"""

import marshal
from collections.abc import Callable
from typing import Any, NamedTuple

from burgee.cache.serializers import Frames, Json, MsgPack, Serializer, Standard

_AS_THEY_ARE = (str, int, float, bool, bytes, type(None))
_FEW = 32  # items of a list or mapping that is held as one
_ITEM = 80  # bytes an item takes there, about
_VERSION = 2  # of marshal: two equal lists within a value stay two, as in JSON


class Held(NamedTuple):
    """What is held, what makes a value of it (None: it is the value), and how many bytes it takes, about."""

    what: Any
    read: Callable[[Any], Any] | None
    size: int


def held(value: object, body: bytes, serializer: Serializer[Any]) -> Held:
    """How a value is held whose bytes are these."""
    if type(value) in _AS_THEY_ARE:
        return Held(value, None, len(body))
    if type(value) in (dict, list) and (type(serializer) in (Json, MsgPack) or Standard.is_json(serializer, body)):
        return _container(serializer.load(body))
    if type(serializer) is Frames or Standard.is_frame(serializer, body):
        framed = body if type(serializer) is Frames else memoryview(body)[1:]
        return Held(Frames.table(framed), Frames.reader(framed), len(body))
    return Held(body, serializer.load, len(body))


def _container(made: dict[str, Any] | list[Any]) -> Held:
    items = made.values() if type(made) is dict else made
    if len(items) <= _FEW and all(type(item) in _AS_THEY_ARE for item in items):
        long = sum(len(item) for item in items if type(item) in (str, bytes))
        return Held(made, type(made).copy, long + _ITEM * len(items))
    data = marshal.dumps(made, _VERSION)
    return Held(data, marshal.loads, len(data))
