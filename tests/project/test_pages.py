"""The README and the pages of docs/: their Python runs, their links lead somewhere, and they build."""

import configparser
import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest
from markdown_it import MarkdownIt

import burgee
from project.tree import ROOT, name_of, pages
from services import children


@dataclass(frozen=True, slots=True)
class Block:
    """A Python block of a page: its code, the line it begins at (from 1), and why it is not run, if it is not."""

    code: str
    line: int
    skipped: bool
    reason: str


def blocks(page: str) -> Iterator[Block]:
    """The Python blocks of a page. A fence that says `notest` is not run; what follows that word is the reason."""
    for token in MarkdownIt("commonmark").parse(page):
        language, _, rest = token.info.strip().partition(" ")
        if token.type == "fence" and language == "python" and token.map:
            mark, _, reason = rest.strip().replace(":", " ", 1).partition(" ")
            yield Block(token.content, token.map[0] + 2, mark == "notest", reason.strip())


def script(page: str) -> str:
    """The blocks of a page as one script in which every line of code has the number it has in the page."""
    lines: list[str] = []
    for block in blocks(page):
        if not block.skipped:
            lines += [""] * (block.line - 1 - len(lines))
            lines += block.code.splitlines()
    return "\n".join(lines)


WITH_PYTHON = [page for page in pages() if page.name == "README.md" or script(page.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("page", WITH_PYTHON, ids=name_of)
def test_the_python_of_a_page_runs(page: Path, tmp_path: Path) -> None:
    code = script(page.read_text(encoding="utf-8"))
    assert code, f"{page.name} shows no Python"
    (tmp_path / f"{page.stem}.py").write_text(code, encoding="utf-8")
    settings = {name: value for name, value in os.environ.items() if not name.startswith("BURGEE_")}
    command = [sys.executable, f"{page.stem}.py"]
    done = children.run(command, cwd=tmp_path, env=settings | {"MPLBACKEND": "agg"})
    assert done.returncode == 0, f"the line numbers are those of {page.name}:\n{done.stderr}"


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_a_block_that_is_not_run_says_why(page: Path) -> None:
    found = blocks(page.read_text(encoding="utf-8"))
    assert [f"{page.name}:{block.line}" for block in found if block.skipped and not block.reason] == []


def test_blocks_are_one_script_with_the_line_numbers_of_the_page() -> None:
    parts = [
        "# A",
        "```python\na = 1\n```",
        "```sh\nls\n```",
        "```python notest: no server\nb\n```",
        "```python\nassert a\n```",
    ]
    page = "\n\n".join(parts)
    assert script(page).splitlines() == ["", "", "", "a = 1", *[""] * 11, "assert a"]
    assert [(block.skipped, block.reason) for block in blocks(page)] == [(False, ""), (True, "no server"), (False, "")]


@pytest.fixture(scope="module")
def build() -> ModuleType:
    """docs/build.py, which is a script, as a module."""
    spec = importlib.util.spec_from_file_location("docs_build", ROOT / "docs" / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_every_link_of_a_page_leads_somewhere_and_the_index_lists_every_page(build: ModuleType, tmp_path: Path) -> None:
    assert build.build_pages(ROOT, tmp_path) == []
    assert {f"{page.stem.lower()}.html" for page in pages()} <= {path.name for path in tmp_path.iterdir()}


def test_links_are_pointed_at_what_is_built_and_dead_ones_are_told(build: ModuleType, tmp_path: Path) -> None:
    root, out = tmp_path / "root", tmp_path / "out"
    (root / "docs").mkdir(parents=True)
    (root / "README.md").write_text("# Hello\n\n[go](docs/flags.md#the-rules) [lost](docs/nowhere.md)\n")
    (root / "docs" / "index.md").write_text("# Pages\n\n[first](../README.md) [x](flags.md#gone)\n")
    (root / "docs" / "flags.md").write_text(
        "# Flags\n\n## The `rules`!\n\n![a plot](plot.png)\n\n[web](https://a.example)\n"
    )
    (root / "docs" / "plot.png").write_bytes(b"png")
    (root / "docs" / "more.md").write_text("# More\n")

    assert build.build_pages(root, out) == [
        "docs/index.md:3: flags.md#gone leads to no heading and no file",
        "docs/index.md does not list flags.md",
        "docs/index.md does not list more.md",
        "README.md:3: docs/nowhere.md leads to no heading and no file",
    ]
    assert 'href="flags.html#the-rules"' in (out / "readme.html").read_text()
    assert 'id="the-rules"' in (out / "flags.html").read_text()
    assert 'src="docs/plot.png"' in (out / "flags.html").read_text()
    assert (out / "docs" / "plot.png").read_bytes() == b"png"


MODULES = {"metrics", "samples"}
"""Public names that are modules, and have pages of their own."""


@pytest.mark.slow
def test_the_whole_documentation_builds_without_a_word_of_complaint(tmp_path: Path) -> None:
    build = [sys.executable, str(ROOT / "docs" / "build.py"), str(tmp_path)]
    done = subprocess.run(build, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert (tmp_path / "index.html").is_file()
    face = (tmp_path / "api" / "burgee.html").read_text(encoding="utf-8")
    assert [name for name in burgee.__all__ if f'id="{name}"' not in face and name not in MODULES] == []
    assert 'id="Flag.rollout"' in face


def test_the_notebook_settings_leave_real_data_alone_and_hide_what_changes() -> None:
    rules = configparser.ConfigParser()
    rules.read(ROOT / "notebooks" / "nbval.cfg", encoding="utf-8")

    def sanitize(text: str) -> str:
        for name in rules.sections():
            text = re.sub(rules[name]["regex"], rules[name]["replace"], text)
        return text

    kept = ["2024-01-04 10:20:30", "2024-01-04T10:20:30.500", "600 / 511 / 285", "51.843 a user", "order-42", "20 %"]
    assert [text for text in kept if sanitize(text) != text] == []
    assert sanitize("at 2026-11-24 11:13:31.942026+00:00 in 12 ms") == "at TIME in DURATION"
    assert sanitize("id 0198c1d2-7a11-7cc0-8000-0123456789ab at 127.0.0.1:40411") == "id ID at HOST:PORT"
