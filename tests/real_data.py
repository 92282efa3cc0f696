"""Where the real data is: `$BURGEE_DATA`, or `../shared/data` beside the project. Tests are skipped where it is not."""

import os
from pathlib import Path

import pytest


def real_file(name: str) -> Path:
    """The path of a real file; the test that asks is skipped where it is absent."""
    folder = Path(os.environ.get("BURGEE_DATA") or Path(__file__).parents[2] / "shared" / "data")
    path = folder / name
    if not path.is_file():
        pytest.skip(f"the real data is not there: no {name} in {folder}")
    return path
