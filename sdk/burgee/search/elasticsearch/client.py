"""Where an Elasticsearch is, how it is reached, and what its refusals mean.

    https://user:password@host:9200/?prefix=acme&api_key=…&ca=/etc/ssl/our-ca.pem

`prefix` begins all names that are used there, so that several workspaces can share it; `burgee` if it is not said.
`api_key`, encoded or as `id:key`, is instead of a user. `ca` says whom to trust instead of those whom everybody trusts:
a file of certificates, or the SHA-256 fingerprint of the server's certificate or of the one that signed it. There may
be several hosts, with commas between: one that can't be reached is made up for by the next. A path is that of a proxy.
A login is in no error and no `repr`.
"""

import ipaddress
import logging
import re
import socket
import ssl
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from pydantic import SecretStr

from burgee.core.errors import InvalidInputError, MissingExtraError, NotFoundError, did_you_mean
from burgee.search.errors import SearchRefusedError, SearchUnavailableError

_OPTIONS = ("prefix", "api_key", "ca")
_PREFIX = re.compile(r"[a-z][a-z0-9-]{0,49}")
_PATH = re.compile(r"(/[\w.~%-]+)*/?", re.ASCII)
_API_KEY = re.compile(r"[!-~]+")
_FINGERPRINT = re.compile(r"(?i)[0-9a-f]{2}(:?[0-9a-f]{2}){31}")
_PORT, _SECURE_PORT = 9200, 443
_CONNECTIONS = 20
_BAD_REQUEST, _NO_LOGIN, _MISSING, _TOO_LARGE = 400, 401, 404, 413
_LOGIN_HINT = "see to the login in BURGEE_SEARCH, or to BURGEE_SEARCH_API_KEY, and to its rights"
_CA_HINT = (
    "is it signed by an authority of your own? BURGEE_SEARCH_CA names the file of that one's certificate, "
    "or its SHA-256 fingerprint"
)
_LOOK_SECONDS = 1.0

_log = logging.getLogger("burgee.search")


@dataclass(frozen=True, slots=True)
class Elastic:
    """A client of elasticsearch-py, where it goes (to be shown), and what names begin with there."""

    client: Any
    places: Sequence[str]
    prefix: str

    @property
    def place(self) -> str:
        """Where it goes, in a line."""
        return ", ".join(self.places)

    @contextmanager
    def asked(self, index: str = "") -> Iterator[None]:
        """Turn what goes wrong into our errors. `index` is the one that is missing if anything is.

        Raises:
            NotFoundError: there is no such index.
            SearchUnavailableError: no answer, or none in time, or the server can't or won't.
            SearchRefusedError: it is not for us, or not to be trusted.
            InvalidInputError: the server finds that it can't be asked that.
        """
        try:
            yield
        except import_module("elasticsearch").ApiError as error:
            if error.meta.status == _MISSING and not isinstance(error.body, dict):
                message, hint = (
                    f"Elasticsearch is not at {self.place}: it answered 404",
                    "is the path of the URL right?",
                )
                raise SearchUnavailableError(message, hint=hint) from error
            said = error.body.get("error") if isinstance(error.body, dict) else error.body
            raise self.failure(index, error.meta.status, said) from error
        except import_module("elasticsearch").TransportError as error:
            raise self._unanswered(error) from error

    def failure(self, index: str, status: int, said: object) -> Exception:
        """What a status of HTTP that is no success means, with what is said about it."""
        reason = _cause(said)
        if status == _MISSING:
            return NotFoundError("index", index)
        if status == _TOO_LARGE:
            return InvalidInputError(f"a document is larger than Elasticsearch at {self.place} takes")
        if status == _BAD_REQUEST:
            return InvalidInputError(f"Elasticsearch can't be asked that: {reason}")
        message = f"Elasticsearch at {self.place} answered {status}: {reason}"
        if status == _NO_LOGIN or (isinstance(said, dict) and said.get("type") == "security_exception"):
            return SearchRefusedError(message, hint=_LOGIN_HINT)
        return SearchUnavailableError(message)

    def _unanswered(self, error: Exception) -> Exception:
        """What it means that there was no answer."""
        message = f"no answer from Elasticsearch at {self.place}: {getattr(error, 'message', error)}"
        untrusted = next((one for one in _beneath(error) if isinstance(one, ssl.SSLError)), None)
        if isinstance(untrusted, ssl.SSLCertVerificationError):
            hint = _CA_HINT if "issuer" in message or "self-signed" in message else "see to the certificate or the URL"
            said = f"the certificate of Elasticsearch at {self.place} is not trusted: {untrusted.verify_message}"
            return SearchRefusedError(said, hint=hint)
        if "Fingerprints did not match" in message:
            said = f"the certificate of Elasticsearch at {self.place} is another than that of the fingerprint"
            return SearchRefusedError(said, hint="see to BURGEE_SEARCH_CA")
        if untrusted is not None and untrusted.reason in {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"}:
            said = f"what is at {self.place} speaks no TLS"
            return SearchRefusedError(said, hint="write http:// if it is meant to speak in plain text")
        if self.places[0].startswith("http://") and any(map(_speaks_tls, self.places)):
            return SearchRefusedError(f"what is at {self.place} speaks TLS only", hint="write https://")
        return SearchUnavailableError(message, hint="is it running?")


def connecting(url: str, timeout: float, api_key: str | SecretStr | None = None, ca: str | None = None) -> Elastic:
    """A client for a URL, which is checked now; nothing is asked yet. It waits so long for a host, and asks it once."""
    try:
        elasticsearch = import_module("elasticsearch")
    except ImportError:
        raise MissingExtraError("search in Elasticsearch", "elasticsearch") from None
    try:
        parts = urlsplit(url)
        options = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
    except (AttributeError, TypeError, ValueError):
        raise InvalidInputError("this is no URL of an Elasticsearch", hint=_example()) from None
    if parts.scheme not in {"http", "https"} or not _PATH.fullmatch(parts.path) or parts.fragment:
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
    hosts = list(_hosts(parts.netloc.rpartition("@")[2], parts.scheme))
    places = [f"{parts.scheme}://{host}{parts.path.rstrip('/')}" for host in hosts]
    key = api_key.get_secret_value() if isinstance(api_key, SecretStr) else api_key
    login = _login(parts, _once("api_key", "BURGEE_SEARCH_API_KEY", options.get("api_key"), key))
    trust = _trust(parts.scheme, _once("ca", "BURGEE_SEARCH_CA", options.get("ca"), ca))
    arguments: dict[str, Any] = {"request_timeout": timeout, "connections_per_node": _CONNECTIONS} | login | trust
    try:
        # Whatever answers is not asked again; a host that can't be reached is passed over.
        client = elasticsearch.Elasticsearch(places, max_retries=len(places) - 1, retry_on_status=(), **arguments)
    except (OSError, ValueError) as error:
        raise InvalidInputError(f"Elasticsearch can't be reached as its URL says: {error}", hint=_example()) from None
    if login and parts.scheme == "http" and not all(_is_here(urlsplit(place).hostname) for place in places):
        _log.warning("the login for Elasticsearch goes to %s in plain text: write https://", ", ".join(places))
    return Elastic(client, places, prefix)


def _hosts(netloc: str, scheme: str) -> Iterator[str]:
    for place in netloc.split(","):
        host, colon, port = place.rpartition(":") if not place.endswith("]") else (place, "", "")
        host = host if colon else place
        port = port if colon else str(_SECURE_PORT if scheme == "https" else _PORT)
        if not host or not port.isdecimal() or not 0 < int(port) <= 65535:  # noqa: PLR2004
            raise InvalidInputError(f"{place!r} is no host:port", hint=_example())
        yield f"{host}:{port}"


def _once(option: str, variable: str, in_url: str | None, given: str | None) -> str | None:
    if in_url is not None and given is not None:
        raise InvalidInputError(f"{variable} is said in the URL, too", hint=f"take {option}= out of the URL")
    return in_url if given is None else given


def _login(parts: SplitResult, api_key: str | None) -> dict[str, Any]:
    if api_key is None:
        user = parts.username
        return {} if user is None else {"basic_auth": (unquote(user), unquote(parts.password or ""))}
    if parts.username is not None:
        raise InvalidInputError(
            "there is a user for Elasticsearch and an API key, not both can be", hint="take user:password@ out"
        )
    if not _API_KEY.fullmatch(api_key):
        raise InvalidInputError(
            "the API key holds what no key does", hint="write it as it was made: encoded, or id:key"
        )
    id, colon, key = api_key.partition(":")
    return {"api_key": (id, key) if colon else api_key}


def _trust(scheme: str, ca: str | None) -> dict[str, Any]:
    if ca is None:
        return {}
    if scheme != "https":
        raise InvalidInputError("a certificate is for https://, and the URL is of http://", hint=_example())
    if _FINGERPRINT.fullmatch(ca):
        return {"ssl_assert_fingerprint": ca}
    try:
        ssl.create_default_context(cafile=Path(ca))
    except (OSError, TypeError, ValueError):
        hint = "name a file with certificates as PEM, or a SHA-256 fingerprint: 64 digits of 0-9 and a-f"
        raise InvalidInputError(f"there are no certificates in {ca!r}", hint=hint) from None
    return {"ca_certs": ca}


def _is_here(host: str | None) -> bool:
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return host == "localhost"


def _speaks_tls(place: str) -> bool:
    """Whether TLS is spoken there, where it was not expected."""
    parts = urlsplit(place)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # nothing is said there
    try:
        with socket.create_connection((parts.hostname or "", parts.port or _PORT), _LOOK_SECONDS) as plain:
            context.wrap_socket(plain).close()
    except OSError:
        return False
    return True


def _beneath(error: BaseException) -> Iterator[BaseException]:
    """An error, and those it was made of."""
    yield error
    inner: Iterable[object] = (*getattr(error, "errors", ()), *error.args, error.__cause__)
    for one in inner:
        if isinstance(one, BaseException):
            yield from _beneath(one)


def _example() -> str:
    return "write https://user:password@host:9200/?prefix=burgee"


def _cause(error: object) -> str:
    """What an error of Elasticsearch says, by its innermost cause."""
    if not isinstance(error, dict):
        return str(error)[:500]
    inner = error.get("caused_by") or next(iter(error.get("root_cause") or ()), None)
    if isinstance(inner, dict) and inner != error and inner.get("reason"):
        return _cause({name: value for name, value in inner.items() if name != "root_cause"})
    login = error.get("additional_unsuccessful_credentials")
    return f"{error.get('type')}: {error.get('reason')}{f' ({login})' if login else ''}"[:500]
