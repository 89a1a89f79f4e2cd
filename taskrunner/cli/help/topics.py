"""The topics of `taskrun help`: texts that README.md has as well, word for word."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).with_name("topics")

NAMES = (
    "tasks",
    "plugins",
    "queueing",
    "schedules",
    "config",
    "environment",
    "postgres",
    "web",
    "checks",
    "notify",
    "testing",
    "words",
    "exit-codes",
)
"""Every topic, in the order in which somebody new to it would ask."""


@dataclass(frozen=True, slots=True)
class Topic:
    """A text of help: what it is about, in one line, and the text in the Markdown of `markdown`."""

    name: str
    title: str
    text: str


def topic(name: str) -> Topic:
    """Return one of the topics in NAMES."""
    first, _, text = (FOLDER / f"{name}.md").read_text("utf-8").partition("\n\n")
    return Topic(name, first.removeprefix("# "), text)
