"""What tells a function from another: its code, its defaults, and what it closes over.

The code is Python's own bytes of it, without the lines it stands on: a function that is moved or laid out otherwise
is the same, one whose body was changed is another. What it reads elsewhere (global names, other functions) is not seen.
"""

from functools import lru_cache, partial
from types import (
    BuiltinFunctionType,
    CodeType,
    FunctionType,
    MethodDescriptorType,
    MethodType,
    ModuleType,
    WrapperDescriptorType,
)
from typing import Any

from burgee.cache.digest import Feed, put

_LRU: Any = type(lru_cache(len))
"""What `functools.lru_cache` makes of a function."""


def feed(digest: Any, value: object, other: Feed, where: str, depth: int, given: Feed | None = None) -> bool:
    """Put a function or a class into a digest; whether it was one.

    `other` puts in what is neither; `given`, if told, what a part of a function or a method was given.
    """
    given = other if given is None else given
    if isinstance(value, FunctionType):
        put(digest, "function", b"")
        _feed_code(digest, value.__code__, other, where, depth)
        other(digest, (value.__defaults__, value.__kwdefaults__), where, depth + 1)
        for cell in value.__closure__ or ():
            _feed_cell(digest, cell, other, where, depth)
    elif isinstance(value, partial):
        put(digest, "partial", b"")
        given(digest, (value.args, value.keywords), where, depth + 1)
        if not feed(digest, value.func, other, where, depth + 1, given):
            given(digest, value.func, where, depth + 1)
    elif isinstance(value, MethodType):
        put(digest, "method", b"")
        given(digest, value.__self__, where, depth + 1)
        other(digest, value.__func__, where, depth + 1)
    elif isinstance(value, staticmethod | _LRU):
        put(digest, type(value).__name__, b"")
        other(digest, value.__wrapped__, where, depth + 1)
    elif isinstance(value, type) or _is_named(value):
        owner: Any = getattr(value, "__objclass__", value)
        put(digest, "named", f"{owner.__module__}.{getattr(value, '__qualname__', value.__name__)}".encode())  # type: ignore[attr-defined] # a name is what they have
    else:
        return False
    return True


def _is_named(value: Any) -> bool:
    """Whether it is a function that is not written in Python, and no method of an object."""
    if isinstance(value, BuiltinFunctionType):
        return value.__self__ is None or isinstance(value.__self__, ModuleType)
    if isinstance(value, MethodDescriptorType | WrapperDescriptorType):
        return True
    return type(value).__name__ in {"ufunc", "cython_function_or_method", "fused_cython_function"}


def _feed_code(digest: Any, code: CodeType, other: Feed, where: str, depth: int) -> None:
    names = (code.co_name, code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)
    words = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
    put(digest, "code", code.co_code)
    put(digest, "names", repr((names, words)).encode("utf-8", "surrogatepass"))
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            _feed_code(digest, constant, other, where, depth + 1)
        else:
            other(digest, constant, where, depth + 1)


def _feed_cell(digest: Any, cell: Any, other: Feed, where: str, depth: int) -> None:
    try:
        content = cell.cell_contents
    except ValueError:  # the function itself, while it is being made
        put(digest, "empty", b"")
    else:
        other(digest, content, where, depth + 1)
