"""More files open than `select` can count: tasks run and are shown as ever."""

import os
import resource

import pytest

from tests.cli.conftest import site as site

MANY = 1100
"""More than the 1,024 descriptors of `select`."""

LIMIT = 4096

PLUGIN = """
class Greedy(AdhocTask):
    isolation = "{isolation}"
    timeout = 60

    def execute(self):
        left = [open(os.devnull) for _ in range({many})]
        self.progress(1, 2, "half")
        print("highest", left[-1].fileno() > {many})
        AdhocTask.left = left
"""


def open_many_files():
    """Between fork and exec: leave all the first files open to the program that is about to start."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (LIMIT, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number in range(3, MANY):
        os.dup2(nothing, number, inheritable=True)


@pytest.mark.parametrize("isolation", ["none", "fork"])
@pytest.mark.parametrize("command", [["cron"], ["adhoc", "run"]])
@pytest.mark.parametrize("timestamps", ["true", "false"])
def test_tasks_run_and_are_shown_where_many_files_are_open(site, command, isolation, timestamps):
    site.configure(f'[tasks."core.*"]\ndisabled = true\n[log]\ntimestamps = {timestamps}')
    site.write("forum", PLUGIN.format(many=MANY, isolation=isolation))
    for _ in range(2):
        site.prints("adhoc", "queue", "Greedy")

    shown = site.prints(*command, preexec_fn=open_many_files, close_fds=False)

    assert ["ok", "ok"] == [run["outcome"] for run in site.reads("log")]
    assert 2 == shown.count("highest True\n")
