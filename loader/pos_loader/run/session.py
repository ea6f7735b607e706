"""A session opens a job for a command and closes it: it reads artifacts and profile, and connects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pos_loader.dbt.artifacts import last_run_results, read_manifest, read_run_results
from pos_loader.dbt.gate import failure
from pos_loader.declaration.spec import read_collections
from pos_loader.errors import SpecError
from pos_loader.run import memory
from pos_loader.run.job import Job, Options, Progress
from pos_loader.run.pool import open_pool
from pos_loader.servers import encryption, mongo_client, waiting
from pos_loader.servers.profile import MariaDB, read_profile
from pos_loader.settings import Settings


@contextmanager
def open_job(
    settings: Settings,
    *,
    select: Sequence[str],
    progress: Progress,
    options: Options | None = None,
    state: Path | None = None,
    with_faults: bool = False,
) -> Iterator[Job]:
    """Read what the run needs, connect to MongoDB, and close the connection afterwards.

    Run results are read only where `options` ask for the gate. A faulty declaration is an error; with
    `with_faults`, the job leaves its collection out and names it. Raises `SpecError` before it connects, and
    `ConnectionFailed` where MongoDB cannot be reached.
    """
    memory.keep_pages()
    options = options or Options(gate=False)
    manifest = read_manifest(settings.artifacts)
    results = read_run_results(settings.artifacts) if options.gate else None
    latest = results or last_run_results(settings.artifacts)
    database, faults = settings.mongo_database, dict[str, SpecError]()
    collections = read_collections(
        manifest,
        database=database,
        select=select,
        state=read_manifest(state, fix="name its folder with --state") if state else None,
        faults=faults if with_faults else None,
    )
    declared = read_collections(manifest, database=database, faults={}) if select else collections
    server = read_profile(
        settings.project_dir,
        profiles_dir=settings.profiles_dir,
        target=settings.target,
        note=progress.note,
        timeout=settings.mongo_timeout,
        allow_plain=settings.allow_plain,
    )
    address = mongo_client.Address(
        settings.mongo_uri.get_secret_value(), settings.mongo_timeout, settings.allow_plain
    )
    with (
        waiting.told(progress.note),
        mongo_client.connected(
            address.uri, timeout=address.timeout, allow_plain=address.allow_plain
        ) as client,
        open_pool(
            threads=settings.workers, scheduler=settings.scheduler, processes=settings.dask_workers
        ) as pool,
    ):
        yield Job(
            collections=collections,
            server=server,
            client=client,
            topology=mongo_client.topology(client),
            progress=progress,
            manifest=manifest,
            results=results,
            folder=settings.artifacts,
            partition_rows=settings.partition_rows,
            workers=settings.workers,
            address=address,
            pool=pool,
            options=options,
            declared=declared,
            faults=faults,
            failed_build=failure(latest) if latest else "",
            warnings=_exposed(server, address, progress),
        )


def _exposed(server: MariaDB, address: mongo_client.Address, progress: Progress) -> list[str]:
    """Say which servers POS_ALLOW_PLAIN lets the run reach without TLS that is checked."""
    faults = (
        (f"MariaDB at {server.address}", server.exposed),
        ("MongoDB", encryption.exposed(address.uri)),
    )
    found = [f"{what}: {fault}, which {encryption.ALLOW} allows" for what, fault in faults if fault]
    for warning in found:
        progress.note(f"WARNING: {warning}")
    return found
