"""No plain text beyond this machine, and no weaker promise than the loader's own.

Rows and passwords leave the machine only through TLS that checks who answers, unless POS_ALLOW_PLAIN=1 says
otherwise, which the results then record.
"""

from __future__ import annotations

import ipaddress
import re
import ssl
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote_plus

from pos_loader.errors import SpecError
from pos_loader.masking import masked_address

ALLOW = "POS_ALLOW_PLAIN"
UNCHECKED = ("tlsinsecure", "tlsallowinvalidcertificates", "tlsallowinvalidhostnames")
OURS = {"w": "majority", "journal": "true", "readconcernlevel": "majority"}
"""What the loader's promises rest on, by option of a MongoDB address in lower case."""


def is_loopback(host: str) -> bool:
    """Whether a host is this machine.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("db.example")
    (True, True, False)
    """
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def options(uri: str) -> dict[str, str]:
    """Return the options of a MongoDB address by name in lower case; of a repeated one, the last.

    >>> options("mongodb://db/?tls=true&w=1")
    {'tls': 'true', 'w': '1'}
    """
    parts = (part.partition("=") for part in re.split("[&;]", uri.partition("?")[2]))
    return {name.lower(): unquote_plus(value) for name, _, value in parts}


def require_own_promises(uri: str) -> None:
    """Raise `SpecError` where a MongoDB address asks for other reads or writes than the loader's."""
    for name, value in options(uri).items():
        if value.lower() != OURS.get(name, value.lower()):
            raise SpecError(
                f"the MongoDB address asks for {name}={value}, and the loader needs {name}={OURS[name]}",
                where=masked_address(uri),
                fix=f"remove {name} from POS_MONGO_URI",
            )


def uses_tls(uri: str) -> bool:
    """Whether a MongoDB address asks for TLS; `mongodb+srv` does unless it says otherwise.

    >>> uses_tls("mongodb+srv://db.example"), uses_tls("mongodb://db.example")
    (True, False)
    """
    given, default = options(uri), "true" if uri.startswith("mongodb+srv://") else ""
    return given.get("tls", given.get("ssl", default)).lower() == "true"


def exposed(uri: str) -> str:
    """Say how a MongoDB address lets others read or answer; empty where it does not.

    >>> exposed("mongodb://127.0.0.1:27017"), exposed("mongodb://db:27017/?tls=true")
    ('', '')
    >>> exposed("mongodb://db:27017"), exposed("mongodb://db/?tls=true&tlsInsecure=true")
    ('it is on another machine, and the address has no tls=true', 'tlsinsecure accepts any server')
    """
    given = options(uri)
    weak = next((name for name in UNCHECKED if given.get(name, "").lower() == "true"), "")
    if weak:
        return f"{weak} accepts any server"
    scheme, _, rest = uri.partition("://")
    hosts = re.split("[/?]", rest.rpartition("@")[2])[0].split(",")
    if scheme not in ("mongodb", "mongodb+srv"):
        return ""  # the driver says what is wrong
    if uses_tls(uri) or all(is_loopback(_host(each)) for each in hosts):
        return ""
    return "it is on another machine, and the address has no tls=true"


def _host(text: str) -> str:
    """Take the port off `host:port`; an IPv6 address is in brackets."""
    if text.startswith("["):
        return text.partition("]")[0]
    return text.partition(":")[0]


def require_pem(
    path: str, option: str, kind: str, load: Callable[[str], object], *, where: str, fix: str
) -> None:
    """Raise `SpecError` where `load` cannot use a file, and say why; the drivers' own errors name no file.

    `option` names the file, and `kind` says what should be in it.
    """
    try:
        Path(path).read_bytes()
        load(path)
    except (OSError, ValueError) as error:
        why = "" if isinstance(error, ssl.SSLError) else getattr(error, "strerror", "")
        what = f"{option} {path} cannot be used: {why or f'it is not a PEM file of {kind}'}"
        raise SpecError(what, where=where, fix=fix) from None


def require_private(what: str, fault: str, *, allow_plain: bool, where: str, fix: str) -> None:
    """Raise `SpecError` where a connection to `what` is exposed, unless the user allows it."""
    if fault and not allow_plain:
        raise SpecError(f"{what}: {fault}", where=where, fix=f"{fix}, or set {ALLOW}=1")
