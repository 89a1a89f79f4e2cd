#!/usr/bin/env python3
"""Post what taskrunner tells its [notify] command to a web address: Slack, Mattermost, your own.

taskrunner.toml:

    [notify]
    command = ["/opt/taskrunner/contrib/notify/webhook.py", "/etc/taskrunner/webhook-url"]

The argument is a file that holds the address, which is a secret: arguments are shown by `ps`. What is posted
is JSON: `text`, one line for people, and `event`, all that is known. Standard library only.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from urllib.request import Request, urlopen

PATIENCE = 5.0
"""Seconds the other side may take."""


def text_of(event: dict[str, object]) -> str:
    """Return an event in one line."""
    if event.get("event") == "cron_overdue":
        return f"taskrunner: cron on {event['hostname']} did not start for {event['gap']:.0f} s"
    message = f": {event['message']}" if event.get("message") else ""
    return (
        f"taskrunner: {event['task']} {str(event['event']).replace('_', ' ')} on {event['hostname']}{message}"
    )


def main() -> None:
    """Read one event from stdin and post it; what is no success ends with a traceback and code 1."""
    (file,) = sys.argv[1:]
    event = json.load(sys.stdin)
    request = Request(
        Path(file).read_text("utf-8").strip(),
        data=json.dumps({"text": text_of(event), "event": event}).encode(),
        headers={"Content-Type": "application/json", "User-Agent": "taskrunner"},
    )
    with urlopen(request, timeout=PATIENCE) as answer:
        answer.read()


if __name__ == "__main__":
    main()
