"""taskrun init, new: an empty folder becomes a site, and gets a task with its test."""

from __future__ import annotations

import os
import pwd
import re
import shlex
import shutil
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from taskrunner.cli.options import config_option, configuration
from taskrunner.cli.render import say, show_listing
from taskrunner.config import load_config
from taskrunner.config.find import current_directory
from taskrunner.config.json_schema import FILE as SCHEMA_FILE
from taskrunner.config.json_schema import schema_text
from taskrunner.crontab.parse import read_crontab
from taskrunner.crontab.records import Account, Host, UserColumnError
from taskrunner.crontab.write import lines_of, mail_of, remarks_on, visible, write_plugin
from taskrunner.errors import ConfigError, TaskrunnerError
from taskrunner.formatting import crontab_command, program_words, relative, short_moment
from taskrunner.schedule import Schedule
from taskrunner.views.columns import Column, Context, Listing
from taskrunner.zones import get_zone

if TYPE_CHECKING:
    from collections.abc import Mapping

    from taskrunner.config import Config
    from taskrunner.crontab.records import Crontab, Job

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


CONFIG = """\
#:schema taskrunner.schema.json
# The configuration of taskrunner. Relative paths are relative to this file.
# Every key can be set by environment too: TASKRUN_DATABASE, TASKRUN_CRON__KEEP_ALIVE.
plugin_dirs = ["plugins"]
database = "sqlite:state/taskrunner.db"
state_dir = "state"                    # locks, caches
log_dir = "log"
# timezone = "Europe/Paris"            # default: the system's

[cron]
keep_alive = 0                         # seconds a cron keeps looking for work, at most 900
scheduled_concurrency_limit = 3        # processes that run scheduled tasks at once
adhoc_concurrency_limit = 3            # processes that run adhoc tasks at once
scheduled_max_runtime = 1800           # seconds after which a process starts no further task
adhoc_max_runtime = 1800
stdout = {stdout:<29} # all | failures (for cron's mail) | none

[log]
mode = "all"                           # which runs are kept: all | failures | none
retention_days = 28
retain_runs = 20                       # of each task, whatever their age
file_retention_days = 14

# {table:<36} # what the file decides, the commands refuse to change
# schedule = "*/10 * * * *"
# disabled = false

# [plugins.{plugin}]
# enabled = true
"""

PLUGIN = '''\
"""A first plugin. Every class here that is a ScheduledTask or an AdhocTask is a task."""

from taskrunner import AdhocTask, Every, ScheduledTask, mtrace, queue_adhoc_task


class Hello(ScheduledTask):
    """Say hello and queue a greeting."""

    schedule = Every(minutes=5)         # or five cron fields: "0 3 * * *"

    def execute(self) -> None:
        mtrace("Hello from taskrunner.")
        queue_adhoc_task(Greet({"name": "you"}))


class Greet(AdhocTask):
    """Greet somebody, later."""

    def execute(self) -> None:
        mtrace(f"Hello, {self.custom_data['name']}.")
'''


def config_text(*, task: str, stdout: str = "failures") -> str:
    """Return a commented taskrunner.toml; `task` is the one that stands in its examples."""
    table, plugin = f'[tasks."{task}"]', task.partition(".")[0]
    return CONFIG.format(stdout=f'"{stdout}"', table=table, plugin=plugin)


def shown_command(config: Path) -> str:
    """Return the command for a person's shell."""
    return shlex.join([*program_words(), "--config", str(config), "cron"])


@click.command()
@click.argument("directory", default=".", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--from-crontab", "crontab", metavar="FILE", help="Make a task of each line of a crontab; - reads stdin."
)
@click.option(
    "--system/--no-system",
    default=None,
    help="Whether each line names a user, as in /etc/crontab. Without it taskrun finds out, or asks.",
)
@click.option(
    "--cron-d", metavar="USER", help="Write a file in /etc/cron.d that starts it as USER; only root can."
)
@click.option(
    "--systemd",
    is_flag=True,
    help="Write a systemd timer that starts it: of the system as root, else your own.",
)
@click.option(
    "--user", metavar="USER", help="The user whose site it is, with --systemd; else the owner of DIRECTORY."
)
@click.option(
    "--into",
    metavar="FOLDER",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write the files of --cron-d and --systemd into this folder instead.",
)
def init(
    directory: Path,
    crontab: str | None,
    system: bool | None,
    cron_d: str | None,
    systemd: bool,
    user: str | None,
    into: Path | None,
) -> None:
    """Make a site in DIRECTORY, ready to run.

    It gets a taskrunner.toml and a first plugin, and the crontab line to paste is printed. With --cron-d or
    --systemd the file that starts it is written too, its folders get their user, and doctor checks all of it.

    With --from-crontab the plugin has a task for each line (crontab -l | taskrun init --from-crontab -). An
    existing site gets this plugin only.
    """
    if crontab is not None:
        init_from_crontab(directory, crontab, has_users=system)
        return
    if system is not None:
        raise click.UsageError("--system needs --from-crontab")
    if cron_d is not None and systemd:
        raise click.UsageError("give --cron-d or --systemd, not both")
    file = directory / "taskrunner.toml"
    files = {
        file: config_text(task="first.Hello"),
        directory / SCHEMA_FILE: schema_text(),
        directory / "plugins" / "first.py": PLUGIN,
    }
    if cron_d is not None or systemd:
        _start_by_the_system(directory, files, user=cron_d or user, by_cron=cron_d is not None, into=into)
        return
    if user is not None or into is not None:
        raise click.UsageError("--user and --into need --systemd or --cron-d")
    write_files(files)
    config = file.absolute()
    say("\nPaste this line into `crontab -e`:\n")
    say(f"* * * * * {crontab_command(str(config))}")
    say(f"\nOr run it once now: {shown_command(config)}")


def _start_by_the_system(
    directory: Path, files: dict[Path, str], *, user: str | None, by_cron: bool, into: Path | None
) -> None:
    """Make a site, or take the one that is there, and write what starts it; end as doctor does."""
    from taskrunner.cli import service

    entry = service.find_user(user, directory)
    config = (directory / "taskrunner.toml").absolute()
    if not config.exists():
        write_files(files)
    service.make_folders(directory, entry)
    if by_cron:
        service.write_cron_file(config, entry, folder=into or service.CRON_D)
    else:
        service.write_units(config, entry, folder=into)
    sys.exit(service.first_cron_and_doctor(config, entry))


CRONTAB_PLUGIN = "crontab"
OF_THE_SYSTEM = (Path("/etc/crontab"), Path("/etc/cron.d"))
PATH_OF_PROGRAMS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def _next_run(job: Job, context: Context) -> str:
    now = context.now
    moment = Schedule(job.entry.schedule, timezone=job.variables.get("CRON_TZ") or str(context.zone)).next_at(
        now
    )
    return f"{short_moment(moment, now=now, zone=context.zone)} {relative(moment, now)}"


JOBS: Listing[Job] = Listing(
    (
        Column("line", "Line"),
        Column("", "Task", text=lambda job, _: f"{CRONTAB_PLUGIN}.{job.name}"),
        Column("", "Schedule", text=lambda job, _: job.entry.schedule),
        Column("", "Next run", text=_next_run),
    )
)


def init_from_crontab(directory: Path, name: str, *, has_users: bool | None) -> None:
    """Write the plugin, and what else a site needs if there is none, and tell what that changes.

    Raises TaskrunnerError, and writes nothing, if there is no line that can be carried over.
    """
    crontab = _read(name, has_users)
    if not crontab.jobs:
        _tell_left(crontab, err=True)
        raise TaskrunnerError(f"{_shown(name)}: no line of it can be carried over")
    file = directory / "taskrunner.toml"
    if file.exists():
        write_files({_load(file).plugin_dirs[0] / f"{CRONTAB_PLUGIN}.py": write_plugin(crontab)})
    else:
        config = config_text(task=f"{CRONTAB_PLUGIN}.{crontab.jobs[0].name}", stdout="failures")
        plugin = directory / "plugins" / f"{CRONTAB_PLUGIN}.py"
        write_files({file: config, directory / SCHEMA_FILE: schema_text(), plugin: write_plugin(crontab)})
    _tell(crontab, _load(file))


def _read(name: str, has_users: bool | None) -> Crontab:
    if has_users is None and _is_of_the_system(name):
        has_users = True
    try:
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        return _read_or_ask(data, name, has_users)
    except OSError as error:
        raise TaskrunnerError(f"cannot read {_shown(name)}: {error.strerror}") from error
    except UserColumnError:
        raise
    except TaskrunnerError as error:
        raise TaskrunnerError(f"{_shown(name)}: {error}") from error


def _read_or_ask(data: bytes, name: str, has_users: bool | None) -> Crontab:
    """Read a crontab; where a word may be a user, ask on a terminal. Raises UserColumnError elsewhere."""
    host = Host(is_user=_is_user, is_program=_is_program)
    try:
        return read_crontab(data, _account(), has_users=has_users, host=host)
    except UserColumnError as doubt:
        if name == "-" or not sys.stdin.isatty():
            raise
        question = f"Line {doubt.line} begins with {visible(doubt.word)!r}: is that the user who runs it?"
        is_user = click.confirm(question, err=True)
    return read_crontab(data, _account(), has_users=is_user, host=host)


def _is_program(word: str) -> bool:
    return shutil.which(word, path=PATH_OF_PROGRAMS) is not None


def _shown(name: str) -> str:
    return "stdin" if name == "-" else name


def _is_of_the_system(name: str) -> bool:
    path = Path(name).absolute()
    return path in OF_THE_SYSTEM or path.parent in OF_THE_SYSTEM


def _account() -> Account:
    """Return whose crontab it will be: that of the user who runs this."""
    try:
        entry = pwd.getpwuid(os.geteuid())
    except KeyError:
        return Account(str(os.geteuid()), "/")
    return Account(entry.pw_name, entry.pw_dir if os.path.isabs(entry.pw_dir) else "/")


def _is_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _load(file: Path) -> Config:
    return load_config(file, environ=os.environ, cwd=current_directory())


def _tell(crontab: Crontab, config: Config) -> None:
    now = time.time()
    say("")
    context = Context(now, get_zone(config.timezone))
    show_listing(crontab.jobs, JOBS, context, output_format=None, empty="")
    _tell_left(crontab)
    say("\nTo know:")
    remarks = remarks_on(crontab, zone=config.timezone, now=datetime.fromtimestamp(now, UTC))
    for remark in (*remarks, _about_mail(crontab, config)):
        say(f"- {remark}.")
    say(f"\nComment out {lines_of(crontab.jobs)} of the old crontab: what is in both is done twice.")
    say("Then paste this, if it is not there yet:\n")
    if (address := mail_of(crontab)) is not None:
        say(f"MAILTO={visible(address)}" if address else 'MAILTO=""')
    say(f"* * * * * {crontab_command(str(config.file))}")


def _tell_left(crontab: Crontab, *, err: bool = False) -> None:
    if crontab.left:
        say("\nNot carried over:", err=err)
    for left in crontab.left:
        say(f"- line {left.line}: {visible(left.text)}\n  {visible(left.reason)}", err=err)


def _about_mail(crontab: Crontab, config: Config) -> str:
    kept = "What commands print is kept: `taskrun log`"
    address = mail_of(crontab)
    if address == "":
        return f"{kept}. MAILTO is empty, so nobody is mailed; [notify] can tell of failures"
    what = {"failures": "failures only", "none": "nothing"}.get(config.cron.stdout, "all that is printed")
    whom = "you" if address is None else visible(address)
    return f"{kept}. Cron mails {whom} {what}: stdout in taskrunner.toml"
