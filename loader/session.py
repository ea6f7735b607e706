"""From options and environment to a `Job`: settings, manifest, profile, connection."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from loader import mongo
from loader.artifacts import read_manifest
from loader.pipeline import Job, Progress
from loader.profile import read_profile
from loader.settings import Settings, read_settings
from loader.spec import read_collections


@contextmanager
def open_job(
    *, select: Sequence[str], progress: Progress, allow_empty: bool = False, **options: object
) -> Iterator[tuple[Job, Settings]]:
    """Read what the run needs, connect to MongoDB, and close it afterwards.

    `options` are `Settings` fields; None means not given. Raises `SpecError` before anything is connected,
    `ConnectionFailed` where MongoDB cannot be reached.
    """
    settings = read_settings(**options)
    manifest = read_manifest(settings.artifacts)
    collections = read_collections(manifest, database=settings.mongo_database, select=select)
    server = read_profile(settings.project_dir, profiles_dir=settings.profiles_dir, target=settings.target)
    client = mongo.connect(settings.mongo_uri.get_secret_value(), timeout=settings.mongo_timeout)
    try:
        yield (
            Job(
                collections=collections,
                server=server,
                client=client,
                topology=mongo.topology(client),
                progress=progress,
                invocation=manifest.metadata.invocation_id or "",
                partition_rows=settings.partition_rows,
                workers=settings.workers,
                allow_empty=allow_empty,
            ),
            settings,
        )
    finally:
        client.close()
