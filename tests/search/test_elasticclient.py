"""How an Elasticsearch is reached: by which URLs and logins, and what is said when it is not."""

import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest

from burgee.core.errors import InvalidInputError, MissingExtraError
from burgee.search.elasticsearch.provider import ElasticsearchSearch
from burgee.search.errors import SearchRefusedError, SearchUnavailableError
from burgee.search.model import SearchQuery
from services.elasticsearch import USER, ElasticsearchServer

OF_OURS = "http://user:pass@127.0.0.1:9200/"
WRONG_URLS = {
    "no address": "elasticsearch",
    "another protocol": "redis://127.0.0.1:9200",
    "no path": f"{OF_OURS}a path",
    "no host": "http://",
    "no port": "http://127.0.0.1:port",
    "a large port": "http://127.0.0.1:99999",
    "an unknown option": f"{OF_OURS}?prefxi=a",
    "a prefix in capitals": f"{OF_OURS}?prefix=Acme",
    "no prefix": f"{OF_OURS}?prefix=",
    "two logins": f"{OF_OURS}?api_key=abc",
    "no certificates": "https://127.0.0.1:9200/?ca=/not/there.pem",
    "no text": None,
}


@pytest.mark.parametrize("wrong", list(WRONG_URLS))
def test_a_url_that_can_t_be_is_refused_and_not_shown(wrong: str) -> None:
    url: Any = WRONG_URLS[wrong]
    with pytest.raises(InvalidInputError) as caught:
        ElasticsearchSearch(url)
    assert "pass@" not in str(caught.value)
    assert caught.value.hints or "not both" in str(caught.value)


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "elasticsearch", None)
    with pytest.raises(MissingExtraError, match="elasticsearch"):
        ElasticsearchSearch(OF_OURS)


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf"), "5", None], ids=range(6))
def test_a_time_that_can_t_be_is_refused(timeout: Any) -> None:
    with pytest.raises(InvalidInputError, match="timeout"):
        ElasticsearchSearch(OF_OURS, timeout=timeout)


def test_a_wrong_login_is_said_without_the_login(elasticsearch_server: ElasticsearchServer) -> None:
    port = urlsplit(elasticsearch_server.place).port
    for login in (f"{USER}:wr0ng-p4ss@", "", "nobody-there:wr0ng-p4ss@"):
        stranger = ElasticsearchSearch(
            f"https://{login}127.0.0.1:{port}", ca=elasticsearch_server.authority.fingerprint
        )
        with pytest.raises(SearchRefusedError, match="401") as caught:
            stranger.search("products", SearchQuery())
        assert "login" in caught.value.hints[0]
        shown = f"{caught.value!r} {caught.value} {stranger!r} {vars(stranger)!r} {caught.value.__cause__!r}"
        assert "wr0ng-p4ss" not in shown
        stranger.close()


@pytest.fixture
def busy_proxy() -> Iterator[tuple[str, list[str | None]]]:
    """A proxy before an Elasticsearch that it can't reach: its URL, and the logins it was shown."""
    shown: list[str | None] = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            shown.append(self.headers["Authorization"])
            self.send_response(int(self.path.split(".")[-1].split("/")[0]))
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", "9")
            self.end_headers()
            self.wfile.write(b"<p>No</p>")

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        yield f"http://127.0.0.1:{server.server_port}", shown
        server.shutdown()
        serving.join()


def test_an_api_key_is_shown_to_the_server_and_to_nobody_else(busy_proxy: tuple[str, list[str | None]]) -> None:
    url, shown = busy_proxy
    elastic = ElasticsearchSearch(f"{url}?api_key=bWFkZTp1cA%3D%3D")
    for status in (200, 401, 403, 429, 500, 502, 503, 504):
        with pytest.raises(SearchUnavailableError, match=f"answered {status}") as caught:
            elastic.search(f"products.{status}", SearchQuery())
        assert "bWFkZ" not in f"{caught.value!r} {caught.value.__cause__!r} {elastic!r} {vars(elastic)!r}"
    assert shown == ["ApiKey bWFkZTp1cA=="] * 8  # once each: nothing is tried again
    elastic.close()


def test_nowhere_is_unavailable_at_once() -> None:
    nowhere = ElasticsearchSearch("http://127.0.0.1:1")
    with pytest.raises(SearchUnavailableError, match=r"127\.0\.0\.1:1"):
        nowhere.search("a", SearchQuery())
    nowhere.close()
