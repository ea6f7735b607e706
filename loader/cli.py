"""The command line: parses, hands over to the pipeline, and turns errors into exit codes."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, ParamSpec

import typer

from loader.console import Console
from loader.errors import ExitCode, LoaderError

P = ParamSpec("P")

app = typer.Typer(
    help="Publish dbt marts from MariaDB as verified, nested documents on a sharded MongoDB cluster.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)

Select = Annotated[
    list[str] | None, typer.Option("--select", "-s", help="A collection (exposure); repeat for more.")
]
ProjectDir = Annotated[
    Path | None, typer.Option(help="The dbt project's folder.", envvar="POS_PROJECT_DIR", show_default="here")
]
ProfilesDir = Annotated[
    Path | None,
    typer.Option(help="The folder of profiles.yml.", envvar="POS_PROFILES_DIR", show_default="as dbt"),
]
Target = Annotated[
    str | None, typer.Option(help="The profile's target.", envvar="POS_TARGET", show_default="the profile's")
]
TargetPath = Annotated[
    Path | None,
    typer.Option(help="The folder of dbt's artifacts.", envvar="POS_TARGET_PATH", show_default="target"),
]
Workers = Annotated[
    int | None,
    typer.Option(help="Partitions in work at once.", envvar="POS_WORKERS", show_default="cores, at most 4"),
]
PartitionRows = Annotated[
    int | None,
    typer.Option(help="Mart rows per partition.", envvar="POS_PARTITION_ROWS", show_default="25000"),
]
AllowEmpty = Annotated[bool, typer.Option("--allow-empty", help="Publish although a mart has no rows.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No notes, no progress.")]


def handled(command: Callable[P, ExitCode]) -> Callable[P, None]:
    """End a command in its exit code, and any user's mistake in one line of stderr."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        console = Console()
        try:
            code = command(*args, **kwargs)
        except LoaderError as error:
            console.error(str(error))
            code = error.exit_code
        except KeyboardInterrupt:
            console.error("interrupted; nothing was published, a rerun is safe")
            code = ExitCode.INTERRUPT
        raise typer.Exit(int(code))

    return run


@app.command(epilog="Example: dbt build && pos-loader load. Environment: POS_MONGO_URI, POS_MONGO_DATABASE.")
@handled
def load(
    select: Select = None,
    project_dir: ProjectDir = None,
    profiles_dir: ProfilesDir = None,
    target: Target = None,
    target_path: TargetPath = None,
    workers: Workers = None,
    partition_rows: PartitionRows = None,
    allow_empty: AllowEmpty = False,
    json: Json = False,
    quiet: Quiet = False,
) -> ExitCode:
    """Nest the marts, load them beside the published collections, verify every byte, then publish."""
    from loader import pipeline, session
    from loader.outcome import write_results

    console = Console(quiet=quiet)
    with (
        session.open_job(
            select=select or (),
            progress=console,
            allow_empty=allow_empty,
            project_dir=project_dir,
            profiles_dir=profiles_dir,
            target=target,
            target_path=target_path,
            workers=workers,
            partition_rows=partition_rows,
        ) as (job, settings),
        console.progress(),
    ):
        outcome = pipeline.load(job)
    path = write_results(outcome, settings.artifacts)
    console.outcome(outcome, as_json=json)
    console.note(f"written to {path}")
    return ExitCode.OK


@app.command(epilog="Example: pos-loader verify --select customer_order_history. Environment: POS_MONGO_URI.")
@handled
def verify(
    select: Select = None,
    project_dir: ProjectDir = None,
    profiles_dir: ProfilesDir = None,
    target: Target = None,
    target_path: TargetPath = None,
    workers: Workers = None,
    partition_rows: PartitionRows = None,
    json: Json = False,
    quiet: Quiet = False,
) -> ExitCode:
    """Compare every published document with the marts, byte for byte; exit 1 where one differs."""
    from loader import pipeline, session

    console = Console(quiet=quiet)
    with (
        session.open_job(
            select=select or (),
            progress=console,
            allow_empty=True,
            project_dir=project_dir,
            profiles_dir=profiles_dir,
            target=target,
            target_path=target_path,
            workers=workers,
            partition_rows=partition_rows,
        ) as (job, _),
        console.progress(),
    ):
        outcome = pipeline.check(job)
    console.outcome(outcome, as_json=json)
    return ExitCode.OK if outcome.verified else ExitCode.DATA


@app.command(epilog="Example: pos-loader status --sample. Environment: POS_MONGO_URI, POS_MONGO_DATABASE.")
@handled
def status(
    select: Select = None,
    project_dir: ProjectDir = None,
    profiles_dir: ProfilesDir = None,
    target: Target = None,
    target_path: TargetPath = None,
    sample: Annotated[bool, typer.Option("--sample", help="Print one document of each.")] = False,
    json: Json = False,
    quiet: Quiet = False,
) -> ExitCode:
    """Show what is published: shard key, documents per shard, indexes, and how to open it."""
    from loader import session
    from loader import status as published

    console = Console(quiet=quiet)
    with session.open_job(
        select=select or (),
        progress=console,
        project_dir=project_dir,
        profiles_dir=profiles_dir,
        target=target,
        target_path=target_path,
    ) as (job, settings):
        found = [published.look(job.client, each) for each in job.collections]
        if json:
            console.json([published.as_json(each, sample=sample) for each in found])
            return ExitCode.OK
        console.table(published.HEADS, [published.row(each) for each in found])
        if sample:
            for each in found:
                console.text(published.sample_text(each))
        for line in published.how_to_open(settings, job.collections):
            console.text(line)
    return ExitCode.OK
