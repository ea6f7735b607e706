"""Partitioned reads of the marts as Arrow tables.

A partition is a range of document keys. Every mart is clustered by the document key, so reading a partition
is a range scan that returns the rows in nesting order.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping

import connectorx
import pyarrow as pa

from pos_loader.collection import BsonType, Coercion, Collection, Field, Level, Partition
from pos_loader.declaration import coerce
from pos_loader.declaration.bson_types import natural_type, precision_and_scale
from pos_loader.documents import readable
from pos_loader.documents.marts import conditions, relation, where_clause
from pos_loader.errors import LoaderError, NodeLost, PartialLoad
from pos_loader.servers import nodes
from pos_loader.servers.mariadb import connect, quote
from pos_loader.servers.mariadb_errors import another, translate
from pos_loader.servers.mariadb_watch import watched
from pos_loader.servers.profile import MariaDB
from pos_loader.servers.session import statements

_EXACT_DIGITS = 28  # connectorx reads DECIMAL through a coefficient of 96 bits
_EXACT_SCALE = 10  # and returns decimal128(38, 10), so with ten digits of fraction


def extract(server: MariaDB, collection: Collection, partition: Partition) -> dict[Level, pa.Table]:
    """Read one partition of every level. Each table is in key order and has one chunk per column.

    DECIMAL columns have their declared precision and scale. Raises `TableReplaced` where dbt rebuilt a mart
    meanwhile, `ConnectionFailed` where the server is gone.
    """
    with connect(server):  # finds out at once whether the server is gone; connectorx waits half a minute
        pass
    return {level: _read(server, level, collection, partition) for level in collection.root.walk()}


def statement(
    level: Level, collection: Collection, partition: Partition, proof: Mapping[str, str] | None = None
) -> str:
    """Write the query that reads a level in a partition: a range of its mart's clustered index, in order.

    The columns `proof` show where the rows come from (`servers.nodes`).

    >>> total = Field("total", "total", BsonType.DECIMAL, "decimal(19,2)", nullable=False)
    >>> orders = Level("orders", "fct_orders", "shop", "orders", ("customer_id", "order_id"), (total,))
    >>> customers = Level("", "dim_customers", "shop", "customers", ("customer_id",), (), children=(orders,))
    >>> collection = Collection("customers", "shop", "customers", customers, ())
    >>> print(statement(orders, collection, Partition(1, 300, 500)))
    select `customer_id`, `order_id`, `total` from `shop`.`orders`
    where `customer_id` >= 300 and `customer_id` < 500
    order by `shop`.`orders`.`customer_id`, `shop`.`orders`.`order_id`
    """
    known = {field.column: field for field in (*level.fields, *level.hidden)}
    columns = [_selected(known[name]) if name in known else quote(name) for name in level.columns]
    columns += [f"{value} as {quote(name)}" for name, value in (proof or {}).items()]
    where = where_clause(conditions(level, collection, partition))
    # The table's own column: a key that is selected as text would sort as text.
    order = ", ".join(f"{relation(level)}.{quote(name)}" for name in level.key)
    return f"select {', '.join(columns)} from {relation(level)}{where} order by {order}"  # noqa: S608


def _selected(field: Field) -> str:
    """Write a column as it is selected. Zero dates declared as missing add a column that counts them."""
    column = quote(field.column)
    if _needs_text(field.data_type):
        return f"cast({column} as char) as {column}"
    if Coercion.MISSING in field.coerce:
        is_missing = f"{coerce.is_zero(column)} as {quote(coerce.COUNTED + field.column)}"
        return f"{coerce.value(field)} as {column}, {is_missing}"
    return column


def _read(server: MariaDB, level: Level, collection: Collection, partition: Partition) -> pa.Table:
    table = _proven(server, level, collection, partition).combine_chunks()
    for field in (*level.fields, *level.hidden):
        if natural_type(field.data_type) is BsonType.DECIMAL:
            table = readable.with_declared_digits(table, field, level)
    readable.require_within(table, level, collection, partition)
    return table


def _proven(server: MariaDB, level: Level, collection: Collection, partition: Partition) -> pa.Table:
    """Read a level's rows from the chosen node; a balancer may lead to others first.

    Raises `NodeLost` where it leads to others again and again, or the node is not Synced any more, and
    `PartialLoad` where the node holds another build.
    """
    proof = nodes.proof(server)
    for _ in range(nodes.TRIES):
        try:
            table = _rows(server, level, collection, partition, proof)
        except NodeLost:
            with connect(server):  # it is another node that does not answer, or this raises the same
                continue
        except LoaderError as error:
            if nodes.ANOTHER not in error.what:
                raise
            continue
        found, table = nodes.taken(table, proof)
        if proof and not table.num_rows:
            found = _of_no_rows(server, level, collection, partition, proof)
        if found.get(nodes.NODE):
            continue
        if found.get(nodes.BUILD):
            raise PartialLoad(
                f"another build began during the load: the rows are of build {found[nodes.BUILD]}",
                where=f"MariaDB at {server.address}",
                fix="nothing was published; run again when dbt has ended",
            )
        if fault := nodes.mismatch(found):
            raise another(server, fault)
        return table
    raise another(server, nodes.ANOTHER)


def _of_no_rows(
    server: MariaDB, level: Level, collection: Collection, partition: Partition, proof: Mapping[str, str]
) -> dict[str, str | None]:
    """Prove that there are no rows, as an answer without rows shows nothing of where it comes from."""
    rows = f"select 1 from {relation(level)}{where_clause(conditions(level, collection, partition))}"  # noqa: S608
    with connect(server) as queries:
        (*found, is_any) = queries.rows(f"select {', '.join(proof.values())}, exists ({rows})")[0]
    shown = dict(zip(proof, found, strict=True))
    return shown | ({nodes.NODE: nodes.ANOTHER} if is_any else {})


def _rows(
    server: MariaDB, level: Level, collection: Collection, partition: Partition, proof: Mapping[str, str]
) -> pa.Table:
    mark = f"/* pos-loader {secrets.token_hex(8)} */"
    sql = statement(level, collection, partition, proof).replace("select", f"select {mark}", 1)
    begin = [*statements(server.timeout), *nodes.guard(server)]

    def read() -> pa.Table:
        return connectorx.read_sql(
            server.url, sql, return_type="arrow", protocol="binary", pre_execution_query=begin
        )

    try:
        return watched(server, read, f"info like '%{mark}%'", f"read {level.model}")
    except RuntimeError as error:
        raise translate(str(error), None, server) from None
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # Rust's; it is a BaseException, not an Exception
            raise
        with connect(server) as queries:
            where = conditions(level, collection, partition)
            raise readable.fault(queries, level, where, str(error)) from None


def _needs_text(data_type: str) -> bool:
    """Whether connectorx's decimals are too narrow for the type, so that the column is read as text."""
    if not data_type.startswith(("decimal", "numeric")):
        return False
    precision, scale = precision_and_scale(data_type)
    return scale > _EXACT_SCALE or precision - scale > _EXACT_DIGITS - _EXACT_SCALE
