"""Handing one message to an SMTP server, and what the server says to it (RFC 5321)."""

from __future__ import annotations

import ssl
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email import message_from_bytes
from email.policy import SMTP as WIRE
from email.utils import getaddresses
from hashlib import sha256
from smtplib import (
    SMTP,
    SMTP_SSL,
    SMTPNotSupportedError,
    SMTPRecipientsRefused,
    SMTPResponseException,
)
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from email.message import Message

    from .settings import Settings

LONGEST_REASON = 500
ENVELOPE_FROM, ENVELOPE_TO = "X-Envelope-From", "X-Envelope-To"
"""Headers for this queue alone, where sender and recipients are others than those of the message."""


class ConnectionLostError(Exception):
    """The server went away: it is not known whether it has taken the message."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The recipients the server would not take now, and not at all, with its reasons; the rest is sent."""

    recipients: tuple[str, ...]
    postponed: Mapping[str, str]
    refused: Mapping[str, str]

    @property
    def is_sent(self) -> bool:
        """Whether anybody gets the message."""
        return len(self.postponed) + len(self.refused) < len(self.recipients)

    def is_for_all(self, addresses: Collection[str]) -> bool:
        """Say whether these are all recipients."""
        return len(addresses) == len(self.recipients)


@contextmanager
def opened(settings: Settings) -> Iterator[SMTP]:
    """Give a connection on which mail can be sent. Raises OSError, SMTPException."""
    context = ssl.create_default_context(cafile=settings.ca_file or None)
    if settings.security == "tls":
        connection: SMTP = SMTP_SSL(settings.host, settings.port, timeout=settings.timeout, context=context)
    else:
        connection = SMTP(settings.host, settings.port, timeout=settings.timeout)
    try:
        if settings.security == "starttls":
            connection.starttls(context=context)
        if settings.user:
            connection.login(settings.user, settings.secret())
        yield connection
        _quit(connection)
    finally:
        connection.close()


def deliver(connection: SMTP, content: bytes, *, name: str) -> Verdict:
    """Send a message, and say to whom not. Raises ValueError: it cannot be sent at all; ConnectionLostError.

    Without a Message-ID it gets one made of `name`, the same however often it is tried.
    """
    recipients: tuple[str, ...] = ()
    try:
        message = message_from_bytes(content, policy=WIRE.clone(refold_source="none"))
        sender, recipients = envelope(message)
        if "Message-ID" not in message:
            message["Message-ID"] = message_id(name, sender)
        return _verdict(recipients, connection.send_message(message, sender, list(recipients)))
    except SMTPRecipientsRefused as error:
        return _verdict(recipients, error.recipients)
    except SMTPNotSupportedError as error:
        raise ValueError(f"the server cannot take it: {error}") from error
    except SMTPResponseException as error:
        return _verdict_for_all(recipients, error)
    except OSError as error:  # all other errors of smtplib among them
        raise ConnectionLostError(f"the connection was lost: {error}") from error
    except ValueError:
        raise
    except Exception as error:  # of the email package, which raises anything on nonsense
        raise ValueError(f"cannot be read as a message: {error}") from error


def envelope(message: Message) -> tuple[str, tuple[str, ...]]:
    """Return sender and recipients, and take from the message what is not to be sent along.

    Raises ValueError: somebody is missing.
    """
    sender = _first(message, ENVELOPE_FROM, "Sender", "From")
    recipients = _first(message, ENVELOPE_TO) or _addresses(message, "To", "Cc", "Bcc")
    if not sender or not recipients:
        raise ValueError(f"there is no {'recipient' if sender else 'sender'}")
    for header in (ENVELOPE_FROM, ENVELOPE_TO, "Bcc", "Resent-Bcc"):
        del message[header]
    return sender[0], tuple(dict.fromkeys(recipients))


def message_id(name: str, sender: str) -> str:
    """Return the id of a message that has none.

    >>> message_id("00000000001800000000-1", "site@example.org")
    '<51010f1203dfa1c9bb933436d3e35233@example.org>'
    """
    return f"<{sha256(name.encode()).hexdigest()[:32]}@{sender.rpartition('@')[2] or 'localhost'}>"


def only_for(content: bytes, addresses: Collection[str]) -> bytes:
    """Return a message as it is to be kept for some of its recipients."""
    return f"{ENVELOPE_TO}: {', '.join(addresses)}\n".encode() + content


def reason_of(code: int, text: bytes | str) -> str:
    """Return what a server said, on one line without control characters."""
    said = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    printable = "".join(sign if sign.isprintable() else " " for sign in said)
    return f"{code} {' '.join(printable.split())}"[:LONGEST_REASON]


def _first(message: Message, *headers: str) -> list[str]:
    """Return the addresses in the first of these headers that is there."""
    fields = [str(message[header]) for header in headers if header in message]
    return _addresses_in(fields[:1])


def _addresses(message: Message, *headers: str) -> list[str]:
    return _addresses_in([str(field) for header in headers for field in message.get_all(header, [])])


def _addresses_in(fields: list[str]) -> list[str]:
    return [address for _, address in getaddresses(fields) if address]


def _verdict(recipients: tuple[str, ...], answers: Mapping[str, tuple[int, bytes]]) -> Verdict:
    reasons = {address: reason_of(*answer) for address, answer in answers.items()}
    for_good = {address for address, (code, _) in answers.items() if code >= 500}
    return Verdict(
        recipients,
        postponed={address: text for address, text in reasons.items() if address not in for_good},
        refused={address: text for address, text in reasons.items() if address in for_good},
    )


def _verdict_for_all(recipients: tuple[str, ...], error: SMTPResponseException) -> Verdict:
    """Return what an answer to the message itself means. Raises ConnectionLostError: it is no answer."""
    if not 400 <= error.smtp_code <= 599:
        said = reason_of(error.smtp_code, error.smtp_error)
        raise ConnectionLostError(f"this is no answer of SMTP: {said}") from error
    return _verdict(recipients, dict.fromkeys(recipients, (error.smtp_code, error.smtp_error)))


def _quit(connection: SMTP) -> None:
    """Say goodbye; what was sent is sent, whatever comes of that."""
    with suppress(OSError):
        if connection.sock is not None:
            connection.quit()
