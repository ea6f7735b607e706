"""The databases and folders of a run; each contender's process gets them as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil

TABLES = "dim_customers", "fct_orders", "fct_order_lines"
"""The marts of the collection that is measured."""


@dataclass(frozen=True)
class Setting:
    """The marts in `schema` of a MariaDB on loopback, a MongoDB, and the folder of dbt's artifacts."""

    mariadb_port: int
    schema: str
    mongo_uri: str
    database: str
    artifacts: str
    collection: str = "customer_order_history"
    servers: Mapping[str, Sequence[int]] = field(default_factory=dict)
    """Ids of the processes of MariaDB and of MongoDB, whose CPU seconds are taken with the client's."""

    @property
    def documents(self) -> Path:
        """The collection's encoded documents, one after another."""
        return Path(self.artifacts) / "documents.bson"

    @property
    def environment(self) -> dict[str, str]:
        """The same as the loader's settings."""
        return {
            "POS_MARIADB_PORT": str(self.mariadb_port),
            "POS_MARIADB_SCHEMA": self.schema,
            "POS_MONGO_URI": self.mongo_uri,
            "POS_MONGO_DATABASE": self.database,
            "POS_TARGET_PATH": self.artifacts,
            "POS_MAX_BUILD_AGE": "100000",
        }

    def to_json(self) -> str:
        """Return it as one line of JSON."""
        return json.dumps(asdict(self))


def cpu_seconds(processes: Iterable[psutil.Process]) -> float:
    """CPU seconds that processes have used so far, user and system, added up."""
    times = [each.cpu_times() for each in processes]
    return sum(each.user + each.system for each in times)
