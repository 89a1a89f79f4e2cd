"""Sends the messages that a site has put into its mail spool."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from taskrunner import MORE, ScheduledTask, mtrace

from .connection import ServerError, opened
from .delivery import UntouchedError, deliver
from .message import Message
from .settings import Settings
from .spool import Spool

if TYPE_CHECKING:
    from collections.abc import Mapping

    from taskrunner import More

    from .connection import Patient
    from .delivery import Verdict
    from .spool import Claim, Entry

LONGEST_ENVELOPE = 1_048_576
"""Bytes that the headers for this queue alone may have besides."""

MOST_LOST = 3
"""Connections one after the other that may be lost without a mail having been accepted."""

MOST_REFUSED = 10
"""Mails one after the other that may be refused for everybody without one having been accepted."""


class SendMails(ScheduledTask):
    """Send the mails in the spool."""

    schedule = "* * * * *"

    def is_runnable(self) -> bool | str:
        """Return True if there is a spool, else why it cannot run."""
        return True if "spool" in self.settings else "[plugin_settings.mail_queue] spool is not set"

    def should_run(self) -> bool:
        """Return whether a message waits, or lies with a process that died."""
        return Spool(self.read_settings(Settings).spool).has_work(time.time())

    def execute(self) -> More | None:
        """Send what is due, for `seconds` at most. Raises ServerError: the server takes no mail from here."""
        settings = self.read_settings(Settings)
        spool = Spool(settings.spool)
        if foreign := spool.foreign():
            mtrace(f"{foreign} files in {settings.spool / 'new'} do not end in .eml: they are left alone")
        if settings.dry_run:
            mtrace(f"{len(spool.due(time.time()))} would be sent")
            return None
        if returned := spool.return_abandoned(time.time()):
            mtrace(f"{returned} came back from a process that died")
        sending = Sending(spool, settings, until=time.monotonic() + settings.seconds)
        due = spool.due(time.time())
        try:
            while due and not sending.is_over:
                size = settings.package or len(due)
                due = [*sending.send(due[:size]), *due[size:]]
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
    lost_in_a_row: int = 0
    refused_in_a_row: int = 0

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
        untouched: list[Entry] = []
        deadline = self.until + self.settings.timeout
        with opened(self.settings, deadline=deadline) as connection, self.spool.claimed(package) as claim:
            is_first = True
            while not self.is_over and connection.sock and (entry := claim.next_entry()):
                try:
                    self._send_one(connection, claim, entry, is_first=is_first)
                except UntouchedError as error:
                    mtrace(f"{entry.name}: comes first over the next connection: {error}")
                    untouched.append(replace(entry, found=entry.name))
                    self._note_lost(str(error))
                is_first = False
            return [*untouched, *claim.entries]

    def _send_one(self, connection: Patient, claim: Claim, entry: Entry, *, is_first: bool) -> None:
        """Send one message, and put its file where it belongs: before that, nothing of it is let go of."""
        try:
            content = claim.read(entry, self.settings.largest + LONGEST_ENVELOPE)
        except ValueError as error:
            self.refused += 1
            claim.refuse(entry, str(error))
            mtrace(f"{entry.name}: refused: {error}")
            return
        message = Message.parse(content)
        try:
            if len(message.to_server()) > self.settings.largest:
                raise ValueError(f"is larger than {self.settings.largest} bytes")
            message = self._with_id(claim, entry, message)
            verdict = deliver(connection, message, data_timeout=self.settings.data_timeout, is_first=is_first)
        except ValueError as error:
            self._keep_failed(claim, entry, str(error), content)
            claim.remove(entry)
        except ServerError as error:
            self._postpone(claim, entry, str(error), message.to_file())  # it may be the fault of this mail
            raise
        else:
            self._settle(claim, entry, message, verdict)
            self._note(verdict)

    def _with_id(self, claim: Claim, entry: Entry, message: Message) -> Message:
        """Return the message with a Message-ID, which its file has as well before anybody gets it."""
        if any(message.values("Message-ID")):
            return message
        message = message.with_id(message.sender().rpartition("@")[2])
        claim.rewrite(entry, message.to_file())
        return message

    def _settle(self, claim: Claim, entry: Entry, message: Message, verdict: Verdict) -> None:
        """Note first who has got it, then keep what was refused, then let the rest wait."""
        refused, postponed = verdict.refused, verdict.postponed
        if verdict.accepted:
            self.sent += 1
            if refused or postponed:
                self._keep_rest(claim, entry, message, [*refused, *postponed])
        if refused:
            is_for_all = not verdict.accepted and not postponed
            kept = message.to_file(None if is_for_all else [*refused])
            self._keep_failed(claim, entry, in_words(refused), kept)
            if postponed:
                claim.rewrite(entry, message.to_file([*postponed]))
        if postponed:
            self._postpone(claim, entry, in_words(postponed), message.to_file([*postponed]))
        else:
            claim.remove(entry)

    def _keep_rest(self, claim: Claim, entry: Entry, message: Message, rest: list[str]) -> None:
        """Let the mail be for the others alone, at once or not at all.

        Where that cannot be written, as on a full disk, it is not sent again: those who have it would get it
        as often as it is tried.
        """
        try:
            claim.rewrite(entry, message.to_file(rest))
        except OSError:
            claim.set_aside(entry)
            mtrace(f"{entry.name}: lies in failed/, not yet sent to {', '.join(rest)}")
            raise

    def _postpone(self, claim: Claim, entry: Entry, reason: str, content: bytes) -> None:
        if entry.tries + 1 >= self.settings.attempts:
            reason = f"given up after {entry.tries + 1} attempts: {reason}"
            self._keep_failed(claim, entry, reason, content)
            claim.remove(entry)
            return
        self.postponed += 1
        claim.postpone(entry, now=time.time())
        mtrace(f"{entry.name}: to be tried again: {reason}")

    def _keep_failed(self, claim: Claim, entry: Entry, reason: str, content: bytes) -> None:
        self.refused += 1
        claim.keep_failed(entry, reason, content)
        mtrace(f"{entry.name}: refused: {reason}")

    def _note(self, verdict: Verdict) -> None:
        """Raise ServerError where it cannot be the mails: connections lost, or all refused, one by one."""
        if verdict.accepted:
            self.lost_in_a_row = self.refused_in_a_row = 0
        elif verdict.refused and not verdict.postponed:
            self.refused_in_a_row += 1
            if self.refused_in_a_row >= MOST_REFUSED:
                reason = next(iter(verdict.refused.values()))
                raise ServerError(f"{MOST_REFUSED} mails were refused in a row, the others wait: {reason}")
        if verdict.lost:
            self._note_lost(verdict.lost)

    def _note_lost(self, reason: str) -> None:
        self.lost_in_a_row += 1
        if self.lost_in_a_row >= MOST_LOST:
            raise ServerError(f"{MOST_LOST} connections were lost in a row, the others wait: {reason}")


def in_words(reasons: Mapping[str, str]) -> str:
    """Return who is not served, and why."""
    return "; ".join(f"{address}: {reason}" for address, reason in reasons.items())
