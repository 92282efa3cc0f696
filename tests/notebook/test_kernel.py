"""In a real IPython kernel, as notebooks use it: completion, display, the loop that runs there, and the stop button."""

import os
import time
from collections.abc import Iterator, Mapping
from typing import Protocol

import pytest
from jupyter_client.manager import KernelManager

SECONDS = 60
AT_WORK = 0.5  # seconds from what a cell prints to the button: by then it is beyond the print

SET_UP = """
import sys
import burgee
import pandas as pd
ws = burgee.open("memory://")
acme = ws.tenants.create("acme")
flag = acme.flags.create("checkout", variants={"control": 50, "treatment": 50}, enabled=True)
acme.flags.create("dark-mode")
acme.events.append("order-1", burgee.Event("order.placed", {"total": 3}))
users = pd.DataFrame({"id": ["u1", "u2"]})
"""


class Client(Protocol):
    """What is used of Jupyter's client, which has no types."""

    def execute(self, code: str) -> str: ...
    def complete(self, code: str, *, reply: bool, timeout: float) -> dict[str, dict[str, list[str]]]: ...
    def get_iopub_msg(self, timeout: float) -> dict[str, dict[str, object]]: ...
    def get_shell_msg(self, timeout: float) -> dict[str, dict[str, object]]: ...


class Kernel:
    """A kernel with a workspace in it."""

    def __init__(self, manager: KernelManager, client: Client) -> None:
        self.manager = manager
        self.client = client

    def run(self, code: str, *, interrupt: bool = False) -> list[dict[str, object]]:
        """Run a cell; what it put out, in order. With `interrupt` the stop button is pressed once it prints.

        It should not flush: IPython's flush can wait ten seconds for its own thread, and would be what is stopped.
        """
        request = self.client.execute(code)
        found: list[dict[str, object]] = []
        while True:
            message = self.client.get_iopub_msg(timeout=SECONDS)
            if message["parent_header"].get("msg_id") != request:
                continue
            kind, content = message["header"]["msg_type"], message["content"]
            if kind == "status" and content["execution_state"] == "idle":
                self.client.get_shell_msg(timeout=SECONDS)
                return found
            if kind in {"stream", "display_data", "execute_result", "error"}:
                found.append({"kind": kind, **content})
                if interrupt and kind == "stream":
                    time.sleep(AT_WORK)
                    self.manager.interrupt_kernel()
                    interrupt = False

    def text(self, code: str) -> str:
        """What a cell prints; there is nothing else."""
        outputs = self.run(code)
        assert [output["kind"] for output in outputs] == ["stream"], outputs
        return str(outputs[0]["text"]).strip()

    def completions(self, code: str) -> list[str]:
        """What is offered at the end of the code, without what IPython offers everywhere.

        Asked again if it is nothing: IPython gives its analysis less than a second.
        """
        for _ in range(5):
            matches = self.client.complete(code, reply=True, timeout=SECONDS)["content"]["matches"]
            if matches:
                break
        return [match for match in matches if not match.startswith("%")]


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    home = tmp_path_factory.mktemp("kernel")
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(cwd=str(home), env=os.environ | {"IPYTHONDIR": str(home / "ipython")})
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=SECONDS)
        ready = Kernel(manager, client)
        assert ready.run(SET_UP) == []
        yield ready
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        manager.cleanup_resources()


def test_the_keys_of_flags_and_tenants_complete(kernel: Kernel) -> None:
    assert kernel.completions('acme.flags["') == ["checkout", "dark-mode"]
    assert kernel.completions('acme.flags["ch') == ["checkout"]
    assert kernel.completions('ws.tenants["') == ["acme"]


@pytest.mark.parametrize(
    ("code", "offered"),
    [
        ("acme.", {"flags", "events", "settings", "history"}),
        ("acme.flags.", {"create", "get", "list", "frame", "widget"}),
        ('acme.flags["checkout"].', {"rollout", "assign", "enable", "target", "history", "plot", "widget"}),
        ('acme.flags["checkout"].rollout(20).', {"rollout", "enable", "evaluate"}),
        ('acme.flags["checkout"].evaluate({"id": "u1"}).', {"value", "variant", "reason", "rule"}),
        ('acme.flags["checkout"].history().', {"frame", "arrow", "plot", "count"}),
        ("acme.events.query().", {"frame", "count", "per", "by", "funnel", "list"}),
        ('acme.events.query().per("day").by("type").', {"frame", "plot", "arrow"}),
        ('ws.tenants["acme"].flags.', {"create", "list"}),
    ],
)
def test_what_comes_next_completes(kernel: Kernel, code: str, offered: set[str]) -> None:
    names = {match.rpartition(".")[2] for match in kernel.completions(code)}
    assert offered <= names
    assert not [name for name in names if name.startswith("_")]


def test_completion_changes_nothing(kernel: Kernel) -> None:
    before = kernel.text('print(acme.flags["checkout"].version, acme.events.query().count())')
    for code in ('acme.flags["checkout"].rollout(7).', "flag.disable().", 'acme.events.append("s", {"type": "x"}).'):
        kernel.completions(code)
    assert kernel.text('print(acme.flags["checkout"].version, acme.events.query().count())') == before


def test_sync_calls_work_while_the_loop_of_the_kernel_runs(kernel: Kernel) -> None:
    code = 'import asyncio; print(asyncio.get_running_loop().is_running(), acme.flags["checkout"].rollout(20).version)'
    assert kernel.text(code) == "True 2"


def test_calls_to_a_server_work_while_the_loop_of_the_kernel_runs(kernel: Kernel) -> None:
    code = """
import httpx
from burgee.core.settings import Settings
from burgee.server.app import create_app
key = ws.create_key()
app = create_app(ws._database, Settings())
remote = burgee.open("http://burgee.test", token=key.key, transport=httpx.ASGITransport(app))
print(remote.tenant("acme").flags["checkout"].rollout(30).state.rollout, acme.flags["checkout"].state.rollout)
"""
    assert kernel.text(code) == "30.0 30.0"


def test_a_table_a_plot_and_a_widget_show_themselves_once(kernel: Kernel) -> None:
    for code, kind in (
        ("acme.flags", "text/html"),
        ("flag.plot(users)", "image/png"),
        ('acme.events.query().per("day").plot()', "image/png"),
        ("flag.widget(users)", "application/vnd.jupyter.widget-view+json"),
        ("acme.flags.widget()", "application/vnd.jupyter.widget-view+json"),
        ("acme.events.live()", "application/vnd.jupyter.widget-view+json"),
        ("acme.events.explorer()", "application/vnd.jupyter.widget-view+json"),
    ):
        (output,) = kernel.run(code)
        assert output["kind"] == "execute_result"
        data = output["data"]
        assert isinstance(data, Mapping)
        assert {kind, "text/plain"} <= set(data)


def test_a_plot_is_shown_once_too_where_pyplot_is_in_use(kernel: Kernel) -> None:
    assert kernel.text('print("matplotlib.pyplot" in sys.modules)') == "False"  # burgee's own plots need none
    assert kernel.run("import matplotlib.pyplot as plt") == []
    (output,) = kernel.run("flag.plot()")
    assert output["kind"] == "execute_result"
    assert kernel.text("print(plt.get_fignums())") == "[]"


def test_a_widget_is_used_from_the_page_while_cells_run(kernel: Kernel) -> None:
    """What the page sends when a slider is moved reaches the flag, and the next cell sees it."""
    assert kernel.run("widget = flag.widget(users)") == []
    code = 'widget.slider.set_state({"value": 65}); print(acme.flags["checkout"].state.rollout, len(widget.frame))'
    assert kernel.text(code) == "65.0 2"


@pytest.mark.parametrize(
    "work",
    [
        'while True: acme.flags["checkout"].evaluate({"id": "u1"})',
        "from burgee.core.portal import portal; import asyncio; portal.run(asyncio.sleep(3600))",
    ],
    ids=["here", "on the background loop"],
)
def test_the_stop_button_stops_a_call_and_the_workspace_goes_on(kernel: Kernel, work: str) -> None:
    outputs = kernel.run(f'print("begun")\n{work}', interrupt=True)
    assert [output["kind"] for output in outputs] == ["stream", "error"]
    assert outputs[1]["ename"] == "KeyboardInterrupt"
    assert kernel.text('print(acme.flags["checkout"].key)') == "checkout"


@pytest.mark.parametrize("where", ["acme", "remote.tenant('acme')"], ids=["embedded", "remote"])
def test_the_stop_button_ends_a_tail_and_it_can_be_gone_on_with(kernel: Kernel, where: str) -> None:
    code = f"""
import httpx
from burgee.core.settings import Settings
from burgee.server.app import create_app
transport = httpx.ASGITransport(create_app(ws._database, Settings()))
remote = burgee.open("http://burgee.test", token=ws.create_key().key, transport=transport)
tail = {where}.events.tail()
print("begun")
for event in tail: pass
"""
    outputs = kernel.run(code, interrupt=True)
    assert [output["kind"] for output in outputs] == ["stream", "error"]
    assert outputs[1]["ename"] == "KeyboardInterrupt"
    more = """
acme.events.append("s", burgee.Event("late"))
print(tail.closed, [event.type for event in acme.events.tail(after=tail.position, limit=1)])
"""
    assert kernel.text(more) == "True ['late']"


def test_an_error_in_a_cell_says_what_to_type_next(kernel: Kernel) -> None:
    (output,) = kernel.run('acme.flags["chekout"]')
    assert output["ename"] == "NotFoundError"
    traceback = output["traceback"]
    assert isinstance(traceback, list)
    assert "did you mean 'checkout'?" in "".join(traceback)
