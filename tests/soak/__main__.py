"""The soak: `python -m tests.soak [--quick]`: three weeks on each database, and a last line that counts."""

from tests.soak.clock import CLOCK

CLOCK.install()  # before anything of taskrunner is imported

import argparse  # noqa: E402
import os  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from pathlib import Path  # noqa: E402

from tests.conftest import line_of  # noqa: E402
from tests.databases import KINDS  # noqa: E402
from tests.server.postgres import running_server  # noqa: E402
from tests.soak.weeks import SIX_HOURS_TWICE, THREE_WEEKS, Period, soak  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the hours around the clock changes, on SQLite")
    parser.add_argument("--database", choices=KINDS, action="append", help="only this one")
    given = parser.parse_args()
    kinds = given.database or (KINDS[:1] if given.quick else KINDS)
    os.umask(0o022)
    failed = 0
    for kind in kinds:
        child = os.fork()  # which has an environment and a working directory of its own
        if child == 0:
            os._exit(_soak_on(kind, quick=given.quick))
        failed += bool(os.waitpid(child, 0)[1])
    print(f"{len(kinds) - failed} passed, {failed} failed")
    sys.exit(bool(failed))


def _soak_on(kind: str, *, quick: bool) -> int:
    period = SIX_HOURS_TWICE if quick else THREE_WEEKS
    with tempfile.TemporaryDirectory(prefix="taskrunner-soak-") as folder:
        Path(folder).chmod(0o755)
        if kind == "sqlite":
            return _tell(kind, Path(folder), period)
        with running_server() as server:
            return _tell(kind, Path(folder), period, line_of(kind, server.create_database("soak")))


def _tell(kind: str, folder: Path, period: Period, database_line: str = "") -> int:
    began = time.monotonic()
    found = soak(folder, period, database_line)
    first, last = found.of_an_idle_cron
    if first != last:
        found.broken.append(f"an idle cron takes {first} instructions on the first day, {last} on the last")
    cpu = sum(os.times()[:4])
    print(f"{kind}: {found.told()}; {time.monotonic() - began:.0f} s, {cpu:.0f} s of CPU", flush=True)
    for what in found.broken:
        print(f"    {what}", flush=True)
    return bool(found.broken)


if __name__ == "__main__":
    main()
