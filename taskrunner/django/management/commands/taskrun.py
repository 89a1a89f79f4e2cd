"""manage.py taskrun: the program itself, with the configuration of this project."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from taskrunner.django.backend import config_file
from taskrunner.django.site import write_site


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
