"""A cron that dies of an error of its own says so in its log, and the next one with the run."""

import pytest

from taskrunner.errors import RunnerError
from tests.runner.runner_site import scheduled


def test_the_error_of_which_a_cron_died_is_told_with_the_run_that_it_left(make_site, monkeypatch):
    site = make_site(plugins={"forum": scheduled("Digest", "print('so far')")})
    site.clock.now += 60
    with site.opened() as opened:
        runner = site.runner(opened)

        def fail(*_: object) -> None:
            raise RuntimeError("the roof fell in")

        monkeypatch.setattr(type(runner.journal), "write", fail)
        with pytest.raises(RunnerError, match="RuntimeError: the roof fell in"):
            runner.work()
        monkeypatch.undo()

    site.cron()

    [run, *_] = site.runs("forum.Digest")
    assert "crashed" == run.outcome
    assert (run.message or "").endswith(": the roof fell in")
    assert "so far" in run.output
