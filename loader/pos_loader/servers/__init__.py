"""Connections to MariaDB and MongoDB: sessions, retries, limits."""
