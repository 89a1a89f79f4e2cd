"""A task that leaves no descriptor free: its end is written all the same, and what waits behind it runs."""

import os
import resource
from pathlib import Path

import pytest

from tests.acceptance.processes import RealSite
from tests.patience import DEADLINE

TASK = """\
KEPT = []

class Leaks(AdhocTask):
    def execute(self):
        try:
            while True:
                KEPT.append(os.dup(0))
        except OSError as error:
            mtrace(error.strerror)


class Next(AdhocTask):
    def execute(self):
        witness("next")
"""
FEW = 48


@pytest.mark.parametrize("isolation", ["none", "fork"])
def test_a_task_that_leaves_no_descriptor_free_is_settled_at_once(
    tmp_path: Path, database_line: str, isolation: str
) -> None:
    site = RealSite(tmp_path)
    (tmp_path / "plugins").mkdir(mode=0o755)
    site.config.write_text(
        database_line + f'[cron]\nisolation = "{isolation}"\n[tasks."core.*"]\ndisabled = true\n'
    )
    site.write("forum", TASK)
    for name in ("Leaks", "Next"):
        assert 0 == site.run("adhoc", "queue", name).returncode

    cron = site.start("cron", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (FEW, FEW)))
    _, told = cron.communicate(timeout=DEADLINE)

    assert (0, "") == (cron.returncode, told)
    assert [("forum.Leaks", "ok"), ("forum.Next", "ok")] == site.outcomes()
    assert os.strerror(24) in site.output("Leaks")
