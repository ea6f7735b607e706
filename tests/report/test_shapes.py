"""Shops of every shape: what their page says is so, and is what plain Python works out.

Each shop is tiny, and its marts are the project's own SQL on its rows.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal

import pytest

from tests.report.shops import Built, Till, build
from tests.report_marts.test_reports import EXPECTED, by_key
from tests.warehouse import Warehouse

PRODUCTS = (
    (1, "Tea", "4.5000", 10),
    (2, "Tea", "2.0000", 5),
    (3, "Cup", "1.2345", 0),
    (4, "Pot", "30", 1),
)
CUSTOMERS = ((1, "Ann", "Lee", "12345"), (2, "Bob", None, None), (3, None, None, "99999"))
CITIES = (("12345", "Paris", "TX"), ("12346", "Paris", "KY"))
HOSTILE = "</script><script>alert(1)</script>"
EMOJI = "\N{GRINNING FACE}" * 40
BLANK = "\N{ZERO WIDTH SPACE}"
HEBREW = "\u05e9\u05dc\u05d5\u05dd"


def many(customers: int) -> Till:
    """Each customer orders one more unit than the one before, one a day from New Year on."""
    orders = [
        (key, f"2024-{1 + (key - 1) // 28 % 12:02}-{1 + (key - 1) % 28:02}", None, key)
        for key in range(1, customers + 1)
    ]
    return Till(
        products=PRODUCTS,
        customers=[(key, f"C{key}", None, "12345") for key in range(1, customers + 1)],
        orders=orders,
        lines=[(key, 1, key) for key in range(1, customers + 1)],
        cities=CITIES,
    )


def months(*amounts: int, first: str = "2024-01-01", last: str = "2024-05-31") -> Till:
    """Units of a product that costs 1, on the 10th of January and so on; the ends make months complete."""
    orders = [(number, f"2024-{number:02}-10", None, 1) for number in range(1, len(amounts) + 1)]
    return Till(
        products=[(1, "Tea", "1", 1)],
        customers=CUSTOMERS,
        orders=[*orders, (98, first, None, 1), (99, last, None, 1)],
        lines=[(number, 1, amount) for number, amount in enumerate(amounts, 1) if amount],
        cities=CITIES,
    )


TILLS: dict[str, Till] = {
    "nothing": Till(),
    "products only": Till(products=PRODUCTS),
    "customers only": Till(customers=CUSTOMERS, cities=CITIES),
    "one order": Till(PRODUCTS, CUSTOMERS, [(1, "2024-01-05", "2024-01-06", 1)], [(1, 1, 1)], CITIES),
    "no dates": Till(
        PRODUCTS, CUSTOMERS, [(1, None, None, 1), (2, None, None, 2)], [(1, 1, 1), (2, 2, 3)], CITIES
    ),
    "some dates": Till(
        PRODUCTS, CUSTOMERS, [(1, None, None, 1), (2, "2024-01-05", None, 2)], [(1, 1, 1), (2, 2, 3)], CITIES
    ),
    "only returns": Till(
        PRODUCTS,
        CUSTOMERS,
        [(1, "2024-01-05", None, 1), (2, "2024-02-05", None, 2)],
        [(1, 1, -1), (2, 2, -3), (2, 4, -1)],
        CITIES,
    ),
    "orders without lines": Till(
        PRODUCTS, CUSTOMERS, [(1, "2024-01-05", None, 1), (2, "2024-02-05", None, 2)], [], CITIES
    ),
    "sold and returned": Till(
        PRODUCTS,
        CUSTOMERS,
        [(1, "2024-01-05", None, 1), (2, "2024-02-05", None, 2)],
        [(1, 1, 1), (2, 1, -1)],
        CITIES,
    ),
    "a negative product": Till(
        [(1, "Tea", "10", 1), (2, "Cup", "5", 1), (3, "Jug", "1", 1), (4, "Voucher", "-5", 1)],
        CUSTOMERS,
        [(1, "2024-01-05", None, 1)],
        [(1, 1, 1), (1, 2, 1), (1, 3, 1), (1, 4, 1)],
        CITIES,
    ),
    "tiny prices": Till(
        [(1, "Bolt", "0.0001", 1), (2, "Ship", "900", 1)],
        CUSTOMERS,
        [(1, "2024-01-05", None, 1), (2, "2024-03-05", None, 2)],
        [(1, 1, 1), (2, 2, 1)],
        CITIES,
    ),
    "huge prices": Till(
        [(1, "Ship", "99999999.9999", 1)], CUSTOMERS, [(1, "2024-01-05", None, 1)], [(1, 1, 3000)], CITIES
    ),
    "only tiny prices": Till(
        [(1, "Bolt", "0.0001", 1)],
        CUSTOMERS,
        [(1, "2024-01-05", None, 1), (2, "2024-02-05", None, 2)],
        [(1, 1, 1), (2, 1, 2)],
        CITIES,
    ),
    "nobody known": Till(orders=[(1, "2024-01-05", None, None)], lines=[(1, 9, 1), (7, 8, 2)]),
    "an unknown product": Till(
        PRODUCTS[:1], CUSTOMERS, [(1, "2024-01-05", None, 1)], [(1, 1, 1), (1, 9, 1)], CITIES
    ),
    "two cities of one name": Till(
        PRODUCTS,
        [(1, "Ann", "Lee", "12345"), (2, "Ann", "Lee", "12346")],
        [(1, "2024-01-05", "2024-01-06", 1), (2, "2024-01-06", None, 2)],
        [(1, 1, 1), (2, 1, 1)],
        CITIES,
    ),
    "names": Till(
        [
            (1, EMOJI, "3", 1),
            (2, HOSTILE, "2", 1),
            (3, HEBREW * 9, "1", 1),
            (4, BLANK, "1", 1),
        ],
        [(1, EMOJI, HEBREW, "1"), (2, HOSTILE, None, "2"), (3, BLANK, None, "3")],
        [(1, "2024-01-05", None, 1), (2, "2024-01-05", None, 2), (3, "2024-01-05", None, 3)],
        [(order, product, 1) for order in (1, 2, 3) for product in (1, 2, 3, 4)],
        [("1", EMOJI, EMOJI), ("2", HOSTILE, HEBREW), ("3", HEBREW * 20, "TX")],
    ),
    "nine customers": many(9),
    "thirteen customers": many(13),
    "one complete month": months(3, first="2024-01-01", last="2024-01-31"),
    "equal months": months(3, 3, first="2024-01-01", last="2024-02-29"),
    "two best months": months(5, 1, 5, 0, 0),
    "a loss before": months(5, -2, 4, 0, 1),
}
"""By what is special about them."""

SAID: dict[str, tuple[str, ...]] = {
    "nothing": (
        "There are no products.",
        "No customer is known.",
        "There are no orders.",
        "No product is known.",
    ),
    "products only": ("No product is in an order line.", "There are no orders."),
    "customers only": ("None of 3 customers has ordered.", "There are no products.", "No product is known."),
    "one order": (
        "5 Jan 2024",
        "No month is complete.",
        "In the only month, returning customers brought 0.00, 0.0 % of the revenue.",
        "TX is the only known state with 4.50, 100.0 % of all revenue.",
        "Paris, TX is the only known city with 4.50.",
        "1 customer ordered, too few to divide into tenths.",
        "The dated orders span 1 day, too few for a mean of 28.",
    ),
    "no dates": (
        "None of the 2 orders has a date.",
        "2 customers ordered, too few to divide into tenths.",
        "1 of 4 products is over-allocated, out of stock or low; of 3 the stock or the pace of sales is not "
        "known.",
    ),
    "only returns": (
        "All products together have no revenue above zero, so none has a share of it, and all are class C.",
        "TX is the only known state with \N{MINUS SIGN}4.50.",
        "0 of 1 customer (0.0 %) ordered again 1 month later.",
    ),
    "sold and returned": ("No product has revenue above zero.",),
    "a negative product": (
        "Class A is 1 of 4 products (25.0 %) and brings 90.9 % of revenue.",
        "Tea comes first with 10.00, 90.9 % of all revenue.",
    ),
    "tiny prices": ("Ship comes first with 900.00, >99.9 % of all revenue.",),
    "two cities of one name": ("Paris, KY comes first of 2 cities with 4.50; others have as much.",),
    "nine customers": ("9 customers ordered, too few to divide into tenths.",),
    "thirteen customers": (
        "The best 2 of 13 customers who ordered brought 112.50, 27.5 % of the revenue of all of them; "
        "the mean of all is 31.50.",
    ),
    "one complete month": ("The only complete month, January 2024, brought 3.00.",),
    "equal months": ("Each of 2 complete months brought 3.00.",),
    "two best months": (
        "Of 5 complete months, 2 months brought the most with 5.00, 2 months the least with 0.00.",
    ),
    "a loss before": (
        "Of 5 complete months, January 2024 brought the most with 5.00, "
        "February 2024 the least with \N{MINUS SIGN}2.00.",
    ),
}
NOUNS = "unit|customer|product|month|order|state|document|day|row|pair"
FALSE = {
    "one is plural": rf"(?<![\d.,])1 (?:complete |known )?(?:{NOUNS})s\b|(?<![\d.,])1 cities",
    "several are singular": rf"(?<![\d.,])(?:0|[2-9]|\d\d+) (?:complete |known )?(?:{NOUNS})\b(?!-)",
    "a zero has a sign": r"[-\N{MINUS SIGN}]0(?:\.0+)?(?![\d.])",
    "a value of Python": r"\bNone\b(?! of)|\bnan\b|\bDecimal\b|\bTrue\b|\binf\b",
    "a share of nothing": r"\N{EN DASH} of ",
}


@pytest.fixture(scope="module")
def built(sample_warehouse: Warehouse) -> Callable[[str], Built]:
    """A shop's marts and page, made once."""
    made: dict[str, Built] = {}

    def get(name: str) -> Built:
        if name not in made:
            schema = f"test_shape_{len(made)}"
            sample_warehouse.create_schema(schema)
            made[name] = build(sample_warehouse, schema, TILLS[name])
        return made[name]

    return get


def spelled(text: str) -> str:
    return " ".join(text.replace("\N{NO-BREAK SPACE}", " ").split())


@pytest.mark.parametrize("name", TILLS)
def test_reports_of_every_shape_are_what_plain_python_works_out(
    name: str, built: Callable[[str], Built]
) -> None:
    shop = built(name)
    for report, columns in shop.columns.items():
        if report == "rpt_source_profile":  # its oracle is of the project's own sources
            continue
        key = list(shop.keys[report])
        rows = shop.warehouse.query(f"select {', '.join(columns)} from {report}")
        found = by_key((dict(zip(columns, row, strict=True)) for row in rows), key)
        assert found == by_key(EXPECTED[report](shop.till.shop), key), report


@pytest.mark.parametrize("name", SAID)
def test_it_says_what_is_so(name: str, built: Callable[[str], Built]) -> None:
    notes = [spelled(note) for note in built(name).page.notes]
    assert [sentence for sentence in SAID[name] if sentence not in notes] == [], notes


def test_products_of_order_lines_only_are_counted_apart(built: Callable[[str], Built]) -> None:
    notes = " ".join(map(spelled, built("an unknown product").page.notes))
    assert "Class A is 1 of 2 products (50.0 %)" in notes
    assert " 1 product is known from order lines only." in notes


@pytest.mark.parametrize("name", TILLS)
def test_no_words_are_false_of_any_shape(name: str, built: Callable[[str], Built]) -> None:
    page, html = built(name).page, built(name).html
    words = [*map(spelled, page.notes), *page.tips, *map(str, page.images)]
    cells = [str(cell) for table in page.tables.values() for row in table for cell in row]
    for what, pattern in FALSE.items():
        assert [text for text in words if re.search(pattern, text)] == [], what
    assert [cell for cell in cells if re.search(FALSE["a value of Python"], cell)] == []
    assert page.tags["script"] == 1
    assert "\ufffd" not in html


@pytest.mark.parametrize("name", TILLS)
def test_nothing_is_rounded_to_nothing_and_only_all_is_all(name: str, built: Callable[[str], Built]) -> None:
    for value, text in built(name).page.spelled:
        plain = spelled(text).lstrip("+")
        if re.fullmatch(r"[\d.,]+( %)?", plain) and not plain.strip("0.,% "):
            assert value == 0, text
        if plain in ("100 %", "100.0 %", "100.00 %"):
            assert abs(value) >= 1, text


@pytest.mark.parametrize("name", TILLS)
def test_labels_are_those_of_the_tables(name: str, built: Callable[[str], Built]) -> None:
    shop = built(name)
    for key, caption, column in (
        ("top-products", "Products with the highest revenue", 3),
        ("revenue-by-city", "Revenue by city", 2),
    ):
        if caption not in shop.page.tables:
            continue
        shown = [Decimal(value) for value in shop.page.column(caption, column)]
        texts = shop.page.labels[key]
        for value in shown:
            if abs(value) < 1000:
                places = 2 if round(value, 2) or not value else 4
                assert f"{value:,.{places}f}".replace("-", "\N{MINUS SIGN}") in texts


@pytest.mark.parametrize("name", TILLS)
def test_an_axis_says_no_million_for_a_thousandth(name: str, built: Callable[[str], Built]) -> None:
    labels = [label for texts in built(name).page.labels.values() for label in texts]
    assert [label for label in labels if re.fullmatch(r".*\d[mµnpG]", label)] == []


def test_products_are_told_apart_by_their_keys(built: Callable[[str], Built]) -> None:
    tables = built("two cities of one name").page.tables
    assert [row[:2] for row in tables["Least sold"]] == [["Tea", 2], ["Cup", 3], ["Pot", 4], ["Tea", 1]]
    assert [row[:2] for row in tables["Customers with the highest lifetime revenue"]] == [
        ["Ann Lee", 1],
        ["Ann Lee", 2],
    ]


def test_a_product_without_a_date_is_not_never_sold(built: Callable[[str], Built]) -> None:
    table = {row[1]: row[5] for row in built("no dates").page.tables["Least sold"]}
    assert table == {1: "no date", 2: "no date", 3: "never", 4: "never"}


def test_a_product_with_only_returns_is_in_an_order_line(built: Callable[[str], Built]) -> None:
    page = built("only returns").page
    numbers = {row[0]: row[1] for row in page.tables["Order lines and products"]}
    assert numbers["Products in no order line"] == 1
    assert numbers["Products never sold, only returned if at all"] == 4
    assert ["Pot", 4, -1, 1, -30, "5 Feb 2024"] in page.tables["Least sold"]


def test_classes_are_cut_on_the_shares_beside_them(built: Callable[[str], Built]) -> None:
    for name in TILLS:
        query = built(name).warehouse.query
        rows = query(
            "select abc_class, revenue, revenue_share, cumulative_revenue_share from rpt_product_sales "
            "order by revenue desc, product_id"
        )
        for abc_class, revenue, share, until in rows:
            if share is None or revenue <= 0:
                assert abc_class == "C"
            else:
                bounds = Decimal("0.8"), Decimal("0.95")
                assert abc_class == "ABC"[sum(until - share >= bound for bound in bounds)]


def test_stock_without_any_date_is_not_said_to_stand_still(built: Callable[[str], Built]) -> None:
    statuses = {row[0]: row[1] for row in built("no dates").page.tables["Products by stock status"]}
    assert statuses == {"out of stock": 1, "unknown": 3}


def test_names_are_isolated_from_the_words_around_them(built: Callable[[str], Built]) -> None:
    html = built("names").html
    assert f"<bdi>{EMOJI}</bdi> comes first with " in html
    assert HOSTILE not in html
    assert "product 4" in {row[0] for row in built("names").page.tables["Least sold"]}
    assert "customer 3" in {
        row[0] for row in built("names").page.tables["Customers with the highest lifetime revenue"]
    }
