"""Events out of the log: as Parquet in a folder or on S3, and what is said of the files."""

from pathlib import Path
from typing import TYPE_CHECKING, override

from burgee.core.display import Sheet, Shown
from burgee.core.errors import AlreadyExistsError, InvalidInputError
from burgee.core.progress import ProgressBar

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from burgee.analytics.archive import ArchiveState

BAR_ROWS = 100_000
"""From this many events on a progress bar is worth showing."""

_COLUMNS = ("date", "file", "events", "bytes", "first", "last")


class Archived(Shown):
    """Events of a tenant as Parquet files, in folders by tenant and date.

    Frame: `date` (of `occurred_at`, in UTC), `file`, `events`, `bytes`, and the `first` and `last` position.
    """

    __slots__ = ("_files", "events", "last", "place", "tenant")

    def __init__(self, state: "ArchiveState") -> None:
        self.place = state.place
        """The folder or URL that holds them."""
        self.tenant = state.tenant
        """Whose events they are."""
        self.events = state.events
        """How many there are."""
        self.last = state.last
        """The position of the last one."""
        self._files = [(part.date, part.name, part.rows, part.bytes, part.first, part.last) for part in state.parts]

    def frame(self) -> "pd.DataFrame":
        """The files as a frame, by date and position."""
        import pandas as pd

        return pd.DataFrame(self._files, columns=list(_COLUMNS))

    @override
    def __repr__(self) -> str:
        where = f"in {len(self._files)} files in {self.place!r}"
        return f"<Archived {self.events:,} events of {self.tenant!r} {where}: .frame()>"

    @override
    def _sheet(self) -> Sheet:
        note = "Hive partitions: any Parquet reader takes tenant and date from the folders' names"
        return Sheet(f"{self.events:,} events in {self.place}", _COLUMNS, self._files, note)


def export(tenant: str, raw: "pa.Table", to: str | Path, *, format: str, overwrite: bool, shown: bool) -> Archived:
    """Write raw events to a place, as `Query.export` says."""
    from burgee.analytics.archive import Archive
    from burgee.analytics.rows import source_of

    if format != "parquet":
        hint = "for others take a frame: .frame().to_csv(path), .frame().to_json(path, orient='records', lines=True)"
        raise InvalidInputError(f"there is no export to {format!r}, only to 'parquet'", hint=hint)
    archive = Archive(to)
    if not overwrite and archive.holds(tenant):
        hint = "give another place, or overwrite=True to write it anew"
        raise AlreadyExistsError("export", f"{archive.place} tenant={tenant}", hint=hint)
    with ProgressBar("export", len(raw), shown=shown and len(raw) >= BAR_ROWS) as bar:
        return Archived(archive.state(archive.replace(source_of(tenant, raw), bar.reach)))
