"""The reports by time and place, recomputed in plain Python; each function yields the rows of one mart."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from tests.report_marts.shop import UNKNOWN, Line, Order, Shop, rank, ratio, share

Row = dict[str, Any]
NO_MONEY = Decimal(0)


def measures(lines: Iterable[Line]) -> Row:
    """Units and money of order lines, and how much of them came back."""
    found = list(lines)
    return {
        "total_units": sum(line.quantity for line in found),
        "returned_units": sum(line.returned for line in found),
        "revenue": sum((line.amount for line in found), NO_MONEY),
        "returned_amount": sum((line.refund for line in found), NO_MONEY),
    }


def change(amount: Decimal | None, earlier: Decimal | None) -> Decimal | None:
    if amount is None or earlier is None or earlier <= 0:
        return None
    return ratio(amount - earlier, earlier)


def month_of(day: date) -> str:
    return f"{day.year:04}-{day.month:02}"


def all_days(shop: Shop) -> list[date]:
    days = {order.placed.date() for order in shop.dated.values() if order.placed}
    if not days:
        return []
    first = min(days)
    return [first + timedelta(number) for number in range((max(days) - first).days + 1)]


def all_months(shop: Shop) -> list[str]:
    return sorted({month_of(day) for day in all_days(shop)})


def by_period(shop: Shop, period: Callable[[date], Any]) -> dict[Any, Row]:
    """Orders and measures of every period between the first day and the last."""
    orders: dict[Any, int] = defaultdict(int)
    lines: dict[Any, list[Line]] = defaultdict(list)
    for order in shop.dated.values():
        if order.placed:
            orders[period(order.placed.date())] += 1
            lines[period(order.placed.date())] += order.lines
    periods = sorted({period(day) for day in all_days(shop)})
    return {each: {"count_orders": orders[each], **measures(lines[each])} for each in periods}


def revenue_daily(shop: Shop) -> Iterator[Row]:
    days = by_period(shop, lambda day: day)
    revenue = {day: row["revenue"] for day, row in days.items()}

    def average(day: date, length: int) -> Decimal | None:
        window = [day - timedelta(number) for number in range(length)]
        if window[-1] not in revenue:
            return None
        return ratio(sum(revenue[each] for each in window), length, 4)

    for day, row in days.items():
        yield row | {
            "placed_on": day,
            "revenue_7_day_average": average(day, 7),
            "revenue_28_day_average": average(day, 28),
            "week_over_week_change": change(row["revenue"], revenue.get(day - timedelta(7))),
            "year_over_year_change": change(row["revenue"], revenue.get(day - timedelta(364))),
        }


def revenue_weekly(shop: Shop) -> Iterator[Row]:
    weeks = by_period(shop, lambda day: day - timedelta(day.weekday()))
    days = set(all_days(shop))
    complete = {week for week in weeks if week in days and week + timedelta(6) in days}
    revenue = {week: weeks[week]["revenue"] for week in complete}
    for week, row in weeks.items():
        yield row | {
            "week_start_date": week,
            "is_complete": week in complete,
            "week_over_week_change": change(revenue.get(week), revenue.get(week - timedelta(7))),
            "year_over_year_change": change(revenue.get(week), revenue.get(week - timedelta(364))),
        }


def revenue_monthly(shop: Shop) -> Iterator[Row]:
    months = by_period(shop, month_of)
    days = all_days(shop)
    complete = set(months)
    if days and days[0].day > 1:
        complete.discard(month_of(days[0]))
    if days and month_of(days[-1] + timedelta(1)) == month_of(days[-1]):
        complete.discard(month_of(days[-1]))
    revenue = {month: months[month]["revenue"] for month in complete}
    for month, row in months.items():
        year, number = map(int, month.split("-"))
        before = f"{year - (number == 1):04}-{number - 1 or 12:02}"
        yield row | {
            "placed_month": month,
            "is_complete": month in complete,
            "month_over_month_change": change(revenue.get(month), revenue.get(before)),
            "year_over_year_change": change(revenue.get(month), revenue.get(f"{year - 1:04}-{number:02}")),
        }


def undated_sales(shop: Shop) -> Iterator[Row]:
    for known, reason in ((True, "order without a date"), (False, "unknown order")):
        lines = [line for line in shop.lines if line.placed is None and line.known is known]
        orders = len(shop.orders) - len(shop.dated) if known else 0
        yield {"reason": reason, "count_orders": orders, "count_lines": len(lines), **measures(lines)}


def by_place(shop: Shop, *keys: str) -> Iterator[Row]:
    customers: dict[Any, set[int]] = defaultdict(set)
    orders: dict[Any, list[Order]] = defaultdict(list)
    lines: dict[Any, list[Line]] = defaultdict(list)

    def place(customer: int) -> tuple[str, ...]:
        found = shop.customers.get(customer)
        return tuple(getattr(found, key, None) or "Unknown" for key in keys)

    for customer in [*shop.customers, UNKNOWN]:
        customers[place(customer)].add(customer)
        orders[place(customer)] += shop.orders_of.get(customer, [])
    for line in shop.lines:
        lines[place(line.customer)].append(line)
    total = sum((line.amount for line in shop.lines), NO_MONEY)
    rows = []
    for each, members in customers.items():
        known = members - {UNKNOWN}
        rows.append(
            {
                **dict(zip(keys, each, strict=True)),
                "count_customers": len(known),
                "count_buyers": sum(customer in shop.orders_of for customer in known),
                "count_orders": len(orders[each]),
                **measures(lines[each]),
            }
        )
    revenues = sorted(row["revenue"] for row in rows)
    for row in rows:
        yield row | {
            "revenue_share": share(row["revenue"], total),
            "revenue_rank": rank(row["revenue"], revenues, highest_first=True),
        }


def revenue_by_state(shop: Shop) -> Iterator[Row]:
    return by_place(shop, "state")


def revenue_by_city(shop: Shop) -> Iterator[Row]:
    return by_place(shop, "city", "state")


def order_metrics_monthly(shop: Shop) -> Iterator[Row]:
    orders: dict[str, list[Order]] = {month: [] for month in all_months(shop)}
    for order in shop.dated.values():
        if order.placed:
            orders[month_of(order.placed)].append(order)
    for month, found in orders.items():
        unshipped = sum(order.shipped is None for order in found)
        days = [
            (order.shipped.date() - order.placed.date()).days
            for order in found
            if order.placed and order.shipped and order.shipped.date() >= order.placed.date()
        ]
        yield {
            "placed_month": month,
            "count_orders": len(found),
            "count_orders_without_customer": sum(order.customer == UNKNOWN for order in found),
            "count_orders_without_lines": sum(not order.lines for order in found),
            "count_unshipped_orders": unshipped,
            "average_order_value": ratio(sum(order.total for order in found), len(found), 4),
            "units_per_order": ratio(sum(order.units for order in found), len(found)),
            "average_days_to_ship": ratio(sum(days), len(days)),
            "unshipped_share": ratio(unshipped, len(found)),
        }
