"""A Django project in this process, whose database is taskrunner's as well."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import django
import psycopg.conninfo
import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connections

from taskrunner.db import open_database
from tests.databases import TEMPLATE, PostgresDatabases, sqlite_url
from tests.runner.runner_site import RunnerSite, site_at

if not settings.configured:
    settings.configure(
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        INSTALLED_APPS=[
            *("django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes"),
            *("django.contrib.messages", "django.contrib.sessions", "taskrunner.django", "tests.django.shop"),
        ],
        TASKS={"default": {"BACKEND": "taskrunner.django.TaskrunnerBackend", "QUEUES": ["default", "slow"]}},
        USE_TZ=True,
        SECRET_KEY="not secret",
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
        ],
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "APP_DIRS": True,
                "OPTIONS": {
                    "context_processors": [
                        "django.template.context_processors.request",
                        "django.contrib.auth.context_processors.auth",
                        "django.contrib.messages.context_processors.messages",
                    ]
                },
            }
        ],
        ALLOWED_HOSTS=["testserver"],
        ROOT_URLCONF="tests.django.urls",
    )
    django.setup()

CONFIG = '[run]\naround = ["taskrunner.django.run:around"]\n[plugins]\ninstalled = ["taskrunner-cron:django"]'


def _as_django(url: str) -> dict[str, Any]:
    """Return how Django writes a database."""
    if url.startswith("sqlite:"):
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": url.removeprefix("sqlite:")}
    said = psycopg.conninfo.conninfo_to_dict(url)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": said["dbname"],
        **{
            key: said[word]
            for key, word in (("USER", "user"), ("HOST", "host"), ("PORT", "port"))
            if word in said
        },
    }


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite database after `manage.py migrate`."""
    url = sqlite_url(tmp_path_factory.mktemp("migrated"))
    _migrate(url)
    return Path(url.removeprefix("sqlite:"))


@pytest.fixture(scope="session")
def migrated_database(postgres_databases: PostgresDatabases) -> str:
    """The name of a PostgreSQL database after `manage.py migrate`."""
    _migrate(postgres_databases.server.create_database("migrated", template=TEMPLATE))
    return "migrated"


def _migrate(url: str) -> None:
    open_database(url).close()
    with using(url):
        call_command("migrate", verbosity=0)


@pytest.fixture
def postgres_url(postgres_databases: PostgresDatabases, migrated_database: str) -> Iterator[str]:
    with postgres_databases.new(migrated_database) as url:
        yield url


@pytest.fixture
def database_url(request: pytest.FixtureRequest, database_kind: str, tmp_path: Path) -> str:
    if database_kind == "postgres":
        return str(request.getfixturevalue("postgres_url"))
    url = sqlite_url(tmp_path)
    (tmp_path / "state").mkdir()
    shutil.copy(request.getfixturevalue("migrated_file"), url.removeprefix("sqlite:"))
    return url


@pytest.fixture
def project(tmp_path: Path, database_url: str, database_line: str) -> Iterator[RunnerSite]:
    """A project after `manage.py migrate`, and the site whose crons run its tasks."""
    from tests.django.shop.tasks import DONE

    site = site_at(tmp_path, plugins={"none": ""}, database_line=database_line, config=CONFIG)
    settings.BASE_DIR = tmp_path
    DONE.clear()
    with using(database_url):
        yield site


@contextmanager
def using(url: str) -> Iterator[None]:
    """Have a database be that of the project."""
    before = connections.settings
    _use(connections.configure_settings({"default": _as_django(url)}))
    yield
    _use(before)


def _use(databases: Any) -> None:
    connections.close_all()
    if hasattr(connections._connections, "default"):
        del connections["default"]
    connections.settings = databases
