"""Sales by place: states and cities."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from markupsafe import Markup

from loader.report import compared, figures
from loader.report.blocks import Block, Chart, Note, Section, Table
from loader.report.figures import UNKNOWN, Figures
from loader.report.words import count, drawable, money, money_text, percent, percent_text, plural, short_text

STATES, LISTED = 12, 100
NOWHERE = "No sale has a known place."


def places(found: Figures) -> Section:
    """Revenue by state and city."""
    lead = (
        "The place is that of the customer's postal code. Dated or not, every sale is here; what has no "
        "known customer or postal code is Unknown."
    )
    selling = [each for each in found.states if each.count_orders]
    blocks: tuple[Block, ...] = (Note("There are no orders yet."),)
    if selling:
        known = sum(each.state != UNKNOWN for each in found.states)
        blocks = (_states(selling, plural(known, "state")), _cities(found))
    return Section("places", "Where customers are", lead, blocks)


def _states(states: Sequence[figures.State], known: Markup) -> Chart:
    first = next((each for each in states if each.state != UNKNOWN), None)
    rows = [
        _place(each.state, each.revenue, each.revenue_share, each.state == UNKNOWN, by_share=True)
        for each in states[:STATES]
    ]
    return Chart(
        key="revenue-by-state",
        title="States",
        finding=Markup("{} comes first of {} with {}, {} of all revenue.").format(
            first.state, known, money(first.revenue), percent(first.revenue_share)
        )
        if first
        else NOWHERE,
        source=(figures.State.MART,),
        definition=f"One row per state; the {min(STATES, len(states))} with the highest revenue are drawn.",
        spec=lambda colour, width: compared.ranked_bars(rows, colour, width),
        is_half=True,
        data=Table(
            "Revenue by state",
            ("State", "Revenue", "Share", "Orders", "Customers"),
            [
                (
                    each.state,
                    money(each.revenue),
                    percent(each.revenue_share),
                    count(each.count_orders),
                    count(each.count_customers),
                )
                for each in states[:LISTED]
            ],
        ),
    )


def _cities(found: Figures) -> Chart:
    cities = found.cities
    first = next((each for each in cities if each.city != UNKNOWN), None)
    rows = [
        _place(
            each.city if each.state == UNKNOWN else f"{each.city}, {each.state}",
            each.revenue,
            each.revenue_share,
            each.city == UNKNOWN,
            by_share=False,
        )
        for each in cities
    ]
    return Chart(
        key="revenue-by-city",
        title="Cities",
        finding=Markup("{} comes first of {} with {}.").format(
            first.city, plural(found.count_known_cities, "city", "cities"), money(first.revenue)
        )
        if first
        else NOWHERE,
        source=(figures.City.MART,),
        definition=f"One row per city and state; the {len(cities)} with the highest revenue.",
        spec=lambda colour, width: compared.ranked_bars(rows, colour, width),
        is_half=True,
        data=Table(
            "Revenue by city",
            ("City", "State", "Revenue", "Share", "Orders", "Customers"),
            [
                (
                    each.city,
                    each.state,
                    money(each.revenue),
                    percent(each.revenue_share),
                    count(each.count_orders),
                    count(each.count_customers),
                )
                for each in cities
            ],
            text_columns=(0, 1),
        ),
    )


def _place(
    name: str, revenue: Decimal, share: Decimal | None, is_unknown: bool, *, by_share: bool
) -> dict[str, object]:
    return {
        "name": drawable(name),
        "value": float(revenue),
        "text": percent_text(share) if by_share else short_text(revenue),
        "paint": "third" if is_unknown else "first",
        "tip": f"{drawable(name)}: {money_text(revenue)}, {percent_text(share)} of all",
    }
