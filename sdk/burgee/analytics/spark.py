"""Questions on a Spark cluster, over the archive."""

import re
import warnings
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
    session's views and settings stay as they are.
    """

    __slots__ = ("_archive", "_session")
    dialect = "spark"

    def __init__(self, session: "SparkSession", archive: Archive) -> None:
        self._session = session
        self._archive = archive

    def answer(self, tree: exp.Query, source: LogSource) -> pa.Table:
        """The rows of one SELECT over the table `events`, in the tree's order and with its column names."""
        from pyspark.errors import PySparkException

        if (answer := here(tree, source)) is not None:
            return answer
        manifest = self._archive.refresh(source)
        try:
            session = self._session.newSession()
            for name, value in _CONFIG.items():
                session.conf.set(name, value)
            _events(session, manifest, self._archive.paths(manifest)).createOrReplaceTempView(EVENTS)
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", module="pyspark")  # of versions of pandas, which is not used here
                found = session.sql(render(tree, self.dialect)).toArrow()
        except PySparkException as error:
            raise refused("Spark", error) from error
        return normal(found, tree.named_selects)


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
