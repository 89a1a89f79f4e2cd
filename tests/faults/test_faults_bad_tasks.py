"""Every bad task, in the process and forked: its reason is named, and the canary after it is unharmed."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.acceptance.processes import RealSite
from tests.databases import ON_SQLITE

PLUGINS = Path(__file__).with_name("plugins")
CONFIG = """\
timezone = "UTC"

[cron]
isolation = "{isolation}"

[tasks."core.*"]
disabled = true

[tasks."bad.*"]
disabled = true

[tasks."bad.{task}"]
disabled = false
"""

CRASHED_HERE = "the process died (pid "
FATE: dict[str, tuple[tuple[str, str], tuple[str, str]]] = {
    "SysExit": (("failed", "the task called sys.exit(3)"),) * 2,
    "ExitsAtOnce": (
        ("crashed", CRASHED_HERE),
        ("crashed", "its process ended with exit code 0 before the task did"),
    ),
    "SegmentationFault": (
        ("crashed", "): Segmentation fault"),
        ("crashed", "its process died of signal 11 (SIGSEGV)"),
    ),
    "KillsItself": (("crashed", CRASHED_HERE), ("crashed", "its process died of signal 9 (SIGKILL)")),
    "Aborts": (("crashed", "): Aborted"), ("crashed", "its process died of signal 6 (SIGABRT)")),
    "RaisesBaseException": (("failed", "odd"),) * 2,
    "CannotSayItsError": (("failed", "MuteError (its message cannot be shown: RuntimeError)"),) * 2,
    "Recursion": (("failed", "maximum recursion depth exceeded"),) * 2,
    "EndlessLoop": (("timeout", "ended after its timeout of 0.5 s"),) * 2,
    "DoesNotListen": (("timeout", "it did not end in time"), ("timeout", "ended after its timeout of 0.5 s")),
    "LeavesThread": (("ok", ""),) * 2,
    "ForksDaemon": (("ok", ""),) * 2,
    "ForksItself": (("ok", ""),) * 2,
    "ChangesEverything": (("ok", ""),) * 2,
    "ClosesAllFiles": (("ok", ""), ("crashed", "does it close all files?")),
    "OpensOthersInTheirPlace": (("ok", ""), ("crashed", "does it close all files?")),
    "TakesStdoutAway": (("ok", ""),) * 2,
    "PrintsTooMuch": (("ok", ""),) * 2,
    "PrintsBinary": (("ok", ""),) * 2,
    "LeavesLineOpen": (("ok", ""),) * 2,
    "PrintsEscapes": (("ok", ""),) * 2,
    "WantsTooMuchMemory": (("failed", "MemoryError"),) * 2,
    "KeepsMemory": (("ok", ""),) * 2,
}
"""Task -> (outcome, part of the message) in the process of the runner, and forked."""

LEAVES = {
    "LeavesThread": "a thread still runs: Lingering",
    "ClosesAllFiles": "it closed the log file of this process",
    "OpensOthersInTheirPlace": "it closed the log file of this process",
    "ChangesEverything": "it changed the locale for good; ",
    "KeepsMemory": "its memory has grown by ",
}
"""Task -> why the process in which it ran leaves after it."""


def runs(site: RealSite) -> dict[str, tuple[str, str, str]]:
    """Return (outcome, message, output) of the kept runs by task; each has run once."""
    with closing(sqlite3.connect(site.root / "state" / "taskrunner.db")) as database:
        rows = database.execute("select name, outcome, message, output from task_log").fetchall()
    assert len({name for name, *_ in rows}) == len(rows)
    return {name: (outcome, message or "", output) for name, outcome, message, output in rows}


def prepare(site: RealSite, task: str, isolation: str) -> None:
    for plugin in PLUGINS.glob("*.py"):
        copy = site.root / "plugins" / plugin.name
        copy.write_text(plugin.read_text("utf-8"), "utf-8")
        copy.chmod(0o644)
    site.config.write_text(CONFIG.format(task=task, isolation=isolation), "utf-8")


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the canary tells when nothing was before it."""
    site = RealSite(tmp_path_factory.mktemp("sound"))
    (site.root / "plugins").mkdir(mode=0o755)
    prepare(site, "None", "none")
    site.run("cron", "--quiet")
    return runs(site)["canary.Canary"][2].replace(str(site.root), "ROOT")


def test_there_is_a_fate_for_every_bad_task() -> None:
    source = (PLUGINS / "bad.py").read_text("utf-8")

    assert set(FATE) == {
        line[6:].partition("(")[0] for line in source.splitlines() if line.endswith("(Bad):")
    }


@ON_SQLITE  # what a task does to its process has nothing to do with the database
@pytest.mark.parametrize("isolation", ["none", "fork"])
@pytest.mark.parametrize("task", FATE)
def test_a_bad_task_has_its_reason_named_and_harms_no_other(
    site: RealSite, sound: str, task: str, isolation: str
) -> None:
    outcome, message = FATE[task][isolation == "fork"]
    dies = isolation == "none" and (outcome == "crashed" or task == "DoesNotListen")
    leaves = LEAVES.get(task) if isolation == "none" else None
    prepare(site, task, isolation)

    first = site.run("cron", "--quiet")
    after_one = {} if dies else runs(site)
    second = site.run("cron", "--quiet")

    after_two = runs(site)
    assert [outcome, True] == [after_two[f"bad.{task}"][0], message in after_two[f"bad.{task}"][1]]
    assert after_two[f"bad.{task}"][2].startswith("line 0\nline 1\n")
    assert "\nline 99\n" in after_two[f"bad.{task}"][2]
    assert (0, "") == (second.returncode, second.stderr)
    assert dies or (0, "") == (first.returncode, first.stderr)
    has_no_stdout = leaves == LEAVES["ClosesAllFiles"]  # so that starting anew would have none either
    assert (dies or has_no_stdout) == ("canary.Canary" not in after_one)
    assert sound == after_two["canary.Canary"][2].replace(str(site.root), "ROOT")
    assert "ok" == after_two["canary.Canary"][0]
    assert leaves is None or leaves in site.log()
    assert [] == site.left_behind()
