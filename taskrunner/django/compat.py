"""Django's own tasks, whichever package they come from: django.tasks of Django 6, else django-tasks."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from django.core.exceptions import ImproperlyConfigured


def _package() -> str:
    for name in ("django.tasks", "django_tasks"):
        try:
            import_module(name)
        except ModuleNotFoundError as error:
            if error.name != name:
                raise
        else:
            return name
    raise ImproperlyConfigured("taskrunner.django needs Django 6, or: pip install 'taskrunner-cron[django]'")


PACKAGE = _package()
"""The name of the package."""

tasks: Any = import_module(PACKAGE)
base: Any = import_module(f"{PACKAGE}.base")
backends: Any = import_module(f"{PACKAGE}.backends.base")
exceptions: Any = import_module(f"{PACKAGE}.exceptions")
signals: Any = import_module(f"{PACKAGE}.signals")
json_module = "django.utils.json" if PACKAGE == "django.tasks" else f"{PACKAGE}.utils"
normalize_json: Any = import_module(json_module).normalize_json
InvalidTask: Any = getattr(exceptions, "InvalidTaskError", None) or exceptions.InvalidTask
Status: Any = base.TaskResultStatus
