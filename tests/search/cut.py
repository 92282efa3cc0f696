"""What this thread sends by HTTP, cut in the middle: half of a given one goes out before something happens.

Headers and body of a request are sent one after the other, so a cut is within a request or between two.
"""

import threading
from collections.abc import Callable
from http.client import HTTPConnection
from typing import Any

_here = threading.local()
_send = HTTPConnection.send


def cut(at: int, act: Callable[[], object]) -> None:
    """Act in the middle of what is sent as the one of this number, counted from now on."""
    HTTPConnection.send = _counted  # type: ignore[assignment,method-assign]
    _here.left, _here.act, _here.sent = at, act, 0


def sent() -> int:
    """How many were sent since `cut`, which is over."""
    _here.left = 0
    return int(_here.sent)


def _counted(connection: HTTPConnection, data: Any) -> None:
    if getattr(_here, "left", 0):
        _here.left -= 1
        _here.sent += 1
        if not _here.left:
            half = len(data) // 2
            _send(connection, data[:half])
            _here.act()
            data = data[half:]
    _send(connection, data)
