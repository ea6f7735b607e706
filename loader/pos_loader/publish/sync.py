"""Updates a live collection to what MariaDB says, in one transaction.

Only documents whose bytes differ are written, so change streams carry real changes only. Readers see the old
or the new collection, as with a rename. Where the changes are too large for one transaction, the load
publishes by rename instead.
Source: https://www.mongodb.com/docs/manual/core/transactions-production-consideration/
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from bson.raw_bson import RawBSONDocument
from pymongo import ASCENDING, DeleteOne, InsertOne, ReplaceOne
from pymongo.client_session import ClientSession
from pymongo.errors import BulkWriteError, OperationFailure
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from pos_loader import stopping
from pos_loader.collection import Collection, Documents, Reject
from pos_loader.errors import DataError, PartialLoad
from pos_loader.publish.insert import reason
from pos_loader.servers import mongo
from pos_loader.servers.mongo import Handle, translated, write_errors
from pos_loader.verify.every_byte import Comparison, document_id, split
from pos_loader.verify.every_byte import document as whole

OUTLIVED = frozenset({225, 251, 290})
"""The server has ended the transaction: TransactionTooOld, NoSuchTransaction,
TransactionExceededLifetimeLimitSeconds.
Source: https://github.com/mongodb/mongo/blob/v7.0/src/mongo/base/error_codes.yml"""
ATTEMPTS = 3
"""How often the server may end a transaction before it counts as too long."""
MAX_DOCUMENTS = 10_000
MAX_BYTES = 64 * 1024 * 1024

TRANSIENT = "TransientTransactionError"

Request = InsertOne[dict[str, Any]] | ReplaceOne[dict[str, Any]] | DeleteOne


class TransactionRefused(PartialLoad):
    """MongoDB does not accept the changes as one transaction; none of them was written."""


@dataclass
class Changes:
    """The documents to write, as raw BSON, and the `_id`s to delete because they left the source."""

    inserts: list[bytes] = field(default_factory=list)
    replacements: list[bytes] = field(default_factory=list)
    deletes: list[Any] = field(default_factory=list)
    documents: int = 0
    size: int = 0
    """Bytes to write."""
    ambiguous: bool = False
    """Whether an `_id` occurs on two shards, so that it does not identify a document."""

    @property
    def fits(self) -> bool:
        """Whether one transaction can hold the changes. Otherwise the documents themselves are not kept."""
        return self.documents <= MAX_DOCUMENTS and self.size <= MAX_BYTES and not self.ambiguous

    def add(self, other: Changes) -> None:
        """Add another partition's changes. Documents are only kept while they fit, so memory is bounded."""
        self.documents += other.documents
        self.size += other.size
        self.ambiguous |= other.ambiguous
        if self.fits:
            self.inserts += other.inserts
            self.replacements += other.replacements
            self.deletes += other.deletes
        else:
            self.inserts, self.replacements, self.deletes = [], [], []

    def without(self, document: bytes) -> Changes:
        """Give the same changes without one document."""
        return Changes(
            inserts=[raw for raw in self.inserts if raw != document],
            replacements=[raw for raw in self.replacements if raw != document],
            deletes=self.deletes,
            documents=self.documents - 1,
            size=self.size - len(document),
        )


@dataclass(frozen=True)
class Sync:
    """One collection's part of a transaction."""

    handle: Handle
    collection: Collection
    pending: Changes


def changes(documents: Documents, comparison: Comparison) -> Changes:
    """Collect the changes that one partition needs.

    >>> import bson, pyarrow
    >>> new = [bson.encode({"_id": key}) for key in (1, 2, 4)]
    >>> documents = Documents(pyarrow.array([1, 2, 4]), pyarrow.array(new, pyarrow.binary()), {})
    >>> found = changes(documents, Comparison(same=1, missing=(0,), changed=(2,), extra=(5,)))
    >>> found.inserts == [new[0]], found.replacements == [new[2]], found.deletes
    (True, True, [5])
    >>> found.documents, found.size, found.fits
    (3, 28, True)
    """
    found = Changes(documents=comparison.total)
    for position in comparison.missing:
        found.inserts.append(documents.document(position))
    for position in comparison.changed:
        found.replacements.append(documents.document(position))
    found.deletes += comparison.extra
    found.size = sum(map(len, (*found.inserts, *found.replacements)))
    found.ambiguous = comparison.ambiguous
    return found


def require_few_deletes(collection: Collection, *, deletes: int, live: int, share: float) -> None:
    """Raise `DataError` where more than `share` of the `live` documents would be deleted."""
    if live and deletes / live > share:
        raise DataError(
            f"{deletes} of {live} documents of {collection.name} have left the source, "
            f"more than max_delete_share {share:g}",
            where="nothing was written",
            fix="check the source; allow it once with --max-delete-share 1, or declare it",
        )


def apply(
    syncs: Sequence[Sync],
    session: ClientSession,
    *,
    allowed: int = 0,
    record: Callable[[ClientSession | None], None] = lambda _: None,
) -> list[Reject]:
    """Write all changes in one transaction of `session`, and read them back before it commits.

    `record` is called within the transaction to write the final records. Without changes it is called outside
    of any transaction. Deletes come first, so that a document may take over a unique value of a deleted one.

    After a transient error the whole transaction is tried again. When the server refuses a document, the
    transaction ends, and the next attempt leaves that document out, up to `allowed` of them. Returns the
    refused documents; if they are more than `allowed`, nothing was written.

    Raises `DataError` if the documents read back differ, and `TransactionRefused` if the transaction takes
    too long: nothing was written then. Raises `ConnectionFailed` if MongoDB stays unreachable: then either
    all changes were written, or none.
    """
    refused: list[Reject] = []
    syncs = [sync for sync in syncs if sync.pending.documents]
    while syncs and len(refused) <= allowed:
        reject = _try(syncs, session, record)
        if reject is None:
            return refused
        refused.append(reject)
        syncs = [_without(sync, reject) for sync in syncs]
        syncs = [sync for sync in syncs if sync.pending.documents]
    if len(refused) <= allowed:
        record(None)
    return refused


def _without(sync: Sync, reject: Reject) -> Sync:
    if sync.collection.name != reject.collection:
        return sync
    return replace(sync, pending=sync.pending.without(reject.document))


def _try(
    syncs: Sequence[Sync], session: ClientSession, record: Callable[[ClientSession | None], None]
) -> Reject | None:
    """Try the transaction. Returns the document that the server refused, None where all was written."""
    requests: list[Request] = []
    current = syncs[0]
    ended = 0

    def write(session: ClientSession) -> None:
        nonlocal current, ended
        try:
            attempt(session)
        except OperationFailure as error:
            ended += _outlived(error)
            if ended >= ATTEMPTS or (_outlived(error) and not error.has_error_label(TRANSIENT)):
                raise _Outlived(mongo.reason(error)) from error
            raise

    def attempt(session: ClientSession) -> None:
        nonlocal current
        for current in syncs:
            for batch in _requests(current, session):
                stopping.check()
                requests[:] = batch
                if batch:
                    # In any order, mongos sends each shard its part in one piece, not in single documents.
                    current.handle.bulk_write(batch, ordered=False, session=session)
            _require_written(current.handle, current.pending, session)
        record(session)

    client = current.handle.database.client
    names = ", ".join(sync.handle.full_name for sync in syncs)
    doing = f"write the changes of {names}"

    def transaction() -> None:
        session.with_transaction(
            write, read_concern=ReadConcern("snapshot"), write_concern=WriteConcern("majority", j=True)
        )

    with translated(client, doing, is_work=True):
        try:
            # An interrupted load waits for its end, so that the transaction never outlives the lease.
            mongo.working(current.handle, doing, transaction, abandon=None)
        except _Outlived as error:
            raise _refused(syncs, str(error)) from None
        except BulkWriteError as error:
            refused = next((failed for failed in write_errors(error) if "index" in failed), None)
            document = getattr(requests[refused["index"]], "_doc", None) if refused else None
            if refused is None or not isinstance(document, RawBSONDocument):
                raise
            raw = bytes(document.raw)
            name = current.collection.name
            return Reject(name, document_id(raw), refused["code"], reason(refused), raw)
        except OperationFailure as error:
            if not error.has_error_label(TRANSIENT) and not _outlived(error):
                raise
            raise _refused(syncs, mongo.reason(error)) from None
    return None


class _Outlived(Exception):
    """The server has ended the transaction too often."""


def _outlived(error: OperationFailure) -> bool:
    """Whether the server has ended the transaction, as it does after a time limit."""
    codes = {error.code}
    if isinstance(error, BulkWriteError):
        codes |= {failed.get("code") for failed in write_errors(error)}
    return not codes.isdisjoint(OUTLIVED)


def _refused(syncs: Sequence[Sync], why: str) -> TransactionRefused:
    names = ", ".join(sync.handle.full_name for sync in syncs)
    return TransactionRefused(
        f"MongoDB did not accept the changes of {names} as one transaction: {why}",
        where=f"{sum(sync.pending.documents for sync in syncs):,} documents",
        fix="none of them was written; run again, or with --full-refresh",
    )


def _requests(sync: Sync, session: ClientSession) -> tuple[list[Request], ...]:
    """Give the requests in the order of writing: deletes, replacements, inserts.

    A document whose shard key changes is deleted and inserted. Every old document is identified by its `_id`
    and its whole current shard key.
    """
    pending = sync.pending
    paths = [path for path, _ in sync.collection.shard_key if path != "_id"]
    stale = [*map(document_id, pending.replacements), *pending.deletes]
    keys = _shard_keys(sync.handle, paths, stale, session) if paths else {}
    deletes: list[Request] = [
        DeleteOne({"_id": key, **keys.get(_hashable(key), {})}) for key in pending.deletes
    ]
    replacements: list[Request] = []
    inserts: list[Request] = [InsertOne(whole(raw)) for raw in pending.inserts]  # type: ignore[arg-type]
    for raw in pending.replacements:
        document, key = whole(raw), document_id(raw)
        old = {"_id": key, **keys.get(_hashable(key), {})}
        if all(_at(document, path) == old.get(path) for path in paths):
            replacements.append(ReplaceOne(old, document))
        else:
            deletes.append(DeleteOne(old))
            inserts.append(InsertOne(document))  # type: ignore[arg-type]
    return deletes, replacements, inserts


def _shard_keys(
    handle: Handle, paths: Sequence[str], ids: Sequence[Any], session: ClientSession
) -> Mapping[str, dict[str, Any]]:
    fields = dict.fromkeys(["_id", *(path for path in paths if not path.startswith("_id."))], 1)
    found = handle.find({"_id": {"$in": list(ids)}}, fields, session=session)
    return {_hashable(old["_id"]): {path: _at(old, path) for path in paths} for old in found}


def _at(document: Mapping[str, Any], path: str) -> Any:
    head, _, rest = path.partition(".")
    value = document.get(head)
    return _at(value, rest) if rest and isinstance(value, Mapping) else value


def _hashable(key: Any) -> str:
    return f"{type(key).__name__} {key!r}"


def _require_written(handle: Handle, pending: Changes, session: ClientSession) -> None:
    written = [*pending.inserts, *pending.replacements]
    expected = {_hashable(document_id(raw)): raw for raw in written}
    ids = [*map(document_id, written), *pending.deletes]
    batches = handle.find_raw_batches({"_id": {"$in": ids}}, sort=[("_id", ASCENDING)], session=session)
    found = [raw for batch in batches for raw in split(cast(bytes, batch))]
    same = sum(raw == expected.get(_hashable(document_id(raw))) for raw in found)
    if same != len(expected) or len(found) != same:
        raise DataError(
            f"{len(expected) - same} documents of {handle.full_name} do not verify",
            where="read back within the transaction",
            fix="nothing was written; run again",
        )
