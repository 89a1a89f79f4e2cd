"""Crontabs: what cron would run, read as cron reads it, and written as a plugin of taskrunner."""

from taskrunner.crontab.parse import read_crontab
from taskrunner.crontab.records import Account, Crontab, Job, Left
from taskrunner.crontab.remarks import lines_of, mail_of, remarks_on
from taskrunner.crontab.users import Host, UserColumnError
from taskrunner.crontab.write import visible, write_plugin

__all__ = [
    "Account",
    "Crontab",
    "Host",
    "Job",
    "Left",
    "UserColumnError",
    "lines_of",
    "mail_of",
    "read_crontab",
    "remarks_on",
    "visible",
    "write_plugin",
]
