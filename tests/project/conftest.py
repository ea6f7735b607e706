"""Warehouses of the dbt project's own tests."""

import pytest

from pos_sandbox.cluster import Endpoints
from tests import session
from tests.built import built_once, copied
from tests.project.sources import create_text_source
from tests.warehouse import Warehouse


@pytest.fixture(scope="session")
def text_warehouse(cluster: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """The sample data again, built from a source that is all text in US formats."""
    built = built_once(cluster, "text", _build_text, has_source=True)
    return copied(built, tmp_path_factory.mktemp("text"), session.own("test_text"))


def _build_text(warehouse: Warehouse) -> None:
    create_text_source(warehouse)
    warehouse.dbt("build")
