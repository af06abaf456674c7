"""Checks of the machine: Python, Java, disk space. One that fails ends the set-up in a sentence.

The syntax stays that of Python 3.6: an old Python has to get as far as the first check.
"""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

FREE_GB = 5  # 2.4 GB here, 1.6 GB in the cache of uv, and some space to work.
JAVA_ADVICE = (
    "install Java 17 or 21 (a JRE is enough) or set JAVA_HOME to one, and run make setup again."
)


def check_python() -> None:
    if sys.version_info[:2] != (3, 11):
        sys.exit(
            "Updraft needs Python 3.11, the one version that all of its packages support, and "
            f"{sys.executable} is Python {sys.version.split()[0]}: install Python 3.11, or name "
            "one: make setup PYTHON=/path/to/python3.11"
        )
    if importlib.util.find_spec("ensurepip") is None:  # Debian has it in a package of its own.
        sys.exit(
            f"{sys.executable} cannot make virtual environments, it has no ensurepip: install "
            "the package python3.11-venv (Debian, Ubuntu) and run make setup again."
        )


def java_version() -> str:
    """Return what `java -version` prints, for the Java that spark-submit will use."""
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home, "bin/java")) if home else "java"
    where = f"in JAVA_HOME ({home})" if home else "on PATH"
    try:
        completed = subprocess.run(
            [java, "-version"],
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    except OSError:
        sys.exit(f"Spark needs Java 17 or 21, and there is no java {where}: {JAVA_ADVICE}")
    output = completed.stdout
    version = re.search(r'version "((\d+)[^"]*)"', output)
    if not version:
        problem = f"not a Java that runs ({output.strip()[:120]})"
    elif version.group(2) not in ("17", "21"):
        problem = version.group(1)
    else:
        return output
    sys.exit(f"Spark needs Java 17 or 21, and the java {where} is {problem}: {JAVA_ADVICE}")


def check_disk_space(folder: Path) -> None:
    free = shutil.disk_usage(folder).free / 1e9
    if free < FREE_GB:
        sys.exit(
            f"{folder} has {free:.1f} GB free and the set-up needs {FREE_GB} GB: "
            "free some space and run it again."
        )
