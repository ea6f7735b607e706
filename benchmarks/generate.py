"""Make POS data of any size in MariaDB: deterministic, streamed, skewed like sales.

An order has four lines and a customer five orders on average. A few customers and products are heavy
(log-normal), the end of the year is busy, and sales grow over three years. Order ids rise with time, so a
customer's orders are spread over the table, as in a shop. Memory holds one chunk, whatever the size.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import typer

from pos_sandbox.mariadb import CHARSET, COLLATION, connect
from pos_sandbox.pos_schema import TABLES

SEED = 20_240_101
CHUNK = 250_000
"""Rows of one LOAD DATA."""
LINES_PER_ORDER, ORDERS_PER_CUSTOMER, LINES_PER_PRODUCT = 4, 5, 200
FIRST_DAY, DAYS = np.datetime64("2022-01-01T00:00:00"), 3 * 365
SEASON = (0.8, 0.75, 0.85, 0.9, 1.0, 0.95, 0.85, 0.9, 0.95, 1.05, 1.5, 1.9)
"""Sales of each month against the mean."""
UNSHIPPED = 0.03
CITIES = 2_000
STATES = ("TX", "CA", "NY", "FL", "IL", "OH", "GA", "NC", "MI", "WA")
FIRST_NAMES = (
    "Ada",
    "Bo",
    "Chloé",
    "Dmitri",
    "Fatima",
    "Guy",
    "Hana",
    "Inés",
    "Jürgen",
    "Kofi",
    "Mei",
    "Nur",
)
LAST_NAMES = (
    "Abe",
    "Brown",
    "Castro",
    "Dávila",
    "Evans",
    "Fuchs",
    "García",
    "Hughes",
    "Itō",
    "Jensen",
    "Kim",
)
FURNITURE = ("armchair", "bench", "crib", "dresser", "headboard", "ottoman", "sofa", "stool")

Integers = npt.NDArray[np.int64]
Chunks = Iterator[pa.Table]


@dataclass(frozen=True)
class Scale:
    """How much to make; `lines` is the expected number, the actual one is drawn."""

    lines: int

    @property
    def orders(self) -> int:
        """Orders, with ids from 1."""
        return max(1, self.lines // LINES_PER_ORDER)

    @property
    def customers(self) -> int:
        """Customers, with ids from 1."""
        return max(1, self.orders // ORDERS_PER_CUSTOMER)

    @property
    def products(self) -> int:
        """Products, with ids from 1."""
        return max(50, self.lines // LINES_PER_PRODUCT)


def fill(port: int, schema: str, scale: Scale) -> dict[str, int]:
    """Replace the five source tables in `schema` of the MariaDB on loopback; return rows per table."""
    tables: dict[str, Callable[[], Chunks]] = {
        "product": lambda: _products(scale),
        "city": _cities,
        "customer": lambda: _customers(scale),
        "order": lambda: _orders(scale, 1, scale.orders),
        "orderline": lambda: _lines(scale, 1, scale.orders),
    }
    with connect(port=port) as connection:
        cursor = connection.cursor()
        cursor.execute(
            f"create database if not exists `{schema}` character set {CHARSET} collate {COLLATION}"
        )
        rows = {}
        for table in TABLES:
            target = f"`{schema}`.`{table.name}`"
            cursor.execute(f"drop table if exists {target}")
            cursor.execute(table.ddl(target, as_text=False))
            rows[table.name] = _load(cursor, target, tables[table.name]())
            if table.indexed:
                cursor.execute(table.key_ddl(target))
            cursor.execute(f"analyze table {target}")
            cursor.fetchall()
    return rows


def add(port: int, schema: str, scale: Scale, *, share: float) -> dict[str, int]:
    """Add `share` of new orders with their lines to the tables of `fill`; return rows per table."""
    with connect(port=port) as connection:
        cursor = connection.cursor()
        cursor.execute(f"select max(id) from `{schema}`.`order`")
        first = int(cursor.fetchone()[0]) + 1
        last = first + max(1, round(scale.orders * share)) - 1
        return {
            "order": _load(cursor, f"`{schema}`.`order`", _orders(scale, first, last)),
            "orderline": _load(cursor, f"`{schema}`.`orderline`", _lines(scale, first, last)),
        }


def _load(cursor: Any, target: str, chunks: Chunks) -> int:
    count = 0
    options = pa.csv.WriteOptions(include_header=False)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "chunk.csv"
        for chunk in chunks:
            pa.csv.write_csv(chunk, file, options)
            names = [f"@{name}" for name in chunk.column_names]
            values = [f"`{name}` = nullif(@{name}, '')" for name in chunk.column_names]
            cursor.execute(
                f"load data local infile '{file}' into table {target} character set {CHARSET} "
                f"fields terminated by ',' optionally enclosed by '\"' lines terminated by '\\n' "
                f"({', '.join(names)}) set {', '.join(values)}"
            )
            count += chunk.num_rows
    return count


def _random(what: int, chunk: int) -> np.random.Generator:
    """A random stream for each table and chunk, so that no chunk depends on another."""
    return np.random.default_rng((SEED, what, chunk))


def _ranges(first: int, last: int) -> Iterator[tuple[int, Integers]]:
    """Cut ids `first` to `last` at multiples of the chunk."""
    while first <= last:
        chunk = first // CHUNK
        end = min(last, (chunk + 1) * CHUNK - 1)
        yield chunk, np.arange(first, end + 1)
        first = end + 1


def _products(scale: Scale) -> Chunks:
    for chunk, ids in _ranges(1, scale.products):
        random = _random(1, chunk)
        names = [f"{FURNITURE[key % len(FURNITURE)]} no. {key}".capitalize() for key in ids]
        prices = np.exp(random.normal(3.5, 1.0, len(ids))) + 0.99
        yield pa.table(
            {
                "id": ids,
                "name": names,
                "currentPrice": [f"{price:.2f}" for price in prices],
                "availableQuantity": random.integers(0, 500, len(ids)),
            }
        )


def _cities() -> Chunks:
    ids = np.arange(CITIES)
    yield pa.table(
        {
            "zip": [f"{10_000 + key}" for key in ids],
            "city": [f"City {key // 4}" for key in ids],
            "state": [STATES[key // 4 % len(STATES)] for key in ids],
        }
    )


def _customers(scale: Scale) -> Chunks:
    for chunk, ids in _ranges(1, scale.customers):
        random = _random(2, chunk)
        text = pa.array(ids).cast(pa.string())
        first = pa.array(FIRST_NAMES).take(pa.array(random.integers(0, len(FIRST_NAMES), len(ids))))
        last = pa.array(LAST_NAMES).take(pa.array(random.integers(0, len(LAST_NAMES), len(ids))))
        born = np.datetime64("1940-01-01") + random.integers(0, 24_000, len(ids)).astype("timedelta64[D]")
        yield pa.table(
            {
                "id": ids,
                "firstName": first,
                "lastName": last,
                "email": _joined("customer.", text, "@example.com"),
                "address1": _joined(text, " Main Street"),
                "address2": pa.array(np.where(ids % 5 == 0, "Apt. 12", "")),
                "phone": _joined("+1 713 ", text),
                "birthdate": born,
                "zip": pa.array(10_000 + random.integers(0, CITIES, len(ids))).cast(pa.string()),
            }
        )


def _joined(*parts: Any) -> pa.Array:
    return pc.binary_join_element_wise(*parts, "")


def _skewed(random: np.random.Generator, count: int, size: int, *, sigma: float) -> Integers:
    """Draw ids 1 to `count` by log-normal weights; heavy ids are spread over the range."""
    weights = _weights(count, sigma)
    drawn: Integers = np.searchsorted(weights, random.random(size) * weights[-1], side="right") + 1
    return np.minimum(drawn, count)


_cumulated: dict[tuple[int, float], npt.NDArray[np.float64]] = {}


def _weights(count: int, sigma: float) -> npt.NDArray[np.float64]:
    if (count, sigma) not in _cumulated:
        _cumulated[count, sigma] = np.cumsum(np.exp(_random(3, count).normal(0, sigma, count)))
    return _cumulated[count, sigma]


def _placed(scale: Scale, ids: Integers, random: np.random.Generator) -> npt.NDArray[np.datetime64]:
    """Dates that rise with the id, denser in high season and later years; later ids continue at the end."""
    days = FIRST_DAY + np.arange(DAYS).astype("timedelta64[D]")
    months = days.astype("datetime64[M]").astype(int) % 12
    weights = np.array(SEASON)[months] * np.linspace(0.7, 1.3, DAYS)
    ends = np.cumsum(weights) / weights.sum()
    day = np.interp((ids - 1) / scale.orders, np.concatenate(([0.0], ends)), np.arange(DAYS + 1))
    day += np.maximum(0, ids - scale.orders) / scale.orders * DAYS / 1.3
    seconds = np.floor(day).astype(np.int64) * 86_400 + random.integers(8 * 3600, 22 * 3600, len(ids))
    placed: npt.NDArray[np.datetime64] = FIRST_DAY + seconds.astype("timedelta64[s]")
    return placed


def _orders(scale: Scale, first: int, last: int) -> Chunks:
    for chunk, ids in _ranges(first, last):
        random = _random(4, chunk)
        placed = _placed(scale, ids, random)
        shipped = placed + random.integers(3600, 10 * 86_400, len(ids)).astype("timedelta64[s]")
        is_shipped = random.random(len(ids)) >= UNSHIPPED
        yield pa.table(
            {
                "id": ids,
                "datePlaced": pc.strftime(pa.array(placed), "%Y-%m-%d %H:%M:%S"),
                "dateShipped": pc.if_else(
                    pa.array(is_shipped), pc.strftime(pa.array(shipped), "%Y-%m-%d %H:%M:%S"), ""
                ),
                "customer_id": _skewed(random, scale.customers, len(ids), sigma=1.0),
            }
        )


def _lines(scale: Scale, first: int, last: int) -> Chunks:
    for chunk, ids in _ranges(first, last):
        random = _random(5, chunk)
        orders = np.repeat(ids, 1 + random.poisson(LINES_PER_ORDER - 1, len(ids)))
        products = _skewed(random, scale.products, len(orders), sigma=1.2)
        quantity = random.geometric(0.5, len(orders))
        for start in range(0, len(orders), CHUNK):
            part = slice(start, start + CHUNK)
            yield pa.table(
                {"order_id": orders[part], "product_id": products[part], "quantity": quantity[part]}
            )


def main(
    lines: Annotated[int, typer.Option(help="Order lines, about.")] = 2_000_000,
    schema: Annotated[str, typer.Option(help="Schema in MariaDB to make.")] = "bench_pos",
    port: Annotated[
        int, typer.Option(envvar="POS_MARIADB_PORT", help="Port of MariaDB on loopback.")
    ] = 33306,
    more: Annotated[float, typer.Option(help="Add this share of new orders instead.")] = 0.0,
) -> None:
    """Make POS data in MariaDB, or add orders to it."""
    scale = Scale(lines)
    rows = add(port, schema, scale, share=more) if more else fill(port, schema, scale)
    for table, count in rows.items():
        typer.echo(f"{schema}.{table}\t{count:,}")


if __name__ == "__main__":
    typer.run(main)
