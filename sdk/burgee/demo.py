"""The demonstration behind `burgee demo`: where it takes place, the events it is about, and how it is shown.

What is told is in `story`; the terminal shows its texts and tables, the HTML report its plots as well. The folder
stays for the reader to go on with.
"""

import shlex
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.text import Text

import burgee
from burgee import report
from burgee.core.clock import ManualClock
from burgee.core.errors import BurgeeError, InvalidInputError
from burgee.core.settings import load_settings
from burgee.report import Part
from burgee.story import KEY, ROLLOUT, Data, glance, tell
from burgee.workspace import Tenant

TENANT = "demo"
SHOP_STEPS = ("catalog", "product_view", "add_to_cart", "purchase")

_MOST_STEPS = 4
_NARROWER = 0.95  # a further step of a funnel has at most this share of the users of the step before it
_NOTICEABLE = 0.05  # and at least this share of the first step's


def run(
    console: Console,
    *,
    folder: Path,
    file: Path | None,
    stream: str,
    type: str,
    time: str,
    steps: Sequence[str] | None = None,
) -> Path:
    """Show burgee on the sample shop, or on a clickstream of one's own.

    Args:
        console: where to print.
        folder: where the workspace and the report go. If something is there already, a sibling with a number
            after its name is made instead.
        file: CSV, TSV, NDJSON or Parquet, also gzipped; the sample shop without one.
        stream: the file's column that names the users.
        type: its column of event types.
        time: its column of times.
        steps: event types, in order, for the funnel; by default up to four, each done by fewer users than the
            one before.

    Returns:
        The folder: the workspace is `.burgee` in it, the report `report.html`.

    Raises:
        UnreadableFileError: the file can't be read.
        MissingColumnError: it lacks one of the columns.
        InvalidInputError: it holds a value that can't be used, or no events.
    """
    place = fresh(folder)
    clock = ManualClock(datetime.now(UTC).replace(microsecond=0) - timedelta(weeks=len(ROLLOUT) + 1))
    # Only what is in the folder: a database named in the environment is no place for a demonstration.
    settings = load_settings().model_copy(update={"database": None})
    with burgee.open(str(place / ".burgee"), settings=settings, clock=clock) as ws:
        demo = ws.tenants.create(TENANT, name="The demonstration")
        try:
            data = _load(demo, file, stream=stream, type=type, time=time, steps=steps)
        except BurgeeError:
            ws.close()
            shutil.rmtree(place / ".burgee")  # made a moment ago, and of no use
            raise
        sections: dict[str, list[Part]] = {}
        for heading, parts in tell(demo, data, clock):
            sections[heading] = parts
            report.show(console, f"{len(sections)}  {heading}", parts)
        sections = {"At a glance": [glance(demo, data)], **sections}
    lead = f"The events of {data.source}, a flag rolled out over its users, and the funnel by variant."
    title = f"{KEY}, rolled out to {ROLLOUT[-1][0]} %"
    path = report.write(place / "report.html", title=title, lead=lead, sections=sections)
    drawn = any(hasattr(part, "savefig") for parts in sections.values() for part in parts)
    _print_end(console, path, data, drawn=drawn)
    return place


def fresh(folder: Path) -> Path:
    """The folder if it is new or empty, else the first free one of `<folder>-2`, `<folder>-3`, …; made."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        folder.mkdir(parents=True, exist_ok=True)
        return folder
    number = 2
    while True:
        sibling = folder.with_name(f"{folder.name}-{number}")
        try:
            sibling.mkdir()
        except FileExistsError:
            number += 1
        else:
            return sibling


def funnel_steps(events: pd.DataFrame) -> tuple[str, ...]:
    """Event types that make a funnel: up to four, each done by noticeably fewer users than the one before.

    `events` has the columns `stream, type, occurred_at`. Of two types with equally many users the one that
    users come to first goes first. Where there are types named like the sample shop's steps, only those count.
    """
    first = events.groupby(["type", "stream"], observed=True)["occurred_at"].min()
    kinds = first.groupby("type").agg(users="size", when="median").reset_index()
    named = kinds["type"].isin(SHOP_STEPS)
    kinds = kinds[named] if named.sum() > 1 else kinds
    kinds = kinds.sort_values(["users", "when"], ascending=[False, True], kind="stable")
    chosen: list[tuple[str, int]] = []
    for kind, users in zip(kinds["type"], kinds["users"], strict=True):
        if not chosen or (users <= _NARROWER * chosen[-1][1] and users >= _NOTICEABLE * chosen[0][1]):
            chosen.append((str(kind), int(users)))
    return tuple(kind for kind, _ in chosen[:_MOST_STEPS])


def _load(demo: Tenant, file: Path | None, *, stream: str, type: str, time: str, steps: Sequence[str] | None) -> Data:
    """Store the events, and read them back as a frame."""
    if file is None:
        demo.events.ingest(burgee.samples.shop(), stream="user_id", type="event", time="timestamp")
        source, code = "the sample shop", 'demo.events.ingest(shop, stream="user_id", type="event", time="timestamp")'
        steps = SHOP_STEPS if steps is None else steps
    else:
        demo.events.import_file(file, stream=stream, type=type, time=time)
        roles = f'stream="{stream}", type="{type}", time="{time}"'
        source, code = file.name, f'demo.events.import_file("{file.name}", {roles})'
    events = demo.events.query().frame()
    if events.empty:
        raise InvalidInputError(f"{file} holds no events", hint="a demonstration needs a few: try burgee demo alone")
    in_order = events.sort_values(["occurred_at", "position"])
    users = in_order.drop_duplicates("stream").reset_index(drop=True)
    return Data(events, users, tuple(steps or funnel_steps(events)), source, code)


def _print_end(console: Console, path: Path, data: Data, *, drawn: bool) -> None:
    console.print()
    if not drawn:
        note = "Without matplotlib the report has tables only: pip install 'burgee[notebook]'"
        console.print(report.clean(note, "yellow"))
    line = Text("The report: ", style="bold")
    line.append(str(path), style=f"link {path.resolve().as_uri()}")
    console.print(line, soft_wrap=True)
    console.print(Text("Go on from here:", style="bold"))
    steps = shlex.quote(",".join(data.steps))
    commands = [
        f"cd {shlex.quote(str(path.parent))}",
        f"burgee flags {KEY} --tenant {TENANT}",
        f"burgee events --tenant {TENANT} --funnel {steps}",
        f"python -i -c 'import burgee; demo = burgee.open().tenant(\"{TENANT}\")'",
    ]
    if data.source == "the sample shop":
        commands.append("burgee demo clicks.csv --stream user_id --type event --time timestamp")
    for command in commands:
        console.print(report.clean(f"  {command}"), soft_wrap=True)
