"""A module in which no cron looks for tasks."""

from taskrunner.django.backend import tasks


@tasks.task
def send() -> None: ...
