"""Server-sent events as bytes: what is sent arrives, cut wherever it may be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burgee.wire import sse
from burgee.wire.sse import Message

lines = st.text(st.characters(exclude_characters="\r\0", exclude_categories=["Cs"]), max_size=20)
names = st.text("abcxyz", min_size=1, max_size=5)
numbers = st.integers(0, 10**12).map(str)
messages = st.lists(st.builds(Message, lines.filter(bool), names, numbers), max_size=5)


def cut(body: bytes, places: list[int]) -> list[bytes]:
    ends = sorted({place % (len(body) + 1) for place in places})
    return [body[start:end] for start, end in zip([0, *ends], [*ends, len(body)], strict=True)]


def read(*pieces: bytes) -> list[Message]:
    reader = sse.Reader()
    return [message for piece in pieces for message in reader.feed(piece)]


@given(messages, st.lists(st.integers(0, 10_000), max_size=8), st.sampled_from(["\n", "\r\n", "\r"]))
def test_messages_arrive_as_they_were_sent_whatever_the_pieces_and_line_ends(
    sent: list[Message], places: list[int], end: str
) -> None:
    body = b"".join(sse.encode(m.data, event=m.event, id=m.id, comment="c") for m in sent)
    assert read(*cut(body.replace(b"\n", end.encode()), places)) == sent


def test_a_comment_is_no_message_and_a_place_alone_is_remembered() -> None:
    assert read(b": nothing new\n", b"id: 7\n\n", b"data: x\n\n") == [Message(id="7"), Message("x", id="7")]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"data: first\ndata: second\n\n", [Message("first\nsecond")]),
        (b"data:x\nretry: 10\nunknown: y\n\n", [Message("x")]),
        (b"\xef\xbb\xbfdata: x\n\n", [Message("x")]),
        (b"data: cut off", []),
        (b"id: 1\nid: a\0b\ndata: x\n\n", [Message("x", id="1")]),
        ("data: \u2028\u0085\n\n".encode(), [Message("\u2028\u0085")]),
        (b"data: \xff\n\n", [Message("\ufffd")]),
        (b"data\n\n", [Message("")]),
    ],
)
def test_what_the_standard_says_of_odd_lines(body: bytes, expected: list[Message]) -> None:
    assert read(body) == expected
    assert read(*(bytes([byte]) for byte in body)) == expected
