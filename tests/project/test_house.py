"""The house rules that no linter holds: sizes, folders, generics, and no traces of anybody's machine."""

import ast
import os
import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from project.tree import PACKAGE, ROOT, modules, name_of, tracked

LONGEST_FILE = 400
CODE = {".py", ".js", ".mjs", ".ts", ".css", ".html", ".sql", ".sh"}
FOLDERS = {"sdk", "notebooks", "tests", "examples", "docs", ".ci"}
OLD_GENERICS = {"TypeVar", "TypeVarTuple", "ParamSpec", "Generic", "TypeAlias"}

PLACES = re.compile(
    r"(?<![\w.])/(home|Users)/\w+/"
    r"|(?<![\w.])/root[/]"
    r"|[A-Z]:\\Users\\"
    r"|(extra-)?index[-_]url|trusted[-_]host|find[-_]links"
    r"|\b[\w.-]*(pypi|pythonhosted|npmjs|jfrog|artifactory|devpi)[\w-]*\.(org|com|io|net|dev)\b",
    re.IGNORECASE,
)


def test_no_file_of_the_package_or_its_tests_is_longer_than_400_lines() -> None:
    """R10.1."""
    files = [path for folder in ("sdk", "tests") for path in (ROOT / folder).rglob("*") if path.suffix in CODE]
    lengths = {name_of(path): len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    assert lengths
    assert {name: length for name, length in lengths.items() if length > LONGEST_FILE} == {}


def test_top_level_folders_are_those_of_the_plan() -> None:
    assert {path.parts[0] for path in tracked() if len(path.parts) > 1} <= FOLDERS


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_generics_are_written_in_pep_695_syntax(path: Path) -> None:
    """P21, R10.2: for every module there is, not for a sample."""
    assert old_generics(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "code",
    [
        "from typing import TypeVar",
        "from typing_extensions import ParamSpec as P",
        "import typing\nT = typing.TypeVar('T')",
        "import typing as t\nclass Box(t.Generic[T]): ...",
    ],
)
def test_the_older_ways_to_write_generics_would_be_noticed(code: str) -> None:
    assert old_generics(code) != []


def test_the_package_has_generics_at_all() -> None:
    """P21 would hold in an empty house too."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in PACKAGE.rglob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    assert any(node.type_params for node in nodes if isinstance(node, ast.ClassDef))
    assert any(node.type_params for node in nodes if isinstance(node, ast.FunctionDef))
    assert any(isinstance(node, ast.TypeAlias) for node in nodes)


def test_no_tracked_file_names_a_machine_path_or_a_registry() -> None:
    machine = places_of_this_machine()
    found = []
    for path in tracked():
        for number, line in enumerate(lines_of(ROOT / path), 1):
            if PLACES.search(line) or any(place in line for place in machine):
                found.append(f"{path}:{number}: {line.strip()[:120]}")
    assert found == []


@pytest.mark.parametrize(
    "line", ["in |home|ann|x", "|Users|ann|x", "cd |root|x", "--index^-url x", "https:||py^pi.org"]
)
def test_machine_paths_and_registries_would_be_noticed(line: str) -> None:
    """Written in disguise, since this file is looked at too."""
    assert PLACES.search(line.replace("|", "/").replace("^", ""))


def test_constraints_pin_one_version_each_and_nothing_else() -> None:
    lines = [line for line in lines_of(ROOT / "constraints.txt") if not line.startswith("#")]
    assert [line for line in lines if not re.fullmatch(r"[\w.-]+==[\w.+!]+", line)] == []


def test_constraints_cover_what_the_project_asks_for_and_fit_it() -> None:
    pins = dict(line.split("==") for line in lines_of(ROOT / "constraints.txt") if not line.startswith("#"))
    pins = {canonicalize_name(name): pin for name, pin in pins.items()}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)]
    for requirement in map(Requirement, asked):
        name = canonicalize_name(requirement.name)
        assert name == "burgee" or requirement.specifier.contains(pins[name]), requirement


def test_the_installed_package_is_this_one() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert version("burgee") == project["version"]


def old_generics(code: str) -> list[str]:
    """Where code uses typing's older means for generics."""
    found = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and node.module in {"typing", "typing_extensions"}:
            found += [f"line {node.lineno}: {name.name}" for name in node.names if name.name in OLD_GENERICS]
        elif isinstance(node, ast.Attribute) and node.attr in OLD_GENERICS and not of_ast(node):
            found.append(f"line {node.lineno}: {node.attr}")
    return found


def of_ast(node: ast.Attribute) -> bool:
    """`ast.TypeAlias` is the node of the new syntax."""
    return isinstance(node.value, ast.Name) and node.value.id == "ast"


def places_of_this_machine() -> set[str]:
    """Where this checkout lies, and where pip of this machine looks for packages."""
    settings = [os.environ.get(f"PIP_{name}_{kind}", "") for name, kind in (("INDEX", "URL"), ("FIND", "LINKS"))]
    places = {str(ROOT), str(Path.home()), *" ".join(settings).split()}
    return {place for place in places if place.count("/") > 1}


def lines_of(path: Path) -> list[str]:
    """A text file's lines; of anything else, none."""
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        return []
