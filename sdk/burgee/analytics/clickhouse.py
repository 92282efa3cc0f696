"""Questions on ClickHouse in this process (chdb), over the archive."""

import threading
from collections.abc import Set as AbstractSet
from types import ModuleType

import pyarrow as pa
from sqlglot import exp

from burgee.analytics.archive import Archive, Manifest
from burgee.analytics.dialects import render
from burgee.analytics.results import here, normal, over, refused, used
from burgee.analytics.source import STANDARD, LogSource
from burgee.core.errors import InvalidInputError, MissingExtraError

_TYPES = {pa.int64(): "Int64", pa.float64(): "Float64", pa.bool_(): "Bool", pa.string(): "String"}
_ONCE = "enable_materialized_cte = 1"  # else the files are read anew wherever a part of the question names them
_AT_ONCE = threading.Lock()  # chdb is one engine per process


class ClickHouseEngine:
    """Runs questions in chdb, over an archive in a folder, which is brought up to date before each."""

    __slots__ = ("_archive", "_chdb")
    dialect = "clickhouse"

    def __init__(self, archive: Archive) -> None:
        if archive.place.startswith("s3://"):
            hint = "give a folder as BURGEE_ARCHIVE, or run the text of .sql('clickhouse') on your server"
            raise InvalidInputError(f"ClickHouse in this process reads no archive at {archive.place!r}", hint=hint)
        self._archive = archive
        self._chdb = _chdb()

    def answer(self, tree: exp.Query, source: LogSource) -> pa.Table:
        """The rows of one SELECT over the table `events`, in the tree's order and with its column names."""
        if (answer := here(tree, source)) is not None:
            return answer
        manifest = self._archive.refresh(source)
        events = _events(manifest, self._archive.paths(manifest), {column.name for column in used(tree, source)})
        text = f"{render(over(tree, events, once=True), self.dialect)}, {_ONCE}"  # behind the settings it ends with
        try:
            with _AT_ONCE:
                found = self._chdb.query(text, "ArrowTable")
        except RuntimeError as error:  # what chdb raises
            raise refused("ClickHouse", error) from error
        return normal(found, tree.named_selects)


def _events(manifest: Manifest, paths: list[str], names: AbstractSet[str]) -> exp.Query:
    shape = ", ".join(f"{_quoted(field.name)} {_type(field)}" for field in manifest.schema)
    columns = [exp.column(name, quoted=True) for name in STANDARD.names if name != "data"]
    renamed = [
        exp.alias_(exp.column(each.name, quoted=True), each.column.name, quoted=True)
        for each in manifest.columns
        if each.column.name in names
    ]
    if not paths:
        nothing = exp.Table(this=exp.func("null", exp.Literal.string(shape)))
        return exp.select(*columns, *renamed).from_(nothing)
    place = paths[0].rsplit("/", 2)[0]  # …/tenant=acme/date=2026-11-24/part-….parquet
    files = [exp.Literal.string(text) for text in (f"{_plain(place)}/date=*/part-*.parquet", "Parquet", shape)]
    of_the_archive = exp.column("_path").isin(*map(exp.Literal.string, paths))
    return (
        exp.select(*columns, *renamed)
        .from_(exp.Table(this=exp.Anonymous(this="file", expressions=files)))
        .where(of_the_archive)
    )


def _type(field: pa.Field) -> str:
    if pa.types.is_timestamp(field.type):
        return "DateTime64(6, 'UTC')"
    name = _TYPES[field.type]
    return name if field.name in STANDARD.names else f"Nullable({name})"


def _quoted(name: str) -> str:
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


def _plain(place: str) -> str:
    """A folder's name with nothing in it that chooses several."""
    return "".join("?" if letter in "{}*?[]" else letter for letter in place)  # `_path` decides


def _chdb() -> ModuleType:
    try:
        import chdb
    except ImportError:
        raise MissingExtraError("ClickHouse in this process", "clickhouse") from None
    module: ModuleType = chdb
    return module
