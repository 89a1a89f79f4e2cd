"""taskrun init --from-crontab: the lines of a crontab become a plugin."""

from __future__ import annotations

import os
import pwd
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from taskrunner.cli.init.files import config_text, crontab_command
from taskrunner.cli.new_files import write_files
from taskrunner.cli.render import Column, Record, Table, say, show
from taskrunner.cli.times import relative, short_moment
from taskrunner.config import load_config
from taskrunner.crontab import Account, lines_of, mail_of, read_crontab, remarks_on, visible, write_plugin
from taskrunner.errors import TaskrunnerError
from taskrunner.schedule import Schedule
from taskrunner.schedule.zones import get_zone

if TYPE_CHECKING:
    from taskrunner.config import Config
    from taskrunner.crontab import Crontab, Job

PLUGIN = "crontab"
OF_THE_SYSTEM = (Path("/etc/crontab"), Path("/etc/cron.d"))
KEYS = ("line", "task", "schedule", "next_run")
COLUMNS = (
    Column("line", "Line"),
    Column("task", "Task"),
    Column("schedule", "Schedule"),
    Column("next_run", "Next run"),
)
TABLE = Table(KEYS, COLUMNS)


def init_from_crontab(directory: Path, name: str, *, has_users: bool | None) -> None:
    """Write the plugin, and what else a site needs if there is none, and tell what that changes.

    Raises TaskrunnerError, and writes nothing, if there is no line that can be carried over.
    """
    crontab = _read(name, has_users)
    if not crontab.jobs:
        _tell_left(crontab, err=True)
        raise TaskrunnerError(f"{_shown(name)}: there is no line in it that can be carried over")
    file = directory / "taskrunner.toml"
    if file.exists():
        write_files({_load(file).plugin_dirs[0] / f"{PLUGIN}.py": write_plugin(crontab)})
    else:
        config = config_text(task=f"{PLUGIN}.{crontab.jobs[0].name}", stdout="failures")
        write_files({file: config, directory / "plugins" / f"{PLUGIN}.py": write_plugin(crontab)})
    _tell(crontab, _load(file))


def _read(name: str, has_users: bool | None) -> Crontab:
    if has_users is None and _is_of_the_system(name):
        has_users = True
    try:
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        return read_crontab(data, _account(), has_users=has_users, is_user=_is_user)
    except OSError as error:
        raise TaskrunnerError(f"cannot read {_shown(name)}: {error.strerror}") from error
    except TaskrunnerError as error:
        raise TaskrunnerError(f"{_shown(name)}: {error}") from error


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
    return load_config(file, environ=os.environ, cwd=Path.cwd())


def _tell(crontab: Crontab, config: Config) -> None:
    now = time.time()
    say("")
    records = [_record(job, config.timezone, now) for job in crontab.jobs]
    show(records, TABLE, output_format=None, empty="")
    _tell_left(crontab)
    say("\nTo know:")
    remarks = remarks_on(crontab, zone=config.timezone, now=datetime.fromtimestamp(now, UTC))
    for remark in (*remarks, _about_mail(crontab, config)):
        say(f"- {remark}.")
    say(f"\nComment out {lines_of(crontab.jobs)} of the old crontab: what is in both is done twice.")
    say("Then paste this, if it is not there yet:\n")
    if (address := mail_of(crontab)) is not None:
        say(f"MAILTO={visible(address)}" if address else 'MAILTO=""')
    say(f"* * * * * {crontab_command(config.file)}")


def _record(job: Job, zone: str, now: float) -> Record:
    schedule = Schedule(job.entry.schedule, timezone=job.variables.get("CRON_TZ") or zone)
    moment = schedule.next_at(now)
    return {
        "line": job.line,
        "task": f"{PLUGIN}.{job.name}",
        "schedule": job.entry.schedule,
        "next_run": f"{short_moment(moment, now=now, zone=get_zone(zone))} {relative(moment, now)}",
    }


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
