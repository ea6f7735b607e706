"""The reports of customers, recomputed in plain Python; each function yields the rows of one mart."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

from tests.report_marts.expected_products import VARS
from tests.report_marts.expected_sales import Row, all_months, month_of
from tests.report_marts.shop import UNKNOWN, Order, Shop, rank, ratio


def dates(orders: list[Order]) -> list[datetime]:
    return sorted(order.placed for order in orders if order.placed)


def customer_segments(shop: Shop) -> Iterator[Row]:
    revenue = {
        key: sum((order.total for order in shop.orders_of.get(key, [])), Decimal(0)) for key in shop.customers
    }
    moments_of = {key: dates(shop.orders_of.get(key, [])) for key in shop.customers}
    recencies = fifths({key: moments[-1] for key, moments in moments_of.items() if moments})
    monetaries = fifths({key: amount for key, amount in revenue.items() if shop.orders_of.get(key)})
    ranking = sorted(revenue.values())
    for key, customer in shop.customers.items():
        orders = shop.orders_of.get(key, [])
        moments = moments_of[key]
        recency, monetary = recencies.get(key), monetaries.get(key)
        frequency = (
            1 + sum(len(orders) >= bound for bound in VARS["frequency_score_orders"]) if orders else None
        )
        yield {
            "customer_id": key,
            "first_name": customer.first_name,
            "last_name": customer.last_name,
            "city": customer.city,
            "state": customer.state,
            "segment": segment(recency, frequency, monetary),
            "recency_score": recency,
            "frequency_score": frequency,
            "monetary_score": monetary,
            "count_orders": len(orders),
            "total_units": sum(order.units for order in orders),
            "lifetime_revenue": revenue[key],
            "revenue_rank": rank(revenue[key], ranking, highest_first=True),
            "first_ordered_at": moments[0] if moments else None,
            "last_ordered_at": moments[-1] if moments else None,
            "average_days_between_orders": ratio(
                (moments[-1].date() - moments[0].date()).days, len(moments) - 1
            )
            if moments
            else None,
        }


def fifths(values: dict[int, Any]) -> dict[int, int]:
    """The fifth of each customer by the value, from 1, in a strict order: equal values by key."""
    ordered = sorted(values, key=lambda key: (values[key], key))
    return {key: 1 + 5 * place // len(ordered) for place, key in enumerate(ordered)}


def segment(recency: int | None, frequency: int | None, monetary: int | None) -> str:
    if frequency is None or monetary is None:
        return "Never ordered"
    if recency is None:
        return "Undated"
    value = frequency + monetary
    if recency >= 4:
        return "Champions" if value >= 8 else "Loyal" if value >= 6 else "Promising"
    if recency == 3:
        return "Loyal" if value >= 6 else "Needs attention"
    if value >= 6:
        return "Cannot lose" if value >= 8 else "At risk"
    return "Hibernating" if recency == 2 else "Lost"


def first_months(shop: Shop) -> dict[int, str]:
    """Month of the first dated order by known customer."""
    moments = {key: dates(orders) for key, orders in shop.orders_of.items() if key != UNKNOWN}
    return {key: month_of(found[0]) for key, found in moments.items() if found}


def new_returning_monthly(shop: Shop) -> Iterator[Row]:
    first = first_months(shop)
    orders: dict[str, list[Order]] = {month: [] for month in all_months(shop)}
    for order in shop.dated.values():
        if order.placed:
            orders[month_of(order.placed)].append(order)
    for month, found in orders.items():
        customers: dict[str, set[int]] = defaultdict(set)
        revenue: dict[str, Decimal] = defaultdict(Decimal)
        for order in found:
            kind = (
                "unknown"
                if order.customer == UNKNOWN
                else "new"
                if first[order.customer] == month
                else "returning"
            )
            customers[kind].add(order.customer)
            revenue[kind] += order.total
        new, returning = len(customers["new"]), len(customers["returning"])
        yield {
            "placed_month": month,
            "count_new_customers": new,
            "count_returning_customers": returning,
            "new_revenue": revenue["new"],
            "returning_revenue": revenue["returning"],
            "unknown_revenue": revenue["unknown"],
            "returning_share": ratio(returning, new + returning),
        }


def cohort_retention(shop: Shop) -> Iterator[Row]:
    months = all_months(shop)
    cohorts: dict[str, set[int]] = defaultdict(set)
    for customer, month in first_months(shop).items():
        cohorts[month].add(customer)
    orders: dict[tuple[str, str], list[Order]] = defaultdict(list)
    for cohort, customers in cohorts.items():
        for order in (order for customer in customers for order in shop.orders_of[customer]):
            if order.placed:
                orders[cohort, month_of(order.placed)].append(order)
    for cohort, customers in cohorts.items():
        for since, month in enumerate(months[months.index(cohort) :]):
            found = orders[cohort, month]
            active = {order.customer for order in found}
            yield {
                "cohort_month": cohort,
                "months_since_first_order": since,
                "cohort_size": len(customers),
                "count_customers": len(active),
                "count_orders": len(found),
                "revenue": sum((order.total for order in found), Decimal(0)),
                "retention_rate": ratio(len(active), len(customers)),
            }
