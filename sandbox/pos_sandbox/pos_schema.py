"""The five tables of the POS source schema, as the shops have them.

There are no foreign keys and no unique lines: in real shops, parents of orders and lines are unknown or
missing, an order repeats a product, and several cities share one zip. Texts have the lengths of the marts'
columns.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pos_sandbox.values import DATE, INTEGER, MOMENT, MONEY, Kind, text

MARK = "made by pos-sandbox import"
"""The comment of every table that the import makes; it replaces no other tables."""
TEXT = text(512)
CITY = text(256)
SHORT = text(128)
ZIP = text(64)
_SIZE = re.compile(r"(bigint|datetime)\(\d+\)|(varchar)\((?:500|32)\)")
"""Display width, precision and lengths in the types of tables that earlier imports made without a mark."""


@dataclass(frozen=True)
class Column:
    """A column of a source table; a `required` one refuses NULL."""

    name: str
    kind: Kind
    required: bool = False


@dataclass(frozen=True)
class Table:
    """A source table and its CSV file; `unique` names the primary key, `indexed` the other keys."""

    name: str
    columns: tuple[Column, ...]
    unique: str | None = None
    indexed: tuple[str, ...] = ()

    @property
    def file(self) -> str:
        """Return the name of its CSV file."""
        return f"{self.name}.csv"

    def ddl(self, target: str, *, as_text: bool) -> str:
        """Return CREATE TABLE for the quoted name `target`; with `as_text`, all columns are text."""
        if as_text:
            parts = [f"`{column.name}` text" for column in self.columns]
        else:
            parts = [f"`{c.name}` {c.kind.sql}{' NOT NULL' if c.required else ''}" for c in self.columns]
            parts += [f"PRIMARY KEY (`{self.unique}`)"] if self.unique else []
        return (
            f"CREATE TABLE {target} ({', '.join(parts)}) "
            f"ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci COMMENT='{MARK}'"
        )

    def is_ours(self, columns: Sequence[tuple[str, str]]) -> bool:
        """Whether an earlier import made a table with these columns (names and SQL types, in order).

        Earlier versions left no mark, so every name and type must match; the display width and the precision
        of seconds may differ.
        """
        found = [(name, _SIZE.sub(r"\1\2", kind.lower())) for name, kind in columns]
        typed = [(each.name, each.kind.sql.partition("(")[0]) for each in self.columns]
        typed = [(name, "decimal(19,4)" if kind == "decimal" else kind) for name, kind in typed]
        return found in (typed, [(each.name, "text") for each in self.columns])

    def key_ddl(self, target: str) -> str:
        """Return the ALTER TABLE that adds the other keys; after loading, it is fast. Empty without keys."""
        keys = ", ".join(f"ADD KEY (`{name}`)" for name in self.indexed)
        return f"ALTER TABLE {target} {keys}" if keys else ""


TABLES = (
    Table(
        "product",
        (
            Column("id", INTEGER, required=True),
            Column("name", TEXT),
            Column("currentPrice", MONEY),
            Column("availableQuantity", INTEGER),
        ),
        unique="id",
    ),
    Table("city", (Column("zip", ZIP), Column("city", CITY), Column("state", SHORT)), indexed=("zip",)),
    Table(
        "customer",
        (
            Column("id", INTEGER, required=True),
            *(Column(name, TEXT) for name in ("firstName", "lastName", "email", "address1", "address2")),
            Column("phone", SHORT),
            Column("birthdate", DATE),
            Column("zip", ZIP),
        ),
        unique="id",
        indexed=("zip",),
    ),
    Table(
        "order",
        (
            Column("id", INTEGER, required=True),
            Column("datePlaced", MOMENT),
            Column("dateShipped", MOMENT),
            Column("customer_id", INTEGER),
        ),
        unique="id",
        indexed=("customer_id",),
    ),
    Table(
        "orderline",
        (
            Column("order_id", INTEGER),
            Column("product_id", INTEGER),
            Column("quantity", INTEGER),
        ),
        indexed=("order_id", "product_id"),
    ),
)
