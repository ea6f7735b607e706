"""Products: what is sold, and what is bought together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from markupsafe import Markup

from pos_loader.report.charts import compared
from pos_loader.report.charts.names import drawable, in_words, isolated, product_name, told_apart
from pos_loader.report.parts.blocks import Block, Chart, Note, Section, Table
from pos_loader.report.parts.words import (
    count,
    count_text,
    day,
    key,
    money,
    money_text,
    number,
    percent,
    percent_text,
    plural,
    plural_text,
    ratio,
    share_of,
    short_text,
)
from pos_loader.report.read import figures
from pos_loader.report.read.figures import Figures

SALES = figures.Product.MART
NO_CLASSES = (
    "All products together have no revenue above zero, so none has a share of it, and all are class C."
)
NO_PAIRS = (
    "No two of the products in most orders were bought together in as many orders as the variable "
    "pairs_minimum_orders asks for (2 unless set)."
)


def sales(found: Figures) -> Section:
    """Show the best and the least sold products, and how revenue is spread over products."""
    lead = (
        "Products in the order of their revenue. Class A has the products that bring the first 80 % of it, "
        "B the next 15 %, C the rest, unless the project's variables say otherwise. Returns are subtracted "
        "from units and revenue."
    )
    if any(abc.count_negative for abc in found.classes):
        lead += " Some products are below zero, so that the others can add up to more than 100 %."
    return Section("products", "Products", lead, tuple(_sales(found)))


def _sales(found: Figures) -> Iterator[Block]:
    if not found.classes:
        yield Note("There are no products.")
        return
    if found.products:
        yield _best(found)
        if found.curve and found.curve[-1].cumulative_revenue_share is not None:
            yield _curve(found)
        else:
            yield Note(NO_CLASSES)
    else:
        yield Note("No product is in an order line.")
    yield _classes(found.classes)
    if found.popular:
        yield _popular(found.popular)
    if found.least_sold:
        yield _least(found.least_sold)


def _name(product: figures.Product) -> str:
    return product_name(product.product_id, product.product_name, is_known=product.is_known_product)


def _best(found: Figures) -> Chart:
    products = found.products
    names = told_apart([_name(product) for product in products], [product.product_id for product in products])
    first = products[0]
    rows = [
        {
            "name": name,
            "value": float(product.revenue),
            "text": short_text(product.revenue),
            "tip": f"{isolated(drawable(name))}: {money_text(product.revenue)}, "
            + plural_text(product.total_units, "unit"),
        }
        for name, product in zip(names, products, strict=True)
    ]
    finding = Markup("{} comes first with {}").format(in_words(names[0]), money(first.revenue))
    if first.revenue <= 0:
        finding = Markup("No product has revenue above zero")
    elif first.revenue_share is not None:
        finding += Markup(", {} of all revenue").format(
            percent(first.revenue_share, exact=share_of(first.revenue, found.totals.revenue))
        )
    if first.revenue > 0 and sum(product.revenue == first.revenue for product in products) > 1:
        finding += Markup("; others have as much")
    return Chart(
        key="top-products",
        title="Best sold",
        finding=finding + Markup("."),
        source=(SALES,),
        definition="One row per product that an order line has; those with the highest revenue, at most "
        f"{figures.LONG_TOP}.",
        spec=lambda colour, width: compared.ranked_bars(rows, colour, width),
        is_half=True,
        data=_products("Products with the highest revenue", found),
    )


def _products(title: str, found: Figures) -> Table:
    return Table(
        title,
        ("Product", "Key", "Class", "Revenue", "Share", "Units", "Orders", "Customers", "Last order"),
        [
            (
                _name(product),
                key(product.product_id),
                product.abc_class,
                money(product.revenue),
                percent(product.revenue_share, 2, exact=share_of(product.revenue, found.totals.revenue)),
                count(product.total_units),
                count(product.count_orders),
                count(product.count_customers),
                _last_order(product),
            )
            for product in found.products
        ],
        text_columns=(0, 2),
    )


def _last_order(product: figures.Product) -> str:
    """Return the day on which a product was last ordered or returned, or why there is none."""
    if product.last_sold_at is not None:
        return day(product.last_sold_at)
    return "no date" if product.is_in_a_line else "never"


def _curve(found: Figures) -> Chart:
    last = found.curve[-1].position
    before = [0, *(point.position for point in found.curve)]
    rows = [
        {
            "from": start / last,
            "to": point.position / last,
            "share": float(point.cumulative_revenue_share or 0),
            "kind": f"class {point.abc_class}",
            "tip": f"the first {count_text(point.position)} of {plural_text(last, 'product')}: "
            f"{percent_text(point.cumulative_revenue_share)} of revenue",
        }
        for start, point in zip(before, found.curve, strict=False)
    ]
    best = next((abc for abc in found.classes if abc.abc_class == "A"), None)
    products = sum(abc.count_products for abc in found.classes)
    revenue = sum((abc.revenue for abc in found.classes), Decimal(0))
    finding = Markup("No product is in class A.")
    if best:
        finding = Markup("Class A is {} of {} ({}) and brings {} of revenue.").format(
            count(best.count_products),
            plural(products, "product"),
            percent(ratio(best.count_products, products)),
            percent(share_of(best.revenue, revenue)),
        )
    return Chart(
        key="abc-curve",
        title="ABC curve",
        finding=finding,
        source=(SALES,),
        definition="One row per product, the best sold first; their revenue added up, over all of it."
        + _only_in_lines(found),
        spec=lambda colour, width: compared.curve(rows, colour, width),
        is_half=True,
        data=Table(
            "Revenue added up over products",
            ("Products", "Share of products", "Share of revenue", "Class"),
            [
                (
                    count(point.position),
                    percent(ratio(point.position, last)),
                    percent(point.cumulative_revenue_share),
                    point.abc_class,
                )
                for point in found.curve
            ],
            text_columns=(3,),
        ),
    )


def _only_in_lines(found: Figures) -> str:
    """Say why there are more products here than in the catalogue; empty if there are not."""
    more = sum(abc.count_products for abc in found.classes) - found.totals.products
    if more <= 0:
        return ""
    return f" {plural_text(more, 'product is', 'products are')} known from order lines only."


def _classes(classes: Sequence[figures.ProductClass]) -> Table:
    revenue = sum((abc.revenue for abc in classes), Decimal(0))
    never = sum(abc.count_never_sold for abc in classes)
    return Table(
        "Classes",
        ("Class", "Products", "Never sold", "Revenue", "Share"),
        [
            (
                abc.abc_class,
                count(abc.count_products),
                count(abc.count_never_sold),
                money(abc.revenue),
                percent(share_of(abc.revenue, revenue)),
            )
            for abc in classes
        ],
        note=Markup("{} never sold: no order line has a positive quantity. One row per ABC class.").format(
            plural(never, "product was", "products were")
        ),
        source=(SALES,),
        is_half=True,
    )


def _popular(products: Sequence[figures.Product]) -> Table:
    return Table(
        "Most customers",
        ("Product", "Key", "Customers", "Units"),
        [
            (
                _name(product),
                key(product.product_id),
                count(product.count_customers),
                count(product.total_units),
            )
            for product in products
        ],
        note="Distinct known customers with a line of the product, returns included.",
        source=(SALES,),
        is_half=True,
    )


def _least(products: Sequence[figures.Product]) -> Table:
    return Table(
        "Least sold",
        ("Product", "Key", "Units", "Orders", "Revenue", "Last order"),
        [
            (
                _name(product),
                key(product.product_id),
                count(product.total_units),
                count(product.count_orders),
                money(product.revenue),
                _last_order(product),
            )
            for product in products
        ],
        note=f"One row per known product; those with the fewest units less returns, at most {figures.TOP}, "
        "equal ones by their key.",
        source=(SALES,),
    )


def pairs(found: Figures) -> Section:
    """Show which products are bought together."""
    lead = (
        "Only orders that bought a known product count. Support is the share of them with both products. "
        "Confidence is the share of the orders with the one product that also have the other. Lift says how "
        "many times more often the two are in one order than by chance."
    )
    table = Table(
        "Pairs in most orders",
        ("Product", "Key", "Bought with", "Its key", "Orders", "Support", "Confidence", "Reverse", "Lift"),
        [
            (
                product_name(pair.product_id, pair.product_name),
                key(pair.product_id),
                product_name(pair.paired_product_id, pair.paired_product_name),
                key(pair.paired_product_id),
                count(pair.count_orders),
                percent(pair.support, 2),
                percent(pair.confidence),
                percent(pair.reverse_confidence),
                number(pair.lift, 2),
            )
            for pair in found.pairs
        ],
        text_columns=(0, 2),
        note=Markup("One row per pair of products; the first {} of {}.").format(
            count(len(found.pairs)), plural(found.count_pairs, "pair")
        ),
        source=(figures.Pair.MART,),
    )
    blocks: tuple[Block, ...] = (table,) if found.pairs else (Note(NO_PAIRS),)
    return Section("pairs", "Bought together", lead, blocks)
