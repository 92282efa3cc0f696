"""The engines that the settings ask for."""

import threading
from collections.abc import Callable
from pathlib import Path

from burgee.core.errors import InvalidInputError, MissingExtraError
from burgee.core.settings import Settings
from burgee.search.fallback import WithFallback
from burgee.search.model import Document

TANTIVY, FTS5 = "tantivy", "fts5"


class Opened:
    """The engines of a workspace, opened by whoever searches first."""

    def __init__(self, make: Callable[[], WithFallback[Document]]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._made: WithFallback[Document] | None = None

    def __call__(self) -> WithFallback[Document]:
        """The engines."""
        if self._made is None:
            with self._lock:
                if self._made is None:
                    self._made = self._make()
        return self._made

    def close(self) -> None:
        """Give back what they hold, if anybody searched."""
        with self._lock:
            made, self._made = self._made, None
        if made is not None:
            made.close()


def search_of(settings: Settings, folder: Path | None) -> Opened:
    """Tantivy or Elasticsearch, and SQLite for when it is away; SQLite alone without the extra `search`.

    Args:
        settings: `search` names the engine; `search_api_key` and `search_ca` are for an Elasticsearch.
        folder: where the engines keep what they keep here; in memory without one.
    """
    asked = None if settings.search is None else settings.search.get_secret_value()
    elastic = asked is not None and asked.startswith(("http://", "https://"))
    if asked is not None and asked not in {TANTIVY, FTS5} and not elastic:
        hint = f"{TANTIVY}, {FTS5}, or the URL of an Elasticsearch: https://user:password@host:9200"
        raise InvalidInputError("BURGEE_SEARCH names no search engine that burgee knows", hint=hint)
    for name, given in (("BURGEE_SEARCH_API_KEY", settings.search_api_key), ("BURGEE_SEARCH_CA", settings.search_ca)):
        if given is not None and not elastic:
            hint = "set BURGEE_SEARCH to its URL: https://host:9200"
            raise InvalidInputError(f"{name} is for an Elasticsearch, and BURGEE_SEARCH names none", hint=hint)
    return Opened(lambda: _made(asked, settings, folder))


def _made(asked: str | None, settings: Settings, folder: Path | None) -> WithFallback[Document]:
    from burgee.search.fts5.provider import Fts5Search

    second = Fts5Search(None if folder is None else folder / "fts5.sqlite3")
    if asked == FTS5:
        return WithFallback(second)
    if asked in {None, TANTIVY}:
        from burgee.search.tantivy.provider import TantivySearch

        try:
            return WithFallback(TantivySearch(folder), second)
        except MissingExtraError:
            if asked is not None:
                raise
            return WithFallback(second)
    from burgee.search.elasticsearch.provider import ElasticsearchSearch

    first = ElasticsearchSearch(asked, api_key=settings.search_api_key, ca=settings.search_ca)
    return WithFallback(first, second, kept_fresh=True)
