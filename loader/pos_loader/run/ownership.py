"""Ownership: whether the loader made a live collection, and which of its indexes, validator and options.

The loader owns a collection if a record has its UUID (`records`). Earlier versions kept no records; for their
collections, the audit tables are the proof. Everything else belongs to somebody else. The loader refuses such
a collection until `--adopt` names it. An index or a validator of somebody else stays, and a note names it,
unless the declaration drops it. The loader refuses an index that would delete documents (TTL) or refuse them
(unique).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from bson.binary import Binary
from pymongo.client_session import ClientSession
from pymongo.errors import PyMongoError

from pos_loader.collection import Collection
from pos_loader.declaration.validator import validator
from pos_loader.errors import DataError, LoaderError, PartialLoad, SpecError
from pos_loader.publish import builds, history, layout, live_layout, records, zones
from pos_loader.publish.records import Record, rules_digest
from pos_loader.run.job import Job
from pos_loader.servers import mongo
from pos_loader.servers.mongo import Handle, retrying, translated

NEW, RECORDED, AUDITED, ADOPTED = "", "recorded", "audited", "adopted"
ALL = "all"
ADOPTED_SHARE = 0.1
"""The share of documents that a load may delete from an adopted collection of buckets."""
CARRIED = ("changeStreamPreAndPostImages",)
"""Options that others set with collMod; a rebuilt collection takes them over."""
SERVERS_OWN = frozenset(("v", "ns", "background"))


@dataclass(frozen=True)
class Claim:
    """What the loader owns of a live collection, and what stays as it is.

    `how` says by which proof; it is empty for a new collection. `ours` names the indexes that the loader
    made. Of the others, `kept` has the specifications that stay, `dropped` the names that the declaration
    drops, and `same` the names of those that are as declared already. `rules` is somebody else's validator
    with its level and action. A rebuild takes over the options in `carried`, but not those in `lost`.
    """

    uuid: Binary | None = None
    how: str = NEW
    ours: frozenset[str] = frozenset()
    kept: tuple[Mapping[str, Any], ...] = ()
    dropped: tuple[str, ...] = ()
    same: frozenset[str] = frozenset()
    rules: Mapping[str, Any] = field(default_factory=dict)
    carried: Mapping[str, Any] = field(default_factory=dict)
    lost: tuple[str, ...] = ()
    zones: tuple[zones.Range, ...] = ()
    """Zone ranges of others, which stay."""

    @property
    def kept_names(self) -> tuple[str, ...]:
        """Name the indexes of others that stay."""
        return tuple(spec["name"] for spec in self.kept)


def require_known(job: Job) -> None:
    """Raise `SpecError` where `--adopt` names a collection that is not selected."""
    known = {name for collection in job.collections for name in _names(collection)}
    unknown = [name for name in job.options.adopt if name not in known and name != ALL]
    if unknown:
        raise SpecError(
            f"no collection {unknown[0]}", where="--adopt", fix=f"selected are: {', '.join(sorted(known))}"
        )


def _names(collection: Collection) -> tuple[str, str]:
    return collection.name, collection.exposure


def judge(job: Job, collection: Collection, live: live_layout.Live | None) -> Claim:
    """Say what the loader owns of a live collection.

    Raises `DataError` for a collection that it does not own, and for an index that is in the way.
    """
    if live is None:
        return Claim()
    handle = job.live(collection)
    record = records.find(handle.database, handle.full_name, live.uuid)
    how = RECORDED if record else _other_proof(job, collection, live)
    claim = Claim(uuid=live.uuid, how=how, ours=_ours(collection, live, record, how))
    claim = _with_indexes(claim, handle, collection, live)
    lost = tuple(sorted(set(live.options) - {*layout.RULES, *live_layout.REBUILT, *CARRIED}))
    carried = {name: live.options[name] for name in CARRIED if name in live.options}
    theirs = live.zones if collection.zones is None else ()
    rules = _rules(collection, live, record, how)
    return replace(claim, rules=rules, carried=carried, lost=lost, zones=theirs)


def _other_proof(job: Job, collection: Collection, live: live_layout.Live) -> str:
    handle = job.live(collection)
    known = records.others(handle.database, handle.full_name)
    if not known and _is_audited(job, collection, live):
        return AUDITED
    if {*_names(collection), ALL} & {*job.options.adopt}:
        return ADOPTED
    with translated(job.client, f"count {handle.full_name}"):
        count = handle.estimated_document_count()
    last = next((record.load_id for record in known if record.load_id), "")
    what = f"is not the one that load {last} published" if last else "was not published by this loader"
    raise DataError(
        f"collection {handle.full_name} {what}, and holds {count:,} documents",
        where=f"MongoDB at {mongo.hosts(job.client)}",
        fix=f"publish under another name, or take it over with --adopt {collection.name}",
    )


def _is_audited(job: Job, collection: Collection, live: live_layout.Live) -> bool:
    """Whether an earlier version published it, by the audit tables; it must also look as if it did."""
    entry = history.last_published(job.server, job.live(collection).full_name)
    if entry is None:
        return False
    if entry.uuid:
        return live.uuid is not None and entry.uuid == str(live.uuid.as_uuid())
    ours = validator(collection)["$jsonSchema"]["properties"].get("_id")
    theirs = live.validator.get("$jsonSchema", {})
    return "_id" in theirs.get("required", ()) and theirs.get("properties", {}).get("_id") == ours


def _ours(collection: Collection, live: live_layout.Live, record: Record | None, how: str) -> frozenset[str]:
    if how == AUDITED:
        return frozenset(index.name for index in collection.indexes if index.name in live.indexes)
    made = record.indexes if record else ()
    return frozenset(index.name for index in made if live_layout.is_made(index, live.indexes.get(index.name)))


def _with_indexes(claim: Claim, handle: Handle, collection: Collection, live: live_layout.Live) -> Claim:
    """Sort the indexes of others; raise `DataError` for one that is in the way."""
    declared = {index.name: index for index in collection.indexes}
    kept, dropped, same = [], [], []
    for name, spec in live.indexes.items():
        if name in claim.ours or live_layout.serves_shard_key(spec, live.shard_key):
            continue
        if name in declared and live_layout.is_made(declared[name], spec):
            same.append(name)
        elif name in collection.drop_indexes:
            dropped.append(name)
        else:
            _require_harmless(handle, collection, spec)
            kept.append({key: value for key, value in spec.items() if key not in SERVERS_OWN})
    return replace(claim, kept=tuple(kept), dropped=tuple(dropped), same=frozenset(same))


def _require_harmless(handle: Handle, collection: Collection, spec: Mapping[str, Any]) -> None:
    name = spec["name"]
    where = f"{handle.full_name}, not made by the loader"
    drop = f"drop it, or list it under drop_indexes: [{name}]"
    for index in collection.indexes:
        if index.name == name:
            difference = live_layout.index_differences(index, spec)[0]
            raise DataError(difference, where=where, fix=f"declare another name, {drop}")
        if live_layout.excludes(index, spec):
            raise DataError(
                f"index {name} is in the way of the declared index {index.name}",
                where=where,
                fix=f"declare it as it is, with its name, {drop}",
            )
    harm = _harm(spec)
    if harm:
        raise DataError(f"index {name} {harm}", where=where, fix=f"declare it, {drop}")


def _harm(spec: Mapping[str, Any]) -> str:
    if "expireAfterSeconds" in spec:
        return "would delete documents (expireAfterSeconds)"
    if spec.get("unique") or spec.get("prepareUnique"):
        return "would refuse documents (unique)"
    return ""


def _rules(
    collection: Collection, live: live_layout.Live, record: Record | None, how: str
) -> Mapping[str, Any]:
    """Return the validator of others as collMod takes it; empty if the loader made it, or there is none."""
    if not live.validator or how == AUDITED:
        return {}
    level, action = (str(live.options.get(name, default)) for name, default in layout.RULES.items())
    digest = rules_digest(live.validator, level, action)
    if digest == _digest(collection) or (record and digest in record.validators):
        return {}
    return {"validator": live.validator, "validationLevel": level, "validationAction": action}


def _digest(collection: Collection) -> str:
    return rules_digest(validator(collection), *layout.RULES.values())


def pending(
    collection: Collection, live: live_layout.Live, claim: Claim, *, is_cluster: bool
) -> live_layout.Changes:
    """Return how a live layout differs from the declared one, leaving out what belongs to others."""
    found = live_layout.changes(collection, live, is_cluster=is_cluster)
    return replace(
        found,
        drop=tuple(name for name in found.drop if name not in claim.kept_names),
        validator=found.validator and not claim.rules,
    )


def notes(claim: Claim, changes: live_layout.Changes, *, is_rebuilt: bool) -> Iterator[str]:
    """Say what is taken over, what stays, and what is dropped or set."""
    yield from remarks(claim, changes, is_rebuilt=is_rebuilt)
    for name in changes.drop:
        yield f"index {name} is dropped"
    if changes.validator:
        yield "the validator is set as declared"
    if changes.zones and not is_rebuilt:
        yield "the zones are set as declared; the balancer moves the chunks"


def remarks(claim: Claim, changes: live_layout.Changes, *, is_rebuilt: bool) -> Iterator[str]:
    """Say what is taken over and what stays."""
    if claim.how == ADOPTED:
        yield "adopted: the loader did not publish this collection"
    if claim.how == AUDITED:
        yield "recognised by the audit tables as published by an earlier version"
    for name in claim.kept_names:
        yield f"index {name} is not the loader's and stays"
    if claim.rules:
        yield "the validator is not the loader's and stays"
    yield from (f"{each} is not declared and stays" for each in claim.zones)
    if is_rebuilt:
        yield from (f"{change}: rebuilt as declared" for change in changes.rebuild)
        yield from (f"option {name} of the collection goes with the rebuild" for name in claim.lost)


def record_of(job: Job, collection: Collection, claim: Claim, uuid: Binary) -> Record:
    """Return the record of a collection that this load publishes."""
    return Record(
        uuid=uuid,
        namespace=job.live(collection).full_name,
        load_id=job.load_id,
        invocation=job.invocation,
        declaration=builds.fingerprint(collection),
        indexes=tuple(index for index in collection.indexes if index.name not in claim.same),
        validators=() if claim.rules else (_digest(collection),),
    )


def intend(job: Job, collection: Collection, claim: Claim) -> None:
    """Record that the loader owns the live collection, and what it is about to make there.

    Raises as `require_unreplaced` does.
    """
    require_unreplaced(job, collection, claim)
    if claim.uuid is not None:
        record = record_of(job, collection, claim, claim.uuid)
        records.intend(job.database(collection), record)
        records.forget_gone(job.database(collection), record.namespace)


def settle(
    job: Job, claims: Sequence[tuple[Collection, Claim]], session: ClientSession | None = None
) -> None:
    """Record what a sync has published, within the transaction of `session` if there is one."""
    for collection, claim in claims:
        if claim.uuid is not None:
            record = record_of(job, collection, claim, claim.uuid)
            records.settle(job.database(collection), record, session)


def require_unreplaced(job: Job, collection: Collection, claim: Claim) -> None:
    """Raise `PartialLoad` where the live collection is no longer the one that was judged."""
    handle = job.live(collection)
    if builds.uuid_of(handle.database, handle.name) != claim.uuid:
        raise PartialLoad(
            f"another program {'replaced' if claim.uuid else 'made'} {handle.full_name} during the load",
            where=f"MongoDB at {mongo.hosts(job.client)}",
            fix="nothing was published; run again",
        )


def rename(job: Job, collection: Collection, claim: Claim, build: str) -> None:
    """Record a verified build as published, and rename it over the live collection."""
    database, handle = job.database(collection), job.live(collection)
    uuid = builds.uuid_of(database, build)
    intend(job, collection, claim)
    if uuid is not None:
        records.settle(database, record_of(job, collection, claim, uuid))
    _rename(job, handle, build)
    if uuid is not None:
        records.forget_gone(database, handle.full_name)


def _rename(job: Job, handle: Handle, build: str) -> None:
    """Rename; MongoDB refuses a target that has zone ranges, so they go first, and come back if it fails."""
    with translated(job.client, f"read the zones of {handle.full_name}"):
        there = zones.live(handle) if job.topology.is_cluster else ()
    if there:
        zones.amend(handle, ())
    try:
        builds.rename(job.client, handle.database.name, build, handle.name)
    except LoaderError:
        if there:
            with suppress(LoaderError):  # the user needs to see why the rename failed
                zones.amend(handle, there)
        raise


def drop(job: Job, collection: Collection, build: str) -> None:
    """Drop a build of the loader, its note and its record."""
    database = job.database(collection)
    builds.drop(database, build)
    builds.forget(database, build)
    records.forget_gone(database, job.live(collection).full_name)


def carry(handle: Handle, claim: Claim) -> None:
    """Give a filled build the indexes, the validator and the options of others.

    Raises `DataError` where an index cannot be built on the documents, or they do not pass the validator.
    """
    with translated(handle.database.client, f"list the indexes of {handle.full_name}"):
        there = [dict(index) for index in retrying()(lambda: list(handle.list_indexes()))]
    for spec in claim.kept:
        if not any(_equal(spec, other) for other in there):
            _build(handle, spec)
    if claim.rules:
        _require_passing(handle, claim.rules["validator"])
    changes = {**claim.rules, **claim.carried}
    if changes:
        with translated(handle.database.client, f"change the options of {handle.full_name}"):
            retrying()(lambda: handle.database.command("collMod", handle.name, **changes))


def _equal(spec: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    ignored = SERVERS_OWN | {"name"}
    one, two = ({k: v for k, v in each.items() if k not in ignored} for each in (spec, other))
    return one == two and list(one["key"]) == list(two["key"])


def _build(handle: Handle, spec: Mapping[str, Any]) -> None:
    try:
        with translated(handle.database.client, f"index {handle.full_name}", is_work=True):
            retrying()(mongo.create_indexes, handle, [spec])
    except DataError as error:
        raise DataError(
            f"index {spec['name']}, not made by the loader, cannot be built: {_cause(error)}",
            where=handle.full_name,
            fix=f"nothing was published; drop it, or list it under drop_indexes: [{spec['name']}]",
        ) from None


def _cause(error: DataError) -> str:
    cause = error.__cause__
    return mongo.reason(cause) if isinstance(cause, PyMongoError) else error.what


def _require_passing(handle: Handle, rules: Mapping[str, Any]) -> None:
    doing = f"hold {handle.full_name} against its validator"

    def find() -> Any:
        return mongo.working(handle, doing, lambda: handle.find_one({"$nor": [rules]}, {"_id": 1}))

    with translated(handle.database.client, doing, is_work=True):
        failing = retrying()(find)
    if failing is not None:
        raise DataError(
            f"a document does not pass the validator, which the loader did not make: _id {failing['_id']!r}",
            where=handle.full_name,
            fix="nothing was published; change the mart, or remove the validator (collMod, validator: {})",
        )
