"""A build collection's whole life: its name, the note that the loader made it, its rename, its end.

A note is a document in `pos_loader_builds`. It is written before the build is made, and removed after the
build is gone. So every build of the loader has a note. A collection with a build's name but no note belongs
to somebody else, and the loader leaves it. Once a build is fully set up, its note says what the build is for.
No load continues a build whose note does not say this.

One rename publishes a verified build, so readers see all of it or nothing. `renameCollection` with
`dropTarget` works for all pairs, as tried on mongos 7.0.11: sharded over sharded, over unsharded, over
another shard key, and the reverse. The renamed collection keeps its UUID. A retry compares
the UUIDs of target and build: if they are equal, the first attempt succeeded and only its answer was lost.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Any

from bson.binary import Binary

from pos_loader.collection import Collection
from pos_loader.errors import DataError
from pos_loader.servers.mongo import Client, Database, retrying, translated

BUILDS = "pos_loader_builds"
LOAD_ID = r"[0-9a-f]{16}"


def build_name(collection: str, load_id: str) -> str:
    """Name the collection a load builds in: `<collection>__build_<load id>`, with 16 hexadecimal digits."""
    if not re.fullmatch(LOAD_ID, load_id):
        raise ValueError(f"load id {load_id!r} is not of {LOAD_ID}")
    return f"{collection}__build_{load_id}"


def fingerprint(collection: Collection) -> str:
    """Identify a resolved declaration: 64 hexadecimal digits that change with any part of it."""
    return hashlib.sha256(repr(collection).encode()).hexdigest()


def begin(database: Database, collection: Collection, build: str) -> None:
    """Write the note of a build that is about to be made."""
    with translated(database.client, f"note the build {build}"):
        database[BUILDS].replace_one({"_id": build}, {"collection": collection.collection}, upsert=True)


def register(database: Database, collection: Collection, build: str, *, invocation: str) -> None:
    """Note what a build will be filled with. Called once it is fully set up, before its first document."""
    with translated(database.client, f"note the build {build}"):
        database[BUILDS].replace_one({"_id": build}, _purpose(collection, invocation), upsert=True)


def forget(database: Database, build: str) -> None:
    """Remove the note of a build that was published or dropped."""
    with translated(database.client, f"forget the build {build}"):
        database[BUILDS].delete_one({"_id": build})


def noted(database: Database, collection: Collection, builds: Sequence[str]) -> set[str]:
    """Return those of `builds` that have a note. Removes the notes of builds that are gone."""
    mine = {"collection": collection.collection}
    with translated(database.client, f"look up the builds of {collection.collection}"):
        database[BUILDS].delete_many({**mine, "_id": {"$nin": list(builds)}})
        return {str(note["_id"]) for note in database[BUILDS].find(mine, {"_id": 1})}


def why_not(database: Database, collection: Collection, build: str, *, invocation: str) -> str:
    """Say why a load cannot continue with `build`; empty where it can."""
    with translated(database.client, f"look up the build {build}"):
        note = database[BUILDS].find_one({"_id": build})
    if note is None or "fingerprint" not in note:
        return f"{build} was not fully set up"
    purpose = _purpose(collection, invocation)
    if note["invocation"] != invocation:
        return f"{build} was started with dbt invocation {note['invocation']}, this is {invocation}"
    if note["fingerprint"] != purpose["fingerprint"]:
        return f"{build} was started with another declaration"
    return ""


def _purpose(collection: Collection, invocation: str) -> dict[str, Any]:
    return {
        "collection": collection.collection,
        "invocation": invocation,
        "fingerprint": fingerprint(collection),
    }


def rename(client: Client, database: str, build: str, target: str) -> None:
    """Replace `target` by `build` in one step. A repeated attempt changes nothing.

    Open cursors and change streams on the old `target` end. Raises DataError where the server refuses (the
    target is a view) or the build does not exist, ConnectionFailed when MongoDB stays away.
    """
    home = client[database]
    with translated(client, f"rename {database}.{build} to {target}", fix="the published data is untouched"):
        uuid = uuid_of(home, build)
        if uuid is None:
            raise DataError(f"there is no build {database}.{build} to publish", fix="load again")
        for attempt in retrying():
            with attempt:
                if attempt.retry_state.attempt_number == 1 or uuid_of(home, target) != uuid:
                    _rename(client, f"{database}.{build}", f"{database}.{target}")


def _rename(client: Client, source: str, target: str) -> None:
    client.admin.command("renameCollection", source, to=target, dropTarget=True)


def uuid_of(database: Database, name: str) -> Binary | None:
    """Read the UUID of a collection; None where the collection does not exist."""
    with translated(database.client, f"look up {database.name}.{name}"):
        found = retrying()(lambda: next(database.list_collections(filter={"name": name}), None))
    return found["info"].get("uuid") if found else None


def strays(database: Database, collection: str) -> list[str]:
    """List the builds of `collection` that no load has published or dropped, by load id."""
    pattern = f"^{re.escape(collection)}__build_{LOAD_ID}$"
    with translated(database.client, f"list the builds of {database.name}.{collection}"):
        return sorted(database.list_collection_names(filter={"name": {"$regex": pattern}}))


def drop(database: Database, build: str) -> None:
    """Drop one build; it need not exist."""
    with translated(database.client, f"drop {database.name}.{build}"):
        for attempt in retrying():
            with attempt:
                database.drop_collection(build)
