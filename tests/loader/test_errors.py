"""Bad input, end to end: one clear line, the documented exit code, and no password in any output."""

# ruff: noqa: E501 - a case of a table stays on one line

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest

from loader import mongo
from sandbox import mariadb
from sandbox.cluster import Endpoints
from tests.loader.handmade import Mart, publishable, with_manifest
from tests.loader.manifests import Change, Manifest, declaration, model, write_changed
from tests.loader.running import Loader, left_behind
from tests.warehouse import Warehouse, new_warehouse

USER, MARIADB_SECRET, MONGO_SECRET = "test_guarded", "s3cret/of@maria:db%20", "s3cret/of@mongo:db%20"
NOTHING_LISTENS = "127.0.0.1:1"


@pytest.fixture(scope="module")
def guarded(
    sample_warehouse: Warehouse, servers: Endpoints, client: mongo.Client, database: str
) -> Iterator[Loader]:
    """A loader of the sample that has to say who it is, with passwords full of reserved characters."""
    with mariadb.connect(port=servers.mariadb_port) as connection:
        cursor = connection.cursor()
        # The sandbox's user may not grant, but may copy itself.
        cursor.execute(
            "replace into mysql.global_priv select host, %s, json_set(priv, '$.authentication_string', password(%s)) "
            "from mysql.global_priv where user = %s and host = %s",
            (USER, MARIADB_SECRET, servers.mariadb_user, servers.mariadb_host),
        )
        cursor.execute("flush privileges")
        client.admin.command("createUser", USER, pwd=MONGO_SECRET, roles=["root"])
        try:
            yield Loader(
                replace(sample_warehouse, user=USER, password=MARIADB_SECRET),
                servers.mongo_uri.replace("//", f"//{USER}:{quote_plus(MONGO_SECRET)}@"),
                database,
            )
        finally:
            cursor.execute("drop user %s@%s", (USER, servers.mariadb_host))
            client.admin.command("dropUser", USER)


@pytest.fixture
def handmade(
    guarded: Loader, servers: Endpoints, mariadb_schema: str, mongo_database: str, tmp_path: Path
) -> Loader:
    """The same with an empty schema and no artifacts."""
    empty = new_warehouse(servers, tmp_path / "artifacts", mariadb_schema)
    mine = replace(empty, user=USER, password=MARIADB_SECRET)
    return replace(guarded, warehouse=mine, database=mongo_database, select=())


def refused(loader: Loader, *arguments: str, code: int, **environment: str) -> str:
    """Run `load`, which has to fail with `code`, and return its one line."""
    finished = loader.invoke("load", *arguments, **environment)
    for secret in (MARIADB_SECRET, MONGO_SECRET):
        for spelt in (secret, quote_plus(secret)):
            assert spelt not in finished.stdout + finished.stderr
    assert finished.code == code, finished
    return finished.error


Case = tuple[int, tuple[str, ...], dict[str, str], tuple[str, ...]]
SETTINGS: dict[str, Case] = {
    "unknown collection": (2, ("--select", "nothing"), {}, ("no collection nothing", "declared are: customer_")),
    "no workers": (2, ("--workers", "0"), {}, ("workers", "0", "--workers", "POS_WORKERS")),
    "negative partitions": (2, ("--partition-rows", "-5"), {}, ("-5", "--partition-rows")),
    "impossible database": (2, (), {"POS_MONGO_DATABASE": "a b"}, ("'a b'", "POS_MONGO_DATABASE")),
    "no artifacts": (2, ("--target-path", "{folder}"), {}, ("manifest.json is missing", "{folder}", "dbt build")),
    "no profile file": (2, ("--profiles-dir", "{folder}"), {}, ("no profiles.yml", "{folder}")),
    "broken profile file": (2, ("--profiles-dir", "{folder}/broken"), {}, ("profiles.yml", "{folder}/broken")),
    "unknown target": (2, ("--target", "moon"), {}, ("no target moon", "targets are: dev")),
    "missing variable": (2, ("--profiles-dir", "{folder}/unset"), {}, ("variable POS_NOT_SET is not set",)),
    "no dbt project": (2, ("--project-dir", "{folder}"), {}, ("dbt_project.yml is missing", "--project-dir")),
    "MariaDB away": (3, (), {"POS_MARIADB_PORT": "1"}, ("cannot connect", f"MariaDB at {NOTHING_LISTENS}")),
    "MariaDB refuses": (3, (), {"POS_MARIADB_PASSWORD": "wrong"}, (f"user {USER} is refused", "MariaDB at ")),
    "MongoDB away": (
        3,
        (),
        {"POS_MONGO_URI": f"mongodb://{USER}:{quote_plus(MONGO_SECRET)}@{NOTHING_LISTENS}", "POS_MONGO_TIMEOUT": "1"},
        (f"MongoDB at mongodb://***@{NOTHING_LISTENS} does not answer", "POS_MONGO_URI"),
    ),
    "MongoDB refuses": (3, (), {"POS_MONGO_URI": "mongodb://{user}:wrong@{mongo}"}, ("refuses us", "***@{mongo}")),
    "password not escaped": (
        2,
        (),
        {"POS_MONGO_URI": f"mongodb://{USER}:{MONGO_SECRET}@{NOTHING_LISTENS}"},
        ("mongodb://***@", "cannot be read", "POS_MONGO_URI"),
    ),
    "no address": (2, (), {"POS_MONGO_URI": "http://127.0.0.1"}, ("cannot be read", "POS_MONGO_URI")),
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Profiles that cannot be used, each in a folder of its own."""
    here = tmp_path_factory.mktemp("profiles")
    profile = "pos: {target: dev, outputs: {dev: {type: mariadb, server: \"{{ env_var('POS_NOT_SET') }}\"}}}"
    for name, text in (("broken", "pos: [\n"), ("unset", profile)):
        (here / name).mkdir()
        (here / name / "profiles.yml").write_text(text)
    return here


@pytest.mark.parametrize("case", SETTINGS)
def test_settings_that_cannot_work(case: str, guarded: Loader, servers: Endpoints, folder: Path) -> None:
    code, arguments, environment, expected = SETTINGS[case]
    values = {"folder": folder, "user": USER, "mongo": servers.mongo_uri.removeprefix("mongodb://")}

    def fill(text: str) -> str:
        return text.replace("%", "%%").format(**values).replace("%%", "%")

    changed = {name: fill(value) for name, value in environment.items()}
    line = refused(guarded, *map(fill, arguments), code=code, **changed)
    for text in expected:
        assert fill(text) in line


def cluster_orders_by_their_own_key(manifest: Manifest) -> None:
    model(manifest, "fct_orders")["config"]["primary_key"] = ["order_id"]


def name_an_unknown_model(manifest: Manifest) -> None:
    declaration(manifest)["root"] = "dim_clients"


def make_an_index_unique(manifest: Manifest) -> None:
    declaration(manifest)["indexes"][0]["unique"] = True


DECLARATIONS: list[tuple[Change, str]] = [
    (name_an_unknown_model, "model dim_clients is unknown (models/marts/_marts__exposures.yml, exposure customer_"),
    (cluster_orders_by_their_own_key, "embed orders: primary key (order_id) of fct_orders does not begin with its"),
    (make_an_index_unique, "unique index city_1_state_1 on (city, state) cannot hold across shards"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "expected"), DECLARATIONS)
def test_declarations_that_cannot_be_published(
    change: Change, expected: str, guarded: Loader, tmp_path: Path
) -> None:
    warehouse = guarded.warehouse
    write_changed(warehouse.artifact("manifest"), change, tmp_path)
    shutil.copy(warehouse.target_path / "run_results.json", tmp_path)
    assert expected in refused(with_manifest(guarded, tmp_path), code=2)


def test_a_schema_that_dbt_has_not_built(guarded: Loader, mariadb_schema: str, tmp_path: Path) -> None:
    def elsewhere(manifest: Manifest) -> None:
        for node in manifest["nodes"].values():
            node["schema"] = mariadb_schema

    write_changed(guarded.warehouse.artifact("manifest"), elsewhere, tmp_path)
    line = refused(with_manifest(guarded, tmp_path), "--no-gate", "--quiet", code=2)
    assert f"the table is missing (model dim_customers, table {mariadb_schema}.dim_customers)" in line


SHOPS = Mart({"shop_id": "bigint", "opened_at": "datetime(6)", "notes": "longtext"}, ("shop_id",))
SALES = Mart({"shop_id": "bigint", "sale_id": "bigint", "receipt": "longtext"}, ("shop_id", "sale_id"))
CODED = Mart({"code": "varchar(9)", "name": "text"}, ("code",), rows=[("a", "first"), ("B", "second")])
DECLARED: Manifest = {"root": "shops", "key": "shop_id", "shard_key": "none"}
EMBED: Manifest = {"sales": {"model": "sales", "max_items": 3}}
OPENED = "2024-05-06 07:08:09.123"
DATA: dict[str, tuple[int, dict[str, Mart], Manifest, str]] = {
    "a mart without rows": (1, {"shops": SHOPS}, {}, "model shops has no rows (table "),
    "microseconds": (
        1,
        {"shops": replace(SHOPS, rows=[(6, OPENED, None), (7, f"{OPENED}456", None)])},
        {},
        "column opened_at: 2024-05-06 07:08:09.123456 ",
    ),
    "too many items": (
        1,
        {
            "shops": replace(SHOPS, rows=[(1, None, None), (2, None, None)]),
            "sales": replace(SALES, rows=[(1, 1, ""), *((2, number, "") for number in range(4))]),
        },
        {"embed": EMBED},
        "4 items in sales of shop_id 2, max_items is 3 (model sales, collection handmade)",
    ),
    "a row without its parent": (
        1,
        {
            "shops": replace(SHOPS, rows=[(1, None, None), (3, None, None)]),
            "sales": replace(SALES, rows=[(1, 1, ""), (2, 9, "")]),
        },
        {"embed": EMBED},
        "1 keys of sales have no row in shops, first shop_id 2 (model sales)",
    ),
    "a document too large": (
        1,
        {
            "shops": replace(SHOPS, query="select seq, null, null from seq_1_to_3"),
            "sales": replace(SALES, query="select 2, seq, repeat('x', 6000000) from seq_1_to_3"),
        },
        {"embed": EMBED},
        "_id 2 with 18,000,147 bytes of handmade is over MongoDB's 16,777,216 ",
    ),
    "a key that sorts otherwise": (
        2,
        {"shops": CODED},
        {"key": "code"},
        "key code has collation utf8mb4_unicode_ci (model shops, table ",
    ),
}


@pytest.mark.parametrize("case", DATA)
def test_marts_that_cannot_be_published(case: str, handmade: Loader, guarded: Loader, client: Any) -> None:
    code, marts, declared, expected = DATA[case]
    publishable(handmade, guarded.warehouse.artifact("manifest"), marts, DECLARED | declared)
    line = refused(handmade, "--no-gate", "--quiet", code=code)
    assert line.startswith(expected)
    if case == "microseconds":
        assert "(model shops, shop_id 7)" in line
    assert client[handmade.database].list_collection_names(filter={"name": "handmade"}) == []
    assert left_behind(client[handmade.database]) == []


@pytest.mark.parametrize(("options", "declared"), [(("--allow-empty",), {}), ((), {"allow_empty": True})])
def test_a_mart_without_rows_is_published_when_that_is_allowed(
    options: tuple[str, ...], declared: Manifest, handmade: Loader, guarded: Loader, client: Any
) -> None:
    publishable(handmade, guarded.warehouse.artifact("manifest"), {"shops": SHOPS}, DECLARED | declared)
    published = handmade.done("load", "--no-gate", *options, "--json")
    assert published.json["collections"][0]["documents"] == 0
    assert "handmade" in client[handmade.database].list_collection_names()
    for secret in (MARIADB_SECRET, MONGO_SECRET, quote_plus(MARIADB_SECRET), quote_plus(MONGO_SECRET)):
        assert secret not in published.stdout + published.stderr + handmade.results.read_text()
