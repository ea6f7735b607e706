"""Sales by place: states and cities."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from markupsafe import Markup

from pos_loader.report.charts import compared
from pos_loader.report.charts.names import drawable, in_words, isolated
from pos_loader.report.parts.blocks import Block, Chart, Note, Section, Table
from pos_loader.report.parts.words import (
    count,
    money,
    money_text,
    percent,
    percent_text,
    plural,
    share_of,
    short_text,
)
from pos_loader.report.read import figures
from pos_loader.report.read.figures import LONG_TOP, UNKNOWN, Figures

STATES, LISTED = 12, 100
NOWHERE = Markup("No sale has a known place.")


def places(found: Figures) -> Section:
    """Show revenue by state and by city."""
    lead = (
        "The place is that of the customer's postal code. Dated or not, every sale is here; what has no "
        "known customer, or no known place, is Unknown."
    )
    selling = [state for state in found.states if state.count_orders or state.revenue]
    blocks: tuple[Block, ...] = (Note("There are no orders."),)
    if selling:
        blocks = (_states(selling, found), _cities(found))
    return Section("places", "Where customers are", lead, blocks)


def _first(
    name: str,
    number_of: int,
    nouns: tuple[str, str],
    revenue: Decimal,
    share: Markup | None,
    *,
    is_tied: bool,
) -> Markup:
    """Say which place comes first, of how many, with which revenue, and whether others have as much."""
    place = Markup("is the only known {}").format(nouns[0])
    if number_of != 1:
        place = Markup("comes first of {}").format(plural(number_of, *nouns))
    text = Markup("{} {} with {}").format(in_words(name), place, money(revenue))
    if share is not None:
        text += Markup(", {} of all revenue").format(share)
    return text + ("; others have as much." if is_tied else ".")


def _states(states: Sequence[figures.State], found: Figures) -> Chart:
    known = [state for state in states if state.state != UNKNOWN]
    rows = [
        _place(state.state, state, found, state.state == UNKNOWN, by_share=True) for state in states[:STATES]
    ]
    finding = NOWHERE
    if known:
        finding = _first(
            known[0].state,
            sum(state.state != UNKNOWN for state in found.states),
            ("state", "states"),
            known[0].revenue,
            None if known[0].revenue_share is None else _share(known[0], found),
            is_tied=any(state.revenue == known[0].revenue for state in known[1:]),
        )
    return Chart(
        key="revenue-by-state",
        title="States",
        finding=finding,
        source=(figures.State.MART,),
        definition=f"One row per state with orders; {_drawn(len(rows), len(states))}.",
        spec=lambda colour, width: compared.ranked_bars(rows, colour, width),
        is_half=True,
        data=Table(
            "Revenue by state",
            ("State", "Revenue", "Share", "Orders", "Customers"),
            [
                (
                    state.state,
                    money(state.revenue),
                    _share(state, found),
                    count(state.count_orders),
                    count(state.count_customers),
                )
                for state in states[:LISTED]
            ],
        ),
    )


def _drawn(drawn: int, there: int) -> str:
    listed = f", the first {LISTED} listed" if there > LISTED else ""
    return f"the {drawn} with the highest revenue are drawn{listed}" if drawn < there else "all are drawn"


def city_label(city: figures.City) -> str:
    """Return a city's name, with its state if that is known."""
    return city.city if city.state == UNKNOWN else f"{city.city}, {city.state}"


def _cities(found: Figures) -> Chart:
    cities = found.cities
    first = next((city for city in cities if city.city != UNKNOWN), None)
    rows = [_place(city_label(city), city, found, city.city == UNKNOWN, by_share=False) for city in cities]
    finding = NOWHERE
    if first:
        finding = _first(
            city_label(first),
            found.count_known_cities,
            ("city", "cities"),
            first.revenue,
            None,
            is_tied=sum(city.city != UNKNOWN and city.revenue == first.revenue for city in cities) > 1,
        )
    return Chart(
        key="revenue-by-city",
        title="Cities",
        finding=finding,
        source=(figures.City.MART,),
        definition="One row per city and state with orders; those with the highest revenue, at most "
        f"{LONG_TOP}.",
        spec=lambda colour, width: compared.ranked_bars(rows, colour, width),
        is_half=True,
        data=Table(
            "Revenue by city",
            ("City", "State", "Revenue", "Share", "Orders", "Customers"),
            [
                (
                    city.city,
                    city.state,
                    money(city.revenue),
                    _share(city, found),
                    count(city.count_orders),
                    count(city.count_customers),
                )
                for city in cities
            ],
            text_columns=(0, 1),
        ),
    )


def _share(place: figures.State | figures.City, found: Figures) -> Markup:
    return percent(place.revenue_share, exact=share_of(place.revenue, found.totals.revenue))


def _place(
    name: str, place: figures.State | figures.City, found: Figures, is_unknown: bool, *, by_share: bool
) -> dict[str, object]:
    revenue, share = place.revenue, share_of(place.revenue, found.totals.revenue)
    return {
        "name": name,
        "value": float(revenue),
        "text": percent_text(share) if by_share and share is not None else short_text(revenue),
        "paint": "third" if is_unknown else "first",
        "tip": f"{isolated(drawable(name))}: {money_text(revenue)}"
        + ("" if share is None else f", {percent_text(share)} of all"),
    }
