#!/usr/bin/env python3
"""Mail what taskrunner tells its [notify] command, through the host's sendmail.

taskrunner.toml:

    [notify]
    command = ["/opt/taskrunner/contrib/notify/mail.py", "ops@example.org"]

Standard library only. `--sendmail PROGRAM` names another one that takes a mail on stdin.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from email.message import EmailMessage

SUBJECTS = {
    "first_failure": "{task} failed",
    "crashed": "{task} crashed",
    "longest_delay": "{task} keeps failing: from now on it is tried once a day",
    "exhausted": "{task} was given up",
    "recovered": "{task} works again",
    "cron_overdue": "cron on {hostname} did not start for {gap:.0f} s",
}


def mail_of(event: dict[str, object], sender: str, recipients: list[str]) -> EmailMessage:
    """Return the mail that tells of an event."""
    mail = EmailMessage()
    subject = SUBJECTS.get(str(event.get("event")), "{event}").format_map(event)
    mail["Subject"] = "[taskrunner] " + " ".join(subject.split())
    mail["From"], mail["To"] = sender, ", ".join(recipients)
    mail.set_content(
        "".join(f"{key + ':':<14}{value}\n" for key, value in event.items() if value is not None)
    )
    return mail


def main() -> None:
    """Read one event from stdin and send it."""
    parser = argparse.ArgumentParser(description="Mail a taskrunner event (JSON on stdin).")
    parser.add_argument("recipients", nargs="+")
    parser.add_argument("--from", dest="sender", default="taskrunner@localhost")
    parser.add_argument("--sendmail", default="/usr/sbin/sendmail")
    given = parser.parse_args()
    mail = mail_of(json.load(sys.stdin), given.sender, given.recipients)
    done = subprocess.run([given.sendmail, "-oi", "-t"], input=mail.as_bytes(), check=False)
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
