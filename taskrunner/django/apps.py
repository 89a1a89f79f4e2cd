"""The application that stands in INSTALLED_APPS."""

from __future__ import annotations

from django.apps import AppConfig


class TaskrunnerConfig(AppConfig):
    """Brings the table of results, the admin's list, `manage.py taskrun` and the checks."""

    name = "taskrunner.django"
    label = "taskrunner"
    verbose_name = "taskrunner"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the checks."""
        from taskrunner.django import checks

        checks.register()
