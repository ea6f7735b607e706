"""What every contender works between; handed to its process as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

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

    @property
    def documents(self) -> Path:
        """The collection's documents already encoded, back to back."""
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
        """Spell it on one line."""
        return json.dumps(asdict(self))
