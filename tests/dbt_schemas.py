"""Importing this computes the JSON schemas of dbt's nodes, which every dbt process does: a second of work."""

from dbt.contracts.graph import nodes

for _name in (
    *("AnalysisNode", "GenericTestNode", "HookNode", "SnapshotNode"),
    *("ModelNode", "SeedNode", "SingularTestNode"),
):
    getattr(nodes, _name).json_schema()
