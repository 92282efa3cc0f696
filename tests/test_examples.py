"""The examples run as they are, in an empty folder, and what they print is so."""

import os
import re
import subprocess
import sys
from pathlib import Path

import burgee

EXAMPLES = Path(__file__).parents[1] / "examples"


def run(name: str, folder: Path, *args: str) -> str:
    """What an example prints; it leaves nothing behind and complains of nothing."""
    before = sorted(folder.iterdir())
    env = {name: value for name, value in os.environ.items() if not name.startswith("BURGEE_")}
    command = [sys.executable, "-W", "error", str(EXAMPLES / name), *args]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert sorted(folder.iterdir()) == before
    return done.stdout


def test_the_examples_tried_here_are_all_there_are() -> None:
    assert sorted(path.name for path in EXAMPLES.glob("*.py")) == ["import_and_funnel.py", "over_http.py", "rollout.py"]


def test_rollout_keeps_everybody_who_was_in(tmp_path: Path) -> None:
    said = run("rollout.py", tmp_path)
    assert "u0001 on plan pro: treatment, because of early access" in said
    assert "u0001 on plan free: control, because of DEFAULT" in said
    found = re.search(r"In the rollout: ([\d,]+) users at 10 %, ([\d,]+) at 25 %", said)
    assert found is not None
    free = (burgee.samples.users(n=5000)["plan"] != "pro").sum()
    at_10, at_25 = (int(users.replace(",", "")) / free for users in found.groups())
    assert abs(at_10 - 0.10) < 0.02
    assert abs(at_25 - 0.25) < 0.02
    assert "Of the first, 0 fell out and 0 changed their variant." in said
    assert "Reverted: <Flag 'one-page-checkout' enabled, rollout 10 %" in said
    assert "the support team needs a day" in said


def test_import_and_funnel_stores_nothing_twice_and_counts_its_sample(tmp_path: Path) -> None:
    said = run("import_and_funnel.py", tmp_path)
    clicks = burgee.samples.shop()
    assert f"first import: {len(clicks):,} events stored, 0 known already" in said
    assert f"second import: 0 events stored, {len(clicks):,} known already" in said
    for kind, count in clicks["event"].value_counts().items():
        assert re.search(rf"^ *{kind} +{count}$", said, re.MULTILINE)
    users = clicks.loc[clicks["event"] == "catalog", "user_id"].nunique()
    assert re.search(rf"^ *catalog +{users} +100\.0%$", said, re.MULTILINE)


def test_import_and_funnel_takes_a_file_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "my.csv").write_text("who,what,at\nu1,come,2026-01-01\nu2,come,2026-01-01\nu1,go,2026-01-02\n")
    said = run("import_and_funnel.py", tmp_path, "my.csv", "who", "what", "at", "come", "go")
    assert "first import: 3 events stored" in said
    assert re.search(r"^ *go +1 +50\.0%$", said, re.MULTILINE)


def test_over_http_gives_the_same_frames_as_this_process(tmp_path: Path) -> None:
    said = run("over_http.py", tmp_path)
    assert re.search(r"asked <Workspace 'http://127\.0\.0\.1:\d+'", said)
    assert "asked <Workspace 'memory://'" in said
    assert "same funnel: True, same assignment: True" in said
    assert re.search(r"^ *catalog +\d+ +1\.000 ", said, re.MULTILINE)
