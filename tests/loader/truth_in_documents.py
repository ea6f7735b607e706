"""Every figure of a truth.json, found again in the published documents by aggregations."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.loader.running import Documents
from tests.truth import PROFILE, Figures, money, profile_figures

Stage = dict[str, Any]
ORDERS: Stage = {"$unwind": "$orders"}
LINES: list[Stage] = [ORDERS, {"$unwind": "$orders.lines"}]
BUYERS: Stage = {"$unwind": "$customers"}
MONTH = {"$dateToString": {"date": "$orders.placedAt", "format": "%Y-%m"}}
AMOUNT = {"$multiply": ["$orders.lines.quantity", {"$round": ["$orders.lines.unitPrice", 2]}]}
PRICES: dict[str, Stage] = {
    "zero": {"currentPrice": 0},
    "negative": {"currentPrice": {"$lt": 0}},
    "over_9999.99": {"$expr": {"$gt": ["$currentPrice", {"$toDecimal": "9999.99"}]}},
    "more_than_2_decimals": {"$expr": {"$ne": ["$currentPrice", {"$round": ["$currentPrice", 2]}]}},
}


class Shop:
    """The published collections of one data set."""

    def __init__(self, database: Documents) -> None:
        self._database = database

    def customers(self, *stages: Stage) -> list[Stage]:
        """Aggregate the customers' documents."""
        return list(self._database["customer_order_history"].aggregate(list(stages)))

    def products(self, *stages: Stage) -> list[Stage]:
        """Aggregate the products' documents."""
        return list(self._database["product_purchase_details"].aggregate(list(stages)))

    def profile(self) -> Figures:
        """Read the profile of the source."""
        camel = {"source_column": "_id", **{name: _camel(name) for name in PROFILE[1:]}}
        found = self._database["source_profile"].find()
        return profile_figures({name: each[field] for name, field in camel.items()} for each in found)


def figures_of_documents(database: Documents) -> Figures:
    """Work the figures out from the documents, in the shape of a truth.json."""
    shop = Shop(database)
    found = shop.profile()
    return found | _counts(shop, found) | _reach(shop) | _amounts(shop) | _best(shop)


def _camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(map(str.capitalize, tail))


def _count(found: list[Stage]) -> int:
    return int(found[0]["n"]) if found else 0


def _counts(shop: Shop, source: Figures) -> Figures:
    n: Stage = {"$count": "n"}
    email: list[Stage] = [
        {"$match": {"email": {"$exists": True}}},
        {"$group": {"_id": "$email", "n": {"$sum": 1}}},
    ]
    sold = shop.customers(*LINES, {"$group": {"_id": "$orders.lines.productId"}})
    products = {each["_id"] for each in shop.products({"$project": {"_id": 1}})}
    orders, lines = _count(shop.customers(ORDERS, n)), _count(shop.customers(*LINES, n))
    (units,) = shop.customers(*LINES, {"$group": {"_id": None, "n": {"$sum": "$orders.lines.quantity"}}})

    def of_lines(**rule: Any) -> int:
        return _count(
            shop.customers(
                *LINES, {"$match": {f"orders.lines.{name}": each for name, each in rule.items()}}, n
            )
        )

    return {
        "customers": _count(shop.customers(n)),
        "products": len(products),
        "orders": orders,
        "distinct_order_product": lines,
        "units": units["n"],
        "product_customer_pairs": _count(shop.products(BUYERS, n)),
        "customers_without_orders": _count(shop.customers({"$match": {"orders": []}}, n)),
        "customers_without_lines": _count(
            shop.customers({"$match": {"orders.lines.0": {"$exists": False}}}, n)
        ),
        "customers_zip_not_in_city": _count(
            shop.customers({"$match": {"zip": {"$exists": True}, "city": {"$exists": False}}}, n)
        ),
        "emails_shared_ignoring_case": _count(shop.customers(*email, {"$match": {"n": {"$gt": 1}}}, n)),
        "products_never_in_a_line": len(products - {each["_id"] for each in sold}),
        "products_without_buyer": _count(shop.products({"$match": {"customers": []}}, n)),
        "orders_without_lines": _count(shop.customers(ORDERS, {"$match": {"orders.lines": []}}, n)),
        "orders_not_shipped": _count(shop.customers(ORDERS, {"$match": {"orders.isShipped": False}}, n)),
        "orders_shipped_before_placed": _count(
            shop.customers(
                ORDERS,
                {"$match": {"orders.shippedAt": {"$exists": True}}},
                {"$match": {"$expr": {"$lt": ["$orders.shippedAt", "$orders.placedAt"]}}},
                n,
            )
        ),
        "lines_unknown_product": of_lines(isKnownProduct=False),
        "lines_product_without_price": of_lines(isKnownProduct=True, unitPrice={"$exists": False}),
        "lines_negative_quantity": of_lines(quantity={"$lt": 0}),
        "lines_zero_quantity": of_lines(quantity=0),
        # What belongs to no customer is not in the documents; the profile of the source has its rows.
        "orders_with_unknown_customer": source["orders"] - orders - source["orders_without_customer"],
        "lines_not_nested": source["lines"] - lines,
    }


def _reach(shop: Shop) -> Figures:
    """How far values reach."""

    def ends(find: Any, value: Any, *stages: Stage) -> tuple[Any, Any]:
        (found,) = find(*stages, {"$group": {"_id": None, "least": {"$min": value}, "most": {"$max": value}}})
        return found["least"], found["most"]

    lines = {"$sum": {"$map": {"input": "$orders", "in": {"$size": "$$this.lines"}}}}
    keys = {
        "product": ends(shop.products, "$_id"),
        "customer": ends(shop.customers, "$_id"),
        "order": ends(shop.customers, "$orders.orderId", ORDERS),
    }
    prices = ends(shop.products, "$currentPrice")
    return {
        "max_orders_of_a_customer": ends(shop.customers, {"$size": "$orders"})[1],
        "max_lines_of_a_customer": ends(shop.customers, lines)[1],
        "max_lines_of_an_order": ends(shop.customers, {"$size": "$orders.lines"}, ORDERS)[1],
        "max_buyers_of_a_product": ends(shop.products, {"$size": "$customers"})[1],
        "max_order_revenue": money(ends(shop.customers, "$orders.orderTotal", ORDERS)[1]),
        "date_placed": [f"{each:%Y-%m-%d}" for each in ends(shop.customers, "$orders.placedAt", ORDERS)],
        "id_zero": {name: least == 0 for name, (least, _) in keys.items()},
        "max_id": {name: most for name, (_, most) in keys.items()},
        "price": {
            **dict(zip(("min", "max"), map(money, prices), strict=True)),
            **{
                name: _count(shop.products({"$match": rule}, {"$count": "n"}))
                for name, rule in PRICES.items()
            },
        },
    }


def _amounts(shop: Shop) -> Figures:
    def sums(find: Any, group: Any, *stages: Stage, **values: Any) -> dict[Any, Any]:
        found = find(
            *stages, {"$group": {"_id": group, **{name: {"$sum": each} for name, each in values.items()}}}
        )
        return {each["_id"]: {name: money(each[name]) for name in values} for each in found}

    exact, rounded = "$orders.lines.lineTotal", AMOUNT
    whole = sums(shop.customers, None, *LINES, exact=exact, rounded=rounded)[None]
    months = sums(shop.customers, MONTH, *LINES, exact=exact, rounded=rounded)
    states = sums(shop.customers, {"$ifNull": ["$state", "none"]}, revenue="$lifetimeRevenue")
    totals = {
        sums(shop.customers, None, total="$lifetimeRevenue")[None]["total"],
        sums(shop.customers, None, ORDERS, total="$orders.orderTotal")[None]["total"],
        sums(shop.products, None, total="$totalRevenue")[None]["total"],
        sums(shop.products, None, BUYERS, total="$customers.amount")[None]["total"],
    }
    assert totals == {whole["exact"]}
    best = sorted(states.items(), key=lambda item: -Decimal(item[1]["revenue"]))[:5]
    return {
        "total_revenue": whole["exact"],
        "total_revenue_price_2dp": whole["rounded"],
        "revenue_with_known_customer": whole["exact"],
        "revenue_by_month": {month: each["exact"] for month, each in months.items()},
        "revenue_by_month_price_2dp": {month: each["rounded"] for month, each in months.items()},
        "revenue_by_state_top5": [[state, each["revenue"]] for state, each in best],
    }


def _best(shop: Shop) -> Figures:
    def top(field: str) -> list[Stage]:
        return [{"$sort": {field: -1, "_id": 1}}, {"$limit": 5}]

    customers = shop.customers(
        *top("lifetimeRevenue"),
        *LINES,
        {
            "$group": {
                "_id": "$_id",
                "first": {"$first": "$firstName"},
                "last": {"$first": "$lastName"},
                "revenue": {"$first": "$lifetimeRevenue"},
                "rounded": {"$sum": AMOUNT},
            }
        },
        *top("revenue"),
    )
    products = shop.products(
        {"$project": {"productName": 1, "buyers": {"$size": "$customers"}}}, *top("buyers")
    )
    return {
        "top5_customers_by_revenue": [
            {
                "id": each["_id"],
                "name": [each["first"], each["last"]],
                "revenue": money(each["revenue"]),
                "revenue_price_2dp": money(each["rounded"]),
            }
            for each in customers
        ],
        "top5_products_by_distinct_buyers": [
            {"id": each["_id"], "name": each["productName"], "buyers": each["buyers"]} for each in products
        ],
    }
