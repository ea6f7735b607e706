"""The five tables of a shop: how they are declared, and how a row is written as SQL without changing it.

The shop's server writes each row as the text of an INSERT (`row`), and the other server reads it: no value is
converted here. Both compute the same checksum of that text.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pos_loader.errors import SpecError
from pos_loader.servers.mariadb import Queries, quote

NAMES = ("product", "city", "customer", "order", "orderline")
"""The tables that macros/source/pos_columns.sql reads."""
MARK = "made by pos-loader pull"
"""The comment of every table that a pull makes; it replaces no other tables."""
BINARY = {"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"}
SHAPES = {"geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon"}
UNKNOWN = SHAPES | {"geometrycollection", "vector"}
"""Types whose values have no text that MariaDB reads back as they were."""


@dataclass(frozen=True)
class Column:
    """A column as information_schema has it; `characters` is its character set and collation, as SQL."""

    name: str
    kind: str
    declared: str
    characters: str
    nullable: bool

    @property
    def ddl(self) -> str:
        """Declare the column with the same type. A generated column becomes an ordinary one.

        >>> Column("zip", "varchar", "varchar(5)", "character set utf8mb4 collate utf8mb4_bin", True).ddl
        '`zip` varchar(5) character set utf8mb4 collate utf8mb4_bin null'
        """
        parts = (quote(self.name), self.declared, self.characters, "null" if self.nullable else "not null")
        return " ".join(filter(None, parts))

    @property
    def literal(self) -> str:
        """Write the SQL that turns a value into a literal: text in quotes, binary as digits, or NULL.

        A FLOAT is written with the digits of a DOUBLE, because MariaDB shows only six of its own.

        >>> Column("price", "float", "float", "", True).literal
        'quote(cast(`price` as double))'
        """
        name = quote(self.name)
        if self.kind in BINARY:
            return f"coalesce(concat('x''', hex({name}), ''''), 'NULL')"
        if self.kind == "bit":
            return f"coalesce(concat('b''', bin({name} + 0), ''''), 'NULL')"
        text = f"cast({name} as double)" if self.kind == "float" else f"convert({name} using utf8mb4)"
        return f"quote({text})"


@dataclass(frozen=True)
class Table:
    """A table of the shop. `found` is its name there, `name` the one that the dbt project reads."""

    name: str
    found: str
    columns: tuple[Column, ...]
    keys: tuple[str, ...]
    """The primary key and the other keys, as SQL."""

    @property
    def row(self) -> str:
        """Write the SQL that turns a row into `('1','Ann',NULL)`."""
        return f"concat('(', concat_ws(',', {', '.join(column.literal for column in self.columns)}), ')')"

    @property
    def checksum(self) -> str:
        """Write the SQL that counts the rows, and adds up a number made of each row's text (`digest`)."""
        return f"count(*), coalesce(sum(cast(conv(left(md5({self.row}), 15), 16, 10) as decimal(20))), 0)"

    def ddl(self, target: str) -> str:
        """Return the CREATE TABLE for the quoted name `target`, with the primary key only."""
        parts = [column.ddl for column in self.columns]
        parts += [key for key in self.keys if key.startswith("primary")]
        return f"create table {target} ({', '.join(parts)}) engine = innodb comment = '{MARK}'"

    def key_ddl(self, target: str) -> str:
        """Return the ALTER TABLE that adds the other keys; after the rows, it is fast. Empty without keys."""
        others = [f"add {key}" for key in self.keys if not key.startswith("primary")]
        return f"alter table {target} {', '.join(others)}" if others else ""


def describe(queries: Queries) -> tuple[Table, ...]:
    """Describe the five tables of the connection's schema.

    Raises `SpecError` for a table that is missing, is a view, is of an engine other than InnoDB (which keeps
    no snapshot), or has a column of a type that cannot be copied.
    """
    found = {name: _name_of(queries, name) for name in NAMES}
    return tuple(_described(queries, name, there) for name, there in found.items())


def _name_of(queries: Queries, name: str) -> str:
    """Find a table, whatever case its name is written in."""
    schema = queries.server.schema
    where = f"schema {schema} of MariaDB at {queries.server.address}"
    rows = queries.rows(
        "select table_name, table_type, engine from information_schema.tables "
        "where table_schema = %s and lower(table_name) = %s",
        (schema, name),
    )
    if not rows:
        fix = "name the shop's schema in its target of profiles.yml, and let this user read it"
        raise SpecError(f"no table {name}", where=where, fix=fix)
    if len(rows) > 1:
        names = ", ".join(sorted(row[0] for row in rows))
        raise SpecError(f"{name} may be {names}", where=where, fix="keep or rename one of them")
    ((there, kind, engine),) = rows
    if kind not in ("BASE TABLE", "SYSTEM VERSIONED"):
        raise SpecError(f"{there} is a {kind}", where=where, fix="name the schema that holds the tables")
    if str(engine).lower() != "innodb":
        fix = "alter it to InnoDB, or build while the shop is closed"
        raise SpecError(f"{there} is of engine {engine}, which keeps no snapshot", where=where, fix=fix)
    return str(there)


def _described(queries: Queries, name: str, there: str) -> Table:
    schema = queries.server.schema
    columns = tuple(
        Column(
            str(column),
            str(kind).lower(),
            str(declared),
            f"character set {characters} collate {collation}" if characters else "",
            nullable == "YES",
        )
        for column, kind, declared, characters, collation, nullable in queries.rows(
            "select column_name, data_type, column_type, character_set_name, collation_name, is_nullable "
            "from information_schema.columns where table_schema = %s and table_name = %s "
            "order by ordinal_position",
            (schema, there),
        )
    )
    for column in columns:
        if column.kind in UNKNOWN:
            raise SpecError(
                f"{there}.{column.name} is a {column.kind}, which cannot be copied as text",
                where=f"schema {schema} of MariaDB at {queries.server.address}",
                fix="keep it in another table; the project does not read it",
            )
    return Table(name, there, columns, tuple(_keys(queries, there)))


def _keys(queries: Queries, there: str) -> Iterator[str]:
    """Write the keys of a table. A unique key becomes an ordinary one, which is enough for reading."""
    parts: dict[str, list[str]] = {}
    for key, column, length in queries.rows(
        "select index_name, column_name, sub_part from information_schema.statistics "
        "where table_schema = %s and table_name = %s and index_type = 'BTREE' "
        "order by index_name, seq_in_index",
        (queries.server.schema, there),
    ):
        parts.setdefault(str(key), []).append(quote(column) + (f"({length})" if length else ""))
    for key, columns in parts.items():
        yield f"{'primary key' if key == 'PRIMARY' else f'key {quote(key)}'} ({', '.join(columns)})"
