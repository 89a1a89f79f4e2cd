"""Dead man's switches: a service hears of each start and end, and alarms where it hears nothing.

Sources: https://healthchecks.io/docs/http_api/, https://cronitor.io/docs/telemetry-api, and the push monitor
of https://github.com/louislam/uptime-kuma.
"""

from __future__ import annotations

from dataclasses import dataclass
from http.client import HTTPException
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit
from urllib.request import Request, build_opener
from uuid import UUID

from taskrunner.formatting import ALPHABET

if TYPE_CHECKING:
    from collections.abc import Callable

    from taskrunner.config.values import PingTarget

PATIENCE = 5.0
"""Seconds an answer may take."""

PLACE = "{at}"
LONGEST_TEXT = 10_000
LONGEST_IN_URL = 500


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run has ended: its exit status, its seconds, and the end of its output."""

    status: int
    seconds: float
    text: str


Asked = tuple[str, bytes | None]
"""A URL, and what is posted to it, or None to get it."""


@dataclass(frozen=True, slots=True)
class Ping:
    """One run that is watched. What goes wrong is passed to `complain`, and harms nothing.

    The URL is a secret of sorts, so it is never shown. `subject` is what the complaint calls the run.
    """

    target: PingTarget
    run_id: str
    subject: str
    complain: Callable[[str], None]

    def start(self) -> None:
        """Tell of the start."""
        self._ask(DIALECTS[self.target.style](self.target.url, self.run_id, None), "start")

    def end(self, ended: Ended) -> None:
        """Tell of the end."""
        self._ask(DIALECTS[self.target.style](self.target.url, self.run_id, ended), "end")

    def _ask(self, asked: Asked | None, at: str) -> None:
        if asked is None:
            return
        url, body = asked
        request = Request(url, data=body, headers={"User-Agent": "taskrunner"})  # noqa: S310  (http or https)
        try:
            with build_opener().open(request, timeout=PATIENCE) as answer:
                answer.read(1)
        except HTTPError as error:
            error.close()
            self.complain(f"ping at the {at} of {self.subject}: the answer is {error.code} {error.reason}")
        except (OSError, HTTPException, ValueError) as error:
            reason = str(getattr(error, "reason", None) or error).replace(url, "…")
            self.complain(f"ping at the {at} of {self.subject}: {type(error).__name__}: {reason}")


def plain(url: str, _run_id: str, ended: Ended | None) -> Asked | None:
    """Ask the URL, `{at}` in it replaced; without `{at}` silence says that it failed.

    >>> plain("http://h/{at}", "", None), plain("http://h/", "", Ended(1, 0, ""))
    (('http://h/start', None), None)
    """
    if ended is not None and ended.status:
        return (url.replace(PLACE, "fail"), None) if PLACE in url else None
    return url.replace(PLACE, "start" if ended is None else "end"), None


def healthchecks(url: str, run_id: str, ended: Ended | None) -> Asked:
    """Post to URL/start, URL, or URL/STATUS, with the id of the run that pairs them.

    >>> healthchecks("https://hc/ping/1?create=1", "00000000000000000000000001", None)[0]
    'https://hc/ping/1/start?create=1&rid=00000000-0000-0000-0000-000000000001'
    """
    word = "/start" if ended is None else f"/{ended.status}" if ended.status else ""
    body = b"" if ended is None else ended.text[-LONGEST_TEXT:].encode()
    parts = urlsplit(url)
    path = parts.path.rstrip("/") + word
    return _with_query(parts._replace(path=path).geturl(), rid=as_uuid(run_id)), body


def cronitor(url: str, run_id: str, ended: Ended | None) -> Asked:
    """Ask with the state, and with the run as the series.

    >>> cronitor("https://cronitor.link/p/KEY/job", "RUN", Ended(2, 1.5, "no"))[0]
    'https://cronitor.link/p/KEY/job?state=fail&series=RUN&status_code=2&message=no&metric=duration%3A1.5'
    """
    if ended is None:
        return _with_query(url, state="run", series=run_id), None
    state = "fail" if ended.status else "complete"
    message = ended.text.strip()[-LONGEST_IN_URL:]
    metric = f"duration:{round(ended.seconds, 3)}"
    code = str(ended.status)
    return _with_query(
        url, state=state, series=run_id, status_code=code, message=message, metric=metric
    ), None


def kuma(url: str, _run_id: str, ended: Ended | None) -> Asked | None:
    """Ask the push URL at the end: up or down, with a message and the milliseconds. It knows no start.

    >>> kuma("http://kuma/api/push/TOKEN?status=up&msg=OK&ping=", "", Ended(0, 1.5, "text"))[0]
    'http://kuma/api/push/TOKEN?status=up&msg=OK&ping=1500'
    """
    if ended is None:
        return None
    last = (ended.text.strip().splitlines() or [""])[-1][:LONGEST_IN_URL]
    message = f"exit status {ended.status}: {last}" if ended.status else "OK"
    status = "down" if ended.status else "up"
    return _with_query(url, status=status, msg=message, ping=str(round(ended.seconds * 1000))), None


DIALECTS: dict[str, Callable[[str, str, Ended | None], Asked | None]] = {
    "plain": plain,
    "healthchecks": healthchecks,
    "cronitor": cronitor,
    "kuma": kuma,
}


def as_uuid(run_id: str) -> str:
    """Return the id of a run as the UUID of the same 128 bits."""
    number = 0
    for character in run_id:
        number = number * 32 + max(0, ALPHABET.find(character))
    return str(UUID(int=number % (1 << 128)))


def _with_query(url: str, **more: str) -> str:
    """Return a URL with parameters, in place of those of the same name."""
    parts = urlsplit(url)
    kept = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] not in more]
    return urlunsplit(parts._replace(query=urlencode([*kept, *more.items()])))
