"""The note an idle minute is passed by: where it lies, when it is believed, what is not in it."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from taskrunner.files import write_cache_file
from taskrunner.idle import KIND, passes_idly
from taskrunner.idle_cache import remember, watch
from tests.idle.idle_site import IdleSite


def passes_elsewhere(idle: IdleSite) -> bool:
    """Say whether the next minute of a site is idle whose state directory is not the usual one."""
    arguments = ("--config", str(idle.config), "cron")
    return passes_idly(arguments, environ=idle.environ, now=idle.site.clock() + 60)


def test_the_note_is_for_its_owner_only(idle: IdleSite) -> None:
    assert 0o600 == idle.memo.stat().st_mode & 0o777


def test_without_the_note_the_program_does_it_all_and_writes_it_again(idle: IdleSite) -> None:
    idle.memo.unlink()
    without = idle.passes()

    idle.cron()

    assert [without, idle.passes()] == [False, True]


DOUBTS: dict[str, Callable[[IdleSite, Path], object]] = {
    "cut off": lambda idle, other: os.truncate(idle.memo, idle.memo.stat().st_size - 1),
    "empty": lambda idle, other: os.truncate(idle.memo, 0),
    "changed": lambda idle, other: idle.memo.write_bytes(
        idle.memo.read_bytes().replace(b"/state", b"/State")
    ),
    "writable by others": lambda idle, other: idle.memo.chmod(0o666),
    "a link": lambda idle, other: (idle.memo.rename(other), idle.memo.symlink_to(other)),
    "a pipe": lambda idle, other: (idle.memo.unlink(), os.mkfifo(idle.memo)),
    "of another version": lambda idle, other: write_cache_file(
        idle.memo, KIND + "1", idle.memo.read_text().partition("\n")[2]
    ),
}


@pytest.mark.parametrize("doubt", DOUBTS)
def test_a_note_that_is_doubtful_is_not_believed(idle: IdleSite, tmp_path: Path, doubt: str) -> None:
    assert idle.passes()

    DOUBTS[doubt](idle, tmp_path / "other")

    assert not idle.passes()


def test_a_note_of_somebody_else_is_not_believed(idle: IdleSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 12345)

    assert not idle.passes()


@pytest.mark.parametrize(
    "line", ['state_dir = "var/state"', "state_dir='var/state'  # here", 'state_dir="~/state"']
)
def test_the_note_is_found_in_another_state_directory(
    make_idle: Callable[..., IdleSite], tmp_path: Path, line: str
) -> None:
    idle = make_idle(environ={"HOME": str(tmp_path / "home")})
    idle.config.write_text(f"{line}\n{idle.config.read_text()}")
    idle.cron()

    idle.memo.unlink()  # of before the line was written
    state = tmp_path / ("home/state" if "~" in line else "var/state")
    assert [True, False] == [(state / idle.memo.name).exists(), idle.memo.exists()]
    assert passes_elsewhere(idle)


def test_the_note_is_found_where_the_environment_says(
    make_idle: Callable[..., IdleSite], tmp_path: Path
) -> None:
    idle = make_idle(environ={"TASKRUN_STATE_DIR": str(tmp_path / "var")})

    assert (tmp_path / "var" / idle.memo.name).exists()
    assert passes_elsewhere(idle)


def test_a_configuration_so_young_that_it_may_change_unseen_is_not_noted(idle: IdleSite) -> None:
    idle.memo.unlink()
    now = idle.config.stat().st_mtime + 1

    with idle.site.opened() as site:
        seen = watch(str(idle.config), environ={}, cwd="/", now=now)
        remember(site, seen, environ={})

    assert not idle.memo.exists()


def test_a_configuration_that_changes_while_it_is_read_is_not_believed(idle: IdleSite) -> None:
    seen = watch(str(idle.config), environ={}, cwd="/", now=idle.site.clock())
    idle.site.configure('[log]\nmode = "none"')

    with idle.site.opened() as site:
        remember(site, seen, environ={})

    assert not idle.passes()


def test_nothing_is_noted_where_cron_is_kept_alive(make_idle: Callable[..., IdleSite]) -> None:
    idle = make_idle()
    idle.memo.unlink()
    idle.site.configure("[cron]\nkeep_alive = 50")

    with idle.site.opened() as site:
        seen = watch(str(idle.config), environ={}, cwd="/", now=idle.site.clock())
        remember(site, seen, environ={})

    assert not idle.memo.exists()


def test_no_secret_is_noted(make_idle: Callable[..., IdleSite], tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("postgresql://b:hunter2@host/name")
    idle = make_idle(
        '[task_database]\nurl = "file:secret"',
        {"TASKRUN_LOCK_DATABASE": "env:LOCKS", "LOCKS": "postgresql://a:s3cret@host/name"},
    )

    text = idle.memo.read_text()
    assert [False, False] == ["hunter2" in text, "s3cret" in text]
    assert idle.passes()


def test_a_secret_that_is_another_one_or_gone_is_left_to_the_program(
    make_idle: Callable[..., IdleSite], tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("postgresql://b:hunter2@host/name")
    environ = {"TASKRUN_LOCK_DATABASE": "env:LOCKS", "LOCKS": "postgresql://a:s3cret@host/name"}
    idle = make_idle('[task_database]\nurl = "file:secret"', environ)

    noted = idle.passes()
    environ["LOCKS"] = "postgresql://a:changed@host/name"
    changed = idle.passes()
    idle.cron()
    renewed = idle.passes()
    secret.unlink()

    assert [noted, changed, renewed, idle.passes()] == [True, False, True, False]


def test_a_path_with_a_line_break_is_not_noted(make_idle: Callable[..., IdleSite], tmp_path: Path) -> None:
    idle = make_idle()
    folder = tmp_path / "a\nb"
    folder.mkdir()
    link = folder / "taskrunner.toml"
    link.write_text(f'state_dir = "{idle.state}"\n')
    idle.memo.unlink()

    with idle.site.opened() as site:
        remember(site, watch(str(link), environ={}, cwd="/", now=idle.site.clock()), environ={})

    assert not idle.memo.exists()
