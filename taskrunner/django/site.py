"""The taskrunner.toml of a Django project."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from taskrunner.config.json_schema import FILE, schema_text

CONFIG = """\
#:schema taskrunner.schema.json
# The configuration of taskrunner for this Django project. Relative paths are relative to this file.
database = "{database}"
state_dir = "state"                    # locks, caches
log_dir = "log"

[run]
python_path = ["."]
environment = {{ DJANGO_SETTINGS_MODULE = "{settings}" }}
around = ["taskrunner.django.run:around"]

[plugins]
installed = ["taskrunner-cron:django"] # the functions with @task and @scheduled in <application>/tasks.py

[cron]
stdout = "failures"                    # all | failures (for cron's mail) | none
"""


def write_site(folder: Path) -> str:
    """Write taskrunner.toml beside manage.py, and return what to do next. Raises CommandError."""
    file = folder / "taskrunner.toml"
    if file.exists():
        raise CommandError(f"{file} is there already")
    from django.db import DEFAULT_DB_ALIAS, connections

    database = database_url(connections[DEFAULT_DB_ALIAS].settings_dict, folder)
    (folder / "plugins").mkdir(mode=0o755, exist_ok=True)
    module = os.environ.get("DJANGO_SETTINGS_MODULE") or settings.SETTINGS_MODULE
    (folder / FILE).write_text(schema_text(), "utf-8")
    file.write_text(CONFIG.format(database=database, settings=module), "utf-8")
    file.chmod(0o644)
    return (
        f"wrote {file}\n\nPaste this line into `crontab -e`:\n\n* * * * * {_command(file)}\n\n"
        "Or run it once now: python manage.py taskrun cron"
    )


def _command(file: Path) -> str:
    """Return the command of the crontab line: the program of the same Python that runs manage.py."""
    program = Path(sys.executable).with_name("taskrun")
    words = [str(program)] if program.exists() else [sys.executable, "-m", "taskrunner"]
    return shlex.join([*words, "--config", str(file), "cron"]).replace("%", "\\%")


def database_url(database: dict[str, Any], folder: Path) -> str:
    """Return what taskrunner calls a database of Django's; without its password. Raises CommandError."""
    engine, name = str(database["ENGINE"]), str(database["NAME"])
    if engine.endswith("sqlite3"):
        path = Path(name)
        return f"sqlite:{path.relative_to(folder) if path.is_relative_to(folder) else path}"
    if "postgis" in engine or "postgresql" in engine:
        user = f"{database['USER']}@" if database.get("USER") else ""
        port = f":{database['PORT']}" if database.get("PORT") else ""
        host = str(database.get("HOST") or "")
        where = f"{user}{port}/{name}?host={host}" if host.startswith("/") else f"{user}{host}{port}/{name}"
        return f"postgresql://{where}"
    raise CommandError(f"{engine} cannot be used: taskrunner works on SQLite and PostgreSQL")
