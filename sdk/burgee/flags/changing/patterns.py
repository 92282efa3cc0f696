r"""Regular expressions that mean the same everywhere a flag is evaluated: in Python and in every warehouse.

Engines differ in what they understand (RE2 in DuckDB, ClickHouse and BigQuery; Java's in Spark, Trino and nearly so in
Snowflake; PostgreSQL's own) and in what common signs mean. So a pattern is read by the small grammar here, what lies
outside is refused with its place and the reason, and `portable` writes it again so that all of them agree:

- A pattern is found anywhere in the text. `^` is the beginning of the whole text and `$` its end; a line break before
  it does not count as the end.
- `.` is any character but a line feed; characters are code points, and case matters.
- `\d`, `\w` and `\s` are those of ASCII (`[0-9]`, `[0-9A-Za-z_]`, and tab, line feed, form feed, carriage return and
  space); `\D`, `\W` and `\S` all others.
- Classes hold characters, ranges and `\d \w \s`, and can be negated; then they hold the line feed, too.
- `(…)` and `(?:…)` group, `|` is or, and `?`, `*`, `+`, `{m}`, `{m,}` and `{m,n}` repeat, up to 100 times by number.
- What is no letter and no digit stands for itself behind a `\`; `\t`, `\n`, `\f` and `\r` are what they are elsewhere.

Here they are searched for by RE2, in time that grows with the text and no faster. Java tries one way after another,
and a repeat without bound inside a repeat (`(a+)+`) can take it forever; PostgreSQL can be taken so by what may be
empty, repeated (`(a?)*`). Both are refused, too.
"""

from collections.abc import Callable
from dataclasses import dataclass

from burgee.core.errors import InvalidInputError

LONGEST = 512
"""Characters of a pattern."""
MOST_REPEATS = 100
LARGEST = 1_000
"""Characters and classes of a pattern, each as often as it is repeated by number."""
DEEPEST = 32
"""Groups within groups."""

_CLASSES = {"d": "0-9", "w": "0-9A-Za-z_", "s": r"\t\n\f\r "}
_CONTROLS = {"t": "\t", "n": "\n", "f": "\f", "r": "\r"}
_ESCAPED_CONTROLS = {character: f"\\{letter}" for letter, character in _CONTROLS.items()}
_SYNTAX = frozenset(r"\.^$|?*+()[]{}")
_IN_CLASS = frozenset(r"\^-[]&~|#")  # also what Java or PostgreSQL see more in when it is doubled or stands first
_REFUSED_ESCAPES = {
    **dict.fromkeys("bByY", "the boundary of a word is not the same in every engine"),
    **dict.fromkeys("AzZG", "use ^ and $ for the ends of the text"),
    **dict.fromkeys("pPXNR", "classes of Unicode are not the same in every engine"),
    **dict.fromkeys("123456789gk", "a reference to a group can't be matched by every engine"),
    **dict.fromkeys("xu0ceU", "write the character itself"),
    **dict.fromkeys("QE", "put a \\ before each character"),
}
_REFUSED_GROUPS = {
    "?=": "looking ahead can't be matched by every engine",
    "?!": "looking ahead can't be matched by every engine",
    "?<=": "looking behind can't be matched by every engine",
    "?<!": "looking behind can't be matched by every engine",
    "?>": "a group that is not tried again can't be matched by every engine",
    "?P": "groups have no names here: write (…)",
    "?<": "groups have no names here: write (…)",
    "?#": "comments are not understood by every engine",
    "?": "flags are not understood by every engine: say in the pattern what is meant, e.g. [Aa]",
}

type Search = Callable[[str], bool]


def check(pattern: object) -> str:
    """The pattern, if it is one that all engines understand alike; `InvalidInputError` says what is not, and where."""
    return _read(pattern).pattern


def portable(pattern: object, end: str = "$") -> str:
    r"""The pattern in plain signs, for every engine.

    Args:
        pattern: the pattern as it was typed.
        end: what the engine calls the very end of the text: `$` for RE2 and PostgreSQL; `\z` for Java's and those like
            it, whose `$` is also met before a line break at the end.
    """
    return _read(pattern, end).written


def search(pattern: str) -> Search:
    """Whether the pattern is found in a text. A text with half a character (a lone surrogate) is none."""
    import re2

    options = re2.Options()
    options.log_errors = False
    try:
        compiled = re2.compile(portable(pattern).encode(), options)
    except re2.error as error:
        raise InvalidInputError(f"the pattern {pattern!r} is too much for RE2: {error}") from None
    find = compiled.search

    def found(text: str) -> bool:
        try:
            data = text.encode()
        except UnicodeEncodeError:
            return False
        return find(data) is not None

    return found


@dataclass(frozen=True, slots=True)
class _Part:
    """A piece of a pattern as written, its size, and what may not be repeated about it."""

    written: str
    size: int = 1
    unbounded: bool = False
    """It repeats without bound."""
    empty: bool = False
    """It can be met without a character."""
    anchor: bool = False


@dataclass(frozen=True, slots=True)
class _Pattern:
    pattern: str
    written: str


def _read(pattern: object, end: str = "$") -> _Pattern:
    if not isinstance(pattern, str) or not pattern:
        raise InvalidInputError(f"a pattern is text, not {pattern!r:.200}")
    if len(pattern) > LONGEST:
        raise InvalidInputError(f"a pattern has at most {LONGEST} characters; this one has {len(pattern):,}")
    return _Pattern(str.__str__(pattern), _Reader(pattern, end).whole())


class _Reader:
    """Reads a pattern from left to right."""

    def __init__(self, pattern: str, end: str) -> None:
        self._pattern = pattern
        self._end = end
        self._at = 0
        self._depth = 0

    def whole(self) -> str:
        part = self._alternatives()
        if self._peek():
            raise self._wrong("there is no group to close", hint="a bracket itself is written \\)")
        return part.written

    def _alternatives(self) -> _Part:
        branches = [self._branch()]
        while self._take("|"):
            branches.append(self._branch())
        return _Part(
            "|".join(branch.written for branch in branches),
            sum(branch.size for branch in branches),
            any(branch.unbounded for branch in branches),
            any(branch.empty for branch in branches),
        )

    def _branch(self) -> _Part:
        parts: list[_Part] = []
        while self._peek() and self._peek() not in "|)":
            parts.append(self._repeated())
            if sum(part.size for part in parts) > LARGEST:
                raise self._wrong(f"with its repeats, this pattern is of more than {LARGEST:,} characters")
        if not parts and self._depth and not self._peek():
            raise self._wrong("a group is not closed", hint="a bracket itself is written \\(")
        if not parts:
            raise self._wrong("there is nothing to match", hint="what may be absent is written (…)?")
        return _Part(
            "".join(part.written for part in parts),
            sum(part.size for part in parts),
            any(part.unbounded for part in parts),
            all(part.empty for part in parts),
        )

    def _repeated(self) -> _Part:
        part = self._atom()
        start = self._at
        repeats = self._repeats()
        if repeats is None:
            return part
        low, high, written = repeats
        if part.anchor:
            raise self._wrong("an end of the text can't be repeated", start)
        if part.unbounded and high != 1:
            raise self._wrong(
                "a repeat without bound within a repeat can take an engine forever",
                start,
                hint="give the inner one a bound, e.g. {1,20} instead of +",
            )
        if part.empty and high != 1:
            raise self._wrong(
                "what may be empty can't be repeated: it can take an engine forever",
                start,
                hint="say (ab?)* instead of (a?b?)*",
            )
        if self._peek() and self._peek() in "?*+{":
            raise self._wrong(
                "a repeat follows a repeat", hint="shortest (*?) and possessive (*+) repeats are not in every engine"
            )
        size = part.size * max(low if high is None else high, 1)
        if size > LARGEST:
            raise self._wrong(f"with its repeats, this pattern is of more than {LARGEST:,} characters", start)
        return _Part(part.written + written, size, part.unbounded or high is None, part.empty or low == 0)

    def _repeats(self) -> tuple[int, int | None, str] | None:
        """How often, from and to, and how that is written; None if what was read is not repeated."""
        if self._take("?"):
            return 0, 1, "?"
        if self._take("*"):
            return 0, None, "*"
        if self._take("+"):
            return 1, None, "+"
        if not self._take("{"):
            return None
        start = self._at - 1
        closing = self._pattern.find("}", start)
        inside = self._pattern[self._at : closing] if closing >= 0 else ""
        low, comma, high = inside.partition(",")
        if not _is_number(low) or not (high == "" or _is_number(high)):
            raise self._wrong("{ begins a repeat like {2} or {2,5}", start, hint="the sign itself is written \\{")
        self._at = closing + 1
        least, most = int(low), int(high) if high else None if comma else int(low)
        if max(least, most or 0) > MOST_REPEATS:
            raise self._wrong(f"a repeat by number goes up to {MOST_REPEATS}", start)
        if most is not None and (most < least or most == 0):
            why = "goes from more to fewer" if most < least else "repeats nothing"
            raise self._wrong(f"{{{inside}}} {why}", start)
        return least, most, f"{{{least}}}" if not comma else f"{{{least},{'' if most is None else most}}}"

    def _atom(self) -> _Part:
        start, sign = self._at, self._next()
        match sign:
            case "(":
                return self._group(start)
            case "[":
                return _Part(self._class(start))
            case ".":
                return _Part(r"[^\n]")
            case "^":
                return _Part("^", empty=True, anchor=True)
            case "$":
                return _Part(self._end, empty=True, anchor=True)
            case "\\":
                return _Part(self._escape(start))
            case "?" | "*" | "+" | "{":
                raise self._wrong("there is nothing to repeat", start, hint=f"the sign itself is written \\{sign}")
        return _Part(_literal(sign))

    def _group(self, start: int) -> _Part:
        if self._peek() == "?" and not self._take("?:"):
            rest = self._pattern[self._at :]
            why = next(why for opening, why in _REFUSED_GROUPS.items() if rest.startswith(opening))
            raise self._wrong(why, start)
        self._depth += 1
        if self._depth > DEEPEST:
            raise self._wrong(f"groups lie within groups up to {DEEPEST} deep", start)
        inner = self._alternatives()
        if not self._take(")"):
            raise self._wrong("this group is not closed", start, hint="a bracket itself is written \\(")
        self._depth -= 1
        return _Part(f"(?:{inner.written})", inner.size, inner.unbounded, inner.empty)

    def _escape(self, start: int) -> str:
        sign = self._next()
        if sign.lower() in _CLASSES:
            return f"[{'^' if sign.isupper() else ''}{_CLASSES[sign.lower()]}]"
        return _literal(self._escaped(sign, start))

    def _escaped(self, sign: str, start: int) -> str:
        """The character that an escape stands for."""
        if sign in _CONTROLS:
            return _CONTROLS[sign]
        if not sign:
            raise self._wrong("a \\ at the end escapes nothing", start, hint="the sign itself is written \\\\")
        if not sign.isascii() or sign.isalnum() or not sign.isprintable():
            why = _REFUSED_ESCAPES.get(sign, "no engine needs it, or not every engine knows it")
            raise self._wrong(f"\\{sign} can't be used", start, hint=why)
        return sign

    def _class(self, start: int) -> str:
        negated = self._take("^")
        items: list[str] = []
        while not self._take("]"):
            if not self._peek():
                raise self._wrong("this class is not closed", start, hint="the sign itself is written \\[")
            items.append(self._item(start, first=not items))
        if not items:
            raise self._wrong("a class holds at least one character", start, hint="the sign ] is written \\]")
        return f"[{'^' if negated else ''}{''.join(items)}]"

    def _item(self, opened: int, *, first: bool) -> str:
        r"""A character, a range or `\d`, `\w`, `\s` of a class."""
        start = self._at
        low = self._member(start)
        ends = self._pattern[self._at + 1 : self._at + 2] in {"]", ""}
        if low == "-" and self._pattern[start] == "-" and not (first or self._peek() == "]"):
            raise self._wrong("a - stands first or last in a class", start, hint="elsewhere it is written \\-")
        if self._peek() != "-" or ends:
            return low if len(low) > 1 else _in_class(low)
        self._next()
        high = self._member(self._at)
        if len(low) > 1 or len(high) > 1 or low > high:
            shown = self._pattern[start : self._at]
            raise self._wrong(f"{shown} is no range", opened, hint="a range goes from one character to a later one")
        return f"{_in_class(low)}-{_in_class(high)}"

    def _member(self, start: int) -> str:
        r"""One character of a class, or what `\d`, `\w` or `\s` stand for."""
        sign = self._next()
        if sign == "[":
            named = self._peek() in {":", ".", "="}
            why = "named classes are not in every engine: write the characters" if named else "it is written \\["
            raise self._wrong("there is a [ within a class", start, hint=why)
        if sign != "\\":
            return sign
        escaped = self._next()
        if escaped in _CLASSES:
            return _CLASSES[escaped]
        if escaped.lower() in _CLASSES:
            raise self._wrong(f"\\{escaped} can't stand within a class", start, hint=f"write [^\\{escaped.lower()}]")
        return self._escaped(escaped, start)

    def _peek(self) -> str:
        return self._pattern[self._at : self._at + 1]

    def _next(self) -> str:
        sign = self._peek()
        self._at += len(sign)
        return sign

    def _take(self, text: str) -> bool:
        there = self._pattern.startswith(text, self._at)
        if there:
            self._at += len(text)
        return there

    def _wrong(self, why: str, at: int | None = None, *, hint: str | None = None) -> InvalidInputError:
        place = (self._at if at is None else at) + 1
        return InvalidInputError(f"the pattern {self._pattern!r} can't be used, at character {place}: {why}", hint=hint)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= len(str(MOST_REPEATS)) + 1


def _literal(character: str) -> str:
    return _ESCAPED_CONTROLS.get(character) or (f"\\{character}" if character in _SYNTAX else character)


def _in_class(character: str) -> str:
    return _ESCAPED_CONTROLS.get(character) or (f"\\{character}" if character in _IN_CLASS else character)
