"""taskrun init, and what the program says of itself."""

import os
import pwd
import stat
import subprocess

import pytest

from taskrunner import __version__
from taskrunner.cli import COMMANDS
from tests.patience import DEADLINE


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
    assert "" == site.prints("--config", config, "cron")
    assert "first.Greet" in site.prints("--config", config, "log", "--grep", "Hello, you.")


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


def test_a_first_site_mails_failures_only(site, tmp_path):
    site.prints("init", "new")

    assert 'stdout = "failures"' in (tmp_path / "new" / "taskrunner.toml").read_text()


def test_the_crontab_line_works_as_it_is_printed(site, tmp_path):
    """As cron runs it: with /bin/sh, from another folder, without a PATH that is ours."""
    printed = site.prints("init", "my % site")
    [line] = [line for line in printed.splitlines() if line.startswith("* * * * * ")]
    command = line.removeprefix("* * * * * ").replace("\\%", "%")

    done = subprocess.run(
        ["/bin/sh", "-c", command], cwd="/", env={"HOME": "/", "PATH": "/usr/bin:/bin"},
        capture_output=True, encoding="utf-8", timeout=DEADLINE, check=False,
    )  # fmt: skip

    assert (0, "", "") == (done.returncode, done.stdout, done.stderr)
    assert (tmp_path / "my % site" / "state" / "taskrunner.db").exists()


ME = pwd.getpwuid(os.geteuid()).pw_name


def test_a_file_of_cron_d_is_written_with_its_user_and_ends_in_a_green_doctor(site, tmp_path):
    (tmp_path / "cron.d").mkdir()

    done = site.run("init", "shop.v2", "--cron-d", ME, "--into", "cron.d")

    assert (0, "Nothing is wrong.") == (done.returncode, done.stdout.splitlines()[-1]), (
        done.stdout + done.stderr
    )
    [file] = (tmp_path / "cron.d").iterdir()
    assert "taskrun-shop-v2" == file.name
    assert 0o644 == stat.S_IMODE(file.stat().st_mode)
    line = file.read_text().splitlines()[-1]
    assert line.startswith(f"* * * * * {ME} /")
    assert line.endswith(f"--config {tmp_path}/shop.v2/taskrunner.toml cron")
    for folder in ("state", "log"):
        found = (tmp_path / "shop.v2" / folder).stat()
        assert (ME, 0o750) == (pwd.getpwuid(found.st_uid).pw_name, stat.S_IMODE(found.st_mode))


def test_units_of_systemd_are_written_and_end_in_a_green_doctor(site, tmp_path):
    done = site.run("init", "shop", "--systemd", "--into", "units")

    assert (0, "Nothing is wrong.") == (done.returncode, done.stdout.splitlines()[-1]), (
        done.stdout + done.stderr
    )
    service = (tmp_path / "units" / "taskrun-shop.service").read_text()
    assert f"--config {tmp_path}/shop/taskrunner.toml cron\n" in service
    assert (f"User={ME}\n" in service) == (os.geteuid() == 0)
    assert "OnCalendar=" in (tmp_path / "units" / "taskrun-shop.timer").read_text()
    assert "enable --now taskrun-shop.timer" in done.stdout


def test_a_site_that_is_there_gets_what_starts_it(site, tmp_path):
    site.prints("init", "shop")
    (tmp_path / "cron.d").mkdir()
    config = (tmp_path / "shop" / "taskrunner.toml").read_text()

    done = site.run("init", "shop", "--cron-d", ME, "--into", "cron.d")

    assert 0 == done.returncode, done.stdout + done.stderr
    assert config == (tmp_path / "shop" / "taskrunner.toml").read_text()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--cron-d", "no-such-user"), "there is no user no-such-user"),
        (("--cron-d", ME, "--systemd"), "not both"),
        (("--into", "folder"), "--user and --into need"),
    ],
)
def test_what_cannot_be_written_is_said_in_one_line(site, tmp_path, options, said):
    code, text = site.refuses("init", "shop", *options)

    assert code in (1, 2)
    assert said in text
    assert not (tmp_path / "shop" / "taskrunner.toml").exists()
