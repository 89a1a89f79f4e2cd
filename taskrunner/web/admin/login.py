"""Logging in to `taskrun web`: by a token that works once or by a password, from then on by a cookie.

The password file says who may log in and what they may do there, and holds no password as such.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import secrets
import time
from base64 import b64decode, b64encode
from collections import deque
from dataclasses import dataclass
from hashlib import sha256
from html import escape
from http import HTTPStatus
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

from taskrunner.errors import ConfigError
from taskrunner.files import open_file, read_trusted_text
from taskrunner.web.admin.request import (
    NOT_FROM_HERE,
    Request,
    Response,
    is_own,
    read_form,
    read_request,
    redirect,
    refusal,
    safety_headers,
    send,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

LARGEST = 64 * 1024
SHORTEST_PASSWORD = 10
LONGEST_PASSWORD = 1024
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}")
LINE = re.compile(
    rf"(?P<name>{NAME.pattern}) (?P<may>change|view) "
    r"scrypt:(?P<cost>1[0-8]):(?P<salt>[A-Za-z0-9+/]{16,}={0,2}):(?P<digest>[A-Za-z0-9+/]{43}=)"
)
"""`ann change scrypt:15:SALT:DIGEST`; the cost is a power of two."""

COST = 15
"""2 ** 15 rounds take 32 MB and about a tenth of a second."""

LOG = logging.getLogger("taskrunner.web")


class Entry(NamedTuple):
    """A person who may log in, and what their password is known by."""

    name: str
    may_change: bool
    cost: int
    salt: bytes
    digest: bytes


NOBODY = Entry("", False, COST, bytes(16), bytes(32))
"""Compared with where there is no such name: the time it takes is not to tell."""


class PasswordFile:
    """The people of a password file, read anew whenever it has changed. Raises ConfigError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._signature = _signature(path)
        self._entries = read_entries(path)

    def find(self, name: str) -> Entry | None:
        """Return who has that name; nobody has one while the file cannot be read."""
        signature = _signature(self._path)
        if signature != self._signature:
            try:
                self._entries = read_entries(self._path)
            except ConfigError as error:
                LOG.error("nobody can log in: %s", error)
                self._entries = {}
            self._signature = signature
        return self._entries.get(name)

    def check(self, name: str, password: str) -> Entry | None:
        """Return who has that name and password, or None; both take the same time."""
        entry = self.find(name)
        offered = _digest(password, entry or NOBODY)
        is_right = secrets.compare_digest(offered, (entry or NOBODY).digest)
        return entry if is_right else None


def read_entries(path: Path) -> dict[str, Entry]:
    """Return the people of a password file by name. Raises ConfigError."""
    hint = f"taskrun web --password-file {path} --add-user NAME"
    try:
        text = read_trusted_text(path, largest=LARGEST)
        if os.stat(path).st_mode & 0o077:
            raise ConfigError(f"{path} can be read by others", hint=f"chmod 600 {path}")
    except (ValueError, OSError) as error:
        raise ConfigError(f"{path} {error}", hint=hint) from error
    entries = {}
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            if (found := LINE.fullmatch(line.strip())) is None:
                raise ConfigError(f"{path} line {number} is not NAME change|view scrypt:…", hint=hint)
            entries[found["name"]] = _entry(found)
    if not entries:
        raise ConfigError(f"{path} has nobody who may log in", hint=hint)
    return entries


def write_entry(path: Path, name: str, password: str, *, may_change: bool) -> None:
    """Write a person into a password file, which is made if there is none. Raises ConfigError."""
    if not NAME.fullmatch(name):
        raise ConfigError(f"{name!r} is not a name of letters, digits and . _ - @")
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise ConfigError(f"a password has at least {SHORTEST_PASSWORD} characters")
    entries = read_entries(path) if path.exists() else {}
    salted = Entry(name, may_change, COST, secrets.token_bytes(16), b"")
    entries[name] = salted._replace(digest=_digest(password, salted))
    text = "".join(f"{_line(entry)}\n" for entry in entries.values())
    new = path.with_name(f"{path.name}.new")
    try:
        new.unlink(missing_ok=True)
        with open(open_file(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from error


def _line(entry: Entry) -> str:
    salt, digest = (b64encode(value).decode() for value in (entry.salt, entry.digest))
    return f"{entry.name} {'change' if entry.may_change else 'view'} scrypt:{entry.cost}:{salt}:{digest}"


def _entry(found: re.Match[str]) -> Entry:
    may_change = found["may"] == "change"
    salt, digest = b64decode(found["salt"]), b64decode(found["digest"])
    return Entry(found["name"], may_change, int(found["cost"]), salt, digest)


def _digest(password: str, entry: Entry) -> bytes:
    n = 2**entry.cost
    encoded = password.encode("utf-8", "surrogatepass")
    return hashlib.scrypt(encoded, salt=entry.salt, n=n, r=8, p=1, maxmem=2 * 128 * 8 * n, dklen=32)


def _signature(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


PERSON = "taskrunner.person"
"""Where the environment of a request that is let in has its Person; no header of a request gets there."""

LOGOUT = "taskrunner.logout"
"""Where it has the path to which a form is posted that logs out."""

LOGIN_PATH, LOGOUT_PATH = "/login", "/logout"
LONGEST_SESSION = 12 * 3600.0
MOST_SESSIONS = 1000
MINUTE = 60.0
WRONG_OF_ONE, WRONG_OF_ALL = 5, 60
"""Wrong guesses in a minute, from one address and from all, after which no guess is looked at."""

HOST = re.compile(r"(?P<name>[a-z0-9.-]{1,254}|\[[0-9a-f:.]{2,45}\])(:[0-9]{1,5})?")
LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


class Person(NamedTuple):
    """Somebody who has logged in."""

    name: str
    may_change: bool


class OneTimeToken:
    """A text that lets in whoever brings it first."""

    def __init__(self, person: Person) -> None:
        self.text = secrets.token_urlsafe(32)
        self._person: Person | None = person
        self._digest = _hashed(self.text)

    def take(self, offered: str) -> Person | None:
        """Return whom the token stands for, once; the time it takes does not tell how much was right."""
        is_right = secrets.compare_digest(_hashed(offered), self._digest)
        person, self._person = (self._person, None) if is_right else (None, self._person)
        return person


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody's time between logging in and out; `entry` is what the password file said of them."""

    person: Person
    entry: Entry | None
    ends_at: float


class Guesses:
    """The wrong guesses of the last minute: of passwords, and of tokens."""

    def __init__(self) -> None:
        self._wrong: deque[tuple[float, str]] = deque()

    def are_too_many(self, address: str, now: float) -> bool:
        """Return whether nothing more is looked at for now that comes from an address."""
        while self._wrong and self._wrong[0][0] <= now - MINUTE:
            self._wrong.popleft()
        of_one = sum(guesser == address for _, guesser in self._wrong)
        return of_one >= WRONG_OF_ONE or len(self._wrong) >= WRONG_OF_ALL

    def add(self, address: str, now: float) -> None:
        """Count a wrong guess."""
        self._wrong.append((now, address))


class Login:
    """A WSGI application around the administration that lets those in who have logged in.

    They do so with the token, or with the passwords. `hosts` are the names by which it may be asked, besides
    those of this machine for itself: a page of another site, whose name was made to lead here, uses its own.
    """

    def __init__(
        self,
        app: WSGIApplication,
        *,
        cookie: str,
        hosts: Iterable[str] = (),
        token: OneTimeToken | None = None,
        passwords: PasswordFile | None = None,
        is_read_only: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app = app
        self._cookie = cookie
        self._hosts = {*LOOPBACK, *hosts}
        self._token = token
        self._passwords = passwords
        self._is_read_only = is_read_only
        self._clock = clock
        self._sessions: dict[bytes, Session] = {}
        self._guesses = Guesses()
        self._one_at_a_time = Lock()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request: of the login here, every other of a person by the administration."""
        request = read_request(environ)
        response = request if isinstance(request, Response) else self._answer(request)
        if response is None:
            return self._app(environ, start_response)
        return send(response, environ, start_response, *safety_headers(STYLE))

    def _answer(self, request: Request) -> Response | None:
        """Return the answer to whoever is not let in, or None with the person in the environment."""
        if not self._is_known(request.headers.get("host", "")):
            return refusal(HTTPStatus.FORBIDDEN, UNKNOWN_HOST)
        if request.method == "POST" and not is_own(request):
            return refusal(HTTPStatus.FORBIDDEN, NOT_FROM_HERE)
        session = self._session(request)
        if request.path == LOGIN_PATH and session is None:
            return self._log_in(request)
        if request.path == LOGIN_PATH:
            return redirect(request.address("/"))
        if session is None:
            return self._closed(request)
        if request.path == LOGOUT_PATH and request.method == "POST":
            return self._log_out(request)
        request.environ.update({PERSON: session.person, LOGOUT: LOGOUT_PATH})
        return None

    def _is_known(self, host: str) -> bool:
        found = HOST.fullmatch(host.lower())
        return found is not None and found["name"] in self._hosts

    def _session(self, request: Request) -> Session | None:
        """Return the session that the request's cookie names; one that has ended, or was ended, is none."""
        key = self._key(request)
        session = self._sessions.get(key)
        if session is None:
            return None
        if session.ends_at > self._clock() and self._still_may(session):
            return session
        self._sessions.pop(key, None)
        return None

    def _still_may(self, session: Session) -> bool:
        if self._passwords is None or session.entry is None:
            return True
        return self._passwords.find(session.entry.name) == session.entry

    def _key(self, request: Request) -> bytes:
        """Return what the session of a request is known by; two cookies of the name are none."""
        pairs = (part.strip().partition("=") for part in request.headers.get("cookie", "").split(";"))
        values = [value for name, _, value in pairs if name == self._cookie]
        return _hashed(values[0]) if len(values) == 1 else b""

    def _log_in(self, request: Request) -> Response:
        if request.method == "POST" and self._passwords is not None:
            form = read_form(request)
            return form if isinstance(form, Response) else self._try_password(form, self._passwords)
        if request.method == "GET" and self._token is not None and "token" in request.query:
            if "prefetch" in request.headers.get("sec-purpose", ""):
                return refusal(HTTPStatus.SERVICE_UNAVAILABLE, "Nobody has opened this address yet.")
            return self._try_token(request, self._token)
        return self._closed(request)

    def _try_token(self, request: Request, token: OneTimeToken) -> Response:
        with self._one_at_a_time:
            if self._are_too_many(request):
                return TOO_MANY
            person = token.take(request.query["token"])
            if person is None:
                self._note_wrong(request, "a token")
                return self._closed(request)
        return self._begin(request, person, None, "/")

    def _try_password(self, request: Request, passwords: PasswordFile) -> Response:
        name, password = request.form.get("name", ""), request.form.get("password", "")
        with self._one_at_a_time:
            if self._are_too_many(request):
                return TOO_MANY
            entry = passwords.check(name, password)
            if entry is None:
                self._note_wrong(request, "a password")
                return self._closed(request, name=name, message="This name and password are not known.")
        person = Person(entry.name, entry.may_change and not self._is_read_only)
        return self._begin(request, person, entry, _safe_path(request.form.get("next", "")))

    def _are_too_many(self, request: Request) -> bool:
        return self._guesses.are_too_many(_address(request), self._clock())

    def _note_wrong(self, request: Request, what: str) -> None:
        self._guesses.add(_address(request), self._clock())
        LOG.warning("%s that is not right came from %s", what, _address(request))

    def _begin(self, request: Request, person: Person, entry: Entry | None, path: str) -> Response:
        """Return the answer that takes somebody to a page with the cookie of a new session."""
        value = secrets.token_urlsafe(32)
        while len(self._sessions) >= MOST_SESSIONS:
            self._sessions.pop(next(iter(self._sessions)), None)
        self._sessions[_hashed(value)] = Session(person, entry, self._clock() + LONGEST_SESSION)
        LOG.info("%s has logged in from %s", person.name, _address(request))
        return redirect(request.prefix + path, self._cookie_header(request, value))

    def _log_out(self, request: Request) -> Response:
        self._sessions.pop(self._key(request), None)
        return redirect(request.address("/"), self._cookie_header(request, "", "; Max-Age=0"))

    def _cookie_header(self, request: Request, value: str, more: str = "") -> tuple[str, str]:
        is_encrypted = request.headers.get("origin", "").startswith("https:")  # to a web server before this
        rules = f"; Path={request.prefix}/; HttpOnly; SameSite=Strict{'; Secure' * is_encrypted}{more}"
        return "Set-Cookie", f"{self._cookie}={value}{rules}"

    def _closed(self, request: Request, *, name: str = "", message: str = "") -> Response:
        """Return the page for whoever is not logged in: a form, or where to find the address."""
        if self._passwords is None:
            body = FIRST_PAGE.format(home=escape(request.address("/")))
        else:
            wanted = request.form.get("next") or request.path
            body = FORM_PAGE.format(
                action=escape(request.address(LOGIN_PATH)),
                name=escape(name),
                message=f'<p id="wrong" role="alert">{escape(message)}</p>' if message else "",
                described=' aria-describedby="wrong" aria-invalid="true"' if message else "",
                wanted=escape(_safe_path(wanted)),
            )
        page = PAGE.format(style=STYLE, body=body)
        return Response(HTTPStatus.FORBIDDEN, page.encode())


UNKNOWN_HOST = "This administration is not known by this name. Its names are `hosts` of [web]."
TOO_MANY = refusal(
    HTTPStatus.TOO_MANY_REQUESTS,
    "Too many wrong guesses. Wait a minute.",
    ("Retry-After", str(int(MINUTE))),
)
STYLE = """
:root{color-scheme:light dark;font:1rem/1.5 system-ui,sans-serif}
body{margin:0 auto;max-width:24rem;padding:2rem 1rem}
h1{font-size:1.4rem}
label,input{display:block;box-sizing:border-box;width:100%}
input,button{font:inherit;padding:.5rem;margin:0 0 1rem}
"""
PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Log in · taskrunner</title>
<style>{style}</style>
<main>
<h1>taskrunner</h1>
{body}
</main>
</html>
"""
FIRST_PAGE = """<p>Open the address that <code>taskrun web</code> has printed. It works once.
Start <code>taskrun web</code> again for a new one.</p>
<p>You have opened it in this browser just now? <a href="{home}">Go on to the administration.</a></p>"""
FORM_PAGE = """{message}
<form method="post" action="{action}">
<label for="name">Name</label>
<input id="name" name="name" value="{name}" autocomplete="username" required{described}>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required{described}>
<input type="hidden" name="next" value="{wanted}">
<button>Log in</button>
</form>"""


def _safe_path(path: str) -> str:
    """Return a path of this site to go on to, "/" for anything that would lead elsewhere.

    >>> [_safe_path(path) for path in ("/log", "//evil.example", "/\\\\\\\\evil", "https://evil", "/login")]
    ['/log', '/', '/', '/', '/']
    """
    is_plain = re.fullmatch(r"(/[A-Za-z0-9_.~-]+)+/?", path) is not None
    return path if is_plain and path not in (LOGIN_PATH, LOGOUT_PATH) else "/"


def _address(request: Request) -> str:
    return str(request.environ.get("REMOTE_ADDR", ""))


def _hashed(text: str) -> bytes:
    return sha256(text.encode("utf-8", "surrogatepass")).digest()
