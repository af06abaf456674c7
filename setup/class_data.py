"""Make .jars/spark.jsa: Java's archive of the classes that our Spark jobs load.

With it each job starts seconds faster. setup/environment.py runs this with .venv's Python. Java
refuses an archive made by another Java or for another class path, and then only loads classes more
slowly.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from updraft.core.spark_conf import ARCHIVE, spark_conf

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    unfinished = ARCHIVE.with_suffix(".unfinished")
    unfinished.unlink(missing_ok=True)
    # The compiler and the garbage collector may differ between making and using an archive: one
    # archive serves all jobs.
    options = f"-XX:TieredStopAtLevel=1 -Xlog:disable -XX:ArchiveClassesAtExit='{unfinished}'"
    settings = {**spark_conf(), "spark.driver.extraJavaOptions": options}
    command = [str(ROOT / "spark_jobs/spark-submit"), "--master", "local[2]"]
    for name, value in settings.items():
        command += ["--conf", f"{name}={value}"]
    with tempfile.TemporaryDirectory() as folder:
        completed = subprocess.run(
            [*command, str(ROOT / "setup/class_data_job.py"), folder],
            cwd=folder,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    if completed.returncode != 0:
        lines = completed.stdout.strip().splitlines() or ["it printed nothing"]
        sys.exit(
            f"setup/class_data_job.py ended with exit code {completed.returncode}: {lines[-1]}"
        )
    if not unfinished.exists():
        sys.exit(
            "this Java wrote no archive; it may lack its own, on which ours builds: "
            "java -Xshare:dump makes that"
        )
    os.replace(unfinished, ARCHIVE)


if __name__ == "__main__":
    main()
