"""All that `pos-sandbox` prints: data on stdout, notes and errors on stderr."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from pos_sandbox.cluster import Endpoints, Health, Sandbox
from pos_sandbox.importer import Imported


def note(text: str) -> None:
    """Say on stderr what is going on."""
    typer.echo(f"pos-sandbox: {text}", err=True)


def error(text: str) -> None:
    """Print one error line on stderr."""
    typer.echo(f"pos-sandbox: error: {text}", err=True)


def data(text: str) -> None:
    """Print data on stdout."""
    typer.echo(text)


def problems(lines: Sequence[str]) -> None:
    """Print what is wrong with the data on stderr, one fault a line."""
    for line in lines:
        typer.echo(line, err=True)


def imported(done: Imported, schema: str) -> None:
    """Print the rows of each table, and on stderr the values that dbt will speak of and the next step."""
    for table, count in done.rows.items():
        data(f"{schema}.{table}\t{count}")
    for remark in done.remarks:
        note(remark)
    note(f"next: dbt build --vars '{{{', '.join((f'pos_schema: {schema}', *done.variables))}}}'")


def connections(endpoints: Endpoints) -> None:
    """Say on stderr how dbt and the loader find servers on other ports than the defaults."""
    where = f"POS_MARIADB_PORT={endpoints.mariadb_port} POS_MONGO_URI={endpoints.mongo_uri}"
    note(f"not the default ports; for dbt and pos-loader: export {where}")


def show(sandbox: Sandbox, health: Sequence[Health], *, as_json: bool) -> None:
    """Print the servers: JSON, a table on a terminal, tab-separated lines otherwise."""
    if as_json:
        data(json.dumps(_document(sandbox, health), indent=2))
        return
    columns = ("server", "role", "version", "port", "pid", "state")
    rows = [["-" if value is None else str(value) for value in asdict(row).values()] for row in health]
    console = Console()
    if not console.is_terminal:
        for row in (columns, *rows):
            data("\t".join(row))
        return
    table = Table(*columns)
    for row in rows:
        table.add_row(*row, style="green" if row[-1] == "running" else "red")
    console.print(table)


def _document(sandbox: Sandbox, health: Sequence[Health]) -> dict[str, Any]:
    return {
        "servers": [asdict(row) for row in health],
        "endpoints": asdict(sandbox.endpoints),
        "root": str(sandbox.root),
    }
