"""`pos-sandbox`: it parses, calls what does the work, and turns errors into one line and an exit code."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from pos_sandbox import console
from pos_sandbox.cluster import Sandbox
from pos_sandbox.console import Format
from pos_sandbox.errors import DataError, ExitCode, SandboxError, UsageError
from pos_sandbox.importer import MariaDB, import_folder
from pos_sandbox.mariadb import PASSWORD, SOURCE_SCHEMA, USER
from pos_sandbox.process import HOST
from pos_sandbox.settings import MORE, Ports, default_root, resolve_ports, resolve_shape, stored_ports

app = typer.Typer(
    name="pos-sandbox",
    help="A real local MariaDB and a real sharded MongoDB, on loopback, without Docker.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Folder = Annotated[
    Path | None,
    typer.Option(
        "--dir", envvar="POS_SANDBOX_DIR", help="Folder of data and logs.", show_default="./.sandbox"
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Printed = Annotated[
    Format | None,
    typer.Option(
        "--format",
        help="How the servers are printed; auto is table on a terminal and tsv elsewhere.",
        show_default="auto",
    ),
]


def _port(name: str, default: int) -> object:
    return typer.Option(
        f"--{name}-port",
        envvar=f"POS_SANDBOX_{name.upper()}_PORT",
        help=f"Port of {name}.",
        show_default=str(default),
    )


def _format(asked: Format | None, as_json: bool) -> Format:
    """Return the format that `--format` and `--json` ask for; raises `UsageError` when they contradict."""
    if as_json and asked not in (None, Format.JSON):
        what = f"--json and --format {asked} contradict each other"
        raise UsageError(what, where="pos-sandbox", fix="give one of them")
    return Format.JSON if as_json else asked or Format.AUTO


@contextlib.contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except DataError as error:
        console.problems(error.problems)
        console.error(str(error))
        raise typer.Exit(error.exit_code) from None
    except SandboxError as error:
        console.error(str(error))
        raise typer.Exit(error.exit_code) from None
    except KeyboardInterrupt:
        console.error("interrupted (pos-sandbox); run the command again, a rerun is safe")
        raise typer.Exit(ExitCode.INTERRUPTED) from None


@app.command(epilog="Example: pos-sandbox up --mongos-port 28017")
def up(
    folder: Folder = None,
    mariadb_port: Annotated[int | None, _port("mariadb", 33306)] = None,
    mongos_port: Annotated[int | None, _port("mongos", 27117)] = None,
    config_port: Annotated[int | None, _port("config", 27118)] = None,
    shard1_port: Annotated[int | None, _port("shard1", 27119)] = None,
    shard2_port: Annotated[int | None, _port("shard2", 27120)] = None,
    more_port: Annotated[
        int | None,
        typer.Option(
            envvar="POS_SANDBOX_MORE_PORT",
            help=f"First of {MORE} ports for --members 3 and --galera.",
            show_default=str(Ports.more),
        ),
    ] = None,
    members: Annotated[
        int | None,
        typer.Option(help="Members of each shard and of the config server, 1 or 3.", show_default="1"),
    ] = None,
    galera: Annotated[bool, typer.Option("--galera", help="Make MariaDB a cluster of three nodes.")] = False,
    format: Printed = None,
    as_json: Json = False,
) -> None:
    """Start the servers that do not run, and wait until all answer; a sandbox keeps its size, or grows."""
    with _errors():
        printed = _format(format, as_json)
        root = (folder or default_root()).resolve()
        asked = {
            "mariadb": mariadb_port,
            "mongos": mongos_port,
            "config": config_port,
            "shard1": shard1_port,
            "shard2": shard2_port,
            "more": more_port,
        }
        shape = resolve_shape(root, members=members, galera=galera)
        sandbox = Sandbox(root, resolve_ports(root, asked), shape, note=console.note)
        console.show(sandbox, sandbox.up(), format=printed)
        if (sandbox.ports != Ports() or shape.is_larger) and printed is not Format.JSON:
            console.connections(sandbox.endpoints)


@app.command(epilog="Example: pos-sandbox down --erase")
def down(
    folder: Folder = None,
    erase: Annotated[bool, typer.Option("--erase", help="Remove the data and logs too.")] = False,
) -> None:
    """Stop the servers of this sandbox only; the data stays."""
    with _errors():
        stopped = Sandbox(folder or default_root()).down(erase=erase)
        console.note(f"stopped {', '.join(stopped)}" if stopped else "nothing was running")


@app.command(epilog="Example: pos-sandbox status --json")
def status(folder: Folder = None, format: Printed = None, as_json: Json = False) -> None:
    """Show role, version, port, pid and state of each server; exit 0 only if all run."""
    with _errors():
        printed = _format(format, as_json)
        sandbox = Sandbox(folder or default_root())
        health = sandbox.status()
        console.show(sandbox, health, format=printed)
        if any(row.state != "running" for row in health):
            raise typer.Exit(ExitCode.REFUSED)


@app.command("import", epilog="Example: pos-sandbox import ~/shop --schema shop")
def import_(
    source: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder of the five CSV files of the POS schema.")
    ],
    schema: Annotated[str, typer.Option(help="Schema to fill.")] = SOURCE_SCHEMA,
    as_text: Annotated[
        bool, typer.Option("--as-text", help="Make all columns text and check no values.")
    ] = False,
    encoding: Annotated[
        str, typer.Option(help="Encoding of the files, such as cp1252.", show_default="UTF-8")
    ] = "",
    replace: Annotated[
        bool, typer.Option("--replace", help="Drop tables of these names that no import made.")
    ] = False,
    folder: Folder = None,
    host: Annotated[str, typer.Option(envvar="POS_MARIADB_HOST")] = HOST,
    port: Annotated[
        int | None, typer.Option(envvar="POS_MARIADB_PORT", show_default="the port of this sandbox, or 33306")
    ] = None,
    user: Annotated[str, typer.Option(envvar="POS_MARIADB_USER")] = USER,
    password: Annotated[str, typer.Option(envvar="POS_MARIADB_PASSWORD", show_default=False)] = PASSWORD,
) -> None:
    """Replace the POS tables in MariaDB by product, city, customer, order and orderline.csv."""
    with _errors():
        port = port or (stored_ports((folder or default_root()).resolve()) or Ports()).mariadb
        server = MariaDB(host, port, user, password)
        done = import_folder(
            source, server, schema=schema, as_text=as_text, encoding=encoding, replace=replace
        )
        console.imported(done, schema)
