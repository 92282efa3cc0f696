"""The public face: what `import burgee` gives, and how light it is."""

import ast
import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import burgee
from project.tree import PACKAGE, name_of

HEAVY = {
    "aiohttp",
    "anyio",
    "anywidget",
    "cryptography",
    "duckdb",
    "fastapi",
    "httpx",
    "IPython",
    "ipywidgets",
    "jwt",
    "matplotlib",
    "numpy",
    "pandas",
    "polars",
    "pyarrow",
    "pydantic",
    "rich",
    "sqlalchemy",
    "sqlglot",
    "starlette",
    "typer",
    "uvicorn",
}

FACADES = sorted([*PACKAGE.rglob("facade.py"), PACKAGE / "workspace.py", PACKAGE / "core" / "listing.py"])
SOURCE = (PACKAGE / "__init__.py").read_text(encoding="utf-8")
SHOWN_DUNDERS = {"__getitem__", "__iter__", "__contains__", "__len__", "__enter__", "__exit__"}


def is_error(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, burgee.BurgeeError)


def test_import_burgee_loads_no_heavy_library() -> None:
    code = "import sys; before = set(sys.modules); import burgee; print(*(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert "burgee" in loaded
    assert loaded & HEAVY == set()


def test_all_is_exactly_the_public_names() -> None:
    made_here = {node.name for node in ast.parse(SOURCE).body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    assert {name for name in made_here if not name.startswith("_")} <= set(burgee.__all__)
    assert dir(burgee) == sorted(set(burgee.__all__))
    unknown = "flagz"
    with pytest.raises(AttributeError, match="no attribute 'flagz'"):
        getattr(burgee, unknown)


@pytest.mark.parametrize("name", sorted(set(burgee.__all__) - {"open"}))
def test_type_checkers_and_python_find_the_same_thing_under_a_public_name(name: str) -> None:
    """Names are loaded when used, so what mypy reads and what Python does are written down apart."""
    module, inside = typed_names()[name]
    home = importlib.import_module(module)
    assert getattr(burgee, name) is (getattr(home, inside) if inside else home)
    assert getattr(burgee, name).__doc__


def test_every_error_that_can_reach_a_user_can_be_caught_by_its_public_name() -> None:
    homes = ["burgee.core.errors", *(f"burgee.{path.parent.name}.errors" for path in PACKAGE.glob("*/errors.py"))]
    named = {name for home in homes for name, kind in vars(importlib.import_module(home)).items() if is_error(kind)}
    never_raised_to_users = {"DamagedIndexError"}  # the service makes the index anew
    assert "FileTypeError" in named
    assert named - never_raised_to_users - set(burgee.__all__) == set()


@pytest.mark.parametrize("path", FACADES, ids=name_of)
def test_every_public_class_and_method_of_a_facade_has_a_docstring(path: Path) -> None:
    nodes = [*public_classes(path), *public_methods(path)]
    assert nodes
    assert [
        f"line {node.lineno}: {node.name}" for node in nodes if needs_docstring(node) and not documented(node)
    ] == []


@pytest.mark.parametrize("path", FACADES, ids=name_of)
def test_every_public_method_of_a_facade_says_what_type_it_returns(path: Path) -> None:
    """IPython completes past a call or a property only where the type is written down, and concrete."""
    vague = {"None", "object", "Any"} | {f"{name}[Any]" for name in ("list", "dict")}
    found = []
    for node in public_methods(path):
        returns = ast.unparse(node.returns) if node.returns else ""
        told = returns not in vague or (returns == "None" and "property" not in decorators(node))
        if not returns or not told:
            found.append(f"line {node.lineno}: {node.name} -> {returns or 'nothing written'}")
    assert found == []


def typed_names() -> dict[str, tuple[str, str]]:
    """What a type checker reads in `burgee/__init__.py`: the public name, its module, and its name in there."""
    imports = [node for node in ast.walk(ast.parse(SOURCE)) if isinstance(node, ast.ImportFrom)]
    found = {}
    for module, alias in ((node.module or "", alias) for node in imports for alias in node.names):
        whole = module == "burgee"
        place = (f"burgee.{alias.name}", "") if whole else (module, alias.name)
        found[alias.asname or alias.name] = place
    return found


def public_classes(path: Path) -> Iterator[ast.ClassDef]:
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield node


def public_methods(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for owner in public_classes(path):
        for node in owner.body:
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            if not node.name.startswith("_") or node.name in SHOWN_DUNDERS:
                yield node


def documented(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return ast.get_docstring(node) is not None


def needs_docstring(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Not what the language, the method overridden, or the method overloaded explains already."""
    return not node.name.startswith("__") and not {"override", "overload", "setter"} & decorators(node)


def decorators(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    """The last part of each decorator's name."""
    return {ast.unparse(decorator).partition("(")[0].rpartition(".")[2] for decorator in node.decorator_list}
