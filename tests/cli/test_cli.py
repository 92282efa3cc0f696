"""The command line, as typed: each command in a process of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import burgee
from services import children
from services.server import running

ENV = {**os.environ, "COLUMNS": "200", "BURGEE_PROGRESS": "0"}
CSV = """user,event,at,country
u1,catalog,2026-01-01T10:00:00,DE
u1,purchase,2026-01-01T11:00:00,DE
u2,catalog,2026-01-02,FR
"""


def burgee_(*args: str, cwd: Path, ok: bool = True, env: dict[str, str] | None = None) -> str:
    done = children.run([sys.executable, "-m", "burgee", *args], cwd=cwd, env=env or ENV)
    assert (done.returncode == 0) is ok, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "clicks.csv").write_text(CSV)
    return tmp_path


IMPORT = ("import", "clicks.csv", "--tenant", "acme", "--stream", "user", "--type", "event", "--time", "at")


def test_an_import_can_be_run_twice_and_is_what_open_opens(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "3 events stored, 0 were stored already" in burgee_(*IMPORT, cwd=shop)
    assert "0 events stored, 3 were stored already" in burgee_(*IMPORT, cwd=shop)
    monkeypatch.chdir(shop)
    with burgee.open() as ws:
        frame = ws.tenant("acme").events.query().frame()
    assert list(frame["type"]) == ["catalog", "purchase", "catalog"]
    assert list(frame["country"]) == ["DE", "DE", "FR"]


def test_events_are_counted_and_funnelled(shop: Path) -> None:
    burgee_(*IMPORT, cwd=shop)
    said = burgee_("events", "--tenant", "acme", cwd=shop)
    assert "Events of acme: 3" in said
    assert "catalog" in said
    funnel = burgee_("events", "-t", "acme", "--funnel", "catalog, purchase", "--actor", "user", cwd=shop)
    assert "step_conversion" in funnel
    assert "0.5" in funnel
    assert "2026-01-02" in burgee_("events", "-t", "acme", "--per", "day", "--by", "country", cwd=shop)


def test_events_are_tailed_as_lines_and_as_json(shop: Path) -> None:
    burgee_(*IMPORT, cwd=shop)
    lines = burgee_("events", "tail", "-t", "acme", "--after", "0", "--limit", "2", cwd=shop).splitlines()
    assert len(lines) == 2
    assert "purchase" in lines[1]
    assert '{"country":"DE","user":"u1"}' in lines[1]
    said = burgee_("events", "tail", "-t", "acme", "--after", "0", "--timeout", "0", "--json", cwd=shop)
    assert [json.loads(line)["type"] for line in said.splitlines()] == ["catalog", "purchase", "catalog"]
    assert "whose events" in burgee_("events", cwd=shop, ok=False)


def test_a_tail_prints_what_is_stored_meanwhile_and_ends_in_peace_when_interrupted(shop: Path) -> None:
    burgee_(*IMPORT, cwd=shop)
    command = [sys.executable, "-m", "burgee", "events", "tail", "-t", "acme", "--after", "0"]
    with subprocess.Popen(
        command, cwd=shop, env=ENV, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as tail:
        assert tail.stdout is not None
        assert tail.stderr is not None
        assert [tail.stdout.readline().split()[4] for _ in range(3)] == ["catalog", "purchase", "catalog"]
        with burgee.open(str(shop / ".burgee")) as ws:
            ws.tenant("acme").events.append("u9", burgee.Event("late"))
        assert "late" in tail.stdout.readline()
        tail.send_signal(signal.SIGINT)
        assert tail.wait(20) == 0
        assert tail.stderr.read() == ""


INTERRUPTED = """
from burgee import cli
from burgee.core.link import Link

run = Link.run

def interrupted(self, work):
    if work.__qualname__ == "LocalStream.some":
        raise KeyboardInterrupt  # as a signal does that comes before the first line of `run`
    return run(self, work)

Link.run = interrupted
cli.main()
"""


def test_a_tail_interrupted_before_its_call_began_ends_in_peace_too(shop: Path) -> None:
    burgee_(*IMPORT, cwd=shop)
    command = [sys.executable, "-c", INTERRUPTED, "events", "tail", "-t", "acme", "--after", "0"]
    done = children.run(command, cwd=shop, env=ENV)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_flags_are_listed_with_their_history(shop: Path) -> None:
    with burgee.open(str(shop / ".burgee"), actor="ada") as ws:
        ws.tenants.create("acme").flags.create("checkout").rollout(20, why="slowly").enable()
    assert "checkout" in burgee_("flags", "--tenant", "acme", cwd=shop)
    history = burgee_("flags", "checkout", "--tenant", "acme", cwd=shop)
    assert "slowly" in history
    assert "ada" in history


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("flags", "--tenant", "acm"), "no tenant 'acm'"),
        (("flags", "chekout", "--tenant", "acme"), "did you mean 'checkout'?"),
        (("events", "--tenant", "acme", "--per", "fortnight"), "no period 'fortnight'"),
        (("import", "nothing.csv", "-t", "acme", "--stream", "u", "--type", "e", "--time", "t"), "nothing.csv"),
        (
            ("import", "clicks.csv", "-t", "acme", "--stream", "usr", "--type", "event", "--time", "at"),
            "did you mean 'user'?",
        ),
        (("keys", "create"), "--tenant T or --admin"),
        (("keys", "create", "--tenant", "acm"), "did you mean 'acme'?"),
        (("flags", "--tenant", "acme", "-w", "http://127.0.0.1:9"), "no answer from http://127.0.0.1:9"),
        (("keys", "create", "--admin", "-w", "http://127.0.0.1:9"), "own machine"),
    ],
)
def test_mistakes_are_answered_in_a_line_with_what_to_do(shop: Path, args: tuple[str, ...], said: str) -> None:
    with burgee.open(str(shop / ".burgee")) as ws:
        ws.tenants.create("acme").flags.create("checkout")
    assert said in burgee_(*args, cwd=shop, ok=False, env={**ENV, "BURGEE_RETRIES": "0"})


def test_a_setting_that_cannot_be_is_named(shop: Path) -> None:
    said = burgee_("flags", "--tenant", "acme", cwd=shop, ok=False, env={**ENV, "BURGEE_TIMEOUT": "soon"})
    assert "BURGEE_TIMEOUT" in said


def test_keys_are_made_once_used_over_http_listed_and_revoked(shop: Path) -> None:
    folder = shop / "served"
    with burgee.open(str(folder)) as ws:
        ws.tenants.create("acme")
    where = ("--workspace", str(folder))
    said = burgee_("keys", "create", "--tenant", "acme", "--name", "analyst", *where, cwd=shop)
    key = next(word for word in said.split() if word.startswith("burgee_"))
    assert key.startswith("burgee_")
    assert "analyst" in burgee_("keys", "list", *where, cwd=shop)
    with running(folder) as url:
        over_http = {**ENV, "BURGEE_TOKEN": key, "BURGEE_WORKSPACE": url}
        assert "3 events stored" in burgee_(*IMPORT, cwd=shop, env=over_http)
        assert "Events of acme: 3" in burgee_("events", "--tenant", "acme", cwd=shop, env=over_http)
        burgee_("keys", "revoke", key.split("_")[1], *where, cwd=shop)
        assert "not known" in burgee_("events", "--tenant", "acme", cwd=shop, env=over_http, ok=False)


def test_serve_ends_in_peace_when_interrupted(shop: Path) -> None:
    from services.server import free_port, wait_for

    port = free_port()
    log = shop / "log"
    with log.open("wb") as output:
        command = [sys.executable, "-m", "burgee", "serve", "--port", str(port)]
        process = subprocess.Popen(command, cwd=shop, env=ENV, stdout=output, stderr=output)
        wait_for(f"http://127.0.0.1:{port}/health", process, log)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    assert "Traceback" not in log.read_text()


def test_an_import_killed_in_the_middle_leaves_whole_batches_and_can_be_run_to_the_end(shop: Path) -> None:
    """SIGKILL as soon as something new is stored, four times over; then to the end."""
    rows = 100_000
    lines = (f"u{n % 700},event-{n % 5},2026-01-01T00:00:00.{n:06},{n}" for n in range(rows))
    (shop / "clicks.csv").write_text("user,event,at,n\n" + "\n".join(lines) + "\n")
    with burgee.open(str(shop / ".burgee")) as ws:
        events = ws.tenants.create("acme").events
        stored = 0
        for _ in range(4):
            process = children.start([sys.executable, "-m", "burgee", *IMPORT], cwd=shop, env=ENV)
            while events.query().count() == stored:
                assert process.poll() is None, "it ended before it stored anything"
                time.sleep(0.002)
            process.kill()
            process.wait()
            now = events.query().count()
            assert stored < now < rows
            assert now % 10_000 == 0, "a batch is stored whole or not at all"
            assert events.query().by("stream").frame()["count"].sum() == now
            stored = now
        said = burgee_(*IMPORT, cwd=shop)
        assert f"{rows - stored:,} events stored, {stored:,} were stored already" in said
        frame = events.query().frame()
    assert sorted(frame["n"]) == list(range(rows))
    assert (frame.sort_values("position").groupby("stream")["version"].diff().dropna() == 1).all()
