"""A sharded MongoDB: config server, two shards (replica sets of one), mongos.

Every step first asks what is there, and acts only where something is missing. So the next run completes one
that was killed.
"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from pos_sandbox.mongo_tools import MongoTools
from pos_sandbox.process import HOST, Deadline, Server, start, wait_for

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


def servers(root: Path, *, mongos: int, config: int, shard1: int, shard2: int) -> tuple[Server, ...]:
    """Describe the four servers of the sandbox in `root`: config, shard1, shard2, mongos."""
    ports = {"config": config, "shard1": shard1, "shard2": shard2}
    members = [
        _server(
            root,
            name,
            "config server" if name == CONFIG_SET else "shard",
            "mongod",
            port,
            "--configsvr" if name == CONFIG_SET else "--shardsvr",
            f"--replSet={name}",
            f"--dbpath={root / name}",
            f"--wiredTigerCacheSizeGB={CACHE_GB[name]}",
            "--oplogSize=512",
        )
        for name, port in ports.items()
    ]
    router = _server(root, "mongos", "router", "mongos", mongos, f"--configdb={CONFIG_SET}/{HOST}:{config}")
    return (*members, router)


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
    *sets, router = members
    with ThreadPoolExecutor(len(sets)) as pool:
        for waiting in [pool.submit(_replica_set, s, processes[s.name], deadline) for s in sets]:
            waiting.result()
    _cluster(router, sets[1:], processes["mongos"], deadline)


def _replica_set(server: Server, process: psutil.Process, deadline: Deadline) -> None:
    """Initiate the set of one member if that is not done, and wait for its primary."""

    def primary() -> bool | None:
        try:
            with connect(server.port, timeout=5) as client:
                hello = client.admin.command("hello")
                if hello["isWritablePrimary"]:
                    return True
                if hello.get("isreplicaset"):  # started as a set, not initiated
                    _initiate(client, server)
        except PyMongoError:
            pass
        return None

    wait_for(server, process, primary, deadline=deadline)


def _initiate(client: Client, server: Server) -> None:
    config = {
        "_id": server.name,
        "configsvr": server.name == CONFIG_SET,
        "members": [{"_id": 0, "host": f"{HOST}:{server.port}"}],
    }
    try:
        client.admin.command("replSetInitiate", config)
    except OperationFailure as error:
        if error.code != ALREADY_INITIALIZED:
            raise


def _cluster(router: Server, shards: list[Server], process: psutil.Process, deadline: Deadline) -> None:
    """Register missing shards, and wait until mongos reaches every shard."""

    def ready() -> bool | None:
        try:
            with connect(router.port, timeout=15) as client:
                known = {shard["_id"] for shard in client.admin.command("listShards")["shards"]}
                for shard in shards:
                    if shard.name not in known:
                        host = f"{shard.name}/{HOST}:{shard.port}"
                        client.admin.command("addShard", host, name=shard.name)
                client.admin.command("listDatabases")  # mongos asks every shard
                return True
        except PyMongoError:
            return None

    wait_for(router, process, ready, deadline=deadline)
