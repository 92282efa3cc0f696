"""Sixty documents that have everything: languages, lists, gaps, ties, signs that engines have a meaning for."""

import itertools
from collections.abc import Mapping

from burgee.core.json import Json
from burgee.search.model import Field, IndexMapping, Kind

MAPPING = IndexMapping(
    (
        Field("title", Kind.TEXT, exact=True, weight=2.0, suggest=True),
        Field("body", Kind.TEXT),
        Field("brand", Kind.KEYWORD, suggest=True),
        Field("tags", Kind.KEYWORD),
        Field("stock", Kind.INTEGER),
        Field("price", Kind.NUMBER),
        Field("sold", Kind.BOOLEAN),
        Field("added", Kind.DATE),
    )
)

_WRITTEN: dict[str, Mapping[str, Json]] = {
    "redis": {
        "title": "Redis client",
        "body": "An async client for Redis, with pools and clusters. Redis is fast.",
        "brand": "Acme",
        "tags": ["cache", "network"],
        "stock": 3,
        "price": 9.5,
        "sold": True,
        "added": "2026-01-31T23:59:59.999999Z",
    },
    "flags": {
        "title": "Feature flags",
        "body": "Flags for features: roll out to some, then to all.",
        "brand": "Acme",
        "tags": ["flags"],
        "stock": 0,
        "price": 0.0,
        "sold": False,
        "added": "2026-02-01T00:00:00Z",
    },
    "cafe": {
        "title": "Café Zürich",
        "body": "Naïve rôle: ÉLAN vital, fiancée. Straße, STRASSE.",
        "brand": "Écume",
        "tags": ["é", "e"],
        "stock": -5,
        "price": 1e-9,
        "added": "2026-02-01T01:30:00+02:00",
    },
    "tokyo": {
        "title": "東京タワー",
        "body": "東京の塔。 Tokyo tower (東京)",
        "brand": "東京",
        "stock": 333,
        "price": 3.33e2,
    },
    "lists": {
        "title": ["First of two", "second of two"],
        "body": ["one ends here", "there begins two", ""],
        "tags": ["b", "a", "b", None],
        "stock": [7, 1, 7],
        "price": [0.5, 100.25],
        "sold": [True, False],
        "added": ["2025-12-31T12:00:00Z", "2026-03-15"],
    },
    "empty": {},
    "nulls": {"title": None, "body": [], "tags": [None], "stock": None, "price": None, "sold": None, "added": None},
    "signs": {
        "title": 'C++ & "quotes" (brackets) AND OR NOT * ~ ^ : \\ /',
        "body": "<script>alert('x')</script> title:hack -minus +plus {curly} [square] a_b a-b a.b 100% 1.5",
        "brand": "A&B \"C\" 'D' <E>",
        "tags": ["", " ", "*", "a b"],
        "price": -2.5,
    },
    "blank": {"title": "", "body": "   \n\t ", "brand": "", "stock": 10},
    "greek": {"title": "ΟΔΥΣΣΕΎΣ Όμηρος", "body": "Привет МИР ёлка", "brand": "Ωmega", "price": 12, "stock": 12},
    "marks": {"title": "हिन्दी में", "body": "สวัสดี עִבְרִית عربي", "brand": "acme", "sold": False},
    "limits": {
        "title": "limits",
        "stock": [9223372036854775807, -9223372036854775808],
        "price": [1.7976931348623157e308, 5e-324],
        "added": ["0001-01-01", "9999-12-31T23:59:59.999999"],
        "brand": "z" * 300,
        "body": "w" * 300 + " end",
    },
    "astral": {
        "title": "\U00010400" * 200,
        "body": "\U00010428" * 128 + " \U0001d41b\U0001d428\U0001d425\U0001d41d \U00020000\U00020001",
        "brand": "\U0001f3f7",
    },
    "unseen": {
        "title": "Donau\u00addampf\u00adschiff",
        "body": "\ufeffred\u2060dish\u200blamp, می\u200cگویم क्\u200dष 葛\U000e0100飾",
        "brand": "Donau\u00addampf",
    },
    "kube": {"title": "Kubernetes operator", "body": "kubernetes, kube, kubectl, k8s", "brand": "Beta", "price": 49.99},
    "typos": {"title": "djagno", "body": "kubernets redsi cleint asnyc", "brand": "beta", "price": 50},
    "django": {"title": "Django", "body": "django djangos jango Django-REST flags", "brand": "Beta", "price": 50.0},
    "kept": {"title": "With more", "more": {"deep": [1, {"er": None}]}, "unknown": "hidden words", "price": 1},
    "Upper": {"title": "upper id", "stock": 3, "brand": "Acme"},
    "id with blank/and:more é": {"title": "strange id", "stock": 3, "brand": "Acme"},
}

_THINGS = ("lamp", "chair", "table", "shelf", "clock", "mirror")
_LOOKS = ("red", "green", "blue", "old", "new", "small", "large")
_BRANDS = ("Acme", "Beta", "Gamma")


def _generated(number: int) -> Mapping[str, Json]:
    thing, look = _THINGS[number % 6], _LOOKS[number % 7]
    other = _THINGS[(number * 5 + 1) % 6]
    made: dict[str, Json] = {
        "title": f"{look} {thing}",
        "body": f"A {look} {thing} beside a {_LOOKS[(number + 3) % 7]} {other}" + f", {thing}" * (number % 4),
        "brand": _BRANDS[number % 3],
        "tags": sorted({thing, look, f"t{number % 2}"}),
        "stock": number % 5,
        "price": number * 2.5,
        "sold": number % 2 == 0,
        "added": f"2026-{1 + number % 9:02}-{1 + number % 27:02}T{number % 24:02}:00:00Z",
    }
    if number % 6 == 0:
        del made["price"], made["brand"]
    return made


DOCUMENTS: dict[str, Mapping[str, Json]] = {
    **_WRITTEN,
    **{f"thing-{number:02}": _generated(number) for number in range(42)},
}

_numbers = itertools.count(1)


def new_name() -> str:
    """A name of an index that nobody else has."""
    return f"acme.tests.{next(_numbers)}"
