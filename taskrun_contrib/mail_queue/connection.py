"""A connection to an SMTP server that is never waited for longer than agreed, however it behaves."""

from __future__ import annotations

import re
import ssl
import time
from contextlib import contextmanager, suppress
from smtplib import SMTP, SMTP_SSL, SMTPAuthenticationError, SMTPException, SMTPResponseException
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator
    from socket import socket

    from .settings import Settings

LONGEST_LINE = 4096
MOST_LINES = 200
LONGEST_REASON = 500
QUIT_PATIENCE = 2.0
REPLY = re.compile(rb"([2345]\d\d)(?:([ -])(.*))?", re.DOTALL)

SESSION_CODES = frozenset({502, 503, 521, 530, 534, 535, 538})
"""Answers to MAIL, RCPT and DATA that are about the client and the server, not about this mail."""


class ServerError(Exception):
    """The server takes no mail at all from here, as far as one can tell."""


class LostError(Exception):
    """The connection is gone, or what came over it is no SMTP. The text says why."""


class Reply(NamedTuple):
    """What a server said, on one line without control characters."""

    code: int
    text: str

    @property
    def is_yes(self) -> bool:
        """Whether it is a consent."""
        return self.code < 400

    @property
    def is_for_good(self) -> bool:
        """Whether trying again is in vain."""
        return self.code >= 500

    def __str__(self) -> str:
        return f"{self.code} {self.text}"[:LONGEST_REASON]


class Patient(SMTP):
    """smtplib's client whose every answer has to be whole after `patience` seconds, and all by `deadline`.

    smtplib itself waits anew for each byte, and takes any number of lines.
    """

    def __init__(self, settings: Settings, *, deadline: float, **options: Any) -> None:
        self.patience = float(settings.timeout)
        self.deadline = deadline
        self._received = b""
        super().__init__(settings.host, settings.port, timeout=self._seconds_left(), **options)

    def getreply(self) -> tuple[int, bytes]:
        """Read one answer; raise LostError if none comes in time, or it is none."""
        until = time.monotonic() + self._seconds_left()
        texts: list[bytes] = []
        while len(texts) < MOST_LINES:
            line = self._line(until)
            found = REPLY.fullmatch(line)
            if found is None:
                self._lose(f"this is no answer of SMTP: {printable(line)}")
            texts.append(found[3] or b"")
            if found[2] != b"-":
                return int(found[1]), b"\n".join(texts)
        return self._lose(f"the answer has more than {MOST_LINES} lines")

    def send(self, s: Any) -> None:
        """Send all of it in time; raise LostError."""
        content = s.encode(self.command_encoding) if isinstance(s, str) else s
        try:
            self._connected().settimeout(self._seconds_left())
            self._connected().sendall(content)
        except OSError as error:
            self._lose(f"the connection was lost: {error}", error)

    def encrypt(self, context: ssl.SSLContext) -> None:
        """Go on encrypted; nothing that came before is taken for an answer afterwards."""
        self._connected().settimeout(self._seconds_left())
        self.starttls(context=context)
        self._received = b""

    def _connected(self) -> socket:
        if self.sock is None:
            raise LostError("the connection is closed")
        return self.sock

    @contextmanager
    def more_patient(self, seconds: float) -> Iterator[None]:
        """Wait so long for what is inside, also beyond the deadline: what it is about is all but done."""
        before = self.patience, self.deadline
        self.patience, self.deadline = seconds, max(self.deadline, time.monotonic() + seconds)
        try:
            yield
        finally:
            self.patience, self.deadline = before

    def _seconds_left(self) -> float:
        return max(0.001, min(self.patience, self.deadline - time.monotonic()))

    def _line(self, until: float) -> bytes:
        while b"\n" not in self._received:
            if len(self._received) > LONGEST_LINE:
                self._lose("the answer has a line without an end")
            self._received += self._more(until)
        line, _, self._received = self._received.partition(b"\n")
        return line.rstrip(b"\r")

    def _more(self, until: float) -> bytes:
        try:
            if (left := until - time.monotonic()) <= 0:
                raise TimeoutError("timed out")
            self._connected().settimeout(left)
            found = self._connected().recv(LONGEST_LINE)
        except OSError as error:
            self._lose(f"the connection was lost: {error}", error)
        if not found:
            self._lose("the server has closed the connection")
        return found

    def _lose(self, reason: str, cause: OSError | None = None) -> NoReturn:
        self.close()
        raise LostError(reason) from cause


class PatientTls(Patient, SMTP_SSL):
    """The same, encrypted from the first byte."""


@contextmanager
def opened(settings: Settings, *, deadline: float) -> Iterator[Patient]:
    """Give a connection on which mails can be sent. Raises ServerError: there is none to be had."""
    with _refusals(settings):
        context = ssl.create_default_context(cafile=settings.authority)
        if settings.security == "tls":
            connection: Patient = PatientTls(settings, deadline=deadline, context=context)
        else:
            connection = Patient(settings, deadline=deadline)
    try:
        with _refusals(settings):
            _introduce(connection, settings, context)
        yield connection
        _quit(connection)
    finally:
        connection.close()


def ask(connection: Patient, command: str, *, yes: int = 2) -> Reply:
    """Return the answer to a command: one that begins with `yes`, with 4 or with 5.

    Raises LostError, also after 421, a goodbye; ServerError where the answer would be the same for all mails.
    """
    connection.putcmd(command)
    reply = answer(connection, yes=yes)
    if reply.code in SESSION_CODES:
        raise ServerError(f"the server takes no mail from here: {reply}")
    return reply


def answer(connection: Patient, *, yes: int = 2) -> Reply:
    """Return the answer to what was just sent. Raises LostError."""
    code, said = connection.getreply()
    reply = Reply(code, printable(said))
    if code == 421:
        connection.close()
        raise LostError(str(reply))
    if code // 100 not in (yes, 4, 5):
        connection.close()
        raise LostError(f"this is no answer to what was sent: {reply}")
    return reply


def printable(said: bytes | str) -> str:
    """Return what a server said on one line.

    >>> printable(b"2.0.0 Bye\\x1b[2J\\r\\n now")
    '2.0.0 Bye [2J now'
    """
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())[:LONGEST_REASON]


@contextmanager
def _refusals(settings: Settings) -> Iterator[None]:
    """Raise ServerError, with the server's name, for what goes wrong before the first mail."""
    place = f"{settings.host}:{settings.port}"
    try:
        yield
    except SMTPAuthenticationError as error:
        said = f"{error.smtp_code} {printable(error.smtp_error)}"
        raise ServerError(f"{place} refuses user or password: {said}") from None
    except SMTPResponseException as error:
        raise ServerError(f"{place}: {error.smtp_code} {printable(error.smtp_error)}") from error
    except (OSError, SMTPException, LostError) as error:
        raise ServerError(f"{place}: {printable(str(error))}") from error


def _introduce(connection: Patient, settings: Settings, context: ssl.SSLContext) -> None:
    connection.ehlo_or_helo_if_needed()
    if settings.security == "starttls":
        connection.encrypt(context)
        connection.ehlo_or_helo_if_needed()
    if settings.user:
        connection.login(settings.user, settings.secret())


def _quit(connection: Patient) -> None:
    """Say goodbye; what was sent is sent, whatever comes of that."""
    if connection.sock is not None:
        connection.patience = QUIT_PATIENCE
        with suppress(LostError, SMTPException):
            connection.docmd("QUIT")
