"""MariaDB as a Galera cluster: three nodes on loopback, each with ports of its own for the cluster's traffic.

The first node is the sandbox's MariaDB, so a sandbox without Galera grows into a cluster and keeps its data.
Every step first asks what is there. A cluster that was killed is started from its most advanced node.
Source: https://mariadb.com/kb/en/getting-started-with-mariadb-galera-cluster/
"""

import os
import pwd
import re
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import mysql.connector
import psutil

from pos_sandbox import mariadb
from pos_sandbox.errors import ServerError, UsageError
from pos_sandbox.process import HOST, Deadline, Server, start, wait_for
from pos_sandbox.transfer import SCRIPTS, put_scripts

NODES = ("mariadb", "mariadb_2", "mariadb_3")
CLUSTER = "pos"
PROVIDERS = tuple(
    Path(folder) / "libgalera_smm.so"
    for folder in ("/usr/lib/galera", "/usr/lib64/galera-4", "/usr/lib64/galera", "/usr/lib")
)
USER = "nobody"
"""Who runs the nodes when root runs the sandbox: as root, the state transfer by rsync fails."""


@dataclass(frozen=True)
class State:
    """What a node says of itself; `is_primary` is about its part of the cluster, which then has a quorum."""

    name: str
    comment: str
    is_primary: bool
    is_ready: bool
    size: int
    committed: int
    queue: int

    def __str__(self) -> str:
        """Show it as `Synced, 3 nodes, 0 waiting`."""
        primary = "" if self.is_primary else ", no quorum"
        return f"{self.comment}, {self.size} nodes, {self.queue} waiting{primary}"


def servers(root: Path, port: int, more: Sequence[int]) -> tuple[Server, ...]:
    """Describe the nodes; `more` are 11 ports: 2 for clients, 3 of the group, 3 and 3 for state transfers."""
    ports, inner = (port, *more[:2]), more[2:]
    group, incremental, whole = inner[:3], inner[3:6], inner[6:9]
    address = "gcomm://" + ",".join(f"{HOST}:{each}" for each in group)
    found = []
    for index, name in enumerate(NODES):
        plain = mariadb.server(root, ports[index], name)
        options = {
            "gmcast.listen_addr": f"tcp://{HOST}:{group[index]}",
            "ist.recv_addr": f"{HOST}:{incremental[index]}",
            "gcache.size": "64M",
            "pc.recovery": "FALSE",  # the sandbox itself chooses the node that begins
        }
        flags = (
            *(flag for flag in plain.flags if not flag.startswith(("--user=", "--socket=", "--pid-file="))),
            f"--socket={_run_folder(root, name) / 'sock'}",
            f"--pid-file={_run_folder(root, name) / 'pid'}",
            *_as_user(),
            "--innodb-buffer-pool-size=128M",
            "--innodb-flush-log-at-trx-commit=1",
            "--innodb-autoinc-lock-mode=2",
            "--binlog-format=ROW",
            f"--server-id={index + 1}",
            "--wsrep-on=ON",
            f"--wsrep-provider={_provider()}",
            f"--wsrep-provider-options={';'.join(f'{key}={value}' for key, value in options.items())}",
            f"--wsrep-cluster-name={CLUSTER}",
            f"--wsrep-cluster-address={address}",
            f"--wsrep-node-name={name}",
            f"--wsrep-node-address={HOST}:{group[index]}",
            "--wsrep-sst-method=rsync",
            f"--wsrep-sst-receive-address={HOST}:{whole[index]}",
        )
        used = (group[index], incremental[index], whole[index])
        found.append(replace(plain, role="Galera node", flags=flags, inner_ports=used))
    return tuple(found)


def _run_folder(root: Path, name: str) -> Path:
    """Return the folder of the socket: its owner is the node's user, the sandbox's folder may be root's."""
    return mariadb.temporary(root, name)


def _as_user() -> tuple[str, ...]:
    return (f"--user={USER}",) if os.geteuid() == 0 else ()


def _provider() -> Path:
    return next((path for path in PROVIDERS if path.is_file()), PROVIDERS[0])


def require_programs() -> None:
    """Raise `UsageError`, which names the package, where Galera's library or a program is missing."""
    if not _provider().is_file():
        where = ", ".join(str(path.parent) for path in PROVIDERS)
        raise UsageError("libgalera_smm.so is missing", where=where, fix="apt-get install galera-4")
    for program, package in (("rsync", "rsync"), ("ss", "iproute2")):
        mariadb.find_program(program, package)


def bring_up(
    root: Path,
    nodes: tuple[Server, ...],
    alive: dict[str, psutil.Process],
    *,
    cache: Path,
    deadline: Deadline,
) -> None:
    """Start the nodes that do not run, and return when all three are Synced."""
    command = _prepare(root, nodes, alive, cache)
    survivors = [node for node in nodes if node.name in alive]
    processes = {node.name: alive[node.name] for node in survivors}
    if not survivors:
        first = _most_advanced(root, nodes, command)
        processes[first.name] = start(first, command, more=("--wsrep-new-cluster",))
        wait_for(first, processes[first.name], partial(_synced, first), deadline=deadline)
    for node in nodes:
        if node.name not in processes:
            processes[node.name] = start(node, command)
    for node in nodes:
        wait_for(node, processes[node.name], partial(_joined, node, survivors), deadline=deadline)


def state(port: int) -> State | None:
    """Return what a node says of itself; none where nobody answers."""
    try:
        with mariadb.connect(port=port, timeout=5) as connection:
            cursor = connection.cursor()
            cursor.execute("SHOW GLOBAL STATUS LIKE 'wsrep%'")
            found = {name.lower(): value for name, value in cursor.fetchall()}
            cursor.execute("SHOW GLOBAL VARIABLES LIKE 'wsrep_node_name'")
            name = str(cursor.fetchone()[1])
    except mysql.connector.Error:
        return None
    return State(
        name,
        found.get("wsrep_local_state_comment", "no Galera"),
        found.get("wsrep_cluster_status") == "Primary",
        found.get("wsrep_ready") == "ON",
        int(found.get("wsrep_cluster_size", 0)),
        int(found.get("wsrep_last_committed", -1)),
        int(found.get("wsrep_local_recv_queue", 0)),
    )


def _synced(node: Server) -> bool | None:
    found = state(node.port)
    return True if found and found.is_ready and found.comment == "Synced" else None


def _joined(node: Server, survivors: Sequence[Server]) -> bool | None:
    """Tell whether a node is Synced; where no survivor has a quorum, the most advanced one forms the cluster.

    Survivors notice after some seconds that the others were killed, so they are asked again and again.
    """
    if _synced(node):
        return True
    found = [(each, node) for node in survivors if (each := state(node.port)) is not None]
    if not found or any(each.is_primary for each, _ in found):
        return None
    _, node = max(found, key=lambda pair: pair[0].committed)
    # A node that is just about to change its view refuses this.
    with suppress(mysql.connector.Error), mariadb.connect(port=node.port, timeout=10) as connection:
        connection.cursor().execute("SET GLOBAL wsrep_provider_options = 'pc.bootstrap=YES'")
    return None


def _prepare(
    root: Path, nodes: Sequence[Server], alive: dict[str, psutil.Process], cache: Path
) -> tuple[str, ...]:
    """Make the folders that the nodes need, and return the command that starts one."""
    (mariadbd,) = mariadb.prepare(root)
    scripts = put_scripts(cache, root / SCRIPTS)
    for node in nodes:
        for folder in (root / node.name, _run_folder(root, node.name), node.log.parent):
            folder.mkdir(parents=True, exist_ok=True)
        node.log.touch()
        if os.geteuid() == 0 and node.name not in alive:
            _give(root / node.name, _run_folder(root, node.name), node.log)
    if os.geteuid() == 0:
        _require_reachable(root)
    path = f"{scripts}:{os.environ.get('PATH', os.defpath)}{mariadb.SEARCH}"
    return (mariadb.find_program("env", "coreutils"), f"PATH={path}", mariadbd)


def _give(*paths: Path) -> None:
    """Make the node's user the owner of these files and folders."""
    owner = pwd.getpwnam(USER)
    for path in paths:
        for each in (path, *path.rglob("*")):
            os.chown(each, owner.pw_uid, owner.pw_gid)


def _require_reachable(root: Path) -> None:
    closed = next((folder for folder in (root, *root.parents) if not folder.stat().st_mode & 1), None)
    if closed:
        raise UsageError(
            f"user {USER}, who runs the nodes because root cannot, does not reach the folder",
            where=str(closed),
            fix=f"chmod o+x {closed}, or run pos-sandbox as another user",
        )


def _most_advanced(root: Path, nodes: Sequence[Server], command: tuple[str, ...]) -> Server:
    """Return the node with the latest transaction; the first one where no cluster was here before."""
    positions = [(_position(root / node.name, node, command), -index) for index, node in enumerate(nodes)]
    (_, index) = max(positions)
    first = nodes[-index]
    kept = root / first.name / "grastate.dat"
    if kept.is_file():
        kept.write_text(re.sub(r"safe_to_bootstrap: *0", "safe_to_bootstrap: 1", kept.read_text()))
    return first


def _position(data: Path, node: Server, command: tuple[str, ...]) -> int:
    """Return the number of the last transaction in a data folder; -1 where there is none.

    A node that was killed did not write it down, so InnoDB is asked.
    """
    kept = data / "grastate.dat"
    if not kept.is_file():
        return -1
    found = re.search(r"^seqno: *(-?\d+)", kept.read_text(), re.MULTILINE)
    if found and int(found[1]) >= 0:
        return int(found[1])
    recovery = node.log.with_suffix(".recovery")
    flags = [f"--log-error={recovery}" if flag == node.marker else flag for flag in node.flags]
    recovery.touch()
    if os.geteuid() == 0:
        _give(recovery)
    done = subprocess.run(
        [*command, *flags, "--wsrep-recover"], capture_output=True, text=True, check=False, timeout=120
    )
    found = re.search(r"Recovered position: *[0-9a-f-]+:(-?\d+)", recovery.read_text(errors="replace"))
    if not found:
        raise ServerError(
            f"no position in the data of {node.name}: exit code {done.returncode}",
            where=str(data),
            fix=f"see {recovery}",
        )
    recovery.unlink()
    return int(found[1])
