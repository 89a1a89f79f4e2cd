"""Texts of errors and outputs: bounded in time and size, and no reason to lose a run."""

import errno
import os
import time

import pytest

from taskrunner.runner import execute
from tests.runner.runner_site import adhoc, scheduled

MEGABYTE = 1_000_000
KEPT = 1024 * 1024


def cpu_of_failure(make_site, tmp_path, size: int) -> float:
    """Return the CPU seconds of a cron whose run fails with a long message; check what is kept of it."""
    site = make_site(plugins={"forum": adhoc("Mail", f"raise ValueError('x' * {size})")})
    site.queue("forum.Mail")
    before = time.process_time()
    site.cron()
    used = time.process_time() - before
    run = site.runs()[-1]
    assert "failed" == run.outcome
    assert len((run.message or "").encode()) <= 8192
    assert len(run.output.encode()) <= KEPT
    return used


def test_the_cpu_of_a_failure_grows_no_faster_than_its_text(make_site, tmp_path):
    cpu_of_failure(make_site, tmp_path, 10)  # what is imported for the first time
    small, large = (cpu_of_failure(make_site, tmp_path, size * MEGABYTE) for size in (5, 50))

    assert large < 30 * max(small, 0.05)  # a hundred times where it is quadratic


def test_output_and_backtrace_are_kept_with_1_mib_in_all(make_site):
    site = make_site(
        plugins={"forum": scheduled("Digest", "print('o' * 3_000_000)\nraise ValueError('x' * 10**6)")}
    )

    site.cron(after=60)

    output = site.runs()[-1].output
    assert KEPT * 0.9 < len(output.encode()) <= KEPT + 200
    assert output.startswith("ooo")
    assert "characters are cut here" in output


SLOW = """\
class Slow(Exception):
    def {method}(self):
        import time
        time.sleep(900)
raise {error}"""


@pytest.mark.parametrize(("method", "error"), [("__str__", "Slow(1)"), ("__repr__", "KeyError(Slow(1))")])
def test_the_message_of_an_error_stands_under_the_time_limit(make_site, method, error):
    slow = SLOW.format(method=method, error=error)
    site = make_site(plugins={"forum": scheduled("Digest", slow, extra="timeout = 1")})
    began_at = time.monotonic()

    site.cron(after=60)

    assert ["timeout"] == site.outcomes()
    assert time.monotonic() - began_at < 600
    assert "while its error was described" in (site.runs()[-1].message or "")


LEFT = """\
class Left:
    def {method}(self, *_):
        import time
        time.sleep(900)
    {also}
{then}"""


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    ("method", "also", "then"),
    [
        ("__del__", "", "left = Left()"),
        ("__del__", "", "raise ValueError(Left())"),
        ("__getattr__", "", "return Left()"),
        ("__eq__", "__hash__ = None", "from taskrunner import task\nreturn Left() == task.MORE or None"),
    ],
)
def test_what_a_task_leaves_ends_under_its_time_limit(make_site, method, also, then):
    left = LEFT.format(method=method, also=also, then=then)
    site = make_site(plugins={"forum": scheduled("Digest", left, extra="timeout = 1")})
    began_at = time.monotonic()

    site.cron(after=60)

    assert time.monotonic() - began_at < 600
    assert site.outcomes() in (["timeout"], ["failed"], ["ok"])


def test_an_output_that_cannot_be_read_back_leaves_a_run_that_ended_well(make_site, monkeypatch):
    site = make_site(plugins={"forum": scheduled("Digest", "print('so far')")})

    def fail(*_: object, **__: object) -> str:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(execute, "read_output", fail)
    site.cron(after=60)

    assert [("ok", "(its output cannot be read back: Input/output error)\n")] == [
        (run.outcome, run.output) for run in site.runs()
    ]
