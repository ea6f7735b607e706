"""The POS tables as plain Python objects, cleaned without SQL: what the report marts are recomputed from."""

from __future__ import annotations

import csv
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any

Rows = Iterable[tuple[Any, ...]]
UNKNOWN = -1
LEADING_ZERO_STATES = {"AE", "CT", "MA", "ME", "NH", "NJ", "NY", "PR", "RI", "VI", "VT"}


@dataclass(frozen=True)
class Product:
    """A product of the product table."""

    name: str | None
    price: Decimal | None
    stock: int | None


@dataclass(frozen=True)
class Customer:
    """A customer with the place of the postal code."""

    first_name: str | None
    last_name: str | None
    city: str | None
    state: str | None


@dataclass(frozen=True)
class Line:
    """All that one order has of one product; `known` says whether the order exists."""

    order: int
    product: int
    quantity: int
    amount: Decimal
    known: bool
    placed: datetime | None
    customer: int

    @property
    def returned(self) -> int:
        """Units that came back."""
        return max(-self.quantity, 0)

    @property
    def refund(self) -> Decimal:
        """What they cost."""
        return -self.amount if self.quantity < 0 else Decimal(0)


@dataclass(frozen=True)
class Order:
    """An order with its lines."""

    customer: int
    placed: datetime | None
    shipped: datetime | None
    lines: tuple[Line, ...]

    @property
    def total(self) -> Decimal:
        """Sum of the line amounts."""
        return sum((line.amount for line in self.lines), Decimal(0))

    @property
    def units(self) -> int:
        """Units less returns."""
        return sum(line.quantity for line in self.lines)


@dataclass(frozen=True)
class Shop:
    """One data set."""

    products: Mapping[int, Product]
    customers: Mapping[int, Customer]
    orders: Mapping[int, Order]
    lines: tuple[Line, ...]
    tables: Mapping[str, Sequence[tuple[Any, ...]]]
    """The source as it came."""

    @cached_property
    def orders_of(self) -> Mapping[int, list[Order]]:
        """Orders by customer."""
        found: dict[int, list[Order]] = defaultdict(list)
        for order in self.orders.values():
            found[order.customer].append(order)
        return found

    @cached_property
    def dated(self) -> dict[int, Order]:
        """The orders that have a date."""
        return {key: order for key, order in self.orders.items() if order.placed}

    @cached_property
    def last_day(self) -> datetime:
        """Midnight of the newest day."""
        newest = max(order.placed for order in self.dated.values() if order.placed)
        return datetime(newest.year, newest.month, newest.day)


def ratio(numerator: Any, denominator: Any, places: int = 6) -> Decimal | None:
    """An exact quotient rounded half away from zero; None without a denominator."""
    if numerator is None or not denominator:
        return None
    scaled = Fraction(numerator) / Fraction(denominator) * 10**places
    digits = (abs(scaled) * 2 + 1) // 2
    return Decimal(int(digits if scaled >= 0 else -digits)).scaleb(-places)


def share(amount: Decimal, whole: Decimal) -> Decimal | None:
    """The share of an amount; None in a whole that is not positive."""
    return ratio(amount, whole) if whole > 0 else None


def rank(value: Any, ascending: Sequence[Any], *, highest_first: bool = False) -> int:
    """Rank of a value among sorted ones, from 1; equal values share a rank."""
    if highest_first:
        return 1 + len(ascending) - bisect_right(ascending, value)
    return 1 + bisect_left(ascending, value)


def read_csv_tables(folder: Path) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of the five CSV files by table; empty cells are None."""
    tables = {}
    for name in ("product", "city", "customer", "order", "orderline"):
        with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            _, *rows = csv.reader(file)
        tables[name] = [tuple(cell or None for cell in row) for row in rows]
    return tables


def open_shop(tables: Mapping[str, Rows]) -> Shop:
    """Clean and join the tables; columns come in the order of the POS schema."""
    products = {
        int(key): Product(
            text(name), None if price is None else Decimal(price), None if stock is None else int(stock)
        )
        for key, name, price, stock in tables["product"]
    }
    places = Places(tables["city"])
    customers = {
        int(row[0]): Customer(text(row[1]), text(row[2]), *places.find(row[8])) for row in tables["customer"]
    }
    heads = {
        int(key): (
            int(customer) if customer is not None and int(customer) in customers else UNKNOWN,
            moment(placed),
            moment(shipped),
        )
        for key, placed, shipped, customer in tables["order"]
    }
    lines = tuple(_lines(tables["orderline"], products, heads))
    of_order = defaultdict(list)
    for line in lines:
        of_order[line.order].append(line)
    orders = {key: Order(*head, lines=tuple(of_order[key])) for key, head in heads.items()}
    return Shop(products, customers, orders, lines, {name: [*rows] for name, rows in tables.items()})


def _lines(
    rows: Rows,
    products: Mapping[int, Product],
    heads: Mapping[int, tuple[int, datetime | None, datetime | None]],
) -> Iterable[Line]:
    units: dict[tuple[int, int], int] = defaultdict(int)
    for order, product, quantity in rows:
        key = UNKNOWN if order is None else int(order), UNKNOWN if product is None else int(product)
        units[key] += 1 if quantity is None else int(quantity)
    for (order, product), quantity in units.items():
        price = products[product].price if product in products else None
        customer, placed, _ = heads.get(order, (UNKNOWN, None, None))
        amount = quantity * (price or Decimal(0))
        yield Line(order, product, quantity, amount, order in heads, placed, customer)


def text(value: str | None) -> str | None:
    """Text without surrounding white space; blank is None."""
    return (value or "").translate({9: " ", 10: " ", 13: " "}).strip(" ") or None


def moment(value: str | None) -> datetime | None:
    """An ISO date or moment."""
    return None if value is None else datetime.fromisoformat(value)


class Places:
    """Cities by every way to write their postal code: the exact one first, then one without its zeros."""

    def __init__(self, rows: Rows) -> None:
        """Read the rows of the table city: zip, city, state."""
        spellings: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
        for raw_zip, raw_city, raw_state in rows:
            code, city, state = text(raw_zip), text(raw_city), text(raw_state)
            if code is None:
                continue
            code = code.upper()
            state = state.upper() if state and len(state) == 2 else state
            if code.isdigit() and len(code) in (3, 4) and state in LEADING_ZERO_STATES:
                code = code.zfill(5)
            order = state is None, (city or "").encode(), (state or "").encode()
            spellings[code].append((1, *order, city, state))
            short = code.lstrip("0")
            if code.isdigit() and len(code) == 5 and len(short) in (3, 4):
                spellings[short].append((2, *order, city, state))
        self._best = {code: min(found)[-2:] for code, found in spellings.items()}

    def find(self, code: str | None) -> tuple[str | None, str | None]:
        """City and state of a postal code as a customer wrote it."""
        return self._best.get((text(code) or "").upper(), (None, None))
