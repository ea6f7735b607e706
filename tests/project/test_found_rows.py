"""A build names the rows that its tests found, by their key, and shows nothing personal."""

import shutil
from textwrap import dedent

import pytest

from pos_sandbox.cluster import Endpoints
from tests.warehouse import PROJECT, Warehouse, new_warehouse

LONG = "assert_a_name_that_is_longer_than_any_name_that_mariadb_takes_for_a_table"
SECRETS = ("ann@example.org", "bob@example.org", "Ann", "Bob", "1990-05-17", "555-0101")
FILES = {
    "models/people.sql": """
        select 1 as person_id, 'ann@example.org' as email, 'Ann' as first_name, 'TX' as state, -5 as points
        union all select 2, 'ann@example.org', 'Ann', 'TX', 7
        union all select 3, null, 'Bob', 'ZZ', 8
        union all select 3, 'bob@example.org', 'Bob', null, 9
    """,
    "models/lines.sql": "select 3 as units, 'a' as colour union all select null, 'b'",
    "models/broken.sql": "select no_such_column from information_schema.tables",
    "models/_models.yml": """
        version: 2
        models:
          - name: people
            columns:
              - {name: person_id, tests: [unique]}
              - name: email
                meta: {personal: true}
                tests: [unique, not_null, {accepted_values: {values: [ann@example.org]}}]
              - {name: first_name, meta: {personal: true}}
              - name: state
                tests:
                  - relationships: {to: ref('states'), field: state}
                  - not_null: {config: {severity: warn}}
              - {name: points, tests: [{accepted_range: {min_value: 0}}]}
            tests: [{unique_combination: {columns: [first_name, state]}}]
          - name: lines
            columns: [{name: units, tests: [not_null]}, {name: colour}]
          - {name: states, columns: [{name: state}]}
          - {name: broken, columns: [{name: no_such_column, tests: [unique]}]}
        sources:
          - name: shop
            schema: "{{ target.schema }}"
            tables:
              - name: order
                columns:
                  - {name: id, tests: [unique]}
                  - {name: birthDate, meta: {personal: true}}
                  - {name: key, quote: true, tests: [{accepted_values: {values: [5]}}]}
    """,
    "models/states.sql": "select 'TX' as state",
    "tests/dbt/order.sql": "select id, `key`, birthdate, 'hidden text' as remark, 12.5 as total "
    "from {{ source('shop', 'order') }}",
    f"tests/dbt/{LONG}.sql": "{{ config(severity='warn', meta={'shown': ['kind']}) }}"
    "select person_id, email as contact, cast('1990-05-17' as date) as born, 'a kind' as kind "
    "from {{ ref('people') }}",
    "tests/dbt/assert_an_error.sql": "select no_such_column from {{ ref('people') }}",
}


@pytest.fixture(scope="module")
def shop(servers: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """A project of its own with this project's macros, in which every kind of test finds something."""
    project = tmp_path_factory.mktemp("found_rows") / "project"
    for folder in ("macros",):
        shutil.copytree(PROJECT / folder, project / folder)
    for name in ("dbt_project.yml", "profiles.example.yml"):
        shutil.copyfile(PROJECT / name, project / name)
    for name, text in FILES.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(dedent(text))
    warehouse = new_warehouse(servers, project / "target", "test_found_rows")
    warehouse.query("create table `order` (id bigint, `key` int, birthDate date, phone varchar(20))")
    warehouse.query("insert into `order` values (1, 5, '1990-05-17', '555-0101'), (2, 6, null, null)")
    return Warehouse(**{**warehouse.__dict__, "project": project})


def printed(output: str) -> str:
    """The lines that the hook prints, without their times."""
    lines = [line[10:] for line in output.splitlines()]
    start = next(number for number, line in enumerate(lines) if line.startswith("Rows that tests found"))
    return "\n".join(lines[start : start + lines[start:].index("")])


EXPECTED = f"""\
FAIL 2 order
  order: id=1, key=5, birthdate=(hidden), remark=(hidden), total=12.5
  order: id=2, key=6, birthdate=null, remark=(hidden), total=12.5
FAIL 1 unique_people_person_id
  people: person_id=3, n_records=2
FAIL 1 unique_people_email
  people: person_id=1, email=(hidden)
  people: person_id=2, email=(hidden)
FAIL 1 not_null_people_email
  people: person_id=3, email=null
FAIL 1 accepted_values_people_email__ann_example_org
  people: person_id=3, email=(hidden)
FAIL 1 relationships_people_state__state__ref_states_
  people: person_id=3, state="ZZ"
WARN 1 not_null_people_state
  people: person_id=3, state=null
FAIL 1 accepted_range_people_points__0
  people: person_id=1, points=-5
FAIL 1 unique_combination_people_first_name__state
  people: person_id=1, first_name=(hidden), state="TX"
  people: person_id=2, first_name=(hidden), state="TX"
FAIL 1 not_null_lines_units
  lines: units=null, colour="b"
FAIL 1 source_accepted_values_shop_order__key___5
  order: id=2, key=6
WARN 4 {LONG}
  people: person_id=1, contact=(hidden), born=(hidden), kind="a kind"
  people: person_id=2, contact=(hidden), born=(hidden), kind="a kind"
  and more: 4 in all
"""


def blocks(text: str) -> set[str]:
    """The lines of each test together."""
    found: list[str] = []
    for line in text.splitlines():
        if line.startswith(("FAIL", "WARN")):
            found.append(line)
        elif found:
            found[-1] += f"\n{line}"
    return {"\n".join([lines.splitlines()[0], *sorted(lines.splitlines()[1:])]) for lines in found}


@pytest.mark.parametrize("options", [(), ("--store-failures",)], ids=["read again", "stored"])
def test_every_kind_of_test_says_which_rows_it_found(options: tuple[str, ...], shop: Warehouse) -> None:
    limited = Warehouse(**{**shop.__dict__, "variables": {"failing_rows_shown": 2}})
    output = limited.dbt("build", *options, check=False).stdout
    assert "Completed with" in output
    statuses = {name: status for name, (status, _) in shop.results().items()}
    assert statuses["broken"] == statuses["assert_an_error"] == "error"
    assert list(statuses.values()).count("error") == 2, output
    assert blocks(printed(output)) == blocks(EXPECTED)
    assert max(map(len, printed(output).splitlines())) <= max(70, len(LONG) + 7)
    logged = (shop.target_path / "logs" / "dbt.log").read_text()
    assert [each for each in SECRETS if each in output] == []
    assert all(f"={each}" not in logged and f'="{each}' not in logged for each in SECRETS)
