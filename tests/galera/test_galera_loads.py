"""Loads from a Galera cluster: they stay on one Synced node, and never publish the rows of one that lags.

The same holds for plain replicas behind a balancer, whose loads stay on one server.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from pos_sandbox.cluster import Endpoints
from tests.galera.cluster import Balancer, Cluster, cluster, copied, with_hosts
from tests.loader.running import Documents, Loader, content
from tests.loader.shop.servers import replica, server
from tests.warehouse import Warehouse

pytestmark = pytest.mark.native
CUSTOMERS = "customer_order_history"
TABLES = ("dim_customers", "fct_orders", "fct_order_lines", "dbt_build_stamp")
LATER = "b" * 36
"""The invocation of the later build, which changes the name of every customer."""


@dataclass(frozen=True)
class Shop:
    """Servers with an earlier and a later build, each with its artifacts. Servers differ while one lags."""

    warehouse: Warehouse
    later: Path
    mongo_uri: str
    database: str

    def loader(self, *, port: int = 0, hosts: tuple[str, ...] = (), is_later: bool = True) -> Loader:
        """A loader with the artifacts of one build, through a port of a server or a balancer, or by hosts."""
        warehouse = replace(self.warehouse, port=port or self.warehouse.port)
        if is_later:
            warehouse = replace(warehouse, target_path=self.later)
        reached = with_hosts(warehouse, hosts) if hosts else warehouse
        return Loader(reached, self.mongo_uri, self.database, select=(CUSTOMERS,))

    def build(self, *, is_later: bool) -> None:
        """Put the rows and the stamp of one build into the cluster, as dbt would."""
        invocation = LATER if is_later else self.warehouse.artifact("manifest")["metadata"]["invocation_id"]
        name = "'Later'" if is_later else "left(email, 5)"
        self.warehouse.query(f"update dim_customers set first_name = {name}")
        self.warehouse.query(f"update dbt_build_stamp set invocation_id = '{invocation}'")


@dataclass(frozen=True)
class GaleraShop(Shop):
    """A shop on three nodes."""

    cluster: Cluster


def opened(original: Warehouse, port: int, folder: Path, servers: Endpoints, database: str) -> Shop:
    """Make a shop on the server at a port."""
    warehouse = copied(original, port, folder / "earlier", TABLES)
    shutil.copytree(folder / "earlier", folder / "later")
    for name in ("manifest", "run_results"):
        file = folder / "later" / f"{name}.json"
        artifact = json.loads(file.read_text())
        artifact["metadata"]["invocation_id"] = LATER
        file.write_text(json.dumps(artifact))
    return Shop(warehouse, folder / "later", servers.mongo_uri, database)


@pytest.fixture(scope="module")
def shop(
    sample_warehouse: Warehouse,
    servers: Endpoints,
    database: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[GaleraShop]:
    folder = tmp_path_factory.mktemp("galera")
    with cluster() as made:
        found = opened(sample_warehouse, made.nodes[0].port, folder, servers, database)
        yield GaleraShop(**vars(found), cluster=made)


def names(documents: Documents) -> set[str]:
    """The first names of all customers."""
    return set(documents[CUSTOMERS].distinct("firstName"))


@pytest.fixture
def documents(client: Callable[..., object], database: str) -> Documents:
    return client[database]  # type: ignore[index,no-any-return]


def test_behind_a_balancer_no_route_takes_the_rows_of_a_node_that_lags(
    shop: GaleraShop, documents: Documents
) -> None:
    """The third node holds the earlier build, says Synced, and would pass the gate of that build."""
    shop.build(is_later=False)
    stamp = f"`{shop.warehouse.schema}`.dbt_build_stamp"
    with shop.cluster.lagging(2, stamp), Balancer([node.port for node in shop.cluster.nodes]) as balancer:
        shop.build(is_later=True)
        loader = shop.loader(port=balancer.port)
        small = {"POS_PARTITION_ROWS": "20"}

        loader.done("load", "--full-refresh", **small)
        assert names(documents) == {"Later"}
        documents[CUSTOMERS].update_many({"_id": {"$mod": [2, 1]}}, {"$set": {"firstName": "Older"}})
        planned = loader.run("plan", "--json", **small)
        assert planned.code == 2
        assert planned.json["collections"][0]["replace"] > 0
        loader.done("load", **small)
        assert names(documents) == {"Later"}
        loader.done("verify", **small)
        loader.done("verify", "--quick", **small)

        before = content(documents, CUSTOMERS)
        for port in (balancer.port, shop.cluster.nodes[2].port):
            for options in ((), ("--full-refresh",)):
                earlier = shop.loader(port=port, is_later=False)
                assert earlier.run("load", *options, **small).code in (1, 3, 4)
        assert content(documents, CUSTOMERS) == before


def test_the_first_host_that_can_be_read_is_read_and_named(shop: GaleraShop, documents: Documents) -> None:
    shop.build(is_later=True)
    third, second, first = reversed(shop.cluster.hosts)
    with shop.cluster.held_back(2):
        shop.cluster.execute(1, "set global innodb_flush_log_at_trx_commit = 2")
        done = shop.loader(hosts=(third, second, first)).done("load", "--full-refresh", "--json")
        unable = shop.loader(hosts=(third, second)).run("load")
        shop.cluster.execute(1, "set global innodb_flush_log_at_trx_commit = 1")
    assert (done.json["galera_node"], done.json["mariadb"]) == ("mariadb", first)
    assert done.json["run_warnings"] == []
    assert names(documents) == {"Later"}
    assert unable.code == 3
    assert "node mariadb_3 is Donor/Desynced" in unable.stderr
    assert "node mariadb_2 has innodb_flush_log_at_trx_commit = 2 and may lose" in unable.stderr


@pytest.mark.long
def test_a_load_whose_node_is_killed_begins_again_on_another_node(
    shop: GaleraShop, documents: Documents
) -> None:
    shop.build(is_later=False)
    shop.loader(hosts=shop.cluster.hosts, is_later=False).done("load", "--full-refresh")
    shop.build(is_later=True)
    loader = shop.loader(hosts=shop.cluster.hosts)
    try:
        code, printed, said = killed_in_the_middle(shop, loader, documents)
        assert code == 0, said
        assert names(documents) == {"Later"}
        outcome = json.loads(printed)
        assert outcome["galera_node"] == "mariadb_2"
        (warning,) = outcome["run_warnings"]
        assert warning.startswith("node mariadb of the Galera cluster is lost: ")
        assert warning.endswith("; the load began again on node mariadb_2 of the Galera cluster")
        assert loader.run("verify").code == 0
        shop.cluster.kill(1)  # the last node has no quorum
        alone = loader.run("load")
        assert alone.code == 3, alone
    finally:
        shop.cluster.up()


@pytest.mark.long
def test_a_load_whose_node_is_killed_does_not_go_on_where_the_build_is_not(
    shop: GaleraShop, documents: Documents
) -> None:
    """The only other host says Synced and lags, so that it holds the earlier build."""
    first, _, third = shop.cluster.hosts
    shop.build(is_later=False)
    shop.loader(hosts=(first, third), is_later=False).done("load", "--full-refresh")
    before = content(documents, CUSTOMERS)
    try:
        with shop.cluster.lagging(2, f"`{shop.warehouse.schema}`.dbt_build_stamp"):
            shop.build(is_later=True)
            code, _, said = killed_in_the_middle(shop, shop.loader(hosts=(first, third)), documents)
        assert code == 4, said
        assert "node mariadb of the Galera cluster is lost" in said
        assert content(documents, CUSTOMERS) == before
    finally:
        shop.cluster.up()


def killed_in_the_middle(shop: GaleraShop, loader: Loader, documents: Documents) -> tuple[int, str, str]:
    """Kill the first node while a full refresh writes; return the load's exit code, stdout and stderr."""
    earlier = names(documents)
    loading = loader.start("load", "--full-refresh", "--json", "--partition-rows", "20", "--workers", "1")
    while not any("__build_" in name for name in documents.list_collection_names()):
        assert loading.poll() is None
        assert names(documents) == earlier
    shop.cluster.kill(0)
    printed, said = loading.communicate(timeout=300)
    return loading.returncode, printed, said


@pytest.mark.long
def test_dbt_builds_behind_a_balancer_and_every_table_has_a_key(shop: GaleraShop, tmp_path: Path) -> None:
    with Balancer([node.port for node in shop.cluster.nodes]) as balancer:
        warehouse = replace(
            shop.warehouse, port=balancer.port, schema="test_galera_built", target_path=tmp_path
        )
        warehouse.dbt("build")
    schema = f"table_schema = '{warehouse.schema}'"
    tables = "select table_name from information_schema.tables"
    keyed = f"select table_name from information_schema.statistics where {schema} and index_name = 'PRIMARY'"
    base = f"{tables} where {schema} and table_type = 'BASE TABLE'"
    assert shop.cluster.execute(0, f"{base} and table_name not in ({keyed})") == []
    names = ", ".join(f"`{warehouse.schema}`.`{name}`" for (name,) in shop.cluster.execute(0, base))
    wait = "set session wsrep_sync_wait = 7"
    sums = [shop.cluster.execute(number, wait, f"checksum table {names}") for number in range(3)]
    assert sums[0] == sums[1] == sums[2]
    assert len(sums[0]) > 25


@pytest.mark.long
def test_behind_a_balancer_of_plain_replicas_a_load_stays_on_one_server(
    sample_warehouse: Warehouse, servers: Endpoints, database: str, documents: Documents, tmp_path: Path
) -> None:
    """The replica stands still and holds the earlier build, so a load that begins there is refused."""
    with server(tmp_path / "primary", 1) as primary, replica(tmp_path / "replica", primary) as behind:
        shop = opened(sample_warehouse, primary.port, tmp_path, servers, database)
        shop.build(is_later=False)
        ((position,),) = primary.query("select @@gtid_binlog_pos")
        assert behind.query(f"select master_gtid_wait('{position}', 60)") == [(0,)]
        behind.query("stop slave sql_thread")
        shop.build(is_later=True)
        codes = set()
        for options in (("--full-refresh",), ()):
            for ports in ((primary.port, behind.port), (behind.port, primary.port)):
                with Balancer(ports) as balancer:
                    load = ("load", *options, "--partition-rows", "20")
                    done = shop.loader(port=balancer.port).run(*load)
                codes.add(done.code)
                if done.code == 0:
                    assert names(documents) == {"Later"}
                    some = {"_id": {"$mod": [2, 1]}}
                    documents[CUSTOMERS].update_many(some, {"$set": {"firstName": "Older"}})
                else:
                    assert f"the artifacts are of {LATER}" in done.stderr
        assert codes == {0, 1}
