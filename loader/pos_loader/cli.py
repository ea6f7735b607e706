"""The command line: it parses, calls what does the work, and turns errors into exit codes."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ParamSpec

import typer
from typer.core import TyperGroup

from pos_loader import stopping, streams
from pos_loader.console import PROGRAM, Console, LogFormat, discard_output
from pos_loader.errors import ExitCode, SpecError, ending
from pos_loader.formats import Format
from pos_loader.settings import Settings, read_settings

if TYPE_CHECKING:
    from pos_loader.servers.profile import MariaDB

P = ParamSpec("P")


class Commands(TyperGroup):
    """Reports a wrong command line on one line, like every other error."""

    def main(self, args: Sequence[str] | None = None, *_: Any, **options: Any) -> None:
        """Run the command line and exit."""
        words = sys.argv[1:] if args is None else [*args]
        options |= {"prog_name": PROGRAM, "standalone_mode": False}
        try:
            if args is None:
                streams.own()
            code = super().main(words or ["--help"], **options)
        except typer.TyperException as error:
            context = getattr(error, "ctx", None)
            said = error.format_message().rstrip(".").replace("Value error, ", "")
            console = Console(log_format=_log_format(words))
            console.error(f"{said}; see {context.command_path if context else PROGRAM} --help")
            code = error.exit_code
        except typer.Abort:
            code = _end(KeyboardInterrupt(), _log_format(words))
        except SystemExit:
            raise
        except BaseException as error:
            code = _end(error, _log_format(words))
        if args is None:
            stopping.deafen()
            streams.settle()
        sys.exit(code)


def _end(error: BaseException, log_format: LogFormat) -> int:
    """Print the one line that says what ended the program; return the exit code."""
    code, line = ending(stopping.cause(error))
    if isinstance(error, OSError):  # stdout itself may fail, and Python flushes it again when it ends
        discard_output()
    Console(log_format=log_format).error(line, exit_code=int(code))
    return int(code)


def _log_format(words: Sequence[str]) -> LogFormat:
    """Find the log format in a command line that cannot be parsed; text if it names none."""
    parts = [part for word in words for part in word.split("=", 1)]
    given = [value for option, value in pairwise(parts) if option == "--log-format"]
    asked = [os.environ.get("POS_LOG_FORMAT", ""), *given]
    known = [LogFormat(value) for value in asked if value in [*LogFormat]]
    return known[-1] if known else LogFormat.TEXT


app = typer.Typer(
    cls=Commands,
    help="Publish dbt marts from MariaDB as verified, nested documents on a sharded MongoDB cluster.",
    add_completion=False,
    rich_markup_mode=None,
)

Select = Annotated[
    list[str] | None,
    typer.Option(
        "--select",
        "-s",
        help="A collection, tag:NAME or state:modified; repeat for more.",
        show_default="all",
    ),
]
State = Annotated[
    Path | None, typer.Option(help="A folder with an earlier manifest.json, for state:modified.")
]
Resume = Annotated[bool, typer.Option("--resume", help="Continue an interrupted full refresh.")]
MaxRejects = Annotated[int, typer.Option(min=0, help="Documents MongoDB may refuse before the load stops.")]
RejectDocuments = Annotated[
    bool, typer.Option("--reject-documents", help="Write whole refused documents to target/rejects.")
]
RetryRejects = Annotated[
    bool, typer.Option("--retry-rejects", help="Load only the documents in target/rejects.")
]
Adopt = Annotated[
    list[str] | None,
    typer.Option(
        "--adopt",
        help='A collection to take over although another program made it, or "all"; repeat for more.',
        show_default="none",
    ),
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
    typer.Option(
        help="Partitions in work at once.",
        envvar="POS_WORKERS",
        show_default="one more than cores, at most 4",
    ),
]
Scheduler = Annotated[
    str | None,
    typer.Option(
        help="A Dask scheduler (tcp://host:port) whose workers do the partitions.",
        envvar="POS_SCHEDULER",
        show_default="none",
    ),
]
DaskWorkers = Annotated[
    int | None,
    typer.Option(
        help="Dask workers to start here, instead of threads.", envvar="POS_DASK_WORKERS", show_default="0"
    ),
]
PartitionRows = Annotated[
    int | None,
    typer.Option(help="Mart rows per partition.", envvar="POS_PARTITION_ROWS", show_default="50000"),
]
FullRefresh = Annotated[bool, typer.Option("--full-refresh", help="Rebuild even where a sync is enough.")]
AllowEmpty = Annotated[bool, typer.Option("--allow-empty", help="Publish although a mart has no rows.")]
NoGate = Annotated[bool, typer.Option("--no-gate", help="Publish what dbt has not built and tested.")]
MaxDeletes = Annotated[
    float | None,
    typer.Option(
        "--max-delete-share",
        min=0,
        max=1,
        help="The share of documents a load may delete.",
        show_default="as declared",
    ),
]
Wait = Annotated[float, typer.Option(min=0, help="Seconds to wait for another load to end.")]
MaxBuildAge = Annotated[
    float | None,
    typer.Option(
        help="Hours after which a dbt build is too old.", envvar="POS_MAX_BUILD_AGE", show_default="24"
    ),
]
Quick = Annotated[bool, typer.Option("--quick", help="Only reconcile counts and sums.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Printed = Annotated[
    Format | None,
    typer.Option(
        "--format",
        help="How tables are printed; auto is table on a terminal and tsv elsewhere.",
        show_default="auto",
    ),
]
Log = Annotated[LogFormat, typer.Option(help="What stderr looks like.", envvar="POS_LOG_FORMAT")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No notes, no progress.")]


def _format(asked: Format | None, json: bool) -> Format:
    """Return the format that `--format` and `--json` ask for; raise `SpecError` if they contradict."""
    if json and asked not in (None, Format.JSON):
        raise SpecError(f"--json and --format {asked} contradict each other", fix="give one of them")
    return Format.JSON if json else asked or Format.AUTO


def handled(command: Callable[P, ExitCode]) -> Callable[P, None]:
    """End a command with its exit code, and every error in one line on stderr."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        code = ExitCode.OK
        try:
            code = command(*args, **kwargs)
            sys.stdout.flush()
        except BrokenPipeError:
            discard_output()
        except (typer.Exit, typer.TyperException, SystemExit):
            raise
        except BaseException as error:  # a panic in a native library is not an Exception
            raise typer.Exit(_end(error, LogFormat(str(kwargs.get("log_format", LogFormat.TEXT))))) from None
        raise typer.Exit(int(code))

    return run


@app.command(epilog="Example: dbt build && pos-loader load. Environment: POS_MONGO_URI, POS_MONGO_DATABASE.")
@handled
def load(
    select: Select = None,
    state: State = None,
    full_refresh: FullRefresh = False,
    resume: Resume = False,
    no_gate: NoGate = False,
    allow_empty: AllowEmpty = False,
    max_delete_share: MaxDeletes = None,
    max_rejects: MaxRejects = 0,
    reject_documents: RejectDocuments = False,
    retry_rejects: RetryRejects = False,
    adopt: Adopt = None,
    wait: Wait = 0,
    max_build_age: MaxBuildAge = None,
    project_dir: ProjectDir = None,
    profiles_dir: ProfilesDir = None,
    target: Target = None,
    target_path: TargetPath = None,
    workers: Workers = None,
    scheduler: Scheduler = None,
    dask_workers: DaskWorkers = None,
    partition_rows: PartitionRows = None,
    format: Printed = None,
    json: Json = False,
    quiet: Quiet = False,
    log_format: Log = LogFormat.TEXT,
) -> ExitCode:
    """Publish what dbt built and tested: sync the differences or rebuild, verified byte for byte."""
    from pos_loader.evidence import keeper
    from pos_loader.run.job import Options
    from pos_loader.run.session import open_job

    settings = read_settings(
        project_dir=project_dir,
        profiles_dir=profiles_dir,
        target=target,
        target_path=target_path,
        workers=workers,
        scheduler=scheduler,
        dask_workers=dask_workers,
        partition_rows=partition_rows,
        max_build_age=max_build_age,
    )
    options = Options(
        full_refresh=full_refresh,
        gate=not no_gate,
        max_build_age=timedelta(hours=settings.max_build_age),
        allow_empty=allow_empty,
        resume=resume,
        max_delete_share=max_delete_share,
        max_rejects=max_rejects,
        reject_documents=reject_documents,
        retry_rejects=retry_rejects,
        adopt=tuple(adopt or ()),
        wait=wait,
    )
    console = Console(format=_format(format, json), quiet=quiet, log_format=log_format)
    with (
        open_job(settings, select=select or (), progress=console, options=options, state=state) as job,
        console.progress(),
    ):
        console.bind(load_id=job.load_id)
        outcome = keeper.load(job)
    console.outcome(outcome)
    console.faults(outcome)
    return ExitCode(outcome.exit_code)


@app.command(epilog="Example: pos-loader plan --json. Environment: POS_MONGO_URI, POS_MONGO_DATABASE.")
@handled
def plan(
    select: Select = None,
    state: State = None,
    full_refresh: FullRefresh = False,
    no_gate: NoGate = False,
    allow_empty: AllowEmpty = False,
    max_delete_share: MaxDeletes = None,
    adopt: Adopt = None,
    max_build_age: MaxBuildAge = None,
    project_dir: ProjectDir = None,
    profiles_dir: ProfilesDir = None,
    target: Target = None,
    target_path: TargetPath = None,
    workers: Workers = None,
    scheduler: Scheduler = None,
    dask_workers: DaskWorkers = None,
    partition_rows: PartitionRows = None,
    json: Json = False,
    quiet: Quiet = False,
    log_format: Log = LogFormat.TEXT,
) -> ExitCode:
    """Say what a load would change, and change nothing: exit 0 if in step, 2 if changes are pending."""
    from pos_loader.run import pipeline
    from pos_loader.run.job import Options
    from pos_loader.run.plan import as_json, lines
    from pos_loader.run.session import open_job

    settings = read_settings(
        project_dir=project_dir,
        profiles_dir=profiles_dir,
        target=target,
        target_path=target_path,
        workers=workers,
        scheduler=scheduler,
        dask_workers=dask_workers,
        partition_rows=partition_rows,
        max_build_age=max_build_age,
    )
    options = Options(
        full_refresh=full_refresh,
        gate=not no_gate,
        max_build_age=timedelta(hours=settings.max_build_age),
        allow_empty=allow_empty,
        max_delete_share=max_delete_share,
        adopt=tuple(adopt or ()),
    )
    console = Console(quiet=quiet, log_format=log_format)
    with (
        open_job(settings, select=select or (), progress=console, options=options, state=state) as job,
        console.progress(),
    ):
        planned = pipeline.preview(job)
    if json:
        console.json(as_json(planned))
    else:
        for line in lines(planned):
            console.text(line)
    return ExitCode.OK if planned.is_in_step else ExitCode.PENDING


@app.command(epilog="Example: pos-loader verify --select customer_order_history. Environment: POS_MONGO_URI.")
@handled
def verify(
    select: Select = None,
    state: State = None,
    quick: Quick = False,
    project_dir: ProjectDir = None,
    profiles_dir: ProfilesDir = None,
    target: Target = None,
    target_path: TargetPath = None,
    workers: Workers = None,
    scheduler: Scheduler = None,
    dask_workers: DaskWorkers = None,
    partition_rows: PartitionRows = None,
    format: Printed = None,
    json: Json = False,
    quiet: Quiet = False,
    log_format: Log = LogFormat.TEXT,
) -> ExitCode:
    """Compare what is published with the marts, byte for byte and sum for sum; exit 1 on a difference."""
    from pos_loader.evidence import keeper
    from pos_loader.run.job import Options
    from pos_loader.run.session import open_job

    settings = read_settings(
        project_dir=project_dir,
        profiles_dir=profiles_dir,
        target=target,
        target_path=target_path,
        workers=workers,
        scheduler="" if quick else scheduler,  # there is nothing for workers to do
        dask_workers=0 if quick else dask_workers,
        partition_rows=partition_rows,
    )
    console = Console(format=_format(format, json), quiet=quiet, log_format=log_format)
    options = Options(gate=False, allow_empty=True)
    with (
        open_job(settings, select=select or (), progress=console, options=options, state=state) as job,
        console.progress(),
    ):
        console.bind(load_id=job.load_id)
        outcome = keeper.verify(job, quick=quick)
    console.outcome(outcome)
    console.faults(outcome)
    return ExitCode(outcome.exit_code)


@app.command(epilog="Example: pos-loader status --sample. Environment: POS_MONGO_URI, POS_MONGO_DATABASE.")
@handled
def status(
    select: Select = None,
    state: State = None,
    project_dir: ProjectDir = None,
    profiles_dir: ProfilesDir = None,
    target: Target = None,
    target_path: TargetPath = None,
    sample: Annotated[bool, typer.Option("--sample", help="Print one document of each.")] = False,
    format: Printed = None,
    json: Json = False,
    quiet: Quiet = False,
    log_format: Log = LogFormat.TEXT,
) -> ExitCode:
    """Show the published collections by shard and with indexes, the last loads, and how to open them."""
    from pos_loader.evidence import status
    from pos_loader.publish import published
    from pos_loader.run.session import open_job

    settings = read_settings(
        project_dir=project_dir,
        profiles_dir=profiles_dir,
        target=target,
        target_path=target_path,
        scheduler="",  # nothing here runs on partitions
        dask_workers=0,
    )
    console = Console(format=_format(format, json), quiet=quiet, log_format=log_format)
    with open_job(settings, select=select or (), progress=console, state=state, with_faults=True) as job:
        origins, fault = published.origins(job.server)
        if fault:
            console.note(fault)
        found = published.look_at_all(job.client, job.collections, origins)
        faults = {name: str(error) for name, error in job.faults.items()}
        faults |= {seen.collection.name: seen.fault for seen in found if seen.fault}
        code = ExitCode.DATA if faults else ExitCode.OK
        loads, fault = published.last_loads(job.server)
        if fault:
            console.note(fault)
        if console.is_json:
            shown = [status.as_json(seen, sample=sample) for seen in found]
            shown += [{"name": name, "fault": str(error)} for name, error in job.faults.items()]
            console.json({"collections": shown, "loads": [asdict(run) for run in loads]})
            return code
        rows = [status.row(seen) for seen in found]
        rows += [status.faulty_row(name, error) for name, error in job.faults.items()]
        console.table(status.HEADS, rows)
        if loads:
            console.text("")
            console.table(status.LOAD_HEADS, [status.load_row(run) for run in loads])
        if sample:
            for seen in found:
                if seen.live is not None:
                    console.text(status.sample_text(seen))
        live = [seen.collection for seen in found if seen.live is not None]
        for line in status.how_to_open(settings, live or job.collections):
            console.text(line)
        for name, fault in faults.items():
            console.error(f"{name}: {fault}", collection=name)
    return code


@app.command(epilog="Example: pos-loader doctor. Environment: POS_MONGO_URI, POS_MONGO_TIMEOUT.")
@handled
def doctor(
    project_dir: ProjectDir = None,
    profiles_dir: ProfilesDir = None,
    target: Target = None,
    target_path: TargetPath = None,
    format: Printed = None,
    json: Json = False,
    quiet: Quiet = False,
    log_format: Log = LogFormat.TEXT,
) -> ExitCode:
    """Look at all that a load needs: artifacts, gate, servers, TLS, rights, clocks, what is left over."""
    from pos_loader.evidence import doctor
    from pos_loader.servers import waiting

    settings = read_settings(
        project_dir=project_dir, profiles_dir=profiles_dir, target=target, target_path=target_path
    )
    console = Console(format=_format(format, json), quiet=quiet, log_format=log_format)
    with waiting.told(console.note):
        lines = doctor.examine(settings)
    if console.is_json:
        console.json(doctor.as_json(lines))
    else:
        console.table(doctor.HEADS, [line.row for line in lines])
    return ExitCode.DATA if any(line.state == doctor.FAIL for line in lines) else ExitCode.OK


@app.command(
    context_settings={"ignore_unknown_options": True},
    epilog="Example: pos-loader query orders-of-customer --customer-id 1. Environment: POS_MONGO_URI.",
)
@handled
def query(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME [--PARAMETER VALUE]...]",
            help="A query and its parameters; without a name, all are listed.",
        ),
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show how MongoDB answers, not the answer.")
    ] = False,
    project_dir: ProjectDir = None,
    format: Printed = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print JSON; an answer is one object per line.")
    ] = False,
    quiet: Quiet = False,
    log_format: Log = LogFormat.TEXT,
) -> ExitCode:
    """Ask a collection one of the declared queries, or list them."""
    from pos_loader.queries import ask, declared
    from pos_loader.queries import explain as explained
    from pos_loader.servers import mongo_client, waiting

    settings = read_settings(project_dir=project_dir)
    console = Console(format=_format(format, json), quiet=quiet, log_format=log_format)
    questions = declared.read_queries(settings.project_dir)
    if not words:
        if console.is_json:
            console.json([declared.as_json(question) for question in questions.values()])
        else:
            console.table(declared.HEADS, [declared.row(question) for question in questions.values()])
        return ExitCode.OK
    name, *values = words
    question = declared.find(questions, name).question(values)
    uri, database = settings.mongo_uri.get_secret_value(), settings.mongo_database
    with (
        waiting.told(console.note),
        mongo_client.connected(
            uri, timeout=settings.mongo_timeout, allow_plain=settings.allow_plain
        ) as client,
    ):
        topology = mongo_client.topology(client)
        if explain:
            plan = explained.explain(client, database, question, topology=topology)
            if console.is_json:
                console.json(explained.as_json(plan))
                return ExitCode.OK
            console.table(explained.TOTAL_HEADS, [explained.total_row(plan)])
            console.text("")
            console.table(explained.HEADS, [explained.shard_row(shard) for shard in plan.plans])
            return ExitCode.OK
        found = ask.answers(client, database, question, topology=topology)
        if console.is_json:
            console.lines(map(ask.line, found))
        else:
            console.rows(question.columns, map(ask.cells, found))
    return ExitCode.OK


@app.command(epilog="Example: pos-loader report --charts target/charts. Environment: POS_MONGO_URI.")
@handled
def report(
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The file to write.", show_default="target/report.html"),
    ] = None,
    charts: Annotated[
        Path | None, typer.Option(help="A folder for each chart as SVG and PNG.", show_default="none")
    ] = None,
    project_dir: ProjectDir = None,
    profiles_dir: ProfilesDir = None,
    target: Target = None,
    target_path: TargetPath = None,
    quiet: Quiet = False,
    log_format: Log = LogFormat.TEXT,
) -> ExitCode:
    """Write the report marts as one HTML page that needs no network, and its charts for slides."""
    from pos_loader.report.write import write_report
    from pos_loader.servers import waiting

    settings = read_settings(
        project_dir=project_dir, profiles_dir=profiles_dir, target=target, target_path=target_path
    )
    console = Console(quiet=quiet, log_format=log_format)
    with waiting.told(console.note), console.progress():
        written = write_report(
            settings,
            output=output or settings.artifacts / "report.html",
            charts=charts,
            progress=console,
        )
    for line in written.notes:
        console.note(line)
    console.text(str(written.path))
    return ExitCode.OK


@app.command(epilog="Example: pos-loader pull --from shop --into landing. Environment: POS_SHOP_TARGET.")
@handled
def pull(
    shop_target: Annotated[
        str | None,
        typer.Option(
            "--from",
            help="The profile's target whose schema is the shop.",
            envvar="POS_SHOP_TARGET",
            show_default="shop",
        ),
    ] = None,
    landing_schema: Annotated[
        str | None,
        typer.Option(
            "--into",
            help="The schema on the marts' server that receives the copy.",
            envvar="POS_LANDING_SCHEMA",
            show_default="landing",
        ),
    ] = None,
    project_dir: ProjectDir = None,
    profiles_dir: ProfilesDir = None,
    target: Target = None,
    format: Printed = None,
    json: Json = False,
    quiet: Quiet = False,
    log_format: Log = LogFormat.TEXT,
) -> ExitCode:
    """Copy the five tables of a shop that stays open, as they were at one moment, into a landing schema."""
    from pos_loader.servers import waiting
    from pos_loader.shop import pull as pulling

    settings = read_settings(
        shop_target=shop_target,
        landing_schema=landing_schema,
        project_dir=project_dir,
        profiles_dir=profiles_dir,
        target=target,
    )
    console = Console(format=_format(format, json), quiet=quiet, log_format=log_format)
    shop, server = (_server(settings, target) for target in (settings.shop_target, settings.target))
    with waiting.told(console.note), console.progress():
        done = pulling.pull(shop, server, settings.landing_schema, console)
    if console.is_json:
        console.json(pulling.as_json(done))
    else:
        console.table(pulling.HEADS, [(name, f"{rows:,}") for name, rows in done.rows.items()])
        console.text(f"pulled into {done.landing} in {done.seconds:.1f} s, as of {done.moment}")
    return ExitCode.OK


def _server(settings: Settings, target: str | None) -> MariaDB:
    """Read the server of a target of the profile."""
    from pos_loader.servers.profile import read_profile

    return read_profile(
        settings.project_dir,
        profiles_dir=settings.profiles_dir,
        target=target,
        timeout=settings.mongo_timeout,
        allow_plain=settings.allow_plain,
    )


Owner = Annotated[
    str | None,
    typer.Option(
        help="Who holds the pause; `resume` must name the same.",
        envvar="POS_PAUSE_OWNER",
        show_default="this host and the folder of dbt's artifacts",
    ),
]


@app.command(epilog="Example: pos-loader pause && dbt build. Environment: POS_PAUSE_OWNER.")
@handled
def pause(
    owner: Owner = None,
    hours: Annotated[
        float, typer.Option(min=0.01, max=240, help="Hours after which others may take the pause over.")
    ] = 4,
    project_dir: ProjectDir = None,
    profiles_dir: ProfilesDir = None,
    target: Target = None,
    target_path: TargetPath = None,
    json: Json = False,
    quiet: Quiet = False,
    log_format: Log = LogFormat.TEXT,
) -> ExitCode:
    """Stop the SQL thread of the replica that holds the shop and the marts, and record its position."""
    from pos_loader.servers import waiting
    from pos_loader.shop import pause as pausing

    settings = read_settings(
        pause_owner=owner,
        project_dir=project_dir,
        profiles_dir=profiles_dir,
        target=target,
        target_path=target_path,
    )
    console = Console(quiet=quiet, log_format=log_format)
    server = _server(settings, settings.target)
    owner = settings.pause_owner or pausing.owner_here(settings.artifacts)
    with waiting.told(console.note):
        moment = pausing.pause(server, owner=owner, hours=hours, note=console.note)
    if json:
        console.json({"owner": owner, "moment": asdict(moment)})
    else:
        console.text(f"paused by {owner} for {hours:g} hours, as of {moment}")
    return ExitCode.OK


@app.command(epilog="Example: pos-loader resume. Environment: POS_PAUSE_OWNER.")
@handled
def resume(
    owner: Owner = None,
    project_dir: ProjectDir = None,
    profiles_dir: ProfilesDir = None,
    target: Target = None,
    target_path: TargetPath = None,
    quiet: Quiet = False,
    log_format: Log = LogFormat.TEXT,
) -> ExitCode:
    """Start the SQL thread of the replica again after a build."""
    from pos_loader.servers import waiting
    from pos_loader.shop import pause as pausing

    settings = read_settings(
        pause_owner=owner,
        project_dir=project_dir,
        profiles_dir=profiles_dir,
        target=target,
        target_path=target_path,
    )
    console = Console(quiet=quiet, log_format=log_format)
    server = _server(settings, settings.target)
    owner = settings.pause_owner or pausing.owner_here(settings.artifacts)
    with waiting.told(console.note):
        was_paused = pausing.resume(server, owner=owner, note=console.note)
    console.text("resumed" if was_paused else "the replica was not paused")
    return ExitCode.OK
