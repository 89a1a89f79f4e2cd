"""The dead man's switch: a URL that hears of every cron, so that somebody else notices when none comes."""

from __future__ import annotations

from http.client import HTTPException
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.request import Request, build_opener

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE = 5.0
"""Seconds an answer may take."""

PLACE = "{at}"


def ping(url: str, at: str, *, complain: Callable[[str], None]) -> None:
    """Ask a URL, `{at}` in it replaced by `at`: start or end. What goes wrong is told and harms nothing.

    The URL is a secret of sorts, so it is never told.
    """
    request = Request(  # noqa: S310  (the config has checked that it is http or https)
        url.replace(PLACE, at), headers={"User-Agent": "taskrunner"}
    )
    try:
        with build_opener().open(request, timeout=PATIENCE) as answer:
            answer.read(1)
    except HTTPError as error:
        error.close()
        complain(f"[notify] ping at the {at} of this cron: the answer is {error.code} {error.reason}")
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        complain(
            f"[notify] ping at the {at} of this cron: {type(error).__name__}: {reason}".replace(url, "…")
        )
