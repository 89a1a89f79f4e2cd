"""From django-admin startproject to the first tasks; a process that is killed loses none."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from taskrunner.config import load_config
from taskrunner.django import attributes, scheduled
from taskrunner.django.backend import PACKAGE
from taskrunner.django.management.commands.taskrun import database_url
from tests.databases import ask
from tests.django.shop.tasks import add
from tests.patience import DEADLINE

PAGE = Path(__file__).parents[2] / "docs" / "django.md"
SETTINGS, TASKS = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)

MORE = """
import os
from pathlib import Path

DONE = Path(__file__).parents[1] / "done"

@task
def note(number):
    with DONE.open("a") as file:
        print(number, file=file)
    if number == 20 and DONE.read_text().count("20") == 1:
        os.kill(os.getpid(), 9)
"""

ENQUEUE = """
from django.db import transaction
from shop.tasks import note
for number in range(40):
    note.enqueue(number)
try:
    with transaction.atomic():
        note.enqueue(99)
        raise KeyError
except KeyError:
    pass
"""


def run(folder: Path, *words: str, code: int = 0, silent: bool = False) -> str:
    done = subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert not (silent and done.stderr), done.stderr
    return done.stdout


def test_six_commands_lead_to_the_first_tasks_and_none_is_lost(tmp_path: Path) -> None:
    run(tmp_path, "-m", "django", "startproject", "shop", ".")
    settings = tmp_path / "shop" / "settings.py"
    settings.write_text(settings.read_text() + SETTINGS)
    (tmp_path / "shop" / "tasks.py").write_text(TASKS.replace("django_tasks", PACKAGE) + MORE)
    told = run(tmp_path, "manage.py", "taskrun", "init", silent=True)
    run(tmp_path, "manage.py", "migrate", silent=True)
    run(tmp_path, "manage.py", "shell", "-c", ENQUEUE)
    run(tmp_path, "manage.py", "taskrun", "cron", "--force", "--quiet", code=-signal.SIGKILL)
    run(tmp_path, "manage.py", "taskrun", "cron", "--force", "--quiet")
    listed = run(tmp_path, "manage.py", "taskrun", "list")

    assert f"--config {tmp_path}/taskrunner.toml cron" in told
    assert "django.shop.tasks.tidy  0 3 * * *" in listed
    assert "Nothing is wrong" in run(tmp_path, "manage.py", "taskrun", "doctor")
    database = f"sqlite:{tmp_path / 'db.sqlite3'}"
    assert set(range(40)) == set(map(int, (tmp_path / "done").read_text().split()))
    assert ask(database, "select count(*) from task_log where outcome = 'crashed'") == [(1,)]


@pytest.mark.parametrize(
    ("database", "url"),
    [
        ({"ENGINE": "django.db.backends.sqlite3", "NAME": "/srv/shop/db.sqlite3"}, "sqlite:db.sqlite3"),
        ({"ENGINE": "django.db.backends.sqlite3", "NAME": "/var/db"}, "sqlite:/var/db"),
        (
            {
                **{"ENGINE": "django.db.backends.postgresql", "NAME": "shop", "USER": "ann"},
                **{"HOST": "db1", "PORT": 5433, "PASSWORD": "secret"},
            },
            "postgresql://ann@db1:5433/shop",
        ),
        (
            {"ENGINE": "django.contrib.gis.db.backends.postgis", "NAME": "shop", "HOST": "/run/postgresql"},
            "postgresql:///shop?host=/run/postgresql",
        ),
    ],
)
def test_the_database_is_written_as_taskrunner_calls_it(
    tmp_path: Path, database: dict[str, object], url: str
) -> None:
    assert url == database_url(database, Path("/srv/shop"))
    (tmp_path / "taskrunner.toml").write_text(f'database = "{url}"\n')
    assert load_config(tmp_path / "taskrunner.toml", environ={}, cwd=tmp_path).database


def test_decorators_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(TypeError, match="@scheduled is for a plain function"):
        scheduled("@daily")(add)
    with pytest.raises(TypeError, match="below @task"):
        attributes(attempts=1)(add)
