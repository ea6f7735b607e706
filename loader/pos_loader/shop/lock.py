"""A lock that MariaDB keeps for a session: it ends with the process that holds it, however that ends."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from pos_loader.errors import DataError, LoaderError
from pos_loader.servers.mariadb import Queries


def lock_name(purpose: str, name: str = "") -> str:
    """Name the lock of a purpose on a schema. Short, because a server may cut names at 64 characters.

    The dbt macro shop_moment.sql makes the same name.

    >>> lock_name("pull", "landing")
    'pos_loader.pull.e1b478f09f14bb06'
    """
    digest = hashlib.md5(name.lower().encode(), usedforsecurity=False).hexdigest()[:16]
    return f"pos_loader.{purpose}.{digest}"


@contextmanager
def locked(queries: Queries, name: str, *, busy: str, fix: str) -> Iterator[None]:
    """Hold a lock within a block. Raises `DataError` with `busy` and `fix` where another session holds it."""
    where = f"MariaDB at {queries.server.address}"
    ((taken,),) = queries.rows("select get_lock(%s, 0)", (name,))
    if not taken:
        raise DataError(busy, where=where, fix=fix)
    try:
        yield
    finally:
        with suppress(LoaderError):  # the session's end releases it
            queries.rows("select release_lock(%s)", (name,))
