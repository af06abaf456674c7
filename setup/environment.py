"""`make setup`: checks the machine, then makes .venv, .jars and the class-data archive, or finds them up to date.

Standard library only. A set-up that was killed is mended by the next one; two at once wait for each other.
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
PYTHON, UV = VENV / "bin/python", VENV / "bin/uv"
PACKAGES, JARS, CLASS_DATA = STEPS = ("Python packages", "Java packages", "class-data archive")
LOCK = os.open(ROOT, os.O_RDONLY)  # A folder can be locked, and so needs no lock file.
# Settings that would lead pip, Python or Spark to somebody else's packages.
FOREIGN = ("PYTHONHOME", "PYTHONPATH", "PIP_USER", "SPARK_HOME", "SPARK_CONF_DIR", "PYSPARK_SUBMIT_ARGS")
NO_NETWORK = re.compile(
    r"dns error|name resolution|resolve host|ConnectionError|error sending request|unreachable|No route to host|"
    r"UnknownHostException|ConnectException|ReadTimeout|ConnectTimeout|SocketTimeout|probably access the destination",
    re.IGNORECASE,
)


def tool(*command: object) -> "subprocess.CompletedProcess[str]":
    env = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    env["SPARK_LOCAL_IP"] = "127.0.0.1"  # Spark's servers listen on loopback only.
    words, pipe = [str(word) for word in command], subprocess.PIPE
    # The tool holds the lock too: when this process is killed, the next set-up waits until the tool has ended.
    return subprocess.run(
        words, check=False, cwd=ROOT, env=env, stdout=pipe, stderr=subprocess.STDOUT, text=True, pass_fds=[LOCK]
    )


def run(step: str, *command: object, tail: int = 15) -> None:
    """Runs a tool in silence; if it fails, ends the set-up with the tail of what it said and a sentence."""
    done = tool(*command)
    if done.returncode == 0:
        return
    if NO_NETWORK.search(done.stdout):
        sys.exit(f"failed\nNo connection to where the {step} come from: check the network and run make setup again.")
    said = "\n".join(done.stdout.strip().splitlines()[-tail:])
    sys.exit(f"failed\n{said}\nmake setup stopped at the {step}, for the reason above; run it again once it is gone.")


def make_packages(whole: bool) -> None:
    """Brings .venv to requirements.txt; from nothing, unless a whole one of this Python and place is there."""
    if not whole:
        machine.check_room(ROOT)
        shutil.rmtree(VENV, ignore_errors=True)
        run(PACKAGES, sys.executable, "-m", "venv", VENV)
        run(PACKAGES, PYTHON, "-m", "pip", "install", "--quiet", "--retries=1", f"uv=={UV_VERSION}")
    run(PACKAGES, UV, "pip", "sync", "--python", PYTHON, "--require-hashes", "requirements.txt")
    run(PACKAGES, UV, "pip", "install", "--python", PYTHON, "--no-deps", "--editable", ".")


def make_class_data() -> None:
    done = tool(PYTHON, "setup/class_data.py")
    if done.returncode != 0:
        why = (done.stdout.strip().splitlines() or ["no reason given"])[-1]
        print(f"not made, each Spark job takes some seconds longer ({why})", end=" ")


def compile_bytecode() -> "subprocess.Popen[bytes]":
    """Fills the second core while Java works: without it each first import is slow, or every one in a container."""
    command = [str(PYTHON), "-m", "compileall", "-qq", str(VENV / "lib")]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def made_from(step: str, java: str) -> str:
    """The hash of everything that the step's result depends on."""
    if step == PACKAGES:
        sources = ["requirements.txt", "pyproject.toml", "setup/environment.py"]
    elif step == JARS:
        sources = ["jars.lock", "setup/jars.py"]
    else:
        sources = ["jars.lock", "setup/class_data.py", "setup/class_data_job.py", "updraft/core/spark_conf.py"]
        # Java refuses the archive when any jar was installed anew since.
        installed = [*VENV.glob("lib/*/site-packages/pyspark/jars"), *sorted((ROOT / ".jars").glob("*.jar"))]
        java += str([int(path.stat().st_mtime) for path in installed])
    return stamp.digest(*(ROOT / source for source in sources), java if step == CLASS_DATA else "")


def made(step: str) -> "list[Path]":
    if step == PACKAGES:
        return [VENV / "bin" / name for name in ("python", "uv", "updraft", "airflow", "spark-submit", "pytest")]
    return sorted((ROOT / ".jars").glob("*.jar" if step == JARS else "*.jsa"))


def work(step: str, whole: bool) -> None:
    if step == PACKAGES:
        make_packages(whole)
    elif step == JARS:
        run(step, PYTHON, "setup/jars.py", tail=1)
    else:
        make_class_data()


def bring_up_to_date(java: str, steps: "tuple[str, ...]") -> None:
    """Does each step that is not finished or whose sources changed, and remembers it."""
    origin = stamp.digest(sys.version, str(ROOT), UV_VERSION)

    def ready(step: str) -> bool:
        return stamp.intact(step, made_from=made_from(step, java), origin=origin)

    if all(ready(step) for step in steps):
        return
    fcntl.flock(LOCK, fcntl.LOCK_EX)  # Until this process ends, however it ends.
    compiling = None
    try:
        for step in steps:
            if ready(step):  # Asked only now: the archive depends on what the other steps install.
                continue
            print(f"{step} ... ", end="", flush=True)
            start = time.monotonic()
            whole = stamp.intact(step, origin=origin)
            stamp.begin(step)
            work(step, whole)
            stamp.finish(step, made(step), made_from=made_from(step, java), origin=origin)
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
    # Java 21 takes no archive for a class path that names a jar twice, as Spark's does: there it would be made in vain.
    steps = STEPS if '"17' in java else STEPS[:2]
    try:
        bring_up_to_date(java, steps)
    except OSError as error:
        sys.exit(f"failed\nmake setup stopped: {error}. Put that right and run it again.")
    except KeyboardInterrupt:
        sys.exit("\nmake setup was interrupted; the next run goes on from there.")


if __name__ == "__main__":
    main()
