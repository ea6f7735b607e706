"""POS source schemas for tests: the sample as dirty text, and a small typed one."""

import runpy
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from tests.warehouse import PROJECT, Row, Warehouse

GENERATOR = runpy.run_path(str(PROJECT / "seeds" / "generate.py"))
HEADERS: dict[str, tuple[str, ...]] = {
    name.removeprefix("pos_"): header for name, header in GENERATOR["HEADERS"].items()
}


def sample_tables() -> dict[str, list[Row]]:
    """The rows of the seeds by source table."""
    tables: dict[str, list[Row]] = GENERATOR["tables"]()
    return {name.removeprefix("pos_"): rows for name, rows in tables.items()}


def create_source(warehouse: Warehouse, tables: dict[str, list[Row]], *, typed: bool) -> None:
    """Create the schema that `warehouse` reads and fill it; columns are text unless `typed`."""
    schema = warehouse.pos_schema
    warehouse.create_schema(schema)
    for name, header in HEADERS.items():
        columns = ", ".join(f"`{column}` {column_type(column) if typed else 'text'}" for column in header)
        warehouse.query(f"create table `{schema}`.`{name}` ({columns})")
        marks = ", ".join(["%s"] * len(header))
        if tables.get(name):
            warehouse.query(f"insert into `{schema}`.`{name}` values ({marks})", tables[name])


def column_type(column: str) -> str:
    """The type of a column in a well-typed source."""
    if column.endswith("id") or column in {"quantity", "availableQuantity"}:
        return "bigint"
    return {"currentPrice": "decimal(19, 4)", "birthdate": "date"}.get(
        column, "datetime(6)" if column.startswith("date") else "varchar(500)"
    )


def create_text_source(warehouse: Warehouse) -> None:
    """Fill the source with the sample as an old till exports it: text, US formats, blanks, no quantities."""
    sample = sample_tables()
    tables: dict[str, list[Row]] = {
        name: [
            tuple(dirty(column, value, number) for column, value in zip(HEADERS[name], row, strict=True))
            for number, row in enumerate(rows)
        ]
        for name, rows in sample.items()
    }
    tables["orderline"] = list(repeated_lines(sample["orderline"]))
    create_source(warehouse, tables, typed=False)


def repeated_lines(lines: list[Row]) -> Iterator[Row]:
    """Small quantities become repeated rows without a quantity."""
    for number, (order, product, quantity) in enumerate(lines):
        keys = (dirty("id", order, number), dirty("id", product, number + 1))
        if quantity in (1, 2, 3):
            yield from ((*keys, (None, "", " ")[number % 3]) for _ in range(quantity))
        else:
            yield (*keys, dirty("quantity", quantity, number))


def dirty(column: str, value: Any, number: int) -> str | None:
    """Write a value as text in one of several ways, taking turns by row number."""
    if value is None:
        blanks = {"dateShipped": "Cancelled", "datePlaced": "00/00/0000", "birthdate": "0000-00-00"}
        return (None, "", "  ", blanks.get(column, "\t"))[number % 4]
    if column == "currentPrice":
        price = Decimal(value)
        short = price == round(price, 2)
        return (f"${price:,.2f}" if short else f"${price:,.4f}", f" {price:,.4f}0", f"$ {price}")[number % 3]
    if column == "birthdate":
        return us_date(date.fromisoformat(value))
    if column.startswith("date"):
        moment = datetime.fromisoformat(value)
        us_day = us_date(moment)
        return (
            f"{us_day} {moment:%H:%M:%S}",
            f"{us_day} {moment:%I:%M:%S %p}",
            f"{moment:%Y-%m-%dT%H:%M:%SZ}",
            f" {moment:%Y-%m-%d %H:%M:%S.000000}\r",
        )[number % 4]
    if isinstance(value, int):
        return (f"{value}", f"{value:,}", f"{value}.0", f" {value}\r")[number % 4]
    if column == "zip":
        plain = str(value).strip()
        return plain.lstrip("0") if len(plain) == 5 and plain.isdigit() else plain.lower()
    if column == "email":
        return f"{value.upper()} "
    return f"\t{value}\r\n" if number % 2 else str(value)


def us_date(day: date) -> str:
    """Month/day/year without leading zeros."""
    return f"{day.month}/{day.day}/{day.year}"
