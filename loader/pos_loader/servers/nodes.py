"""Galera: what a node says of itself, and the proof that a session or a row is of the node that was chosen.

A node may lag behind the others although it says Synced, and a balancer leads each connection to any node. So
a run chooses one node, and every session waits until its node has applied what the cluster has committed
(`wsrep_sync_wait`). Every session and every row of a mart proves that it is of that node.
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
ANOTHER = "another node than the chosen one"
TRIES = 60
"""How many connections may lead to other nodes before the chosen one counts as lost."""
SECONDS = 20.0
"""How long the chosen node is looked for."""
SYNCED = "Synced"
NODE, STATE, BUILD = "~node", "~state", "~build"
"""Names of the columns that prove where a row comes from. They are NULL where all is as it should be."""


def _status(variable: str) -> str:
    return f"(select variable_value from information_schema.global_status where variable_name = '{variable}')"  # noqa: S608


_IDENTITY = "concat_ws('/', @@wsrep_node_name, @@hostname, @@port)"
_STATE = _status("wsrep_local_state_comment")
_LOOKED_AT = (
    _IDENTITY,
    "@@global.innodb_flush_log_at_trx_commit",
    _status("wsrep_ready"),
    _STATE,
    _status("wsrep_local_recv_queue"),
    _status("wsrep_last_committed"),
)
LOOK = f"select {', '.join(_LOOKED_AT)}"


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
        if not self.is_ready:
            return f"node {name(self.identity)} is not ready"
        return "" if self.state == SYNCED else f"node {name(self.identity)} is {self.state}"

    @property
    def warning(self) -> str:
        """Say what its settings do not promise; empty if they do."""
        if self.flush == 1:
            return ""
        return (
            f"node {name(self.identity)} has innodb_flush_log_at_trx_commit = {self.flush}: "
            "a crash may lose transactions that it confirmed; set it to 1 on every node"
        )


def name(identity: str) -> str:
    """Return the node's name: `db1` of `db1/host/3306`."""
    return identity.partition("/")[0]


def guard(server: MariaDB) -> tuple[str, ...]:
    """Write the statements that begin a session of the chosen node, and fail on another one."""
    if not server.node:
        return ()
    return (
        WAIT,
        f"begin not atomic if {_IDENTITY} <> {_text(server.node)} then "
        f"signal sqlstate '45000' set message_text = '{ANOTHER}'; end if; end",
    )


def proof(server: MariaDB) -> dict[str, str]:
    """Write the columns that prove where a row comes from, by name: node, state and build of the marts.

    They are part of the statement that reads the rows, so they hold for these rows. A column is NULL where
    its value is the expected one, so that it costs nothing to transfer.

    >>> proof(MariaDB("db", 3306, "me", "", "marts"))
    {}
    """
    if not server.node:
        return {}
    columns = {
        NODE: f"nullif({_IDENTITY}, {_text(server.node)})",
        STATE: f"nullif({_STATE}, {_text(SYNCED)})",
    }
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
        return f"{name(str(found[NODE]))} answers"
    return f"it is {found[STATE]}" if found.get(STATE) else ""


def taken(table: pa.Table, proof: Mapping[str, str]) -> tuple[dict[str, str | None], pa.Table]:
    """Take the columns of `proof` out of a table; return what they show, and the table without them."""
    found: dict[str, str | None] = {}
    for column in proof:
        values = table[column].drop_null()
        found[column] = str(values[0]) if len(values) else None
    return found, table.drop_columns([*proof]) if proof else table


def _text(value: str) -> str:
    """Write a text as SQL that means the same in every SQL mode and collation."""
    return f"_utf8mb4 x'{value.encode().hex()}'"
