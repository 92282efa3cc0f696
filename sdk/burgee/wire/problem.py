"""Errors over HTTP: `application/problem+json` (RFC 9457), and back as the same class.

Members beyond the RFC's: `code` names the class, `details` holds its attributes, `hints` what to do
about it, `request_id` where to look in the server's log.
"""

from collections.abc import Mapping

from burgee.core.errors import (
    AuthenticationError,
    BurgeeError,
    ConflictError,
    InvalidInputError,
    NotFoundError,
    PermissionDeniedError,
    ServerFailureError,
)
from burgee.core.json import dumps, loads

MEDIA_TYPE = "application/problem+json"

_BY_STATUS: Mapping[int, type[BurgeeError]] = {
    400: InvalidInputError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    413: InvalidInputError,
    422: InvalidInputError,
}


def to_problem(error: BurgeeError, request_id: str | None) -> bytes:
    """The error as a JSON document."""
    problem = {
        "type": f"urn:burgee:{error.code}",
        "title": error.code.replace("-", " "),
        "status": error.status,
        "detail": error.message,
        "code": error.code,
        "details": error.details,
        "hints": error.hints,
        "request_id": request_id,
    }
    return dumps(problem, what="error").encode()


def from_problem(status: int, body: bytes, request_id: str | None) -> BurgeeError:
    """The error again. What did not come from burgee (a proxy's page, say) becomes the nearest class."""
    try:
        problem = loads(body)
    except ValueError:
        problem = None
    if isinstance(problem, dict) and isinstance(problem.get("code"), str):
        kind = BurgeeError.kinds.get(problem["code"], _BY_STATUS.get(status, ServerFailureError))
        details, hints = problem.get("details"), problem.get("hints")
        return kind.rebuild(
            str(problem.get("detail")),
            details if isinstance(details, dict) else {},
            [str(hint) for hint in hints] if isinstance(hints, list) else [],
            request_id,
        )
    text = body[:200].decode(errors="replace").strip()
    kind = _BY_STATUS.get(status, ServerFailureError)
    return kind.rebuild(f"the server answered {status}: {text or 'nothing'}", {}, request_id=request_id)


def unexpected(asked: str, request_id: str | None) -> ServerFailureError:
    """The answer is none that this burgee knows."""
    error = ServerFailureError(
        f"the server's answer to {asked} is not what this burgee expects",
        hint="is this address a burgee server, and of a version that fits?",
    )
    error.request_id = request_id
    return error
