"""Without the libraries of the extra: tables still show, and everything else says what to install."""

import subprocess
import sys

import pytest

BARE = """
import sys
sys.modules["ipywidgets"] = sys.modules["matplotlib"] = None  # as if they were not installed
import burgee

with burgee.open("memory://") as ws:
    acme = ws.tenants.create("acme")
    flag = acme.flags.create("checkout")
    assert "<table" in flag._repr_mimebundle_()["text/html"]
    try:
        {view}
    except burgee.MissingExtraError as error:
        print(error.extra, *error.hints)
"""


@pytest.mark.parametrize(
    "view",
    [
        "flag.plot()",
        "flag.history().plot()",
        'acme.events.query().per("day").plot()',
        "flag.widget()",
        "acme.flags.widget()",
        "acme.events.explorer()",
    ],
)
def test_a_view_whose_library_is_missing_says_what_to_install(view: str) -> None:
    code = BARE.format(view=view)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "notebook pip install 'burgee[notebook]'"
