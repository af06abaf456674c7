"""Makes .jars/ what jars.lock says; run by setup/environment.py, with .venv's Python."""

import hashlib
import os
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
JARS = ROOT / ".jars"
FETCHED = JARS / "fetch"  # Spark's resolver works here: on the same disk as .jars, so that a move is atomic.


class Jar(NamedTuple):
    coordinates: str
    sha256: str

    @property
    def name(self) -> str:
        _, artifact, version = self.coordinates.split(":")
        return f"{artifact}-{version}.jar"


def locked() -> list[Jar]:
    lines = (ROOT / "jars.lock").read_text().splitlines()
    return [Jar(*line.split()) for line in lines if line.strip() and not line.startswith("#")]


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else "no file"


def fetch(jars: list[Jar]) -> None:
    """Asks Spark's own resolver for each jar, so that no repository is named here and proxies work as they do in Spark."""
    from py4j.protocol import Py4JJavaError
    from pyspark.sql import SparkSession

    settings = {"spark.jars.ivy": str(FETCHED), "spark.ui.enabled": "false", "spark.driver.bindAddress": "127.0.0.1"}
    settings |= {"spark.driver.host": "127.0.0.1", "spark.sql.warehouse.dir": str(FETCHED / "warehouse")}
    spark = SparkSession.builder.master("local[1]").config(map=settings).getOrCreate()
    for jar in jars:
        try:
            spark._jsc.addJar(f"ivy://{jar.coordinates}?transitive=false")
        except Py4JJavaError as error:
            reason = error.java_exception.getMessage()
            sys.exit(f"Spark's resolver could not fetch {jar.coordinates}, which jars.lock names: {reason}")
    spark.stop()
    for jar in jars:
        # The resolver's name for a jar is GROUP_ARTIFACT-VERSION.jar.
        fetched = FETCHED / "jars" / f"{jar.coordinates.split(':')[0]}_{jar.name}"
        if (found := sha256(fetched)) != jar.sha256:
            sys.exit(
                f"{jar.name}, as fetched, has SHA-256 {found}, and jars.lock expects {jar.sha256}: the jar was not "
                "installed. Run make setup again; if the difference stays, find out why before you change jars.lock."
            )
        os.replace(fetched, JARS / jar.name)


def main() -> None:
    jars = locked()
    JARS.mkdir(exist_ok=True)
    shutil.rmtree(FETCHED, ignore_errors=True)
    right = {jar.name for jar in jars if sha256(JARS / jar.name) == jar.sha256}
    for path in JARS.glob("*.jar"):
        if path.name not in right:
            path.unlink()
    try:
        if len(right) < len(jars):
            fetch([jar for jar in jars if jar.name not in right])
    finally:
        shutil.rmtree(FETCHED, ignore_errors=True)


if __name__ == "__main__":
    main()
