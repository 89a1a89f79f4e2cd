"""The wheel in a fresh virtual environment: what somebody has who knows nothing of this checkout."""

import shutil
import subprocess
from pathlib import Path

import pytest

from taskrunner import __version__
from tests.packaging.building import CHECKOUT, Installed, run
from tests.patience import DEADLINE

CONSUMER = Path(__file__).parent / "consumer"
IS_WRONG = "\n\nwrong: int = Schedule('0 7 * * *')\n"


def with_nothing(command: list[str | Path], cwd: Path) -> str:
    """Run a command with an empty environment."""
    return run(["/usr/bin/env", "-i", *command], cwd=cwd)


def test_what_runs_is_the_wheel(installed: Installed, tmp_path: Path) -> None:
    printed = with_nothing(
        [installed.python, "-c", "import taskrunner; print(taskrunner.__file__)"], tmp_path
    )

    assert f"{installed.packages}/taskrunner/__init__.py\n" == printed


def test_the_installed_program_says_its_version(installed: Installed, tmp_path: Path) -> None:
    assert f"taskrun {__version__}\n" == with_nothing([installed.taskrun, "--version"], tmp_path)


def test_the_man_page_is_where_man_looks_for_it(installed: Installed) -> None:
    """`man` knows share/man beside each bin on PATH."""
    page = installed.folder / "share" / "man" / "man1" / "taskrun.1"

    assert page.read_text("utf-8").startswith(f'.TH TASKRUN 1 "" "taskrunner {__version__}"')


def test_the_topics_of_help_are_in_the_wheel(installed: Installed, tmp_path: Path) -> None:
    page = (CHECKOUT / "docs" / "exit-codes.md").read_text("utf-8")

    assert page == with_nothing([installed.taskrun, "help", "exit-codes"], tmp_path)


def test_a_site_is_made_and_run_with_nothing_in_the_environment(installed: Installed, tmp_path: Path) -> None:
    made = with_nothing([installed.taskrun, "init"], tmp_path)
    ran = with_nothing([installed.taskrun, "cron", "--verbose"], tmp_path)

    assert f"\n* * * * * {installed.taskrun} --config {tmp_path}/taskrunner.toml cron\n" in made
    assert "Hello from taskrunner." in ran and "Cron run completed correctly" in ran


def test_the_plugins_that_come_along_are_used_if_they_are_named(installed: Installed, tmp_path: Path) -> None:
    with_nothing([installed.taskrun, "init"], tmp_path)
    before = with_nothing([installed.taskrun, "list"], tmp_path)
    config = tmp_path / "taskrunner.toml"
    named = 'installed = ["taskrunner-cron:mail_queue", "taskrunner-cron:tidy_sessions"]'
    config.write_text(f"{config.read_text('utf-8')}\n[plugins]\n{named}\n", "utf-8")
    after = with_nothing([installed.taskrun, "list"], tmp_path)

    more = {line.split()[0] for line in after.splitlines()} - {
        line.split()[0] for line in before.splitlines()
    }
    assert {"mail_queue.SendMails", "tidy_sessions.TidySessions"} == more
    assert "tidy_sessions" in with_nothing([installed.taskrun, "plugins"], tmp_path)


@pytest.fixture
def consumer(tmp_path: Path) -> Path:
    """A project of somebody else's, beside no checkout."""
    shutil.copytree(CONSUMER, tmp_path / "plugins", ignore=shutil.ignore_patterns("__pycache__"))
    for path in (tmp_path / "plugins").iterdir():
        path.chmod(0o644)
    return tmp_path


def check_types(installed: Installed, consumer: Path) -> "subprocess.CompletedProcess[str]":
    """Run mypy --strict as they would, its libraries those of the environment the wheel is in."""
    command = [installed.python, "-m", "mypy", "--strict", "--python-executable", installed.python]
    return subprocess.run(
        [*command, "--cache-dir", consumer.parent / "mypy", "plugins"],
        cwd=consumer, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, timeout=DEADLINE,
    )  # fmt: skip


def test_the_types_of_the_wheel_are_known_to_whoever_uses_it(installed: Installed, consumer: Path) -> None:
    right = check_types(installed, consumer)
    with (consumer / "plugins" / "shop.py").open("a", encoding="utf-8") as file:
        file.write(IS_WRONG)
    wrong = check_types(installed, consumer)

    assert "Success: no issues found in 3 source files\n" == right.stdout, right.stdout + right.stderr
    assert 'Incompatible types in assignment (expression has type "Schedule", variable has type "int")' in (
        wrong.stdout
    )


def test_the_pytest_plugin_of_the_wheel_is_found(
    installed: Installed, consumer: Path, tmp_path: Path
) -> None:
    options = ["-q", "-p", "no:cacheprovider", f"--basetemp={tmp_path / 'nested'}"]
    command = [installed.python, "-m", "pytest", *options, "plugins/test_shop.py"]

    assert "1 passed" in with_nothing(command, consumer)
