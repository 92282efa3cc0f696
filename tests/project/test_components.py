"""A missing component: skipped where people work, failed where CI promises to have it."""

from pathlib import Path

import pytest

import components
from components import needs_chromium, needs_newest_java, require


def test_a_component_that_is_there_is_no_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BURGEE_REQUIRE_COMPONENTS", "1")
    require("air", True, "open a window")


@pytest.mark.parametrize("setting", ["", "0"])
def test_a_missing_component_skips_with_its_name_and_the_remedy(monkeypatch: pytest.MonkeyPatch, setting: str) -> None:
    monkeypatch.setenv("BURGEE_REQUIRE_COMPONENTS", setting)
    with pytest.raises(pytest.skip.Exception, match="air: open a window"):
        require("air", False, "open a window")


def test_a_missing_component_fails_where_components_are_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BURGEE_REQUIRE_COMPONENTS", "1")
    with pytest.raises(pytest.fail.Exception, match="air: open a window"):
        require("air", False, "open a window")


def test_chromium_is_looked_for_on_the_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("BURGEE_REQUIRE_COMPONENTS", "1")
    with pytest.raises(pytest.fail.Exception, match="apt-get install chromium"):
        needs_chromium()

    program = tmp_path / "chromium-browser"
    program.touch(mode=0o755)
    assert needs_chromium() == str(program)


def test_the_newest_java_is_taken_by_what_it_says_of_itself(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "release").write_text('IMPLEMENTOR="Nobody"\nJAVA_VERSION="1234.0.1"\n')
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    monkeypatch.setenv("ES_JAVA_HOME", str(tmp_path / "nowhere"))
    assert components._java_version(str(tmp_path)) == 0  # it can't compile
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "javac").touch()
    assert needs_newest_java() == str(tmp_path)
