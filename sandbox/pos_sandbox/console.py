"""Everything that `pos-sandbox` prints: data on stdout, notes and errors on stderr."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from enum import StrEnum
from typing import Any

import typer
from rich.console import Console

from pos_sandbox.cluster import Endpoints, Health, Sandbox
from pos_sandbox.importer import Imported


class Format(StrEnum):
    """How servers are printed; `auto` is a table on a terminal and tab-separated values elsewhere."""

    AUTO = "auto"
    TABLE = "table"
    TSV = "tsv"
    JSON = "json"


def note(text: str) -> None:
    """Print one note on stderr."""
    typer.echo(f"pos-sandbox: {text}", err=True)


def error(text: str) -> None:
    """Print one error line on stderr."""
    typer.echo(f"pos-sandbox: error: {text}", err=True)


def data(text: str) -> None:
    """Print data on stdout."""
    typer.echo(text)


def problems(lines: Sequence[str]) -> None:
    """Print the faults of the data on stderr, one per line."""
    for line in lines:
        typer.echo(line, err=True)


def imported(done: Imported, schema: str) -> None:
    """Print the rows by table; on stderr, the values that dbt treats specially, and the next step."""
    for table, count in done.rows.items():
        data(f"{schema}.{table}\t{count}")
    for remark in done.remarks:
        note(remark)
    note(f"next: dbt build --vars '{{{', '.join((f'pos_schema: {schema}', *done.variables))}}}'")


def connections(endpoints: Endpoints) -> None:
    """Print on stderr how dbt and the loader find servers that do not have the default ports."""
    where = f"POS_MARIADB_PORT={endpoints.mariadb_port} POS_MONGO_URI={endpoints.mongo_uri}"
    note(f"not the default ports; for dbt and pos-loader: export {where}")
    if endpoints.mariadb_hosts:
        hosts = ", ".join(f'"{host}"' for host in endpoints.mariadb_hosts)
        note(f"in profiles.yml, instead of server and port: hosts: [{hosts}]")


def show(sandbox: Sandbox, health: Sequence[Health], *, format: Format) -> None:
    """Print the servers in one of the formats."""
    if format is Format.JSON:
        data(json.dumps(_document(sandbox, health), indent=2))
        return
    heads: tuple[str, ...] = ("server", "role", "version", "port", "pid", "state", "detail")
    rows = [["-" if value is None else str(value) for value in asdict(row).values()] for row in health]
    if not any(row.detail for row in health):
        heads, rows = heads[:-1], [row[:-1] for row in rows]
    out = Console(soft_wrap=True, highlight=False)
    if format is Format.TSV or (format is Format.AUTO and not out.is_terminal):
        for row in (heads, *rows):
            data("\t".join(row))
        return
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    styles = ["bold", *("green" if row.state == "running" else "red" for row in health)]
    for row, style in zip((heads, *rows), styles, strict=True):
        out.print("  ".join(map(str.ljust, row, widths)).rstrip(), style=style, markup=False)


def _document(sandbox: Sandbox, health: Sequence[Health]) -> dict[str, Any]:
    return {
        "servers": [asdict(row) for row in health],
        "endpoints": asdict(sandbox.endpoints),
        "root": str(sandbox.root),
    }
