"""taskrun-notify-webhook: post what the [notify] command is given to a web address.

    [notify]
    command = ["taskrun-notify-webhook", "--preset", "slack", "/etc/taskrunner/webhook-url"]

The address is a secret and stands in a file, or in the environment: `env:NAME`. Without a preset JSON is
posted: `subject`, `text`, and `event` with all that is known.
"""

from __future__ import annotations

import argparse
import json
from email.header import Header
from http.client import HTTPException
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from taskrunner.notifiers import looked_up, read_event, subject_of, text_of

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE = 8.0
"""Seconds the other side may take: less than the command is given in all."""

LONGEST_OF_DISCORD = 1900
LONGEST_OF_SLACK = 3500
LONGEST_OF_NTFY = 4000


def main() -> None:
    """Read one event from stdin and post it; end with code 1 where it is not taken."""
    parser = argparse.ArgumentParser(description="Post a taskrunner event (JSON on stdin) to a web address.")
    parser.add_argument("address", help="a file that holds the address, or env:NAME")
    parser.add_argument("--preset", choices=sorted(PRESETS), default="json")
    given = parser.parse_args()
    url, event = looked_up(given.address), read_event()
    body, headers = PRESETS[given.preset](event)
    if not url.startswith(("https://", "http://")):
        raise SystemExit("the address is not https://HOST/PATH")
    request = Request(url, data=body, headers={"User-Agent": "taskrunner", **headers})  # noqa: S310
    try:
        with urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310
            answer.read(1)
    except HTTPError as error:
        raise SystemExit(f"the answer is {error.code} {error.reason}") from error
    except (OSError, HTTPException, ValueError) as error:
        reason = str(getattr(error, "reason", None) or error).replace(url, "…")
        raise SystemExit(f"it was not accepted: {reason}") from error


Body = tuple[bytes, dict[str, str]]


def _json(content: object) -> Body:
    return json.dumps(content).encode(), {"Content-Type": "application/json"}


def plain(event: dict[str, object]) -> Body:
    """Return the event as it is, with its texts at the top."""
    text = f"{subject_of(event)}\n{text_of(event)}"
    return _json({"text": text, "subject": subject_of(event), "event": event})


def slack(event: dict[str, object]) -> Body:
    """Return the message of an incoming webhook of Slack: https://docs.slack.dev/messaging."""
    text = text_of(event)[:LONGEST_OF_SLACK].replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _json({"text": f"*{subject_of(event)}*\n```{text}```"})


def discord(event: dict[str, object]) -> Body:
    """Return the message of a webhook of Discord, which takes 2000 characters and mentions nobody."""
    subject = subject_of(event)[:LONGEST_OF_DISCORD]
    text = text_of(event)[: LONGEST_OF_DISCORD - len(subject)]
    return _json({"content": f"**{subject}**\n```\n{text}\n```", "allowed_mentions": {"parse": []}})


def teams(event: dict[str, object]) -> Body:
    """Return the adaptive card that a workflow of Teams posts."""
    blocks = [
        {"type": "TextBlock", "text": subject_of(event), "weight": "Bolder", "wrap": True},
        {"type": "TextBlock", "text": text_of(event), "fontType": "Monospace", "wrap": True},
    ]
    card = {"type": "AdaptiveCard", "version": "1.4", "body": blocks}
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "content": card}
    return _json({"type": "message", "attachments": [attachment]})


def ntfy(event: dict[str, object]) -> Body:
    """Return a message of ntfy: the text is the body, the title a header (RFC 2047 where not ASCII)."""
    subject = subject_of(event)
    title = subject if subject.isascii() else Header(subject, "utf-8", maxlinelen=10_000).encode()
    is_good = event.get("event") in ("recovered", "test")
    headers = {
        "Title": title,
        "Priority": "default" if is_good else "high",
        "Tags": "white_check_mark" if is_good else "warning",
    }
    return text_of(event).encode()[:LONGEST_OF_NTFY], headers


PRESETS: dict[str, Callable[[dict[str, object]], Body]] = {
    "json": plain,
    "slack": slack,
    "discord": discord,
    "teams": teams,
    "ntfy": ntfy,
}


if __name__ == "__main__":
    main()
