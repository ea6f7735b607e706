"""Importing this computes the JSON schemas of dbt's classes, two seconds of work of every dbt process."""

from dbt.artifacts import resources
from dbt.contracts import project
from dbt.contracts.graph import nodes, unparsed

from dbt.adapters.mariadb_marts.credentials import Credentials

for _module, _names in (
    (nodes, ("AnalysisNode", "GenericTestNode", "HookNode", "ModelNode", "SeedNode", "SingularTestNode")),
    (nodes, ("SnapshotNode",)),
    (project, ("Configuration", "PackageConfig", "Project", "ProjectFlags")),
    (resources, ("ModelConfig", "NodeConfig", "SeedConfig", "SnapshotConfig", "SourceConfig", "TestConfig")),
    (unparsed, ("UnparsedAnalysisUpdate", "UnparsedExposure", "UnparsedMacroUpdate", "UnparsedModelUpdate")),
    (unparsed, ("UnparsedNodeUpdate", "UnparsedSourceDefinition", "UnparsedUnitTest")),
):
    for _name in _names:
        getattr(_module, _name).json_schema()
Credentials.json_schema()
