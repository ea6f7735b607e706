"""The copy of one table: rows stream from the shop's snapshot into a new table, and both are compared."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from pos_loader.errors import DataError
from pos_loader.servers.mariadb import Queries, quote
from pos_loader.shop.tables import Table

FETCHED = 2_000
"""Rows that are held at once."""
STATEMENT_BYTES = 1_000_000
"""Size of an INSERT, unless one row is larger. A server takes 16 MB by default."""


@dataclass
class Sum:
    """Counts rows and adds up their digests, as `Table.checksum` does in SQL."""

    rows: int = 0
    digests: int = 0

    def add(self, rows: Sequence[bytes]) -> None:
        """Add rows as the shop's server wrote them."""
        self.rows += len(rows)
        self.digests += sum(map(digest, rows))


def digest(row: bytes) -> int:
    """Return the first 60 bits of a row's MD5, as a number.

    >>> digest(b"('1',NULL)") == int(hashlib.md5(b"('1',NULL)").hexdigest()[:15], 16)
    True
    """
    return int(hashlib.md5(row, usedforsecurity=False).hexdigest()[:15], 16)


def copy(shop: Queries, landing: Queries, table: Table, target: str, advance: Callable[[int], None]) -> int:
    """Fill the empty table `target` (a quoted name) with the rows of the shop's snapshot; return how many.

    Raises `DataError` where a value does not fit, or where the copy is not what the shop's snapshot holds.
    """
    columns = ", ".join(quote(column.name) for column in table.columns)
    source = f"{quote(shop.server.schema)}.{quote(table.found)}"
    head = f"insert into {target} ({columns}) values ".encode()  # noqa: S608
    ((expected,),) = shop.rows(f"select count(*) from {source}")  # noqa: S608
    seen = Sum()
    for rows in shop.batches(f"select {table.row} from {source}", FETCHED):  # noqa: S608
        written = [_whole(row, table) for (row,) in rows]
        seen.add(written)
        for part in _parts(written):
            landing.execute(head + b",".join(part))
        advance(len(written))
    ((count, total),) = landing.rows(f"select {table.checksum} from {target}")  # noqa: S608
    if (expected, expected, seen.digests) != (seen.rows, count, int(total)):
        raise DataError(
            f"the copy of {table.found} is not the table: {expected:,} rows in the shop, {seen.rows:,} read, "
            f"{count:,} copied, checksums {seen.digests} and {total}",
            where=f"MariaDB at {landing.server.address}",
            fix="run pos-loader pull again, and report it if it stays so",
        )
    return int(count)


def _whole(row: bytes | bytearray | None, table: Table) -> bytes:
    """Return a row. A server returns NULL in place of a text above its max_allowed_packet."""
    if row is None:
        fix = "raise max_allowed_packet of the shop's server"
        raise DataError("a row is too large to be copied", where=f"table {table.found}", fix=fix)
    return bytes(row)


def _parts(rows: Sequence[bytes]) -> Iterator[list[bytes]]:
    """Divide rows into statements of about `STATEMENT_BYTES`."""
    part: list[bytes] = []
    size = 0
    for row in rows:
        if part and size + len(row) > STATEMENT_BYTES:
            yield part
            part, size = [], 0
        part.append(row)
        size += len(row)
    if part:
        yield part
