#!/usr/bin/env python3
"""Build the documentation: the Markdown pages and the API pages, as HTML that needs no internet.

Usage: python docs/build.py [FOLDER], else into build/docs. It stops with a list of all links that lead nowhere.
pdoc makes the API pages from the docstrings. The pages are few and plain, so markdown-it-py (which `rich`
brings) and a template of thirty lines do for them; a site generator would be one more thing to keep up.
"""

import html
import pkgutil
import re
import shutil
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import pdoc
from markdown_it import MarkdownIt
from markdown_it.token import Token
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

import burgee

ROOT = Path(__file__).resolve().parents[1]
API = "api/burgee.html"

TEMPLATE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · burgee</title>
<style>
body {{ display: flex; margin: 0; font: 16px/1.6 system-ui, sans-serif; color: #1d2433; background: #fff; }}
nav {{ flex: 0 0 15rem; padding: 2rem 1rem; background: #f4f6f9; min-height: 100vh; box-sizing: border-box; }}
nav a {{ display: block; padding: .2rem .5rem; border-radius: .3rem; text-decoration: none; color: inherit; }}
nav a[aria-current] {{ background: #dde4ee; }}
main {{ min-width: 0; max-width: 50rem; padding: 1rem 2rem 4rem; }}
a {{ color: #0b57a4; }}
pre {{ padding: .8rem 1rem; overflow-x: auto; background: #f4f6f9; border-radius: .4rem; line-height: 1.4; }}
code {{ font: .9em ui-monospace, monospace; }}
table {{ border-collapse: collapse; display: block; overflow-x: auto; }}
th, td {{ padding: .3rem .7rem; border-bottom: 1px solid #d5dbe5; text-align: left; vertical-align: top; }}
img {{ max-width: 100%; }}
@media (max-width: 45rem) {{ body {{ display: block; }} nav {{ min-height: 0; padding: 1rem; }} }}
{colours}
</style>
</head>
<body>
<nav>
{menu}
</nav>
<main>
{body}
</main>
</body>
</html>
"""


@dataclass(slots=True)
class PageSource:
    """One Markdown file: its tokens, its title, and the names its headings can be linked by."""

    path: Path
    tokens: list[Token]
    title: str
    anchors: set[str]
    problems: list[str] = field(default_factory=list)

    @property
    def output(self) -> str:
        """The name of its HTML file; all pages lie side by side."""
        return f"{self.path.stem.lower()}.html"


def coloured(code: str, language: str, _attributes: str) -> str:
    """The code with its words marked up, or nothing (then it stays plain) for a language Pygments does not know."""
    try:
        lexer = get_lexer_by_name(language)
    except ClassNotFound:
        return ""
    return str(highlight(code, lexer, HtmlFormatter(nowrap=True)))


MARKDOWN = MarkdownIt("commonmark", {"highlight": coloured}).enable("table")


def sources(root: Path) -> list[PageSource]:
    """The pages in the menu's order: the list of pages, the README, the rest of docs/, how to contribute."""
    docs = sorted((root / "docs").glob("*.md"))
    first = [root / "docs" / "index.md", root / "README.md"]
    last = [root / "CHANGELOG.md", root / "CONTRIBUTING.md"]
    paths = [*first, *(path for path in docs if path not in first), *last]
    return [parse(path) for path in paths if path.is_file()]


def parse(path: Path) -> PageSource:
    """Read a page and give its headings their anchors, named as code hosts name them."""
    tokens = MARKDOWN.parse(path.read_text(encoding="utf-8"))
    title, anchors = "", set[str]()
    for opening, inline in pairwise(tokens):
        if opening.type != "heading_open":
            continue
        text = "".join(part.content for part in inline.children or [] if part.type in {"text", "code_inline"})
        title = title or text
        anchor = re.sub(r"[^\w\- ]", "", text.lower()).strip().replace(" ", "-")
        anchors.add(anchor)
        opening.attrSet("id", anchor)
    return PageSource(path, tokens, title or path.stem, anchors)


def links(page: PageSource) -> Iterator[tuple[Token, str, int]]:
    """Every link and image of a page that stays in the project: its token, the attribute, the line."""
    for block in page.tokens:
        line = block.map[0] + 1 if block.map else 0
        for token in block.children or ():
            name = {"link_open": "href", "image": "src"}.get(token.type)
            if name and not urlsplit(str(token.attrGet(name))).scheme:
                yield token, name, line


def resolve(page: PageSource, pages: dict[Path, PageSource], root: Path, out: Path) -> set[Path]:
    """Point the page's links at what is built, and copy the files they name. Returns the pages it leads to."""
    reached = set[Path]()
    for token, name, line in links(page):
        url = urlsplit(str(token.attrGet(name)))
        target = (page.path.parent / url.path).resolve() if url.path else page.path
        there = pages.get(target)
        fragment = f"#{url.fragment}" if url.fragment else ""
        if there is not None and (not fragment or url.fragment in there.anchors):
            reached.add(target)
            token.attrSet(name, f"{there.output}{fragment}")
        elif there is None and target.is_file() and target.is_relative_to(root):
            copy = out / target.relative_to(root)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(target, copy)
            token.attrSet(name, target.relative_to(root).as_posix())
        else:
            page.problems.append(
                f"{page.path.relative_to(root)}:{line}: {url.geturl()} leads to no heading and no file"
            )
    return reached


def build_pages(root: Path, out: Path) -> list[str]:
    """Write every page as HTML. Returns what is wrong with them, a line each; empty when all is well."""
    out.mkdir(parents=True, exist_ok=True)
    pages = {page.path: page for page in sources(root)}
    colours = HtmlFormatter().get_style_defs("pre")
    problems = []
    for page in pages.values():
        reached = resolve(page, pages, root, out)
        if page.path.name == "index.md":
            unlisted = {path for path in pages if path.parent == page.path.parent} - reached - {page.path}
            page.problems += [f"docs/index.md does not list {path.name}" for path in sorted(unlisted)]
        menu = [(other.output, other.title) for other in pages.values()] + [(API, "API")]
        text = TEMPLATE.format(
            title=html.escape(page.title),
            colours=colours,
            menu="\n".join(
                f'<a href="{href}"{" aria-current=page" * (href == page.output)}>{html.escape(title)}</a>'
                for href, title in menu
            ),
            body=MARKDOWN.renderer.render(page.tokens, MARKDOWN.options, {}),
        )
        (out / page.output).write_text(text, encoding="utf-8")
        problems += page.problems
    return problems


def build_api(out: Path) -> None:
    """Write an API page for burgee and for each of its modules: also what is returned is to be looked up."""
    for name in burgee.__all__:
        setattr(burgee, name, getattr(burgee, name))  # pdoc sees what is loaded, and these load when used
    inside = [module.name for module in pkgutil.iter_modules(burgee.__path__)]
    others = [f"burgee.{name}" for name in inside if not name.startswith("_") and name not in burgee.__all__]
    pdoc.render.configure(docformat="google", show_source=False, footer_text=f"burgee {burgee.__version__}")
    with warnings.catch_warnings():
        # pdoc does not look up the `T` of `class Box[T]` inside a quoted annotation; it shows the text as it stands.
        warnings.filterwarnings("ignore", "Error parsing type annotation")
        pdoc.pdoc("burgee", *others, output_directory=out / "api")


def main() -> None:
    """Build all of it into the folder named on the command line."""
    out = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build" / "docs")
    problems = build_pages(ROOT, out)
    if problems:
        sys.exit("\n".join(problems))
    build_api(out)
    sys.stdout.write(f"built {out / 'index.html'}\n")


if __name__ == "__main__":
    main()
