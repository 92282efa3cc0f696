"""How payloads lie in columns: the kinds of values a field has had, the column that holds them, and its name.

Pure rules, without any library: the mirror keeps what they say in its manifest, engines only see the result.
"""

import re
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Literal

type Kind = Literal["int", "float", "bool", "text", "json"]
type Seen = Literal["int", "float", "bool", "text", "list", "object", "big"]
"""What values of a field have been; `big` is an integer beyond 64 bits. Null is nothing seen."""

STANDARD_NAMES = (
    "position",
    "stream",
    "version",
    "id",
    "type",
    "schema_version",
    "occurred_at",
    "recorded_at",
    "data",
    "metadata",
)

NO_VALUES: frozenset[Seen] = frozenset()


def kind_of(seen: AbstractSet[Seen]) -> Kind:
    """What holds all of these: `json` where no single kind does.

    It only ever widens as more is seen: int to float, and anything to json.
    """
    if not seen:
        return "text"
    if seen <= {"int", "float"}:
        return "float" if "float" in seen else "int"
    if len(seen) == 1:
        (only,) = seen
        if only in {"bool", "text"}:
            return "bool" if only == "bool" else "text"
    return "json"


def is_conflict(seen: AbstractSet[Seen]) -> bool:
    """Whether the field is kept as JSON text because no column could hold its values otherwise."""
    return kind_of(seen) == "json" and seen not in ({"list"}, {"object"})


def words(seen: AbstractSet[Seen]) -> str:
    """The kinds, for people: `int`, `int or text`, `null` where nothing but null was seen."""
    if seen == {"int", "float"}:
        return "float"
    return " or ".join(sorted(seen)) or "null"


@dataclass(frozen=True, slots=True)
class TypeFacts:
    """What is known of the events of one type. Times are microseconds since 1970 (UTC), by `occurred_at`."""

    count: int
    first: int
    last: int
    versions: frozenset[int]
    fields: Mapping[str, frozenset[Seen]] = field(default_factory=dict)

    def merged(self, other: "TypeFacts") -> "TypeFacts":
        """What is known of both together."""
        return TypeFacts(
            self.count + other.count,
            min(self.first, other.first),
            max(self.last, other.last),
            self.versions | other.versions,
            merged_fields((self.fields, other.fields)),
        )


type Facts = Mapping[str, TypeFacts]
"""By event type."""


def merged_facts(one: Facts, other: Facts) -> Facts:
    """What is known of the events of two pieces of a log."""
    return {**one, **{type: one[type].merged(facts) if type in one else facts for type, facts in other.items()}}


def merged_fields(several: Iterable[Mapping[str, frozenset[Seen]]]) -> dict[str, frozenset[Seen]]:
    """What each field has been, in any of these."""
    found: dict[str, frozenset[Seen]] = {}
    for fields in several:
        for name, seen in fields.items():
            found[name] = found.get(name, NO_VALUES) | seen
    return found


def named(fields: Iterable[str], names: Mapping[str, str]) -> dict[str, str]:
    """The columns' names, with one for each new field; those that have one keep it.

    A name is the field's own where every engine has room for it: letters, digits and `_` (anything else
    becomes `_`), unlike the standard columns and unlike all others also without regard to case.
    """
    known = dict(names)
    taken = {name.casefold() for name in (*STANDARD_NAMES, *known.values())}
    for name in fields:
        if name in known:
            continue
        wanted = re.sub(r"\W", "_", name) or "field"
        if wanted.casefold() in STANDARD_NAMES:
            wanted = f"data_{wanted}"
        free, number = wanted, 2
        while free.casefold() in taken:
            free, number = f"{wanted}_{number}", number + 1
        taken.add(free.casefold())
        known[name] = free
    return known


def shown_names(fields: Iterable[str], taken: Iterable[str]) -> dict[str, str]:
    """The fields' names as columns of a frame: their own, or `data_<name>` where a standard column is called so."""
    fields = list(fields)
    busy = set(taken)
    plain = {name for name in fields if name not in busy}
    found: dict[str, str] = {}
    for name in fields:
        free = name
        while free in busy or (free != name and free in plain):
            free = f"data_{free}"
        found[name] = free
    return found
