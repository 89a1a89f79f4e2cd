"""The application that stands in INSTALLED_APPS, and what `manage.py check` says of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.core import checks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from taskrunner.django.backend import TaskrunnerBackend


def register() -> None:
    """Have Django ask once whether the configuration of taskrunner is there."""
    checks.register(_check_config)


def _check_config(app_configs: Any, **kwargs: Any) -> list[Any]:
    from taskrunner.django.backend import config_file

    named = [one.get("OPTIONS", {}) for one in getattr(settings, "TASKS", {}).values()]
    options: dict[str, Any] = next((one for one in named if "CONFIG" in one), {})
    if config_file(options).exists():
        return []
    return [
        checks.Warning(
            f"there is no {config_file(options)}: nothing runs what is enqueued",
            hint="python manage.py taskrun init",
            id="taskrunner.W001",
        )
    ]


def problems_of(backend: TaskrunnerBackend) -> Iterator[Any]:
    """Yield what keeps a backend from queueing."""
    if not apps.is_installed("taskrunner.django"):
        yield checks.Error(
            "taskrunner.django is not in INSTALLED_APPS",
            hint='add "taskrunner.django" to INSTALLED_APPS, then: python manage.py migrate',
            id="taskrunner.E001",
        )
        return
    from django.db import connections, router

    from taskrunner.django.models import Result

    alias = router.db_for_write(Result)
    vendor = connections[alias].vendor
    if vendor not in ("sqlite", "postgresql"):
        yield checks.Error(
            f"the database {alias!r} of backend {backend.alias!r} is {vendor}",
            hint="taskrunner works on SQLite, and on PostgreSQL with psycopg 3",
            id="taskrunner.E002",
        )


class TaskrunnerConfig(AppConfig):
    """Brings the table of results, the admin's list, `manage.py taskrun` and the checks."""

    name = "taskrunner.django"
    label = "taskrunner"
    verbose_name = "taskrunner"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the checks."""

        register()
