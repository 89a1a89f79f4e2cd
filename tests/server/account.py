"""The account that servers run as: this one, or `nobody` where this one is root, which PostgreSQL refuses."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

INSTEAD_OF_ROOT = "nobody"


class ServerError(AssertionError):
    """A server that tests need cannot be had; says why, and what to do."""


def run_as() -> dict[str, Any]:
    """Return the arguments that make subprocess run a program as the account of servers."""
    if os.geteuid() != 0:
        return {}
    account = pwd.getpwnam(INSTEAD_OF_ROOT)
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def hand_over(folder: Path) -> None:
    """Give a folder, and all that is in it, to the account of servers."""
    if os.geteuid() != 0:
        return
    account = pwd.getpwnam(INSTEAD_OF_ROOT)
    for path in (folder, *folder.rglob("*")):
        os.chown(path, account.pw_uid, account.pw_gid, follow_symlinks=False)


def can_run(program: Path) -> bool:
    """Tell whether the account of servers reaches the program, and the program runs here."""
    try:
        run(program, "--version", folder=Path("/"))
    except (OSError, ServerError):
        return False
    return True


def run(program: Path, *arguments: str, folder: Path) -> None:
    """Run a program to its end in a folder."""
    with start(program, arguments, folder, output=subprocess.PIPE) as process:
        output, _ = process.communicate()
    if process.returncode != 0:
        raise ServerError(f"{program} failed with {process.returncode}:\n{output.decode(errors='replace')}")


def start(program: Path, arguments: Sequence[str], folder: Path, output: Any) -> subprocess.Popen[bytes]:
    """Start a program in a folder, out of reach of Ctrl-C and of what the environment says of PostgreSQL."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return subprocess.Popen(
        [program, *arguments],
        cwd=folder,
        env=environment | {"LC_ALL": "C", "TZ": "UTC"},
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        **run_as(),
    )
