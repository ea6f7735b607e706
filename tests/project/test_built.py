"""A copy of a warehouse is what was copied, and a restored one is what it was."""

from dataclasses import replace
from pathlib import Path

import pytest

from pos_sandbox.cluster import Endpoints
from tests.built import ARTIFACTS, copied, saved
from tests.warehouse import Row, Warehouse, new_warehouse

SOURCE = "create table `test_source_built`.`order` (id bigint, placed datetime(6)) comment 'raw'"
TARGET = (
    "create table fct (a bigint not null, b decimal(19,4), c varchar(9) collate utf8mb4_bin, "
    "primary key (b, a), key by_c (c)) partition by hash (a) partitions 3",
    "create table prices__test_source_built (a int auto_increment primary key, b json)",
    "create view z_view as select fct.a, `order`.placed from fct join `test_source_built`.`order` on id = a",
    "create view a_view as select * from z_view",
    "insert into fct values (1, 1.5, 'x'), (2, -0.0001, null)",
    "insert into prices__test_source_built values (7, '{}')",
    "insert into `test_source_built`.`order` values (1, '2024-01-01 00:00:00.000001')",
)
CHANGES = (
    "drop table prices__test_source_built",
    "alter table fct drop primary key, drop key by_c, drop column c",
    "delete from fct where a = 1",
    "create table another select 1",
    "truncate `test_source_built`.`order`",
)


@pytest.fixture
def made(servers: Endpoints, tmp_path: Path) -> Warehouse:
    """A target and a source, made by hand."""
    warehouse = new_warehouse(servers, tmp_path, "test_built", "test_source_built")
    warehouse.create_schema(warehouse.pos_schema)
    for statement in (SOURCE, *TARGET):
        warehouse.query(statement)
    for name in ARTIFACTS:
        (tmp_path / name).write_text('{"of": "test_built, test_source_built"}')
    return warehouse


def state(warehouse: Warehouse) -> dict[str, tuple[list[Row], list[Row]]]:
    """Definition and rows of every table and view of both schemas."""
    return {
        f"{kind} {name}": (
            each.query(f"show create table `{name}`"),
            each.query(f"select * from `{name}` order by 1"),
        )
        for kind, each in {
            "target": warehouse,
            "source": replace(warehouse, schema=warehouse.pos_schema),
        }.items()
        for (name,) in each.query("show tables")
    }


def test_restoring_undoes_every_change(made: Warehouse) -> None:
    before, kept = state(made), saved(made)
    assert len(before) == 5
    for statement in CHANGES:
        made.query(statement)
    (made.target_path / ARTIFACTS[0]).write_text("{}")
    kept.restore()
    assert state(made) == before
    assert made.artifact("manifest")


@pytest.mark.parametrize("source", ["", "test_copy_source"])
def test_a_copy_holds_the_same_and_refers_to_itself(made: Warehouse, source: str, tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    copy = copied(made, tmp_path / "copy", "test_copy", source)
    reads = source or "test_source_built"
    expected = {
        name.replace("test_source_built", reads): [
            tuple(renamed(value, reads) for value in row) for row in definition
        ]
        for name, (definition, _) in state(made).items()
    }
    assert {name: definition for name, (definition, _) in state(copy).items()} == expected
    assert [rows for _, rows in state(copy).values()] == [rows for _, rows in state(made).values()]
    assert copy.artifact("manifest") == {"of": f"test_copy, {reads}"}


def renamed(value: object, source: str) -> object:
    """A word of a definition as the copy has it."""
    if not isinstance(value, str):
        return value
    return value.replace("test_source_built", source).replace("`test_built`", "`test_copy`")
