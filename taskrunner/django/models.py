"""The results of enqueued tasks: what Django's TaskResult tells, kept in the application's database."""

from __future__ import annotations

from typing import Any

from django.db import models


class Result(models.Model):
    """What is known of an enqueued task; whether it waits or runs is what its row in the queue says."""

    id = models.CharField(primary_key=True, max_length=64)
    adhoc_id = models.BigIntegerField(db_index=True)
    function = models.CharField(max_length=255)
    backend = models.CharField(max_length=255)
    queue_name = models.CharField(max_length=255)
    priority = models.SmallIntegerField(default=0)
    args = models.JSONField(default=list)
    kwargs = models.JSONField(default=dict)
    run_after = models.DateTimeField(null=True)
    enqueued_at = models.DateTimeField(db_index=True)
    started_at = models.DateTimeField(null=True)
    last_attempted_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    succeeded = models.BooleanField(default=False)
    return_value = models.JSONField(null=True)
    errors = models.JSONField(default=list)
    run_ids = models.JSONField(default=list)

    class Meta:
        """Its table stands beside those of taskrunner."""

        db_table = "task_django_result"
        ordering = ("-enqueued_at",)
        verbose_name = "enqueued task"

    def __str__(self) -> str:
        return str(self.function)

    def queued(self) -> dict[str, Any] | None:
        """Return what the queue says of the task, or None if it has left the queue."""
        from taskrunner.django.database import queued_row

        return queued_row(self._state.db, int(self.adhoc_id))
