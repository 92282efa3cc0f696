"""Many questions about the small corpus, by name: every engine must answer each as the oracle does."""

from burgee.search.model import (
    Between,
    Dates,
    Either,
    Exists,
    Facet,
    Filter,
    Histogram,
    Not,
    OneOf,
    Ranges,
    SearchQuery,
    Sort,
    Stats,
    Terms,
    Together,
)
from burgee.search.text.language import parse

TYPED = (
    "redis",
    "redis client",
    "red lamp",
    "lamp OR chair",
    "red lamp OR blue chair",
    "(lamp OR chair) red",
    "-lamp",
    "NOT lamp -chair",
    "red -lamp",
    "lamp OR -red",
    "-(red lamp)",
    "-(red OR -lamp)",
    "NOT NOT lamp",
    '"red lamp"',
    '"lamp red"',
    '"two second"',
    '"here there"',
    '-"red lamp" lamp',
    "Django-REST",
    "lam*",
    "l* -lamp",
    "re* cl*",
    "kube*",
    "djagno~",
    "djagno~1",
    "redsi~",
    "cleint~2",
    "lampe~",
    "ab~2",
    "mirorr~ OR kubernets~",
    "title:lamp",
    "body:lamp",
    "title:(red OR old) body:blue",
    'title:"red lamp" OR body:"blue chair"',
    "-title:lamp body:lamp",
    "title:lamp -body:red",
    "body:(-red)",
    "café",
    "CAFE zurich",
    "naive role elan",
    "strasse",
    "STRASSE~",
    "東京",
    "東*",
    '"東京の塔"',
    "οδυσσευς",
    "мир елка",
    "हिन्दी",
    "עברית OR عربي",
    "w" * 300,
    "\U00010428" * 300,
    "bold",
    "\U00020001",
    "w" * 100 + "*",
    "nothing at all here",
    "hidden",
    "or",
    "and not",
    "c++",
    "alert('x')",
    "title:hack",
    "1.5",
    "donaudampfschiff",
    "donau*",
    "reddish",
    "ku\u200dber\ufeffnetes \u00adoper\u00adator",
    "reddish\u200blamp",
    "میگویم",
    '"می\u200cگویم क्ष"',
    "葛飾",
    "a_b",
    "x* y* z*",
    "!!! ???",
    "NOT (title:(x OR y) OR " * 9 + "lamp" + ")" * 9,
    " OR ".join(f"word{number}" for number in range(99)) + " OR lamp",
)

FILTERS: dict[str, tuple[Filter, ...]] = {
    "a keyword": (OneOf("brand", ("Acme",)),),
    "a keyword in another case is another": (OneOf("brand", ("acme", "beta")),),
    "a keyword with accents": (OneOf("brand", ("Écume", "東京", "Ωmega")),),
    "a keyword with signs": (OneOf("brand", ("A&B \"C\" 'D' <E>",)),),
    "a keyword with a soft hyphen is taken as it is": (
        OneOf("brand", ("Donau\u00addampf",)),
        Not(OneOf("brand", ("Donaudampf",))),
    ),
    "the empty keyword": (OneOf("brand", ("",)),),
    "blanks and stars are keywords": (OneOf("tags", (" ", "*")),),
    "a long keyword": (OneOf("brand", ("z" * 300,)),),
    "one of a list": (OneOf("tags", ("lamp", "a")),),
    "none of no values": (OneOf("brand", ()),),
    "a text taken whole": (OneOf("title", ("red lamp", "Feature flags", "First of two")),),
    "a whole number": (OneOf("stock", (3, -5)),),
    "the largest numbers": (OneOf("stock", (9223372036854775807, -9223372036854775808)),),
    "a number": (OneOf("price", (12.0, 50, 1e-9)),),
    "true": (OneOf("sold", (True,)),),
    "false": (OneOf("sold", (False,)),),
    "a moment": (OneOf("added", ("2026-01-31T23:59:59.999999Z", "2026-01-31T23:30:00+00:00")),),
    "between": (Between("price", 10, 50),),
    "below": (Between("price", 10, 50, below=True),),
    "from": (Between("stock", 4),),
    "until": (Between("price", high=0),),
    "a list is between if one of it is": (Between("price", 100, 101), Between("stock", 2, 8)),
    "nothing is within a gap of a list": (Between("price", 1, 0),),
    "whole numbers between fractions": (Between("stock", 2.5, 4.5),),
    "keywords between": (Between("brand", "B", "C"),),
    "rare keywords between": (Between("brand", "A", "A&C"), Between("brand", high="B")),
    "moments between": (Between("added", "2026-02-01", "2026-03-15"),),
    "moments below": (Between("added", "2026-01-31T23:59:59.999999Z", "2026-02-01T00:00:00Z", below=True),),
    "there": (Exists("price"),),
    "not there": (Not(Exists("price")), Not(Exists("brand"))),
    "not one of": (Not(OneOf("tags", ("lamp", "t0"))),),
    "not not": (Not(Not(OneOf("brand", ("Beta",)))),),
    "either": (Either((OneOf("brand", ("Acme",)), Between("price", high=20))),),
    "either of one": (Either((OneOf("sold", (True,)),)),),
    "either of groups": (
        Either(
            (Together((OneOf("brand", ("Beta",)), Between("price", 40, 60))), Together((OneOf("tags", ("lamp",)),)))
        ),
    ),
    "either twice": (
        Either((OneOf("brand", ("Acme",)), OneOf("sold", (True,)))),
        Either((Exists("price"), OneOf("title", ("Feature flags",)))),
    ),
    "either holds nothing, or something": (Either((Not(Exists("brand")), Not(Exists("price")))),),
    "either of nothing that is there": (Either((OneOf("brand", ()), OneOf("tags", ("nowhere",)))),),
    "not either": (Not(Either((OneOf("brand", ("Acme", "Beta")), Exists("stock")))),),
    "not together": (Not(Together((Exists("brand"), Between("price", 10), Not(OneOf("sold", (False,)))))),),
    "groups in groups": (
        Either((Together((Either((OneOf("stock", (3,)), Not(Exists("stock")))), Exists("brand"))), Exists("added"))),
    ),
    "either of moments": (Either((OneOf("added", ("2026-02-01",)), Between("added", "2026-05-01"))),),
    "several at once": (OneOf("brand", ("Acme", "Beta")), Between("price", 5, 60), Not(OneOf("sold", (True,)))),
}

_ORDINARY = Not(OneOf("title", ("limits",)))

FACETS: dict[str, Facet] = {
    "terms": Terms("brand"),
    "terms of lists": Terms("tags", 100),
    "few terms with ties": Terms("tags", 3),
    "terms of a text": Terms("title", 1000),
    "terms of whole numbers": Terms("stock", 5),
    "terms of numbers": Terms("price", 1000),
    "terms of booleans": Terms("sold"),
    "terms of moments": Terms("added", 4),
    "ranges": Ranges("price", (0, 10, 50, 100)),
    "open ranges": Ranges("stock", (None, 0, 3, None)),
    "histogram": Histogram("price", 20),
    "histogram of fractions": Histogram("price", 2.5),
    "histogram of whole numbers": Histogram("stock", 10),
    "hours": Dates("added", "hour"),
    "days": Dates("added", "day"),
    "weeks": Dates("added", "week"),
    "months": Dates("added", "month"),
    "quarters": Dates("added", "quarter"),
    "years": Dates("added", "year"),
    "statistics": Stats("price"),
    "statistics of lists": Stats("stock"),
}

SORTS: dict[str, tuple[Sort, ...]] = {
    "by id": (),
    "by keyword": (Sort("brand"),),
    "by keyword, last first": (Sort("brand", descending=True),),
    "by text": (Sort("title"),),
    "by list": (Sort("tags"),),
    "by list, last first": (Sort("tags", descending=True),),
    "by whole number": (Sort("stock"),),
    "by number, highest first": (Sort("price", descending=True),),
    "by boolean": (Sort("sold"), Sort("stock", descending=True)),
    "by moment": (Sort("added"),),
    "by several": (Sort("sold", descending=True), Sort("brand"), Sort("price", descending=True)),
}


def queries() -> dict[str, SearchQuery]:
    """All of them, by name."""
    texts = ["title", "body"]
    made = {f"text {typed[:40]}": SearchQuery(parse(typed, texts)) for typed in TYPED}
    made |= {f"filter {name}": SearchQuery(filters=filters) for name, filters in FILTERS.items()}
    made |= {f"facet {name}": SearchQuery(filters=(_ORDINARY,), facets=(facet,)) for name, facet in FACETS.items()}
    made |= {f"sort {name}": SearchQuery(sort=sort) for name, sort in SORTS.items()}
    made["everything"] = SearchQuery()
    made["facets of the found"] = SearchQuery(
        parse("lamp OR chair OR redis"),
        filters=(Exists("price"),),
        facets=(Terms("brand"), Stats("price"), Histogram("price", 10), Dates("added", "month")),
        sort=(Sort("price"),),
    )
    made["facets of nothing"] = SearchQuery(parse("nowhere"), facets=tuple(FACETS.values()))
    made["text, filter and sort"] = SearchQuery(
        parse("red OR lamp"), filters=(OneOf("sold", (True,)), Between("price", high=60)), sort=(Sort("price"),)
    )
    made["text and either"] = SearchQuery(
        parse("red OR lamp"),
        filters=(Either((OneOf("sold", (True,)), Not(Exists("price")))),),
        facets=(Terms("brand"),),
    )
    priced = Together((Exists("price"), OneOf("brand", ("Beta",))))
    many: tuple[Filter, ...] = (*(OneOf("stock", (number,)) for number in range(6)), priced)
    made["text and either of many"] = SearchQuery(
        parse("red OR lamp OR django"), filters=(Either(many), Not(Either(many[1:])))
    )
    made["no text and either of many"] = SearchQuery(parse("-red"), filters=(Either(many),), sort=(Sort("stock"),))
    made["like a thing"] = SearchQuery(like="thing-00")
    made["like one with a filter"] = SearchQuery(like="redis", filters=(Exists("brand"),))
    made["like one without words"] = SearchQuery(like="empty")
    made["like one of short words"] = SearchQuery(like="tokyo")
    made["like and text"] = SearchQuery(parse("lamp"), like="thing-01")
    return made


QUERIES = queries()
