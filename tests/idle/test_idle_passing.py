"""When a minute is passed idly, and that all else is left to the program, untouched."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from taskrunner.heartbeat import beat
from taskrunner.idle import passes_idly
from taskrunner.records import Suspension
from taskrunner.store.settings import DECLARED, EVERYTHING, PAUSED, PROBLEMS, of_host
from tests.idle.idle_site import YEARLY, IdleSite
from tests.runner.runner_site import scheduled


def test_a_minute_in_which_nothing_is_due_is_passed(idle: IdleSite) -> None:
    assert [idle.passes(), idle.passes(), idle.passes()] == [True, True, True]


def test_only_the_heartbeat_is_written(idle: IdleSite) -> None:
    def files() -> dict[str, tuple[int, int]]:
        found = (path for path in idle.site.root.rglob("*") if path.is_file() and path.name != "last_cron")
        return {str(path): (path.stat().st_mtime_ns, path.stat().st_ino) for path in found}

    before = files()

    assert idle.passes()
    assert before == files()


def test_the_configuration_is_found_as_the_program_finds_it(
    idle: IdleSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(idle.site.root)
    found = idle.passes("cron")
    monkeypatch.chdir("/")
    not_found = idle.passes("cron")
    idle.environ["TASKRUN_CONFIG"] = str(idle.config)

    assert [found, not_found, idle.passes("cron")] == [True, False, True]


@pytest.mark.parametrize(
    "arguments",
    ["--force", "--verbose", "--keep-alive 0", "--dry-run", "--help", "--config a.toml", "--config", "cron"],
)
def test_a_cron_with_other_arguments_is_left_to_the_program(idle: IdleSite, arguments: str) -> None:
    assert not idle.passes("--config", str(idle.config), "cron", *arguments.split())


@pytest.mark.parametrize("arguments", ["", "list", "--config cron", "cron --config", "cron --config --force"])
def test_all_other_command_lines_are_left_to_the_program(
    idle: IdleSite, monkeypatch: pytest.MonkeyPatch, arguments: str
) -> None:
    monkeypatch.chdir(idle.site.root)

    assert not passes_idly(arguments.split(), environ={}, now=idle.site.clock())


def test_a_shell_that_completes_a_command_line_is_left_to_the_program(idle: IdleSite) -> None:
    idle.environ["_TASKRUN_COMPLETE"] = "bash_complete"

    assert not idle.passes()


def test_a_scheduled_task_is_due_from_its_moment_on(idle: IdleSite) -> None:
    left = idle.site.waits("forum.Yearly")
    idle.site.clock.now += left - 61
    beat(idle.state, idle.site.clock())

    assert [idle.passes(after=60), idle.passes(after=1)] == [True, False]


def test_after_more_than_five_minutes_the_program_keeps_that_no_cron_started(idle: IdleSite) -> None:
    assert [idle.passes(after=299), idle.passes(after=301)] == [True, False]


def test_an_adhoc_task_is_due_from_its_moment_on(idle: IdleSite) -> None:
    idle.site.queue("forum.Mail")

    assert [idle.passes(after=-1), idle.passes(after=1)] == [True, False]


def test_a_runner_at_work_or_dead_is_left_to_the_program(idle: IdleSite) -> None:
    with idle.site.opened() as site:
        site.store.runners.add("R", hostname="h", pid=1, started_at=1.0, command="cron", log_file=None)

    assert not idle.passes()


def test_a_pause_is_left_to_the_program(idle: IdleSite) -> None:
    with idle.site.opened() as site:
        site.store.settings.suspend(PAUSED, Suspension(EVERYTHING, idle.site.clock(), "", None, ""))
    paused = idle.passes()
    with idle.site.opened() as site:
        site.store.settings.delete("paused")

    assert [paused, idle.passes()] == [False, True]


@pytest.mark.parametrize("setting", [of_host(name, os.uname().nodename) for name in (DECLARED, PROBLEMS)])
def test_tasks_not_declared_or_problems_not_told_are_left_to_the_program(
    idle: IdleSite, setting: str
) -> None:
    with idle.site.opened() as site:
        site.store.settings.set(setting, "of another time")

    assert not idle.passes()


def spoil(idle: IdleSite) -> None:
    idle.site.queue("forum.Mail")
    with idle.site.opened() as site:
        site.store.adhoc.reschedule(site.store.adhoc.list()[0].id, "later")  # type: ignore[arg-type]


CHANGES: dict[str, Callable[[IdleSite], object]] = {
    "a plugin is changed": lambda idle: idle.site.write("forum", YEARLY, scheduled("Daily")),
    "a plugin is added": lambda idle: idle.site.write("shop", scheduled("Daily")),
    "a plugin is removed": lambda idle: (idle.site.root / "plugins" / "forum.py").unlink(),
    "a plugin may be written by others": lambda idle: (idle.site.root / "plugins" / "forum.py").chmod(0o666),
    "the plugin directory may be": lambda idle: (idle.site.root / "plugins").chmod(0o777),
    "the configuration is changed": lambda idle: idle.site.configure('[log]\nmode = "none"'),
    "the configuration is touched": lambda idle: idle.config.touch(),
    "the configuration is closed": lambda idle: idle.config.chmod(0o600),
    "the configuration is a pipe": lambda idle: (idle.config.unlink(), os.mkfifo(idle.config)),
    "the configuration is gone": lambda idle: idle.config.unlink(),
    "the environment sets something": lambda idle: idle.environ.update(TASKRUN_CRON__STDOUT="none"),
    "the home directory is another one": lambda idle: idle.environ.update(HOME="/home/ann"),
    "the database is gone": lambda idle: (idle.state / "taskrunner.db").unlink(),
    "the database is another one": lambda idle: (idle.state / "taskrunner.db.id").write_text("4f2a\n"),
    "the database is damaged": lambda idle: (idle.state / "taskrunner.db").write_bytes(b"scribble" * 999),
    "a row was spoilt by hand": lambda idle: spoil(idle),
    "the registry cache is gone": lambda idle: (idle.state / "registry.json").unlink(),
    "the heartbeat is gone": lambda idle: (idle.state / "last_cron").unlink(),
    "the clock was set back": lambda idle: beat(idle.state, idle.site.clock() + 3600),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_left_to_the_program(idle: IdleSite, change: str) -> None:
    assert idle.passes()

    CHANGES[change](idle)

    assert not idle.passes()


def test_after_the_whole_cron_that_a_change_needs_minutes_are_short_again(idle: IdleSite) -> None:
    idle.site.write("shop", scheduled("Yearly", schedule="0 0 1 1 *"))
    idle.site.configure('[log]\nmode = "none"')
    changed = idle.passes()

    idle.cron()

    assert [changed, idle.passes()] == [False, True]


def test_a_broken_plugin_is_read_anew_by_the_program_each_minute(idle: IdleSite) -> None:
    idle.site.write("shop", "raise OSError('no network')")
    idle.cron()

    assert [idle.passes(after=1), idle.passes(after=60)] == [False, False]


def test_a_directory_that_is_gone_is_not_needed_where_the_configuration_is_named(
    idle: IdleSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    os.rmdir(tmp_path / "gone")

    assert idle.passes()
