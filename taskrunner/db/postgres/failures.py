"""What PostgreSQL's errors mean, and what to do about them."""

from __future__ import annotations

import psycopg
from psycopg import errors

from taskrunner.errors import SchemaMismatchError, StoreBusyError, StoreError

BUSY = (
    errors.LockNotAvailable,
    errors.QueryCanceled,
    errors.DeadlockDetected,
    errors.SerializationFailure,
    errors.TooManyConnections,
    errors.CannotConnectNow,
)
"""Trying again may work."""

HINTS: dict[type[psycopg.Error], str] = {
    errors.ReadOnlySqlTransaction: "name the primary server, not a standby, in taskrunner.toml",
    errors.InsufficientPrivilege: "`taskrun db grants` prints what each role needs",
    errors.DiskFull: "make room on the database server",
    errors.TooManyConnections: "raise max_connections, or lower the number of crons at once",
}

WORDS = (
    ("too many clients", StoreBusyError, "raise max_connections on the server, or start fewer crons"),
    (
        "remaining connection slots",
        StoreBusyError,
        "raise max_connections on the server, or start fewer crons",
    ),
    ("too many connections", StoreBusyError, "raise the connection limit of the role or the database"),
    ("starting up", StoreBusyError, "the server will be ready in a moment"),
    ("shutting down", StoreBusyError, "the server is being restarted"),
    ("recovery mode", StoreBusyError, "the server will be ready in a moment"),
    ("query_wait_timeout", StoreBusyError, "the pooler has no free connection"),
    ("password authentication failed", StoreError, "check user and password of `database`"),
    ("no password supplied", StoreError, "put the password into `database`, or into ~/.pgpass"),
    ("no pg_hba.conf entry", StoreError, "let the server accept this host and user in pg_hba.conf"),
    ("does not exist", StoreError, "create it, or correct `database` in taskrunner.toml"),
    ("resolve host", StoreError, "correct the host in `database`"),
    ("could not translate host name", StoreError, "correct the host in `database`"),
    ("refused", StoreError, "is the server running, and is this its host and port?"),
)
"""What a server or libpq says when a connection fails, which has no code: what it means, and a hint."""


def translate(error: psycopg.Error, database: str) -> StoreError:
    """Return the taskrunner error that an error of the driver means; `database` is how people may see it."""
    said = " ".join(str(error).split("\n")[0].split()) or type(error).__name__
    if isinstance(error, errors.UndefinedTable | errors.UndefinedColumn):
        return SchemaMismatchError(
            f"database {database}: {said}", hint="`taskrun db status` says what is there"
        )
    if error.sqlstate is None:
        for words, kind, hint in WORDS:
            if words in str(error):
                return kind(f"database {database}: {_last_reason(error)}", hint=hint)
        return StoreError(f"database {database}: {_last_reason(error)}", hint="is the server running?")
    kind = StoreBusyError if isinstance(error, BUSY) else StoreError
    return kind(f"database {database}: {said}", hint=HINTS.get(type(error)))


def _last_reason(error: psycopg.Error) -> str:
    """Return the part of libpq's text that says why; before it stands what was tried."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    reasons = (
        [line for line in lines if "failed:" in line or "FATAL:" in line] or lines or ["it did not answer"]
    )
    reason = reasons[-1].rpartition("failed: ")[2]
    return reason.replace("FATAL: ", "").strip()
