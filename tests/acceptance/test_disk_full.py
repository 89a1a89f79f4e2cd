"""Disks without room, and log directories that cannot be used: real processes on real small file systems."""

import os
import re
import resource
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.acceptance.processes import RealSite
from tests.databases import KINDS, ON_SQLITE
from tests.patience import DEADLINE
from tests.server.postgres import running_server

PRINTING = """\
class Talkative(ScheduledTask):
    schedule = Every(hours=1)

    def execute(self):
        print("first")
        print("x" * {size})
        logging.warning("last")
        witness("talked")


class Canary(ScheduledTask):
    schedule = Every(hours=1)

    def execute(self):
        print("alive")
        witness("canary alive")
"""


@pytest.fixture
def small_disk(site: RealSite) -> Iterator[Path]:
    """A file system of a mebibyte at `log`."""
    (site.root / "log").mkdir(mode=0o750)
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m,mode=0750", "tmpfs", site.root / "log"]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small file system takes root")
    yield site.root / "log"
    subprocess.run(["umount", "--lazy", site.root / "log"], check=True)


def fill(folder: Path) -> None:
    """Leave no byte free."""
    with (folder / "filler").open("wb", buffering=0) as filler:
        try:
            while filler.write(b"x" * 4096):
                pass
        except OSError:
            pass


def talkative(size: int = 10) -> str:
    return "import logging\n" + PRINTING.format(size=size)


def test_on_a_full_log_disk_tasks_run_and_their_runs_are_kept_with_their_output(site, small_disk):
    site.write("forum", talkative())
    fill(small_disk)

    done = site.run("cron")

    assert [("forum.Talkative", "ok"), ("forum.Canary", "ok")] == site.outcomes()
    assert "first\nxxxxxxxxxx\nWARNING:root:last\n" == site.output("Talkative")
    assert 78 == done.returncode
    assert done.stderr.startswith("taskrun: cannot write ")
    assert "No space left on device" in done.stderr
    assert 1 == done.stderr.count("\n")


def test_a_log_disk_that_is_full_in_the_middle_of_a_task_is_no_failure_of_it(site, small_disk):
    site.write("forum", talkative(2_000_000))

    done = site.run("cron")

    assert ["talked", "canary alive"] == site.witnessed()
    assert [("forum.Talkative", "ok"), ("forum.Canary", "ok")] == site.outcomes()
    assert site.output("Talkative").startswith("first\nxxx")
    assert "alive\n" == site.output("Canary")
    assert 1 == done.stderr.count("No space left on device")


def test_a_log_file_that_may_not_grow_is_no_failure_of_a_task(site):
    site.write("forum", talkative(2_000_000))
    limit = 1_500_000

    cron = site.start("cron", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
    printed, told = cron.communicate(timeout=DEADLINE)

    assert [("forum.Talkative", "ok"), ("forum.Canary", "ok")] == site.outcomes()
    assert "alive\n" == site.output("Canary")
    assert 1 == told.count("File too large")
    assert "first\n" in printed


def test_a_log_folder_deleted_while_a_task_runs_is_made_anew_and_told_of(site):
    gone = "import shutil\n" + talkative().replace(
        'witness("talked")', f"shutil.rmtree({str(site.root / 'log')!r})"
    )
    site.write("forum", gone)

    done = site.run("cron")

    assert [("forum.Talkative", "ok"), ("forum.Canary", "ok")] == site.outcomes()
    assert "first\nxxxxxxxxxx\nWARNING:root:last\n" == site.output("Talkative")
    assert "was deleted while it was written; a new one was started" in done.stderr
    assert "alive\n" in site.log()


@pytest.mark.parametrize("kind", ["link", "fifo"])
def test_a_log_folder_that_is_something_else_is_told_of_and_tasks_run(site, kind):
    site.write("forum", talkative())
    other = site.root / "other"
    other.write_text("precious\n")
    (site.root / "log").symlink_to(other) if kind == "link" else os.mkfifo(site.root / "log")

    done = site.run("cron")

    assert [("forum.Talkative", "ok"), ("forum.Canary", "ok")] == site.outcomes()
    assert "precious\n" == other.read_text()
    assert done.stderr.startswith("taskrun: log_dir: cannot write ")
    assert 1 == done.stderr.count("\n")


@contextmanager
def disk_at(folder: Path, size: str) -> Iterator[Path]:
    """Have a small file system at a folder."""
    folder.mkdir(mode=0o755)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0755", "tmpfs", folder]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small file system takes root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)
        folder.rmdir()


@pytest.mark.parametrize("kind", KINDS)
def test_check_tells_of_a_database_whose_disk_is_full_what_cron_tells(tmp_path, kind):
    with ExitStack() as stack:
        line, disk = "", tmp_path / "state"
        if kind == "sqlite":
            stack.enter_context(disk_at(disk, "10m"))
        else:
            disk = stack.enter_context(disk_at(Path("/tmp") / f"taskrunner-disk-{os.getpid()}", "100m"))
            line = f'database = "{stack.enter_context(running_server(disk)).url()}"\n'
        site = RealSite.made_in(tmp_path, line)
        site.write("forum", "class Mail(AdhocTask):\n    def execute(self):\n        witness('sent')\n")
        site.run("cron")
        site.run("adhoc", "queue", "forum.Mail")
        fill(disk)
        checked = site.run("check", "--only", "database")
        refused = site.run("cron")
        (disk / "filler").unlink()
        again = site.run("check", "--only", "database")
        site.run("cron")

    full = r"database .*: (its disk is full|could not (extend|write to) file .*: No space left on device)"
    assert re.match(f"CRITICAL: database: it cannot be written: {full}", checked.stdout), checked
    assert re.match(f"taskrun: {full}", refused.stderr), refused
    assert (2, 69, 0) == (checked.returncode, refused.returncode, again.returncode)
    assert ["sent"] == site.witnessed()


@pytest.fixture
def small_state(site: RealSite) -> Iterator[Path]:
    """A file system of 20 MiB for the state directory."""
    (site.root / "state").mkdir(mode=0o750)
    mount = ["mount", "-t", "tmpfs", "-o", "size=20m,mode=0750", "tmpfs", site.root / "state"]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small file system takes root")
    yield site.root / "state"
    subprocess.run(["umount", "--lazy", site.root / "state"], check=True)


@ON_SQLITE
def test_a_reserve_is_freed_for_the_outcome_when_the_disk_is_full(site, small_state):
    filling = (
        f"with open({str(small_state / 'filler')!r}, 'wb', buffering=0) as filler:\n"
        "            try:\n"
        "                while filler.write(b'x' * 4096): pass\n"
        "            except OSError: pass\n"
        "        print('y' * 100_000)\n"
    )
    site.write("forum", talkative().replace('logging.warning("last")', filling))

    done = site.run("cron")

    assert ["talked"] == site.witnessed()
    assert (0, "") == (done.returncode, done.stderr)
    assert not (small_state / "reserve").exists()
    assert [("forum.Talkative", "ok")] == site.outcomes()
    assert site.output("Talkative").endswith("yyy\n")

    (small_state / "filler").unlink()
    site.run("cron")

    assert ["talked", "canary alive"] == site.witnessed()
    assert 1024 * 1024 == (small_state / "reserve").stat().st_size


def test_the_reserve_is_not_what_fills_a_small_disk(site, small_disk):
    site.config.write_text('timezone = "UTC"\nstate_dir = "log"\n[tasks."core.*"]\ndisabled = true\n')
    site.write("forum", talkative())

    site.run("cron")

    assert [("forum.Talkative", "ok"), ("forum.Canary", "ok")] == site.outcomes()
    assert not (small_disk / "reserve").exists()
