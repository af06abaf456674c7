"""`make setup`: check the machine, then bring .venv, .jars and the class-data archive up to date.

Standard library only. A set-up that was killed is repaired by the next one; of two at the same
time one waits for the other.
"""

import fcntl
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import machine
import stamp
from stamp import ROOT, VENV

UV_VERSION = "0.13.8"
PYTHON = VENV / "bin/python"
UV = VENV / "bin/uv"
PACKAGES = "Python packages"
JARS = "Java packages"
CLASS_DATA = "class-data archive"
LOCK = os.open(ROOT, os.O_RDONLY)  # A folder can be locked, so there is no lock file.
# Settings that would lead pip, Python or Spark to other packages.
FOREIGN = (
    "PYTHONHOME",
    "PYTHONPATH",
    "PIP_USER",
    "SPARK_HOME",
    "SPARK_CONF_DIR",
    "PYSPARK_SUBMIT_ARGS",
)
NO_NETWORK = re.compile(
    r"dns error|name resolution|resolve host|ConnectionError|error sending request|unreachable|"
    r"No route to host|UnknownHostException|ConnectException|ReadTimeout|ConnectTimeout|"
    r"SocketTimeout|probably access the destination",
    re.IGNORECASE,
)


def tool(*command: object) -> "subprocess.CompletedProcess[str]":
    env = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    env["SPARK_LOCAL_IP"] = "127.0.0.1"  # Spark's servers listen on loopback only.
    return subprocess.run(
        [str(word) for word in command],
        check=False,
        cwd=ROOT,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # The tool holds the lock too: if this process is killed, the next set-up waits for it.
        pass_fds=[LOCK],
    )


def run(step: str, *command: object, lines: int = 15) -> None:
    """Run a tool without output. If it fails, end the set-up with the tool's last lines."""
    completed = tool(*command)
    if completed.returncode == 0:
        return
    if NO_NETWORK.search(completed.stdout):
        sys.exit(
            f"failed\nNo connection to where the {step} come from: "
            "check the network and run make setup again."
        )
    tail = "\n".join(completed.stdout.strip().splitlines()[-lines:])
    sys.exit(
        f"failed\n{tail}\nmake setup stopped at the {step}, for the reason above; "
        "fix it and run make setup again."
    )


def make_packages(is_reusable: bool) -> None:
    """Bring .venv to requirements.txt, or make it if there is none of this Python and place."""
    if not is_reusable:
        machine.check_disk_space(ROOT)
        shutil.rmtree(VENV, ignore_errors=True)
        run(PACKAGES, sys.executable, "-m", "venv", VENV)
        pip_install = (PYTHON, "-m", "pip", "install", "--quiet", "--retries=1")
        run(PACKAGES, *pip_install, f"uv=={UV_VERSION}")
    run(
        PACKAGES,
        *(UV, "pip", "sync", "--python", PYTHON, "--require-hashes", "requirements.txt"),
    )
    run(PACKAGES, UV, "pip", "install", "--python", PYTHON, "--no-deps", "--editable", ".")


def make_class_data() -> None:
    completed = tool(PYTHON, "setup/class_data.py")
    if completed.returncode != 0:
        lines = completed.stdout.strip().splitlines() or ["no reason reported"]
        print(f"not made, each Spark job takes some seconds longer ({lines[-1]})", end=" ")


def compile_bytecode() -> "subprocess.Popen[bytes]":
    """Compile in the background while Java works: else each first import would be slow.

    In a container every import would be.
    """
    command = [str(PYTHON), "-m", "compileall", "-qq", str(VENV / "lib")]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def made_from(step: str, java: str) -> str:
    """Return the hash of everything that the result of the step depends on."""
    if step == PACKAGES:
        return _digest("requirements.txt", "pyproject.toml", "setup/environment.py")
    if step == JARS:
        return _digest("jars.lock", "setup/jars.py")
    # Java refuses an archive that is older than one of the jars.
    jars = [*VENV.glob("lib/*/site-packages/pyspark/jars"), *sorted((ROOT / ".jars").glob("*.jar"))]
    installed = [int(path.stat().st_mtime) for path in jars]
    return _digest(
        "jars.lock",
        "setup/class_data.py",
        "setup/class_data_job.py",
        "updraft/core/spark_conf.py",
        more=java + str(installed),
    )


def _digest(*files: str, more: str = "") -> str:
    return stamp.digest(*(ROOT / file for file in files), more)


def result_files(step: str) -> "list[Path]":
    """Return the files by which a finished step is recognized."""
    if step == PACKAGES:
        names = ("python", "uv", "updraft", "airflow", "spark-submit", "pytest")
        return [VENV / "bin" / name for name in names]
    return sorted((ROOT / ".jars").glob("*.jar" if step == JARS else "*.jsa"))


def make(step: str, is_reusable: bool) -> None:
    if step == PACKAGES:
        make_packages(is_reusable)
    elif step == JARS:
        run(step, PYTHON, "setup/jars.py", lines=1)
    else:
        make_class_data()


def bring_up_to_date(java: str, steps: "list[str]") -> None:
    """Make each step that is not finished or whose sources have changed, and remember it."""
    origin = stamp.digest(sys.version, str(ROOT), UV_VERSION)

    def is_finished(step: str) -> bool:
        return stamp.intact(step, made_from=made_from(step, java), origin=origin)

    if all(is_finished(step) for step in steps):
        return
    fcntl.flock(LOCK, fcntl.LOCK_EX)  # Until this process ends, however it ends.
    compiling = None
    try:
        for step in steps:
            # Only now, because the archive depends on what the earlier steps install.
            if is_finished(step):
                continue
            print(f"{step} ... ", end="", flush=True)
            start = time.monotonic()
            is_reusable = stamp.intact(step, origin=origin)
            stamp.begin(step)
            make(step, is_reusable)
            stamp.finish(step, result_files(step), made_from=made_from(step, java), origin=origin)
            print(f"{time.monotonic() - start:.0f} s", flush=True)
            if step == PACKAGES:
                compiling = compile_bytecode()
        if compiling:
            compiling.wait()
    finally:
        if compiling:
            compiling.kill()


def main() -> None:
    machine.check_python()
    java = machine.java_version()
    steps = [PACKAGES, JARS]
    # Java 21 takes no archive for a class path that names a jar twice, as Spark's does.
    if '"17' in java:
        steps.append(CLASS_DATA)
    try:
        bring_up_to_date(java, steps)
    except OSError as error:
        sys.exit(f"failed\nmake setup stopped: {error}. Fix that and run it again.")
    except KeyboardInterrupt:
        sys.exit("\nmake setup was interrupted; the next run continues where it stopped.")


if __name__ == "__main__":
    main()
