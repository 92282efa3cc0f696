"""A notebook in JupyterLab, as somebody uses it who sits in front of the page."""

import json
import os
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

SECONDS = 40_000  # milliseconds, as Playwright counts; the machine may be busy


class Notebook:
    """One notebook that is open in a page."""

    def __init__(self, page: Page, shots: Path) -> None:
        self.page = page
        self.shots = shots

    def run(self, number: int) -> Locator:
        """Run the cell of that number, from 0, and wait until it is done; gives its output."""
        cell = self.page.locator(".jp-CodeCell").nth(number)
        cell.locator(".cm-content").click()
        self.page.keyboard.press("Shift+Enter")
        expect(cell.locator(".jp-InputPrompt")).to_have_text(f"[{self._count + 1}]:", timeout=SECONDS)
        self._count += 1
        return cell.locator(".jp-OutputArea-output")

    _count = 0

    def show(self, name: str, what: Locator | None = None) -> None:
        """Keep a picture of the page, or of a part of it."""
        if what is not None:
            what.evaluate("node => node.scrollIntoView({block: 'center'})")
        self.page.mouse.move(5, 5)
        self.page.wait_for_timeout(300)  # until what glides has come to rest
        (what or self.page).screenshot(path=self.shots / f"{name}.png")


def write(folder: Path, name: str, *cells: str) -> str:
    """Write a notebook of these cells; gives its file's name."""
    code = [
        {"cell_type": "code", "id": f"c{number}", "source": cell.strip(), "metadata": {}, "outputs": []}
        | {"execution_count": None}
        for number, cell in enumerate(cells)
    ]
    kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    whole = {"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": kernel}, "cells": code}
    (folder / f"{name}.ipynb").write_text(json.dumps(whole), encoding="utf-8")
    return f"{name}.ipynb"


def shots_folder(default: Path) -> Path:
    """Where pictures are kept: `$BURGEE_SCREENSHOTS`, else a folder that goes with the tests."""
    folder = Path(os.environ.get("BURGEE_SCREENSHOTS") or default)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
