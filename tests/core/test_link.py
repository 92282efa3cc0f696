"""What an error shows of the way it took: in a notebook each frame of it is five lines to read."""

import traceback

import pytest

import burgee
from burgee.core.errors import BurgeeError, InvalidInputError
from burgee.core.link import Link
from burgee.core.result import Err, Result


def frames(error: BurgeeError) -> list[str]:
    return [frame.name for frame in traceback.extract_tb(error.__traceback__)]


def deep(levels: int) -> InvalidInputError:
    """An error that was raised far below."""

    def fall(left: int) -> None:
        if left == 0:
            raise InvalidInputError("no")
        fall(left - 1)

    try:
        fall(levels)
    except InvalidInputError as error:
        return error
    raise AssertionError


async def answered() -> Result[int, InvalidInputError]:
    return Err(deep(20))


async def raised() -> Result[int, InvalidInputError]:
    raise deep(20) from KeyError("below")


def test_an_error_that_is_answered_begins_where_it_is_unwrapped() -> None:
    with pytest.raises(InvalidInputError) as caught:
        Link(inline=True).call(answered())
    assert frames(caught.value)[1:] == ["call", "unwrap"]


@pytest.mark.parametrize("inline", [True, False], ids=["driven", "on the portal"])
def test_an_error_that_is_raised_begins_at_the_call_and_keeps_its_cause(inline: bool) -> None:
    with pytest.raises(InvalidInputError) as caught:
        Link(inline=inline).call(raised())
    assert frames(caught.value)[1:] == ["call"]
    assert isinstance(caught.value.__cause__, KeyError)


def test_a_misspelt_field_of_a_search_shows_the_facade_and_nothing_of_the_engine() -> None:
    with burgee.open("memory://") as ws:
        search = ws.tenants.create("acme").search
        index = search.index("shoes", [{"id": "1", "title": "red"}], mapping={"title": "text"})
        with pytest.raises(InvalidInputError, match="there is no field 'titel'") as caught:
            index.filter(titel="red").frame()
    assert frames(caught.value)[1:] == ["frame", "ask", "_page", "call", "unwrap"]
