"""The example site as its users meet it: a copy of it, run by the real `taskrun`."""

import doctest
import importlib.util
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contrib.example_site import CONTRIB, EXAMPLE, ExampleSite, output_folders
from tests.patience import DEADLINE

FIRST_RUNS = [
    ("activity.MeasureLoad", "ok"),
    ("backup.BackupDatabase", "ok"),
    ("backup.BackupDatabase", "ok"),
    ("backup.DailyBackup", "ok"),
    ("disk_usage.WriteReport", "ok"),
]
SWITCH = '[tasks."demo.FailsOnPurpose"]\ndisabled = '


def test_the_first_cron_runs_all_that_is_due_and_ends_well(site: ExampleSite) -> None:
    cron = site.taskrun("cron")

    assert (0, "") == (cron.returncode, cron.stderr)
    assert len(FIRST_RUNS) == cron.stdout.count("task complete:")
    assert FIRST_RUNS == site.runs()


def test_a_second_cron_at_once_has_nothing_to_do(site: ExampleSite) -> None:
    site.taskrun("cron")
    cron = site.taskrun("cron")

    assert (0, "", "") == (cron.returncode, cron.stdout, cron.stderr)
    assert FIRST_RUNS == site.runs()


def test_git_sees_nothing_of_what_the_site_makes(site: ExampleSite) -> None:
    before = {entry.name for entry in site.path.iterdir()}
    site.taskrun("cron")
    made = {entry.name for entry in site.path.iterdir()} - before

    assert set(output_folders()) == made


def test_no_plugin_has_findings(site: ExampleSite) -> None:
    plugins = site.read("plugins")

    assert {"core": [], "activity": [], "backup": [], "demo": [], "disk_usage": [], "logs": []} == {
        plugin["name"]: plugin["findings"] for plugin in plugins
    }


def test_the_readme_names_every_task(site: ExampleSite) -> None:
    tasks = {task for plugin in site.read("plugins") for task in plugin["tasks"] if plugin["name"] != "core"}
    named = set(re.findall(r"\| `(\w+\.\w+)` \|", (EXAMPLE / "README.md").read_text("utf-8")))

    assert tasks == named


@pytest.mark.parametrize("plugin", sorted((EXAMPLE / "plugins").glob("*.py")), ids=lambda path: path.stem)
def test_the_examples_in_a_plugin_are_true(plugin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    spec = importlib.util.spec_from_file_location(f"example_{plugin.stem}", plugin)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    assert 0 == doctest.testmod(module).failed


def test_the_line_of_the_crontab_works_in_the_bare_environment_of_cron(
    site: ExampleSite, tmp_path: Path
) -> None:
    lines = (CONTRIB / "crontab").read_text("utf-8").splitlines()
    variables = dict(line.split("=", 1) for line in lines if re.match(r"[A-Z]+=", line))
    (job,) = (line for line in lines if line.startswith("*"))
    command = job.removeprefix("* * * * * ")
    command = command.replace("/srv/site/.venv/bin/taskrun", f"{shlex.quote(sys.executable)} -m taskrunner")
    command = command.replace("/srv/site/taskrunner.toml", shlex.quote(str(site.config)))
    environ = {**variables, "HOME": str(tmp_path), "LOGNAME": "somebody"}

    cron = subprocess.run(
        [variables["SHELL"], "-c", command], env=environ, cwd=tmp_path, capture_output=True, timeout=DEADLINE
    )

    assert (0, b"") == (cron.returncode, cron.stderr)
    assert FIRST_RUNS == site.runs()


def test_the_task_that_fails_on_purpose_is_disabled(site: ExampleSite) -> None:
    task = next(task for task in site.read("list") if task["name"] == "demo.FailsOnPurpose")

    assert "disabled" == task["state"]


def test_the_task_that_fails_on_purpose_is_listed_as_failing_once_it_is_switched_on(
    site: ExampleSite,
) -> None:
    site.replace_in_config(f"{SWITCH}true", f"{SWITCH}false")
    cron = site.taskrun("cron")
    failing = site.read("list", "--failing")
    listed = site.taskrun("list", "--failing").stdout

    message = f"failing on purpose until there is a file {site.path}/data/mended"
    assert 0 == cron.returncode
    assert (
        f"Scheduled task failed: Fail until somebody mends it (demo.FailsOnPurpose),{message}" in cron.stdout
    )
    assert [("demo.FailsOnPurpose", "failed", f"FileNotFoundError: {message}", 60)] == [
        (task["name"], task["last_outcome"], task["last_message"], task["fail_delay"]) for task in failing
    ]
    assert sorted([*FIRST_RUNS, ("demo.FailsOnPurpose", "failed")]) == site.runs()
    assert re.search(r"^demo\.FailsOnPurpose .* failing since .* \(1×\)$", listed, re.MULTILINE)


def test_the_task_that_fails_on_purpose_can_be_mended_and_retried(site: ExampleSite) -> None:
    site.replace_in_config(f"{SWITCH}true", f"{SWITCH}false")
    site.taskrun("cron")
    (site.path / "data" / "mended").touch()
    site.taskrun("retry", "FailsOnPurpose")
    cron = site.taskrun("cron", "--strict")

    assert 0 == cron.returncode
    assert "attempt 2" in cron.stdout
    assert [] == site.read("list", "--failing")


def test_a_measurement_is_added_to_those_before(site: ExampleSite) -> None:
    site.run_task("MeasureLoad")
    second = site.run_task("MeasureLoad")

    assert "measurements in data/activity.db: 2\n" in second.stdout


def test_a_measurement_that_cannot_be_kept_fails_and_names_what_is_in_the_way(site: ExampleSite) -> None:
    (site.path / "data").write_text("no folder", "utf-8")
    run = site.run_task("MeasureLoad")

    assert 1 == run.returncode
    assert f"File exists: '{site.path}/data'\n" in run.stdout
