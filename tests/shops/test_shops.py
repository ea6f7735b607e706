"""Shops of unusual shapes through every command: each ends with 0, by the way out that it names if need be.

POS_TEST_SHOPS=all tries all shapes, which takes minutes.
"""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sandbox.cli import app
from sandbox.cluster import Endpoints
from tests.loader.running import ERROR, Finished, Loader, connect
from tests.shops.generators import SHAPES, Shape
from tests.warehouse import Warehouse, new_warehouse

CHOSEN = [shape for shape in SHAPES if not shape.is_slow or os.environ.get("POS_TEST_SHOPS") == "all"]


def import_and_build(shape: Shape, servers: Endpoints, folder: Path) -> Warehouse:
    """Import the shop and build it; both have to end with 0."""
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


@pytest.mark.parametrize("shape", CHOSEN, ids=lambda shape: shape.name)
def test_every_command_ends_well(shape: Shape, servers: Endpoints, tmp_path: Path) -> None:
    warehouse = import_and_build(shape, servers, tmp_path)
    database = f"test_shop_{shape.name}"
    loader = Loader(warehouse, servers.mongo_uri, database, select=())
    with connect(servers.mongo_uri) as client:
        client.drop_database(database)
        try:
            whatever_is_empty(loader, "load")
            whatever_is_empty(loader, "plan")
            for command in ("verify", "status", f"report --output {tmp_path}/report.html"):
                done(loader.run(*command.split()), command)
            for name in queries(loader):
                done(loader.invoke("query", name), f"query {name}")
        finally:
            client.drop_database(database)


def whatever_is_empty(loader: Loader, command: str) -> None:
    """Run a command on all collections; where a mart is empty, by the way out that its one line names."""
    finished = loader.run(command)
    if finished.code:
        (line,) = (each for each in finished.stderr.splitlines() if each.startswith(ERROR))
        assert "has no rows" in line, finished
        assert "--allow-empty" in line, finished
        finished = loader.run(command, "--allow-empty")
    done(finished, command)


def done(finished: Finished, command: str) -> None:
    """Require exit code 0 and no traceback."""
    assert finished.code == 0, (command, finished)
    assert "Traceback" not in finished.stderr, (command, finished)


def queries(loader: Loader) -> list[str]:
    """The names of all declared queries."""
    listed = loader.invoke("query")
    done(listed, "query")
    return [line.split("\t")[0] for line in listed.stdout.splitlines()[1:]]
