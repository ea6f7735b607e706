"""The scripts by which a Galera node gets its data from another one.

Debian has them in mariadb-server, which would start a server of its own when it is installed. So they are
taken out of that package, without installing it.
"""

import shutil
import subprocess
from pathlib import Path

from pos_sandbox.cache import in_place, locked
from pos_sandbox.errors import ServerError
from pos_sandbox.mariadb import find_program

SCRIPTS = "galera-scripts"
NAMES = ("wsrep_sst_rsync", "wsrep_sst_common")


def put_scripts(cache: Path, folder: Path) -> Path:
    """Copy the scripts into `folder`, which the nodes' user can read, and return it.

    They come from PATH, or from the package of the installed server's version, which is downloaded once.
    """
    installed = shutil.which(NAMES[0])
    if not all((folder / name).is_file() for name in NAMES):
        source = Path(installed).parent if installed else _fetched(cache)
        folder.mkdir(exist_ok=True)
        for name in NAMES:
            shutil.copy(source / name, folder / name)
            (folder / name).chmod(0o755)
    return folder


def _fetched(cache: Path) -> Path:
    query = [find_program("dpkg-query", "dpkg"), "-W", "-f=${Version}", "mariadb-server-core"]
    version = subprocess.run(query, capture_output=True, text=True, check=False).stdout.strip()
    kept = cache / f"{SCRIPTS}-{version.replace(':', '_')}"
    with locked(cache):
        if not kept.is_dir():
            with in_place(kept) as made:
                package = f"mariadb-server={version}" if version else "mariadb-server"
                _run([find_program("apt-get", "apt"), "-q", "download", package], made.parent)
                for each in made.parent.glob("*.deb"):
                    _run([find_program("dpkg", "dpkg"), "-x", str(each), str(made.parent)], made.parent)
                for name in NAMES:
                    shutil.copy(made.parent / "usr/bin" / name, made / name)
    return kept


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["no output"]
        raise ServerError(
            f"Galera's scripts cannot be fetched: {lines[-1][:300]}",
            where=" ".join(command[:3]),
            fix="run apt-get update, or install the package mariadb-server",
        )
