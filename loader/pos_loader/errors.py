"""The errors that a user can meet: each says what is wrong, where, what to do, and has an exit code."""

from __future__ import annotations

import traceback
from enum import IntEnum
from pathlib import Path

from pos_loader.masking import masked

LONGEST = 300
"""How many characters of another program's message are shown."""


class ExitCode(IntEnum):
    """The exit codes of `pos-loader`; docs/reference/commands.md explains them.

    `plan` shares 2 with usage errors, as `terraform plan -detailed-exitcode` does for pending changes.
    """

    OK = 0
    DATA = 1
    USAGE = 2
    PENDING = 2
    CONNECTION = 3
    PARTIAL = 4
    INTERRUPT = 130


class LoaderError(Exception):
    """An error that the user sees as one plain line.

    `what` names the thing and its value, `where` says where it was found, `fix` says what to do about it.
    """

    exit_code = ExitCode.USAGE

    def __init__(self, what: str, *, where: str = "", fix: str = "") -> None:
        """Keep the three parts without secrets, and join them into the line that is shown."""
        self.what, self.where, self.fix = what, where, fix = masked(what), masked(where), masked(fix)
        super().__init__(f"{what}{f' ({where})' if where else ''}{f'; {fix}' if fix else ''}")


def ending(error: BaseException) -> tuple[ExitCode, str]:
    """Return the exit code of a run that an error ends, and the line that is shown."""
    if isinstance(error, LoaderError):
        return error.exit_code, str(error)
    if isinstance(error, KeyboardInterrupt):
        return ExitCode.INTERRUPT, "interrupted; every collection is whole, a rerun is safe"
    if isinstance(error, OSError) and error.strerror:
        place = f" ({error.filename})" if error.filename else ""
        return ExitCode.DATA, masked(f"{error.strerror}{place}; solve that and run again, which is safe")
    text = " ".join(str(error).split())[:LONGEST]
    what = f"unexpected {type(error).__name__}{': ' * bool(text)}{text}"
    return ExitCode.DATA, masked(f"{what}{_place(error)}; this is a fault of pos-loader, please report it")


def _place(error: BaseException) -> str:
    """Name the last line of the loader that an error came through: ` (pos_loader/cli.py:120)`."""
    frames = traceback.extract_tb(error.__traceback__)
    folder = Path(__file__).parent
    ours = [frame for frame in frames if Path(frame.filename).is_relative_to(folder)]
    if not ours:
        return ""
    return f" ({Path(ours[-1].filename).relative_to(folder.parent)}:{ours[-1].lineno})"


def unreadable(error: Exception) -> str:
    """Say why a file cannot be read, on one line. YAML is not quoted, because it may hold passwords."""
    mark = getattr(error, "problem_mark", None)
    return f"line {mark.line + 1} is no YAML" if mark else " ".join(str(error).split())


class SpecError(LoaderError):
    """The declaration, the artifacts or the settings do not fit together."""


class DataError(LoaderError):
    """The data cannot be published as declared, or the published documents do not verify."""

    exit_code = ExitCode.DATA


def after_failed_build(error: SpecError, failed_build: str) -> SpecError:
    """Say why the build failed, where an error asks for a build; `failed_build` is empty if none failed."""
    if not failed_build or not error.fix.startswith("run dbt build"):
        return error
    return SpecError(error.what, where=error.where, fix=f"{failed_build}; correct it and run dbt build again")


class HeldBack(DataError):
    """A collection is not published, because another one of its group is not."""


class ConnectionFailed(LoaderError):
    """A server cannot be reached, or refuses the connection."""

    exit_code = ExitCode.CONNECTION


class PartialLoad(LoaderError):
    """The load stopped part-way. Every collection is whole, the old one or the new; a rerun is safe."""

    exit_code = ExitCode.PARTIAL


class NodeLost(PartialLoad):
    """The server that a run stayed on is gone, lags, or is not found any more; another one may do."""


class TableReplaced(PartialLoad):
    """A mart was rebuilt while it was read (MariaDB 1146, 1213, 1412); reading it again may help."""


class TableLocked(PartialLoad):
    """A table is locked for longer than a wait may take (MariaDB 1205)."""
