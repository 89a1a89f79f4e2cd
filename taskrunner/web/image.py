"""The image whose request is a tick, and the tag that asks for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Self

GIF = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b")
"""One transparent pixel."""

METHODS = ("GET", "HEAD")
ROBOTS = ("bot", "crawl", "spider", "slurp")
"""A part of the name that those who follow every address give themselves."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request of the image's path is answered with, and whether it asks for a tick."""

    status: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    ticks: bool


class Html(str):
    """A text that is HTML already, as the template engines of Jinja and Django know it."""

    __slots__ = ()

    def __html__(self) -> Self:
        return self


def answer(method: str, user_agent: str) -> Answer:
    """Answer a request: always the same, whatever comes of it, and no parameter of it is looked at."""
    if method not in METHODS:
        refusal = (("Allow", ", ".join(METHODS)), ("Content-Length", "0"))
        return Answer("405 Method Not Allowed", refusal, b"", ticks=False)
    headers = (
        ("Content-Type", "image/gif"),
        ("Content-Length", str(len(GIF))),
        ("Cache-Control", "no-store"),
        ("X-Robots-Tag", "noindex"),
        ("X-Content-Type-Options", "nosniff"),
    )
    is_get = method == "GET"
    return Answer("200 OK", headers, GIF if is_get else b"", ticks=is_get and not _is_robot(user_agent))


def tag(path: str, now: float) -> Html:
    """Return the tag of a page made now; `path` is of characters that need no escaping.

    The minute in the address is for caches alone.

    >>> tag("/tick.gif", 1_800_000_000.0)
    '<img src="/tick.gif?m=30000000" width="1" height="1" alt="" aria-hidden="true" loading="eager">'
    """
    address = f"{path}?m={int(now // 60)}"
    size = 'width="1" height="1" alt="" aria-hidden="true"'
    return Html(f'<img src="{address}" {size} loading="eager">')


def _is_robot(user_agent: str) -> bool:
    name = user_agent.lower()
    return any(part in name for part in ROBOTS)
