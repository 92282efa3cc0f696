"""The project's files, for the tests that look at them."""

import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "sdk" / "burgee"


@cache
def tracked() -> tuple[Path, ...]:
    """What git tracks and is there, relative to the root."""
    # The folder may belong to another user, as in a container; git would refuse to look.
    git = ["git", "-c", "safe.directory=*", "ls-files", "-z"]
    names = subprocess.run(git, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    return tuple(Path(name) for name in names if name and (ROOT / name).is_file())


def modules() -> list[Path]:
    """Every Python file of the package, its tests, examples and scripts."""
    folders = ("sdk", "tests", "examples", "docs")
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def pages() -> list[Path]:
    """The Markdown pages for readers."""
    return sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")])


def name_of(path: Path) -> str:
    """The path as people say it."""
    return path.relative_to(ROOT).as_posix()
