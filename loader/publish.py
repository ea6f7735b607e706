"""Publishing a verified build: one rename that readers see as a whole.

`renameCollection` with `dropTarget` holds for every pair seen on mongos 7.0.11: sharded over sharded, over
unsharded, over another shard key, and the reverse. The renamed collection keeps its UUID, which is how a
retry whose first attempt took effect, but whose answer was lost, knows that it is done.
"""

from __future__ import annotations

import re

from bson.binary import Binary

from loader.errors import DataError
from loader.mongo import Client, Database, retrying, translated

LOAD_ID = r"[0-9a-f]{16}"


def build_name(collection: str, load_id: str) -> str:
    """The collection a load builds in: `<collection>__build_<load id>`; the id is 16 hexadecimal digits."""
    if not re.fullmatch(LOAD_ID, load_id):
        raise ValueError(f"load id {load_id!r} is not of {LOAD_ID}")
    return f"{collection}__build_{load_id}"


def rename(client: Client, database: str, build: str, target: str) -> None:
    """Put `build` in the place of `target` in one step; doing it twice is doing it once.

    Open cursors and change streams on the old `target` end. Raises DataError when the server refuses (the
    target is a view) or there is no such build; ConnectionFailed when MongoDB stays away.
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
    """The UUID of a collection; none where there is no such collection."""
    for attempt in retrying():
        with attempt:
            found = next(database.list_collections(filter={"name": name}), None)
    return found["info"].get("uuid") if found else None


def strays(database: Database, collection: str) -> list[str]:
    """Builds of `collection` that no load has published or dropped, oldest load id first."""
    pattern = f"^{re.escape(collection)}__build_{LOAD_ID}$"
    with translated(database.client, f"list the builds of {database.name}.{collection}"):
        return sorted(database.list_collection_names(filter={"name": {"$regex": pattern}}))


def drop(database: Database, build: str) -> None:
    """Drop one build; dropping what is not there is no error."""
    with translated(database.client, f"drop {database.name}.{build}"):
        for attempt in retrying():
            with attempt:
                database.drop_collection(build)
