"""Server-sent events as bytes, both ways (WHATWG HTML, section 9.2, "Server-sent events").

A message with an `id` and no `data` is dispatched to nobody, but remembered as the place to go on from: so
a heartbeat also says how far the server has read, where nothing of it was wanted.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

MEDIA_TYPE = "text/event-stream"

LAST_ID = "Last-Event-ID"
"""The header that says from where to go on."""

_LINE_END = re.compile(rb"\r\n|\n|\r")
_MARK = b"\xef\xbb\xbf"  # a byte order mark may stand at the very beginning


@dataclass(frozen=True, slots=True)
class Message:
    """One message. Without `data` there is only a place to remember."""

    data: str = ""
    event: str = "message"
    id: str = ""


def encode(data: str = "", *, event: str = "", id: str = "", comment: str = "") -> bytes:
    """One message as it is sent."""
    lines = [f": {comment}"] if comment else []
    lines += [f"id: {id}"] if id else []
    if data:
        lines += [f"event: {event}"] if event else []
        lines += [f"data: {line.decode()}" for line in _LINE_END.split(data.encode())]
    return ("\n".join(lines) + "\n\n").encode()


class Reader:
    """Reads messages out of bytes, cut wherever they may be."""

    def __init__(self) -> None:
        self._rest = b""
        self._begun = self._returned = False
        self._id = ""
        self._event = ""
        self._data: list[str] = []

    def feed(self, piece: bytes) -> list[Message]:
        """The messages that are whole by now."""
        found = []
        for line in self._lines(piece):
            if line:
                self._field(line)
            else:
                found.append(Message("\n".join(self._data), self._event or "message", self._id))
                self._event, self._data = "", []
        return found

    def _lines(self, piece: bytes) -> Iterator[str]:
        self._rest += piece
        if not self._begun:
            if len(self._rest) < len(_MARK) and _MARK.startswith(self._rest):
                return
            self._begun, self._rest = True, self._rest.removeprefix(_MARK)
        if self._returned:  # the line ended with the last piece; a line feed now belongs to its end
            self._rest = self._rest.removeprefix(b"\n")
        *lines, rest = _LINE_END.split(self._rest)
        self._returned = self._rest.endswith(b"\r") or (self._returned and not self._rest)
        self._rest = rest
        for line in lines:
            yield line.decode(errors="replace")

    def _field(self, line: str) -> None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match name:
            case "data":
                self._data.append(value)
            case "event":
                self._event = value
            case "id" if "\0" not in value:
                self._id = value
