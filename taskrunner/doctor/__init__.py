"""Everything that can be wrong while nothing runs, each finding with what mends it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskrunner.doctor.database import database_findings
from taskrunner.doctor.files import file_findings
from taskrunner.doctor.finding import Finding
from taskrunner.doctor.program import program_findings
from taskrunner.doctor.tasks import task_findings
from taskrunner.errors import TaskrunnerError
from taskrunner.site import open_site

if TYPE_CHECKING:
    from taskrunner.config import Config

__all__ = ["Finding", "diagnose"]


def diagnose(config: Config, *, now: float) -> list[Finding]:
    """Return what is wrong with an installation; nothing of it is run, but plugins are imported."""
    found = [*file_findings(config), *program_findings()]
    in_database = database_findings(config, now=now)
    if any(finding.fatal for finding in in_database):
        return [*found, *in_database]
    try:
        site = open_site(config, now=now)
    except TaskrunnerError as error:
        return [*found, *in_database, Finding("config", str(error), error.hint or "change it there")]
    try:
        return [*found, *in_database, *task_findings(site, now=now)]
    finally:
        site.store.close()
