"""Publish dbt marts in MariaDB as verified, nested documents on a sharded MongoDB cluster."""

__version__ = "0.1.0"
