"""Bodies of JSON as the server reads them, on its event loop: what would hold it up is refused before.

Of a body that is too deep pydantic takes seconds to say so, as it tries each way of reading each of its values, and of
one where a million values are wrong it would tell each.
"""

import json
from collections.abc import Callable, Coroutine
from typing import Any, override

from fastapi import HTTPException, Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, ModelWrapValidatorHandler, ValidationError
from pydantic_core import PydanticCustomError

from burgee.core.json import DEEPEST, is_too_deep

_UNREADABLE = 422
_MOST_WRONG = 1000


class JsonRoute(APIRoute):
    """A route whose body is JSON."""

    @override
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_read(request: Request) -> Response:
            return await handle(_Read(request.scope, request.receive))

        return handle_read


def few_wrong(body: object, handle: ModelWrapValidatorHandler[BaseModel]) -> BaseModel:
    """Refuse a body with many thousand wrong values by their number: to tell of each takes seconds, and gigabytes."""
    try:
        return handle(body)
    except ValidationError as error:
        wrong = error.error_count()
        if wrong > _MOST_WRONG:
            raise PydanticCustomError("many", "{wrong} values of the body are wrong", {"wrong": wrong}) from None
        raise


class _Read(Request):
    @override
    async def json(self) -> Any:
        text = (await self.body()).decode()
        if is_too_deep(text):
            raise HTTPException(_UNREADABLE, f"more than {DEEPEST} lists and objects stand in one another")
        return json.loads(text)
