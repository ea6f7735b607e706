"""Warehouses of the dbt project's own tests."""

import pytest

from pos_sandbox.cluster import Endpoints
from tests.project.sources import create_text_source
from tests.warehouse import Warehouse, new_warehouse


@pytest.fixture(scope="session")
def text_warehouse(servers: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """The sample data again, built from a source that is all text in US formats."""
    warehouse = new_warehouse(
        servers, tmp_path_factory.mktemp("text"), "test_text", pos_schema="test_text_source"
    )
    create_text_source(warehouse)
    warehouse.dbt("build")
    return warehouse
