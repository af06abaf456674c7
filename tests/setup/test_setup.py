"""What the set-up has made is what the lock files require, and is in use."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from updraft.core.settings import REPO, settings
from updraft.core.spark_conf import ARCHIVE, JARS, java_options, spark_conf


def make_setup(**variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "setup/environment.py"],
        cwd=REPO,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_jars_are_those_of_the_lock() -> None:
    locked = {}
    for line in (REPO / "jars.lock").read_text().splitlines():
        if line and not line.startswith("#"):
            coordinates, checksum = line.split()
            _, artifact, version = coordinates.split(":")
            locked[f"{artifact}-{version}.jar"] = checksum
    assert len(locked) == 6
    installed = {
        jar.name: hashlib.sha256(jar.read_bytes()).hexdigest() for jar in JARS.glob("*.jar")
    }
    assert installed == locked


@pytest.mark.skipif(
    not ARCHIVE.exists(),
    reason="this Java makes no class-data archive: jobs only start more slowly",
)
@pytest.mark.parametrize("short", [True, False])
def test_the_class_data_archive_is_in_use(tmp_path: Path, short: bool) -> None:
    """Java silently ignores an archive that does not fit: count the classes that come from it."""
    options = java_options(short_job=short).replace("-Xlog:cds=off -Xlog:cds+dynamic=off", "")
    log = tmp_path / "classes.log"
    options = f"{options} -Xlog:class+load:file={log}"
    conf = {**spark_conf(short_job=short), "spark.driver.extraJavaOptions": options}
    job = tmp_path / "job.py"
    job.write_text(
        "from pyspark.sql import SparkSession\n"
        "SparkSession.builder.getOrCreate().range(3).count()\n"
    )
    command = [settings().spark_submit, "--master", "local[1]"]
    for name, value in conf.items():
        command += ["--conf", f"{name}={value}"]
    subprocess.run([*command, str(job)], check=True, capture_output=True)
    assert log.read_text().count("shared objects file (top)") > 5000


def test_make_setup_is_quick_and_silent_if_everything_is_up_to_date() -> None:
    completed = make_setup()
    assert (completed.returncode, completed.stdout) == (0, "")


@pytest.mark.parametrize(
    ("home", "message"),
    [("/nowhere", "there is no java in JAVA_HOME"), ("OTHER", "is 25.0.1")],
)
def test_a_java_that_does_not_fit_is_named_in_one_sentence(
    tmp_path: Path, home: str, message: str
) -> None:
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text("#!/bin/sh\necho 'openjdk version \"25.0.1\" 2026-10-20' >&2\n")
    java.chmod(0o755)
    completed = make_setup(JAVA_HOME=str(tmp_path) if home == "OTHER" else home)
    assert completed.returncode == 1
    assert message in completed.stderr
    assert "install Java 17 or 21" in completed.stderr
    assert "Traceback" not in completed.stderr
