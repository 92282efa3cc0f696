"""The search box: a field that searches as one types, facets that narrow, results with what was found marked.

JupyterLab sends what is typed while the answer before is still being made only once it is there, and then the newest
alone; so each search is one that somebody sees, however fast they type.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar, override

import ipywidgets

from burgee.notebook.facetlist import FacetList
from burgee.notebook.facets import Key, facets_for, filter_of, tells
from burgee.notebook.hits import hits
from burgee.notebook.panel import Panel, alone, button, label, row
from burgee.notebook.tables import text
from burgee.search.model import (
    All,
    AnyOf,
    Document,
    Facet,
    FacetAnswer,
    Kind,
    SearchQuery,
    SearchResult,
    Sort,
    Text,
    Within,
    Word,
)
from burgee.search.query import Query
from burgee.search.text.language import all_of, parse

MOST_HITS = 100
"""Documents on a page at most."""

_SHORTEST = 2  # letters of a word that is taken for the beginning of one while it is typed
_MOST_IDEAS = 4
_MOST_FACETS = 4  # where none were asked for
_UNFINISHED = re.compile(r"[^\W_]{2,}(?:[ -][^\W_]+)*")
_AWAY = (
    '<div class="burgee-search-away" role="status">The search engine can\'t be asked: these answers come from the '
    "database, and may be ranked otherwise.</div>"
)


@dataclass(frozen=True, slots=True)
class _State:
    """What somebody asks for by hand."""

    text: str
    chosen: tuple[tuple[Key, ...], ...]
    """For each facet, what is chosen of it."""
    sort: tuple[Sort, ...]
    pages: tuple[str | None, ...] = (None,)
    """Where the pages up to this one begin."""

    def choosing(self, at: int, keys: tuple[Key, ...]) -> "_State":
        """The same, with these lines of a facet chosen."""
        return replace(self, chosen=(*self.chosen[:at], keys, *self.chosen[at + 1 :]))


class SearchBox(Panel):
    """A search to use by hand.

    Args:
        query: where it begins: `acme.search("products")`, also narrowed, with facets, sorted.

    Attributes:
        text, sort, before, after, clear: the controls; `facets`: those at the side; `ideas`: what else could be typed.
        result: what is shown, as the engine answered.
    """

    kind: ClassVar[str] = "burgee-search"

    def __init__(self, query: Query) -> None:
        super().__init__()
        self._given = query
        self._mapping = query.mapping()
        asked = query.asked
        self._start = replace(asked, size=min(asked.size, MOST_HITS), after=None)
        self._texts = [field.name for field in self._mapping.fields if field.kind is Kind.TEXT]
        self._facets, self.result = self._begun()
        self._state = _State("", ((),) * len(self._facets), asked.sort)
        self._make_controls()
        self._set_ideas([])
        self._render(self.result.facets)

    @property
    @alone
    def query(self) -> Query:
        """What is asked by now, as a query: `box.query.frame()` has it as a frame."""
        return self._given.asking(self._asked(replace(self._state, pages=(None,))))

    @property
    def total(self) -> int:
        """How many documents are found."""
        return self.result.total

    def _begun(self) -> tuple[tuple[Facet, ...], SearchResult[Document]]:
        """The facets that are shown, and the first answer with theirs: those asked for, else those that tell much."""
        asked = self._start
        facets = asked.facets or facets_for(self._mapping)
        result = self._given.asking(replace(asked, facets=facets)).result()
        pairs = list(zip(facets, result.facets, strict=True))
        shown = pairs if asked.facets else [pair for pair in pairs if tells(*pair, result.total)][:_MOST_FACETS]
        return tuple(facet for facet, _ in shown), replace(result, facets=tuple(answer for _, answer in shown))

    def _make_controls(self) -> None:
        self.text = ipywidgets.Text(placeholder=f"Search {self._given.name}", continuous_update=True)
        self.text.add_class("burgee-search-field")
        self.text.observe(lambda change: self._change(lambda state: replace(state, text=change["new"])), "value")
        self.sort = ipywidgets.Dropdown(options=self._sorts(), value=self._start.sort)
        self.sort.add_class("burgee-search-sort")
        self.sort.observe(lambda change: self._change(lambda state: replace(state, sort=change["new"])), "value")
        self.clear = button("Clear", "take away what was chosen at the side")
        self.clear.on_click(lambda _: self._change(lambda state: replace(state, chosen=((),) * len(self._facets))))
        self.before = button("", "the page before", icon="chevron-left")
        self.before.on_click(lambda _: self._attempt(lambda: self._show_state(self._turned(-1))))
        self.after = button("", "the next page", icon="chevron-right")
        self.after.on_click(lambda _: self._attempt(lambda: self._show_state(self._turned(1))))
        self.ideas = [button("", "") for _ in range(_MOST_IDEAS)]
        for idea in self.ideas:
            idea.add_class("burgee-override")
            idea.on_click(self._on_idea)
        self._head, self._away, self._found, self._place = (ipywidgets.HTML() for _ in range(4))
        self.facets = [FacetList(facet, self._choosing(at)) for at, facet in enumerate(self._facets)]
        left = ipywidgets.VBox([*self.facets, self.clear])
        left.add_class("burgee-search-side")
        right = ipywidgets.VBox([self._found, row(self.before, self._place, self.after, kind="burgee-search-pages")])
        right.add_class("burgee-search-found")
        self._show(
            row(self.text, label("Sort"), self.sort, kind="burgee-search-head"),
            row(self._head, *self.ideas, kind="burgee-search-ideas"),
            self._away,
            row(*([left] if self.facets else []), right, kind="burgee-search-body"),
        )

    def _sorts(self) -> list[tuple[str, tuple[Sort, ...]]]:
        sorts: list[tuple[str, tuple[Sort, ...]]] = [("best first", ())]
        for field in self._mapping.fields:
            if field.kind is not Kind.TEXT or field.exact:
                up, down = _ORDERS.get(field.kind, ("A to Z", "Z to A"))
                sorts.append((f"{field.name}, {up}", (Sort(field.name),)))
                sorts.append((f"{field.name}, {down}", (Sort(field.name, descending=True),)))
        given = self._start.sort
        return sorts if given in [sort for _, sort in sorts] else [("as asked", given), *sorts]

    def _choosing(self, at: int) -> Callable[[tuple[Key, ...]], None]:
        def choose(keys: tuple[Key, ...]) -> None:
            self._change(lambda state: state.choosing(at, keys))

        return choose

    def _change(self, changed: Callable[[_State], _State]) -> None:
        """Search again, from the first page; if that fails, nothing is chosen that was not before."""
        self._by_hand(
            lambda: self._show_state(replace(changed(self._state), pages=(None,))),
            self._set_controls,
        )

    def _turned(self, step: int) -> _State:
        pages = self._state.pages
        return replace(self._state, pages=(*pages, self.result.after) if step > 0 else pages[:-1] or (None,))

    def _show_state(self, state: _State) -> None:
        """Ask for a state and, once all of it is answered, show it."""
        result = self._given.asking(self._asked(state)).result()
        answers = [
            self._without(state, at) if keys else answer
            for at, (keys, answer) in enumerate(zip(state.chosen, result.facets, strict=True))
        ]
        ideas = [] if result.degraded else self._suggested(state.text)
        self._state, self.result = state, result
        self._render(answers)
        self._set_ideas(ideas)

    def _suggested(self, typed: str) -> list[str]:
        """What could be meant by what is typed so far, while it is only words."""
        if not _UNFINISHED.fullmatch(typed):
            return []
        fields = [field.name for field in self._mapping.fields if field.suggest and field.name in self._texts]
        found = dict.fromkeys(one for field in fields for one in self._given.suggest(typed, field))
        begun = typed.casefold()
        ideas = [one for one in found if one.casefold() != begun]
        return sorted(ideas, key=lambda one: not one.casefold().startswith(begun))[:_MOST_IDEAS]

    def _set_ideas(self, ideas: list[str]) -> None:
        for at, idea in enumerate(self.ideas):
            words = ideas[at] if at < len(ideas) else ""
            idea.description, idea.tooltip, idea.layout.display = words, words, "" if words else "none"

    def _on_idea(self, idea: ipywidgets.Button) -> None:
        self.text.value = idea.description

    def _without(self, state: _State, at: int) -> FacetAnswer:
        """A facet's answer as if nothing of itself were chosen: so that one sees what else could be."""
        asked = self._asked(replace(state.choosing(at, ()), pages=(None,)))
        alone = replace(asked, facets=(self._facets[at],), highlight=False, size=1)
        return self._given.asking(alone).result().facets[0]

    def _asked(self, state: _State) -> SearchQuery:
        given = self._start
        typed = parse(state.text, self._texts)
        if typed is not None and state.text[-1:].isalnum():
            typed = _unfinished(typed)
        filters = map(filter_of, self._facets, state.chosen)
        return replace(
            given,
            text=all_of([given.text, typed]),
            filters=(*given.filters, *(one for one in filters if one is not None)),
            facets=self._facets,
            sort=state.sort,
            after=state.pages[-1],
        )

    def _render(self, answers: "list[FacetAnswer] | tuple[FacetAnswer, ...]") -> None:
        for shown, answer, keys in zip(self.facets, answers, self._state.chosen, strict=True):
            shown.show(answer, keys)
        self._set_controls()
        self._head.value = self._said()
        self._away.value = _AWAY if self.result.degraded else ""
        self._found.value = self._list()
        pages, found = self._state.pages, len(self.result.hits)
        first = (len(pages) - 1) * self._start.size + 1
        self._place.value = f"{first:,} to {first + found - 1:,} of {self.total:,}" if found else ""
        self.before.disabled, self.after.disabled = len(pages) == 1, self.result.after is None
        for control in (self.before, self.after):
            control.layout.display = "" if len(pages) > 1 or self.result.after else "none"

    def _set_controls(self) -> None:
        """Set the controls to what is shown; not the text, which somebody may be typing."""
        with self._setting():
            self.sort.value = self._state.sort
            for shown, keys in zip(self.facets, self._state.chosen, strict=True):
                shown.check(keys)
            self.clear.layout.display = "" if any(self._state.chosen) else "none"

    def _said(self) -> str:
        return (
            f'<span class="burgee-total">{self.total:,} found</span>'
            f'<span class="burgee-after burgee-dim">in {text(self._given.name)}</span>'
        )

    def _list(self) -> str:
        if self.result.hits:
            first = (len(self._state.pages) - 1) * self._start.size + 1
            return hits(self.result.hits, self._mapping, first=first)
        typed, narrowed = self._state.text.strip(), self._start.text is not None or self._start.filters
        words = "Nothing is found" if typed or narrowed else "Nothing is there"
        words += f" for “{text(self._state.text)}”" if typed else ""
        less = " with what is chosen at the side" if any(self._state.chosen) else ""
        hint = "Fewer words find more; <code>word*</code> finds what begins so, <code>word~</code> what is like it."
        hint = f'<div class="burgee-dim">{hint}</div>' if typed else ""
        return f'<div class="burgee-search-none"><b>{words}{less}.</b>{hint}</div>'

    @override
    def _still(self) -> str:
        asked = f'<div class="burgee-key">{text(self._state.text)}</div>' if self._state.text else ""
        side = "".join(facet.still() for facet in self.facets)
        side = f'<div class="burgee-search-side">{side}</div>' if side else ""
        found = f'<div class="burgee-search-found">{self._list()}</div>'
        return f'{asked}{self._said()}{self._away.value}<div class="burgee-search-body">{side}{found}</div>'

    @override
    def __repr__(self) -> str:
        return f"<SearchBox of {self._given.name!r}: {self.total:,} found; .query, .result>"


def search_box(query: Query) -> SearchBox:
    """A search to use by hand, beginning with a query."""
    return SearchBox(query)


_ORDERS = {
    Kind.INTEGER: ("lowest first", "highest first"),
    Kind.NUMBER: ("lowest first", "highest first"),
    Kind.DATE: ("oldest first", "newest first"),
    Kind.BOOLEAN: ("no first", "yes first"),
}


def _unfinished(asked: Text) -> Text:
    """The same, its last word also as the beginning of longer ones: it may still be typed."""
    match asked:
        case Word(word, False, 0) if len(word) >= _SHORTEST:
            return AnyOf((asked, Word(word, prefix=True)))
        case All(of):
            return All((*of[:-1], _unfinished(of[-1])))
        case AnyOf(of):
            return AnyOf((*of[:-1], _unfinished(of[-1])))
        case Within(fields, of):
            return Within(fields, _unfinished(of))
        case _:
            return asked
