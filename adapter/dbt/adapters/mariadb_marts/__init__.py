"""dbt on MariaDB: dbt-mysql's MariaDB adapter under a current dbt, with what marts need beside it."""

from dbt.adapters.mariadb_marts import moved

moved.require_parent()
with moved.names_in_place():
    from dbt.adapters.mariadb import connections, impl

    from dbt.include import mariadb  # noqa: F401 - dbt finds the macros of the dependency by this package

moved.bind_exceptions(connections, impl)

from dbt.adapters.base import AdapterPlugin  # noqa: E402 - dbt-mysql comes first

from dbt.adapters.mariadb_marts.connections import ConnectionManager  # noqa: E402, F401
from dbt.adapters.mariadb_marts.credentials import Credentials  # noqa: E402
from dbt.adapters.mariadb_marts.impl import MariaDBMartsAdapter  # noqa: E402
from dbt.include import mariadb_marts  # noqa: E402

Plugin = AdapterPlugin(
    adapter=MariaDBMartsAdapter,
    credentials=Credentials,
    include_path=mariadb_marts.PACKAGE_PATH,
    dependencies=["mariadb"],
)
