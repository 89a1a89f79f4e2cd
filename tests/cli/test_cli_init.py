"""taskrun init, and what the program says of itself."""

import pytest

from taskrunner import __version__
from taskrunner.cli import COMMANDS


def test_a_first_site_works_as_it_was_made(site, tmp_path):
    folder = tmp_path / "my site"

    told = site.prints("init", str(folder))

    assert f"wrote {folder}/taskrunner.toml" in told
    assert "* * * * * " in told and f"--config '{folder}/taskrunner.toml' cron\n" in told
    assert "first.Hello" in site.prints("--config", str(folder / "taskrunner.toml"), "list")


def test_the_first_plugin_runs(site, tmp_path):
    config = str(tmp_path / "new" / "taskrunner.toml")
    site.prints("init", "new")

    printed = site.prints("--config", config, "run-task", "Hello")

    assert "\nHello from taskrunner.\n" in printed
    assert "\nHello, you.\n" in site.prints("--config", config, "cron")


def test_init_overwrites_nothing(site):
    code, told = site.refuses("init")

    assert code == 78
    assert "taskrunner.toml exist already: nothing was written" in told
    assert not (site.root / "plugins" / "first.py").exists()


def test_init_below_a_file_is_refused_in_one_line(site):
    code, told = site.refuses("init", "taskrunner.toml/deep")

    assert (code, told.count("\n")) == (78, 1)


def test_a_percent_sign_is_escaped_in_the_crontab_line(site, tmp_path):
    assert "100\\%/taskrunner.toml" in site.prints("init", str(tmp_path / "100%"))


def test_the_version_is_told(site):
    assert site.prints("--version") == f"taskrun {__version__}\n"


@pytest.mark.parametrize(
    "command", [*((name,) for name in COMMANDS), ("log", "list"), ("log", "show"), ()], ids=" ".join
)
def test_every_command_has_help(site, command):
    told = site.prints(*command, "--help")

    assert told.startswith(f"Usage: taskrun {' '.join(command)}".rstrip())
    assert len(told.split("\n\n")[1].strip()) > 10
    assert "Options:" in told


def test_the_help_names_every_command(site):
    told = site.prints("--help")

    assert [name for name in COMMANDS if f"\n  {name} " not in told] == []


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("corn", "cron"),
        ("lst", "list"),
        ("runtask", "run-task"),
        ("adhoc lst", "list"),
        ("db upgrad", "upgrade"),
        ("report treshold", "threshold"),
    ],
)
def test_a_mistyped_command_gets_the_nearest_one(site, typed, meant):
    code, told = site.refuses(*typed.split())

    assert code == 2
    assert f"no such command '{typed.split()[-1]}'; did you mean '{meant}'?" in told
