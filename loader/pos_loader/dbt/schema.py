"""The fields of dbt's artifacts that the loader reads, alike in every version of the artifacts that it knows.

Unknown fields are ignored, because each release of dbt adds some. (Classes generated from dbt's JSON schemas
refuse them, and differ by version for the same thing.)
Source: https://schemas.getdbt.com: manifest v11 (dbt 1.7) and v12 (1.8 to 1.11), run results v5 and v6.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class Metadata(_Part):
    """Which invocation of dbt wrote an artifact, and when."""

    project_name: str | None = None
    invocation_id: str | None = None
    generated_at: datetime | None = None


class DependsOn(_Part):
    """What a node reads, as unique ids."""

    nodes: tuple[str, ...] = ()


class Checksum(_Part):
    """A digest of a node's file."""

    checksum: str


class Contract(_Part):
    """Whether dbt compares a model with its declared columns."""

    enforced: bool = False


class Constraint(_Part):
    """A rule of a column, such as not_null."""

    type: str


class Column(_Part):
    """A declared column."""

    name: str
    data_type: str | None = None
    constraints: tuple[Constraint, ...] = ()


class Config(_Part):
    """A node's configuration; `model_extra` has the keys that are not named here."""

    model_config = ConfigDict(frozen=True, extra="allow")

    materialized: str | None = None
    contract: Contract = Contract()
    primary_key: Any = None
    """Of this project's adapter: a column, or several; another adapter's may be anything."""


class Node(_Part):
    """A model, seed, snapshot, test or analysis."""

    unique_id: str
    resource_type: str
    name: str
    package_name: str
    schema_: str = Field("", alias="schema")
    alias: str = ""
    description: str = ""
    version: str | float | None = None
    latest_version: str | float | None = None
    columns: dict[str, Column] = {}
    config: Config = Config()
    checksum: Checksum | None = None
    depends_on: DependsOn = DependsOn()

    @property
    def is_model(self) -> bool:
        """Whether it is a model, whatever it is materialized as."""
        return self.resource_type == "model"


class Exposure(_Part):
    """What reads the marts; one with `meta.mongo` declares a collection."""

    unique_id: str
    name: str
    package_name: str
    original_file_path: str
    meta: dict[str, Any] = {}
    tags: tuple[str, ...] = ()
    depends_on: DependsOn = DependsOn()


class UnitTest(_Part):
    """A test of a model on given rows (dbt 1.8 and later)."""

    depends_on: DependsOn = DependsOn()


class Manifest(_Part):
    """All that a project declares; each dictionary is by unique id."""

    metadata: Metadata
    nodes: dict[str, Node]
    sources: dict[str, Any] = {}
    exposures: dict[str, Exposure] = {}
    unit_tests: dict[str, UnitTest] = {}
    disabled: dict[str, Any] | None = None
    parent_map: dict[str, tuple[str, ...]] | None = None


class Result(_Part):
    """What became of one node in an invocation: `status` is dbt's word, such as success, fail or no-op."""

    unique_id: str
    status: str
    message: str | None = None


class RunResults(_Part):
    """What became of the nodes that an invocation chose."""

    metadata: Metadata
    results: tuple[Result, ...]
    elapsed_time: float
    args: dict[str, Any] | None = None
