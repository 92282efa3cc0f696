"""An engine that is away and comes back: the database answers meanwhile, says so, and nothing is missed (R7.7)."""

import logging
from typing import Any, Self

import pytest

import burgee
from burgee.core.errors import InvalidInputError
from burgee.core.settings import Settings
from burgee.search.errors import DegradedSearchWarning, SearchUnavailableError
from burgee.search.fallback import WithFallback
from burgee.search.fts5.provider import Fts5Search
from burgee.search.model import SearchQuery
from burgee.search.opening import search_of
from search.served import Served
from search.switched import Switched


class Case:
    """A service whose first engine can be switched off, and a clock that is moved by hand."""

    def __init__(self, *, kept_fresh: bool = False) -> None:
        self.now = 0.0
        self.first, self.second = Switched(Fts5Search()), Switched(Fts5Search())
        engines: WithFallback[Any] = WithFallback(
            self.first, self.second, kept_fresh=kept_fresh, pause=1, clock=lambda: self.now
        )
        self.served = Served(engines)
        self.served.define()
        self.served.put(1, 2)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.served.close()

    def degraded(self) -> bool:
        return self.served.run(self.served.service.search("things", SearchQuery())).degraded


def test_the_database_answers_while_the_engine_is_away_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    with Case() as case:
        assert not case.degraded()
        assert case.second.calls == []  # nobody needed it
        case.first.off = True
        with caplog.at_level(logging.WARNING, "burgee.search"):
            assert case.degraded()
            case.served.put(3)
            assert case.served.found() == [1, 2, 3]
            suggested = case.served.service.suggest("things", "x", "title")
            with pytest.raises(InvalidInputError, match="not mapped for suggestions"):
                case.served.run(suggested)
        assert [record.levelname for record in caplog.records] == ["WARNING"]
        assert "the database answers meanwhile" in caplog.text


def test_nobody_waits_for_an_engine_that_is_away_until_it_is_time_to_look() -> None:
    with Case() as case:
        case.first.off = True
        assert case.degraded()
        calls = len(case.first.calls)
        for _ in range(100):
            assert case.degraded()
        assert len(case.first.calls) == calls
        case.now = 1.5
        assert case.degraded()
        assert len(case.first.calls) == calls + 1


def test_an_engine_that_is_back_has_all_that_it_missed(caplog: pytest.LogCaptureFixture) -> None:
    with Case() as case:
        case.first.off = True
        case.served.put(3, 4)
        case.served.run(case.served.service.remove("things", ("1",)))
        assert case.served.found() == [2, 3, 4]
        case.first.off, case.now = False, 2.0
        with caplog.at_level(logging.WARNING, "burgee.search"):
            assert case.served.found() == [2, 3, 4]
        assert not case.degraded()
        assert not case.served.engines.away
        assert "is back" in caplog.text


def test_one_that_is_kept_fresh_knows_everything_before_it_is_needed() -> None:
    with Case(kept_fresh=True) as case:
        assert "write" in case.second.calls
        case.first.off = True
        case.second.calls.clear()
        assert case.served.found() == [1, 2]
        assert "write" not in case.second.calls


def test_a_second_that_fails_stops_no_write() -> None:
    with Case(kept_fresh=True) as case:
        case.second.off = True
        case.served.put(3)
        assert case.served.found() == [1, 2, 3]


def test_without_a_second_the_error_reaches_the_caller_and_writes_are_kept() -> None:
    first = Switched(Fts5Search())
    served = Served(WithFallback(first))
    served.define()
    first.off = True
    served.put(1)
    with pytest.raises(SearchUnavailableError, match="nobody answers"):
        served.found()
    first.off = False
    assert served.found() == [1]
    served.close()


def test_a_wrong_question_is_no_failure_of_the_engine() -> None:
    with Case() as case:
        with pytest.raises(InvalidInputError):
            case.served.run(case.served.service.search("things", SearchQuery(size=0)))
        assert not case.served.engines.away


def test_users_are_warned_in_their_notebook() -> None:
    with burgee.open("memory://") as ws:
        first = Switched(Fts5Search())
        engines: WithFallback[Any] = WithFallback(first, Fts5Search(), pause=60)
        ws.services.search._buildings.engines = lambda: engines  # type: ignore[attr-defined]
        things = ws.tenants.create("acme").search.index("things", [{"id": 1, "title": "a thing"}])
        first.off = True
        with pytest.warns(DegradedSearchWarning, match="the database did"):
            answer = things.query("thing").ask()
        assert answer.degraded
        assert "degraded" in repr(answer)
        assert len(answer.hits) == 1
        engines.close()


@pytest.mark.parametrize("wrong", ["solr://host", "Tantivy", "memory://"])
def test_a_setting_that_names_no_engine_is_refused_without_telling_it(wrong: str) -> None:
    settings = Settings(search=wrong)  # type: ignore[arg-type] # pydantic makes a secret of it
    with pytest.raises(InvalidInputError, match="names no search engine") as caught:
        search_of(settings, None)
    assert wrong not in str(caught.value)


def test_engines_are_opened_by_whoever_searches_first() -> None:
    opened = search_of(Settings(search="fts5"), None)  # type: ignore[arg-type] # pydantic makes a secret of it
    assert opened._made is None
    assert opened() is opened()
    opened.close()
    opened.close()
