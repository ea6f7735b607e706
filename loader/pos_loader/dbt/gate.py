"""The dbt gate: only what one dbt invocation built and tested is published.

A collection passes when all of these hold: the artifacts are of one invocation and young enough; MariaDB
holds the build of that invocation, and no other has begun; every upstream node of the exposure succeeded in
it; and every test on those nodes passed. A test that warns passes, and the warning is reported.
Source: https://docs.getdbt.com/reference/artifacts/run-results-json
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pos_loader.collection import Collection
from pos_loader.dbt.identity import short
from pos_loader.dbt.schema import Manifest, Result, RunResults
from pos_loader.dbt.selection import upstream
from pos_loader.load_results import Moment, moment_of
from pos_loader.servers.mariadb import Queries, quote

STAMP_TABLE = "dbt_build_stamp"
SKIPPED, FAILURES = "skipped", ("error", "fail", "runtime error")
SHOWN = 3
"""How many failed nodes a message names."""


@dataclass(frozen=True)
class Stamp:
    """Which invocation built the marts, and of which `moment` of a live shop (none where it is still).

    `state` is "running" during the build and "finished" after it; "moved" where the shop's tables changed
    during the build, to the position `moved_to`.
    """

    invocation: str
    state: str
    moment: Moment | None = None
    moved_to: str = ""


@dataclass(frozen=True)
class Verdict:
    """Whether a collection may be published; `refused` says why not, and is empty if it may."""

    collection: str
    refused: str
    warnings: tuple[str, ...]
    moment: Moment | None = None


def read_stamp(queries: Queries, schema: str) -> Stamp | None:
    """Read the build stamp that the project's hooks write to MariaDB; none where there is none."""
    columns = queries.rows(
        "select lower(column_name) from information_schema.columns "
        "where table_schema = %s and table_name = %s",
        (schema, STAMP_TABLE),
    )
    if not columns:
        return None
    moment = "moment_mode, moment_gtid, moment_at, moved_to"
    if ("moved_to",) not in columns:  # a build of an earlier version
        moment = "null, null, null, null"
    rows = queries.rows(f"select invocation_id, state, {moment} from {quote(schema)}.{STAMP_TABLE}")  # noqa: S608
    if not rows:
        return None
    invocation, state, mode, gtid, at, moved_to = rows[0]
    return Stamp(invocation, state, moment_of(mode, gtid, at), str(moved_to or ""))


def judge(
    collections: Sequence[Collection],
    *,
    manifest: Manifest,
    results: RunResults,
    stamp: Stamp | None,
    max_age: timedelta,
    now: datetime | None = None,
) -> tuple[Verdict, ...]:
    """Judge each collection, in their order."""
    build = _build_fault(manifest, results, stamp, max_age, now or datetime.now(UTC))
    outcomes = {result.unique_id: result for result in results.results}
    verdicts = []
    for collection in collections:
        nodes = upstream(manifest, collection.node)
        tests = _tests_on(manifest, nodes, outcomes)
        fault = build or _unjudged(collection, nodes)
        failed = next(_faults(manifest, [*nodes, *tests], outcomes), "")
        fault = fault or (f"{failed}, in {named(results)}" if failed else "")
        warned = [test for test in tests if test in outcomes and outcomes[test].status == "warn"]
        warnings = tuple(f"{short(test)} warned: {outcomes[test].message or ''}".strip() for test in warned)
        verdicts.append(Verdict(collection.name, fault, warnings, stamp.moment if stamp else None))
    return tuple(verdicts)


def _unjudged(collection: Collection, nodes: Sequence[str]) -> str:
    """Name a level whose model is not upstream, so that the gate does not check it; empty if none."""
    for level in collection.root.walk():
        if level.node not in nodes:
            return f"{level.node} is not upstream of exposure {collection.exposure}"
    return ""


def stamp_fault(stamp: Stamp | None, invocation: str) -> str:
    """Say why MariaDB does not hold the finished build of `invocation`; empty if it does."""
    if stamp is None:
        return f"MariaDB has no {STAMP_TABLE}, so what built the marts is not known"
    if stamp.invocation != invocation:
        return f"MariaDB was built by dbt invocation {stamp.invocation}, the artifacts are of {invocation}"
    if stamp.state == "moved":
        was = stamp.moment.gtid or stamp.moment.at if stamp.moment else "an unknown moment"
        way = f"from {was} to {stamp.moved_to or 'nothing'}"
        return (
            f"the shop moved {way} during dbt invocation {stamp.invocation}: "
            "pull or pause before a build, and leave it so until the build has ended"
        )
    return "" if stamp.state == "finished" else f"dbt invocation {stamp.invocation} is {stamp.state}"


def named(results: RunResults) -> str:
    """Name a dbt invocation by its id and its end."""
    made = _time(results)
    return f"dbt invocation {results.metadata.invocation_id}" + (
        f" of {made:%Y-%m-%d %H:%M:%S} UTC" if made else ""
    )


def failure(results: RunResults) -> str:
    """Name the first nodes of a build that failed; empty if none failed."""
    failed = [result for result in results.results if result.status in FAILURES]
    if not failed:
        return ""
    shown = [
        f"{result.unique_id.partition('.')[0].replace('_', ' ')} {short(result.unique_id)}{_said(result)}"
        for result in failed[:SHOWN]
    ]
    more = f" and {len(failed) - SHOWN} more" if len(failed) > SHOWN else ""
    return f"{named(results)} failed: {', '.join(shown)}{more}"


def _said(outcome: Result) -> str:
    message = " ".join((outcome.message or "").split())[:160]
    return f": {outcome.status}{f' ({message})' if message else ''}"


def _build_fault(
    manifest: Manifest, results: RunResults, stamp: Stamp | None, max_age: timedelta, now: datetime
) -> str:
    ours, theirs = manifest.metadata.invocation_id or "", results.metadata.invocation_id or ""
    if ours != theirs:
        return f"manifest.json is of dbt invocation {ours}, run_results.json of {theirs}"
    made = _time(results)
    if made is None or now - made > max_age:
        hours = max_age.total_seconds() / 3600
        return f"the build is of {made or 'an unknown time'}, older than {hours:g} hours"
    return stamp_fault(stamp, ours)


def _time(results: RunResults) -> datetime | None:
    if not results.metadata.generated_at:
        return None
    made = results.metadata.generated_at
    return made if made.tzinfo else made.replace(tzinfo=UTC)


def _tests_on(manifest: Manifest, nodes: Sequence[str], outcomes: Mapping[str, Result]) -> list[str]:
    """List the tests on the nodes; one that also reads other nodes (a report) counts only if it ran.

    So does a unit test: it says nothing about the data, and most builds leave it out.
    """
    ours, found = set(nodes), []
    for key, node in sorted(manifest.nodes.items()):
        parents = set(node.depends_on.nodes) if node.resource_type == "test" else set()
        ran = key in outcomes and outcomes[key].status != SKIPPED
        if parents & ours and (ran or not any(parent in manifest.nodes for parent in parents - ours)):
            found.append(key)
    return found + [
        key
        for key, test in sorted(manifest.unit_tests.items())
        if ours & set(test.depends_on.nodes) and key in outcomes and outcomes[key].status != SKIPPED
    ]


def _faults(manifest: Manifest, nodes: Sequence[str], outcomes: Mapping[str, Result]) -> Iterator[str]:
    """Say what is wrong with the nodes, in order; those that dbt skipped after another failed come last."""
    for key in sorted(nodes, key=lambda key: key in outcomes and outcomes[key].status == SKIPPED):
        node = manifest.nodes.get(key)
        if node and node.config.materialized == "ephemeral":
            continue
        kind = node.resource_type if node else "unit test"
        outcome = outcomes.get(key)
        if outcome is None:
            yield f"{kind} {short(key)} did not run"
        elif outcome.status not in ("success", "pass", "warn"):
            yield f"{kind} {short(key)}{_said(outcome)}"
