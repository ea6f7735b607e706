"""A reader that polls collections without pause and accepts only published states."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Collection, Mapping

from pymongo.errors import OperationFailure
from pymongo.read_concern import ReadConcern

from tests.loader.running import Documents, connect

State = tuple[int, str]
"""How many documents there are, and the sum of a hash of each."""

RETRYABLE = {175: "QueryPlanKilled", 246: "SnapshotUnavailable", 43: "CursorNotFound"}
"""Errors that a rename causes in a running query. Source:
https://github.com/mongodb/mongo/blob/v7.0/src/mongo/base/error_codes.yml"""
IN_TRANSACTION = RETRYABLE | {24: "LockTimeout", 13388: "StaleConfig"}
"""Errors that it causes in a transaction; drivers retry them."""

_HASH = {"$toDecimal": {"$toHashedIndexKey": "$$ROOT"}}
_CHECKSUM = [{"$group": {"_id": None, "count": {"$sum": 1}, "sum": {"$sum": _HASH}}}]


def state(database: Documents, name: str) -> State:
    """Read a collection at one point in time, over all shards.

    It reads in a transaction, because a snapshot outside one may show a sync on one shard and not yet on the
    other (docs/publishing.md).
    """
    with (
        database.client.start_session() as session,
        session.start_transaction(read_concern=ReadConcern("snapshot")),
    ):
        rows = list(database[name].aggregate(_CHECKSUM, session=session))
    found = rows[0] if rows else {"count": 0, "sum": 0}
    return int(found["count"]), str(found["sum"])


class Reader:
    """Reads in the background as long as its `with` block lasts.

    `allowed` are the states each collection may be found in. Afterwards `reads` counts the answers, `retried`
    the retryable errors by name, and `faults` holds everything else that was met, at most one of each kind.
    """

    def __init__(self, uri: str, database: str, allowed: Mapping[str, Collection[State]]) -> None:
        self._uri, self._database, self._allowed = uri, database, allowed
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read, name="reader")
        self.reads, self.retried = 0, Counter[str]()
        self.faults: dict[str, str] = {}

    def __enter__(self) -> Reader:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _read(self) -> None:
        with connect(self._uri) as client:
            while not self._stop.is_set():
                for name in self._allowed:
                    self._look(client[self._database], name)

    def _look(self, database: Documents, name: str) -> None:
        allowed = self._allowed[name]
        try:
            found = state(database, name)
        except OperationFailure as error:
            if error.code in IN_TRANSACTION:
                self.retried[IN_TRANSACTION[error.code]] += 1
            else:
                self.faults.setdefault(f"{name}: {error.code}", str(error))
        except Exception as error:
            self.faults.setdefault(f"{name}: {type(error).__name__}", str(error))
        else:
            self.reads += 1
            if found not in allowed:
                self.faults.setdefault(f"{name}: {found}", f"is none of {allowed}")
