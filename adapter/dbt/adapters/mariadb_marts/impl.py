"""The adapter: dbt-mysql's, with what dbt has changed since, and listings that leave nothing out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import agate
from dbt.adapters.__about__ import version as base_version
from dbt.adapters.base.relation import AdapterTrackingRelationInfo
from dbt.adapters.mariadb.impl import MariaDBAdapter
from dbt.adapters.protocol import AdapterConfig
from dbt.adapters.sql import SQLAdapter
from dbt_common.clients.agate_helper import DEFAULT_TYPE_TESTER

from dbt.adapters.mariadb_marts.__version__ import version
from dbt.adapters.mariadb_marts.connections import ConnectionManager


@dataclass
class MartConfig(AdapterConfig):  # type: ignore[misc]
    """Configs of a table: the columns it is clustered by, and its other indexes."""

    primary_key: list[str] | None = None
    indexes: list[dict[str, Any]] | None = None


class MariaDBMartsAdapter(MariaDBAdapter):  # type: ignore[misc]
    """MariaDB for marts: contracts, clustered keys, a swap that readers do not see."""

    ConnectionManager = ConnectionManager
    AdapterSpecificConfigs = MartConfig

    @classmethod
    def get_adapter_run_info(cls, config: Any) -> AdapterTrackingRelationInfo:
        """Name the adapter for dbt's statistics (dbt would derive a module from the class's name)."""
        return AdapterTrackingRelationInfo(
            adapter_name=cls.type(),
            base_adapter_version=base_version,
            adapter_version=version,
            model_adapter_details=cls._get_adapter_specific_run_info(config),
        )

    def list_relations_without_caching(self, schema_relation: Any) -> list[Any]:
        """List tables and views of a schema; raises `DbtRuntimeError` where MariaDB refuses.

        dbt-mysql turns any refusal into an empty list, and dbt then creates what is already there.
        """
        found = self.execute_macro(
            "list_relations_without_caching", kwargs={"schema_relation": schema_relation}
        )
        return [
            self.Relation.create(schema=schema, identifier=name, type=kind) for _, name, schema, kind in found
        ]

    # dbt-mysql compares rows with `=`, so a row with a NULL never equals itself.
    get_rows_different_sql = SQLAdapter.get_rows_different_sql
    get_catalog = SQLAdapter.get_catalog
    get_catalog_by_relations = SQLAdapter.get_catalog_by_relations

    def _get_one_catalog(self, information_schema: Any, schemas: Any, _: Any) -> agate.Table:
        """Read the columns of every table and view, schema by schema."""
        columns = [
            column
            for schema in sorted(schemas)
            for relation in self.list_relations(information_schema.database, schema)
            for column in self._get_columns_for_catalog(relation)
        ]
        return agate.Table.from_object(columns, column_types=DEFAULT_TYPE_TESTER)

    def valid_incremental_strategies(self) -> list[str]:
        """Name the incremental strategies that a model may configure."""
        return ["append", "delete+insert"]
