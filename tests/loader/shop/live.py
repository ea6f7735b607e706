"""A build and a load of a shop while its writer writes, compared with what the writer's log says."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.loader.running import Finished, Loader, connect
from tests.loader.shop.expected import built, differences, documents_of, marts_of
from tests.loader.shop.servers import Server
from tests.loader.shop.writer import PER_SECOND, Tables, Writer, number_of, replayed
from tests.warehouse import Warehouse

BUILDS = [1, pytest.param(int(os.environ.get("POS_TEST_LIVE_BUILDS", "20")), marks=pytest.mark.long)]
"""How many builds a test makes. The long proof builds every mart, not only those of two collections."""
NESTED = ("--select", "+exposure:customer_order_history", "+exposure:product_purchase_details")
BUILDABLE = ("--indirect-selection", "buildable")
SHOP = "live_shop"
MOST_SECONDS, MOST_BESIDE_OTHER_TESTS = 1.0, 10.0
"""Seconds that a transaction of the writer may take: in the long proof, and beside other tests."""


@dataclass(frozen=True)
class Run:
    """What one run found: the moment, and how many transactions were written after it."""

    moment: dict[str, Any]
    missed: int


def environment(server: Server) -> dict[str, str]:
    """The variables that name the shop's server and schema."""
    return {"POS_SHOP_HOST": "127.0.0.1", "POS_SHOP_PORT": str(server.port), "POS_SHOP_SCHEMA": SHOP}


def runs(
    builds: int,
    loader: Loader,
    writer: Writer,
    before: Callable[[], Finished],
    after: Callable[[], object] = lambda: None,
) -> list[Run]:
    """Make builds and loads, each after `before` (a pull or a pause), and compare each row by row."""
    found = []
    for number in range(1, builds + 1):
        writer.until(len(writer.log) + 60)
        moment = before().json["moment"]
        tables = replayed(writer.tables, [*writer.log], number_of(moment["gtid"]))
        loader.warehouse.dbt("build", *(() if builds > 1 else (*NESTED, *BUILDABLE)))
        assert source(loader.warehouse) == rows_of(tables)
        after()
        results = loader.done("load", "--json", "--max-delete-share", "1").json
        compare(loader, tables)
        assert [each["moment"] for each in results["collections"]] == [moment] * 2
        missed = writer.log[-1][0] - number_of(moment["gtid"])
        assert missed > 0, "nothing was written during the build"
        found.append(Run(moment, missed))
        sys.stdout.write(f"run {number}: {moment['gtid']}, {missed} transactions later than the build\n")
    return found


def compare(loader: Loader, tables: Tables) -> None:
    """Compare the marts and the documents with what these tables make."""
    expected = marts_of(tables)
    for name, rows in built(loader.warehouse).items():
        assert rows == expected[name], name
    with connect(loader.mongo_uri) as client:
        assert differences(client[loader.database], documents_of(expected)) == []


def source(warehouse: Warehouse) -> dict[str, list[Any]]:
    """Read the shop's tables where dbt read them."""
    return {
        name: sorted(warehouse.query(f"select * from `{warehouse.pos_schema}`.`{name}`"), key=repr)
        for name in ("product", "city", "customer", "order", "orderline")
    }


def rows_of(tables: Tables) -> dict[str, list[Any]]:
    """The rows of the tables in the form of `source`."""
    plain = {name: [*rows.values()] for name, rows in tables.items()}
    plain["orderline"] = [line for lines in plain["orderline"] for line in lines]
    return {name: sorted(rows, key=repr) for name, rows in plain.items()}


def require_open(writer: Writer, builds: int) -> None:
    """Fail where the shop did not stay open: a transaction waited too long, or few were written."""
    waits = sorted(writer.waits)
    sys.stdout.write(
        f"{len(waits)} transactions, {writer.per_second:.0f} a second, "
        f"half within {waits[len(waits) // 2]:.3f} s, all within {waits[-1]:.3f} s\n"
    )
    assert waits[-1] < (MOST_SECONDS if builds > 1 else MOST_BESIDE_OTHER_TESTS), waits[-5:]
    assert writer.per_second > PER_SECOND / (2 if builds > 1 else 10), "this machine is too slow for the test"
