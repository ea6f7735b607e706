"""Read the marts that dbt built. MariaDB sums up or cuts what is large, so memory stays small."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any, Protocol, TypeVar

from pos_loader.dbt.artifacts import models_of
from pos_loader.dbt.schema import Manifest
from pos_loader.errors import SpecError
from pos_loader.report.read import figures as kinds
from pos_loader.report.read.figures import LONG_TOP, RECENT_DAYS, TOP, Figures
from pos_loader.report.read.numbers import COUNTS, RANGES, Range
from pos_loader.servers.mariadb import Queries, quote

CORE = ("dim_customers", "dim_products", "fct_orders", "fct_order_lines", "fct_product_purchases")
REPORTS = (
    *("rpt_revenue_monthly", "rpt_revenue_daily", "rpt_order_metrics_monthly", "rpt_new_returning_monthly"),
    *("rpt_revenue_by_state", "rpt_revenue_by_city", "rpt_product_sales", "rpt_customer_segments"),
    *(
        "rpt_cohort_retention",
        "rpt_product_pairs",
        "rpt_inventory",
        "rpt_unusual_orders",
        "rpt_undated_sales",
        "rpt_source_profile",
    ),
)
MARTS = (*REPORTS, *CORE)
"""All marts that the page needs."""

QUERIES = 38
"""How many queries there are, for the progress bar."""

RISKS = {
    "over-allocated": "over_allocated_units desc",
    "out of stock": "window_units desc",
    "low": "days_of_cover",
}


@dataclass(frozen=True)
class Mart:
    """A mart as dbt built it: where it is, and how dbt describes it."""

    name: str
    relation: str
    description: str


class Row(Protocol):
    """A dataclass that names the mart of its columns."""

    MART: str


R = TypeVar("R")


def find_marts(queries: Queries, manifest: Manifest) -> dict[str, Mart]:
    """Find the marts in the manifest and in MariaDB.

    Raises `SpecError` that names all missing marts.
    """
    models = models_of(manifest)
    known = {name: models[name] for name in MARTS if name in models}
    tables = {name: (node.schema_, node.alias or name) for name, node in known.items()}
    built = set()
    for name, table in tables.items():
        found = queries.rows(
            "select 1 from information_schema.tables where table_schema = %s and table_name = %s", table
        )
        built |= {name} if found else set()
    missing = [name for name in MARTS if name not in built]
    if missing:
        raise SpecError(
            f"marts that the report needs are missing: {', '.join(missing)}",
            where=f"schema {queries.server.schema} of MariaDB at {queries.server.address}",
            fix="run dbt build first",
        )
    return {
        name: Mart(name, ".".join(map(quote, table)), " ".join(known[name].description.split()))
        for name, table in tables.items()
    }


def read_figures(queries: Queries, marts: Mapping[str, Mart], step: Callable[[], None]) -> Figures:
    """Read everything the page shows; `step` is called after each query.

    Raises `LoaderError` where MariaDB cannot be read.
    """
    return _Reader(queries, marts, step).figures()


class _Reader:
    def __init__(self, queries: Queries, marts: Mapping[str, Mart], step: Callable[[], None]) -> None:
        self._queries, self._step = queries, step
        self._relations = {name: mart.relation for name, mart in marts.items()}

    def figures(self) -> Figures:
        (unusual,) = self._rows(
            "select coalesce(sum(has_unusual_total), 0), coalesce(sum(has_unusual_quantity), 0), count(*) "
            "from {rpt_unusual_orders}"
        )
        return Figures(
            totals=self._totals(),
            months=self._all(kinds.Month, "order by placed_month"),
            days=self._all(kinds.Day, f"order by placed_on desc limit {RECENT_DAYS}")[::-1],
            order_months=self._all(kinds.OrderMonth, "order by placed_month"),
            customer_months=self._all(kinds.CustomerMonth, "order by placed_month"),
            undated=self._all(kinds.Undated, "order by reason"),
            states=self._all(kinds.State, "order by revenue_rank, state"),
            cities=self._all(
                kinds.City,
                f"where count_orders > 0 or revenue <> 0 order by revenue_rank, city, state limit {LONG_TOP}",
            ),
            count_known_cities=self._count("rpt_revenue_by_city", f"where city <> '{kinds.UNKNOWN}'"),
            products=self._all(
                kinds.Product, f"where {_IN_A_LINE} order by revenue_rank, product_id limit {LONG_TOP}"
            ),
            popular=self._all(
                kinds.Product, "where count_customers > 0 order by count_customers desc, product_id limit 5"
            ),
            least_sold=self._all(
                kinds.Product,
                f"where is_known_product order by least_sold_rank, product_id limit {TOP}",
            ),
            classes=self._made(kinds.ProductClass, _CLASSES),
            curve=self._made(kinds.CurvePoint, _CURVE),
            segments=self._made(kinds.Segment, _SEGMENTS),
            customers=self._all(
                kinds.Customer, f"where count_orders > 0 order by revenue_rank, customer_id limit {TOP}"
            ),
            tenths=self._made(kinds.Tenth, _TENTHS),
            cohorts=self._made(kinds.Cohort, _COHORTS),
            pairs=self._all(
                kinds.Pair,
                f"order by count_orders desc, lift desc, product_id, paired_product_id limit {LONG_TOP}",
            ),
            count_pairs=self._count("rpt_product_pairs"),
            stock=self._made(kinds.StockStatus, _STOCK),
            risks=tuple(self._risks()),
            unusual=self._made(kinds.UnusualOrder, f"{_UNUSUAL} limit {LONG_TOP}"),
            count_unusual_totals=int(unusual[0]),
            count_unusual_quantities=int(unusual[1]),
            count_unusual=int(unusual[2]),
            counts=tuple(self._row(mart, [each.sql for each in asked]) for mart, asked in COUNTS.items()),
            ranges=tuple(self._ranges(mart, asked) for mart, asked in RANGES.items()),
            profile=self._all(kinds.SourceColumn, "order by source_column"),
        )

    def _totals(self) -> kinds.Totals:
        ((lines, source_rows, units, revenue),) = self._rows(
            "select count(*), coalesce(sum(count_source_rows), 0), coalesce(sum(quantity), 0), "
            "coalesce(sum(line_total), 0) from {fct_order_lines}"
        )
        return kinds.Totals(
            customers=self._count("dim_customers"),
            products=self._count("dim_products"),
            orders=self._count("fct_orders"),
            lines=lines,
            source_rows=int(source_rows),
            purchases=self._count("fct_product_purchases"),
            units=int(units),
            revenue=Decimal(revenue),
        )

    def _risks(self) -> Iterator[kinds.Stock]:
        for status, order in RISKS.items():
            yield from self._all(
                kinds.Stock, f"where stock_status = '{status}' order by {order}, product_id limit 6"
            )

    def _ranges(self, mart: str, asked: Sequence[Range]) -> tuple[tuple[Any, Any], ...]:
        row = self._row(mart, [f"{end}({each.sql})" for each in asked for end in ("min", "max")])
        return tuple(zip(row[::2], row[1::2], strict=True))

    def _row(self, mart: str, expressions: Sequence[str]) -> tuple[Any, ...]:
        (row,) = self._rows(f"select {', '.join(expressions)} from {{{mart}}} as mart")  # noqa: S608
        return row

    def _count(self, mart: str, tail: str = "") -> int:
        ((number,),) = self._rows(f"select count(*) from {{{mart}}} {tail}")  # noqa: S608
        return int(number)

    def _all(self, kind: type[R], tail: str) -> tuple[R, ...]:
        """Read the columns of a dataclass from its mart."""
        mart: str = kind.MART  # type: ignore[attr-defined]
        columns = ", ".join(each.name for each in fields(kind))  # type: ignore[arg-type]
        return self._made(kind, f"select {columns} from {{{mart}}} {tail}")  # noqa: S608

    def _made(self, kind: type[R], sql: str) -> tuple[R, ...]:
        return tuple(kind(*row) for row in self._rows(sql))

    def _rows(self, sql: str) -> list[tuple[Any, ...]]:
        rows = self._queries.rows(sql.format(**self._relations))
        self._step()
        return rows


_IN_A_LINE = "(count_orders > 0 or total_units <> 0 or returned_units > 0)"
_CLASSES = """
    select abc_class, count(*), cast(sum(is_never_sold) as signed), cast(sum(revenue < 0) as signed),
        sum(revenue)
    from {rpt_product_sales} group by abc_class order by abc_class
"""
_CURVE = """
    select position, cumulative_revenue_share, abc_class
    from (
        select row_number() over ranks as position, cumulative_revenue_share, abc_class,
            lead(abc_class) over ranks as next_class
        from {rpt_product_sales}
        window ranks as (order by revenue desc, product_id)
    ) as ranked
    cross join (select count(*) as products from {rpt_product_sales}) as counted
    where position in (1, products) or next_class <> abc_class
        or position % greatest(1, products div 120) = 0
    order by position
"""
_SEGMENTS = """
    select segment, count(*), cast(sum(count_orders) as signed), sum(lifetime_revenue),
        avg(datediff((select max(placed_on) from {rpt_revenue_daily}), last_ordered_at))
    from {rpt_customer_segments} group by segment order by sum(lifetime_revenue) desc, segment
"""
_TENTHS = """
    select tenth, count(*), sum(lifetime_revenue), min(lifetime_revenue)
    from (
        select lifetime_revenue, ntile(10) over (order by lifetime_revenue desc, customer_id) as tenth
        from {rpt_customer_segments} where count_orders > 0
    ) as ranked
    group by tenth order by tenth
"""
_COHORTS = """
    select cohort_month, months_since_first_order, cohort_size, count_customers, retention_rate
    from {rpt_cohort_retention}
    where months_since_first_order <= 12 and cohort_month >= coalesce((
        select min(cohort_month) from (
            select distinct cohort_month from {rpt_cohort_retention}
            order by cohort_month desc limit 24
        ) as newest
    ), '')
    order by cohort_month, months_since_first_order
"""
_STOCK = """
    select stock_status, count(*), sum(stock_value), cast(coalesce(sum(over_allocated_units), 0) as signed)
    from {rpt_inventory} group by stock_status
    order by field(stock_status, 'over-allocated', 'out of stock', 'low', 'enough', 'not moving', 'unknown')
"""
_UNUSUAL = """
    select unusual.order_id, customers.customer_id, unusual.placed_at, unusual.order_total,
        unusual.total_units, unusual.largest_quantity, unusual.has_unusual_total, unusual.has_unusual_quantity
    from {rpt_unusual_orders} as unusual
    left join {dim_customers} as customers on unusual.customer_id = customers.customer_id
    order by unusual.order_total desc, unusual.order_id
"""
