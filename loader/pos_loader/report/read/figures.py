"""What the page reads of each mart, as frozen dataclasses whose fields are columns of the marts.

Money is Decimal with the four decimals of the marts. Days and months are UTC. A share of 1 is all.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, ClassVar

UNKNOWN = "Unknown"
"""The state and the city of sales without a known customer or postal code."""
RECENT_DAYS, TOP, LONG_TOP = 182, 10, 12
"""How many days and rows of a mart the page shows at most."""


@dataclass(frozen=True)
class Month:
    """A calendar month's revenue."""

    MART: ClassVar = "rpt_revenue_monthly"
    placed_month: str
    is_complete: bool
    count_orders: int
    total_units: int
    returned_units: int
    revenue: Decimal
    returned_amount: Decimal


@dataclass(frozen=True)
class Day:
    """A calendar day's revenue, with the means of the days up to it."""

    MART: ClassVar = "rpt_revenue_daily"
    placed_on: date
    count_orders: int
    revenue: Decimal
    revenue_7_day_average: Decimal | None
    revenue_28_day_average: Decimal | None


@dataclass(frozen=True)
class OrderMonth:
    """Size and shipping of a month's orders."""

    MART: ClassVar = "rpt_order_metrics_monthly"
    placed_month: str
    count_orders_without_customer: int
    count_orders_without_lines: int
    average_order_value: Decimal | None
    units_per_order: Decimal | None
    average_days_to_ship: Decimal | None
    unshipped_share: Decimal | None


@dataclass(frozen=True)
class CustomerMonth:
    """New and returning customers of a month."""

    MART: ClassVar = "rpt_new_returning_monthly"
    placed_month: str
    count_new_customers: int
    count_returning_customers: int
    new_revenue: Decimal
    returning_revenue: Decimal
    unknown_revenue: Decimal


@dataclass(frozen=True)
class Undated:
    """Sales without a day, by reason."""

    MART: ClassVar = "rpt_undated_sales"
    reason: str
    count_orders: int
    count_lines: int
    total_units: int
    returned_units: int
    revenue: Decimal
    returned_amount: Decimal


@dataclass(frozen=True)
class State:
    """A state's revenue."""

    MART: ClassVar = "rpt_revenue_by_state"
    state: str
    count_customers: int
    count_orders: int
    revenue: Decimal
    revenue_share: Decimal | None


@dataclass(frozen=True)
class City:
    """A city's revenue."""

    MART: ClassVar = "rpt_revenue_by_city"
    city: str
    state: str
    count_customers: int
    count_orders: int
    revenue: Decimal
    revenue_share: Decimal | None


@dataclass(frozen=True)
class Product:
    """A product's sales."""

    MART: ClassVar = "rpt_product_sales"
    product_id: int
    product_name: str | None
    is_known_product: bool
    count_orders: int
    count_customers: int
    total_units: int
    returned_units: int
    revenue: Decimal
    revenue_share: Decimal | None
    abc_class: str
    is_never_sold: bool
    last_sold_at: datetime | None

    @property
    def is_in_a_line(self) -> bool:
        """Whether an order line has it; lines of an unknown order with a quantity of 0 do not count."""
        return bool(self.count_orders or self.total_units or self.returned_units)


@dataclass(frozen=True)
class ProductClass:
    """All products of one ABC class, with the number of those never sold and of those below zero."""

    abc_class: str
    count_products: int
    count_never_sold: int
    count_negative: int
    revenue: Decimal


@dataclass(frozen=True)
class CurvePoint:
    """The first `position` products by revenue, and the share of all revenue that they bring."""

    position: int
    cumulative_revenue_share: Decimal | None
    abc_class: str


@dataclass(frozen=True)
class Segment:
    """All customers of one segment."""

    segment: str
    count_customers: int
    count_orders: int
    lifetime_revenue: Decimal
    average_days_since: Decimal | None


@dataclass(frozen=True)
class Customer:
    """A customer with what they bought so far."""

    MART: ClassVar = "rpt_customer_segments"
    customer_id: int
    first_name: str | None
    last_name: str | None
    city: str | None
    state: str | None
    segment: str
    count_orders: int
    lifetime_revenue: Decimal
    last_ordered_at: datetime | None


@dataclass(frozen=True)
class Tenth:
    """A tenth of the ordering customers; tenth 1 has the highest revenue."""

    tenth: int
    count_customers: int
    lifetime_revenue: Decimal
    least: Decimal


@dataclass(frozen=True)
class Cohort:
    """The customers of one first month, some months later."""

    MART: ClassVar = "rpt_cohort_retention"
    cohort_month: str
    months_since_first_order: int
    cohort_size: int
    count_customers: int
    retention_rate: Decimal


@dataclass(frozen=True)
class Pair:
    """Two products in the same orders."""

    MART: ClassVar = "rpt_product_pairs"
    product_id: int
    paired_product_id: int
    product_name: str | None
    paired_product_name: str | None
    count_orders: int
    support: Decimal
    confidence: Decimal
    reverse_confidence: Decimal
    lift: Decimal


@dataclass(frozen=True)
class StockStatus:
    """All products of one stock status."""

    stock_status: str
    count_products: int
    stock_value: Decimal | None
    over_allocated_units: int


@dataclass(frozen=True)
class Stock:
    """A product's stock against its recent sales."""

    MART: ClassVar = "rpt_inventory"
    product_id: int
    product_name: str | None
    available_quantity: int | None
    window_units: int
    days_of_cover: Decimal | None
    allocated_units: int
    over_allocated_units: int | None
    stock_status: str


@dataclass(frozen=True)
class UnusualOrder:
    """An order above a bound; `customer_id` is none if the customer is not known."""

    MART: ClassVar = "rpt_unusual_orders"
    order_id: int
    customer_id: int | None
    placed_at: datetime | None
    order_total: Decimal
    total_units: int
    largest_quantity: int
    has_unusual_total: bool
    has_unusual_quantity: bool


@dataclass(frozen=True)
class SourceColumn:
    """What a column of the source holds before cleaning."""

    MART: ClassVar = "rpt_source_profile"
    source_column: str
    count_rows: int
    count_empty: int
    count_untrimmed: int
    count_not_ascii: int
    longest: int


@dataclass(frozen=True)
class Totals:
    """All sales, dated or not; `lines` has one per order and product, `source_rows` is as in the source."""

    customers: int
    products: int
    orders: int
    lines: int
    source_rows: int
    purchases: int
    units: int
    revenue: Decimal


@dataclass(frozen=True)
class Figures:
    """All figures of the page; tuples are in the order in which they are shown."""

    totals: Totals
    months: tuple[Month, ...]
    days: tuple[Day, ...]
    order_months: tuple[OrderMonth, ...]
    customer_months: tuple[CustomerMonth, ...]
    undated: tuple[Undated, ...]
    states: tuple[State, ...]
    cities: tuple[City, ...]
    count_known_cities: int
    products: tuple[Product, ...]
    popular: tuple[Product, ...]
    least_sold: tuple[Product, ...]
    classes: tuple[ProductClass, ...]
    curve: tuple[CurvePoint, ...]
    segments: tuple[Segment, ...]
    customers: tuple[Customer, ...]
    tenths: tuple[Tenth, ...]
    cohorts: tuple[Cohort, ...]
    pairs: tuple[Pair, ...]
    count_pairs: int
    stock: tuple[StockStatus, ...]
    risks: tuple[Stock, ...]
    unusual: tuple[UnusualOrder, ...]
    count_unusual_totals: int
    count_unusual_quantities: int
    count_unusual: int
    counts: tuple[tuple[Any, ...], ...]
    """The values of `numbers.COUNTS`, mart by mart."""
    ranges: tuple[tuple[tuple[Any, Any], ...], ...]
    """The least and the greatest value of `numbers.RANGES`, mart by mart."""
    profile: tuple[SourceColumn, ...]
