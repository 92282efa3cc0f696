"""What tells a function from another: its code, its defaults, and what it closes over.

The code is Python's own bytes of it, without the lines it stands on: a function that is moved or laid out otherwise
is the same, one whose body was changed is another. What it reads elsewhere (global names, other functions) is not seen.
"""

from functools import partial
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from burgee.cache.digest import Feed, put


def feed(digest: Any, value: object, other: Feed, where: str, depth: int) -> bool:
    """Put a function or a class into a digest; whether it was one. `other` puts in what is neither."""
    if isinstance(value, FunctionType):
        put(digest, "function", b"")
        _feed_code(digest, value.__code__, other, where, depth)
        other(digest, (value.__defaults__, value.__kwdefaults__), where, depth + 1)
        for cell in value.__closure__ or ():
            _feed_cell(digest, cell, other, where, depth)
    elif isinstance(value, partial):
        put(digest, "partial", b"")
        other(digest, (value.func, value.args, value.keywords), where, depth + 1)
    elif isinstance(value, MethodType):
        put(digest, "method", b"")
        other(digest, (value.__self__, value.__func__), where, depth + 1)
    elif isinstance(value, staticmethod):
        put(digest, "static", b"")
        other(digest, value.__func__, where, depth + 1)
    elif isinstance(value, type) or _is_named(value):
        put(digest, "named", f"{value.__module__}.{getattr(value, '__qualname__', value.__name__)}".encode())  # type: ignore[attr-defined] # a name is what they have
    else:
        return False
    return True


def _is_named(value: Any) -> bool:
    """Whether it is a function that is not written in Python, and no method of an object."""
    if isinstance(value, BuiltinFunctionType):
        return value.__self__ is None or isinstance(value.__self__, ModuleType)
    return type(value).__module__ == "numpy" and type(value).__name__ == "ufunc"


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
