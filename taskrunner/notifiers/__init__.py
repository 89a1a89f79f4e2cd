"""Programs that send on what the [notify] command gets: by mail, to a web address, by Apprise."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path


def read_event() -> dict[str, object]:
    """Return the event on stdin. Ends the program where there is none."""
    try:
        event = json.load(sys.stdin)
    except ValueError as error:
        raise SystemExit(f"no event as JSON on stdin: {error}") from error
    if not isinstance(event, dict):
        raise SystemExit("no event as JSON on stdin: it is not an object")
    return event


def subject_of(event: dict[str, object]) -> str:
    """Return an event in one line."""
    subject = event.get("subject") or f"{event.get('task', 'taskrunner')}: {event.get('event')}"
    return " ".join(str(subject).split())


def text_of(event: dict[str, object]) -> str:
    """Return an event as a text for people."""
    lines = (f"{key + ':':<14}{value}\n" for key, value in event.items() if value is not None)
    return str(event.get("text") or "".join(lines))


def looked_up(secret: str) -> str:
    """Return what `env:NAME` or the file of this name holds: arguments are shown by `ps`."""
    if secret.startswith("env:"):
        value = os.environ.get(secret[4:])
        if not value:
            raise SystemExit(f"the environment has no {secret[4:]}")
        return value.strip()
    try:
        return Path(secret).read_text("utf-8").strip()
    except OSError as error:
        raise SystemExit(f"cannot read {secret}: {error.strerror}") from error
