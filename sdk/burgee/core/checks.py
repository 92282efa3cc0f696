"""Checks of what annotations promise and callers may break: a notebook runs no type checker.

Values that are built through these can't be built wrong, embedded and on a server alike.
"""

from collections.abc import Iterable, Mapping

from burgee.core.errors import InvalidInputError


def need_text(what: str, value: object) -> None:
    """Refuse what is no text, or an empty one."""
    if not isinstance(value, str) or not value:
        raise InvalidInputError(f"{what} must be text, not {value!r}")


def need_texts(what: str, values: object) -> None:
    """Refuse what are not several texts: one text alone is no list of texts."""
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise InvalidInputError(f"{what} must be a list of texts, not {values!r}")
    for value in values:
        need_text(what, value)


def listed_texts(what: str, values: object) -> list[str]:
    """Several texts as a list, also those that can be gone through once only."""
    listed = list(values) if isinstance(values, Iterable) and not isinstance(values, str) else values
    need_texts(what, listed)
    return [str(value) for value in listed] if isinstance(listed, list) else []


def need_whole(what: str, value: object, *, least: int = 0) -> None:
    """Refuse what is no whole number, or too small a one."""
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise InvalidInputError(f"{what} must be a whole number from {least}, not {value!r}")


def need_number(what: str, value: object) -> float:
    """Refuse what is no number; a truth value is none."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise InvalidInputError(f"{what} must be a number, not {value!r}")
    return value


def need_mapping(what: str, value: object) -> None:
    """Refuse what is no dict."""
    if type(value) is not dict and not isinstance(value, Mapping):  # most are, and the second question takes longer
        raise InvalidInputError(f"{what} must be a dict, not {type(value).__name__}")
