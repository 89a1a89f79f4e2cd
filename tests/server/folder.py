"""A folder for servers, which is gone when the test session is, however that ends."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.server import undertaker
from tests.server.account import hand_over

MEMORY = Path("/dev/shm")
ROOM = 1 << 30
"""What a server may fill in a session; a container's /dev/shm is often 64 MB."""


@contextmanager
def folder_for_servers(parent: Path | None = None) -> Iterator[Path]:
    """Make a folder of the account of servers; whatever runs in it ends with this process, at the latest."""
    folder = Path(tempfile.mkdtemp(prefix="taskrunner-", dir=parent or roomy_folder()))
    watch = [sys.executable, "-I", "-S", undertaker.__file__, str(os.getpid()), str(folder)]
    with subprocess.Popen(watch, cwd="/", stdin=subprocess.DEVNULL, start_new_session=True) as watching:
        try:
            hand_over(folder)
            yield folder
        finally:
            shutil.rmtree(folder)
            watching.terminate()


def roomy_folder(memory: Path = MEMORY, room: int = ROOM) -> Path:
    """Return the folder for what need not last: in memory where there is room."""
    if os.access(memory, os.W_OK) and shutil.disk_usage(memory).free >= room:
        return memory
    return Path(tempfile.gettempdir())
