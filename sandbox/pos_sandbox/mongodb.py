"""A sharded MongoDB: config server and two shards (replica sets of one or three members), one or two mongos.

Every step first asks what is there, and acts only where something is missing. So the next run completes one
that was killed.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from pos_sandbox.mongo_tools import MongoTools
from pos_sandbox.process import HOST, Deadline, Server, require_alive, start, wait_for

Client = MongoClient[dict[str, Any]]

CONFIG_SET = "config"
SHARDS = ("shard1", "shard2")
CACHE_GB = {"config": 0.25, "shard1": 0.5, "shard2": 0.5}
ALREADY_INITIALIZED = 23
# By default, a stopping server waits 15 s for clients to move to other members; there are no others.
QUICK_STOP = {
    "mongod": "shutdownTimeoutMillisForSignaledShutdown=100",
    "mongos": "mongosShutdownTimeoutMillisForSignaledShutdown=100",
}


def servers(
    root: Path,
    *,
    mongos: int,
    config: int,
    shard1: int,
    shard2: int,
    members: int = 1,
    more: Sequence[int] = (),
) -> tuple[Server, ...]:
    """Describe the servers of the sandbox in `root`: the members of each set, then the routers.

    Sets of three take ports of further members from `more`, and a second router takes one too.
    """
    further = iter(more)
    found: list[Server] = []
    for name, first in {"config": config, "shard1": shard1, "shard2": shard2}.items():
        for number in range(1, members + 1):
            is_config = name == CONFIG_SET
            server = _server(
                root,
                _numbered(name, number),
                "config server" if is_config else "shard",
                "mongod",
                first if number == 1 else next(further),
                "--configsvr" if is_config else "--shardsvr",
                f"--replSet={name}",
                f"--dbpath={root / _numbered(name, number)}",
                f"--wiredTigerCacheSizeGB={CACHE_GB[name]}",
                "--oplogSize=512",
            )
            found.append(replace(server, group=name))
    hosts = ",".join(f"{HOST}:{server.port}" for server in found if server.group == CONFIG_SET)
    for number, port in enumerate([mongos] if members == 1 else [mongos, next(further)], 1):
        name = _numbered("mongos", number)
        found.append(_server(root, name, "router", "mongos", port, f"--configdb={CONFIG_SET}/{hosts}"))
    return tuple(found)


def _numbered(name: str, number: int) -> str:
    return name if number == 1 else f"{name}_{number}"


def _server(root: Path, name: str, role: str, program: str, port: int, *flags: str) -> Server:
    log = root / "log" / f"{name}.log"
    common = (
        f"--logpath={log}",
        "--logappend",
        "--quiet",
        f"--bind_ip={HOST}",
        f"--port={port}",
        "--nounixsocket",
        f"--setParameter={QUICK_STOP[program]}",
        "--setParameter=diagnosticDataCollectionEnabled=false",
    )
    return Server(name, role, program, port, log, (*common, *flags))


def connect(port: int, *, timeout: int) -> Client:
    """Return a client of one server for a `with` block; an answer may take `timeout` seconds."""
    return MongoClient(
        HOST,
        port,
        directConnection=True,
        serverSelectionTimeoutMS=2000,
        connectTimeoutMS=timeout * 1000,
        socketTimeoutMS=timeout * 1000,
    )


def version(port: int) -> str | None:
    """Return the version of a server that answers; none if it does not."""
    try:
        with connect(port, timeout=5) as client:
            return str(client.admin.command("buildInfo")["version"])
    except PyMongoError:
        return None


def bring_up(
    members: tuple[Server, ...],
    alive: dict[str, psutil.Process],
    tools: MongoTools | None,
    *,
    deadline: Deadline,
) -> None:
    """Start what is not in `alive`, then complete the cluster; return when it is ready."""
    processes = dict(alive)
    for server in members:
        if server.name not in processes:
            assert tools is not None  # noqa: S101 - the caller looks for programs when one is missing
            if server.program == "mongod":
                (server.log.parent.parent / server.name).mkdir(exist_ok=True)
            processes[server.name] = start(server, getattr(tools, server.program))
    routers = [server for server in members if not server.group]
    sets = [[server for server in members if server.group == name] for name in (CONFIG_SET, *SHARDS)]
    with ThreadPoolExecutor(len(sets)) as pool:
        for waiting in [pool.submit(replica_set, each, processes, deadline) for each in sets]:
            waiting.result()
    for router in routers:
        _cluster(router, sets[1:], processes[router.name], deadline)


def replica_set(servers: list[Server], processes: dict[str, psutil.Process], deadline: Deadline) -> None:
    """Initiate the set if that is not done, add missing members, and wait until all follow a primary."""

    def ready() -> bool | None:
        for server in servers[1:]:
            require_alive(server, processes[server.name])
        try:
            with connect(servers[0].port, timeout=5) as client:
                hello = client.admin.command("hello")
                if hello.get("isreplicaset"):  # started as a set, not initiated
                    _initiate(client, servers)
                elif len(servers) == 1 and hello["isWritablePrimary"]:
                    return True
                elif len(servers) > 1 and hello.get("primary"):
                    return _completed(int(hello["primary"].rpartition(":")[2]), servers)
        except PyMongoError:
            pass
        return None

    wait_for(servers[0], processes[servers[0].name], ready, deadline=deadline)


def _initiate(client: Client, servers: list[Server]) -> None:
    config = {
        "_id": servers[0].group,
        "configsvr": servers[0].group == CONFIG_SET,
        "members": [
            {"_id": number, "host": f"{HOST}:{server.port}"} for number, server in enumerate(servers)
        ],
    }
    try:
        client.admin.command("replSetInitiate", config)
    except OperationFailure as error:
        if error.code != ALREADY_INITIALIZED:
            raise


def _completed(primary: int, servers: list[Server]) -> bool | None:
    """Add one missing member, as MongoDB allows one per change; return true once every member is in step."""
    with connect(primary, timeout=5) as client:
        config = client.admin.command("replSetGetConfig")["config"]
        known = {member["host"] for member in config["members"]}
        for server in servers:
            host = f"{HOST}:{server.port}"
            if host not in known:
                number = 1 + max(member["_id"] for member in config["members"])
                config["members"].append({"_id": number, "host": host})
                client.admin.command("replSetReconfig", {**config, "version": config["version"] + 1})
                return None
        states = [member["stateStr"] for member in client.admin.command("replSetGetStatus")["members"]]
        return set(states) <= {"PRIMARY", "SECONDARY"} or None


def _cluster(router: Server, shards: list[list[Server]], process: psutil.Process, deadline: Deadline) -> None:
    """Register missing shards, and wait until mongos reaches every shard."""

    def ready() -> bool | None:
        try:
            with connect(router.port, timeout=15) as client:
                known = {shard["_id"] for shard in client.admin.command("listShards")["shards"]}
                for shard in shards:
                    if shard[0].group not in known:
                        hosts = ",".join(f"{HOST}:{server.port}" for server in shard)
                        client.admin.command("addShard", f"{shard[0].group}/{hosts}", name=shard[0].group)
                client.admin.command("listDatabases")  # mongos asks every shard
                return True
        except PyMongoError:
            return None

    wait_for(router, process, ready, deadline=deadline)


def detail(server: Server) -> str:
    """Say what a member of a larger set does: its state and how far it is behind, or a router's chunks."""
    try:
        with connect(server.port, timeout=5) as client:
            return _spread(client) if not server.group else _state(client)
    except PyMongoError as error:
        return f"unknown: {type(error).__name__}"


def _state(client: Client) -> str:
    members = client.admin.command("replSetGetStatus")["members"]
    mine = next(member for member in members if member.get("self"))
    newest = max(
        (member["optimeDate"] for member in members if member["stateStr"] == "PRIMARY"), default=None
    )
    if mine["stateStr"] == "PRIMARY":
        return f"primary of {len(members)}"
    if newest is None:
        return f"{mine['stateStr'].lower()}, no primary"
    return f"{mine['stateStr'].lower()}, {max(0, (newest - mine['optimeDate']).total_seconds()):.0f} s behind"


def _spread(client: Client) -> str:
    mode = client.admin.command("balancerStatus")["mode"]
    shards = [shard["_id"] for shard in client.admin.command("listShards")["shards"]]
    counts = {
        row["_id"]: row["n"]
        for row in client.config.chunks.aggregate([{"$group": {"_id": "$shard", "n": {"$sum": 1}}}])
    }
    chunks = ", ".join(f"{counts.get(shard, 0)} on {shard}" for shard in shards)
    return f"chunks: {chunks}; balancer {'off' if mode == 'off' else 'on'}"
