"""JupyterLab and Chromium, once for all tests here; nothing but 127.0.0.1 can be reached."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, Page, sync_playwright

from browser.lab import running_lab
from browser.notebooks import SECONDS, Notebook, shots_folder, write
from components import needs_chromium

type Open = Callable[..., Notebook]

NO_INTERNET = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"


@dataclass(slots=True)
class Traffic:
    """What the pages asked for elsewhere, in vain, and what went wrong in them."""

    elsewhere: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        """Look at what a page does."""
        page.on("request", lambda request: self._count(request.url))
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def _count(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"data", "blob"} and parts.hostname != "127.0.0.1":
            self.elsewhere.append(url)


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """JupyterLab: its address, and the folder of its notebooks."""
    needs_chromium()
    folder = tmp_path_factory.mktemp("lab")
    (folder / "notebooks").mkdir()
    with running_lab(folder) as url:
        yield url, folder / "notebooks"


@pytest.fixture(scope="session")
def traffic() -> Traffic:
    return Traffic()


@pytest.fixture(scope="module")
def context() -> Iterator[BrowserContext]:
    """A browser; the tests of a file share its cache. Until it is closed, this thread can run no event loop."""
    path = needs_chromium()
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", NO_INTERNET])
        yield chromium.new_context(viewport={"width": 1280, "height": 1150}, device_scale_factor=2)
        chromium.close()


@pytest.fixture
def page(context: BrowserContext, traffic: Traffic) -> Iterator[Page]:
    """An empty page."""
    opened = context.new_page()
    traffic.watch(opened)
    yield opened
    opened.close()


@pytest.fixture
def open_notebook(lab: tuple[str, Path], page: Page, tmp_path_factory: pytest.TempPathFactory) -> Open:
    """Open a notebook of these cells, with its kernel ready."""
    url, folder = lab
    shots = shots_folder(tmp_path_factory.getbasetemp() / "screenshots")

    def opened(name: str, *cells: str) -> Notebook:
        page.goto(f"{url}/lab/workspaces/{name}/tree/{write(folder, name, *cells)}")
        page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=SECONDS)
        return Notebook(page, shots)

    return opened
