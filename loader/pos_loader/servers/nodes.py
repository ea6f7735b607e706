"""Which server answers: the proof that a session or a row is of the server that was chosen.

A balancer leads each connection to any server, and one of them may lag behind the others. So a run chooses
one server, and every session proves that it is of that one. A Galera node may lag although it says Synced, so
there every session also waits until its node has applied what the cluster has committed (`wsrep_sync_wait`),
and every row of a mart proves where it comes from.
Source: https://mariadb.com/kb/en/galera-cluster-system-variables/#wsrep_sync_wait
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from pos_loader.servers.profile import MariaDB

WAIT = "set session wsrep_sync_wait = 7"
"""Reads, updates and inserts wait."""
ANOTHER = "another server than the chosen one answers"
TRIES = 60
"""How many connections may lead to other nodes before the chosen one counts as lost."""
SECONDS = 20.0
"""How long the chosen node is looked for."""
SYNCED = "Synced"
NODE, STATE, BUILD = "~node", "~state", "~build"
"""Names of the columns that prove where a row comes from. They are NULL where all is as it should be."""


def _status(variable: str) -> str:
    return f"(select variable_value from information_schema.global_status where variable_name = '{variable}')"  # noqa: S608


_NODE = "concat_ws('/', @@wsrep_node_name, @@hostname, @@port)"
_SERVER = "concat_ws('/', @@hostname, @@port, @@server_id)"
_STATE = _status("wsrep_local_state_comment")
_LOOKED_AT = (
    _NODE,
    "@@global.innodb_flush_log_at_trx_commit",
    _status("wsrep_ready"),
    _STATE,
    _status("wsrep_local_recv_queue"),
    _status("wsrep_last_committed"),
)
LOOK = f"select {', '.join(_LOOKED_AT)}"
"""What `Node.of` reads."""
IDENTIFY = (
    "select (select variable_value from information_schema.global_variables "  # noqa: S608
    f"where variable_name = 'wsrep_on') <=> 'ON', {_SERVER}"
)
"""Whether the server is a Galera node, and the identity of one that is not."""


@dataclass(frozen=True)
class Node:
    """A node of a Galera cluster, as it answered `LOOK`."""

    identity: str
    flush: int
    """Its innodb_flush_log_at_trx_commit: 1 keeps every transaction that it confirmed."""
    is_ready: bool
    state: str
    waiting: int
    """How many changes of others it has not begun to apply."""
    committed: int
    """The number of the last change that it applied."""

    @classmethod
    def of(cls, row: Sequence[Any]) -> Node:
        """Read a row of `LOOK`."""
        identity, flush, ready, state, waiting, committed = row
        return cls(str(identity), int(flush), ready == "ON", str(state), int(waiting), int(committed))

    @property
    def fault(self) -> str:
        """Say why it cannot be read; empty if it can."""
        fault = ""
        if not self.is_ready:
            fault = "is not ready"
        elif self.state != SYNCED:
            fault = f"is {self.state}"
        elif self.flush != 1:
            fault = (
                f"has innodb_flush_log_at_trx_commit = {self.flush} and may lose what it confirmed, "
                "so set it to 1 on every node"
            )
        return f"node {name(self.identity)} {fault}" if fault else ""


def name(identity: str) -> str:
    """Return the node's name: `db1` of `db1/host/3306`."""
    return identity.partition("/")[0]


def described(server: MariaDB) -> str:
    """Name the chosen server in a message."""
    identity = server.node or ""
    return f"node {name(identity)} of the Galera cluster" if server.is_galera else f"server {identity}"


def guard(server: MariaDB) -> tuple[str, ...]:
    """Write the statements that begin a session of the chosen server, and fail on another one."""
    if server.node is None:
        return ()
    waits = (WAIT,) if server.is_galera else ()
    return (
        *waits,
        f"begin not atomic if {_identity(server)} <> {_text(server.node)} then "
        f"signal sqlstate '45000' set message_text = '{ANOTHER}'; end if; end",
    )


def session_proof(server: MariaDB) -> dict[str, str]:
    """Write the columns that prove which server a session is of: who it is, and a node's state.

    A column is NULL where its value is the expected one.
    """
    columns = {NODE: f"nullif({_identity(server)}, {_text(server.node or '')})"}
    if server.is_galera:
        columns[STATE] = f"nullif({_STATE}, {_text(SYNCED)})"
    return columns


def proof(server: MariaDB) -> dict[str, str]:
    """Write the columns that prove where a row comes from, by name: node, state and build of the marts.

    They are part of the statement that reads the rows, so they hold for these rows. As NULL they cost next
    to nothing to transfer. A server that is no Galera node has none: its session proves enough, because it
    applies changes in their order, the build stamp last.

    >>> proof(MariaDB("db", 3306, "me", "", "marts"))
    {}
    """
    if not server.is_galera:
        return {}
    columns = session_proof(server)
    if server.build:
        schema = "`" + server.schema.replace("`", "``") + "`"
        stamp = (
            f"coalesce((select group_concat(invocation_id, {_text('/')}, state) "  # noqa: S608
            f"from {schema}.dbt_build_stamp), {_text('none')})"
        )
        columns[BUILD] = f"nullif({stamp}, {_text(f'{server.build}/finished')})"
    return columns


def mismatch(found: Mapping[str, str | None]) -> str:
    """Say what the columns `NODE` and `STATE` show that is not as it should be; empty if all is."""
    if found.get(NODE):
        return f"{found[NODE]} answers"
    return f"it is {found[STATE]}" if found.get(STATE) else ""


def taken(table: pa.Table, proof: Mapping[str, str]) -> tuple[dict[str, str | None], pa.Table]:
    """Take the columns of `proof` out of a table; return what they show, and the table without them."""
    found: dict[str, str | None] = {}
    for column in proof:
        values = table[column].drop_null()
        found[column] = str(values[0]) if len(values) else None
    return found, table.drop_columns([*proof]) if proof else table


def _identity(server: MariaDB) -> str:
    return _NODE if server.is_galera else _SERVER


def _text(value: str) -> str:
    """Write a text as SQL that means the same in every SQL mode and collation."""
    return f"_utf8mb4 x'{value.encode().hex()}'"
