"""A Spark of two threads in this process, on 127.0.0.1 only. By hand, from tests/: `python -m services.spark`."""

import contextlib
import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components import needs_java

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@contextlib.contextmanager
def spark_session(folder: Path) -> Iterator["SparkSession"]:
    """Start Spark, its files in `folder`; stopped at the end, its Java process with it."""
    needs_java()
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    with warnings.catch_warnings():
        # pyspark says of itself that it was not tested with pandas 3, and reads Python modules that are going away.
        warnings.simplefilter("ignore")
        from pyspark.sql import SparkSession

        builder = SparkSession.builder.master("local[2]").appName("burgee-tests")
        options = {
            "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.ui.enabled": "false",
            "spark.driver.memory": "1g",
            "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",  # quick to begin, not to go on
            "spark.ui.showConsoleProgress": "false",
            "spark.sql.warehouse.dir": str(folder / "warehouse"),
            "spark.local.dir": str(folder / "local"),
            "spark.sql.shuffle.partitions": "2",
            "spark.sql.files.openCostInBytes": "0",  # many tiny files
            "spark.sql.codegen.wholeStage": "false",  # to compile a question takes longer than to run it on so little
            "spark.sql.codegen.factoryMode": "NO_CODEGEN",
        }
        for name, value in options.items():
            builder = builder.config(name, value)
        session = builder.getOrCreate()
    session.sparkContext.setLogLevel("OFF")
    gateway: Any = session.sparkContext._gateway  # stop() leaves its Java process alive
    try:
        yield session
    finally:
        session.stop()
        process: subprocess.Popen[bytes] | None = getattr(gateway, "proc", None)
        gateway.shutdown()
        if process is not None:
            if process.stdin is not None:
                process.stdin.close()  # Java ends with it
            process.wait(20)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place, spark_session(Path(place)) as spark:
        print(spark.range(10).count())  # noqa: T201 - for whoever runs this by hand
