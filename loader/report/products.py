"""What is sold, and what sells together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import Decimal

from markupsafe import Markup

from loader.report import compared, figures
from loader.report.blocks import Block, Chart, Note, Section, Table
from loader.report.figures import Figures
from loader.report.words import (
    count,
    count_text,
    day,
    drawable,
    money,
    money_text,
    number,
    percent,
    percent_text,
    plural,
    product_name,
    ratio,
    short_text,
)

SALES = figures.Product.MART
NO_PAIRS = (
    "No two of the products in most orders were bought together in as many orders as the variable "
    "pairs_minimum_orders asks for (2 unless set)."
)


def sales(found: Figures) -> Section:
    """The best and the least sold, and how revenue is spread over products."""
    lead = (
        "Products in the order of their revenue. Class A holds those that bring the first 80 % of it, B the "
        "next 15 %, C the rest, unless the project's variables say otherwise."
    )
    return Section("products", "Products", lead, tuple(_sales(found)))


def _sales(found: Figures) -> Iterator[Block]:
    if not found.products:
        yield Note("There are no products yet.")
        return
    if any(each.count_orders for each in found.products):
        yield _best(found.products)
        yield _curve(found)
    yield _classes(found.classes)
    yield _popular(found.popular)
    yield _least(found.least_sold)


def _name(product: figures.Product) -> str:
    return product_name(product.product_id, product.product_name, is_known=product.is_known_product)


def _best(products: Sequence[figures.Product]) -> Chart:
    repeated = Counter(each.product_name for each in products)
    names = [drawable(_name(each)) for each in products]
    first = products[0]
    rows = [
        {
            "name": name + (f" ({each.product_id})" if repeated[each.product_name] > 1 else ""),
            "value": float(each.revenue),
            "text": short_text(each.revenue),
            "tip": f"{name}: {money_text(each.revenue)}, {count_text(each.total_units)} units",
        }
        for name, each in zip(names, products, strict=True)
    ]
    return Chart(
        key="top-products",
        title="Best sold",
        finding=Markup("{} comes first with {}, {} of all revenue.").format(
            _name(first),
            money(first.revenue),
            percent(first.revenue_share),
        ),
        source=(SALES,),
        definition=f"One row per product; the {len(products)} with the highest revenue.",
        spec=lambda colour, width: compared.ranked_bars(rows, colour, width),
        is_half=True,
        data=_products("Products with the highest revenue", products),
    )


def _products(title: str, products: Sequence[figures.Product]) -> Table:
    return Table(
        title,
        ("Product", "Class", "Revenue", "Share", "Units", "Orders", "Buyers", "Last sold"),
        [
            (
                _name(each),
                each.abc_class,
                money(each.revenue),
                percent(each.revenue_share, 2),
                count(each.total_units),
                count(each.count_orders),
                count(each.count_customers),
                day(each.last_sold_at),
            )
            for each in products
        ],
        text_columns=(0, 1),
    )


def _curve(found: Figures) -> Chart:
    last = found.curve[-1].position
    before = [0, *(each.position for each in found.curve)]
    rows = [
        {
            "from": start / last,
            "to": each.position / last,
            "share": float(each.cumulative_revenue_share or 0),
            "kind": f"class {each.abc_class}",
            "tip": f"the first {count_text(each.position)} of {count_text(last)} products: "
            f"{percent_text(each.cumulative_revenue_share)} of revenue",
        }
        for start, each in zip(before, found.curve, strict=False)
    ]
    best = next((each for each in found.classes if each.abc_class == "A"), None)
    products = sum(each.count_products for each in found.classes)
    return Chart(
        key="abc-curve",
        title="ABC curve",
        finding=Markup("Class A is {} of {} ({}) and brings {} of revenue.").format(
            count(best.count_products if best else 0),
            plural(products, "product"),
            percent(ratio(best.count_products if best else 0, products)),
            percent(
                ratio(
                    best.revenue if best else Decimal(0),
                    sum((each.revenue for each in found.classes), Decimal(0)),
                )
            ),
        ),
        source=(SALES,),
        definition="One row per product, the best sold first; their revenue added up, over all of it.",
        spec=lambda colour, width: compared.curve(rows, colour, width),
        is_half=True,
        data=Table(
            "Revenue added up over products",
            ("Products", "Share of products", "Share of revenue", "Class"),
            [
                (
                    count(each.position),
                    percent(ratio(each.position, last)),
                    percent(each.cumulative_revenue_share),
                    each.abc_class,
                )
                for each in found.curve
            ],
            text_columns=(3,),
        ),
    )


def _classes(classes: Sequence[figures.ProductClass]) -> Table:
    revenue = sum((each.revenue for each in classes), Decimal(0))
    never = sum(each.count_never_sold for each in classes)
    return Table(
        "Classes",
        ("Class", "Products", "Never sold", "Revenue", "Share"),
        [
            (
                each.abc_class,
                count(each.count_products),
                count(each.count_never_sold),
                money(each.revenue),
                percent(ratio(each.revenue, revenue)),
            )
            for each in classes
        ],
        note=Markup("{} never sold. One row per ABC class.").format(
            plural(never, "product was", "products were")
        ),
        source=(SALES,),
        is_half=True,
    )


def _popular(products: Sequence[figures.Product]) -> Table:
    return Table(
        "Most buyers",
        ("Product", "Buyers", "Units"),
        [
            (
                _name(each),
                count(each.count_customers),
                count(each.total_units),
            )
            for each in products
        ],
        note="Distinct known customers with a line of the product.",
        source=(SALES,),
        is_half=True,
    )


def _least(products: Sequence[figures.Product]) -> Table:
    return Table(
        "Least sold",
        ("Product", "Units", "Orders", "Revenue", "Last sold"),
        [
            (
                _name(each),
                count(each.total_units),
                count(each.count_orders),
                money(each.revenue),
                day(each.last_sold_at) if each.last_sold_at else "never",
            )
            for each in products
        ],
        note="One row per product; those with the fewest units less returns, equal ones by their key.",
        source=(SALES,),
    )


def pairs(found: Figures) -> Section:
    """What is bought together."""
    lead = (
        "Counted are the orders that bought a known product. Support is the share of them that hold both "
        "products, confidence the share of those with the one that hold the other too, lift how many times "
        "more often they meet than by chance."
    )
    table = Table(
        "Pairs in most orders",
        ("Product", "Bought with", "Orders", "Support", "Confidence", "Reverse", "Lift"),
        [
            (
                product_name(each.product_id, each.product_name),
                product_name(each.paired_product_id, each.paired_product_name),
                count(each.count_orders),
                percent(each.support, 2),
                percent(each.confidence),
                percent(each.reverse_confidence),
                number(each.lift),
            )
            for each in found.pairs
        ],
        text_columns=(0, 1),
        note=Markup("One row per pair of products; the first {} of {}.").format(
            count(len(found.pairs)), plural(found.count_pairs, "pair")
        ),
        source=(figures.Pair.MART,),
    )
    blocks: tuple[Block, ...] = (table,) if found.pairs else (Note(NO_PAIRS),)
    return Section("pairs", "Bought together", lead, blocks)
