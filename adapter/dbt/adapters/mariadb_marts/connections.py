"""How dbt reaches MariaDB: the choice of host, TLS, timeouts, and the state that every session begins in."""

from __future__ import annotations

from typing import Any

import mysql.connector
from dbt.adapters.contracts.connection import Connection
from dbt.adapters.events.logging import AdapterLogger
from dbt.adapters.exceptions import FailedToConnectError
from dbt.adapters.mariadb.connections import MariaDBConnectionManager
from dbt_common.exceptions import DbtRuntimeError

from dbt.adapters.mariadb_marts.credentials import TYPE, Credentials
from dbt.adapters.mariadb_marts.session import STATEMENTS, WAIT

logger = AdapterLogger(TYPE)


class ConnectionManager(MariaDBConnectionManager):  # type: ignore[misc]
    """Opens sessions that are alike, whatever the server's defaults are."""

    TYPE = TYPE

    @classmethod
    def open(cls, connection: Connection) -> Connection:
        """Connect to the first host that answers; a Galera node must be Synced.

        Raises `FailedToConnectError`, which names every host that was tried and why it did not do.
        """
        if connection.state == "open":
            return connection
        credentials = cls.get_credentials(connection.credentials)
        faults = []
        for where in [None] if credentials.unix_socket else credentials.addresses():
            try:
                connection.handle = _connected(credentials, where)
            except (mysql.connector.Error, DbtRuntimeError, OSError, ValueError) as error:
                faults.append(f"{_shown(credentials, where)}: {_reason(error)}")
                logger.debug(f"cannot connect to {faults[-1]}")
                continue
            connection.state = "open"
            return connection
        connection.handle = None
        connection.state = "fail"
        raise FailedToConnectError(f"MariaDB cannot be reached: {'; '.join(faults)}")


def _connected(credentials: Credentials, where: tuple[str, int] | None) -> Any:
    handle: Any = mysql.connector.connect(**_arguments(credentials, where))
    try:
        cursor = handle.cursor()
        for statement in STATEMENTS:
            cursor.execute(statement)
        _join_cluster(cursor)
        if credentials.ssl_ca:
            cursor.execute("show session status like 'Ssl_cipher'")
            (status,) = cursor.fetchall()
            if not status[1]:
                raise DbtRuntimeError("the server offers no TLS, and the profile has ssl_ca")
        cursor.close()
    except BaseException:
        handle.close()
        raise
    return handle


def _join_cluster(cursor: Any) -> None:
    """Require that a node of a Galera cluster can be read, and let every statement wait for the cluster.

    A model may be read on another node than the one where it was built, behind a balancer above all. Raises
    `DbtRuntimeError` for a node that is not Synced, so that the next host is tried.
    """
    cursor.execute("show global variables like 'wsrep_on'")
    rows = cursor.fetchall()
    if not rows or rows[0][1] != "ON":
        return
    cursor.execute("show global status where variable_name in ('wsrep_ready', 'wsrep_local_state_comment')")
    status = {name.lower(): value for name, value in cursor.fetchall()}
    state = status.get("wsrep_local_state_comment")
    if status.get("wsrep_ready") != "ON" or state != "Synced":
        raise DbtRuntimeError(f"the Galera node is {state}, not Synced")
    cursor.execute(WAIT)


def _arguments(credentials: Credentials, where: tuple[str, int] | None) -> dict[str, Any]:
    """The driver's arguments for one server; `where` is None for the socket file."""
    found: dict[str, Any] = {
        "user": credentials.username,
        "password": credentials.password,
        "buffered": True,
        "charset": credentials.charset or "utf8mb4",
        # MariaDB does not know the driver's own default collation (error 1273).
        "collation": credentials.collation or "utf8mb4_unicode_ci",
        "connection_timeout": credentials.connect_timeout,
        "use_pure": True,
    }
    if where is None:
        found["unix_socket"] = credentials.unix_socket
    else:
        found["host"], found["port"] = where
    if credentials.ssl_disabled:
        found["ssl_disabled"] = True
    if credentials.ssl_ca:
        found |= {
            "ssl_ca": credentials.ssl_ca,
            "ssl_verify_cert": True,
            "ssl_verify_identity": credentials.ssl_verify_identity is not False,
        }
    names = ("ssl_cert", "ssl_key", "read_timeout", "write_timeout")
    return found | {name: value for name in names if (value := getattr(credentials, name)) is not None}


def _shown(credentials: Credentials, where: tuple[str, int] | None) -> str:
    return str(credentials.unix_socket) if where is None else f"{where[0]}:{where[1]}"


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
