"""taskrun-notify-mail: mail what the [notify] command is given, through sendmail or an SMTP server.

    [notify]
    command = ["taskrun-notify-mail", "ops@example.org"]

`--sendmail PROGRAM` names another program that takes a mail on stdin, `--smtp HOST[:PORT]` a server.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from email.message import EmailMessage

from taskrunner.notifiers import read_event, subject_of, text_of

PATIENCE = 8.0
"""Seconds a server may take: less than the command is given in all."""


def main() -> None:
    """Read one event from stdin and mail it; end with a code other than 0 where that fails."""
    parser = argparse.ArgumentParser(description="Mail a taskrunner event (JSON on stdin).")
    parser.add_argument("recipients", nargs="+")
    parser.add_argument("--from", dest="sender", default="taskrunner@localhost")
    parser.add_argument("--sendmail", default="/usr/sbin/sendmail")
    parser.add_argument("--smtp", metavar="HOST[:PORT]")
    given = parser.parse_args()
    mail = mail_of(read_event(), given.sender, given.recipients)
    sys.exit(_by_smtp(mail, given.smtp) if given.smtp else _by_sendmail(mail, given.sendmail))


def mail_of(event: dict[str, object], sender: str, recipients: list[str]) -> EmailMessage:
    """Return the mail that tells of an event."""
    mail = EmailMessage()
    mail["Subject"] = subject_of(event)
    mail["From"], mail["To"] = sender, ", ".join(recipients)
    mail.set_content(text_of(event))
    return mail


def _by_sendmail(mail: EmailMessage, program: str) -> int:
    try:
        return subprocess.run([program, "-oi", "-t"], input=mail.as_bytes(), check=False).returncode  # noqa: S603
    except OSError as error:
        sys.exit(f"cannot run {program}: {error.strerror}")


def _by_smtp(mail: EmailMessage, address: str) -> int:
    from smtplib import SMTP, SMTPException

    host, _, port = address.partition(":")
    try:
        with SMTP(host, int(port or 25), timeout=PATIENCE) as server:
            server.send_message(mail)
    except (OSError, SMTPException, ValueError) as error:
        sys.exit(f"{address} did not accept the mail: {error}")
    return 0


if __name__ == "__main__":
    main()
