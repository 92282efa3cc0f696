"""How engines follow the documents: whatever an engine lacks is in the database, so it is brought up from there.

An engine is asked how far it has come each time before it is used. So it does not matter whether a process was killed
between the database's commit and the engine's, whether the engine was away, or whether its files are gone: the next
use gives it what it lacks.
"""

import logging
import threading
from collections.abc import Callable, Iterator

from burgee.core.errors import NotFoundError
from burgee.core.json import loads_object
from burgee.search import documents
from burgee.search.documents import Row
from burgee.search.errors import DamagedIndexError
from burgee.search.model import Document, IndexMapping
from burgee.search.protocol import Put, Remove, SearchProvider
from burgee.store.database import Database

STEP = 50_000
"""Positions that an engine takes in with one commit."""

PAGE = 500
"""Documents that are in memory at once."""

_log = logging.getLogger("burgee.search")

type Engine = SearchProvider[Document]


class Following:
    """Brings built indexes of any engine up to where the documents are."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._at_work: dict[tuple[int, str], threading.Lock] = {}

    def fresh(
        self, engine: Engine, tenant: str, name: str, built: str, mapping: IndexMapping, current: Callable[[], bool]
    ) -> bool:
        """Give a built index what it lacks. If the engine has none it is made, and the answer is true.

        One that is damaged is made anew, and so is one that is ahead of the documents: these are of a database that was
        restored from a backup.

        Raises:
            NotFoundError: the engine has none, and it is no longer `current`: there is a newer building.
        """
        if self._is_fresh(engine, tenant, name, built):
            return False
        with self._one_at_a_time(engine, built):
            at = _position(engine, built)
            new = at is None or at > self.head(tenant, name)  # looked at in this order: documents only go on
            if new:
                if not current():
                    raise NotFoundError("built index", built)
                engine.create(built, mapping)
            self.feed(engine, tenant, name, built, 0 if new or at is None else at)
            return new

    def feed(self, engine: Engine, tenant: str, name: str, built: str, at: int) -> int:
        """Give it what comes behind a position, as far as there is now; up to where that is."""
        head = self.head(tenant, name)
        while at < head:
            upto = min(head, at + STEP)
            engine.write(built, self._changes(tenant, name, at, upto), upto)
            at = upto
        return at

    def head(self, tenant: str, name: str) -> int:
        """The position of the last change of the documents."""
        with self._database.read(tenant) as connection:
            return documents.head(connection, tenant, name)

    def _is_fresh(self, engine: Engine, tenant: str, name: str, built: str) -> bool:
        at = _position(engine, built)
        return at is not None and at == self.head(tenant, name)

    def _changes(self, tenant: str, name: str, at: int, upto: int) -> Iterator[Put[Document] | Remove]:
        """What changed between two positions, in pages of short transactions."""
        while at < upto:
            with self._database.read(tenant) as connection:
                rows = documents.behind(connection, tenant, name, at, upto, PAGE)
            if not rows:  # what was there has changed since, and stands behind
                return
            yield from map(_change, rows)
            at = rows[-1].position

    def _one_at_a_time(self, engine: Engine, built: str) -> threading.Lock:
        with self._lock:
            return self._at_work.setdefault((id(engine), built), threading.Lock())


def _position(engine: Engine, built: str) -> int | None:
    try:
        return engine.position(built)
    except NotFoundError:
        return None
    except DamagedIndexError as error:
        _log.warning("a search index is built anew from its documents: %s", error)
        return None


def _change(row: Row) -> Put[Document] | Remove:
    if row.data is None:
        return Remove(row.id)
    return Put(row.id, loads_object(row.data, "a document"))
