"""Write the sample POS data: five seeds in the shape of the source tables, the same on every run.

Most rows come from a random generator with a fixed seed. The odd rows that real shops hold are listed below,
so that a plain `dbt build` meets all of them. Run `python seeds/generate.py` after a change and commit the
result.
"""

import csv
import random
import sys
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

Cell = str | int | None
Row = tuple[Cell, ...]

HEADERS = {
    "pos_product": ("id", "name", "currentPrice", "availableQuantity"),
    "pos_city": ("zip", "city", "state"),
    "pos_customer": (
        "id", "firstName", "lastName", "email", "address1", "address2", "phone", "birthdate", "zip",
    ),
    "pos_order": ("id", "datePlaced", "dateShipped", "customer_id"),
    "pos_orderline": ("order_id", "product_id", "quantity"),
}  # fmt: skip
COUNT_CUSTOMERS = 200
COUNT_ORDERS = 1000
COUNT_PRODUCTS = 80
COUNT_LINES = 3000
FIRST_ORDER = datetime(2023, 1, 1)

# A first zip, how many consecutive zips, the city, the state. Short zips have lost their leading zeros.
CITIES = (
    (77002, 14, "HOUSTON", "TX"), (75201, 9, "DALLAS", "TX"), (78701, 6, "AUSTIN", "TX"),
    (77840, 3, "COLLEGE STATION", "TX"), (10001, 9, "NEW YORK", "NY"), (90001, 8, "LOS ANGELES", "CA"),
    (60601, 7, "CHICAGO", "IL"), (80201, 4, "DENVER", "CO"), (2108, 6, "BOSTON", "MA"),
    (2860, 2, "PAWTUCKET", "RI"), (6050, 2, "NEW BRITAIN", "CT"), (7047, 1, "NORTH BERGEN", "NJ"),
    (718, 1, "NAGUABO", "PR"), (70380, 1, "MORGAN CITY", "LA"), (63944, 1, "HIRAM", "MO"),
    (98101, 5, "SEATTLE", "WA"), (33101, 5, "MIAMI", "FL"), (30301, 4, "ATLANTA", "GA"),
)  # fmt: skip
ODD_CITIES: tuple[Row, ...] = (
    ("3004", "Melbourne", "Victoria"),
    ("8200", "Århus", None),
    ("1203", "Genève", None),
    ("0028", "Hatfield", "Pretoria"),
    ("WX1 6LT", "London", None),
    ("EC2 5NT ", " Manchester ", None),
    ("558-0022", "Osaka", "Osaka"),
    ("94217", "San Jose", "CA"),  # one zip, three cities: the first by name is taken
    ("94217", "Burlingame", "ca"),
    ("94217", "Brisbane", "CA"),
    ("94217", "Brisbane", "CA"),
)
FIRST_NAMES = (
    "Ada", "Bo", "Chloé", "Dmitri", "Élodie", "Fatima", "Guy", "Hana", "Ines", "Jürgen", "Kofi",
    "Lupe", "Mei", "Nur", "Oscar", "Priya", "Quinn", "Rosa",
)  # fmt: skip
LAST_NAMES = (
    "Abe", "Brown", "Castro", "Dávila", "Evans", "Fuchs", "García", "Hughes", "Ito", "Jensen",
    "Kim", "López", "Müller", "Nagy", "Okafor", "Park",
)  # fmt: skip
COLOURS = (
    "Amber", "Beige", "Citron", "Denim", "Ebony", "Fuchsia", "Ginger", "Honey", "Indigo", "Jade",
)  # fmt: skip
FURNITURE = (
    "Armchair", "Bench", "Crib", "Dresser", "Headboard", "Ottoman", "Sofa", "Stool",
)  # fmt: skip

LONG_NAME = ("Sofa Диван ソファ 소파 沙发 أريكة Καναπές ספה Kanapé " * 10)[:268] + "!"
ODD_PRODUCTS: tuple[Row, ...] = (
    (0, "Bench with id zero", "42.9900", 28),
    (1, "  Sofa, spaces around  ", "1023.9900", 5),
    (2, "Stool named twice", "19.9900", 11),
    (3, "Stool named twice", "24.9900", 0),
    (4, "Screw, sold by the gram", "0.0375", 100000),
    (5, "Café table, crème brûlée 🪑☕", "800.0000", None),
    (6, "Child's \"Little O'Hara\" crib", "149.5000", -2),
    (7, LONG_NAME, "333.3333", 1),
    (8, "Product without a price", None, 3),
    (9, "Never sold", "9.9900", 50),
    (10, None, "5.0000", 1),
    (11, "Free sample", "0.0000", 999),
)
ODD_CUSTOMERS: tuple[Row, ...] = (
    (0, "Aspen", "Mitchum", "A.Mitchum@Example.COM", "328 Coconut Circle", "Apt #226", None, None, "70380"),
    (1, "Guy", "Deb", "guy.deb@example.com", "7433 Frangipani Lane", None, None, "2000-10-02", "63944"),
    (2, "  Carine ", "O'Brien", "SHARED@example.com", "54, rue Royale", None, "40.32.2555", None, "1203"),
    (3, "Zoë 😀", "D’Arcy-Núñez", " shared@example.com ", "1 A St.", " ", "+1 713 555", "1901-12-31", "718"),  # noqa: RUF001
    (4, "Short", "Zip", None, "2 Main St.", None, None, "1970-01-01", "2108"),
    (5, "Whole", "Zip", None, "3 Main St.", None, None, "1970-01-01", "02108"),
    (6, "Foreign", "Zip", None, "636 St Kilda Road", "Level 3", "03 9520 4555", None, "3004"),
    (7, "Unknown", "Zip", None, "4 Main St.", None, None, None, "99999"),
    (8, "Without", "Zip", None, None, None, None, None, None),
    (9, None, None, None, None, None, None, None, None),
    (10, "Repeated", "Zip", None, "5 Main St.", None, None, None, "94217"),
    (11, "Lower", "Zip", None, "6 Main St.", None, None, None, " wx1 6lt"),
    (12, "No", "Orders", "no.orders@example.com", "7 Main St.", None, None, "1985-06-15", "77002"),
)  # fmt: skip
ODD_ORDERS: tuple[Row, ...] = (
    (0, "2023-01-01 16:09:35", "2023-01-10 15:17:02", 0),
    (1, "2023-01-01 17:11:05", None, 1),  # cancelled
    (2, "2023-01-02 00:00:00", "2023-01-02 00:00:00", None),  # no customer
    (3, "2023-01-03 10:00:00", "2023-01-04 10:00:00", 987654),  # unknown customer
    (4, "2023-01-04 23:59:59", None, 2),  # without lines
    (5, None, None, 3),  # no date
    (6, "2023-01-06 08:30:00", "2023-01-07 09:00:00", 4),  # returned in part
    (7, "2023-01-07 08:30:00", "2023-01-08 09:00:00", 9),
)
ODD_LINES: tuple[Row, ...] = (
    (0, 0, 2), (0, 4, 333), (0, 4, 1), (0, 4, None), (0, 1, 1),  # product 4 repeated, once without a quantity
    (1, 5, 1), (2, 2, 3), (3, 3, 1), (5, 7, 3), (5, 6, 1),
    (6, 1, 2), (6, 1, -1), (6, 6, -1),  # returns
    (7, 10, 1), (7, 11, 5), (7, 8, 2),  # nameless, free, without a price
    (7, 999999, 1), (7, None, 1),  # unknown product, no product
    (888888, 2, 4), (888888, 999999, 1), (None, 3, 2), (None, None, 1),  # unknown order, no order
    (6, 0, 0),
)  # fmt: skip


def main() -> None:
    """Write the seeds beside this file, or into the directory given as the only argument."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    for name, rows in tables().items():
        with (target / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(HEADERS[name])
            writer.writerows(rows)


def tables() -> dict[str, list[Row]]:
    """Return the rows of every seed by name, cells in the order of `HEADERS`; None is a missing value."""
    draw = random.Random(20240229)  # noqa: S311 - sample data, the same on every run
    city_rows = list(cities())
    return {
        "pos_product": [*ODD_PRODUCTS, *products(draw)],
        "pos_city": city_rows,
        "pos_customer": [*ODD_CUSTOMERS, *customers(draw, [row[0] for row in city_rows])],
        "pos_order": [*ODD_ORDERS, *orders(draw)],
        "pos_orderline": [*ODD_LINES, *lines(draw)],
    }


def cities() -> Iterable[Row]:
    """One row per zip. Zips have lost their leading zeros, as in a spreadsheet that reads them as numbers."""
    for first_zip, count, city, state in CITIES:
        yield from ((str(first_zip + offset), city, state) for offset in range(count))
    yield from ODD_CITIES


def products(draw: random.Random) -> Iterable[Row]:
    """Furniture for 10.99 to 1,279.99; every price ends in 99 cents."""
    for key in range(len(ODD_PRODUCTS), COUNT_PRODUCTS):
        name = f"{draw.choice(COLOURS)} {draw.choice(FURNITURE)}"
        yield key, name, f"{draw.randrange(10, 1280)}.9900", draw.randrange(300)


def customers(draw: random.Random, zips: list[Cell]) -> Iterable[Row]:
    """Customers of the cities above; about half have a birthdate, and about half a phone."""
    for key in range(len(ODD_CUSTOMERS), COUNT_CUSTOMERS):
        first, last = draw.choice(FIRST_NAMES), draw.choice(LAST_NAMES)
        birthdate = datetime(1940, 1, 1) + timedelta(days=draw.randrange(24000))
        yield (
            key,
            first,
            last,
            f"{first}.{last}{key}@Example.com",
            f"{draw.randrange(1, 9999)} {draw.choice(COLOURS)} Lane",
            f"Apt #{draw.randrange(1, 300)}" if draw.random() < 0.3 else None,
            f"713555{draw.randrange(10000):04}" if draw.random() < 0.5 else None,
            f"{birthdate:%Y-%m-%d}" if draw.random() < 0.5 else None,
            draw.choice(zips),
        )


def orders(draw: random.Random) -> Iterable[Row]:
    """Two years of orders by customers that are not odd; one in fifteen is never shipped."""
    for key in range(len(ODD_ORDERS), COUNT_ORDERS):
        placed = FIRST_ORDER + timedelta(seconds=draw.randrange(2 * 365 * 86400))
        shipped = placed + timedelta(seconds=draw.randrange(3600, 20 * 86400))
        customer = draw.randrange(len(ODD_CUSTOMERS), COUNT_CUSTOMERS - 5)
        yield key, f"{placed}", f"{shipped}" if draw.random() > 1 / 15 else None, customer


def lines(draw: random.Random) -> Iterable[Row]:
    """Lines of these orders; some repeat a product of their order."""
    for _ in range(COUNT_LINES - len(ODD_LINES)):
        product = draw.randrange(len(ODD_PRODUCTS), COUNT_PRODUCTS)
        yield draw.randrange(len(ODD_ORDERS), COUNT_ORDERS), product, draw.choice((1, 1, 1, 2, 3, 12))


if __name__ == "__main__":
    main()
