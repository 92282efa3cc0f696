"""What all flags of a tenant serve to one context, together."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, override

from burgee.core.display import Sheet, Shown
from burgee.core.errors import NotFoundError
from burgee.core.json import Json
from burgee.flags.model import Evaluation

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

COLUMNS = ("flag", "variant", "value", "reason", "rule", "error")


class Evaluations(Shown, Mapping[str, Evaluation[Json]]):
    """Evaluations by flag: a mapping, and a frame of `flag, variant, value, reason, rule, error`."""

    __slots__ = ("_found",)

    def __init__(self, found: Mapping[str, Evaluation[Json]]) -> None:
        self._found = dict(sorted(found.items()))

    @override
    def __getitem__(self, key: str) -> Evaluation[Json]:
        found = self._found.get(key)
        if found is None:
            raise NotFoundError("flag", str(key), list(self._found))
        return found

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    @override
    def __len__(self) -> int:
        return len(self._found)

    @override
    def __contains__(self, key: object) -> bool:
        return key in self._found

    @property
    def variants(self) -> dict[str, str | None]:
        """The variant of each flag; None where a flag could not be asked."""
        return {key: one.variant for key, one in self._found.items()}

    def frame(self) -> "pd.DataFrame":
        """A row for each flag; `value` holds Python's own values."""
        import pandas as pd

        rows = [[getattr(one, name) for name in COLUMNS] for one in self._found.values()]
        frame = pd.DataFrame(rows, columns=list(COLUMNS), dtype=object)
        return frame.astype(dict.fromkeys((name for name in COLUMNS if name != "value"), "str"))

    def arrow(self) -> "pa.Table":
        """The same as an Arrow table; `value` is JSON text."""
        import pyarrow as pa

        from burgee.core.json import dumps

        rows = [{name: getattr(one, name) for name in COLUMNS} for one in self._found.values()]
        texts = [{**row, "value": dumps(row["value"]), "reason": str(row["reason"])} for row in rows]
        return pa.Table.from_pylist(texts, pa.schema([(name, pa.string()) for name in COLUMNS]))

    def _ipython_key_completions_(self) -> Sequence[str]:
        return list(self._found)

    @override
    def _sheet(self) -> Sheet:
        columns = COLUMNS if any(one.error for one in self._found.values()) else COLUMNS[:-1]
        rows = [
            [str(one.reason) if name == "reason" else getattr(one, name) for name in columns]
            for one in self._found.values()
        ]
        return Sheet(f"{len(rows):,} {'flag' if len(rows) == 1 else 'flags'}", columns, rows)

    @override
    def __repr__(self) -> str:
        told = ", ".join(f"{key}: {variant}" for key, variant in self.variants.items())
        return f"<Evaluations of {len(self)} {'flag' if len(self) == 1 else 'flags'}{': ' if told else ''}{told}>"
