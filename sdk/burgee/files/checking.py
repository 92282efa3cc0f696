"""`check`: what the log knows beside what the storage has, and what was broken off in between. It blocks."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from burgee.core.errors import ConflictError, NotFoundError
from burgee.files.errors import UploadRefusedError
from burgee.files.keeping import Keeper, now_of
from burgee.files.model import CheckReport, FileState

_PAGE = 500


class Checker:
    """Goes through all files of one tenant once."""

    def __init__(self, keeper: Keeper, tenant: str, older_than: float) -> None:
        self._keeper = keeper
        self._tenant = tenant
        self._older_than = older_than
        self._before = now_of(keeper.clock) - timedelta(seconds=older_than)

    def run(self, *, repair: bool) -> CheckReport:
        """What was found, and with `repair` what there is to do about it done."""
        self._finish_arrived()
        files, lost, unfinished = 0, [], []
        for state in self._states():
            if state.status == "stored":
                files += 1
                if not self._is_whole(state):
                    lost.append(state.file.id)
            elif self._is_over(state):
                unfinished.append(state.file.id)
        orphans = [key for key, at in self._unknown() if at <= self._before and self._is_orphan(key)]
        if repair:
            for id in unfinished:
                self._end(id)
            for key in orphans:
                self._keeper.clear(self._tenant, key)
            self._keeper.storage.sweep(f"{self._tenant}/", self._older_than)
        return CheckReport(files, tuple(orphans), tuple(lost), tuple(unfinished), repaired=repair)

    def _states(self) -> Iterator[FileState]:
        after = ""
        while True:
            with self._keeper.database.read(self._tenant) as connection:
                states = self._keeper.files.page(connection, self._tenant, after=after, limit=_PAGE)
            yield from states
            if len(states) < _PAGE:
                return
            after = states[-1].file.id

    def _finish_arrived(self) -> None:
        """What was put at an address of the storage comes in, or is refused, as if somebody had asked for it."""
        for state in self._states():
            if state.status == "awaited":
                try:
                    self._keeper.finish(self._tenant, state)
                except (NotFoundError, ConflictError, UploadRefusedError):  # not there yet, or gone now
                    continue

    def _is_whole(self, state: FileState) -> bool:
        """Whether the object is there as it came: by its size and checksum, as the storage knows them."""
        known = self._keeper.storage.stat(state.key(self._tenant))
        if known is None:  # or just deleted
            now = self._keeper.state(self._tenant, state.file.id)
            return now is None or now.status != "stored"
        return known.size == state.file.size and known.checksum in {None, state.file.checksum}

    def _is_over(self, state: FileState) -> bool:
        """Whether a deletion was broken off, or nobody put a file in time."""
        if state.status == "awaited":
            return state.expires_at is not None and state.expires_at <= self._before
        return self._changed_at(state.file.id) <= self._before

    def _changed_at(self, id: str) -> datetime:
        with self._keeper.database.read(self._tenant) as connection:
            *_, (event, _) = self._keeper.files.replay(connection, self._tenant, id)
        return event.recorded_at

    def _end(self, id: str) -> None:
        state = self._keeper.state(self._tenant, id)
        try:
            if state is not None and state.status == "awaited":
                self._keeper.give_up(self._tenant, state)
            elif state is not None and state.status == "deleting":
                self._keeper.storage.delete(state.key(self._tenant))
                self._keeper.deleted(self._tenant, id)
        except NotFoundError:  # somebody else ended it
            return

    def _is_orphan(self, key: str) -> bool:
        """Whether nobody is about to enter the object as a file, nor has meanwhile, nor took it away himself."""
        storage = self._keeper.storage
        return not (storage.is_held(key) or self._keeper.has(self._tenant, key) or storage.stat(key) is None)

    def _unknown(self) -> Iterator[tuple[str, datetime]]:
        """Objects that belong to no file. They are listed first: a file that comes meanwhile is known by then."""
        objects = [(found.key, found.modified_at) for found in self._keeper.storage.list(f"{self._tenant}/")]
        known = {state.key(self._tenant) for state in self._states()}
        return ((key, at) for key, at in objects if key not in known)
