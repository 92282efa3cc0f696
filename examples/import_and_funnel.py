"""A file of events imported, counted and taken through a funnel.

Run it as it is, on a sample that is written to `clicks.csv.gz` in a temporary folder, or give it a file of your own:
`python examples/import_and_funnel.py clicks.csv USER_COLUMN EVENT_COLUMN TIME_COLUMN STEP STEP …`
"""

import sys
import tempfile
from pathlib import Path

import burgee

SHOP = ("user_id", "event", "timestamp", "catalog", "add_to_cart", "purchase")


def show(file: Path, user: str, event: str, time: str, *steps: str) -> None:
    """Import the file twice, and print what came of it."""
    with burgee.open("memory://") as ws:
        events = ws.tenants.create("acme").events
        for attempt in ("first", "second"):
            done = events.import_file(file, stream=user, type=event, time=time)
            print(f"{attempt} import: {done.stored:,} events stored, {done.known:,} known already")

        print("\nEvents by type:")
        print(events.query().by("type").frame().sort_values("count", ascending=False).to_string(index=False))

        print("\nUsers, step by step:")
        funnel = events.query().funnel(steps).frame()
        funnel["conversion"] = funnel["conversion"].map("{:.1%}".format)
        print(funnel[["step", "count", "conversion"]].to_string(index=False))


if len(sys.argv) > 1:
    show(Path(sys.argv[1]), *sys.argv[2:])
else:
    with tempfile.TemporaryDirectory() as folder:
        sample = Path(folder) / "clicks.csv.gz"
        burgee.samples.shop().to_csv(sample, index=False)
        show(sample, *SHOP)
