"""manage.py taskrun: the program itself, with the configuration of this project, which it can write."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from taskrunner.config.json_schema import FILE, schema_text
from taskrunner.django.backend import config_file

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
        f"wrote {file}\n\nPaste this line into `crontab -e`:\n\n* * * * * {_cron_command(file)}\n\n"
        "Or run it once now: python manage.py taskrun cron"
    )


def _cron_command(file: Path) -> str:
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


class Command(BaseCommand):
    """Run `taskrun` with this project's taskrunner.toml; `init` makes it."""

    help = "Run taskrunner with this project's taskrunner.toml, which `manage.py taskrun init` writes"
    requires_system_checks = ()  # they would ask for the file that `init` is about to write

    def run_from_argv(self, argv: list[str]) -> None:
        """Become the program: its options are none of Django's."""
        words = argv[2:]
        if words[:1] != ["init"]:
            command = _command(words)
            os.execv(command[0], command)  # noqa: S606
        super().run_from_argv([*argv[:2], *words])

    def add_arguments(self, parser: Any) -> None:
        """Take all words as they are."""
        parser.add_argument("words", nargs="*")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the program and show what it prints, as `call_command` does. Raises CommandError."""
        words = [*args, *options.get("words", [])]
        if words[:1] == ["init"]:
            self.stdout.write(write_site(Path(settings.BASE_DIR)))
            return
        done = subprocess.run(_command(words), capture_output=True, text=True, check=False)  # noqa: S603
        self.stdout.write(done.stdout.removesuffix("\n"))
        if done.returncode:
            raise CommandError(done.stderr.strip() or done.stdout.strip(), returncode=done.returncode)


def _command(words: list[str]) -> list[str]:
    options: dict[str, Any] = next(
        (one.get("OPTIONS", {}) for one in getattr(settings, "TASKS", {}).values()), {}
    )
    return [sys.executable, "-P", "-m", "taskrunner", "--config", str(config_file(options)), *words]
