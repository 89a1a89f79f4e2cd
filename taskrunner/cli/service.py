"""What starts a site every minute, written where it belongs: a file of cron.d, or units of systemd."""

from __future__ import annotations

import os
import pwd
import re
import shlex
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from taskrunner.cli.init import write_files
from taskrunner.cli.render import say
from taskrunner.errors import TaskrunnerError
from taskrunner.formatting import crontab_command, program_words
from taskrunner.ownership import user_name

if TYPE_CHECKING:
    from collections.abc import Sequence

CRON_D = Path("/etc/cron.d")
SYSTEM_UNITS = Path("/etc/systemd/system")
USER_UNITS = Path(".config/systemd/user")
"""Below the home of a user."""

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

CRON_FILE = """\
# Starts the tasks of {directory} every minute. What it prints is mailed: failures only.
SHELL=/bin/sh
* * * * * {user} {command}
"""

SERVICE = """\
[Unit]
Description=Tasks of {directory} that are due
Documentation=man:taskrun(1)

[Service]
Type=exec
{user}ExecStart={command}
KillMode=mixed
TimeoutStopSec=75
SuccessExitStatus=143
StandardInput=null
SyslogIdentifier=taskrun
UMask=0027
"""

TIMER = """\
[Unit]
Description=Every minute: tasks of {directory} that are due

[Timer]
OnCalendar=*-*-* *:*:00
AccuracySec=1s
Persistent=false

[Install]
WantedBy=timers.target
"""


def find_user(name: str | None, directory: Path) -> pwd.struct_passwd:
    """Return the user that the site is to belong to: the one named, else the owner of its folder.

    Raises TaskrunnerError: there is no such user, or only root could give the site to them.
    """
    try:
        entry = pwd.getpwuid(_owner(directory)) if name is None else pwd.getpwnam(name)
    except KeyError:
        raise TaskrunnerError(
            f"there is no user {name or user_name(_owner(directory))}",
            hint=f"sudo useradd --system --create-home {name}" if name else "name one: --user NAME",
        ) from None
    if entry.pw_uid != os.geteuid() and os.geteuid() != 0:
        raise TaskrunnerError(f"only root can make a site for {entry.pw_name}", hint="sudo")
    return entry


def _owner(directory: Path) -> int:
    there = directory.absolute()
    while not there.exists():
        there = there.parent
    return there.stat().st_uid


def make_folders(directory: Path, entry: pwd.struct_passwd) -> None:
    """Make the folders of a site, and let them belong to its user, with what was just written there."""
    made = [directory, directory / "plugins", directory / "state", directory / "log"]
    for folder, mode in zip(made, (0o755, 0o755, 0o750, 0o750), strict=True):
        folder.mkdir(mode=mode, parents=True, exist_ok=True)
    if os.geteuid() == 0:
        for path in (*made, directory / "taskrunner.toml", *(directory / "plugins").glob("*.py")):
            if path.stat().st_uid == 0:
                os.chown(path, entry.pw_uid, entry.pw_gid)


def write_cron_file(config: Path, entry: pwd.struct_passwd, *, folder: Path) -> None:
    """Write the file of cron.d; cron reads only names without a dot."""
    text = CRON_FILE.format(directory=config.parent, user=entry.pw_name, command=crontab_command(str(config)))
    _write({folder / unit_name(config.parent): text})


def write_units(config: Path, entry: pwd.struct_passwd, *, folder: Path | None) -> None:
    """Write a service and its timer: those of the system as root, else those of the user."""
    is_system = os.geteuid() == 0
    folder = folder or (SYSTEM_UNITS if is_system else Path(entry.pw_dir) / USER_UNITS)
    name = unit_name(config.parent)
    command = " ".join(_quoted(word) for word in (*program_words(), "--config", str(config), "cron"))
    user = f"User={entry.pw_name}\nGroup={entry.pw_gid}\n" if is_system else ""
    _write(
        {
            folder / f"{name}.service": SERVICE.format(directory=config.parent, user=user, command=command),
            folder / f"{name}.timer": TIMER.format(directory=config.parent),
        }
    )
    systemctl = "systemctl" if is_system else "systemctl --user"
    say(f"\nStart it: {systemctl} daemon-reload && {systemctl} enable --now {name}.timer")


def _quoted(word: str) -> str:
    """Return a word as systemd reads it: % and $ stand for nothing else."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"' if re.search(r"[\s'\"\\;]", word) else escaped


def unit_name(directory: Path) -> str:
    """Return how the files are called for a site.

    >>> unit_name(Path("/srv/my shop.v2"))
    'taskrun-my-shop-v2'
    """
    return f"taskrun-{re.sub('[^A-Za-z0-9_-]+', '-', directory.name).strip('-') or 'site'}"


def _write(files: dict[Path, str]) -> None:
    for folder in {file.parent for file in files}:
        if not folder.is_dir():
            try:
                folder.mkdir(parents=True)
            except OSError as error:
                raise TaskrunnerError(f"cannot make {folder}: {error.strerror}", hint="sudo") from error
        if not os.access(folder, os.W_OK):
            raise TaskrunnerError(f"{folder} can be written by {folder.owner()} only", hint="sudo")
    write_files(files)
    for file in files:
        file.chmod(0o644)


def first_cron_and_doctor(config: Path, entry: pwd.struct_passwd) -> int:
    """Run a first cron and the doctor as the user of the site, and return the exit code of the doctor."""
    say(f"\nA first cron, and then doctor, as {entry.pw_name}:")
    _run(config, entry, ("cron", "--quiet"))
    return _run(config, entry, ("doctor",))


def _run(config: Path, entry: pwd.struct_passwd, arguments: Sequence[str]) -> int:
    become: dict[str, object] = {}
    if os.geteuid() == 0 and entry.pw_uid != 0:
        groups = os.getgrouplist(entry.pw_name, entry.pw_gid)
        become = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": groups}
    words = [*program_words(), "--config", str(config), *arguments]
    environ = {"HOME": entry.pw_dir, "PATH": SYSTEM_PATH, "LOGNAME": entry.pw_name, "USER": entry.pw_name}
    try:
        return subprocess.run(  # type: ignore[call-overload, no-any-return]  # noqa: S603  (our own program)
            words, cwd="/", env=environ, stdin=subprocess.DEVNULL, check=False, **become
        ).returncode
    except OSError as error:
        raise TaskrunnerError(
            f"{entry.pw_name} cannot start {shlex.join(words)}: {error.strerror}",
            hint="install taskrunner where everybody may read it, as in /opt",
        ) from error
