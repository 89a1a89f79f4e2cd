"""The read-only list of enqueued tasks in Django's admin."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.utils.html import format_html

from taskrunner.django.backend import status_of
from taskrunner.django.models import Result


@admin.register(Result)
class ResultAdmin(admin.ModelAdmin):
    """Shows results; what can be done with a task is done in the web administration or by `taskrun`."""

    list_display = ("function", "status", "enqueued_at", "finished_at", "attempts", "run")
    list_filter = ("succeeded", "function")
    search_fields = ("id", "function")
    list_per_page = 50

    def has_add_permission(self, request: Any) -> bool:
        """Return False: tasks are enqueued by the application."""
        return False

    def has_change_permission(self, request: Any, obj: Any = None) -> bool:
        """Return False: a result is a fact."""
        return False

    def has_delete_permission(self, request: Any, obj: Any = None) -> bool:
        """Return False: old results are deleted by the task django.ForgetResults."""
        return False

    @admin.display(description="status")
    def status(self, one: Result) -> str:
        """Return the state of the task, as the queue says it."""
        return str(status_of(one, one.queued()).label)

    @admin.display(description="attempts")
    def attempts(self, one: Result) -> int:
        """Return how often it was tried."""
        return len(one.run_ids)

    @admin.display(description="last run")
    def run(self, one: Result) -> str:
        """Return the id of the last run, as a link where OPTIONS names the web administration."""
        if not one.run_ids:
            return "-"
        run_id = str(one.run_ids[-1])
        options = getattr(settings, "TASKS", {}).get(one.backend, {}).get("OPTIONS", {})
        if not (url := options.get("WEB_URL")):
            return run_id
        return str(format_html('<a href="{}/run/{}">{}</a>', str(url).rstrip("/"), run_id, run_id))
