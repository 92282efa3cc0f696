"""What a log holds: its types of events and their fields, as values."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self

from burgee.analytics.layout import TypeFacts, words
from burgee.core.clock import from_us


@dataclass(frozen=True, slots=True)
class TypeInfo:
    """A type of event: how many there are, `first` and `last` by `occurred_at`, and what they hold.

    `versions` are the schema versions seen. `fields` says for each payload field what its values are: `int`,
    `float`, `bool`, `text`, `list`, `object`, `big` (an integer beyond 64 bits), several of these (`int or text`),
    or `null` where no event has a value. `conflicts` are the fields whose column in `events` holds text, because
    their values, here or in other types, are of kinds that no one column can hold.
    """

    type: str
    count: int
    first: datetime
    last: datetime
    versions: tuple[int, ...]
    fields: dict[str, str]
    conflicts: tuple[str, ...]

    @classmethod
    def of(cls, type: str, facts: TypeFacts, conflicts: frozenset[str]) -> Self:
        """What the mirror knows, for people."""
        return cls(
            type,
            facts.count,
            from_us(facts.first),
            from_us(facts.last),
            tuple(sorted(facts.versions)),
            {name: words(seen) for name, seen in sorted(facts.fields.items())},
            tuple(sorted(conflicts & set(facts.fields))),
        )
