"""A MongoDB of one member, for benchmarks and for tests that are not about sharding."""

from pathlib import Path

from pymongo.errors import OperationFailure, PyMongoError

from pos_sandbox.mongodb import ALREADY_INITIALIZED, QUICK_STOP, connect
from pos_sandbox.process import HOST, Server

REPLICA_SET = "single"


def server(root: Path, port: int, *, cache_gb: float, replica_set: bool = True) -> Server:
    """Describe the server in `root`; without `replica_set`, it is a standalone server."""
    data, log = root / "single", root / "log" / "single.log"
    data.mkdir(parents=True, exist_ok=True)
    flags = (
        f"--logpath={log}",
        "--quiet",
        f"--bind_ip={HOST}",
        f"--port={port}",
        "--nounixsocket",
        *([f"--replSet={REPLICA_SET}"] if replica_set else []),
        f"--dbpath={data}",
        f"--wiredTigerCacheSizeGB={cache_gb:.2f}",
        f"--setParameter={QUICK_STOP['mongod']}",
        "--setParameter=diagnosticDataCollectionEnabled=false",
    )
    return Server("single", "single server", "mongod", port, log, flags)


def primary(port: int) -> bool | None:
    """Initiate the set if that is not done; return true once the server takes writes, until then none."""
    try:
        with connect(port, timeout=10) as client:
            hello = client.admin.command("hello")
            if hello.get("isreplicaset"):  # started as a set, not initiated
                member = {"_id": 0, "host": f"{HOST}:{port}"}
                client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": [member]})
            return bool(hello["isWritablePrimary"]) or None
    except OperationFailure as error:
        if error.code != ALREADY_INITIALIZED:
            raise
    except PyMongoError:
        pass
    return None
