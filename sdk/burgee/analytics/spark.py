"""Questions on a Spark cluster, over the archive."""

import re
import threading
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
from sqlglot import exp

from burgee.analytics.archive import Archive, Manifest
from burgee.analytics.dialects import render
from burgee.analytics.results import here, normal, refused
from burgee.analytics.source import EVENTS, LogSource

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.types import StructType

_CONFIG = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",  # what can't be is an error, as elsewhere, and not null
    "spark.sql.caseSensitive": "false",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
}


class SparkEngine:
    """Runs questions in a `SparkSession`. The archive is brought up to date before each.

    The cluster must see the archive's place: a folder it shares, or S3 (as `s3a://`, with Spark's own settings). The
    session's views and settings stay as they are. With `cached` the cluster keeps the log in its memory from
    one question to the next, as long as nothing is new in it.
    """

    __slots__ = ("_archive", "_cached", "_kept", "_lock", "_session")
    dialect = "spark"

    def __init__(self, session: "SparkSession", archive: Archive, *, cached: bool = False) -> None:
        self._session = session
        self._archive = archive
        self._cached = cached
        self._kept: dict[str, _Kept] = {}
        self._lock = threading.Lock()

    def answer(self, tree: exp.Query, source: LogSource) -> pa.Table:
        """The rows of one SELECT over the table `events`, in the tree's order and with its column names."""
        from pyspark.errors import PySparkException

        if (answer := here(tree, source)) is not None:
            return answer
        manifest = self._archive.refresh(source)
        try:
            session = self._in_session(manifest)
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", module="pyspark")  # of versions of pandas, which is not used here
                found = session.sql(render(tree, self.dialect)).toArrow()
        except PySparkException as error:
            raise refused("Spark", error) from error
        return normal(found, tree.named_selects)

    def _in_session(self, manifest: Manifest) -> "SparkSession":
        """A session of the tenant's own, in which `events` is what the manifest names."""
        with self._lock:
            kept = self._kept.get(manifest.tenant)
            if kept is not None and kept.manifest == manifest:
                return kept.session
            session = self._session.newSession()
            for name, value in _CONFIG.items():
                session.conf.set(name, value)
            frame = _events(session, manifest, self._archive.paths(manifest))
            if self._cached:
                frame = frame.persist()
                if kept is not None:
                    kept.frame.unpersist()
            frame.createOrReplaceTempView(EVENTS)
            self._kept[manifest.tenant] = _Kept(manifest, session, frame)
            return session


@dataclass(frozen=True, slots=True)
class _Kept:
    """A session in which Spark knows the files of a manifest: to list them takes longer than most questions."""

    manifest: Manifest
    session: "SparkSession"
    frame: "DataFrame"


def _events(session: "SparkSession", manifest: Manifest, paths: list[str]) -> "DataFrame":
    schema = _schema(manifest.schema)
    read = session.read.schema(schema)
    frame = read.parquet(*map(_path, paths)) if paths else session.createDataFrame([], schema)
    return frame.withColumnsRenamed({each.name: each.column.name for each in manifest.columns})


def _schema(schema: pa.Schema) -> "StructType":
    from pyspark.sql import types

    def kind(type: pa.DataType) -> types.DataType:
        if pa.types.is_timestamp(type):
            return types.TimestampType()
        return {
            pa.int64(): types.LongType(),
            pa.float64(): types.DoubleType(),
            pa.bool_(): types.BooleanType(),
        }.get(type, types.StringType())

    return types.StructType([types.StructField(field.name, kind(field.type)) for field in schema])


def _path(path: str) -> str:
    """As Hadoop takes it: its S3 is called s3a, and some characters choose several files."""
    return re.sub(r"([{}\[\]*?\\])", r"\\\1", path.replace("s3://", "s3a://", 1) if path.startswith("s3://") else path)
