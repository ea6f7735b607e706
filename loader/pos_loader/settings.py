"""Settings from the environment or `.env` (prefix `POS_`); secrets never reach any output."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from pos_loader.errors import SpecError
from pos_loader.masking import remember_address


def _database_name(name: str) -> str:
    """Check what MongoDB allows. Source: https://www.mongodb.com/docs/manual/reference/limits/#naming-restrictions"""
    fault = database_fault(name)
    if fault:
        raise ValueError(fault)
    return name


def database_fault(name: str) -> str:
    """Say why MongoDB allows no database of this name; empty if it does."""
    if 0 < len(name.encode()) < 64 and not set(name) & set('/\\. "$*<>:|?\0'):
        return ""
    return 'a name has 1 to 63 bytes, none of them a space or one of /\\."$*<>:|?'


ENV_FILE = ".env"
DatabaseName = Annotated[str, AfterValidator(_database_name)]


class Settings(BaseSettings):
    """What a run needs beside the dbt project; each setting is an environment variable `POS_<NAME>`."""

    model_config = SettingsConfigDict(env_prefix="POS_", env_file=ENV_FILE, extra="ignore", frozen=True)

    mongo_uri: SecretStr = SecretStr("mongodb://127.0.0.1:27117")
    mongo_database: DatabaseName = "pos"
    mongo_timeout: float = Field(default=30, gt=0, le=86_400)
    """Seconds that any wait for a server, MongoDB or MariaDB, may take."""
    partition_rows: int = Field(default=50_000, ge=1)
    """How many mart rows a partition should have, over all levels."""
    workers: int = Field(default_factory=lambda: min(4, (os.cpu_count() or 1) + 1), ge=1, le=64)
    """How many partitions run at once: one more than cores, because each waits for databases at times."""
    scheduler: str = ""
    """Address of a Dask scheduler whose workers do the partitions; empty means threads here."""
    dask_workers: int = Field(default=0, ge=0, le=64)
    """Dask workers to start here for the partitions; 0 means threads."""
    max_build_age: float = Field(default=24, gt=0, le=1_000_000)
    """Hours after which a dbt build is too old to publish."""
    shop_target: str = "shop"
    """The profile's target whose server and schema hold a live shop, for `pull`."""
    landing_schema: str = Field(default="landing", pattern="^[0-9A-Za-z_$]{1,64}$")
    """The schema of the marts' server into which `pull` copies the shop."""
    pause_owner: str = Field(default="", max_length=200)
    """Who holds the pause of a replica; empty means this host and the folder of dbt's artifacts."""
    allow_plain: bool = False
    """Whether rows and passwords may leave this machine without TLS, or to a server that is not checked."""
    project_dir: Path = Path()
    profiles_dir: Path | None = None
    target: str | None = None
    target_path: Path | None = None
    """Folder of dbt's artifacts; none means `<project_dir>/target`."""

    @property
    def artifacts(self) -> Path:
        """Return the folder with manifest.json and run_results.json."""
        return self.target_path or self.project_dir / "target"


@contextmanager
def _unparsed() -> Iterator[list[int]]:
    """Collect the lines of the environment file that its parser skips with a warning."""
    lines: list[int] = []
    logger, handler = logging.getLogger("dotenv.main"), logging.NullHandler()

    def note(record: logging.LogRecord) -> bool:
        if record.levelno >= logging.WARNING and record.args:
            lines.append(record.args[0] if isinstance(record.args, tuple) else 0)  # type: ignore[arg-type]
        return False

    logger.addHandler(handler)
    logger.addFilter(note)
    try:
        yield lines
    finally:
        logger.removeFilter(note)
        logger.removeHandler(handler)


def read_settings(**overrides: Any) -> Settings:
    """Read the settings; options of the command line that are not None come first.

    Raises `SpecError` that names the variable and the value that is not allowed.
    """
    try:
        with _unparsed() as lines:
            settings = Settings(**{name: value for name, value in overrides.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else "settings"
        option = f"option --{name.replace('_', '-')} or " if name in overrides else ""
        raise SpecError(
            f"setting {name} {first['input']!r} is not allowed: {first['msg'].removeprefix('Value error, ')}",
            where=f"{option}environment variable POS_{name.upper()}",
            fix="give another value",
        ) from None
    except (OSError, UnicodeError) as error:
        raise SpecError(
            f"{ENV_FILE} cannot be read: {error}", fix="write it in UTF-8, or remove it"
        ) from None
    if lines:
        raise SpecError(
            f"{ENV_FILE} cannot be read: line {lines[0]} is no NAME=VALUE",
            where=str(Path.cwd()),
            fix="correct that line, or remove it",
        )
    remember_address(settings.mongo_uri.get_secret_value())
    remember_address(settings.scheduler)
    return settings
