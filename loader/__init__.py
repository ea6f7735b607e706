"""Publish dbt marts in MariaDB as verified, nested documents on a sharded MongoDB cluster."""
