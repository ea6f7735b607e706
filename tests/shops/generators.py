"""Small shops of unusual shapes, each the same every time: the rows of the five CSV files by table.

A build takes a while, so features share a shop when they do not hide each other.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pos_sandbox.pos_schema import TABLES

Rows = list[tuple[object, ...]]
Tables = dict[str, Rows]
NESTED = ("customer_order_history", "product_purchase_details")
NAMES = (
    "Zoë Núñez",
    "東京 太郎",
    "عبد الله",
    "Иван",
    "👨‍👩‍👧 Family",
    'O\'Neil "Al"',
    "<b>&amp;</b>",
    "{{ name }}",
    "\u202eright to left",
    "x" * 269,
    "a,b;c|d",
    "=1+1",
)


@dataclass(frozen=True)
class Shape:
    """One shop: its tables, how it is imported, and the variables that its build needs."""

    name: str
    tables: Callable[[], Tables]
    options: Sequence[str] = ()
    variables: Mapping[str, object] | None = None
    held_back: Sequence[str] = ()
    """Collections that a load without --allow-empty does not publish, because a mart of theirs is empty."""
    is_slow: bool = False
    """Whether only `make faults` tries it."""

    def write(self, folder: Path) -> None:
        """Write the five CSV files into a new folder."""
        tables = self.tables()
        folder.mkdir()
        for table in TABLES:
            with (folder / table.file).open("w", encoding="utf-8", newline="") as file:
                writer = csv.writer(file)
                writer.writerow([column.name for column in table.columns])
                writer.writerows(tables.get(table.name, []))


def customer(key: int, name: str = "", code: str = "", birthdate: str = "") -> tuple[object, ...]:
    """A row of customer.csv."""
    return key, name, name, "", "", "", "", birthdate, code


def plain() -> Tables:
    """Five customers, products and orders, from which the shapes are made."""
    return {
        "product": [(key, f"Thing {key}", f"{key}.50", 10 * key) for key in range(1, 6)],
        "city": [(f"7700{key}", f"City {key}", "TX") for key in range(1, 4)],
        "customer": [customer(key, f"Name {key}", f"7700{key}") for key in range(1, 6)],
        "order": [(key, f"2024-0{key}-15 10:00:00", f"2024-0{key}-16", key) for key in range(1, 6)],
        "orderline": [(order, 1 + (order + step) % 5, step) for order in range(1, 6) for step in (1, 2, 3)],
    }


def no_dates() -> Tables:
    """Neither orders nor customers have a date."""
    found = plain()
    found["order"] = [(key, "", "", buyer) for key, _, _, buyer in found["order"]]
    return found


def no_customers() -> Tables:
    """No customer, so that all orders are of unknown ones; no cities; a line without an order or product."""
    found = plain() | {"customer": [], "city": []}
    found["orderline"] += [("", 1, 1), (1, "", 1), (404, 404, 2)]
    return found


def odd_values() -> Tables:
    """Negative prices, names of every script, microseconds, placeholder dates, returns, duplicate names."""
    found = plain()
    found["product"] = [
        (key, name, ("-4.25", "0", "0.0001", "", "1023.99")[key % 5], ("-3", "", "0", "7")[key % 4])
        for key, name in enumerate((*NAMES, NAMES[0]), start=1)
    ]
    found["city"] = [("77001", "東京", "TX"), ("77002", "São Paulo", ""), ("02101", "O'Fallon", "ma")]
    found["customer"] = [
        customer(
            key, name, ("77001", "77002", "2101", "K1A 0B1", "")[key % 5], "1900-01-01" if key % 2 else ""
        )
        for key, name in enumerate((*NAMES, NAMES[0]), start=1)
    ]
    found["order"] = [
        (1, "2024-01-31 10:00:00.123456", "2024-02-01 10:00:00.999999", 1),
        (2, "1900-01-01", "", 2),
        (3, "0024-01-31", "9999-12-31", 3),
        (4, "1970-01-01 00:00:00", "", 4),
        (5, "2024-02-29 23:59:59.999", "2024-02-28", 404),
        (6, "2024-03-01", "", ""),
        (7, "2024-03-02", "", 1),
    ]
    found["orderline"] = [(order, product, order - 3) for order in range(1, 7) for product in range(1, 12)]
    return found


def only(quantity: int, *, customers: int = 5, lines: bool = True) -> Tables:
    """A shop whose lines all have this quantity, with that number of customers, or no lines at all."""
    found = plain()
    found["customer"] = found["customer"][:customers]
    found["orderline"] = [(*line[:2], quantity) for line in found["orderline"]] * lines
    found["order"] = [(key, placed, "", buyer) for key, placed, _, buyer in found["order"]]
    return found


def old_till() -> Tables:
    """Every format that staging reads, as text, and some values that it cannot read."""
    found = plain()
    found["product"] = [
        (" 1 ", "Pen\tred", "$1,023.99", "1,234"),
        ("2.0", "Pen\tred", "$-5", "N/A"),
        ("+3", "", "(5.00)", "--5"),
        ("004", "y" * 600, "1e3", ""),
    ]
    found["customer"] = [customer(1, "A", "2101", "2/29/1924"), customer(2, "B", "z" * 70, "1/31/24")]
    found["order"] = [
        (1, "1/31/2024 4:09 PM", "Cancelled", "1"),
        (2, "2024-01-31T10:00:00.123456Z", "0000-00-00", "2.0"),
        (3, "0/0/0000", "2023-02-29", "N/A"),
        (4, "31.12.2023", "", "1"),
    ]
    found["orderline"] = [
        ("1", "1", ""),
        ("1", "1", " "),
        ("2", "2", "1.5"),
        ("3", "3", "-2"),
        ("4", "9", "12.0"),
    ]
    return found


def one_big_customer() -> Tables:
    """A customer with 601 orders of one month, all free; keys as large as BIGINT; all names are the same."""
    found = plain()
    found["product"] = [(2**63 - 1 - key, "Same", "0", -(2**63)) for key in range(5)]
    found["customer"] = [customer(key, "Same", "99999") for key in range(1, 6)]
    found["order"] = [(2**63 - 1 - key, "2024-02-15 10:00:00", "", 1) for key in range(601)]
    found["orderline"] = [(2**63 - 1 - key, 2**63 - 1 - key % 6, 1) for key in range(601)]
    return found


def nothing_known() -> Tables:
    """Lines of unknown orders only, orders of unknown customers only, four decimals, a customer -1."""
    found = plain()
    found["customer"][0] = customer(-1, "Not unknown", "77001")
    found["product"] = [(key, f"Thing {key}", f"{key}.123{key}", "") for key in range(1, 6)]
    found["order"] = [(key, placed, "", 404) for key, placed, *_ in found["order"]]
    found["orderline"] = [(404, product, units) for _, product, units in found["orderline"]]
    return found


def microseconds() -> Tables:
    """Every order has microseconds."""
    found = plain()
    found["order"] = [(key, f"{placed}.12345{key}", "", buyer) for key, placed, _, buyer in found["order"]]
    return found


MILLISECONDS = {"timestamp_precision": "milliseconds"}
OLD_TILL = MILLISECONDS | {"unreadable_values": "missing", "missing_words": ["N/A"]}
SHAPES = (
    Shape("odd_values", odd_values, variables=MILLISECONDS),
    Shape("old_till", old_till, ("--as-text",), OLD_TILL),
    Shape("no_dates", no_dates),
    Shape("empty", dict, held_back=(*NESTED, "product_sales"), is_slow=True),
    Shape("no_customers", no_customers, held_back=NESTED, is_slow=True),
    Shape("no_lines", lambda: only(1, lines=False), held_back=NESTED, is_slow=True),
    Shape("only_returns", lambda: only(-1), is_slow=True),
    Shape("one_customer", lambda: only(1, customers=1), is_slow=True),
    Shape("one_big_customer", one_big_customer, is_slow=True),
    Shape("nothing_known", nothing_known, (), {"unknown_member": -2}, held_back=NESTED, is_slow=True),
    Shape("microseconds", microseconds, variables=MILLISECONDS, is_slow=True),
)
