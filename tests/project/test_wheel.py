"""The wheel as users get it: whole, installable into an empty environment, and usable without any extra."""

import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from components import require
from project.tree import PACKAGE, ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

NO_NETWORK = ("name resolution", "Failed to establish a new connection", "Network is unreachable", "ProxyError")

FIRST_STEPS = """
import burgee

with burgee.open("memory://") as ws:
    acme = ws.tenants.create("acme", name="Acme Ltd")

    flag = acme.flags.create("new-checkout", variants={"control": 50, "treatment": 50})
    flag = flag.target("country", "in", ["DE", "FR"], serve="treatment").enable()
    answer = flag.evaluate({"id": "u1", "country": "DE"})
    assert (answer.value, answer.reason) == ("treatment", "TARGETING_MATCH"), answer
    assert flag.evaluate({"id": "u1"}).reason == "SPLIT"

    placed = burgee.Event("order.placed", {"total": 12.5})
    acme.events.append("order-42", placed, expected_version=burgee.NO_STREAM)
    query = acme.events.query(type="order.*")
    assert query.count() == 1
    assert query.frame()["total"].tolist() == [12.5]
"""

A_VIEW_OF_AN_EXTRA = """
import importlib.util

import burgee

for library in ("fastapi", "ipywidgets", "matplotlib", "uvicorn"):
    assert importlib.util.find_spec(library) is None, library

flags = burgee.open("memory://").tenants.create("acme").flags
try:
    flags.widget()
except burgee.MissingExtraError as error:
    assert error.extra == "notebook", error
    assert "burgee[notebook]" in " ".join(error.hints), error.hints
else:
    raise AssertionError("a widget without its library")
"""


def run(command: Sequence[str | Path], folder: Path) -> str:
    """Run a program in a folder; what it prints. Without a network, pip's failure is no failure of ours."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode and "pip" in command:
        require("package index", not any(sign in done.stderr for sign in NO_NETWORK), "pip has no network here")
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    run([sys.executable, "-m", "pip", "--retries", "1", "wheel", "--no-deps", "--wheel-dir", folder, ROOT], folder)
    (path,) = folder.glob("burgee-*.whl")
    return path


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that was empty before this wheel and what it depends on came in."""
    folder = tmp_path_factory.mktemp("empty")
    run([sys.executable, "-m", "venv", folder], folder)
    path = folder / "bin" / "python"
    run([path, "-m", "pip", "--retries", "1", "install", "--no-compile", "-c", ROOT / "constraints.txt", wheel], folder)
    return path


def test_the_wheel_holds_the_whole_package_its_types_and_the_licence(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    here = {path.relative_to(PACKAGE.parent).as_posix() for path in PACKAGE.rglob("*") if path.is_file()}
    here = {name for name in here if "__pycache__" not in name}
    assert {name for name in names if ".dist-info/" not in name} == here
    assert "burgee/py.typed" in names
    assert any(name.endswith("/licenses/LICENSE") for name in names)


def test_the_first_steps_work_without_any_extra(python: Path, tmp_path: Path) -> None:
    run([python, "-I", "-c", FIRST_STEPS], tmp_path)


def test_what_needs_an_extra_says_which(python: Path, tmp_path: Path) -> None:
    run([python, "-I", "-c", A_VIEW_OF_AN_EXTRA], tmp_path)


def test_the_command_line_starts_without_any_extra(python: Path, tmp_path: Path) -> None:
    assert "import" in run([python.with_name("burgee"), "--help"], tmp_path)
