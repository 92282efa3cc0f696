"""Where an Elasticsearch is, how it is reached, and what its refusals mean.

    https://user:password@host:9200/?prefix=acme&api_key=…&ca=/etc/ssl/our-ca.pem

`prefix` begins all names that are used there, so that several workspaces can share it; `burgee` if it is not said.
`api_key`, in the form that Elasticsearch calls encoded, is instead of a user. `ca` names a file of certificates to
trust instead of the system's. There may be several hosts, with commas between. A login is in no error and no `repr`.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from burgee.core.errors import InvalidInputError, MissingExtraError, NotFoundError, did_you_mean
from burgee.search.errors import SearchUnavailableError

_OPTIONS = ("prefix", "api_key", "ca")
_PREFIX = re.compile(r"[a-z][a-z0-9-]{0,49}")
_PORT, _SECURE_PORT = 9200, 443
_CONNECTIONS = 20
_BAD_REQUEST, _REFUSED, _MISSING, _TOO_LARGE = 400, (401, 403), 404, 413


@dataclass(frozen=True, slots=True)
class Elastic:
    """A client of elasticsearch-py, where it goes (to be shown), and what names begin with there."""

    client: Any
    place: str
    prefix: str

    @contextmanager
    def asked(self, index: str = "") -> Iterator[None]:
        """Turn what goes wrong into our errors. `index` is the one that is missing if anything is.

        Raises:
            NotFoundError: there is no such index.
            SearchUnavailableError: no answer, or none in time, or the server can't or won't.
            InvalidInputError: the server finds that it can't be asked that.
        """
        try:
            yield
        except import_module("elasticsearch").ApiError as error:
            raise self.failure(index, error.meta.status, _reason(error.body)) from error
        except import_module("elasticsearch").TransportError as error:
            raise SearchUnavailableError(
                f"no answer from Elasticsearch at {self.place}: {error.message}", hint="is it running?"
            ) from error

    def failure(self, index: str, status: int, reason: str) -> Exception:
        """What a status of HTTP that is no success means."""
        if status == _MISSING:
            return NotFoundError("index", index)
        if status == _TOO_LARGE:
            return InvalidInputError(f"a document is larger than Elasticsearch at {self.place} takes")
        if status == _BAD_REQUEST:
            return InvalidInputError(f"Elasticsearch can't be asked that: {reason}")
        hint = "its URL needs another login: see burgee.search.elasticclient" if status in _REFUSED else None
        return SearchUnavailableError(f"Elasticsearch at {self.place} answered {status}: {reason}", hint=hint)


def connecting(url: str, timeout: float) -> Elastic:
    """A client for a URL, which is checked now; nothing is asked yet. It waits so long and never tries again."""
    try:
        elasticsearch = import_module("elasticsearch")
    except ImportError:
        raise MissingExtraError("search in Elasticsearch", "elasticsearch") from None
    try:
        parts = urlsplit(url)
        options = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
    except (AttributeError, TypeError, ValueError):
        raise InvalidInputError("this is no URL of an Elasticsearch", hint=_example()) from None
    if parts.scheme not in {"http", "https"} or parts.path.strip("/") or parts.fragment:
        raise InvalidInputError("this is no URL of an Elasticsearch", hint=_example())
    unknown = next((name for name in options if name not in _OPTIONS), None)
    if unknown is not None:
        raise InvalidInputError(
            f"a URL of an Elasticsearch has no option {unknown!r}",
            hint=did_you_mean(unknown, _OPTIONS, plural="options"),
        )
    prefix = options.get("prefix", "burgee")
    if not _PREFIX.fullmatch(prefix):
        raise InvalidInputError(
            f"the prefix {prefix!r} can't be used",
            hint="it is 1 to 50 small letters, digits and '-', and begins with a letter",
        )
    places = [f"{parts.scheme}://{host}" for host in _hosts(parts.netloc.rpartition("@")[2], parts.scheme)]
    arguments: dict[str, Any] = {"request_timeout": timeout, "max_retries": 0, "connections_per_node": _CONNECTIONS}
    arguments |= _login(parts.username, parts.password, options.get("api_key"))
    if "ca" in options:
        arguments["ca_certs"] = options["ca"]
    try:
        client = elasticsearch.Elasticsearch(places, **arguments)
    except (OSError, ValueError) as error:
        raise InvalidInputError(f"Elasticsearch can't be reached as its URL says: {error}", hint=_example()) from None
    return Elastic(client, ", ".join(places), prefix)


def _hosts(netloc: str, scheme: str) -> Iterator[str]:
    for place in netloc.split(","):
        host, colon, port = place.rpartition(":") if not place.endswith("]") else (place, "", "")
        host = host if colon else place
        port = port if colon else str(_SECURE_PORT if scheme == "https" else _PORT)
        if not host or not port.isdecimal() or not 0 < int(port) <= 65535:  # noqa: PLR2004
            raise InvalidInputError(f"{place!r} is no host:port", hint=_example())
        yield f"{host}:{port}"


def _login(user: str | None, password: str | None, api_key: str | None) -> dict[str, Any]:
    if user is not None and api_key is not None:
        raise InvalidInputError("a URL of an Elasticsearch has a user or an api_key, not both")
    if api_key is not None:
        return {"api_key": api_key}
    return {} if user is None else {"basic_auth": (unquote(user), unquote(password or ""))}


def _example() -> str:
    return "write https://user:password@host:9200/?prefix=burgee"


def _reason(body: object) -> str:
    """What the server says went wrong, the innermost cause first."""
    error = body.get("error") if isinstance(body, dict) else body
    return cause(error)


def cause(error: object) -> str:
    """What an error of Elasticsearch says, by its innermost cause."""
    if not isinstance(error, dict):
        return str(error)[:500]
    inner = error.get("caused_by") or next(iter(error.get("root_cause") or ()), None)
    if isinstance(inner, dict) and inner != error and inner.get("reason"):
        return cause({name: value for name, value in inner.items() if name != "root_cause"})
    return f"{error.get('type')}: {error.get('reason')}"[:500]
