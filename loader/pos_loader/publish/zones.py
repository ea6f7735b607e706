"""The zone ranges of a collection in MongoDB: which part of its shard key the shards of a zone hold.

A range belongs to a namespace. `renameCollection` takes the ranges of a build along, but refuses a target
that has ranges itself (tried on 7.0.11). So a full refresh removes them from the live collection just before
the rename. The loader never says which shards are in a zone: that is the cluster's matter, for all programs.

Source: https://www.mongodb.com/docs/manual/reference/command/updateZoneKeyRange/
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import bson
from bson.max_key import MaxKey
from bson.min_key import MinKey

from pos_loader.collection import Collection
from pos_loader.errors import SpecError
from pos_loader.servers.mongo import Client, Handle, hosts, retrying, translated

FIX = "check zones in the declaration; the user needs enableSharding on the cluster"


@dataclass(frozen=True)
class Range:
    """A range of full shard keys, from `lo` up to but not including `hi`, that the shards of a zone hold."""

    zone: str
    lo: Mapping[str, object]
    hi: Mapping[str, object]

    @property
    def identity(self) -> bytes:
        """Return bytes that are equal for equal ranges."""
        return bson.encode({"zone": self.zone, "lo": self.lo, "hi": self.hi})

    def __str__(self) -> str:
        """Spell the range by its first field: `state from 'CA' to 'CA\\x00' in zone west`."""
        (field, lo), hi = next(iter(self.lo.items())), next(iter(self.hi.values()))
        return f"{field} from {_shown(lo)} to {_shown(hi)} in zone {self.zone}"


def _shown(value: object) -> str:
    return repr(value).removesuffix("()")


def declared(collection: Collection) -> tuple[Range, ...]:
    """Return the declared ranges as full shard keys; none where no zones are declared."""
    rest = [path for path, _ in collection.shard_key][1:]
    first = next((path for path, _ in collection.shard_key), "")

    def bound(value: object) -> dict[str, object]:
        filler: object = MaxKey() if isinstance(value, MaxKey) else MinKey()
        return {first: value, **dict.fromkeys(rest, filler)}

    return tuple(Range(each.zone, bound(each.lo), bound(each.hi)) for each in collection.zones or ())


def live(handle: Handle) -> tuple[Range, ...]:
    """Read the ranges of a collection; it need not exist. The caller translates errors."""
    found = handle.database.client["config"]["tags"].find({"ns": handle.full_name}).sort("min", 1)
    return tuple(Range(each["tag"], each["min"], each["max"]) for each in found)


def members(client: Client) -> dict[str, list[str]]:
    """List the shards of each zone, in order of their names. The caller translates errors."""
    found: dict[str, list[str]] = {}
    for shard in client["config"]["shards"].find().sort("_id", 1):
        for zone in shard.get("tags", ()):
            found.setdefault(zone, []).append(shard["_id"])
    return found


def require_shards(client: Client, collection: Collection) -> dict[str, list[str]]:
    """Return the shards of each zone; raise `SpecError` where a declared zone has none."""
    with translated(client, "read the zones of the shards"):
        found = members(client) if collection.zones else {}
    for each in collection.zones or ():
        if each.zone not in found:
            zones = ", ".join(sorted(found)) or "none"
            raise SpecError(
                f"zone {each.zone} has no shard; zones with shards: {zones}",
                where=f"exposure {collection.name}, MongoDB at {hosts(client)}",
                fix=f"add one: sh.addShardToZone(SHARD, {each.zone!r})",
            )
    return found


def amend(handle: Handle, wanted: Sequence[Range]) -> None:
    """Give a collection exactly these ranges. It need not exist; the balancer moves its chunks later.

    Raises `DataError` where the server refuses.
    """
    with translated(handle.database.client, f"set the zones of {handle.full_name}", fix=FIX):
        there = retrying()(lambda: live(handle))
        _update(handle, without(there, wanted), remove=True)
        _update(handle, without(wanted, there), remove=False)


def without(these: Sequence[Range], those: Sequence[Range]) -> list[Range]:
    """Return the ranges of `these` that `those` do not have."""
    known = {each.identity for each in those}
    return [each for each in these if each.identity not in known]


def _update(handle: Handle, ranges: Iterable[Range], *, remove: bool) -> None:
    for each in ranges:
        bounds: dict[str, Any] = {"min": dict(each.lo), "max": dict(each.hi)}
        command = {"updateZoneKeyRange": handle.full_name, **bounds, "zone": None if remove else each.zone}
        retrying()(lambda wanted=command: handle.database.client.admin.command(wanted))
