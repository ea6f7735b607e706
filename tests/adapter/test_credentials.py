"""A target of profiles.yml: what is allowed, what contradicts itself, and where it leads."""

from __future__ import annotations

from typing import Any

import pytest
from dbt_common.exceptions import DbtRuntimeError

from dbt.adapters.mariadb_marts.connections import ConnectionManager, _arguments
from dbt.adapters.mariadb_marts.credentials import Credentials

TARGET = {"schema": "shop", "username": "u", "password": "p"}


def credentials(**keys: Any) -> Any:
    """Make credentials as dbt does: aliases, validation, then the object."""
    data = Credentials.translate_aliases({**TARGET, **keys})
    Credentials.validate(data)
    return Credentials.from_dict(data)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"sslca": "ca.pem"}, "unknown key sslca; allowed: "),
        ({"a": 1, "b": 2}, "unknown keys a, b; allowed: "),
        ({"ssl_disabled": True, "ssl_ca": "ca.pem"}, "ssl_disabled contradicts ssl_ca; remove one of them"),
        ({"ssl_verify_identity": True}, "ssl_verify_identity needs ssl_ca; "),
        ({"ssl_cert": "c.pem"}, "ssl_cert and ssl_key belong together; "),
        ({"hosts": ["a"], "host": "b"}, "hosts replaces server and unix_socket; "),
        ({"unix_socket": "/s", "server": "b"}, "unix_socket goes without server and TLS; "),
    ],
)
def test_keys_that_cannot_be_honoured_are_errors(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(DbtRuntimeError) as error:
        credentials(**keys)
    assert str(error.value.msg).startswith(said)


@pytest.mark.parametrize(
    ("keys", "addresses"),
    [
        ({}, [("127.0.0.1", 3306)]),
        ({"host": "db"}, [("db", 3306)]),
        ({"server": "::1", "port": 3307}, [("::1", 3307)]),
        (
            {"hosts": ["a", "b:3307", "[::1]:3308", "[::1]"]},
            [("a", 3306), ("b", 3307), ("::1", 3308), ("::1", 3306)],
        ),
        ({"hosts": ["a"], "port": 4000}, [("a", 4000)]),
    ],
)
def test_addresses_are_in_the_order_of_the_profile(keys: dict[str, Any], addresses: list[Any]) -> None:
    assert credentials(**keys).addresses() == addresses


def test_a_port_that_is_no_number_is_named() -> None:
    with pytest.raises(DbtRuntimeError, match="the port of host a:b is no number"):
        credentials(hosts=["a:b"]).addresses()


def test_an_authority_means_that_the_name_is_checked() -> None:
    given = credentials(ssl_ca="ca.pem", read_timeout=5)
    assert (
        _arguments(given, ("db", 1)).items()
        >= {
            "ssl_ca": "ca.pem",
            "ssl_verify_cert": True,
            "ssl_verify_identity": True,
            "read_timeout": 5,
            "connection_timeout": 10,
        }.items()
    )
    lenient = credentials(ssl_ca="ca.pem", ssl_verify_identity=False)
    assert _arguments(lenient, ("db", 1))["ssl_verify_identity"] is False


def test_the_password_is_not_among_what_debug_prints() -> None:
    assert "p" not in dict(credentials().connection_info()).values()
    assert ConnectionManager.TYPE == credentials().type == "mariadb_marts"
