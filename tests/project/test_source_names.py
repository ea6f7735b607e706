"""When MariaDB does not find a source table by its name, one line says which tables there are."""

from pathlib import Path

from pos_sandbox.cluster import Endpoints
from tests.project.sources import create_source
from tests.warehouse import new_warehouse


def test_what_is_there_instead_of_a_source_table_is_named(servers: Endpoints, tmp_path: Path) -> None:
    source = "test_names_source"
    warehouse = new_warehouse(servers, tmp_path, "test_names", pos_schema=source)
    create_source(warehouse, {}, typed=True)
    for change in (
        "rename table `order` to `Order`",
        "drop table product",
        "create sequence product",
        "drop table city",
        "alter table customer drop birthdate, change zip ZIP varchar(32)",
    ):
        warehouse.query_in(source, change)

    assert warehouse.dbt("run", "--select", "staging", check=False).returncode == 1
    messages = {name: " ".join(message.split()) for name, (_, message) in warehouse.results().items()}
    assert (
        f"there is no table 'order' in that schema, only Order, and this server tells names apart by case "
        f"(lower_case_table_names is 0); add a view: create view `{source}`.`order` as select * from "
        f"`{source}`.`Order`"
    ) in messages["stg_pos__order"]
    assert f"the source table `{source}`.`product` is a SEQUENCE" in messages["stg_pos__product"]
    assert "there is no table 'city' in that schema that this user may read" in messages["stg_pos__city"]
    assert (
        f"the source table `{source}`.`customer` has no column 'birthdate', or none that this user may read; "
        "its columns are id, firstname, lastname"
    ) in messages["stg_pos__customer"]

    advice = messages["stg_pos__order"].partition("add a view: ")[2]
    warehouse.query(advice[: advice.index("`Order`") + len("`Order`")])
    warehouse.dbt("run", "--select", "stg_pos__order")
