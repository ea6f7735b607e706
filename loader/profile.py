"""MariaDB's connection from the dbt profile, so that it is written once.

Rendered as dbt does (Jinja with `env_var`), without importing dbt: its start takes longer than a small load.
Source: https://docs.getdbt.com/docs/core/connect-data-platform/profiles.yml
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
import yaml
from jinja2.sandbox import SandboxedEnvironment

from loader.errors import SpecError


@dataclass(frozen=True)
class MariaDB:
    """Where MariaDB is and who we are there; `schema` holds the marts."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    schema: str

    @property
    def url(self) -> str:
        """The connection as a URL, with the password in it: never to be shown."""
        user, password = quote(self.user, safe=""), quote(self.password, safe="")
        return f"mysql://{user}:{password}@{self.address}/{quote(self.schema, safe='')}"

    @property
    def address(self) -> str:
        """`host:port`, for messages."""
        return f"{self.host}:{self.port}"


def read_profile(
    project_dir: Path, *, profiles_dir: Path | None = None, target: str | None = None
) -> MariaDB:
    """Find the project's profile where dbt does (option, DBT_PROFILES_DIR, the project, ~/.dbt) and read it.

    Raises `SpecError` naming the file and the key that is missing or wrong.
    """
    project = _read_yaml(project_dir / "dbt_project.yml", "run in a dbt project or give --project-dir")
    name = str(project.get("profile"))
    path = _profiles_path(project_dir, profiles_dir)
    profile = _read_yaml(path, "copy profiles.example.yml").get(name)
    if not isinstance(profile, dict):
        raise SpecError(f"no profile {name}", where=str(path), fix="name it as dbt_project.yml does")
    target = target or os.environ.get("DBT_TARGET") or _render(profile.get("target", "default"), path)
    outputs = profile.get("outputs") or {}
    if target not in outputs:
        raise SpecError(
            f"no target {target}",
            where=f"{path}, profile {name}",
            fix=f"targets are: {', '.join(outputs) or 'none'}",
        )
    output = {key: _render(value, path) for key, value in outputs[target].items()}
    return _connection(output, where=f"{path}, profile {name}, target {target}")


def _connection(output: Mapping[str, str], *, where: str) -> MariaDB:
    if output.get("type") not in ("mariadb", "mysql"):
        raise SpecError(
            f"adapter {output.get('type')} is not MariaDB's", where=where, fix="use type: mariadb"
        )
    schema = output.get("schema")
    if not schema:
        raise SpecError("schema is not set", where=where, fix="name the schema that dbt builds")
    port = output.get("port", "3306")
    if not port.isdigit():
        raise SpecError(f"port {port!r} is no number", where=where, fix="give a port")
    return MariaDB(
        host=output.get("server") or output.get("host") or "127.0.0.1",
        port=int(port),
        user=output.get("username") or output.get("user") or output.get("UID") or "",
        password=output.get("password") or output.get("PWD") or "",
        schema=schema,
    )


def _profiles_path(project_dir: Path, profiles_dir: Path | None) -> Path:
    configured = profiles_dir or os.environ.get("DBT_PROFILES_DIR")
    folders = [Path(configured)] if configured else [project_dir, Path.home() / ".dbt"]
    paths = [folder / "profiles.yml" for folder in folders]
    found = next((path for path in paths if path.is_file()), None)
    if found is None:
        places = " or ".join(map(str, paths))
        raise SpecError("no profiles.yml", where=places, fix="copy profiles.example.yml to profiles.yml")
    return found


def _read_yaml(path: Path, fix: str) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        reason = "is missing" if isinstance(error, FileNotFoundError) else "cannot be read"
        raise SpecError(f"{path.name} {reason}", where=str(path.parent), fix=fix) from None
    if not isinstance(content, dict):
        raise SpecError(f"{path.name} is no mapping", where=str(path.parent), fix=fix)
    return content


def _render(value: object, path: Path) -> str:
    if value is None:
        return ""
    environment = SandboxedEnvironment(undefined=jinja2.StrictUndefined)
    environment.filters |= dict.fromkeys(("as_number", "as_bool", "as_native", "as_text"), lambda text: text)
    try:
        return environment.from_string(str(value)).render(env_var=_env_var)
    except (jinja2.TemplateError, KeyError) as error:
        raise SpecError(
            f"{value} cannot be rendered: {error}", where=str(path), fix="set the variable"
        ) from None


def _env_var(name: str, default: str | None = None) -> str:
    value = os.environ.get(name, default)
    if value is None:
        raise KeyError(f"environment variable {name} is not set")
    return value
