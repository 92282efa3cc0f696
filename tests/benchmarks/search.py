"""Search on tantivy beside bare tantivy, bare FTS5 and bm25s: the best ten of 100,000 real packages, or times five.

By hand: `python tests/benchmarks/search.py [1|5]`. All are in one process, over the same words.
"""

import gzip
import math
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import bm25s
import tantivy

from burgee.search.model import Between, Dates, Field, IndexMapping, Kind, SearchQuery
from burgee.search.protocol import Put
from burgee.search.tantivy.provider import TantivySearch
from burgee.search.text.analysis import plain, words
from burgee.search.text.language import parse
from real_data import real_file

ROUNDS = 20
MAPPING = IndexMapping((Field("summary", Kind.TEXT), Field("month", Kind.DATE)))
SINGLE = ("kubernetes", "redis", "django", "async", "client", "parser", "python", "wrapper")
PAIRS = ("async client", "feature flags", "django rest", "command line", "machine learning", "data analysis")
LINES = ("command line interface", "feature flags", "machine learning", "rest api", "open source")
PREFIXES = ("kube*", "djang*", "pars*", "asyn*")
YEARS = ("django", "redis", "client", "api")

type Row = tuple[str, str, str]
type Ask = Callable[[], object]
type Asked = tuple[str, str]


def asked() -> list[Asked]:
    """The kind of each question, and what is typed."""
    kinds: Mapping[str, Sequence[str]] = {
        "one word": SINGLE,
        "both words": PAIRS,
        "either word": [pair.replace(" ", " OR ") for pair in PAIRS],
        "phrase": [f'"{line}"' for line in LINES],
        "prefix": PREFIXES,
        "one year": YEARS,
        "years counted": YEARS,
    }
    return [(kind, typed) for kind, several in kinds.items() for typed in several]


def rows(times: int) -> list[Row]:
    """Id, month and summary of the packages, several times over under other ids."""
    with gzip.open(real_file("packages.tsv.gz"), "rt", encoding="utf-8", newline="\n") as lines:
        next(lines)
        once = [line.rstrip("\n").split("\t") for line in lines]
    return [(f"{name}.{at}", month, summary) for at in range(times) for name, _, month, summary in once]


class Burgee:
    """The provider, as a service calls it."""

    def __init__(self, folder: Path, held: Sequence[Row]) -> None:
        self._search = TantivySearch(folder)
        self._search.create("packages", MAPPING)
        changes = (Put(id, {"summary": summary, "month": f"{month}-01"}) for id, month, summary in held)
        self._search.write("packages", changes, len(held))

    def ask(self, kind: str, typed: str) -> Ask:
        """A question, ready to be asked."""
        only = (Between("month", "2025-01-01", "2026-01-01", below=True),) if kind == "one year" else ()
        facets = (Dates("month", "year"),) if kind == "years counted" else ()
        query = SearchQuery(parse(typed), filters=only, facets=facets, highlight=False)
        return lambda: self._search.search("packages", query)

    def scores(self, kind: str, typed: str) -> list[float]:
        """The scores of the best ten."""
        return [hit.score or 0.0 for hit in self.ask(kind, typed)().hits]  # type: ignore[attr-defined]


class Bare:
    """Tantivy, called as its own examples would."""

    def __init__(self, folder: Path, held: Sequence[Row]) -> None:
        made = tantivy.SchemaBuilder()
        made.add_text_field("id", stored=True, tokenizer_name="raw", index_option="basic")
        made.add_text_field("summary", tokenizer_name="whitespace")
        made.add_text_field("document", stored=True, tokenizer_name="raw", index_option="basic")
        made.add_integer_field("month", indexed=True, fast=True)
        self._schema = made.build()
        folder.mkdir()
        index = tantivy.Index(self._schema, str(folder))
        writer = index.writer(256 * 1024 * 1024, 1)
        for id, month, summary in held:
            document = tantivy.Document()
            document.add_text("id", id)
            document.add_text("summary", plain(summary))
            document.add_text("document", summary)
            document.add_integer("month", int(month.replace("-", "")))
            writer.add_document(document)
        writer.commit()
        writer.wait_merging_threads()
        index.reload()
        self._searcher = index.searcher()

    def _query(self, kind: str, typed: str) -> "tantivy.Query":
        made, schema = tantivy.Query, self._schema
        said = words(typed.replace(" OR ", " "))
        if kind == "phrase":
            return made.phrase_query(schema, "summary", list(said))
        if kind == "prefix":
            return made.fuzzy_term_query(schema, "summary", said[0], 0, prefix=True)  # a regex takes twice as long
        terms = [made.term_query(schema, "summary", word, "freq") for word in said]
        if kind == "one year":
            months = made.range_query(schema, "month", tantivy.FieldType.Integer, 202501, 202512)
            terms.append(made.const_score_query(months, 0.0))
        occur = tantivy.Occur.Should if kind == "either word" else tantivy.Occur.Must
        return terms[0] if len(terms) == 1 else made.boolean_query([(occur, term) for term in terms])

    def ask(self, kind: str, typed: str) -> Ask:
        """A question, ready to be asked."""
        counted = {"months": {"terms": {"field": "month", "size": 1000}}}

        def once() -> object:
            query = self._query(kind, typed)
            found = self._searcher.search(query, 10)
            if kind == "years counted":
                self._searcher.aggregate(query, counted)
            return [(score, self._searcher.doc(at).to_dict()) for score, at in found.hits]

        return once

    def scores(self, kind: str, typed: str) -> list[float]:
        """The scores of the best ten."""
        return [score for score, _ in self._searcher.search(self._query(kind, typed), 10).hits]


class Fts5:
    """SQLite's FTS5, called plainly."""

    def __init__(self, held: Sequence[Row]) -> None:
        self._db = sqlite3.connect(":memory:")
        self._db.execute("create virtual table packages using fts5(id unindexed, month unindexed, summary)")
        texts = ((id, month, plain(summary)) for id, month, summary in held)
        self._db.executemany("insert into packages values (?, ?, ?)", texts)

    def ask(self, kind: str, typed: str) -> Ask:
        """A question, ready to be asked."""
        sql = "select id, summary, rank from packages where packages match ?"
        best = f"{sql} order by rank limit 10"
        if kind == "one year":
            best = f"{sql} and month between '2025-01' and '2025-12' order by rank limit 10"
        years = "select substr(month, 1, 4), count(*) from packages where packages match ? group by 1"

        def once() -> object:
            counted = self._db.execute(years, (typed,)).fetchall() if kind == "years counted" else []
            return counted, self._db.execute(best, (typed,)).fetchall()

        return once


class Bm25s:
    """bm25s, which knows words alone: any of them."""

    def __init__(self, held: Sequence[Row]) -> None:
        self._model = bm25s.BM25()
        self._model.index([words(summary) for _, _, summary in held], show_progress=False)

    def ask(self, kind: str, typed: str) -> Ask | None:
        """A question, ready to be asked; none if it can't be."""
        if kind not in {"one word", "either word"}:
            return None
        tokens = [words(typed.replace(" OR ", " "))]
        return lambda: self._model.retrieve(tokens, k=10, show_progress=False)


def built(name: str, count: int, make: Callable[[], Any]) -> Any:
    """An engine with everything in it, and how fast that was."""
    start = time.perf_counter()
    engine = make()
    print(f"{name:8} takes in {count / (time.perf_counter() - start):10,.0f} documents a second")
    return engine


def took(ask: Ask) -> float:
    """Seconds of one question: the median of some."""
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        ask()
        times.append(time.perf_counter() - start)
    return median(times)


def main(times: int) -> None:
    """Everything, once."""
    held = rows(times)
    with tempfile.TemporaryDirectory() as folder:
        engines = {
            "burgee": built("burgee", len(held), lambda: Burgee(Path(folder) / "burgee", held)),
            "tantivy": built("tantivy", len(held), lambda: Bare(Path(folder) / "bare", held)),
            "fts5": built("fts5", len(held), lambda: Fts5(held)),
            "bm25s": built("bm25s", len(held), lambda: Bm25s(held)),
        }
        questions = asked()
        random.Random(1).shuffle(questions)  # noqa: S311 - no secret
        taken: dict[str, dict[str, list[float]]] = {}
        for kind, typed in questions:
            for name, engine in engines.items():
                if (ask := engine.ask(kind, typed)) is not None:
                    taken.setdefault(kind, {}).setdefault(name, []).append(took(ask))
        for kind in dict.fromkeys(kind for kind, _ in asked()):
            report(kind, taken[kind])
        whole = {name: [one for kind in taken.values() for one in kind[name]] for name in ("burgee", "tantivy", "fts5")}
        report("all", whole)
        same = sum(alike(engines["burgee"].scores(*one), engines["tantivy"].scores(*one)) for one in questions)
        print(f"the best ten have the scores of bare tantivy in {same} of {len(questions)} questions")


def alike(ours: Sequence[float], theirs: Sequence[float]) -> bool:
    """Whether the scores are the same, but for the one document more that ours holds: its position."""
    return len(ours) == len(theirs) and all(
        math.isclose(*both, rel_tol=1e-4) for both in zip(ours, theirs, strict=True)
    )


def report(kind: str, taken: Mapping[str, Sequence[float]]) -> None:
    """The medians of a kind of question, and how many times ours the others take."""
    ours = median(taken["burgee"])
    others = [f"{name} {median(t) * 1e3:8.3f} ms ({median(t) / ours:6.2f})" for name, t in taken.items()]
    print(f"{kind:13} {'   '.join(others)}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
