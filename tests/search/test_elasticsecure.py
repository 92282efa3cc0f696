"""Elasticsearch as those have it who run it at work: by TLS with an authority of their own, and by API keys."""

import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

import burgee
from burgee.core.errors import InvalidInputError
from burgee.core.settings import Settings
from burgee.search.elasticsearch.provider import ElasticsearchSearch
from burgee.search.errors import SearchRefusedError, SearchUnavailableError
from burgee.search.fallback import WithFallback
from burgee.search.fts5.provider import Fts5Search
from burgee.search.model import Field, IndexMapping, Kind, SearchQuery, Word
from burgee.search.opening import search_of
from burgee.search.protocol import Put, Remove
from search.served import Served
from services.certificates import Authority
from services.elasticsearch import PASSWORD, PATIENCE, USER, ElasticsearchServer

MAPPING = IndexMapping((Field("t", Kind.TEXT),))
ENOUGH = ("manage", "read", "write")
"""The rights that are needed for all of it, on the names that begin so."""


@pytest.fixture(scope="module")
def asks(elasticsearch_server: ElasticsearchServer) -> Iterator[httpx.Client]:
    """Whoever looks after the server."""
    with elasticsearch_server.client() as client:
        yield client


def new_key(asks: httpx.Client, *rights: str, names: str = "secure-*") -> dict[str, str]:
    roles = {"role": {"indices": [{"names": [names], "privileges": rights}]}}
    made: dict[str, str] = asks.post("/_security/api_key", json={"name": "tests", "role_descriptors": roles}).json()
    return made


def revoke(asks: httpx.Client, key: dict[str, str]) -> None:
    assert asks.request("DELETE", "/_security/api_key", json={"ids": [key["id"]]}).is_success


def refused(engine: ElasticsearchSearch) -> SearchRefusedError:
    with pytest.raises(SearchRefusedError) as caught:
        engine.search("things", SearchQuery())
    engine.close()
    assert caught.value.hints
    return caught.value


@pytest.fixture(scope="module")
def plain_url(elasticsearch_server: ElasticsearchServer) -> str:
    """The server's URL with a login, without whom to trust."""
    return elasticsearch_server.url.partition("?")[0]


def test_it_is_trusted_by_a_file_or_by_a_fingerprint(elasticsearch_server: ElasticsearchServer, plain_url: str) -> None:
    authority = elasticsearch_server.authority
    pairs = ":".join(authority.fingerprint[at : at + 2] for at in range(0, 64, 2)).upper()
    for ca in (str(authority.file), authority.fingerprint, pairs):
        for engine in (
            ElasticsearchSearch(plain_url, ca=ca, timeout=PATIENCE),
            ElasticsearchSearch(f"{plain_url}?ca={ca}", timeout=PATIENCE),
        ):
            assert engine.pointed("secure.nowhere") is None
            engine.close()


def test_without_an_authority_it_is_said_what_to_set(plain_url: str) -> None:
    error = refused(ElasticsearchSearch(plain_url))
    assert "is not trusted: self-signed certificate" in error.message
    assert "BURGEE_SEARCH_CA" in error.hints[0]
    assert "made-up" not in f"{error!r} {error.__cause__!r}"


def test_another_authority_host_or_certificate_is_refused(
    elasticsearch_server: ElasticsearchServer, plain_url: str, tmp_path: Path
) -> None:
    ours, another = elasticsearch_server.authority, Authority(tmp_path)
    assert "is not trusted" in refused(ElasticsearchSearch(plain_url, ca=str(another.file))).message
    assert (
        "another than that of the fingerprint"
        in refused(ElasticsearchSearch(plain_url, ca=another.fingerprint)).message
    )
    elsewhere = plain_url.replace("127.0.0.1", "localhost")
    assert "not valid for 'localhost'" in refused(ElasticsearchSearch(elsewhere, ca=str(ours.file))).message


def test_plain_text_where_tls_is_spoken_is_refused_and_so_is_the_other_way(plain_url: str, proxied: str) -> None:
    plain = ElasticsearchSearch(plain_url.replace("https://", "http://"))
    assert "speaks TLS only" in refused(plain).message
    assert "speaks no TLS" in refused(ElasticsearchSearch(proxied.replace("http://", "https://"))).message


def test_an_api_key_with_rights_on_its_names_is_enough_for_everything(
    elasticsearch_server: ElasticsearchServer, asks: httpx.Client
) -> None:
    key, ca = new_key(asks, *ENOUGH), str(elasticsearch_server.authority.file)
    keys: tuple[str | SecretStr, ...] = (key["encoded"], f"{key['id']}:{key['api_key']}", SecretStr(key["encoded"]))
    for at, given in enumerate(keys):
        engine = ElasticsearchSearch(
            f"{elasticsearch_server.place}?prefix=secure", api_key=given, ca=ca, timeout=PATIENCE
        )
        index = f"things.{at}"
        engine.create(index, MAPPING)
        engine.write(index, [Put("a", {"t": "word"}), Put("b", {"t": "word"}), Remove("b")], 3)
        assert engine.point("things", index) in {None, f"things.{at - 1}"}
        assert engine.search("things", SearchQuery(Word("word"))).total == engine.count(index) == 1
        assert engine.position("things") == 3
        assert engine.indexes() == [f"things.{n}" for n in range(at + 1)]
        shown = f"{engine!r} {vars(engine)!r}"
        assert not any(secret in shown for secret in (key["encoded"], key["api_key"]))
        engine.close()


def test_a_wrong_key_a_revoked_one_and_one_without_rights_are_said_and_not_shown(
    elasticsearch_server: ElasticsearchServer, asks: httpx.Client
) -> None:
    revoked = new_key(asks, *ENOUGH)
    revoke(asks, revoked)
    wrong = {"bWFkZTp1cA==": "401", revoked["encoded"]: "has been invalidated"}
    wrong |= {new_key(asks, "read")["encoded"]: "403", new_key(asks, *ENOUGH, names="other-*")["encoded"]: "403"}
    for key, said in wrong.items():
        ca = elasticsearch_server.authority.fingerprint
        engine = ElasticsearchSearch(
            f"{elasticsearch_server.place}?prefix=secure", api_key=key, ca=ca, timeout=PATIENCE
        )
        error = refused(engine)
        assert said in error.message
        assert "BURGEE_SEARCH_API_KEY" in error.hints[0]
        assert key not in f"{error!r} {error.__cause__!r} {engine!r} {vars(engine)!r}"


def test_a_login_that_is_refused_from_the_start_is_no_outage(
    elasticsearch_server: ElasticsearchServer, caplog: pytest.LogCaptureFixture
) -> None:
    url = elasticsearch_server.url.replace(f"{USER}:", "nobody:")
    served = Served(WithFallback(ElasticsearchSearch(url, timeout=PATIENCE), Fts5Search(), kept_fresh=True))
    with caplog.at_level(logging.WARNING, "burgee.search"):
        served.define()
        served.put(1)  # it is in the database
    assert {record.levelname for record in caplog.records} == {"ERROR"}
    for _ in range(2):
        with pytest.raises(SearchRefusedError, match="401"):
            served.found()
    with pytest.raises(SearchRefusedError, match="401"):
        served.run(served.service.reindex("things"))
    assert served.run(served.service.count("things")) == 1
    assert PASSWORD not in caplog.text
    served.close()


def test_a_key_that_is_revoked_later_is_an_outage_that_is_logged_as_an_error_until_there_is_another(
    elasticsearch_server: ElasticsearchServer, asks: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    now = 0.0
    key, ca = new_key(asks, *ENOUGH), elasticsearch_server.authority.fingerprint
    place = f"{elasticsearch_server.place}?prefix=secure-revoked"
    second = Fts5Search()
    engines: WithFallback[Any] = WithFallback(
        ElasticsearchSearch(place, api_key=key["encoded"], ca=ca, timeout=PATIENCE),
        second,
        refused_pause=30,
        clock=lambda: now,
    )
    served = Served(engines)
    served.define()
    served.put(1, 2)

    def degraded() -> bool:
        return served.run(served.service.search("things", SearchQuery())).degraded

    assert not degraded()
    revoke(asks, key)
    with caplog.at_level(logging.WARNING, "burgee.search"):
        for moment in (0.0, 1.0, 29.0, 30.0, 31.0, 59.0):
            now = moment
            assert degraded()
        served.put(3)
        assert served.found() == [1, 2, 3]
    assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR"]  # at 0 and 30 seconds
    assert "the database answers meanwhile" in caplog.text
    assert "has been invalidated" in caplog.text
    assert key["encoded"] not in caplog.text
    engines.first.close()
    another = new_key(asks, *ENOUGH)["encoded"]
    served.engines = WithFallback(ElasticsearchSearch(place, api_key=another, ca=ca, timeout=PATIENCE), second)
    assert not degraded()
    assert served.found() == [1, 2, 3]
    served.close()


def test_a_workspace_is_told_by_its_settings(elasticsearch_server: ElasticsearchServer, asks: httpx.Client) -> None:
    key, authority = new_key(asks, *ENOUGH)["encoded"], elasticsearch_server.authority
    settings = Settings(
        search=SecretStr(f"{elasticsearch_server.place}?prefix=secure-workspace"),
        search_api_key=SecretStr(key),
        search_ca=str(authority.file),
    )
    assert key not in repr(settings)
    with burgee.open("memory://", settings=settings) as ws:
        acme = ws.tenants.create("acme", name="Acme Ltd")
        found = acme.search.index("things", [{"id": "a", "t": "some words"}], id="id", mapping={"t": "text"}).query(
            "words"
        )
        assert found.ask().degraded is False
        assert found.total() == 1
    assert asks.get("/secure-workspace-acme.things/_count").json()["count"] == 1


NO_SETTINGS: dict[str, tuple[dict[str, Any], str]] = {
    "a key for tantivy": ({"search": "tantivy", "search_api_key": "k3y"}, "BURGEE_SEARCH_API_KEY is for"),
    "a certificate for nothing": ({"search_ca": "/ca.pem"}, "BURGEE_SEARCH_CA is for"),
    "a key beside a user": ({"search": "https://user:pass@host", "search_api_key": "k3y"}, "not both"),
    "a key twice": ({"search": "https://host?api_key=a", "search_api_key": "k3y"}, "said in the URL"),
    "a certificate twice": ({"search": "https://host?ca=a", "search_ca": "a"}, "said in the URL"),
    "no key": ({"search": "https://host", "search_api_key": ""}, "the API key holds"),
    "a key of two lines": ({"search": "https://host", "search_api_key": "k3y\r\nHost: x"}, "the API key holds"),
    "a key of no ASCII": ({"search": "https://host", "search_api_key": "k3y é"}, "the API key holds"),
    "no file": ({"search": "https://host", "search_ca": "/not/there.pem"}, "no certificates in '/not/there.pem'"),
    "no certificates": ({"search": "https://host", "search_ca": __file__}, "no certificates in"),
    "a short fingerprint": ({"search": "https://host", "search_ca": "ab:cd"}, "no certificates in 'ab:cd'"),
    "a certificate for plain text": ({"search": "http://host", "search_ca": "ab" * 32}, "for https://"),
}


@pytest.mark.parametrize("wrong", list(NO_SETTINGS))
def test_settings_that_can_t_be_are_refused_and_not_shown(wrong: str) -> None:
    given, said = NO_SETTINGS[wrong]
    with pytest.raises(InvalidInputError, match=said) as caught:
        search_of(Settings(**given), None)()
    shown = f"{caught.value!r} {caught.value.hints}"
    assert "pass@" not in shown
    assert "k3y" not in shown


def test_a_login_in_plain_text_to_another_machine_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "burgee.search"):
        for local in (
            "http://a:b@localhost",
            "http://a:b@127.0.0.1",
            "http://a:b@[::1]:9200",
            "http://elastic.example",
        ):
            ElasticsearchSearch(local).close()
        assert caplog.text == ""
        ElasticsearchSearch("http://someone:s3cret@elastic.example").close()
    assert "plain text" in caplog.text
    assert "s3cret" not in caplog.text


@pytest.fixture
def proxied(elasticsearch_server: ElasticsearchServer) -> Iterator[str]:
    """A proxy that speaks plain text and has the server at `/logs/elastic`."""
    client = elasticsearch_server.client()

    class Pass(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            under, path = self.path[: len("/logs/elastic")], self.path[len("/logs/elastic") :]
            kept = {name: self.headers[name] for name in ("Content-Type", "Accept") if name in self.headers}
            if under == "/logs/elastic":
                answer = client.request(self.command, path, content=body, headers=kept)
                status, headers, content = answer.status_code, dict(answer.headers), answer.content
            else:
                status, headers, content = 404, {"content-type": "text/html"}, b"<p>Not here</p>"
            self.send_response(status)
            for name in ("content-type", "x-elastic-product"):
                if name in headers:
                    self.send_header(name, headers[name])
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_PUT = do_POST = do_DELETE = do_HEAD = do_GET  # noqa: N815 - names of http.server

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Pass) as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        serving.join()
    client.close()


def test_it_may_be_at_a_path_behind_a_proxy(proxied: str) -> None:
    for ending in ("", "/"):
        engine = ElasticsearchSearch(f"{proxied}/logs/elastic{ending}?prefix=proxied", timeout=PATIENCE)
        engine.create("things", MAPPING)
        engine.write("things", [Put("a", {"t": "word"})], 1)
        assert engine.search("things", SearchQuery(Word("word"))).total == 1
        assert engine.drop("things")
        engine.close()
    elsewhere = ElasticsearchSearch(f"{proxied}/logs?prefix=proxied")
    with pytest.raises(SearchUnavailableError, match="Elasticsearch is not at") as caught:
        elsewhere.search("things", SearchQuery())
    assert "path" in caught.value.hints[0]
    elsewhere.close()


def test_of_several_hosts_those_that_are_there_answer(elasticsearch_server: ElasticsearchServer) -> None:
    place = elasticsearch_server.url.partition("?")[0].rstrip("/")
    hosts = place.replace("@", "@127.0.0.1:1,127.0.0.1:2,")
    engine = ElasticsearchSearch(
        f"{hosts}?prefix=hosts", ca=elasticsearch_server.authority.fingerprint, timeout=PATIENCE
    )
    engine.create("things", MAPPING)
    engine.write("things", [Put("a", {"t": "word"})], 1)
    for _ in range(6):
        assert engine.search("things", SearchQuery(Word("word"))).total == 1
    assert engine.drop("things")
    engine.close()
