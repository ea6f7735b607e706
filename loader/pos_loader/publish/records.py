"""Records of what the loader has published. Each collection has one, in its own database, under its UUID.

A collection is the loader's while a record has its UUID and its namespace. MongoDB never gives a UUID twice,
and a rename keeps it. The order of writes decides what a killed load leaves behind:

- *Full refresh*: the load writes the record of the build, then renames the build. A kill between the two is
  safe: the old collection still has its record, and the new record belongs to a build that the loader made.
- *Sync*: first `intend` adds the indexes and the validator that are about to be made. Then the transaction
  that writes the documents also writes the final record (`settle`). So every index that was made is recorded.
  One that is recorded but was not made does no harm.

The loader may replace a collection that has no record yet: one that the audit tables show as its own, or one
that `--adopt` names. It writes the record of that collection first, then the record of the build.
The record of a collection that is gone does no harm; `forget_gone` removes it at the next load.

A record may have further fields. Readers ignore fields they do not know, and no write removes them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bson import json_util
from bson.binary import Binary
from pymongo.client_session import ClientSession

from pos_loader.collection import Index
from pos_loader.servers.mongo import Database, retrying, translated

PUBLISHED = "pos_loader_published"


@dataclass(frozen=True)
class Record:
    """One published collection.

    `indexes` are those that the loader made, as declared. `validators` are digests of those that it set: two
    while one replaces another. `load_id` and `invocation` are empty until documents are published.
    """

    uuid: Binary
    namespace: str
    load_id: str = ""
    invocation: str = ""
    declaration: str = ""
    indexes: tuple[Index, ...] = ()
    validators: tuple[str, ...] = ()
    recorded_at: datetime | None = None


def rules_digest(validator: Mapping[str, Any], level: str, action: str) -> str:
    """Identify a validator, its level and action by 64 hexadecimal digits; the order of keys is ignored."""
    text = json_util.dumps([validator, level, action], json_options=json_util.CANONICAL_JSON_OPTIONS)
    return hashlib.sha256(json.dumps(json.loads(text), sort_keys=True).encode()).hexdigest()


def find(database: Database, namespace: str, uuid: Binary | None) -> Record | None:
    """Read the record of the collection with this UUID; None where the loader did not publish it there."""
    if uuid is None:
        return None
    with translated(database.client, f"look up who published {namespace}"):
        found = retrying()(lambda: database[PUBLISHED].find_one({"_id": uuid, "namespace": namespace}))
    return _record(found) if found else None


def others(database: Database, namespace: str) -> list[Record]:
    """Read all records of a namespace, the newest first."""
    with translated(database.client, f"look up who published {namespace}"):
        found = retrying()(
            lambda: list(database[PUBLISHED].find({"namespace": namespace}, sort=[("recorded_at", -1)]))
        )
    return [_record(record) for record in found]


def intend(database: Database, record: Record) -> None:
    """Add the indexes and validators of `record` to those recorded, before any of them is made."""
    change = {
        "$set": {"namespace": record.namespace},
        "$addToSet": {
            "indexes": {"$each": _spelled(record.indexes)},
            "validators": {"$each": [*record.validators]},
        },
        "$currentDate": {"recorded_at": True},
    }
    with translated(database.client, f"record {record.namespace}"):
        retrying()(lambda: database[PUBLISHED].update_one({"_id": record.uuid}, change, upsert=True))


def settle(database: Database, record: Record, session: ClientSession | None = None) -> None:
    """Record what is published now, within `session`'s transaction where one is given.

    Raises `LoaderError`. Within a transaction it raises the driver's own error, so that the transaction is
    tried again.
    """
    change = {
        "$set": {
            "namespace": record.namespace,
            "load_id": record.load_id,
            "dbt_invocation": record.invocation,
            "declaration": record.declaration,
            "indexes": _spelled(record.indexes),
            "validators": [*record.validators],
        },
        "$currentDate": {"recorded_at": True},
    }
    if session is not None:
        database[PUBLISHED].update_one({"_id": record.uuid}, change, upsert=True, session=session)
        return
    with translated(database.client, f"record {record.namespace}"):
        retrying()(lambda: database[PUBLISHED].update_one({"_id": record.uuid}, change, upsert=True))


def forget_gone(database: Database, namespace: str) -> None:
    """Remove the records of the namespace whose collections are gone; needs the lease.

    A rename that a killed load has sent may still be under way. Its build exists under one of the two names,
    so its record stays.
    """
    with translated(database.client, f"record {namespace}"):
        retrying()(lambda: _forget_gone(database, namespace))


def _forget_gone(database: Database, namespace: str) -> None:
    recorded = {record["_id"] for record in database[PUBLISHED].find({"namespace": namespace}, {"_id": 1})}
    if recorded:
        there = {collection["info"].get("uuid") for collection in database.list_collections()}
        database[PUBLISHED].delete_many({"_id": {"$in": [*(recorded - there)]}})


def _record(found: Mapping[str, Any]) -> Record:
    return Record(
        uuid=found["_id"],
        namespace=found["namespace"],
        load_id=found.get("load_id", ""),
        invocation=found.get("dbt_invocation", ""),
        declaration=found.get("declaration", ""),
        indexes=tuple(_index(index["spec"]) for index in found.get("indexes", ())),
        validators=tuple(found.get("validators", ())),
        recorded_at=found.get("recorded_at"),
    )


def _spelled(indexes: Iterable[Index]) -> list[dict[str, str]]:
    """Write indexes as text: stored fields cannot have names with a filter's `$` or a path's dots."""
    return [
        {"name": index.name, "spec": json.dumps({"keys": index.keys, "options": index.options})}
        for index in indexes
    ]


def _index(spec: str) -> Index:
    found = json.loads(spec)
    return Index(tuple((path, kind) for path, kind in found["keys"]), found["options"])
