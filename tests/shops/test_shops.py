"""Every command handles shops of unusual shapes: it exits with 0, if need be with an option that it names."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pos_sandbox.cli import app
from pos_sandbox.cluster import Endpoints
from tests.loader.running import ERROR, Finished, Loader, connect
from tests.shops.generators import SHAPES, Shape
from tests.warehouse import Warehouse, new_warehouse

pytestmark = pytest.mark.native

CASES = [pytest.param(shape, marks=[pytest.mark.long] if shape.is_slow else []) for shape in SHAPES]


def import_and_build(shape: Shape, servers: Endpoints, folder: Path) -> Warehouse:
    """Import the shop and build it; both must exit with 0."""
    warehouse = new_warehouse(servers, folder, f"test_shop_{shape.name}", f"test_shop_{shape.name}_source")
    shape.write(folder / "shop")
    arguments = [
        "import",
        str(folder / "shop"),
        f"--schema={warehouse.pos_schema}",
        f"--port={warehouse.port}",
    ]
    done = CliRunner().invoke(app, [*arguments, *shape.options])
    assert done.exit_code == 0, done.stderr
    built = replace(warehouse, variables=shape.variables or {})
    built.dbt("build")
    return built


@pytest.mark.parametrize("shape", CASES, ids=lambda shape: shape.name)
def test_every_command_ends_well(
    shape: Shape, servers: Endpoints, cluster: Endpoints, tmp_path: Path
) -> None:
    """One shop goes through all commands on the sharded cluster."""
    mongo_uri = (cluster if shape is SHAPES[0] else servers).mongo_uri
    warehouse = import_and_build(shape, servers, tmp_path)
    database = f"test_shop_{shape.name}"
    loader = Loader(warehouse, mongo_uri, database, select=())
    with connect(mongo_uri) as client:
        client.drop_database(database)
        try:
            options = way_out(loader, shape.held_back)
            done(loader.run("load", *options), "load")
            every_row_is_accounted_for(loader)
            done(loader.run("plan", *options), "plan")
            for command in ("verify", "status", f"report --output {tmp_path}/report.html"):
                done(loader.run(*command.split()), command)
            for name in queries(loader):
                done(loader.invoke("query", name), f"query {name}")
        finally:
            client.drop_database(database)


def way_out(loader: Loader, held_back: Sequence[str]) -> Sequence[str]:
    """Try a load; return the option that its lines name if marts are empty, one line per collection."""
    finished = loader.run("load")
    lines = [line for line in finished.stderr.splitlines() if line.startswith(ERROR)]
    assert [line.removeprefix(ERROR).split()[0] for line in lines] == [*held_back], finished
    assert finished.code == bool(held_back), finished
    assert all("has no rows" in line and "--allow-empty" in line for line in lines), finished
    return ["--allow-empty"] * bool(lines)


def every_row_is_accounted_for(loader: Loader) -> None:
    """Require that every row of each level's model is nested or counted elsewhere."""
    for collection in json.loads(loader.results.read_text())["collections"]:
        assert collection["levels"], collection
        for level in collection["levels"]:
            ((rows,),) = loader.warehouse.query(f"select count(*) from {level['model']}")
            counted = (level[name] for name in ("nested", "elsewhere", "unknown", "left_out", "rejected"))
            assert sum(counted) == level["rows"] == rows, level


def done(finished: Finished, command: str) -> None:
    """Require exit code 0 and no traceback."""
    assert finished.code == 0, (command, finished)
    assert "Traceback" not in finished.stderr, (command, finished)


def queries(loader: Loader) -> list[str]:
    """The names of all declared queries."""
    listed = loader.invoke("query")
    done(listed, "query")
    return [line.split("\t")[0] for line in listed.stdout.splitlines()[1:]]
