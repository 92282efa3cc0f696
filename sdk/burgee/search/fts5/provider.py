"""Search on SQLite's FTS5: in a file of its own, or in memory. It needs nothing beyond Python.

Reading and writing go on beside each other (WAL), by several processes too; there is one writer at a time. What is
asked goes through tables for words and for values, in one transaction: an answer is of one moment.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import batched
from pathlib import Path
from typing import override

from pydantic import TypeAdapter

from burgee.core.checks import need_whole
from burgee.core.errors import InvalidInputError, NotFoundError
from burgee.core.json import Json, dumps, loads_object
from burgee.search.checks import check_query, check_suggest
from burgee.search.cursor import SCORE, decode, encode, order
from burgee.search.fts5 import sql
from burgee.search.fts5.facets import answer
from burgee.search.fts5.file import SearchFile
from burgee.search.model import Document, Hit, IndexMapping, Kind, SearchQuery, SearchResult
from burgee.search.protocol import Put, Remove, SearchProvider
from burgee.search.text.analysis import plain
from burgee.search.text.edits import near
from burgee.search.text.highlights import highlights
from burgee.search.text.language import all_of
from burgee.search.text.similar import similar
from burgee.search.text.stems import need_stems, words_and_stems
from burgee.search.values import LONGEST_KEYWORD, Value, checked_name, field_values, whole_values

_BATCH = 1000  # changes taken in at once

_mappings = TypeAdapter(IndexMapping)


class Fts5Search(SearchProvider[Document]):
    """Finds documents by SQLite.

    Args:
        path: the file; it and its folder are made where they are not there. None keeps everything in memory.
    """

    def __init__(self, path: str | Path | None = None) -> None:
        self._file = SearchFile(None if path is None else Path(path))

    @override
    def create(self, index: str, mapping: IndexMapping) -> None:
        name = checked_name("an index", index)
        need_stems(mapping)
        with self._file.transaction(writing=True) as connection:
            if connection.execute("SELECT 1 FROM aliases WHERE name = ?", (name,)).fetchone():
                raise InvalidInputError(f"{name!r} is an alias: an index needs a name of its own")
            _remove(connection, name)
            (number,) = connection.execute("SELECT coalesce(max(number), 0) + 1 FROM indexes").fetchone()
            for statement in sql.tables(number, mapping):
                connection.execute(statement)
            connection.execute(
                "INSERT INTO indexes VALUES (?, ?, ?, 0)", (number, name, _mappings.dump_json(mapping).decode())
            )

    @override
    def write(self, index: str, changes: Iterable[Put[Document] | Remove], position: int) -> None:
        need_whole("position", position)
        with self._file.transaction(writing=True) as connection:
            number, mapping = _index(connection, index)
            for some in batched(changes, _BATCH, strict=False):
                _take(connection, number, mapping, some)
            connection.execute("UPDATE indexes SET position = ? WHERE number = ?", (position, number))

    @override
    def position(self, index: str) -> int:
        with self._file.transaction() as connection:
            number, _ = _index(connection, index)
            (position,) = connection.execute("SELECT position FROM indexes WHERE number = ?", (number,)).fetchone()
            return int(position)

    @override
    def search(self, index: str, query: SearchQuery) -> SearchResult[Document]:
        with self._file.transaction() as connection:
            number, mapping = _index(connection, index)
            asked = check_query(query, mapping)
            _find(connection, number, mapping, asked)
            (total,) = connection.execute("SELECT count(*) FROM temp.found").fetchone()
            facets = tuple(answer(connection, number, mapping, facet) for facet in asked.facets)
            hits, after = _page(connection, number, mapping, asked)
            return SearchResult(hits, total, facets, after)

    @override
    def suggest(self, index: str, prefix: str, field: str, limit: int) -> Sequence[str]:
        with self._file.transaction() as connection:
            number, mapping = _index(connection, index)
            begins = check_suggest(mapping, prefix, field, limit)
            beginning = f"number IN (SELECT rowid FROM offered_{number} WHERE offered_{number} MATCH ?)"
            rows = connection.execute(
                f"SELECT value FROM offers_{number} WHERE field = ? AND {beginning if begins else '?'}"
                " ORDER BY count DESC, value LIMIT ?",
                (sql.place(mapping, field), sql.phrase_of(begins, prefix=True) if begins else 1, limit),
            )
            return [value for (value,) in rows]

    @override
    def count(self, index: str) -> int:
        with self._file.transaction() as connection:
            number, _ = _index(connection, index)
            (count,) = connection.execute(f"SELECT count(*) FROM documents_{number}").fetchone()
            return int(count)

    @override
    def point(self, alias: str, index: str) -> str | None:
        name = checked_name("an alias", alias)
        with self._file.transaction(writing=True) as connection:
            there = _names(connection)
            if index not in there:
                raise NotFoundError("index", index, there)
            if name in there:
                raise InvalidInputError(f"{name!r} is an index: an alias needs a name of its own")
            before = _pointed(connection, name)
            connection.execute("INSERT OR REPLACE INTO aliases VALUES (?, ?)", (name, index))
            return before

    @override
    def pointed(self, alias: str) -> str | None:
        with self._file.transaction() as connection:
            return _pointed(connection, alias)

    @override
    def indexes(self, prefix: str = "") -> Sequence[str]:
        with self._file.transaction() as connection:
            return [name for name in _names(connection) if name.startswith(prefix)]

    @override
    def drop(self, index: str) -> bool:
        with self._file.transaction(writing=True) as connection:
            there = _remove(connection, index)
            connection.execute("DELETE FROM aliases WHERE points_to = ?", (index,))
            return there

    @override
    def close(self) -> None:
        self._file.close()


def _names(connection: sqlite3.Connection) -> list[str]:
    return [name for (name,) in connection.execute("SELECT name FROM indexes ORDER BY name")]


def _pointed(connection: sqlite3.Connection, alias: str) -> str | None:
    row = connection.execute("SELECT points_to FROM aliases WHERE name = ?", (alias,)).fetchone()
    return None if row is None else str(row[0])


def _index(connection: sqlite3.Connection, name: str) -> tuple[int, IndexMapping]:
    """The number and mapping of an index or of what an alias points to."""
    row = connection.execute(
        "SELECT number, mapping FROM indexes WHERE name = coalesce((SELECT points_to FROM aliases WHERE name = ?), ?)",
        (name, name),
    ).fetchone()
    if row is None:
        raise NotFoundError("index", name, _names(connection))
    return row[0], _mapping(row[1])


@lru_cache(maxsize=256)
def _mapping(text: str) -> IndexMapping:
    return _mappings.validate_json(text)


def _remove(connection: sqlite3.Connection, name: str) -> bool:
    row = connection.execute("DELETE FROM indexes WHERE name = ? RETURNING number", (name,)).fetchone()
    if row is not None:
        for statement in sql.dropped(row[0]):
            connection.execute(statement)
    return row is not None


def _take(
    connection: sqlite3.Connection, number: int, mapping: IndexMapping, changes: Sequence[Put[Document] | Remove]
) -> None:
    last = {checked_name("a document", change.id): change for change in changes}
    _take_out(connection, number, mapping, list(last))
    (row,) = connection.execute(f"SELECT coalesce(max(row), 0) FROM documents_{number}").fetchone()
    documents: list[tuple[object, ...]] = []
    texts: list[tuple[object, ...]] = []
    values: list[tuple[object, ...]] = []
    offers: list[tuple[int, str]] = []
    for change in last.values():
        if isinstance(change, Remove):
            continue
        row += 1
        held = field_values(change.id, change.document, mapping)
        documents.append((row, change.id, dumps(change.document, what=f"document {change.id!r}", sort=False)))
        texts.append((row, *_texts(mapping, held)))
        values += _whole(mapping, held, row)
        offers += _offers(mapping, held)
    connection.executemany(f"INSERT INTO documents_{number} VALUES (?, ?, ?)", documents)
    columns = sql.text_columns(mapping)
    names = ", ".join(["rowid", *columns])
    connection.executemany(f"INSERT INTO text_{number} ({names}) VALUES (?{', ?' * len(columns)})", texts)
    of_words = max(1, len(sql.text_fields(mapping)))
    words = {word for _, *held in texts for column in held[:of_words] for word in str(column).split()}
    connection.executemany(f"INSERT OR IGNORE INTO words_{number} VALUES (?)", ((word,) for word in sorted(words)))
    connection.executemany(f"INSERT INTO values_{number} VALUES (?, ?, ?)", values)
    _offer(connection, number, offers)


def _take_out(connection: sqlite3.Connection, number: int, mapping: IndexMapping, ids: list[str]) -> None:
    there = connection.execute(
        f"SELECT row, id, document FROM documents_{number} WHERE id IN (SELECT value FROM json_each(?))", (dumps(ids),)
    ).fetchall()
    rows = [(row,) for row, _, _ in there]
    for table, column in (("text", "rowid"), ("values", "row"), ("documents", "row")):
        connection.executemany(f"DELETE FROM {table}_{number} WHERE {column} = ?", rows)
    if not any(field.suggest for field in mapping.fields):
        return
    for _, id, document in there:
        offered = _offers(mapping, field_values(id, loads_object(document, "a document"), mapping))
        connection.executemany(f"UPDATE offers_{number} SET count = count - 1 WHERE field = ? AND value = ?", offered)
        gone = connection.execute(f"SELECT number FROM offers_{number} WHERE count = 0").fetchall()
        connection.executemany(f"DELETE FROM offers_{number} WHERE number = ?", gone)
        connection.executemany(f"DELETE FROM offered_{number} WHERE rowid = ?", gone)


def _offer(connection: sqlite3.Connection, number: int, offers: list[tuple[int, str]]) -> None:
    for field, value in offers:
        row = connection.execute(
            f"UPDATE offers_{number} SET count = count + 1 WHERE field = ? AND value = ? RETURNING 1", (field, value)
        ).fetchone()
        if row is None:
            made = connection.execute(
                f"INSERT INTO offers_{number} (field, value, count) VALUES (?, ?, 1)", (field, value)
            )
            connection.execute(
                f"INSERT INTO offered_{number} (rowid, words) VALUES (?, ?)", (made.lastrowid, plain(value))
            )


def _texts(mapping: IndexMapping, held: Mapping[str, Sequence[Value]]) -> list[str]:
    """What the columns for texts hold."""
    between = f" {sql.BETWEEN_VALUES} "
    of_words: list[str] = []
    of_stems: list[str] = []
    for field in sql.text_fields(mapping):
        values = list(map(str, held.get(field.name, ())))
        if field.language is None:
            of_words.append(between.join(map(plain, values)))
        else:
            both = [words_and_stems(value, field.language) for value in values]
            of_words.append(between.join(" ".join(found) for found, _ in both))
            of_stems.append(" ".join(stem for _, stems in both for stem in stems))
    return [*(of_words or [""]), *of_stems]


def _whole(mapping: IndexMapping, held: Mapping[str, Sequence[Value]], row: int) -> Iterator[tuple[object, ...]]:
    for at, field in enumerate(mapping.fields):
        for value in whole_values(field, held.get(field.name, ())):
            yield row, at, value


def _offers(mapping: IndexMapping, held: Mapping[str, Sequence[Value]]) -> list[tuple[int, str]]:
    """What a document offers for suggestions: the place of the field, and each of its values once."""
    return [
        (at, value)
        for at, field in enumerate(mapping.fields)
        if field.suggest
        for value in dict.fromkeys(str(value) for value in held.get(field.name, ()))
        if len(value) <= LONGEST_KEYWORD
    ]


def _find(connection: sqlite3.Connection, number: int, mapping: IndexMapping, query: SearchQuery) -> None:
    """Put the rows that a query finds, and their scores, into `temp.found`."""
    text, others = query.text, []
    if query.like is not None:
        row = connection.execute(f"SELECT row, document FROM documents_{number} WHERE id = ?", (query.like,)).fetchone()
        if row is None:
            raise NotFoundError("document", query.like)
        alike = similar(query.like, loads_object(row[1], "a document"), mapping)
        text = all_of([text, alike])
        others = [sql.Sql("rowid != ?" if alike is not None else "0", (row[0],) if alike is not None else ())]
    asked = None
    if text is not None:
        asked = sql.match(text, sql.text_fields(mapping), lambda word, most: _near(connection, number, word, most))
    few = asked is not None and not asked.negated
    row_name = f"text_{number}.rowid" if few else f"documents_{number}.row"
    filters = [sql.filtering(given, number, mapping, row_name, few=few) for given in query.filters]
    found = sql.found(number, asked, list(sql.text_columns(mapping).values()), [*filters, *others])
    connection.execute("DELETE FROM temp.found")
    connection.execute(f"INSERT INTO temp.found {found.text}", found.parameters)


def _near(connection: sqlite3.Connection, number: int, word: str, most: int) -> list[str]:
    """The words of the index that are so near."""
    lengths = (len(word) - most, len(word) + most)
    rows = connection.execute(f"SELECT word FROM words_{number} WHERE length(word) BETWEEN ? AND ?", lengths)
    return near(word, (known for (known,) in rows if known != sql.BETWEEN_VALUES), most)


def _page(
    connection: sqlite3.Connection, number: int, mapping: IndexMapping, query: SearchQuery
) -> tuple[tuple[Hit[Document], ...], str | None]:
    sorts = order(query)
    after = None if query.after is None else decode(query.after, query, mapping)
    page = sql.page(number, sorts, mapping, after, query.size + 1)
    rows = connection.execute(page.text, page.parameters).fetchall()
    shown = rows[: query.size]
    places = ",".join("?" * len(shown))
    documents: dict[int, Mapping[str, Json]] = {
        row: loads_object(document, "a document")
        for row, document in connection.execute(
            f"SELECT row, document FROM documents_{number} WHERE row IN ({places})", [row[0] for row in shown]
        )
    }
    scored = any(sort.field == SCORE for sort in sorts)
    hits = tuple(
        Hit(
            id,
            score if scored else None,
            documents[row],
            highlights(query.text, documents[row], mapping) if query.highlight and query.text is not None else {},
        )
        for row, id, score, *_ in shown
    )
    if len(rows) <= query.size:
        return hits, None
    _, id, _, *keys = shown[-1]
    kinds = {field.name: field.kind for field in mapping.fields}
    values = [
        bool(key) if key is not None and kinds.get(sort.field) is Kind.BOOLEAN else key
        for sort, key in zip(sorts, keys, strict=True)
    ]
    return hits, encode(values, id)
