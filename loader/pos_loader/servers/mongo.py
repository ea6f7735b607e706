"""The MongoDB connection: how it opens, what topology it leads to, and which faults are worth a retry.

All handles write with majority and journal, and read with majority. So whatever a step has written or read
still holds after the primary changes.
"""

from __future__ import annotations

import re
import ssl
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

import tenacity
from bson.errors import BSONError
from pymongo import MongoClient
from pymongo.collection import Collection as MongoCollection
from pymongo.database import Database as MongoDatabase
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    ConfigurationError,
    ConnectionFailure,
    InvalidURI,
    OperationFailure,
    PyMongoError,
)

from pos_loader import stopping
from pos_loader.errors import ConnectionFailed, DataError, LoaderError, SpecError
from pos_loader.masking import masked, masked_address

Client = MongoClient[dict[str, Any]]
Database = MongoDatabase[dict[str, Any]]
Handle = MongoCollection[dict[str, Any]]

MAX_DOCUMENT_BYTES = 16 * 1024 * 1024
"""Source: https://www.mongodb.com/docs/manual/reference/limits/"""
WRITE_CONCERN_SECONDS = 60
LONGEST_REASON = 1000
"""How many characters of a server's message are shown."""
OLDEST_CLUSTER = (6, 0)

UNAUTHORIZED, AUTHENTICATION_FAILED = 13, 18
DATABASE_DIFFERS_IN_CASE = 13297

# Codes of conditions that pass without help: elections, shutdowns, network faults, locks of the balancer or
# of another DDL, stale routing, cursors lost with a primary or by a rename.
# Source: https://github.com/mongodb/mongo/blob/v7.0/src/mongo/base/error_codes.yml
TRANSIENT_CODES = frozenset(
    {6, 7, 24, 43, 46, 63, 64, 89, 91, 112, 117, 133, 134, 175, 189, 234, 237, 249, 262}
    | {9001, 10107, 11600, 11602, 13388, 13435, 13436}
)
TRANSIENT_LABELS = ("RetryableWriteError", "TransientTransactionError", "RetryableError")


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
    """A connection string, and how many seconds to wait for a server."""

    uri: str = field(repr=False)
    timeout: float


def reopened(address: Address, database: str, collection: str) -> Handle:
    """Give the handle of a collection in a worker process, which opens a connection of its own."""
    return _client(address)[database][collection]


@lru_cache(maxsize=1)
def _client(address: Address) -> Client:
    """Give the one connection that all tasks of a worker process share."""
    return connect(address.uri, timeout=address.timeout)


def connect(uri: str, *, timeout: float = 5.0) -> Client:
    """Open a connection and prove that it works.

    `timeout` bounds how many seconds the driver may take to find and reach a server. Raises SpecError for a
    malformed address, ConnectionFailed for a server that is unreachable or refuses the user. Both messages
    show the address masked.
    """
    shown = masked_address(uri)
    _require_usable_files(uri)
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
        client.admin.command("ping")
    except PyMongoError as error:
        client.close()
        raise _no_connection(error, shown) from None
    return client


def _require_usable_files(uri: str) -> None:
    """Raise `SpecError` where the address names a certificate file that cannot be used, and say why.

    Without this check the driver raises whatever Python's `ssl` raises, and OpenSSL asks the terminal for a
    missing password.
    """
    options = {
        name.lower(): unquote_plus(value)
        for name, _, value in (part.partition("=") for part in re.split("[&;]", uri.partition("?")[2]))
    }
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
        if path is None:
            continue
        try:
            Path(path).read_bytes()
            load(path)
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else ""
            if isinstance(error, ssl.SSLError) or not why:
                why = f"it is not a PEM file of {kind}"
            raise SpecError(
                f"{option} {path} cannot be used: {why}",
                where=f"MongoDB address {masked_address(uri)}",
                fix="name another file in POS_MONGO_URI",
            ) from None


def _sentence(error: Exception) -> str:
    """Keep the first sentence of the driver's message; the others are about the driver's own options."""
    return str(error).split(". ")[0].rstrip(".")


def _open(uri: str, *, milliseconds: int) -> Client:
    return MongoClient(
        uri,
        appname="pos-loader",
        serverSelectionTimeoutMS=milliseconds,
        connectTimeoutMS=milliseconds,
        w="majority",
        journal=True,
        wtimeoutMS=WRITE_CONCERN_SECONDS * 1000,
        readConcernLevel="majority",
        readPreference="primary",
        retryWrites=True,
        retryReads=True,
        tz_aware=False,
        datetime_conversion="DATETIME_AUTO",  # dates outside Python's years, of year 0 say, become DatetimeMS
    )


def _no_connection(error: PyMongoError, shown: str) -> ConnectionFailed:
    if isinstance(error, OperationFailure):
        return ConnectionFailed(
            f"MongoDB at {shown} refuses us: {reason(error)}",
            fix="check the user, the password and authSource in POS_MONGO_URI",
        )
    return ConnectionFailed(
        f"MongoDB at {shown} does not answer: {reason(error)}",
        fix="start it (pos-sandbox up) or check POS_MONGO_URI",
    )


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


def hosts(client: Client) -> str:
    """Name the servers a client knows, `host:port, host:port`, without user and password."""
    return ", ".join(f"{host}:{port}" for host, port in client.topology_description.server_descriptions())


def reason(error: PyMongoError) -> str:
    """Give the server's or the driver's message on one line, without the reply and topology it appends."""
    text = str(error)
    if isinstance(error, BulkWriteError) and write_errors(error):
        text = write_errors(error)[0]["errmsg"]
    elif isinstance(error, OperationFailure) and error.details:
        text = error.details.get("errmsg") or error.details.get("codeName") or text
    return shortened(text)


def shortened(text: str) -> str:
    """Put a server's message on one line, without the replies, timeouts and signed commands it quotes."""
    short = re.split(r" \(configured timeouts|, Timeout: |, full error: ", text)[0]
    if re.search(r"\blsid\b|\$clusterTime|\bsignature\b", short):
        short = re.sub(r"\{.*", "{...}", short, flags=re.DOTALL)
    return masked(" ".join(short.split()).rstrip("."))[:LONGEST_REASON]


def require_published(database: Database, collection: str) -> None:
    """Raise `DataError` where the collection does not exist; an aggregation would just return nothing."""
    if not database.list_collection_names(filter={"name": collection}):
        name = f"{database.name}.{collection}"
        raise DataError(
            f"collection {name} is not published",
            where=f"MongoDB at {hosts(database.client)}",
            fix="run pos-loader load",
        )


def write_errors(error: BulkWriteError) -> list[dict[str, Any]]:
    """List the errors of a bulk write: those of single documents, then those of the write concern."""
    details = error.details or {}
    return [*details.get("writeErrors", ()), *details.get("writeConcernErrors", ())]


def create_indexes(handle: Handle, indexes: Sequence[Mapping[str, Any]]) -> None:
    """Create indexes, given as listIndexes shows them; those that exist already stay.

    On a collection with documents, MongoDB waits by default until every voting member is ready, so it would
    wait for ever while one is down. A majority is enough. A standalone server knows no `commitQuorum`.
    Source: https://www.mongodb.com/docs/manual/reference/command/createIndexes/#std-label-createIndexes-cmd-commitQuorum
    """
    servers = handle.database.client.topology_description.server_descriptions().values()
    alone = any(server.server_type_name == "Standalone" for server in servers)
    command: dict[str, Any] = {"createIndexes": handle.name, "indexes": [dict(index) for index in indexes]}
    command |= {"writeConcern": handle.write_concern.document}
    handle.database.command(command | ({} if alone else {"commitQuorum": "majority"}))


def is_transient(error: BaseException) -> bool:
    """Whether trying again can help: network faults, elections, locks, write concern timeouts."""
    if isinstance(error, BulkWriteError):
        return any(failed["code"] in TRANSIENT_CODES for failed in write_errors(error))
    if isinstance(error, OperationFailure) and error.code in TRANSIENT_CODES:
        return True
    if isinstance(error, PyMongoError):
        return isinstance(error, AutoReconnect) or any(map(error.has_error_label, TRANSIENT_LABELS))
    return False


def retrying(*, attempts: int = 8, when: Callable[[BaseException], bool] = is_transient) -> tenacity.Retrying:
    """Try again on transient errors, after growing random pauses; the last error is raised unchanged."""
    return tenacity.Retrying(
        retry=tenacity.retry_if_exception(when),
        wait=tenacity.wait_random_exponential(multiplier=0.2, max=10),
        sleep=stopping.pause,
        stop=tenacity.stop_after_attempt(attempts),
        reraise=True,
    )


@contextmanager
def translated(client: Client, doing: str, *, fix: str = "") -> Iterator[None]:
    """Turn the driver's errors into ours; `doing` completes the message "MongoDB at ... refuses to ..."."""
    try:
        yield
    except OperationFailure as error:
        what = f"MongoDB at {hosts(client)} refuses to {doing}: {reason(error)}"
        if error.code in (UNAUTHORIZED, AUTHENTICATION_FAILED):
            raise ConnectionFailed(what, fix="grant the user this action on the database") from error
        if error.code == DATABASE_DIFFERS_IN_CASE:
            fix = "spell the database as MongoDB does: database in meta.mongo, or POS_MONGO_DATABASE"
            raise SpecError(what, fix=fix) from error
        raise _kind(error)(what, fix=fix or "a rerun is safe") from error
    except ConnectionFailure as error:
        raise ConnectionFailed(
            f"MongoDB at {hosts(client)} stopped answering while we {doing}: {reason(error)}",
            fix="check that it runs; a rerun is safe",
        ) from error
    except (PyMongoError, BSONError) as error:
        what = f"MongoDB's driver cannot {doing}: {shortened(str(error)) or type(error).__name__}"
        raise DataError(what, fix=fix or "check the names and the values it is given") from error


def _kind(error: OperationFailure) -> type[LoaderError]:
    return ConnectionFailed if is_transient(error) else DataError
