"""What real loads leave behind: results file, audit tables, lineage, JSON logs, step summary."""

from __future__ import annotations

import json
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from pos_loader import __version__, load_results
from pos_loader.collection import Difference, Figure
from pos_loader.errors import DataError
from pos_loader.publish import builds
from pos_sandbox import mariadb
from pos_sandbox.cluster import Endpoints
from tests.loader.running import ERROR, Loader
from tests.warehouse import PROJECT, Warehouse

pytestmark = pytest.mark.native

CUSTOMERS, PRODUCTS = NAMES = "customer_order_history", "product_purchase_details"
SCHEMA = json.loads((PROJECT / "loader" / "pos_loader" / "load_results.schema.json").read_text())
GUIDE = PROJECT / "docs" / "evidence.md"
Event = dict[str, Any]


@pytest.fixture(scope="module")
def warehouse(sample_warehouse: Warehouse, tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """The sample's schema, with artifacts of the tests' own to write beside."""
    folder = tmp_path_factory.mktemp("evidence")
    for name in ("manifest.json", "run_results.json"):
        shutil.copy(sample_warehouse.target_path / name, folder)
    return replace(sample_warehouse, target_path=folder)


@pytest.fixture(scope="module")
def loader(warehouse: Warehouse, servers: Endpoints, database: str) -> Loader:
    return Loader(warehouse, servers.mongo_uri, database)


@pytest.fixture(scope="module")
def first(loader: Loader) -> dict[str, Any]:
    """The outcome of a first load, which publishes both collections."""
    loaded: dict[str, Any] = loader.done("load", "--json").json
    return loaded


@pytest.fixture
def refusing(loader: Loader, tmp_path: Path) -> Loader:
    """The same marts with artifacts in which a test downstream of only the products failed."""
    shutil.copytree(loader.warehouse.target_path, tmp_path / "artifacts")
    path = tmp_path / "artifacts" / "run_results.json"
    results = json.loads(path.read_text())
    (product,) = (
        each for each in results["results"] if each["unique_id"] == "model.pos.fct_product_purchases"
    )
    product |= {"status": "error", "message": "<made up> | by a test"}
    path.write_text(json.dumps(results))
    return replace(loader, warehouse=replace(loader.warehouse, target_path=path.parent))


def audited(warehouse: Warehouse, load_id: str) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """A load's row, and those of its collections by name."""
    connection = warehouse.connect()
    try:
        cursor = connection.cursor(dictionary=True)
        cursor.execute("select * from pos_loader_runs where load_id = %s", (load_id,))
        (run,) = cursor.fetchall()
        cursor.execute("select * from pos_loader_collections where load_id = %s", (load_id,))
        return run, {each["collection"]: each for each in cursor.fetchall()}
    finally:
        connection.close()


def valid(results: Any) -> Any:
    jsonschema.Draft202012Validator(
        SCHEMA, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    ).validate(results)
    return results


def test_the_schema_and_the_outcome_have_the_same_fields() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    kinds = [each for each in vars(load_results).values() if is_dataclass(each) and isinstance(each, type)]
    assert {Difference, Figure} < set(kinds)
    documented = {name: each for name, each in SCHEMA["$defs"].items() if "properties" in each}
    assert documented.keys() == {each.__name__ for each in kinds}
    for kind in kinds:
        names = [each.name for each in fields(kind)]
        described = documented[kind.__name__]
        assert list(described["properties"]) == described["required"] == names
        assert described["additionalProperties"] is False
        assert all(each.get("description") for each in described["properties"].values())


def test_results_fit_the_schema_and_the_audit_tables_agree(loader: Loader, first: dict[str, Any]) -> None:
    warehouse = loader.warehouse
    assert valid(first) == json.loads(loader.results.read_text())
    assert [each["mode"] for each in first["collections"]] == ["full refresh"] * 2
    valid(loader.done("verify", "--json").json)
    run, collections = audited(warehouse, first["load_id"])
    assert (run["status"], run["exit_code"], run["error"], run["command"]) == ("succeeded", 0, None, "load")
    assert f"{run['started_at']:%Y-%m-%dT%H:%M:%S}" == first["started_at"][:19]
    assert float(run["seconds"]) == first["seconds"] > 0
    assert run["started_at"] < run["finished_at"]
    assert (run["dbt_invocation"], run["loader_version"]) == (first["dbt_invocation"], __version__)
    for each in first["collections"]:
        row = collections[each["name"]]
        names = ("namespace", "mode", "documents", "bytes", "inserted", "replaced", "deleted", "unchanged")
        assert {name: row[name] for name in names} == {name: each[name] for name in names}
        assert row["inserted"] == row["documents"] > 0
        assert row["refused"] is None
    tables = warehouse.query(
        "select table_name, table_collation from information_schema.tables "
        "where table_schema = database() and table_name like 'pos\\_loader\\_%'"
    )
    assert len(tables) == 2
    assert {collation.partition("_")[0] for _, collation in tables} == {"utf8mb4"}


def test_a_refused_and_a_failed_load_leave_their_evidence(
    refusing: Loader, first: dict[str, Any], tmp_path: Path
) -> None:
    summary = tmp_path / "summary.md"
    environment = {"GITHUB_STEP_SUMMARY": str(summary)}
    finished = refusing.run("load", "--json", **environment)
    assert finished.code == 1, finished
    results = valid(finished.json)
    assert (results["status"], results["exit_code"]) == ("refused", 1)
    run, collections = audited(refusing.warehouse, results["load_id"])
    assert (run["status"], run["exit_code"]) == ("refused", 1)
    assert (collections[CUSTOMERS]["mode"], collections[CUSTOMERS]["unchanged"]) == (
        "sync",
        first["collections"][0]["documents"],
    )
    assert (collections[PRODUCTS]["mode"], collections[PRODUCTS]["documents"]) == ("refused", None)
    assert "fct_product_purchases: error (<made up> | by a test)" in collections[PRODUCTS]["refused"]

    path = refusing.warehouse.target_path / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["nodes"]["model.pos.fct_orders"]["alias"] = "fct_absent"
    path.write_text(json.dumps(manifest))
    broken = refusing.run("load", "--no-gate", "--quiet", **environment)
    results = valid(json.loads(refusing.results.read_text()))
    assert broken.code == results["exit_code"] == 1
    assert results["error"].startswith(f"1 of 2 collections failed: {CUSTOMERS}: ")
    run, collections = audited(refusing.warehouse, results["load_id"])
    assert (run["status"], run["exit_code"], run["error"]) == ("failed", broken.code, results["error"])
    assert {name: each["mode"] for name, each in collections.items()} == {
        CUSTOMERS: "failed",
        PRODUCTS: "sync",
    }
    fault = f"{ERROR}{CUSTOMERS} is not published: {collections[CUSTOMERS]['error']}\n"
    assert (collections[CUSTOMERS]["documents"], broken.stderr) == (None, fault)

    heading, table, _, failure, *_ = summary.read_text().split("\n\n")
    assert heading == "### pos-loader load: refused"
    assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1
    _, rule, customers, products = table.splitlines()
    assert set(rule) == set("| -")
    assert f"| sync | {first['collections'][0]['documents']:,} |" in customers
    assert "&lt;made up&gt; \\| by a test" in products
    assert failure == "### pos-loader load: failed"
    assert "fct_absent" in summary.read_text().partition(failure)[2]


@pytest.mark.usefixtures("first")
def test_evidence_holds_what_was_shown_before_a_fault(
    loader: Loader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second of two renames fails, which no real server is known to do."""
    rename = builds.rename

    def failing(client: Any, database: str, build: str, target: str) -> None:
        if target == PRODUCTS:
            raise DataError("made up by a test")
        rename(client, database, build, target)

    monkeypatch.setattr(builds, "rename", failing)
    finished = loader.invoke("load", "--full-refresh", "--quiet")
    assert finished.code == 1
    assert finished.stderr == f"{ERROR}{PRODUCTS} is not published: made up by a test\n"
    results = valid(json.loads(loader.results.read_text()))
    fault = f"1 of 2 collections failed: {PRODUCTS}: made up by a test"
    assert (results["status"], results["error"]) == ("failed", fault)
    customers, products = results["collections"]
    assert (customers["mode"], customers["replaced"] > 0) == ("full refresh", True)
    assert (products["mode"], products["replaced"]) == ("failed", 0)
    _, collections = audited(loader.warehouse, results["load_id"])
    assert collections[CUSTOMERS]["replaced"] == customers["replaced"]
    assert (collections[PRODUCTS]["mode"], collections[PRODUCTS]["documents"]) == ("failed", None)


def test_a_reader_that_is_gone_changes_no_exit_code(refusing: Loader) -> None:
    with refusing.start("plan", "--json", "--quiet", "--full-refresh") as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        assert process.wait(timeout=120) == 2
        assert process.stderr.read() == ""


@pytest.mark.usefixtures("first")
def test_a_load_says_that_it_cannot_write_its_audit_row(loader: Loader, servers: Endpoints) -> None:
    before = loader.warehouse.query("select count(*) from pos_loader_runs")
    with mariadb.connect(port=servers.mariadb_port) as connection:
        cursor = connection.cursor()
        # The sandbox's user may not grant, but may copy itself; 1 is the privilege to select.
        cursor.execute(
            "replace into mysql.global_priv select host, %s, "
            "json_set(priv, '$.authentication_string', password(%s), '$.access', 1) "
            "from mysql.global_priv where user = %s and host = %s",
            ("test_reader", "only-r3ads", servers.mariadb_user, servers.mariadb_host),
        )
        cursor.execute("flush privileges")
        try:
            reader = replace(loader.warehouse, user="test_reader", password="only-r3ads")
            finished = replace(loader, warehouse=reader).done("load", "--json")
        finally:
            cursor.execute(f"drop user test_reader@'{servers.mariadb_host}'")
    notes = [line for line in finished.stderr.splitlines() if "audit" in line]
    (note,) = notes
    assert note.startswith(
        "pos-loader: this load is not in the audit tables: user test_reader lacks a right: "
    )
    assert note.endswith(f" (MariaDB at {servers.mariadb_host}:{servers.mariadb_port})")
    assert valid(finished.json)["status"] == "succeeded"
    assert loader.warehouse.query("select count(*) from pos_loader_runs") == before


def test_status_shows_the_last_loads(loader: Loader, first: dict[str, Any]) -> None:
    shown = loader.done("status", "--json").json
    assert [each["name"] for each in shown["collections"]] == list(NAMES)
    loads = {each["load_id"]: each for each in shown["loads"]}
    assert loads[first["load_id"]]["status"] == "succeeded"
    assert [each["inserted"] for each in loads[first["load_id"]]["collections"]] == [
        each["inserted"] for each in first["collections"]
    ]
    starts = [each["started_at"] for each in shown["loads"]]
    assert starts == sorted(starts, reverse=True)
    line = next(line for line in loader.done("status").stdout.splitlines() if first["load_id"] in line)
    assert line.split("\t")[1] == "succeeded"
    assert f"{CUSTOMERS} +{first['collections'][0]['inserted']:,} ~0 -0" in line


@pytest.mark.usefixtures("first")
def test_dbt_watches_the_loads(loader: Loader, tmp_path: Path) -> None:
    watching = replace(loader.warehouse, target_path=tmp_path)
    command = re.search(r"dbt (source freshness --select \S+)", GUIDE.read_text())
    assert command
    watching.dbt(*command[1].split())
    found = json.loads((tmp_path / "sources.json").read_text())["results"]
    assert {each["unique_id"].rpartition(".")[2]: each["status"] for each in found} == {
        "pos_loader_runs": "pass",
        "pos_loader_collections": "pass",
    }
    assert all(0 <= each["max_loaded_at_time_ago_in_s"] < 3600 for each in found)


def test_lineage_goes_to_a_file(refusing: Loader, first: dict[str, Any], tmp_path: Path) -> None:
    settings = re.search(r"```yaml\n# openlineage.yml\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    assert settings
    config, log = tmp_path / "openlineage.yml", tmp_path / "lineage.jsonl"
    config.write_text(settings[1].replace("target/lineage.jsonl", str(log)))
    assert refusing.run("load", OPENLINEAGE_CONFIG=str(config)).code == 1
    events = [json.loads(line) for line in log.read_text().splitlines()]
    assert [(each["eventType"], each["job"]["name"]) for each in events] == [
        ("START", f"pos_loader.{CUSTOMERS}"),
        ("START", f"pos_loader.{PRODUCTS}"),
        ("COMPLETE", f"pos_loader.{CUSTOMERS}"),
        ("FAIL", f"pos_loader.{PRODUCTS}"),
    ]
    start, _, complete, fail = events
    assert start["run"]["runId"] == complete["run"]["runId"] != fail["run"]["runId"]
    for each in events:
        assert each["run"]["facets"]["parent"]["run"]["runId"] == first["dbt_invocation"]
        assert each["run"]["facets"]["parent"]["job"]["name"] == "dbt-build-pos"
        assert each["run"]["facets"]["dbt_run"]["invocation_id"] == first["dbt_invocation"]
    assert "by a test" in fail["run"]["facets"]["errorMessage"]["message"]
    warehouse = refusing.warehouse
    mysql = f"mysql://{warehouse.host}:{warehouse.port}"
    inputs = {each["name"].removeprefix(f"{warehouse.schema}."): each for each in complete["inputs"]}
    assert {each["namespace"] for each in inputs.values()} == {mysql}
    assert {name: each["inputFacets"]["inputStatistics"]["rowCount"] for name, each in inputs.items()} == {
        **first["collections"][0]["rows"]
    }
    (output,) = complete["outputs"]
    assert output["namespace"] == refusing.mongo_uri.rstrip("/").partition("/?")[0]
    assert output["name"] == f"{refusing.database}.{CUSTOMERS}"
    assert output["outputFacets"]["outputStatistics"]["rowCount"] == 0
    paths = output["facets"]["columnLineage"]["fields"]
    assert paths.keys() == set(paths_of(output["facets"]["schema"]["fields"]))
    (column,) = paths["orders.lines.productId"]["inputFields"]
    assert (column["namespace"], column["name"], column["field"]) == (
        mysql,
        f"{warehouse.schema}.fct_order_lines",
        "product_id",
    )
    assert paths["_id"]["inputFields"][0]["field"] == "customer_id"


def paths_of(described: list[Event], prefix: str = "") -> Iterator[str]:
    """The document paths in a schema facet."""
    for each in described:
        if each["type"] == "array":
            yield from paths_of(each["fields"][0]["fields"], f"{prefix}{each['name']}.")
        else:
            yield prefix + each["name"]


@contextmanager
def lineage_server(status: int) -> Iterator[tuple[str, list[Event]]]:
    """A server on the loopback that answers every event with `status`, and what it received."""
    received: list[Event] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append({"path": self.path, **json.loads(body)})
            self.send_response(status)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}", received
        server.shutdown()


@pytest.mark.usefixtures("first")
def test_lineage_goes_to_a_server_and_stops_no_load(loader: Loader) -> None:
    with lineage_server(201) as (address, received):
        done = loader.done("load", "--select", CUSTOMERS, OPENLINEAGE_URL=f"http://{address}")
        assert [(each["eventType"], each["path"]) for each in received] == [
            ("START", "/api/v1/lineage"),
            ("COMPLETE", "/api/v1/lineage"),
        ]
        assert "OpenLineage" not in done.stderr
    with lineage_server(400) as (address, received):
        url = f"http://me:s3cret@{address}"
        done = loader.done("load", "--select", CUSTOMERS, OPENLINEAGE_URL=url)
        (note,) = (line for line in done.stderr.splitlines() if "OpenLineage" in line)
        assert note.startswith("pos-loader: OpenLineage events are not sent: 400")
        assert "s3cret" not in done.stderr
        assert len(received) == 1


def test_the_log_is_json_lines(refusing: Loader, first: dict[str, Any]) -> None:
    finished = refusing.run("load", "--json", POS_LOG_FORMAT="json")
    assert finished.code == 1
    load_id = valid(finished.json)["load_id"]
    log = [json.loads(line) for line in finished.stderr.splitlines()]
    assert {each["load_id"] for each in log} == {load_id}
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", each["timestamp"]) for each in log)
    ended = {each["collection"]: each for each in log if each["event"] == "collection ended"}
    assert ended[CUSTOMERS]["unchanged"] == first["collections"][0]["documents"]
    assert ended[CUSTOMERS]["level"] == "info"
    (error,) = (each for each in log if each["level"] == "error")
    assert error["collection"] == PRODUCTS
    assert "is not published" in error["event"]

    uri = "mongodb://me:s3cret@127.0.0.1:1"
    away = refusing.run("load", "--log-format", "json", POS_MONGO_URI=uri, POS_MONGO_TIMEOUT="0.2")
    line = json.loads(away.stderr)
    assert (away.code, line["level"], line["exit_code"], away.stdout) == (3, "error", 3, "")
    assert "s3cret" not in away.stderr
    assert ERROR not in line["event"]
