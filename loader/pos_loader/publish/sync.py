"""Bringing a live collection to what MariaDB says, in one transaction.

Only documents whose bytes differ are written, so change streams carry real changes only, and a reader sees
the old or the new collection, as with a rename. A difference too large for one transaction is not applied
here: the pipeline then publishes by rename.
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

from pos_loader.collection import Collection, Documents, Reject
from pos_loader.errors import DataError, PartialLoad
from pos_loader.publish.insert import reason
from pos_loader.servers import mongo
from pos_loader.servers.mongo import Handle, translated, write_errors
from pos_loader.verify.every_byte import Comparison, document_id, split
from pos_loader.verify.every_byte import document as whole

OUTLIVED = frozenset({225, 251, 290})
"""TransactionTooOld, NoSuchTransaction, TransactionExceededLifetimeLimitSeconds: the server has ended it.
Source: https://github.com/mongodb/mongo/blob/v7.0/src/mongo/base/error_codes.yml"""
ATTEMPTS = 3
"""How often a transaction may be ended by the server before it counts as too long."""
MAX_DOCUMENTS = 10_000
MAX_BYTES = 64 * 1024 * 1024

TRANSIENT = "TransientTransactionError"

Request = InsertOne[dict[str, Any]] | ReplaceOne[dict[str, Any]] | DeleteOne


class TransactionRefused(PartialLoad):
    """MongoDB does not take the changes as one transaction; nothing of them is written."""


@dataclass
class Changes:
    """What has to be written: whole documents as raw BSON, and the `_id`s that left the source."""

    inserts: list[bytes] = field(default_factory=list)
    replacements: list[bytes] = field(default_factory=list)
    deletes: list[Any] = field(default_factory=list)
    documents: int = 0
    size: int = 0
    """Bytes to write."""
    ambiguous: bool = False
    """An `_id` stands on two shards, so naming a document by it is not safe."""

    @property
    def fits(self) -> bool:
        """Whether one transaction takes them; if not, the documents themselves are not kept."""
        return self.documents <= MAX_DOCUMENTS and self.size <= MAX_BYTES and not self.ambiguous

    def add(self, other: Changes) -> None:
        """Take over another partition's changes, keeping memory bounded."""
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
        """The same changes but for one document."""
        return Changes(
            inserts=[each for each in self.inserts if each != document],
            replacements=[each for each in self.replacements if each != document],
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
    """Collect what one partition needs."""
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
    """Raise `DataError` where more than `share` of the `live` documents would go; nothing was written."""
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
    """Write all changes in one transaction of `session` and read them back before it commits.

    `record` is called within it, to write what else belongs to it; without changes, outside of any.

    Deletes come first, so that a document may take over a unique value of one that goes.

    Retried whole on transient errors. A document the server refuses ends the transaction; up to `allowed` of
    them are left out of the next try. Returns the refused documents: more than `allowed` means that nothing
    was written. Raises `DataError` where what is read back differs, `ConnectionFailed` where MongoDB stays
    away, `TransactionRefused` where the transaction takes too long; nothing is written then.
    """
    refused: list[Reject] = []
    syncs = [each for each in syncs if each.pending.documents]
    while syncs and len(refused) <= allowed:
        reject = _try(syncs, session, record)
        if reject is None:
            return refused
        refused.append(reject)
        syncs = [_without(each, reject) for each in syncs]
        syncs = [each for each in syncs if each.pending.documents]
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
    """Try the transaction; returns the document that the server refused, None when all is written."""
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
            for step in _steps(current, session):
                requests[:] = step
                if step:
                    # Unordered, mongos sends each shard its part at once instead of document by document.
                    current.handle.bulk_write(step, ordered=False, session=session)
            _require_written(current.handle, current.pending, session)
        record(session)

    client = current.handle.database.client
    names = ", ".join(each.handle.full_name for each in syncs)
    with translated(client, f"write the changes of {names}"):
        try:
            session.with_transaction(
                write, read_concern=ReadConcern("snapshot"), write_concern=WriteConcern("majority", j=True)
            )
        except _Outlived as error:
            raise _refused(syncs, str(error)) from None
        except BulkWriteError as error:
            refused = next((each for each in write_errors(error) if "index" in each), None)
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
    """Whether the server has ended the transaction, as it does when it outlives its limit."""
    codes = {error.code}
    if isinstance(error, BulkWriteError):
        codes |= {each.get("code") for each in write_errors(error)}
    return not codes.isdisjoint(OUTLIVED)


def _refused(syncs: Sequence[Sync], why: str) -> TransactionRefused:
    names = ", ".join(each.handle.full_name for each in syncs)
    return TransactionRefused(
        f"MongoDB did not take the changes of {names} as one transaction: {why}",
        where=f"{sum(each.pending.documents for each in syncs):,} documents",
        fix="none of them was written; run again, or with --full-refresh",
    )


def _steps(sync: Sync, session: ClientSession) -> tuple[list[Request], ...]:
    """Deletes, replacements, inserts; a document whose shard key changes is deleted and inserted.

    Each stale document is named by `_id` and its full, present shard key.
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
        place = {"_id": key, **keys.get(_hashable(key), {})}
        if all(_at(document, path) == place.get(path) for path in paths):
            replacements.append(ReplaceOne(place, document))
        else:
            deletes.append(DeleteOne(place))
            inserts.append(InsertOne(document))  # type: ignore[arg-type]
    return deletes, replacements, inserts


def _shard_keys(
    handle: Handle, paths: Sequence[str], ids: Sequence[Any], session: ClientSession
) -> Mapping[str, dict[str, Any]]:
    fields = dict.fromkeys(["_id", *(path for path in paths if not path.startswith("_id."))], 1)
    found = handle.find({"_id": {"$in": list(ids)}}, fields, session=session)
    return {_hashable(each["_id"]): {path: _at(each, path) for path in paths} for each in found}


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
