"""No secret in any output: addresses however mistyped, through messages, errors and the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymongo.errors import OperationFailure
from typer.testing import CliRunner

from pos_loader.cli import app
from pos_loader.errors import LoaderError, SpecError, ending
from pos_loader.masking import masked, masked_address, remember
from pos_loader.servers import mongo
from pos_loader.servers.profile import read_profile
from pos_sandbox.cluster import Endpoints
from tests.loader.handmade import Mart, publishable
from tests.loader.manifests import Manifest
from tests.loader.running import Loader
from tests.warehouse import new_warehouse

SECRET = "Xq7Zw9Kv"
SCHEMES = [
    "mongodb://",
    "mongodb+srv://",
    "mongo://",
    "mongodb+srv:/",
    "mongodb:/",
    "http://",
    "tcp://",
    "mysql://",
]
MISTYPED = st.one_of(
    st.sampled_from([*SCHEMES, "", "mongodb:", "mongodb//", "MONGODB://"]),
    st.text("mongodb+srv:/", max_size=12),
)
AROUND = st.sampled_from(["", " ", "'", '"', "`", "\t", "\n", " '", "="])
ODD = st.text(st.sampled_from("@:/?#%&= '\"\\\t.,;[]é🛒"), max_size=4)
HOSTS = st.sampled_from(["shop.example:27017", "127.0.0.1:1", "[::1]:27017", "a:1,b:2", ""])
OPTIONS = st.sampled_from(
    ["", "/", "/?tls=true", "/pos?retryWrites=false", "?x=1", f"/?tlsCertificateKeyFilePassword={SECRET}"]
)
ADDRESSES = st.builds(
    lambda before, scheme, user, left, right, host, options, after: (
        f"{before}{scheme}{user}:{left}{SECRET}{right}@{host}{options}{after}"
    ),
    AROUND, MISTYPED, st.sampled_from(["ann", "", "a@b", "a%40b"]), ODD, ODD, HOSTS, OPTIONS, AROUND,
)  # fmt: skip
FEW = settings(max_examples=300, deadline=None, derandomize=True)


@FEW
@given(ADDRESSES)
def test_an_address_however_mistyped_is_shown_without_its_password(address: str) -> None:
    assert SECRET not in masked_address(address)


@FEW
@given(
    st.sampled_from(SCHEMES), st.text(st.sampled_from("@:/?#%&='\".,;[]é🛒"), max_size=4), HOSTS.filter(bool)
)
def test_an_address_within_a_message_is_shown_without_its_password(scheme: str, odd: str, host: str) -> None:
    message = f"cannot reach {scheme}ann:{odd}{SECRET}{odd}@{host}, see 'ann:{odd}{SECRET}@{host}'"
    assert SECRET not in masked(message)
    assert SECRET not in str(LoaderError(message, where=message, fix=message))
    assert SECRET not in ending(ValueError(message))[1]


@settings(max_examples=30, deadline=None, derandomize=True)
@given(ADDRESSES.filter(lambda address: "\0" not in address))
def test_no_command_shows_the_password_of_an_address(address: str) -> None:
    environment = {
        "POS_MONGO_URI": address, "POS_SCHEDULER": address, "POS_MONGO_TIMEOUT": "0.01",
        "POS_MONGO_DATABASE": "pos", "POS_PROJECT_DIR": str(Path(__file__).parents[2]),
    }  # fmt: skip
    for command in (
        ["query", "customers-with-city"],
        ["query", "customers-with-city", "--log-format", "json"],
    ):
        result = CliRunner().invoke(app, command, env=environment)
        assert isinstance(result.exception, SystemExit)
        assert SECRET not in result.stdout + result.stderr
        assert result.stderr.count("\n") == 1, result.stderr


COMMANDS = [
    ["load", "--no-gate", "--json"],
    ["load", "--no-gate", "--full-refresh"],
    ["load", "--no-gate", "--retry-rejects"],
    ["load", "--no-gate", "--log-format", "json"],
    ["plan", "--no-gate"],
    ["plan", "--no-gate", "--json", "--log-format", "json"],
    ["verify"],
    ["verify", "--quick", "--json"],
    ["status", "--sample"],
    ["status", "--json"],
    ["query", "customers-with-city"],
    ["query", "customers-with-city", "--explain", "--json"],
    ["report"],
]
DECLARED: Manifest = {
    "root": "shops",
    "key": "shop_id",
    "shard_key": {"_id": "hashed"},
    "indexes": [{"keys": {"name": 1}}],
}


@pytest.fixture(scope="module")
def shops(servers: Endpoints, manifest: Manifest, tmp_path_factory: pytest.TempPathFactory) -> Loader:
    """A loader whose marts are there, so that every command comes as far as MongoDB's address."""
    warehouse = new_warehouse(servers, tmp_path_factory.mktemp("masking"), "test_masking")
    mart = Mart({"shop_id": "bigint", "name": "text"}, ("shop_id",), rows=[(1, "one")])
    loader = Loader(warehouse, servers.mongo_uri, "masking", select=())
    return publishable(loader, manifest, {"shops": mart}, DECLARED)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_no_output_of_any_command_has_a_password(command: list[str], shops: Loader) -> None:
    @settings(max_examples=8, deadline=None, derandomize=True)
    @given(
        ADDRESSES.filter(lambda address: "\0" not in address),
        st.sampled_from(["POS_MONGO_URI", "POS_SCHEDULER"]),
    )
    def run(address: str, variable: str) -> None:
        finished = shops.invoke(*command, **{"POS_MONGO_TIMEOUT": "0.3", variable: address})
        assert SECRET not in finished.stdout + finished.stderr
        assert finished.stderr.count("\n") == bool(finished.code), finished.stderr

    run()
    written = [path for path in shops.warehouse.target_path.rglob("*") if path.is_file()]
    assert written
    for path in written:
        assert SECRET.encode() not in path.read_bytes(), path


@pytest.mark.parametrize("option", ["--workers", "--max-build-age", "--partition-rows", "--log-format"])
def test_a_value_in_the_wrong_place_is_shown_without_its_password(option: str) -> None:
    result = CliRunner().invoke(app, ["load", option, f"mongodb://ann:{SECRET}@shop:1"])
    assert result.exit_code == 2
    assert SECRET not in result.stderr


@pytest.mark.parametrize(
    "host", [f"mysql://ann:{SECRET}@shop", f"ann:{SECRET}@shop", f" {SECRET}@x", f"'{SECRET}@x'"]
)
def test_a_host_that_is_an_address_is_refused_without_its_password(host: str, tmp_path: Path) -> None:
    (tmp_path / "dbt_project.yml").write_text("profile: shop")
    outputs = {"dev": {"type": "mariadb", "schema": "marts", "server": host}}
    (tmp_path / "profiles.yml").write_text(json.dumps({"shop": {"target": "dev", "outputs": outputs}}))
    with pytest.raises(SpecError, match=r"is not a host .*; give the host's name or address alone") as caught:
        read_profile(tmp_path, profiles_dir=tmp_path)
    assert SECRET not in str(caught.value)


def test_a_password_that_was_read_is_hidden_wherever_it_stands() -> None:
    remember("p@ss word/%20")
    assert masked("as p@ss word/%20 or p%40ss%20word%2F%2520.") == "as *** or ***."
    remember("pos")
    assert masked("model.pos.shops") == "model.pos.shops"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("mongodb://pos@127.0.0.1:9/?tls=true", "mongodb://***@127.0.0.1:9/?tls=true"),
        ("mongodb://127.0.0.1:27117", "mongodb://127.0.0.1:27117"),
        ("mongodb+srv://cluster.example/?w=1", "mongodb+srv://cluster.example/?w=1"),
        ("", ""),
    ],
)  # fmt: skip
def test_the_rest_of_an_address_is_shown(text: str, shown: str) -> None:
    assert masked_address(text) == masked(shown) == shown


def test_a_signed_command_does_not_pass() -> None:
    said = (
        "unknown field: { insert: 'x', lsid: { id: UUID('1') }, $clusterTime: { signature: { hash: 'h' } } }"
    )
    error = OperationFailure(said, 40415, {"errmsg": said})
    assert mongo.reason(error) == "unknown field: {...}"
