"""What the set-up asks of the machine: Python, Java, room on the disk; each check that fails ends it with one sentence.

Its syntax stays that of Python 3.6: an old Python has to get as far as the first check.
"""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

FREE_GB = 5  # 2.4 GB here, 1.6 GB in the cache of uv, and some room to work.


def check_python() -> None:
    if sys.version_info[:2] != (3, 11):
        sys.exit(
            f"Updraft needs Python 3.11, the one version that all of its packages support, and {sys.executable} is "
            f"Python {sys.version.split()[0]}: install Python 3.11, or name one: make setup PYTHON=/path/to/python3.11"
        )
    if importlib.util.find_spec("ensurepip") is None:  # Debian ships it apart from Python.
        sys.exit(
            f"{sys.executable} cannot make virtual environments, it has no ensurepip: install the package "
            "python3.11-venv (Debian, Ubuntu) and run make setup again."
        )


def java_version() -> str:
    """What the Java that spark-submit will take says of itself."""
    home = os.environ.get("JAVA_HOME")
    java, where = (str(Path(home, "bin/java")), f"in JAVA_HOME ({home})") if home else ("java", "on PATH")
    advice = "install Java 17 or 21 (a JRE is enough) or set JAVA_HOME to one, and run make setup again."
    try:
        done = subprocess.run([java, "-version"], check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    except OSError:
        sys.exit(f"Spark needs Java 17 or 21, and there is no java {where}: {advice}")
    found = re.search(r'version "((\d+)[^"]*)"', done.stdout)
    if not found or found.group(2) not in ("17", "21"):
        what = found.group(1) if found else f"not a Java that runs ({done.stdout.strip()[:120]})"
        sys.exit(f"Spark needs Java 17 or 21, and the java {where} is {what}: {advice}")
    return done.stdout


def check_room(folder: Path) -> None:
    free = shutil.disk_usage(folder).free / 1e9
    if free < FREE_GB:
        sys.exit(f"{folder} has {free:.1f} GB free and the set-up needs {FREE_GB} GB: make room and run it again.")
