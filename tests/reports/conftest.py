"""The data sets that reports are checked on: the sample, and those in POS_DATA_DIR."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sandbox.cluster import Endpoints
from tests.project.sources import sample_tables
from tests.reports.shop import Shop, open_shop, read_csv_tables
from tests.warehouse import PROJECT, Warehouse, new_warehouse

FOLDERS = sorted(
    path.parent for path in Path(os.environ.get("POS_DATA_DIR", os.devnull)).glob("*/truth.json")
)


@dataclass(frozen=True)
class DataSet:
    """A built data set; `truth` holds figures worked out elsewhere, none for the sample."""

    warehouse: Warehouse
    shop: Shop
    truth: dict[str, Any]


@pytest.fixture(
    scope="session", params=[None, *FOLDERS], ids=lambda folder: folder.name if folder else "sample"
)
def data_set(
    request: pytest.FixtureRequest, servers: Endpoints, tmp_path_factory: pytest.TempPathFactory
) -> DataSet:
    """The marts of one data set and its tables in plain Python."""
    folder: Path | None = request.param
    if folder is None:
        return DataSet(request.getfixturevalue("sample_warehouse"), open_shop(sample_tables()), {})
    warehouse = new_warehouse(
        servers,
        tmp_path_factory.mktemp(folder.name),
        f"test_{folder.name}_reports",
        pos_schema=f"test_{folder.name}_tables",
    )
    command = [sys.executable, "-m", "sandbox", "import", str(folder), "--schema", warehouse.pos_schema]
    subprocess.run(command, cwd=PROJECT, env=warehouse.environment, check=True)
    warehouse.dbt("build")
    truth = json.loads((folder / "truth.json").read_text())
    return DataSet(warehouse, open_shop(read_csv_tables(folder)), truth)
