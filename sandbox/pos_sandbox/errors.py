"""The errors of the sandbox, each with an exit code and a remedy."""

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of `pos-sandbox`."""

    OK = 0
    REFUSED = 1  # import: the data; status: not every server runs
    USAGE = 2  # an option, a taken port, a missing program
    SERVER = 3  # a server would not start or answer
    INTERRUPTED = 130


class SandboxError(Exception):
    """An error that the user sees as one line: what is wrong, where, and what to do."""

    exit_code = ExitCode.USAGE

    def __init__(self, what: str, *, where: str, fix: str) -> None:
        """Join the three parts into one line."""
        super().__init__(f"{what} ({where}); {fix}")


class UsageError(SandboxError):
    """An option, a port or a program the user has to change."""


class ServerError(SandboxError):
    """A server that would not start, answer or stop."""

    exit_code = ExitCode.SERVER


class DataError(SandboxError):
    """Source files that the import refuses; `problems` has one line for each fault shown."""

    exit_code = ExitCode.REFUSED

    def __init__(self, what: str, *, where: str, fix: str, problems: tuple[str, ...] = ()) -> None:
        """Keep the faults beside the line that sums them up."""
        super().__init__(what, where=where, fix=fix)
        self.problems = problems
