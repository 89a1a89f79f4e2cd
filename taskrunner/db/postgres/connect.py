"""Opening a connection to PostgreSQL: its waits bounded, its loss noticed."""

from __future__ import annotations

import logging
import os
import select
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakSet

import psycopg
from psycopg import conninfo, errors
from psycopg.waiting import Ready, Wait

from taskrunner.db import ANSWER, FIRST_ANSWER, NETWORK, session_options
from taskrunner.errors import ConfigError, SchemaMismatchError, StoreBusyError, StoreError, StoreRefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from psycopg.rows import RowMaker

    from taskrunner.db import Row

C = TypeVar("C")

logging.getLogger("psycopg").addHandler(logging.NullHandler())  # what it warns of is raised as an error

HUNG_UP = ("connection socket closed", "server closed the connection unexpectedly")
PAUSE = 0.5
"""Seconds before a second try."""

WRONG_CREDENTIALS = "password authentication failed"

REFUSED_BY_A_POOLER = "unsupported startup parameter"


EVENTS = {Wait.R: select.POLLIN, Wait.W: select.POLLOUT, Wait.RW: select.POLLIN | select.POLLOUT}


class NoAnswerError(psycopg.OperationalError):
    """The server, or what stands before it, did not answer in time."""


class Connection(psycopg.Connection[dict[str, Any]]):
    """A connection that is dropped when an answer takes longer than `patience` seconds, None for no limit."""

    patience: float | None = FIRST_ANSWER

    def wait(self, gen: Generator[Any, Any, Any], *arguments: Any, **options: Any) -> Any:
        """Wait for an answer. Raises NoAnswerError."""
        if self.patience is None:
            return super().wait(gen, *arguments, **options)
        try:
            answer = wait_for_answer(gen, self.pgconn.socket, self.patience)
        except (NoAnswerError, KeyboardInterrupt):
            self.pgconn.finish()  # an answer that comes now would be taken for the next
            raise
        self.patience = ANSWER
        return answer

    @contextmanager
    def patient(self) -> Iterator[None]:
        """Wait inside the block for as long as it takes."""
        before, self.patience = self.patience, None
        try:
            yield
        finally:
            self.patience = before


def wait_for_answer(gen: Generator[Any, Any, Any], descriptor: int, patience: float) -> Any:
    """Return what psycopg's generator returns, which yields what it waits for. Raises NoAnswerError."""
    until = time.monotonic() + patience
    try:
        wanted = next(gen)
        while True:
            polled = select.poll()
            polled.register(descriptor, EVENTS[wanted])
            found = polled.poll(max(0.0, until - time.monotonic()) * 1000)
            if not found:
                gen.close()
                raise NoAnswerError(f"no answer within {patience:.0f} seconds")
            wanted = gen.send(_ready(found[0][1]))
    except StopIteration as ended:
        return ended.value


def _ready(events: int) -> Ready:
    """Return what a descriptor is ready for; one that was closed is read, which says so."""
    can_read = events & (select.POLLIN | select.POLLHUP | select.POLLERR)
    if events & select.POLLOUT:
        return Ready.RW if can_read else Ready.W
    return Ready.R


def open_connection(url: str, *, application: str, through_pooler: bool = False) -> Connection:
    """Open a connection that commits each statement, with all waits bounded.

    Through a pooler, the connection behind may be another one for each transaction: nothing is set or
    prepared on it then. One that says that it is a pooler is taken for such. Raises StoreError.
    """
    if through_pooler:
        return _open(url, application=application, prepare_threshold=None)
    try:
        return _open(url, application=application, options=session_options(), prepare_threshold=2)
    except psycopg.OperationalError as error:
        if REFUSED_BY_A_POOLER not in str(error):
            raise
        return _open(url, application=application, prepare_threshold=None)


def _let_go_in_child() -> None:
    """Let a forked child neither hold a session open that its parent's death is to end, nor end it."""
    nowhere = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    for connection in OPENED:
        if not connection.closed:
            os.dup2(nowhere, connection.fileno(), inheritable=False)
    os.close(nowhere)


OPENED: WeakSet[psycopg.Connection[Any]] = WeakSet()
"""The connections of this process, for its forked children."""

os.register_at_fork(after_in_child=_let_go_in_child)


def _open(url: str, *, application: str, prepare_threshold: int | None, options: str = "") -> Connection:
    def connect(url: str) -> Connection:
        settings = parameters(url, application=application)
        if options:
            settings["options"] = f"{options} {settings.get('options', '')}".strip()
        return _connected(settings, prepare_threshold)

    connection = with_password_of_now(url, connect)
    OPENED.add(connection)
    return connection


def with_password_of_now(url: str, connect: Callable[[str], C]) -> C:
    """Connect; with what stands behind `file:` or `env:` now if the password that was read is refused.

    Raises psycopg.Error.
    """
    try:
        return connect(url)
    except psycopg.OperationalError as error:
        again: Callable[[], str] | None = getattr(url, "again", None)
        if again is None or WRONG_CREDENTIALS not in str(error):
            raise
        try:
            now = again()
        except ValueError:
            raise error from None
        if now == url:
            raise
    return connect(now)


def _connected(settings: dict[str, Any], prepare_threshold: int | None) -> Connection:
    """Connect, with a second try if the server was there and hung up, as it does while it is restarted."""
    try:
        return Connection.connect(
            autocommit=True, row_factory=row_by_name, prepare_threshold=prepare_threshold, **settings
        )
    except psycopg.OperationalError as error:
        if not any(words in str(error) for words in HUNG_UP):
            raise
    time.sleep(PAUSE)
    return Connection.connect(
        autocommit=True, row_factory=row_by_name, prepare_threshold=prepare_threshold, **settings
    )


def row_by_name(cursor: psycopg.Cursor[Any]) -> RowMaker[Row]:
    """Make rows as dicts; their keys are interned, as records are made of them by keyword much faster."""
    result = cursor.pgresult  # its names alone: `description` looks up the type of each column
    found = [result.fname(number) or b"" for number in range(result.nfields)] if result else []
    names = [sys.intern(name.decode()) for name in found]
    return lambda values: dict(zip(names, values, strict=True))


def parameters(url: str, *, application: str) -> dict[str, Any]:
    """Return the parameters of a connection: what the URL says, and our own where it says nothing.

    Raises ConfigError, which does not quote the URL: it may hold a password.
    """
    try:
        named = conninfo.conninfo_to_dict(url)
    except psycopg.Error:
        raise ConfigError(
            "the URL of the PostgreSQL database cannot be understood",
            hint="write postgresql://USER@HOST:PORT/NAME, with special characters of a password as %XX",
        ) from None  # libpq's text quotes it
    return {**NETWORK, "application_name": application, **named}


def shown(url: str) -> str:
    """Return a URL as people may see it, without its password.

    >>> shown("postgresql://anna:geheim@db.example/tasks?sslmode=require")
    'postgresql://anna@db.example/tasks'
    >>> shown("postgresql://anna:geheim@db1:5432,[::1]:5433/tasks")
    'postgresql://anna@db1:5432,[::1]:5433/tasks'
    """
    try:
        named = conninfo.conninfo_to_dict(url)
    except psycopg.Error:
        return "postgresql://…"
    hosts, ports = (str(named.get(name) or "").split(",") for name in ("host", "port"))
    ports = ports if len(ports) == len(hosts) else ports[:1] * len(hosts)
    places = [f"{_bracketed(host)}{port and f':{port}'}" for host, port in zip(hosts, ports, strict=True)]
    user = f"{named['user']}@" if named.get("user") else ""
    return f"postgresql://{user}{','.join(places)}/{named.get('dbname', '')}"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def is_pooled(connection: Connection) -> bool:
    """Return whether a pooler stands between: another server process answers than was said at the start."""
    return connection.pgconn.backend_pid != backend_of(connection)


def backend_of(connection: Connection) -> int:
    """Return the pid of the server process that answers now."""
    row = connection.execute("select pg_backend_pid() as pid", prepare=False).fetchone()
    return row["pid"] if row else 0


def is_lost(connection: psycopg.Connection[Any]) -> bool:
    """Return whether an idle connection was lost, without a question to the server.

    A server that goes says so, and the kernel ends a connection whose other side does not answer.
    """
    if connection.closed:
        return True
    try:
        incoming = select.poll()  # `select` takes no descriptor above 1023, and a task may leave so many
        incoming.register(connection.fileno(), select.POLLIN)
        while incoming.poll(0):
            connection.pgconn.consume_input()  # raises at the end of the stream
    except (OSError, psycopg.Error):
        return True
    return False


BUSY = (
    errors.LockNotAvailable,
    errors.QueryCanceled,
    errors.DeadlockDetected,
    errors.SerializationFailure,
    errors.TooManyConnections,
    errors.CannotConnectNow,
)
"""Trying again may work."""

REFUSED = (psycopg.DataError, psycopg.IntegrityError)
"""Trying again would not."""

HINTS: dict[type[psycopg.Error], str] = {
    errors.ReadOnlySqlTransaction: "name the primary server if this is a standby; else check"
    " default_transaction_read_only of server, database and role",
    errors.InsufficientPrivilege: "`taskrun db grants` prints what each role needs",
    errors.DiskFull: "make room on the database server",
    errors.TooManyConnections: "raise max_connections, or lower the number of crons at once",
}

WORDS = (
    (
        "no answer within",
        StoreBusyError,
        "is the pooler full, does the server wait for a standby, or is the network cut?",
    ),
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
    ("hot standby mode", StoreError, "this server is a standby: name the primary in `database`"),
    ("session is read-only", StoreError, "name the primary, or check default_transaction_read_only there"),
    ("session is not read-only", StoreError, "target_session_attrs of `database` asks for another server"),
    (
        "certificate verify failed",
        StoreError,
        "name the authority that signed it as sslrootcert in `database`",
    ),
    ("does not match host name", StoreError, "connect by the host name that the certificate is made out to"),
    ("root certificate file", StoreError, "put the authority's certificate there, or name it as sslrootcert"),
    ("certificate", StoreError, "check sslcert, sslkey and sslrootcert in `database`"),
    ("does not support SSL", StoreError, "turn TLS on at the server, or lower sslmode in `database`"),
    ("sslmode", StoreError, "it is disable, allow, prefer, require, verify-ca or verify-full"),
    ("SSL", StoreError, "check sslmode and the certificates in `database`"),
    ("timeout expired", StoreBusyError, "is the host reachable from here, and no firewall between?"),
    ("No route to host", StoreError, "is the host reachable from here?"),
    ("unreachable", StoreError, "is the host reachable from here?"),
    ("password authentication failed", StoreError, "check user and password of `database`"),
    ("no password supplied", StoreError, "put the password into `database`, or into ~/.pgpass"),
    ("pg_hba.conf", StoreError, "let the server's pg_hba.conf accept this host, user and encryption"),
    ("No such file or directory", StoreError, "is the server running here, and is this its socket's folder?"),
    ("does not exist", StoreError, "create it, or correct `database` in taskrunner.toml"),
    ("resolve host", StoreError, "correct the host in `database`"),
    ("could not translate host name", StoreError, "correct the host in `database`"),
    ("refused", StoreError, "is the server running, and is this its host and port?"),
)
"""What a server or libpq says when a connection fails, which has no code: what it means, and a hint."""


def error_of(code: str, said: str) -> psycopg.Error:
    """Return the error that the driver raises for what a server said with a code, "" for none."""
    if not code:
        return psycopg.OperationalError(said)
    try:
        error = errors.lookup(code)(said)
    except KeyError:
        error = psycopg.DatabaseError(said)
    error.sqlstate = code
    return error


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
        return StoreError(f"database {database}: {_last_reason(error)}", hint=f"psql '{database}'")
    kind = StoreRefusedError if isinstance(error, REFUSED) else StoreError
    kind = StoreBusyError if isinstance(error, BUSY) else kind
    return kind(f"database {database}: {said}", hint=HINTS.get(type(error)))


def _last_reason(error: psycopg.Error) -> str:
    """Return the part of libpq's text that says why; before it stands what was tried."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    reasons = (
        [line for line in lines if "failed:" in line or "FATAL:" in line] or lines or ["it did not answer"]
    )
    reason = reasons[-1].rpartition("failed: ")[2]
    return reason.replace("FATAL: ", "").strip()
