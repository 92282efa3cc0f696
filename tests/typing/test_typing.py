"""mypy, run once over what users write in this folder: each file's expectations must hold as they see them."""

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
WRITTEN = sorted(path for path in HERE.glob("*.py") if path != Path(__file__))

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def complaints() -> list[str]:
    """Everything mypy has to say about the files of this folder."""
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--no-pretty", "--no-error-summary", *WRITTEN],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in {0, 1}, done.stdout + done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: path.stem)
def test_users_get_the_types_they_expect(path: Path, complaints: list[str]) -> None:
    name = path.relative_to(ROOT).as_posix()
    assert [line for line in complaints if line.startswith(f"{name}:")] == []


def test_nothing_else_is_wrong_where_these_files_look(complaints: list[str]) -> None:
    """An error inside burgee would make its types mean nothing here."""
    assert [line for line in complaints if not line.startswith("tests/typing/")] == []
