"""The connection to MongoDB: its privileges, and its errors, which never show a password."""

from __future__ import annotations

from typing import Any

import pytest
from bson.int64 import Int64
from pymongo.errors import OperationFailure

from pos_loader.errors import ConnectionFailed, SpecError
from pos_loader.masking import masked_address
from pos_loader.servers import mongo, mongo_client, privileges


def test_missing_privileges_are_named(client: mongo.Client, database: str) -> None:
    """The privileges come from a real server's description of its roles."""

    def lacking(role: str, on: str, *, sharded: bool) -> list[str]:
        info = client.admin.command("rolesInfo", {"role": role, "db": on}, showPrivileges=True)
        return privileges.lacking(info["roles"][0]["privileges"], database, sharded=sharded)

    assert lacking("readWrite", database, sharded=False) == ["collMod"]
    assert lacking("readWrite", database, sharded=True) == ["collMod", *privileges.SHARDING_ACTIONS]
    assert lacking("readWrite", "elsewhere", sharded=False) == list(privileges.DATABASE_ACTIONS)
    assert "insert" in lacking("read", database, sharded=False)
    assert lacking("root", "admin", sharded=True) == []
    assert privileges.missing_actions(client, database, sharded=True) == []


@pytest.mark.parametrize(
    ("uri", "error"),
    [
        ("mongodb://pos:s3cret-pw@127.0.0.1:9/", ConnectionFailed),
        ("mongodb://pos:s3cret-pw@127.0.0.1:9/?authSource=admin&tls=maybe", SpecError),
        ("mongodb://pos:s3cret-pw/with@signs@127.0.0.1:9/", SpecError),
        ("mongodb://pos:s3cret-pw:colon@127.0.0.1:nine/", SpecError),
    ],
)
def test_unreachable_or_malformed_addresses_never_show_the_password(uri: str, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"MongoDB") as caught:
        mongo_client.connect(uri, timeout=0.3)
    assert "s3cret-pw" not in str(caught.value)
    assert "127.0.0.1:" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_options_of_an_address_that_are_secret_are_hidden() -> None:
    shown = masked_address(
        "mongodb://pos:pw@127.0.0.1:9/?tls=true&tlsCertificateKeyFilePassword=s3cret"
        "&authMechanismProperties=AWS_SESSION_TOKEN:s3cret&appName=shop"
    )
    assert shown == (
        "mongodb://***@127.0.0.1:9/?tls=true&tlsCertificateKeyFilePassword=***"
        "&authMechanismProperties=***&appName=shop"
    )


def test_wrong_credentials_are_named_without_the_password(servers: Any) -> None:
    uri = servers.mongo_uri.replace("mongodb://", "mongodb://nobody:s3cret-pw@")
    with pytest.raises(ConnectionFailed, match="refuses us: Authentication failed") as caught:
        mongo_client.connect(uri)
    assert "s3cret-pw" not in str(caught.value)


def test_driver_errors_keep_the_servers_words(client: mongo.Client, database: str) -> None:
    with pytest.raises(OperationFailure) as caught:
        client[database].command("aggregate", "any", pipeline=[{"$nonsense": Int64(1)}], cursor={})
    assert mongo.reason(caught.value) == "Unrecognized pipeline stage name: '$nonsense'"
