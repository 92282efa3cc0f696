"""The same lines twice: on a workspace in this process, and on a server over HTTP.

Run it as it is: `python examples/over_http.py`. It starts `burgee serve` on a free port of this machine, with a
workspace in a temporary folder, and stops it again. It needs the extra `server`.
"""

import socket
import subprocess
import sys
import tempfile

import pandas as pd

import burgee

STEPS = ("catalog", "product_view", "add_to_cart", "purchase")


def work(ws: burgee.Workspace) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Nothing in here knows where the workspace is."""
    acme = ws.tenants.create("acme", name="Acme Ltd")
    acme.events.ingest(burgee.samples.shop(users=200), stream="user_id", type="event", time="timestamp")
    flag = acme.flags.create("one-page-checkout", {"control": 50, "treatment": 50}).rollout(20).enable()
    return acme.events.query().funnel(STEPS).frame(), flag.assign(burgee.samples.users())


def free_port() -> int:
    """A port of this machine that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


with tempfile.TemporaryDirectory() as folder:
    with burgee.open(folder) as ws:
        key = ws.create_key(name="ada").key  # an admin key: it may create tenants
    port = free_port()
    command = [sys.executable, "-m", "burgee", "serve", "--workspace", folder, "--port", str(port)]
    server = subprocess.Popen(command, stderr=subprocess.DEVNULL)  # noqa: S603 - our own program
    try:
        # Until the server is up, the client asks again: ten times, with growing waits.
        settings = burgee.Settings(retries=10)
        with burgee.open(f"http://127.0.0.1:{port}", token=key, settings=settings) as ws:
            there = work(ws)
            print(f"asked {ws}")
    finally:
        server.terminate()
        server.wait()

with burgee.open("memory://") as ws:
    here = work(ws)
    print(f"asked {ws}")

print(f"\nsame funnel: {here[0].equals(there[0])}, same assignment: {here[1].equals(there[1])}\n")
print(there[0].round(3).to_string(index=False))
