"""What some tests need beyond Python packages: is it here, and what happens if not.

A missing component skips its tests, with the reason and what to install. Where `BURGEE_REQUIRE_COMPONENTS`
is set (as `.ci/run` does under CI) it fails them instead, so that nothing is skipped in silence there.
"""

import importlib
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROGRAMS = ROOT / "build" / "bin"
"""Where `.ci/run` puts programs that no package manager has."""

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ELASTICSEARCH_JAVA = 21
ELASTICSEARCH_BY_MAVEN = (
    "mvn -B dependency:copy -Dartifact=org.elasticsearch.distribution.integ-test-zip:elasticsearch:9.2.8:zip "
    "-DoutputDirectory=build/elasticsearch"
)


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


def needs_elasticsearch() -> str:
    """The path of Elasticsearch's archive."""
    archives = sorted((ROOT / "build" / "elasticsearch").glob("elasticsearch-*.zip"))
    reason = f"no archive in build/elasticsearch; {ELASTICSEARCH_BY_MAVEN}"
    require("elasticsearch", bool(archives), reason)
    needs_newest_java()
    return str(archives[-1])


def needs_newest_java() -> str:
    """Where the newest Java is installed that is fit for Elasticsearch, and for what is compiled for its tests."""
    homes = [os.environ.get("ES_JAVA_HOME"), os.environ.get("JAVA_HOME"), *map(str, Path("/usr/lib/jvm").glob("*"))]
    versions = {home: _java_version(home) for home in homes if home}
    home = max(versions, key=lambda home: versions[home], default="")
    reason = "no JDK 21 or later in ES_JAVA_HOME, JAVA_HOME or /usr/lib/jvm; Temurin has one (adoptium.net)"
    require("java 21", versions.get(home, 0) >= ELASTICSEARCH_JAVA, reason)
    return home


def _java_version(home: str) -> int:
    """The version that a Java says it is, in the file beside it; 0 if it says none, or compiles nothing."""
    if not (Path(home) / "bin" / "javac").exists():
        return 0
    try:
        said = re.search(r'^JAVA_VERSION="(\d+)', (Path(home) / "release").read_text(), re.MULTILINE)
    except OSError:
        return 0
    return int(said[1]) if said else 0
