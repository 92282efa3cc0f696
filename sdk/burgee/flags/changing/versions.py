"""Semantic versions (semver.org 2.0.0): what is one, and which of two is the later."""

import re

from burgee.core.errors import InvalidInputError

_NUMBER = "(?:0|[1-9][0-9]*)"
_WORD = "[0-9A-Za-z-]"
_IDENTIFIER = f"(?:{_NUMBER}|[0-9]*[A-Za-z-]{_WORD}*)"

VERSION_PATTERN = (
    rf"({_NUMBER})\.({_NUMBER})\.({_NUMBER})(?:-({_IDENTIFIER}(?:\.{_IDENTIFIER})*))?(?:\+{_WORD}+(?:\.{_WORD}+)*)?"
)
"""The whole of a text that is a version, by the grammar there: `1.4.0`, `2.0.0-rc.1+build.5`.

Its groups are the major, the minor and the patch number and the prerelease. It has neither `^` nor `$`, and means the
same in every engine.
"""

LONGEST = 255
"""Characters of a version that a condition compares with; semver.org advises no more. Those compared may be longer."""

_MATCHES = re.compile(VERSION_PATTERN).fullmatch

type _Number = tuple[int, str]
type _Identifier = tuple[bool, int, str]
type Precedence = tuple[_Number, _Number, _Number, bool, tuple[_Identifier, ...]]


def precedence(text: str) -> Precedence | None:
    """What orders versions as section 11 of the specification does; None for what is no version.

    Numbers are compared by their length, then as text: they have no leading zeros, and any number of digits. A
    prerelease comes before its version, its numeric identifiers before those with letters; build metadata is ignored.
    """
    found = _MATCHES(text)
    if found is None:
        return None
    major, minor, patch, prerelease = found.groups()
    identifiers = () if prerelease is None else tuple(map(_identifier, prerelease.split(".")))
    return _number(major), _number(minor), _number(patch), prerelease is None, identifiers


def make_version(asked: str, value: object) -> str:
    """A version as a condition holds it, as it was typed; `asked` is the condition as the error names it."""
    if not isinstance(value, str):
        raise InvalidInputError(f"{asked!r} needs a version as text, e.g. '1.4.0', not {value!r:.200}")
    if len(value) > LONGEST:
        raise InvalidInputError(f"{asked!r} compares with versions of up to {LONGEST} characters, not {len(value):,}")
    if precedence(value) is None:
        raise InvalidInputError(f"{asked!r} needs a semantic version, not {value!r}", hint=_hint(value))
    return str.__str__(value)


def _number(digits: str) -> _Number:
    return len(digits), digits


def _identifier(text: str) -> _Identifier:
    return (False, len(text), text) if text.isdigit() else (True, 0, text)


def _hint(text: str) -> str:
    bare = text.strip().removeprefix("v").removeprefix("V")
    if bare != text and precedence(bare) is not None:
        return f"write {bare!r}"
    return "a version is three numbers, perhaps with a prerelease: '1.4.0', '2.0.0-rc.1' (semver.org)"
