"""taskrun new: a task with its test, to begin with."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

from taskrunner.cli.options import config_option, configuration
from taskrunner.cli.render import say
from taskrunner.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

WRITABLE_BY_OTHERS = 0o022


def write_files(files: Mapping[Path, str]) -> None:
    """Write new files and name them. Raises ConfigError, and writes nothing, if one exists already."""
    existing = [str(file) for file in files if file.exists()]
    if existing:
        raise ConfigError(f"{' and '.join(existing)} exist already: nothing was written")
    try:
        for file, text in files.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, "utf-8")
            file.chmod(file.stat().st_mode & ~WRITABLE_BY_OTHERS)  # else a plugin would be refused
            say(f"wrote {file}")
    except OSError as error:
        raise ConfigError(f"cannot write {error.filename}: {error.strerror}") from error


SCHEDULED = '''\
"""{title}."""

from taskrunner import ScheduledTask, mtrace


class {class_name}(ScheduledTask):
    """{title}."""

    schedule = "H 3 * * *"              # once a night, at a minute of its own; or Every(hours=2)

    def execute(self) -> None:
        mtrace("{title}: nothing to do yet.")
'''

ADHOC = '''\
"""{title}."""

from taskrunner import AdhocTask, mtrace


class {class_name}(AdhocTask):
    """{title}."""

    def execute(self) -> None:
        mtrace(f"{title}: {{self.custom_data}}")
'''

SCHEDULED_TEST = '''\
"""What {name} does."""


def test_it_says_what_it_did(run_task):
    done = run_task("{name}")

    assert done.ok, done.message
    assert "{title}: nothing to do yet.\\n" == done.output
'''

ADHOC_TEST = '''\
"""What {name} does."""


def test_it_says_what_it_got(run_task):
    done = run_task("{name}", {{"course": 7}})

    assert done.ok, done.message
    assert "{title}: {{'course': 7}}\\n" == done.output
'''

NAME = re.compile(r"([a-z][a-z0-9_]{0,63})\.([A-Z][A-Za-z0-9]{0,63})")


@click.command()
@click.argument("name", metavar="PLUGIN.CLASS")
@click.option(
    "--adhoc",
    "is_adhoc",
    is_flag=True,
    help="An adhoc task, which is queued, instead of one with a schedule.",
)
@click.option(
    "--tests", default="tests", show_default=True, metavar="FOLDER", help="The folder of the tests."
)
@config_option
def new(name: str, is_adhoc: bool, tests: str) -> None:
    """Write a task with its test: taskrun new forum.SendDigest

    The plugin goes into the first of plugin_dirs; the test needs pytest, which finds taskrunner's fixtures
    by itself.
    """
    found = NAME.fullmatch(name)
    if found is None:
        raise click.UsageError(f"{name!r} is not of the form plugin.ClassName, as forum.SendDigest")
    plugin, class_name = found.groups()
    config = configuration()
    words = {"name": name, "class_name": class_name, "title": title_of(class_name)}
    code, test = (ADHOC, ADHOC_TEST) if is_adhoc else (SCHEDULED, SCHEDULED_TEST)
    files = {
        config.plugin_dirs[0] / f"{plugin}.py": code.format_map(words),
        config.file.parent / tests / f"test_{plugin}_{class_name.lower()}.py": test.format_map(words),
    }
    write_files(files)
    folder = config.file.parent
    say(f"\nRun it now:  taskrun run-task {name}")
    say(f"Run its test:  cd {folder} && python -m pytest {tests}")


def title_of(class_name: str) -> str:
    """Return the words of a class name.

    >>> title_of("SendDigest"), title_of("HTTPCheck")
    ('Send digest', 'HTTPCheck')
    """
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", class_name)
    first, *rest = words.split(" ")
    return " ".join([first, *(word.lower() for word in rest)])
