"""Cases that do not pass, each with its reason. The table in adapter/README.md says the same in words."""

POSTGRES = "the fixture is PostgreSQL's SQL"
TYPES = "the fixture declares PostgreSQL's types"
NAMES = "dbt-mysql's snapshots have fixed column names"
ONE_LEVEL = "a MariaDB relation has no database beside the schema"
DDL = "the fixture expects `create table`, then `insert`; MariaDB fills a typed table in one statement"
ABSTRACT = "a base of other cases, which bring its fixtures"
NO_HEADER = "`sql_header` has no effect under a contract"
NO_CHANGE = "`on_schema_change` has no effect"
NO_EMPTY_SEED = "dbt-core 1.11 has no `dbt seed --empty`"
CATALOG = "the catalog says VIEW as `view` and names no owner"

GAPS: dict[str, str] = {
    "BaseAdapterMethod": POSTGRES,
    "BaseDocsGenerate": CATALOG,
    "BaseDocsGenReferences": CATALOG,
    "BaseGetCatalogForSingleRelation": "`get_catalog_for_single_relation` is not implemented",
    "BaseIncrementalBadStrategy": "`incremental_strategy` has no effect",
    "BaseIncrementalOnSchemaChange.test_run_incremental_append_new_columns": NO_CHANGE,
    "BaseIncrementalOnSchemaChange.test_run_incremental_fail_on_schema_change": NO_CHANGE,
    "BaseIncrementalOnSchemaChange.test_run_incremental_sync_all_columns": NO_CHANGE,
    "BaseIncrementalPredicates": "`incremental_predicates` are not supported",
    "BaseSimpleSnapshot.test_new_column_captured_by_snapshot": POSTGRES,
    "BaseSimpleSnapshot.test_updates_are_captured_by_snapshot": POSTGRES,
    "BaseSnapshotColumnNames": NAMES,
    "BaseSnapshotColumnNamesFromDbtProject": NAMES,
    "BaseSnapshotInvalidColumnNames": NAMES,
    "BaseSnapshotDbtValidToCurrent": NAMES,
    "BaseSnapshotMultiUniqueKey": "the key of a snapshot is one column",
    "BaseConstraintsColumnsEqual": ABSTRACT,
    "BaseConstraintsRollback": "the fixture's columns have two checks; MariaDB takes one",
    "BaseConstraintsRuntimeDdlEnforcement": DDL,
    "BaseIncrementalConstraintsRollback": "the fixture's columns have two checks; MariaDB takes one",
    "BaseIncrementalConstraintsRuntimeDdlEnforcement": DDL,
    "BaseModelConstraintsRuntimeEnforcement": DDL,
    "BaseConstraintQuotedColumn": DDL,
    "BaseTableConstraintsColumnsEqual.test__constraints_correct_column_data_types": TYPES,
    "BaseTableConstraintsColumnsEqual.test__constraints_wrong_column_data_types": TYPES,
    "BaseViewConstraintsColumnsEqual.test__constraints_correct_column_data_types": TYPES,
    "BaseViewConstraintsColumnsEqual.test__constraints_wrong_column_data_types": TYPES,
    "BaseIncrementalConstraintsColumnsEqual.test__constraints_correct_column_data_types": TYPES,
    "BaseIncrementalConstraintsColumnsEqual.test__constraints_wrong_column_data_types": TYPES,
    "BaseContractSqlHeader": ABSTRACT,
    "BaseTableContractSqlHeader": NO_HEADER,
    "BaseIncrementalContractSqlHeader": NO_HEADER,
    "BaseConcurrency": "it asks for the columns of a table that is not there, which is an error on MariaDB",
    "BaseCachingTest": ABSTRACT,
    "BaseCachingLowercaseModel": ONE_LEVEL,
    "BaseCachingUppercaseModel": ONE_LEVEL,
    "BaseCachingSelectedSchemaOnly": ONE_LEVEL,
    "BaseNoPopulateCache": ONE_LEVEL,
    "BaseTestEmptyInlineSourceRef": "MariaDB takes one alias of a table: `ref` under `--empty` has its own",
    "BaseTestEmptySeedFlag.test_build_empty_with_seed": NO_EMPTY_SEED,
    "BaseTestEmptySeedFlag.test_seed_empty_creates_table_with_zero_rows": NO_EMPTY_SEED,
    "BaseTestEmptySeedFlag.test_seed_empty_preserves_column_types": NO_EMPTY_SEED,
    "BaseUnitTestingTypes": "MariaDB has no arrays and no `timestamptz`",
    "BaseCast": "MariaDB's CAST has no TEXT",
    "BaseCastBoolToText": "MariaDB's CAST has no TEXT",
    "BaseCurrentTimestampAware.test_current_timestamp_type": "MariaDB's datetime has no zone",
    "BaseCurrentTimestamps": "the fixture names a column `current_timestamp`, a reserved word",
    "BaseDate": "the fixture uses FULL JOIN",
    "BaseDateDiff": "no parts below a second",
    "BaseGetIntervalsBetween": "the fixture writes dates as 09/01/2023, which MariaDB does not read",
    "BaseSafeCast": "the comparison mixes collations",
}
"""By class, or by class and test (`Class.test`)."""
