"""What is unhealthy about a PostgreSQL database: a snapshot that keeps dead rows from being cleaned up."""

from __future__ import annotations

import psycopg

from taskrunner.db.ailment import Ailment
from taskrunner.db.postgres.connecting import connect, shown
from taskrunner.db.postgres.failures import translate

OLDEST_SNAPSHOT = 3600.0
"""Seconds after which a transaction is worth a word: a queue's dead rows pile up behind it."""

OLDEST = """
select pid, coalesce(application_name, '') as application, coalesce(state, '') as state,
  cast(extract(epoch from clock_timestamp() - xact_start) as double precision) as age
from pg_stat_activity
where backend_xmin is not null and xact_start is not null and pid <> pg_backend_pid()
order by xact_start limit 1
"""


def postgres_ailments(url: str) -> list[Ailment]:
    """Return what is unhealthy about a database. Raises StoreError."""
    try:
        with connect(url, application="taskrun") as connection:
            row = connection.execute(OLDEST).fetchone()
    except psycopg.Error as error:
        raise translate(error, shown(url)) from error
    return [] if row is None else snapshot_ailments(dict(row))


def snapshot_ailments(oldest: dict[str, object]) -> list[Ailment]:
    """Judge the oldest snapshot: pid, application, state, age in seconds.

    >>> snapshot_ailments({"pid": 5, "application": "psql", "state": "idle in transaction", "age": 30.0})
    []
    >>> snapshot_ailments({"pid": 5, "application": "psql", "state": "active", "age": 7200.0})[0].mend
    'psql -c "select pg_terminate_backend(5)"'
    """
    age = float(str(oldest["age"]))
    if age <= OLDEST_SNAPSHOT:
        return []
    told = (
        f"a transaction of {oldest['application'] or 'a program'} (pid {oldest['pid']}, {oldest['state']})"
        f" is open for {age / 3600:.1f} h: until it ends no dead row of the queue is cleaned up"
    )
    return [Ailment(told, f'psql -c "select pg_terminate_backend({oldest["pid"]})"')]
