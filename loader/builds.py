"""Which build collection was made for what, so that an interrupted full refresh can go on.

A note is written when its build is laid out in full and goes before its build does, so there is no note
without a build, and a build without a note is not gone on with.
"""

from __future__ import annotations

import hashlib
from typing import Any

from loader import mongo
from loader.collection import Collection

BUILDS = "pos_loader_builds"


def fingerprint(collection: Collection) -> str:
    """Identify a resolved declaration: 64 hexadecimal digits that change with any part of it."""
    return hashlib.sha256(repr(collection).encode()).hexdigest()


def register(database: mongo.Database, collection: Collection, build: str, *, invocation: str) -> None:
    """Note what a build collection, now laid out, will be filled with; called before its first document."""
    with mongo.translated(database.client, f"note the build {build}"):
        database[BUILDS].replace_one({"_id": build}, _purpose(collection, invocation), upsert=True)


def forget(database: mongo.Database, build: str) -> None:
    """Drop the note of a build that is about to be published or dropped."""
    with mongo.translated(database.client, f"forget the build {build}"):
        database[BUILDS].delete_one({"_id": build})


def why_not(database: mongo.Database, collection: Collection, build: str, *, invocation: str) -> str:
    """Say why a load cannot go on with `build`; empty if it can."""
    with mongo.translated(database.client, f"look up the build {build}"):
        noted = database[BUILDS].find_one({"_id": build})
    if noted is None:
        return f"{build} was not laid out in full"
    purpose = _purpose(collection, invocation)
    if noted["invocation"] != invocation:
        return f"{build} was begun with dbt invocation {noted['invocation']}, this is {invocation}"
    if noted["fingerprint"] != purpose["fingerprint"]:
        return f"{build} was begun with another declaration"
    return ""


def _purpose(collection: Collection, invocation: str) -> dict[str, Any]:
    return {
        "collection": collection.collection,
        "invocation": invocation,
        "fingerprint": fingerprint(collection),
    }
