"""JupyterLab and Chromium, once for all tests here; nothing but 127.0.0.1 can be reached."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Route, sync_playwright

from browser.lab import running_lab
from browser.notebooks import SECONDS, Notebook, shots_folder, write
from components import needs_chromium

type Open = Callable[..., Notebook]


@dataclass  # without slots: Playwright marks whose methods it is given
class Traffic:
    """What the pages asked for elsewhere, and what went wrong in them."""

    blocked: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def look_at(self, route: Route) -> None:
        """Let a request through, if it stays on this machine."""
        if urlsplit(route.request.url).hostname == "127.0.0.1":
            route.continue_()
        else:
            self.blocked.append(route.request.url)
            route.abort()


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """JupyterLab: its address, and the folder of its notebooks."""
    needs_chromium()
    folder = tmp_path_factory.mktemp("lab")
    (folder / "notebooks").mkdir()
    with running_lab(folder) as url:
        yield url, folder / "notebooks"


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    path = needs_chromium()
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield started
        started.close()


@pytest.fixture(scope="session")
def traffic() -> Traffic:
    return Traffic()


@pytest.fixture
def page(chromium: Browser, traffic: Traffic) -> Iterator[Page]:
    """An empty page."""
    context = chromium.new_context(viewport={"width": 1280, "height": 1150}, device_scale_factor=2)
    context.route("**/*", traffic.look_at)
    opened = context.new_page()
    opened.on("pageerror", lambda error: traffic.errors.append(str(error)))
    yield opened
    context.close()


@pytest.fixture
def open_notebook(lab: tuple[str, Path], page: Page, tmp_path_factory: pytest.TempPathFactory) -> Open:
    """Open a notebook of these cells, with its kernel ready."""
    url, folder = lab
    shots = shots_folder(tmp_path_factory.getbasetemp() / "screenshots")

    def opened(name: str, *cells: str) -> Notebook:
        page.goto(f"{url}/lab/workspaces/{name}/tree/{write(folder, name, *cells)}")
        page.locator(".jp-mod-left .jp-SideBar, .jp-SideBar.jp-mod-left").first.wait_for(timeout=SECONDS)
        page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=SECONDS)
        return Notebook(page, shots)

    return opened
