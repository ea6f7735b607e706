"""Environments of the peers whose pins conflict with dbt's.

`make lock` writes `spark.txt` and `ingestr.txt` beside this file. The pinned ingestr still contains its
program; later packages download it at the first run.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

JAVA = range(17, 24)
"""What this Spark runs on."""
JDBC = Path("/usr/share/java/mariadb-java-client.jar")
"""Where Debian's libmariadb-java puts it."""


def make(root: Path, name: str) -> Path:
    """Make a peer's environment unless it exists; return its Python."""
    digest = hashlib.sha256(_requirements(name).read_bytes()).hexdigest()[:12]
    made = root / f"{name}-{digest}"  # a changed lock gets a new environment
    if made.exists():
        return made / "bin" / "python"
    print(f"installing {name} in an environment of its own (once)", file=sys.stderr)
    partial = made.with_suffix(".partial")
    venv.create(partial, clear=True, with_pip=True)
    command = ["-m", "pip", "install", "-qq", "--disable-pip-version-check", "--require-hashes"]
    subprocess.run([partial / "bin" / "python", *command, "--requirement", _requirements(name)], check=True)
    partial.rename(made)
    return made / "bin" / "python"


def _requirements(name: str) -> Path:
    return Path(__file__).with_name(f"{name}.txt")


def _java() -> int:
    """The version of Java that Spark would start; 0 if there is none."""
    home = os.environ.get("JAVA_HOME")
    program = shutil.which("java", path=str(Path(home) / "bin") if home else None)
    if not program:
        return 0
    said = subprocess.run([program, "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(\d+)', said)
    return int(found.group(1)) if found else 0


def jars() -> list[str]:
    """The JDBC driver of MariaDB, and what POS_SPARK_JARS names, separated by commas."""
    named = [each for each in os.environ.get("POS_SPARK_JARS", "").split(",") if each]
    return [*([str(JDBC)] if JDBC.exists() else []), *named]


def lacks(name: str) -> str:
    """What this machine lacks for a peer; empty if nothing."""
    if name != "spark":
        return ""
    version = _java()
    if version not in JAVA:
        found = f"Java {version}" if version else "no Java"
        return f"there is {found} in JAVA_HOME or on PATH; install one from {JAVA[0]} to {JAVA[-1]}"
    return "" if jars() else f"there is no {JDBC}; install libmariadb-java, or name a jar in POS_SPARK_JARS"
