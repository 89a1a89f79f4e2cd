"""By hand as by cron: folder, import path and environment of a task are those of [run]."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.program import PROGRAM, Program
from tests.patience import DEADLINE

TASKS = """\
import shop.orders

class Facts(ScheduledTask):
    schedule = Every(minutes=1)

    def execute(self):
        import json
        facts = [os.getcwd(), os.environ.get("SHOP"), shop.orders.count()]
        print(json.dumps(facts), file=open(FILE, "a"))


class Queued(AdhocTask):
    execute = Facts.execute
"""
COMMANDS = [("cron",), ("run-task", "Facts"), ("adhoc", "run"), ("cron", "--trigger", "web")]


@pytest.fixture
def shop(site: Program) -> Program:
    """A site beside an application, which no environment variable names."""
    app = site.root / "app" / "shop"
    app.mkdir(parents=True)
    (app / "__init__.py").touch()
    (app / "orders.py").write_text("def count(): return 3\n")
    site.configure('[run]\npython_path = ["app"]\nenvironment = { SHOP = "live" }\n')
    (site.root / "plugins" / "forum.py").unlink()
    site.write("shop_tasks", f"FILE = {str(site.root / 'facts')!r}\n{TASKS}")
    return site


def facts(site: Program) -> list[list[object]]:
    return [json.loads(line) for line in (site.root / "facts").read_text().splitlines()]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_task_has_the_same_world_in_every_way_of_running(shop: Program, command: tuple[str, ...]) -> None:
    shop.prints("adhoc", "queue", "Queued")

    done = shop.run("--config", str(shop.root / "taskrunner.toml"), *command, cwd=Path("/"))

    assert (done.returncode, done.stderr) == (0, "")
    assert {json.dumps(one) for one in facts(shop)} == {json.dumps([str(shop.root), "live", 3])}


@pytest.mark.parametrize("isolation", ["none", "fork"])
def test_the_folder_can_be_another(shop: Program, isolation: str) -> None:
    (shop.root / "jobs").mkdir()
    more = f'directory = "jobs"\n[cron]\nisolation = "{isolation}"\n'
    shop.configure(f'[run]\npython_path = ["app"]\n{more}')

    shop.prints("run-task", "Facts")

    assert facts(shop) == [[str(shop.root / "jobs"), None, 3]]


def test_a_folder_that_is_not_there_is_said_in_one_line(shop: Program) -> None:
    shop.configure('[run]\npython_path = ["app"]\ndirectory = "gone"\n')

    done = shop.run("run-task", "Facts")

    assert done.returncode == 78
    told = f"taskrun: [run] directory: cannot enter {shop.root}/gone: No such file or directory"
    assert done.stderr.splitlines()[0] == told


@pytest.mark.parametrize("command", ["list", "cron", "run-task Facts"])
def test_a_folder_of_modules_that_others_can_fill_is_refused(shop: Program, command: str) -> None:
    (shop.root / "app").chmod(0o777)

    done = shop.run(*command.split())

    assert done.returncode == 78
    assert done.stderr.startswith(f"taskrun: [run] python_path: {shop.root}/app is writable by group or oth")


def test_a_folder_of_modules_that_is_not_there_is_named(shop: Program) -> None:
    shutil.rmtree(shop.root / "app")

    done = shop.run("list")

    assert done.returncode == 78
    assert f"[run] python_path: {shop.root}/app: No such file or directory" in done.stderr


def test_a_module_of_the_application_never_hides_one_of_the_standard_library(shop: Program) -> None:
    (shop.root / "app" / "json.py").write_text("raise SystemExit('the wrong json')\n")

    shop.prints("run-task", "Facts")

    assert facts(shop) == [[str(shop.root), "live", 3]]


@pytest.mark.parametrize("command", [*COMMANDS, ("list",), ("check",), ("log",)], ids=" ".join)
def test_a_folder_that_was_deleted_is_needed_by_no_command(shop: Program, command: tuple[str, ...]) -> None:
    gone = shop.root / "gone"
    gone.mkdir()
    words = ["sh", "-c", 'rmdir "$PWD"; exec "$@"', "sh", *PROGRAM, "--config", "TOML", *command]
    words[words.index("TOML")] = str(shop.root / "taskrunner.toml")

    done = subprocess.run(
        words, cwd=gone, env=shop.environment(), capture_output=True, text=True, timeout=DEADLINE
    )

    assert "Traceback" not in done.stderr
    assert done.returncode == (2 if command == ("check",) else 0), done.stderr


def test_what_the_site_sets_is_no_change_of_a_task(shop: Program) -> None:
    shop.configure('[run]\npython_path = ["app"]\nenvironment = { SHOP = "live", TZ = "Asia/Tokyo" }\n')

    printed = shop.prints("run-task", "Facts")

    assert "put back" not in printed
    assert "Leaving after" not in printed
