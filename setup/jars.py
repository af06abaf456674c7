"""Bring .jars/ to jars.lock. setup/environment.py runs this with .venv's Python."""

import hashlib
import os
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
JARS = ROOT / ".jars"
FETCHED = JARS / "fetch"  # Of Spark's resolver: on the disk of .jars, so that a move is atomic.


class Jar(NamedTuple):
    coordinates: str
    sha256: str

    @property
    def name(self) -> str:
        _, artifact, version = self.coordinates.split(":")
        return f"{artifact}-{version}.jar"

    @property
    def fetched(self) -> Path:
        """The file that Spark's resolver makes: GROUP_ARTIFACT-VERSION.jar."""
        group, *_ = self.coordinates.split(":")
        return FETCHED / "jars" / f"{group}_{self.name}"


def locked() -> list[Jar]:
    lines = (ROOT / "jars.lock").read_text().splitlines()
    return [Jar(*line.split()) for line in lines if line.strip() and not line.startswith("#")]


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else "no file"


def fetch(jars: list[Jar]) -> None:
    """Fetch each jar with Spark's own resolver.

    So no repository has to be named here, and proxies work as they do in Spark.
    """
    from py4j.protocol import Py4JJavaError
    from pyspark.sql import SparkSession

    settings = {
        "spark.jars.ivy": str(FETCHED),
        "spark.ui.enabled": "false",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.sql.warehouse.dir": str(FETCHED / "warehouse"),
    }
    spark = SparkSession.builder.master("local[1]").config(map=settings).getOrCreate()
    for jar in jars:
        try:
            spark._jsc.addJar(f"ivy://{jar.coordinates}?transitive=false")
        except Py4JJavaError as error:
            reason = error.java_exception.getMessage()
            sys.exit(
                f"Spark's resolver could not fetch {jar.coordinates}, which jars.lock names: "
                f"{reason}"
            )
    spark.stop()
    for jar in jars:
        checksum = sha256(jar.fetched)
        if checksum != jar.sha256:
            sys.exit(
                f"{jar.name}, as fetched, has SHA-256 {checksum}, and jars.lock expects "
                f"{jar.sha256}: the jar was not installed. Run make setup again; if the "
                "difference stays, find out why before you change jars.lock."
            )
        os.replace(jar.fetched, JARS / jar.name)


def main() -> None:
    jars = locked()
    JARS.mkdir(exist_ok=True)
    shutil.rmtree(FETCHED, ignore_errors=True)
    correct = {jar.name for jar in jars if sha256(JARS / jar.name) == jar.sha256}
    for path in JARS.glob("*.jar"):
        if path.name not in correct:
            path.unlink()
    missing = [jar for jar in jars if jar.name not in correct]
    try:
        if missing:
            fetch(missing)
    finally:
        shutil.rmtree(FETCHED, ignore_errors=True)


if __name__ == "__main__":
    main()
