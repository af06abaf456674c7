"""Makes .jars/spark.jsa: Java's archive of the classes that our Spark jobs load, which makes each start seconds faster.

Run by setup/environment.py with .venv's Python. Java refuses an archive made by another Java or for another class path,
and then only loads classes more slowly.
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
    # Neither the compiler nor the garbage collector at use has to be the one at making: one archive serves all jobs.
    options = f"-XX:TieredStopAtLevel=1 -Xlog:disable -XX:ArchiveClassesAtExit='{unfinished}'"
    settings = {**spark_conf(), "spark.driver.extraJavaOptions": options}
    command = [str(ROOT / "spark_jobs/spark-submit"), "--master", "local[2]"]
    for name, value in settings.items():
        command += ["--conf", f"{name}={value}"]
    with tempfile.TemporaryDirectory() as folder:
        job = [*command, str(ROOT / "setup/class_data_job.py"), folder]
        done = subprocess.run(job, cwd=folder, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        tail = (done.stdout.strip().splitlines() or ["it printed nothing"])[-1]
        sys.exit(f"setup/class_data_job.py ended with exit code {done.returncode}: {tail}")
    if not unfinished.exists():
        sys.exit("this Java wrote no archive; it may lack its own, on which ours builds: java -Xshare:dump makes that")
    os.replace(unfinished, ARCHIVE)


if __name__ == "__main__":
    main()
