"""Sends the messages that a site has put into its mail spool."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from taskrunner import MORE, ScheduledTask, mtrace

from .delivery import ConnectionLostError, deliver, only_for, opened
from .settings import Settings
from .spool import Spool

if TYPE_CHECKING:
    from collections.abc import Mapping
    from smtplib import SMTP

    from taskrunner import More

    from .spool import Claim, Entry


class SendMails(ScheduledTask):
    """Send the mails in the spool."""

    schedule = "* * * * *"

    def is_runnable(self) -> bool | str:
        """Say whether there is a spool at all."""
        return True if "spool" in self.settings else "[plugin_settings.mail_queue] spool is not set"

    def should_run(self) -> bool:
        """Say whether a message waits, or lies with a process that died."""
        return Spool(self.read_settings(Settings).spool).has_work(time.time())

    def execute(self) -> More | None:
        """Send what is due, for `seconds` at most. Raises OSError: there is no server to talk to."""
        settings = self.read_settings(Settings)
        spool = Spool(settings.spool)
        if settings.dry_run:
            mtrace(f"{len(spool.due(time.time()))} would be sent")
            return None
        if returned := spool.return_abandoned(time.time()):
            mtrace(f"{returned} came back from a process that died")
        sending = Sending(spool, settings, until=time.monotonic() + settings.seconds)
        due = spool.due(time.time())
        try:
            while due and not sending.is_over:
                due = [*sending.send(due[: settings.package]), *due[settings.package :]]
                self.progress(sending.tried, sending.tried + len(due))
        finally:
            mtrace(f"{sending}; {len(spool.due(time.time()))} wait")
        return MORE if due else None


@dataclass(slots=True)
class Sending:
    """One run: what it may use, and what became of the messages."""

    spool: Spool
    settings: Settings
    until: float
    sent: int = 0
    postponed: int = 0
    refused: int = 0

    @property
    def tried(self) -> int:
        """How many messages were tried."""
        return self.sent + self.postponed + self.refused

    @property
    def is_over(self) -> bool:
        """Whether the time of this run is."""
        return time.monotonic() >= self.until

    def __str__(self) -> str:
        return f"{self.sent} sent, {self.postponed} to be tried again, {self.refused} refused"

    def send(self, package: list[Entry]) -> list[Entry]:
        """Send a package over one connection, and return what was not tried because that was lost."""
        with opened(self.settings) as connection, self.spool.claimed(package) as claim:
            while not self.is_over and connection.sock and (entry := claim.next_entry()):
                self._send_one(connection, claim, entry)
            return list(claim.entries)

    def _send_one(self, connection: SMTP, claim: Claim, entry: Entry) -> None:
        """Send one message, and put its file where it belongs: before that, nothing of it is let go of."""
        try:
            content = claim.read(entry, self.settings.largest)
            verdict = deliver(connection, content, name=entry.stem)
        except ConnectionLostError as error:  # perhaps it was taken: then it comes twice, with one Message-ID
            connection.close()
            self._postpone(claim, entry, str(error))
        except ValueError as error:
            self._refuse(claim, entry, str(error))
        else:
            self.sent += verdict.is_sent
            if verdict.refused:
                rest = None if verdict.is_for_all(verdict.refused) else only_for(content, verdict.refused)
                self._refuse(claim, entry, in_words(verdict.refused), rest)
            if verdict.postponed:
                rest = None if verdict.is_for_all(verdict.postponed) else only_for(content, verdict.postponed)
                self._postpone(claim, entry, in_words(verdict.postponed), rest)
            if not verdict.is_for_all(verdict.refused) and not verdict.is_for_all(verdict.postponed):
                claim.remove(entry)

    def _postpone(self, claim: Claim, entry: Entry, reason: str, rest: bytes | None = None) -> None:
        if entry.tries + 1 >= self.settings.attempts:
            self._refuse(claim, entry, f"given up after {entry.tries + 1} attempts: {reason}", rest)
            return
        self.postponed += 1
        claim.postpone(entry, now=time.time(), rest=rest)
        mtrace(f"{entry.name}: to be tried again: {reason}")

    def _refuse(self, claim: Claim, entry: Entry, reason: str, rest: bytes | None = None) -> None:
        self.refused += 1
        claim.refuse(entry, reason, rest=rest)
        mtrace(f"{entry.name}: refused: {reason}")


def in_words(reasons: Mapping[str, str]) -> str:
    """Return who is not served, and why."""
    return "; ".join(f"{address}: {reason}" for address, reason in reasons.items())
