"""A command that only reads starts without what only writing takes: on PostgreSQL psycopg is not imported."""

import subprocess
import sys

import pytest

from tests.cli.conftest import site as site
from tests.cli.program import Program
from tests.databases import ON_POSTGRES
from tests.guards.test_completion import TELLING
from tests.patience import DEADLINE

READING = (  # `why` and `status` ask for locks that all hosts see, which are psycopg's
    *("list", "list --wide", "show forum.Quiet", "plan", "plugins", "audit"),
    *("running", "stats", "stats forum.SendDigest", "adhoc list", "adhoc summary", "adhoc show 1"),
    *("log", "log forum.SendDigest --limit 1", "log --failed --json", "log show forum.SendDigest"),
)


@pytest.fixture
def used(site: Program) -> Program:
    """A site where a task ran, one failed and one waits."""
    site.prints("cron")
    site.prints("adhoc", "queue", "forum.Mail", "--data", '{"to": "Ada"}')
    return site


@ON_POSTGRES
def test_they_read_through_libpq_alone(used: Program) -> None:
    imported = {}
    for line in READING:
        telling = TELLING.replace('["taskrun"]', repr(["taskrun", *line.split()]))
        done = subprocess.run(
            [sys.executable, "-c", telling],
            cwd=used.root,
            env=used.environment(),
            capture_output=True,
            text=True,
            timeout=DEADLINE,
        )
        assert done.returncode == 0, done.stderr
        imported[line] = set(done.stderr.split())

    assert [] == [line for line in READING if "taskrunner.db.reader" not in imported[line]]
    assert [] == [line for line in READING if "psycopg" in imported[line]]
