"""What the set-up has made is what the lock files say, and is in use."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from updraft.core.settings import REPO, settings
from updraft.core.spark_conf import ARCHIVE, JARS, java_options, spark_conf


def test_the_jars_are_those_of_the_lock() -> None:
    lines = [line.split() for line in (REPO / "jars.lock").read_text().splitlines() if line and not line.startswith("#")]
    assert len(lines) == 6
    locked = {"-".join(coordinates.split(":")[1:]) + ".jar": checksum for coordinates, checksum in lines}
    found = {jar.name: hashlib.sha256(jar.read_bytes()).hexdigest() for jar in JARS.glob("*.jar")}
    assert found == locked


@pytest.mark.skipif(not ARCHIVE.exists(), reason="this Java makes no class-data archive: jobs only start more slowly")
@pytest.mark.parametrize("short", [True, False])
def test_the_class_data_archive_is_in_use(tmp_path: Path, short: bool) -> None:
    """Java ignores an archive that does not fit in silence, so classes that come from it are counted."""
    options = java_options(short_job=short).replace("-Xlog:cds=off -Xlog:cds+dynamic=off", "")
    log = tmp_path / "classes.log"
    conf = {**spark_conf(short_job=short), "spark.driver.extraJavaOptions": f"{options} -Xlog:class+load:file={log}"}
    settings_of_job = [word for key, value in conf.items() for word in ("--conf", f"{key}={value}")]
    job = tmp_path / "job.py"
    job.write_text("from pyspark.sql import SparkSession\nSparkSession.builder.getOrCreate().range(3).count()\n")
    command = [settings().spark_submit, "--master", "local[1]", *settings_of_job, str(job)]
    subprocess.run(command, check=True, capture_output=True)
    assert log.read_text().count("shared objects file (top)") > 5000


def test_make_setup_is_quick_and_silent_when_nothing_is_to_be_done() -> None:
    done = subprocess.run([sys.executable, "setup/environment.py"], cwd=REPO, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize(("home", "says"), [("/nowhere", "there is no java in JAVA_HOME"), ("OTHER", "is 25.0.1")])
def test_a_java_that_does_not_fit_is_named_in_one_sentence(tmp_path: Path, home: str, says: str) -> None:
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text("#!/bin/sh\necho 'openjdk version \"25.0.1\" 2026-10-20' >&2\n")
    java.chmod(0o755)
    env = {**os.environ, "JAVA_HOME": str(tmp_path) if home == "OTHER" else home}
    done = subprocess.run(
        [sys.executable, "setup/environment.py"], cwd=REPO, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert says in done.stderr
    assert "install Java 17 or 21" in done.stderr
    assert "Traceback" not in done.stderr
