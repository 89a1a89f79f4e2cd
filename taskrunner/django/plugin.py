"""The plugin `django`: the functions with @task and @scheduled of a Django project.

Used where taskrunner.toml says: [plugins] installed = ["taskrunner-cron:django"].
"""

from __future__ import annotations

from taskrunner.django import run

ForgetResults = type(
    "ForgetResults", (run.ForgetResults,), {"__module__": __name__, "__doc__": run.ForgetResults.__doc__}
)
WATCHED = run.watched()
globals().update(run.declared(__name__))
