"""How a connection to MongoDB opens, and what topology it leads to. `mongo` has what runs on it.

All handles write with majority and journal, and read with majority. So whatever a step has written or read
still holds after the primary changes.
"""

from __future__ import annotations

import re
import ssl
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache

import pymongo
from pymongo import MongoClient
from pymongo.errors import ConfigurationError, InvalidURI, OperationFailure, PyMongoError

from pos_loader.errors import ConnectionFailed, SpecError
from pos_loader.masking import masked_address
from pos_loader.servers import encryption, waiting
from pos_loader.servers.mongo import UNAUTHORIZED, Client, Handle, bounded, hosts, reason, translated

OLDEST_CLUSTER = (6, 0)


@dataclass(frozen=True)
class Topology:
    """The servers behind a connection; `shards` is empty where the user may not list them."""

    is_cluster: bool
    version: tuple[int, ...]
    shards: tuple[str, ...]
    has_transactions: bool = True
    """Whether it is a cluster or a replica set; a standalone server has no transactions."""


@dataclass(frozen=True)
class Address:
    """A connection string, how many seconds to wait for a server, and whether it may be exposed."""

    uri: str = field(repr=False)
    timeout: float
    allow_plain: bool = False


def reopened(address: Address, database: str, collection: str) -> Handle:
    """Give the handle of a collection in a worker process, which opens a connection of its own."""
    return _client(address)[database][collection]


@lru_cache(maxsize=1)
def _client(address: Address) -> Client:
    """Give the one connection that all tasks of a worker process share."""
    return connect(address.uri, timeout=address.timeout, allow_plain=address.allow_plain)


def connect(uri: str, *, timeout: float = waiting.BOUND_SECONDS, allow_plain: bool = False) -> Client:
    """Open a connection and prove that it works.

    `timeout` bounds every wait for a server, in seconds. Raises SpecError for an address that is malformed,
    asks for less than the loader promises, or is exposed without `allow_plain`. Raises ConnectionFailed for a
    server that is unreachable or refuses the user. The messages show the address masked.
    """
    shown = masked_address(uri)
    _require_usable_files(uri)
    encryption.require_own_promises(uri)
    encryption.require_private(
        "MongoDB",
        encryption.exposed(uri),
        allow_plain=allow_plain,
        where=shown,
        fix="add tls=true to POS_MONGO_URI",
    )
    try:
        # For an option it does not understand, even a wrong `tls`, the driver only warns and then ignores it.
        with warnings.catch_warnings(action="error", category=UserWarning):
            client = _open(uri, milliseconds=round(timeout * 1000))
    except (InvalidURI, ConfigurationError, ValueError, TypeError, OSError, UserWarning) as error:
        # The parser quotes parts of the address, which may be parts of a password that is not
        # percent-encoded.
        options = uri[uri.rfind("@") :]
        told = "@" not in uri or ("?" in options and isinstance(error, UserWarning))
        raise SpecError(
            f"the MongoDB address {shown} cannot be read{f': {_sentence(error)}' if told else ''}",
            fix="check POS_MONGO_URI" + ("" if told else "; percent-encode user and password"),
        ) from None
    try:
        with bounded(client, "answer"):
            client.admin.command("ping")
    except PyMongoError as error:
        close(client)
        raise _no_connection(error, shown, timeout) from None
    return client


@contextmanager
def connected(uri: str, *, timeout: float, allow_plain: bool = False) -> Iterator[Client]:
    """Connect for the block, as `connect` does."""
    client = connect(uri, timeout=timeout, allow_plain=allow_plain)
    try:
        yield client
    finally:
        close(client)


def close(client: Client) -> None:
    """Close a connection; a server that does not answer is left alone."""
    with suppress(PyMongoError), pymongo.timeout(waiting.GRACE_SECONDS):
        client.close()


def _require_usable_files(uri: str) -> None:
    """Raise `SpecError` where the address names a certificate file that cannot be used, and say why.

    Without this check the driver raises whatever Python's `ssl` raises, and OpenSSL asks the terminal for a
    missing password.
    """
    options = encryption.options(uri)
    password = options.get("tlscertificatekeyfilepassword", "")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for option, kind, load in (
        ("tlsCAFile", "certificates", context.load_verify_locations),
        ("tlsCRLFile", "revoked certificates", context.load_verify_locations),
        (
            "tlsCertificateKeyFile",
            "a certificate and its key, or tlsCertificateKeyFilePassword is not its password",
            lambda path: context.load_cert_chain(path, password=lambda: password),
        ),
    ):
        path = options.get(option.lower())
        if path is not None:
            where, fix = f"MongoDB address {masked_address(uri)}", "name another file in POS_MONGO_URI"
            encryption.require_pem(path, option, kind, load, where=where, fix=fix)


def _sentence(error: Exception) -> str:
    """Keep the first sentence of the driver's message; the others are about the driver's own options."""
    return str(error).split(". ")[0].rstrip(".")


def _open(uri: str, *, milliseconds: int) -> Client:
    return MongoClient(
        uri,
        appname="pos-loader",
        timeoutMS=milliseconds,
        serverSelectionTimeoutMS=milliseconds,
        # The driver's monitor notices a silent server after both, and cuts off what waits for it.
        connectTimeoutMS=max(1, milliseconds // 2),
        heartbeatFrequencyMS=min(max(500, milliseconds // 2), 10_000),
        w="majority",
        journal=True,
        wtimeoutMS=milliseconds,  # of the commands that are sent as they are
        readConcernLevel="majority",
        readPreference="primary",
        retryWrites=True,
        retryReads=True,
        tz_aware=False,
        datetime_conversion="DATETIME_AUTO",  # dates outside Python's years, of year 0 say, become DatetimeMS
    )


_FAULTS = (
    (r"SSL|TLS|certificate", "and we agree on no TLS", "check the tls options in POS_MONGO_URI"),
    (
        r"not known|getaddrinfo|nodename|name resolution",
        "is no host that can be found",
        "check the host in POS_MONGO_URI",
    ),
    (
        r"timed out|time limit",
        "stays silent for {seconds:g} s",
        "check that it runs, and that no firewall is in between",
    ),
    (
        r"connection closed|reset by peer",
        "closes the connection",
        "it may demand TLS: add tls=true to POS_MONGO_URI",
    ),
    (
        r"No primary|No replica set members",
        "has no primary",
        "check the members of the replica set, and replicaSet in POS_MONGO_URI",
    ),
    (r"", "does not answer", "start it (pos-sandbox up) or check POS_MONGO_URI"),
)
"""How the driver's words tell the faults of a connection apart, and what to do about each."""


def _no_connection(error: PyMongoError, shown: str, seconds: float) -> ConnectionFailed:
    if isinstance(error, OperationFailure) and not error.timeout:
        return ConnectionFailed(
            f"MongoDB at {shown} refuses us: {reason(error)}",
            fix="check the user, the password and authSource in POS_MONGO_URI",
        )
    what, fix = next((what, fix) for words, what, fix in _FAULTS if re.search(words, str(error)))
    return ConnectionFailed(f"MongoDB at {shown} {what.format(seconds=seconds)}: {reason(error)}", fix=fix)


def topology(client: Client) -> Topology:
    """Find out whether the connection leads to a sharded cluster (mongos), its version and its shards."""
    with translated(client, "read the topology"):
        hello = client.admin.command("hello")
        is_cluster = hello.get("msg") == "isdbgrid"
        version = tuple(client.server_info()["versionArray"][:3])
        shards = _shards(client) if is_cluster else ()
    if is_cluster and version < OLDEST_CLUSTER:
        found = ".".join(map(str, version))
        raise ConnectionFailed(
            f"MongoDB at {hosts(client)} is version {found}", fix="use a sharded cluster of 6.0 or newer"
        )
    return Topology(is_cluster, version, shards, has_transactions=is_cluster or "setName" in hello)


def _shards(client: Client) -> tuple[str, ...]:
    try:
        listed = client.admin.command("listShards")["shards"]
    except OperationFailure as error:
        if error.code == UNAUTHORIZED:
            return ()
        raise
    return tuple(sorted(shard["_id"] for shard in listed))
