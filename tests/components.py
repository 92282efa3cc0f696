"""What some tests need beyond Python packages: is it here, and what happens if not.

A missing component skips its tests, with the reason and what to install. Where `BURGEE_REQUIRE_COMPONENTS`
is set (as `.ci/run` does under CI) it fails them instead, so that nothing is skipped in silence there.
"""

import os
import shutil

import pytest

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def require(name: str, found: bool, reason: str) -> None:
    """Go on if the component was found; else skip, or fail where components are required.

    For use in a fixture, a test, or at a module's top. `reason` says what is missing and how to get it.
    """
    if found:
        return
    if os.environ.get("BURGEE_REQUIRE_COMPONENTS", "0") not in {"", "0"}:
        pytest.fail(f"a required component is missing: {name}: {reason}", pytrace=False)
    pytest.skip(f"{name}: {reason}", allow_module_level=True)


def needs_chromium() -> str:
    """The path of Chromium's program, for Playwright's `executable_path`."""
    path = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), "")
    require("chromium", path != "", "not on the PATH; apt-get install chromium")
    return path
