"""Every bad task, in the process and forked: its reason is named, and the canary after it is unharmed."""

import os
import signal
import time
from pathlib import Path

import pytest

from taskrunner.config import load_config
from taskrunner.installation import open_site
from taskrunner.queueing import enqueue, new_task
from tests.acceptance.processes import RealSite
from tests.databases import ask, sqlite_url

PLUGINS = Path(__file__).with_name("bad_tasks")
CONFIG = """\
timezone = "UTC"

[cron]
isolation = "{isolation}"

[tasks."core.*"]
disabled = true
"""

CRASHED_HERE = "the process died (pid "
FATE: dict[str, tuple[tuple[str, str], tuple[str, str]]] = {
    "DeletesLogs": (("ok", ""),) * 2,
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
    "RaisesBaseException": (("failed", "Odd: odd"),) * 2,
    "CannotSayItsError": (("failed", "MuteError (its message cannot be shown: RuntimeError)"),) * 2,
    "Recursion": (("failed", "RecursionError: maximum recursion depth exceeded"),) * 2,
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
    # What they change is Python's, or the machine's.
    "LimitsFiles": (("ok", ""),) * 2,
    "Traces": (("failed", "RuntimeError: patched by a task"),) * 2,
    "Profiles": (("failed", "RuntimeError: patched by a task"),) * 2,
    "PatchesOpen": (("ok", ""),) * 2,
    "PatchesImport": (("ok", ""),) * 2,
    "PatchesBuiltins": (("ok", ""),) * 2,
    "PatchesTime": (("ok", ""),) * 2,
    "PatchesUsage": (("ok", ""),) * 2,
    "PatchesJson": (("ok", ""),) * 2,
    "PatchesOs": (("ok", ""),) * 2,
    "PatchesThreads": (("ok", ""),) * 2,
    "ForgetsModules": (("ok", ""),) * 2,
    "FindsNoModules": (("ok", ""),) * 2,
    "ChangesLocale": (("ok", ""),) * 2,
    "ChangesDecimal": (("ok", ""),) * 2,
    "MakesErrorsOfWarnings": (("ok", ""),) * 2,
    "FailsAtExit": (("ok", ""),) * 2,
    "Audits": (("crashed", CRASHED_HERE), ("crashed", "does it close all files?")),
    "ChangesUser": (("ok", ""),) * 2,
    "LowersItself": (("ok", ""),) * 2,
    "CollectsBadly": (("ok", ""),) * 2,
    "RaisesOfASecretClass": (("failed", "RuntimeError"),) * 2,
    "LeavesTheDying": (("ok", ""),) * 2,
    "RaisesGroup": (("failed", "BaseExceptionGroup: all at once (3 sub-exceptions)"),) * 2,
    "RaisesSurrogates": (("failed", "ValueError: caf\\udce9 \\ud800"),) * 2,
    "RaisesCircle": (("failed", "LoopError: first"),) * 2,
    "RaisesChain": (("failed", "LoopError: 2999"),) * 2,
    "RaisesBadNotes": (("failed", "LoopError: with notes"),) * 2,
    "ExitsUnshowably": (("failed", "RuntimeError"),) * 2,
    "GivesUpUnshowably": (("failed", "GiveUp (its message cannot be shown: RuntimeError)"),) * 2,
    "WaitsForNoNumber": (("failed", "ValueError: RetryLater(seconds=nan)"),) * 2,
    "RaisesStopIteration": (("failed", "StopIteration: 5"),) * 2,
    "KnowsNobody": (("cancelled", "nobody"),) * 2,
    "HasMore": (("failed", "TypeError: only a scheduled task can return MORE"),) * 2,
    "ReturnsGenerator": (("failed", "TypeError: execute returned an iterator (count)"),) * 2,
    "ForgetsItself": (("ok", ""),) * 2,
    "PrintsTenMillionLines": (("ok", ""),) * 2,
    "PrintsOneLine": (("ok", ""),) * 2,
    "RewritesItsPlugin": (("ok", ""),) * 2,
    "DeletesJournalsAndLocks": (("ok", ""),) * 2,
    "BlocksSignals": (("ok", ""),) * 2,
    "SetsTimers": (("ok", ""),) * 2,
    "LeavesLittleRoom": (("failed", "RecursionError: maximum recursion depth exceeded"),) * 2,
    "WorksInADeletedFolder": (("ok", ""),) * 2,
    "SendsOutputAway": (("ok", ""),) * 2,
    "QueuesNonsense": (("failed", "CustomDataError: custom data has a Unshowable"),) * 2,
    "LimitsSizes": (("ok", ""),) * 2,
    "KeepsAllDescriptors": (("ok", ""),) * 2,
}
"""Task -> (outcome, part of the message) in the process of the runner, and forked."""

LEAVES = {
    "LeavesThread": "a thread still runs: Lingering",
    "ClosesAllFiles": "it closed the log file of this process",
    "OpensOthersInTheirPlace": "it closed the log file of this process",
    "ChangesEverything": "it changed the locale for good; ",
    "KeepsMemory": "its memory has grown by ",
    "PatchesOpen": "it replaced builtins.open",
    "PatchesImport": "it replaced builtins.__import__",
    "PatchesTime": "it replaced time.time, time.monotonic, time.sleep",
    "PatchesUsage": "it replaced resource.getrusage, resource.getrlimit",
    "ForgetsModules": "it replaced sys.modules of ",
    "FindsNoModules": "it replaced what finds modules",
    "LeavesLittleRoom": "it lowered the recursion limit",
    "ChangesDecimal": "it changed the context of decimal for good",
    "LowersItself": "it changed its priority for good",
}
"""Task -> why the process in which it ran leaves after it."""

ENDS = {
    *("ExitsAtOnce", "SegmentationFault", "KillsItself", "Aborts", "DoesNotListen", "Audits"),
    *("ClosesAllFiles", "OpensOthersInTheirPlace", "LowersItself", "KeepsAllDescriptors"),
}
"""After these another cron has to come: the process died, or an interpreter started anew would not help."""

NAMES = {"bad": "(Bad):", "odd": "(Odd):"}


def names_of(plugin: str) -> list[str]:
    lines = (PLUGINS / f"{plugin}.py").read_text("utf-8").splitlines()
    return [line[6:].partition("(")[0] for line in lines if line.endswith(NAMES[plugin])]


def prepare(site: RealSite, isolation: str) -> None:
    """Queue every bad task of the table with a canary behind it, and one canary before them all."""
    (site.root / "plugins").mkdir(mode=0o755, exist_ok=True)
    for plugin in PLUGINS.glob("*.py"):
        copy = site.root / "plugins" / plugin.name
        copy.write_text(plugin.read_text("utf-8"), "utf-8")
        copy.chmod(0o644)
    site.config.write_text(CONFIG.format(isolation=isolation), "utf-8")
    where = {name: plugin for plugin in NAMES for name in names_of(plugin)}
    queue: list[tuple[str, str | None]] = [("canary.Canary", "nobody")]
    for name in FATE:
        queue += [(f"{where[name]}.{name}", None), ("canary.Canary", name)]
    now = time.time()
    opened = open_site(load_config(site.config, environ={}, cwd=site.root), now=now)
    due_at = now - len(queue)
    tasks = [
        new_task(name, data, user=None, next_run_at=due_at + number, retry=False, attempts=1)
        for number, (name, data) in enumerate(queue)
    ]
    enqueue(opened.store, tasks, now)
    opened.store.close()


def test_there_is_a_fate_for_every_bad_task() -> None:
    assert set(FATE) == {*names_of("bad"), *names_of("odd")}


@pytest.mark.skipif(os.geteuid() != 0, reason="one of the bad tasks becomes another user")
@pytest.mark.parametrize("isolation", ["none", "fork"])
def test_every_bad_task_has_its_reason_named_and_harms_no_other(tmp_path: Path, isolation: str) -> None:
    site, forked = RealSite(tmp_path), isolation == "fork"
    tmp_path.chmod(0o755)
    prepare(site, isolation)
    url, crons = sqlite_url(tmp_path), []

    while ask(url, "select 1 from task_adhoc where attempts_left > 0 or run_id is not null"):
        crons.append(site.run("cron", "--quiet"))
        assert len(crons) <= 1 + len(ENDS), [cron.stderr for cron in crons]
    log, last = site.log(), site.run("cron")

    rows = ask(url, "select name, outcome, message, output from task_log order by adhoc_id")
    canaries = [row for row in rows if row[0] == "canary.Canary"]
    fates = {name.partition(".")[2]: row for name, *row in rows if name != "canary.Canary"}
    assert [] == [
        (name, fates.get(name)) for name in FATE if not is_as_told(fates.get(name), FATE[name][forked])
    ]
    assert len(FATE) + 1 == len(canaries)
    assert {("ok", canaries[0][3])} == {(outcome, output) for _, outcome, _, output in canaries}
    assert [] == [name for name, line in LEAVES.items() if not forked and line not in log]
    assert set() == {cron.returncode for cron in crons} - {0, 1, 78, *(-number for number in KILLERS)}
    assert [] == [cron.stderr for cron in crons if f"{os.sep}taskrunner{os.sep}" in cron.stderr]
    assert (0, "") == (last.returncode, last.stderr)
    assert [] == site.left_behind()


KILLERS = (signal.SIGSEGV, signal.SIGKILL, signal.SIGABRT)


def is_as_told(row: list[str] | None, fate: tuple[str, str]) -> bool:
    """Say whether a run ended so, with this in its message, and its first hundred lines were kept."""
    if row is None:
        return False
    outcome, message, output = row
    is_whole = output.startswith("line 0\nline 1\n") and "\nline 99\n" in output
    return outcome == fate[0] and fate[1] in (message or "") and is_whole
