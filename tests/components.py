"""What some tests need beyond Python packages: is it here, and what happens if not.

A missing component skips its tests, with the reason and what to install. Where `BURGEE_REQUIRE_COMPONENTS`
is set (as `.ci/run` does under CI) it fails them instead, so that nothing is skipped in silence there.
"""

import importlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROGRAMS = ROOT / "build" / "bin"
"""Where `.ci/run` puts programs that no package manager has."""

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


def needs_clamd() -> str:
    """The path of clamd, ClamAV's daemon. It needs no signatures of its own."""
    path = shutil.which("clamd") or shutil.which("/usr/sbin/clamd") or ""
    require("clamd", path != "", "not on the PATH; apt-get install clamav-daemon")
    return path


def needs_libmagic() -> None:
    """Libmagic, and python-magic over it."""
    try:
        importlib.import_module("magic")
    except ImportError:
        require("libmagic", found=False, reason="apt-get install libmagic1; pip install 'burgee[files]'")


def needs_chromium() -> str:
    """The path of Chromium's program, for Playwright's `executable_path`."""
    path = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), "")
    require("chromium", path != "", "not on the PATH; apt-get install chromium")
    return path


def needs_java() -> str:
    """The path of a Java that runs, for Spark."""
    path = shutil.which("java") or ""
    runs = path != "" and subprocess.run([path, "-version"], capture_output=True, check=False).returncode == 0
    require("java", runs, "no Java 17 or later on the PATH; apt-get install default-jre-headless")
    return path


def needs_versitygw() -> str:
    """The path of versitygw, an S3 server as strict as S3."""
    path = shutil.which("versitygw") or shutil.which(PROGRAMS / "versitygw") or ""
    reason = "neither on the PATH nor in build/bin; go install github.com/versity/versitygw/cmd/versitygw@v1.7.0"
    require("versitygw", path != "", reason)
    return path
