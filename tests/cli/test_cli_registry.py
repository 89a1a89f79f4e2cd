"""What is remembered of plugins: every change is seen by the next command, and no other shell spoils it."""

import json
import sys
from pathlib import Path

import pytest

from tests.cli.program import Program

MINUTELY = "class Tick(ScheduledTask):\n    schedule = '* * * * *'\n    def execute(self): print(WORD)\n"


def words(site: Program) -> list[str]:
    """Return what the runs so far have printed."""
    return [run["output"].strip() for run in json.loads(site.prints("log", "--json", "--limit", "99"))]


def titles(site: Program) -> dict[str, str]:
    return {task["name"]: task["title"] for task in json.loads(site.prints("list", "--json"))}


def states(site: Program) -> dict[str, str]:
    return {task["name"]: task["state"] for task in json.loads(site.prints("list", "--json"))}


def test_looking_in_a_shell_without_the_import_path_takes_no_task_from_cron(site: Program) -> None:
    library = site.root / "library"
    library.mkdir()
    (library / "wordy.py").write_text("WORD = 'here'\n")
    site.write("forum", f"from wordy import WORD\n{MINUTELY}")
    site.environ["PYTHONPATH"] = str(library)
    site.prints("cron")
    cache = (site.root / "state" / "registry.json").read_bytes()

    del site.environ["PYTHONPATH"]
    seen = site.run("list")
    assert "No module named 'wordy'" in seen.stderr

    site.environ["PYTHONPATH"] = str(library)
    assert (site.root / "state" / "registry.json").read_bytes() == cache
    assert states(site)["forum.Tick"] == "ok"
    assert not site.run("list").stderr


def test_a_plugin_broken_in_one_shell_only_keeps_its_tasks(site: Program) -> None:
    site.write("forum", f"WORD = os.environ['SHOP_WORD']\n{MINUTELY}")
    site.environ["SHOP_WORD"] = "here"
    site.prints("cron")
    site.write("forum", f"# changed\nWORD = os.environ['SHOP_WORD']\n{MINUTELY}")

    del site.environ["SHOP_WORD"]
    assert "KeyError: 'SHOP_WORD'" in site.run("list").stderr
    assert states(site)["forum.Tick"] == "ok"

    site.prints("cron")
    assert states(site)["forum.Tick"] == "missing"
    site.environ["SHOP_WORD"] = "back"
    site.prints("cron")
    assert states(site)["forum.Tick"] == "ok"


@pytest.mark.parametrize("how", ["python_path", "plugin", "_shared.py", "_lib/"])
def test_a_changed_helper_is_seen_by_the_next_command(site: Program, how: str) -> None:
    app = site.root / "app"
    app.mkdir()
    site.configure('[run]\npython_path = ["app"]\n')
    base = "from taskrunner import ScheduledTask\nclass Base(ScheduledTask):\n    title = '{}'\n"
    base += "    def __init_subclass__(cls): cls.title = '{}'\n    schedule = '@daily'\n"
    base += "    def execute(self): pass\n"
    place, line = {
        "python_path": (app / "helper.py", "from helper import Base as Common"),
        "plugin": (site.root / "plugins" / "helper.py", "from .helper import Base as Common"),
        "_shared.py": (site.root / "plugins" / "_shared.py", "from ._shared import Base as Common"),
        "_lib/": (
            site.root / "plugins" / "_lib" / "bases.py",
            "from taskrun_plugins._lib.bases import Base as Common",
        ),
    }[how]
    place.parent.mkdir(exist_ok=True, mode=0o755)
    if how == "_lib/":
        (place.parent / "__init__.py").touch(mode=0o644)
    place.write_text(base.format("before", "before"))
    place.chmod(0o644)
    site.write("forum", f"{line}\nclass Task(Common): pass\n")
    assert titles(site)["forum.Task"] == "before"

    place.write_text(base.format("after it", "after it"))

    assert titles(site)["forum.Task"] == "after it"
    assert site.prints("cron", "--dry-run")


def test_an_installed_package_mends_a_plugin_at_once(site: Program, tmp_path: Path) -> None:
    packages = tmp_path / "venv" / "site-packages"
    packages.mkdir(parents=True)
    site.environ["PYTHONPATH"] = str(packages)
    optional = "try:\n    from wordy import WORD\nexcept ImportError:\n    WORD = 'without'\n"
    site.write("forum", f"{optional}class Task(ScheduledTask):\n    title = WORD\n    schedule = '@daily'\n"
               "    def execute(self): pass\n")  # fmt: skip
    assert titles(site)["forum.Task"] == "without"

    (packages / "wordy").mkdir()
    (packages / "wordy" / "__init__.py").write_text("WORD = 'with'\n")

    assert titles(site)["forum.Task"] == "with"


def test_two_plugins_share_a_module_and_a_package(site: Program) -> None:
    site.write("_shared", "WORD = 'file'\n", preamble="")
    library = site.root / "plugins" / "_lib"
    library.mkdir(mode=0o755)
    for name, text in (("__init__.py", ""), ("words.py", "WORD = 'package'\n")):
        (library / name).write_text(text)
        (library / name).chmod(0o644)
    body = "    schedule = '@daily'\n    def execute(self): print(WORD, OTHER)\n"
    imports = "from ._shared import WORD\nfrom taskrun_plugins._lib.words import WORD as OTHER\n"
    site.write("one", f"{imports}class A(ScheduledTask):\n{body}")
    site.write("two", f"{imports}class B(ScheduledTask):\n{body}")

    assert "file package" in site.prints("run-task", "one.A")
    assert "file package" in site.prints("run-task", "two.B")
    assert {name.partition(".")[0] for name in titles(site)} == {"core", "forum", "one", "two"}


def test_an_absolute_import_of_a_shared_module_is_told_how_to_be_written(site: Program) -> None:
    site.write("_shared", "WORD = 1\n", preamble="")
    site.write("forum", "from _shared import WORD\n")

    message = "No module named '_shared'; write from taskrun_plugins._shared import …"
    assert message in site.run("plugins").stderr


def test_a_shared_module_that_others_can_write_is_not_imported(site: Program) -> None:
    path = site.write("_shared", "WORD = 1\n", preamble="")
    path.chmod(0o666)
    site.write("forum", "from ._shared import WORD\n")

    told = site.run("plugins").stderr
    assert "_shared.py: is writable by group or others (chmod go-w)" in told
    assert "No module named 'taskrun_plugins._shared'" in told


WORKERS = """\
import multiprocessing

def double(number):
    return 2 * number


class Workers(ScheduledTask):
    schedule = "@daily"
    isolation = {isolation!r}

    def execute(self):
        with multiprocessing.get_context({method!r}).Pool(2) as pool:
            print(pool.map(double, [1, 2, 3]))
"""


@pytest.mark.parametrize("isolation", ["none", "fork"])
@pytest.mark.parametrize("method", ["spawn", "forkserver", "fork"])
def test_workers_of_multiprocessing_can_import_the_plugin(site: Program, method: str, isolation: str) -> None:
    site.write("forum", WORKERS.format(method=method, isolation=isolation))

    assert "[2, 4, 6]" in site.prints("run-task", "Workers", cwd=site.root)


def test_another_python_imports_a_plugin_of_the_site(site: Program) -> None:
    code = "from taskrun_plugins.forum import Mail; print(Mail.name)"
    site.write(
        "runs_python",
        "import subprocess\nclass Out(ScheduledTask):\n    schedule = '@daily'\n    def execute(self):\n"
        f"        subprocess.run([{sys.executable!r}, '-c', {code!r}], check=True, cwd='/')\n",
    )

    assert "forum.Mail" in site.prints("run-task", "Out")
