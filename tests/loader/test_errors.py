"""Bad input and faults, end to end: one exact line, the documented exit code, and no password anywhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote_plus

import pytest

from pos_loader.errors import SpecError
from pos_loader.servers import mongo
from pos_loader.settings import read_settings
from pos_sandbox import mariadb
from pos_sandbox.cluster import Endpoints
from tests.docs.documents import table
from tests.loader.errors import Patch, Scene, read_table
from tests.loader.handmade import NAME
from tests.loader.running import ERROR, Finished, Loader, left_behind
from tests.warehouse import Warehouse

pytestmark = pytest.mark.native

USER, MARIADB_SECRET, MONGO_SECRET = "test_guarded", "s3cret/of@maria:db%20", "s3cret/of@mongo:db%20"
SECRETS = {
    "mariadb_secret": MARIADB_SECRET,
    "mariadb_escaped": quote_plus(MARIADB_SECRET),
    "mongo_secret": MONGO_SECRET,
    "mongo_escaped": quote_plus(MONGO_SECRET),
}
EXIT_CODES = {
    row[1].strip("`"): int(row[0]) for row in table("docs/reference/commands.md", "exit code of `pos-loader`")
}
TABLE = {
    f"{section}: {name}": case for section, cases in read_table().items() for name, case in cases.items()
}


@pytest.fixture(scope="module")
def guarded(
    sample_warehouse: Warehouse, servers: Endpoints, client: mongo.Client, database: str
) -> Iterator[Loader]:
    """A loader of the sample that has to say who it is, with passwords full of reserved characters."""
    with mariadb.connect(port=servers.mariadb_port) as connection:
        cursor = connection.cursor()
        # The sandbox's user may not grant, but may copy itself.
        cursor.execute(
            "replace into mysql.global_priv "
            "select host, %s, json_set(priv, '$.authentication_string', password(%s)) "
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
                select=(),
            )
        finally:
            cursor.execute("drop user %s@%s", (USER, servers.mariadb_host))
            client.admin.command("dropUser", USER)


@pytest.fixture
def scene(
    case: str, guarded: Loader, client: mongo.Client, tmp_path: Path, request: pytest.FixtureRequest
) -> Scene:
    """The case as far as its run; a schema and a database of its own where it changes something there."""
    sample, target = guarded.warehouse.target_path, tmp_path / "target"
    target.mkdir()
    loader = replace(guarded, warehouse=replace(guarded.warehouse, target_path=target))
    if TABLE[case].has_a_schema:
        own = replace(loader.warehouse, schema=request.getfixturevalue("mariadb_schema"))
        loader = replace(loader, warehouse=own, database=request.getfixturevalue("mongo_database"))
    made = Scene(loader, client, sample, SECRETS)
    made.make(TABLE[case])
    return made


@pytest.mark.parametrize("case", TABLE)
def test_what_is_bad_ends_in_one_line(case: str, scene: Scene) -> None:
    expected = TABLE[case]
    finished = scene.run(expected.run, **expected.environment)
    require_harmless(finished, scene)
    assert (finished.stderr, finished.code) == (
        f"{ERROR}{scene.fill(expected.error)}\n",
        EXIT_CODES[expected.exit],
    )

    logged = scene.run(expected.run, **expected.environment, POS_LOG_FORMAT="json")
    require_harmless(logged, scene)
    (line,) = map(json.loads, logged.stderr.splitlines())
    assert (line["event"], line["level"], logged.code) == (
        scene.fill(expected.error),
        "error",
        finished.code,
    )

    documents = scene.client[scene.loader.database]
    if expected.marts and not expected.published and not expected.mongo:
        assert NAME not in documents.list_collection_names()
        assert left_behind(documents) == []


def require_harmless(finished: Finished, scene: Scene) -> None:
    """No traceback, and no password however it is spelt; in what is printed and in what a load leaves."""
    left = [path for path in (scene.target / "rejects").glob("*") if path.is_file()]
    left += [scene.loader.results] if scene.loader.results.exists() else []
    for text in (finished.stdout, finished.stderr, *(path.read_text() for path in left)):
        assert "Traceback" not in text
        assert [name for name, secret in SECRETS.items() if secret in text] == []


def test_the_table_is_long_and_has_every_exit_code_of_an_error() -> None:
    assert len(TABLE) > 100
    assert {case.exit for case in TABLE.values()} == EXIT_CODES.keys() - {
        "OK",
        "PENDING",
        "PARTIAL",
        "INTERRUPT",
    }


@pytest.mark.parametrize("case", ["marts: a mart without rows"])
@pytest.mark.parametrize(("option", "declared"), [("--allow-empty", {}), ("", {"allow_empty": True})])
def test_a_mart_without_rows_is_published_when_that_is_allowed(
    case: str, option: str, declared: Patch, scene: Scene
) -> None:
    scene.change(TABLE[case], declared)
    published = scene.run(f"load --no-gate --json {option}")
    assert published.json["collections"][0]["documents"] == 0
    assert NAME in scene.client[scene.loader.database].list_collection_names()
    require_harmless(published, scene)


def test_an_environment_file_that_is_no_text_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_bytes(b"POS_TARGET=\xff")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SpecError, match=r"^\.env cannot be read: .*; write it in UTF-8, or remove it$"):
        read_settings()
