"""Which build collections are ours, and for what, so that an interrupted full refresh can continue.

A note is written before its build is made, and removed after its build is gone. So every build of ours has a
note; a collection that only has the name of a build is somebody's, and stays. The note says what the build is
for once the build is laid out in full; without that, no load continues with it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from loader import mongo
from loader.collection import Collection

BUILDS = "pos_loader_builds"


def fingerprint(collection: Collection) -> str:
    """Identify a resolved declaration: 64 hexadecimal digits that change with any part of it."""
    return hashlib.sha256(repr(collection).encode()).hexdigest()


def begin(database: mongo.Database, collection: Collection, build: str) -> None:
    """Note that a build is about to be made."""
    with mongo.translated(database.client, f"note the build {build}"):
        database[BUILDS].replace_one({"_id": build}, {"collection": collection.collection}, upsert=True)


def register(database: mongo.Database, collection: Collection, build: str, *, invocation: str) -> None:
    """Note what a build collection, now laid out, will be filled with; called before its first document."""
    with mongo.translated(database.client, f"note the build {build}"):
        database[BUILDS].replace_one({"_id": build}, _purpose(collection, invocation), upsert=True)


def forget(database: mongo.Database, build: str) -> None:
    """Remove the note of a build that is published or dropped."""
    with mongo.translated(database.client, f"forget the build {build}"):
        database[BUILDS].delete_one({"_id": build})


def noted(database: mongo.Database, collection: Collection, builds: Sequence[str]) -> set[str]:
    """Say which of these builds a load has noted; notes of builds that are gone are removed."""
    mine = {"collection": collection.collection}
    with mongo.translated(database.client, f"look up the builds of {collection.collection}"):
        database[BUILDS].delete_many({**mine, "_id": {"$nin": list(builds)}})
        return {str(each["_id"]) for each in database[BUILDS].find(mine, {"_id": 1})}


def why_not(database: mongo.Database, collection: Collection, build: str, *, invocation: str) -> str:
    """Say why a load cannot go on with `build`; empty if it can."""
    with mongo.translated(database.client, f"look up the build {build}"):
        note = database[BUILDS].find_one({"_id": build})
    if note is None or "fingerprint" not in note:
        return f"{build} was not laid out in full"
    purpose = _purpose(collection, invocation)
    if note["invocation"] != invocation:
        return f"{build} was begun with dbt invocation {note['invocation']}, this is {invocation}"
    if note["fingerprint"] != purpose["fingerprint"]:
        return f"{build} was begun with another declaration"
    return ""


def _purpose(collection: Collection, invocation: str) -> dict[str, Any]:
    return {
        "collection": collection.collection,
        "invocation": invocation,
        "fingerprint": fingerprint(collection),
    }
