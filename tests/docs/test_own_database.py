"""The README's commands replace the sample by a shop's data, with the rights that the guide grants."""

import re
import subprocess
import sys
from pathlib import Path

from pos_sandbox import mariadb
from pos_sandbox.cluster import Endpoints
from tests.docs.documents import PROJECT, blocks
from tests.loader.running import Loader, connect
from tests.project.sources import create_source, sample_tables
from tests.warehouse import Row, Warehouse, new_warehouse

USER = "test_own"
NAMES = {"shop": "test_own_shop", "analytics": "test_own_marts", "pos_loader": USER}


def renamed(text: str) -> str:
    """Text with the test's names of schemas and user."""
    return re.sub(rf"\b({'|'.join(NAMES)})\b", lambda found: NAMES[found[1]], text)


def four_years_before(moment: str | None) -> str | None:
    """A moment of the sample, moved to a month without sample data; leap years stay leap years."""
    return moment and f"{int(moment[:4]) - 4}{moment[4:]}"


def earlier_orders(orders: list[Row]) -> list[Row]:
    """The sample's orders, of other years."""
    return [
        (key, four_years_before(placed), four_years_before(shipped), customer)
        for key, placed, shipped, customer in orders
    ]


def grant(servers: Endpoints) -> str:
    """Make the user as the guide says; return the password."""
    (shown,) = (each.text for each in blocks(Path("docs/publishing.md"), "sql"))
    with mariadb.connect(port=servers.mariadb_port) as connection:
        cursor = connection.cursor()
        cursor.execute(f"drop user if exists '{USER}'@'%'")
        for statement in renamed(shown).strip().rstrip(";").split(";\n"):
            cursor.execute(statement)
    return shown.split("'")[5]


def test_ones_own_data_takes_the_place_of_the_sample(
    sample_warehouse: Warehouse, servers: Endpoints, mongo_database: str, tmp_path: Path
) -> None:
    Loader(sample_warehouse, servers.mongo_uri, mongo_database, select=()).done("load")
    own = new_warehouse(servers, tmp_path, NAMES["analytics"], NAMES["shop"])
    sample = sample_tables()
    create_source(own, {**sample, "order": earlier_orders(sample["order"])}, typed=True)
    environment = {
        **own.environment,
        "POS_MARIADB_USER": USER,
        "POS_MARIADB_PASSWORD": grant(servers),
        "POS_MONGO_URI": servers.mongo_uri,
        "POS_MONGO_DATABASE": mongo_database,
        "POS_TARGET_PATH": str(tmp_path),
        "DBT_TARGET_PATH": str(tmp_path),
        "DBT_LOG_PATH": str(tmp_path),
        "DBT_PROFILES_DIR": str(own.profiles_dir),
    }
    (shown,) = (each.text for each in blocks(Path("README.md"), "sh") if "pos-sandbox import" in each.text)
    script = renamed(re.sub("^pos-sandbox import .*", "", shown, flags=re.MULTILINE))
    script = script.replace(".venv/bin/activate", f"'{sys.prefix}/bin/activate'")
    run = subprocess.run(
        ["bash", "-euc", script],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=540,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    with connect(servers.mongo_uri) as client:
        months = client[mongo_database]["revenue_monthly"].distinct("_id")
    assert {month[:4] for month in months} == {"2019", "2020"}
