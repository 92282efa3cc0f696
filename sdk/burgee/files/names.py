"""What a file may be called.

A name is shown, sent in headers and used by whoever downloads the file, on any system. So it is one part of a path,
of characters that show, and none that a system keeps for itself. What can be put right is (spaces around it, the
composed form of its letters); everything else is refused.
"""

import unicodedata

from burgee.core.errors import InvalidInputError

MOST_BYTES = 255
"""What file systems take, in UTF-8."""

_SEPARATORS = frozenset("/\\\u2044\u2215\u29f5\u29f8\u29f9\ufe68\uff0f\uff3c")
_JOINERS = frozenset("\u200c\u200d")
"""The zero-width joiners, which Persian, several Indian scripts and emoji are written with."""
_FILLERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Letters and marks that are drawn as nothing (Unicode: Default_Ignorable_Code_Point), and the empty braille cell."""
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_RESERVED = frozenset(
    {"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"}
    | {f"{device}{number}" for device in ("COM", "LPT") for number in range(10)}
)
"""Devices, on Windows, whatever stands after the first dot."""


def clean_name(name: object) -> str:
    """The name as it is kept; `InvalidInputError` says why one can't be."""
    if not isinstance(name, str):
        raise InvalidInputError(f"a file's name must be text, not {name!r}")
    kept = unicodedata.normalize("NFC", name).strip()
    why = _fault(kept)
    if why:
        raise InvalidInputError(f"a file can't be called {shortened(name)!a}: {why}")
    return kept


def is_unseen(character: str) -> bool:
    """Whether a character does not show, or turns the direction of those after it."""
    if character in _FILLERS:
        return True
    return unicodedata.category(character) in _UNSEEN and character not in _JOINERS


def is_separator(character: str) -> bool:
    """Whether a character parts a path, or looks as if it did."""
    return character in _SEPARATORS


def shortened(name: str, most: int = 60) -> str:
    """A name for an error's message."""
    return name if len(name) <= most else f"{name[:most]}…"


def _fault(name: str) -> str | None:
    if not name:
        return "it is empty"
    unseen = next((character for character in name if is_unseen(character)), None)
    if unseen is not None:
        return f"it holds U+{ord(unseen):04X}, which does not show"
    seen = unicodedata.normalize("NFKC", name)
    if any(map(is_separator, name)) or "/" in seen or "\\" in seen:
        return "it is a path; give the last part only"
    if len(name.encode()) > MOST_BYTES:
        return f"it has {len(name.encode())} bytes in UTF-8; {MOST_BYTES} are the most"
    if seen[1:2] == ":":
        return "Windows takes its beginning for a drive"
    if seen.rstrip(". ") != seen:
        return "it ends with a dot"
    if seen.partition(".")[0].strip().upper() in _RESERVED:
        return "Windows keeps that name for a device"
    return None
