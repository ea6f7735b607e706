"""A MariaDB that requires TLS, and certificates: its own, an expired one, and two authorities."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import mysql.connector
import tenacity

USER, MAKER, PASSWORD = "shop", "maker", "s3cr!t-word"
"""The user who must come with TLS, the one who need not and makes the tables, and the password of both."""


@dataclass(frozen=True)
class TlsServer:
    """A MariaDB whose certificate is for 127.0.0.1; its user must come with TLS."""

    folder: Path
    port: int

    @property
    def ca(self) -> str:
        """The file of the server's authority."""
        return str(self.folder / "ca.pem")

    @property
    def other_ca(self) -> str:
        """The file of another authority."""
        return str(self.folder / "other.pem")


def openssl(folder: Path, *arguments: str) -> None:
    """Run openssl in a folder."""
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True, timeout=60)


def make_authority(folder: Path, name: str) -> None:
    """Make `name.pem` and `name.key` of an authority."""
    subject = ("-subj", f"/CN={name}", "-days", "2", "-nodes", "-newkey", "rsa:2048")
    may = ("-addext", "keyUsage=critical,keyCertSign,cRLSign")
    openssl(folder, "req", "-x509", *subject, *may, "-keyout", f"{name}.key", "-out", f"{name}.pem")


def make_certificate(folder: Path, name: str, *, days: int = 2) -> None:
    """Make `name.pem` and `name.key`, signed by the authority `ca`; with negative days, it has expired."""
    request = ("-subj", f"/CN={name}", "-nodes", "-newkey", "rsa:2048")
    openssl(folder, "req", *request, "-keyout", f"{name}.key", "-out", f"{name}.csr")
    # Python 3.13 refuses a certificate that does not name its authority's key.
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1\nauthorityKeyIdentifier=keyid\n")
    signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", str(days), "-extfile", "names")
    openssl(folder, "x509", "-req", "-in", f"{name}.csr", *signed, "-out", f"{name}.pem")


@contextmanager
def tls_server(folder: Path, *, days: int = 2) -> Iterator[TlsServer]:
    """Run a MariaDB that requires TLS; `days` is how long its certificate holds."""
    make_authority(folder, "ca")
    make_authority(folder, "other")
    make_certificate(folder, "server", days=days)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    data = folder / "data"
    account = ("--auth-root-authentication-method=normal", "--skip-test-db", "--user=root")
    install = ("mariadb-install-db", "--no-defaults", f"--datadir={data}", *account)
    subprocess.run(install, check=True, capture_output=True, timeout=120)
    (folder / "init.sql").write_text(
        f"create user if not exists {USER}@'%' identified by '{PASSWORD}' require ssl;\n"
        f"create user if not exists {MAKER}@'%' identified by '{PASSWORD}';\n"
        f"grant all on *.* to {USER}@'%', {MAKER}@'%';\n"
    )
    process = subprocess.Popen(
        [
            *("mariadbd", "--no-defaults", f"--datadir={data}", "--user=root", f"--port={port}"),
            *("--bind-address=*", "--skip-name-resolve", f"--socket={folder / 'sock'}"),
            *(f"--ssl-ca={folder / 'ca.pem'}", f"--ssl-cert={folder / 'server.pem'}"),
            *(f"--ssl-key={folder / 'server.key'}", f"--init-file={folder / 'init.sql'}"),
            f"--log-error={folder / 'log'}",
        ]
    )
    try:
        for attempt in tenacity.Retrying(stop=tenacity.stop_after_delay(20), wait=tenacity.wait_fixed(0.2)):
            with attempt:
                mysql.connector.connect(
                    host="127.0.0.1", port=port, user=USER, password=PASSWORD,
                    charset="utf8mb4", collation="utf8mb4_unicode_ci",
                ).close()  # fmt: skip
        yield TlsServer(folder, port)
    finally:
        process.terminate()
        process.wait(timeout=60)
