"""Calls to MongoDB: how long they may wait, which faults are worth a retry, and what errors say.

A command has the driver's own deadline (timeoutMS), which covers the choice of a server, repeated attempts
and the write concern. Work that may take long has none: while it runs, a linearizable read asks each shard
that it works on. Such a read needs a primary that can write and reach a majority.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any, TypeVar

import pymongo
import tenacity
from bson.errors import BSONError
from pymongo import MongoClient
from pymongo.collection import Collection as MongoCollection
from pymongo.database import Database as MongoDatabase
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    ConnectionFailure,
    OperationFailure,
    PyMongoError,
)
from pymongo.read_concern import ReadConcern

from pos_loader import stopping
from pos_loader.errors import ConnectionFailed, DataError, LoaderError, SpecError
from pos_loader.masking import masked
from pos_loader.servers import waiting

Client = MongoClient[dict[str, Any]]
Database = MongoDatabase[dict[str, Any]]
Handle = MongoCollection[dict[str, Any]]

MAX_DOCUMENT_BYTES = 16 * 1024 * 1024
"""Source: https://www.mongodb.com/docs/manual/reference/limits/"""
LONGEST_REASON = 1000
"""How many characters of a server's message are shown."""

UNAUTHORIZED, AUTHENTICATION_FAILED = 13, 18
_now: ContextVar[tuple[str, float]] = ContextVar("now", default=("", waiting.BOUND_SECONDS))
"""Which server the calls of this block are for, and how many seconds they may wait together."""
Result = TypeVar("Result")
DATABASE_DIFFERS_IN_CASE = 13297

# Codes of conditions that pass without help: elections, shutdowns, network faults, locks of the balancer or
# of another DDL, stale routing, cursors lost with a primary or by a rename.
# Source: https://github.com/mongodb/mongo/blob/v7.0/src/mongo/base/error_codes.yml
TRANSIENT_CODES = frozenset(
    {6, 7, 24, 43, 46, 63, 64, 89, 91, 112, 117, 133, 134, 175, 189, 234, 237, 249, 262}
    | {9001, 10107, 11600, 11602, 13388, 13435, 13436}
)
TRANSIENT_LABELS = ("RetryableWriteError", "TransientTransactionError", "RetryableError")


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
    short = re.split(r" \(configured timeouts|, Timeout: |, full error: |, remaining timeout:", text)[0]
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
    alone = _is_standalone(handle.database.client)
    command: dict[str, Any] = {"createIndexes": handle.name, "indexes": [dict(index) for index in indexes]}
    command |= {"writeConcern": handle.write_concern.document}
    command |= {} if alone else {"commitQuorum": "majority"}
    working(handle, f"index {handle.full_name}", lambda: handle.database.command(command))


def is_transient(error: BaseException) -> bool:
    """Whether trying again can help: network faults, elections, locks, write concern timeouts."""
    if isinstance(error, BulkWriteError):
        return any(failed["code"] in TRANSIENT_CODES for failed in write_errors(error))
    if isinstance(error, OperationFailure) and error.code in TRANSIENT_CODES:
        return True
    if isinstance(error, PyMongoError):
        return isinstance(error, AutoReconnect) or any(map(error.has_error_label, TRANSIENT_LABELS))
    return False


def retrying(*, when: Callable[[BaseException], bool] = is_transient) -> tenacity.Retrying:
    """Try again on transient errors, after growing random pauses; the last error is raised unchanged.

    The attempts end with the block's bound, which for work begins at its first error.
    """
    return tenacity.Retrying(
        retry=tenacity.retry_if_exception(when),
        wait=tenacity.wait_random_exponential(multiplier=0.2, max=2),
        stop=_Until(),
        sleep=stopping.pause,
        reraise=True,
    )


class _Until(tenacity.stop.stop_base):
    """Ends attempts when the next one would begin too late."""

    def __init__(self) -> None:
        self._until: float | None = None

    def __call__(self, retry_state: tenacity.RetryCallState) -> bool:
        """Whether it is enough."""
        now = time.monotonic()
        self._until = self._until or now + waiting.left(*_now.get())
        return now + retry_state.upcoming_sleep > self._until


@contextmanager
def bounded(client: Client, purpose: str, *, since: float | None = None) -> Iterator[None]:
    """Count the block as one wait, and give all its calls together one deadline."""
    name, bound = _server(client)
    with waiting.waiting(name, purpose, bound, since=since) as seconds, pymongo.timeout(seconds):
        token = _now.set((name, seconds))
        try:
            yield
        except PyMongoError as error:
            if error.timeout:
                waiting.give_up(name)
            raise
        finally:
            _now.reset(token)


def _server(client: Client) -> tuple[str, float]:
    return f"MongoDB at {hosts(client)}", client.options.timeout or waiting.BOUND_SECONDS


@contextmanager
def translated(
    client: Client, doing: str, *, fix: str = "", is_work: bool = False, since: float | None = None
) -> Iterator[None]:
    """Turn the driver's errors into ours; `doing` completes the message "MongoDB at ... refuses to ...".

    The block is one wait with one bound, unless it `is_work`: then each of its parts is (`working`).
    """
    token = _now.set(_server(client))
    try:
        with nullcontext() if is_work else bounded(client, doing, since=since):
            yield
    except OperationFailure as error:
        what = f"MongoDB at {hosts(client)} refuses to {doing}: {reason(error)}"
        if error.code in (UNAUTHORIZED, AUTHENTICATION_FAILED):
            raise ConnectionFailed(what, fix="grant the user this action on the database") from error
        if error.code == DATABASE_DIFFERS_IN_CASE:
            fix = "spell the database as MongoDB does: database in meta.mongo, or POS_MONGO_DATABASE"
            raise SpecError(what, fix=fix) from error
        if error.timeout:
            raise _silent(client, doing, error) from error
        raise _kind(error)(what, fix=fix or "a rerun is safe") from error
    except ConnectionFailure as error:
        raise _silent(client, doing, error) from error
    except (PyMongoError, BSONError) as error:
        what = f"MongoDB's driver cannot {doing}: {shortened(str(error)) or type(error).__name__}"
        raise DataError(what, fix=fix or "check the names and the values it is given") from error
    finally:
        _now.reset(token)


def _silent(client: Client, doing: str, error: PyMongoError) -> ConnectionFailed:
    name, bound = _server(client)
    waiting.give_up(name)
    waited = f" for {bound:g} s" if error.timeout else ""
    return ConnectionFailed(
        f"{name} stopped answering{waited} while we {doing}: {reason(error)}",
        fix="check that it runs; a rerun is safe",
    )


def working(
    handle: Handle,
    doing: str,
    work: Callable[[], Result],
    *,
    abandon: Callable[[], None] | None = lambda: None,
) -> Result:
    """Do work on a collection that may take long, as long as each of its shards answers.

    Where one stays silent for the bound, raises `ConnectionFailed`, and leaves the work alone. An interrupted
    run leaves it alone, too, after it has called `abandon`; with none, it waits for the end of the work.
    """
    client = handle.database.client
    alone = _is_standalone(client)
    reader = handle if alone else handle.with_options(read_concern=ReadConcern("linearizable"))

    def unbounded() -> Result:
        with pymongo.timeout(0):
            return work()

    def ask(since: float) -> None:
        with translated(client, doing, since=since):
            retrying()(lambda: reader.find_one({"$nor": [{}]}))  # no document, of every shard

    return waiting.watched(unbounded, ask, doing=f"{doing} (MongoDB at {hosts(client)})", abandon=abandon)


def _is_standalone(client: Client) -> bool:
    servers = client.topology_description.server_descriptions().values()
    return any(server.server_type_name == "Standalone" for server in servers)


def _kind(error: OperationFailure) -> type[LoaderError]:
    return ConnectionFailed if is_transient(error) else DataError
