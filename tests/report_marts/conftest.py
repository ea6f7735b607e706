"""The data sets that reports are checked on: the sample, and those in POS_DATA_DIR."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.project.sources import sample_tables
from tests.report_marts.shop import Shop, open_shop, read_csv_tables
from tests.warehouse import DATA_SETS, Row, Warehouse


@dataclass(frozen=True)
class DataSet:
    """A built data set; `truth` holds figures worked out elsewhere, none for the sample."""

    warehouse: Warehouse
    shop: Shop
    truth: dict[str, Any]


def seeded() -> dict[str, list[Row]]:
    """The sample as `dbt seed` loads it: a blank value is none."""
    return {
        name: [tuple(None if str(value).isspace() else value for value in row) for row in rows]
        for name, rows in sample_tables().items()
    }


@pytest.fixture(
    scope="session", params=[None, *DATA_SETS], ids=lambda folder: folder.name if folder else "sample"
)
def data_set(request: pytest.FixtureRequest, data_warehouse: Callable[[Path], Warehouse]) -> DataSet:
    """The marts of one data set and its tables in plain Python."""
    folder: Path | None = request.param
    if folder is None:
        return DataSet(request.getfixturevalue("sample_warehouse"), open_shop(seeded()), {})
    truth = json.loads((folder / "truth.json").read_text())
    return DataSet(data_warehouse(folder), open_shop(read_csv_tables(folder)), truth)
