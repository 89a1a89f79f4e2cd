"""Handing one message to an SMTP server (RFC 5321), and what becomes of each of its recipients."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .connection import LostError, Reply, ServerError, answer, ask
from .message import is_address

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .connection import Patient
    from .message import Message

DOT = re.compile(rb"^\.", re.MULTILINE)
NO_ADDRESS = "this is no address"
NO_UTF8 = "the server takes no addresses outside of ASCII"


class UntouchedError(Exception):
    """The connection was gone before the server had heard of this mail. The text says why."""


@dataclass(slots=True)
class Verdict:
    """What became of a message for each recipient, with the server's reason where it was not accepted.

    Only the server's yes to the content puts one in `accepted`. `lost` says why the connection cannot be used
    any more, "" if it can.
    """

    accepted: list[str] = field(default_factory=list)
    postponed: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    lost: str = ""

    def note(self, addresses: Iterable[str], reply: Reply) -> None:
        """Note the server's no for some recipients."""
        noted = self.refused if reply.is_for_good else self.postponed
        noted |= dict.fromkeys(addresses, str(reply))

    def lose(self, addresses: Iterable[str], reason: str) -> None:
        """Note that the connection was lost before these recipients had got it, as far as is known."""
        self.lost = reason
        self.postponed |= dict.fromkeys(addresses, reason)


def deliver(connection: Patient, message: Message, *, data_timeout: float, is_first: bool) -> Verdict:
    """Try to send a message to all its recipients, and return what became of them.

    `is_first`: the connection is new; if it is lost at once, the message may be the cause.
    Raises UntouchedError, ServerError; ValueError: the message names nobody.
    """
    verdict, sender = Verdict(), message.sender()
    wanted = _for_wire(connection, message.recipients(), verdict)
    if not wanted:
        return verdict
    from_wire = "" if not sender else wire_form(connection, sender)
    if from_wire is None:
        verdict.refused |= dict.fromkeys(wanted, f"the sender {sender}: {_why_not(sender)}")
        return verdict
    content = message.to_server()
    try:
        reply = ask(connection, f"MAIL FROM:<{from_wire}>{_options(connection, from_wire, wanted, content)}")
    except LostError as error:
        if not is_first:
            raise UntouchedError(str(error)) from error
        verdict.lose(wanted, str(error))
        return verdict
    if not reply.is_yes:
        verdict.note(wanted, reply)
        return verdict
    takers = _ask_for_each(connection, wanted, verdict)
    if takers:
        _send_content(connection, content, takers, verdict, data_timeout=data_timeout)
    elif not verdict.lost:
        verdict.lost = _reset(connection)
    return verdict


def wire_form(connection: Patient, address: str) -> str | None:
    """Return an address as it can be sent over this connection, or None if it cannot."""
    if not is_address(address):
        return None
    if address.isascii() or connection.has_extn("smtputf8"):
        return address
    local, _, domain = address.rpartition("@")
    try:
        return f"{local}@{domain.encode('idna').decode()}" if local.isascii() else None
    except UnicodeError:
        return None


def _why_not(address: str) -> str:
    return NO_UTF8 if is_address(address) else NO_ADDRESS


def _for_wire(connection: Patient, recipients: Iterable[str], verdict: Verdict) -> dict[str, str]:
    """Return the recipients that can be named, each as it is; those that cannot are refused."""
    forms = {address: wire_form(connection, address) for address in recipients}
    verdict.refused |= {address: _why_not(address) for address, form in forms.items() if form is None}
    return {address: form for address, form in forms.items() if form is not None}


def _options(connection: Patient, sender: str, wanted: Mapping[str, str], content: bytes) -> str:
    """Return what MAIL says of the message, as far as the server understands it."""
    said = []
    if connection.has_extn("size"):
        said.append(f"SIZE={len(content)}")
    if connection.has_extn("8bitmime") and not content.isascii():
        said.append("BODY=8BITMIME")
    if not (sender + "".join(wanted.values())).isascii():
        said.append("SMTPUTF8")
        connection.command_encoding = "utf-8"
    return "".join(f" {option}" for option in said)


def _ask_for_each(connection: Patient, wanted: Mapping[str, str], verdict: Verdict) -> list[str]:
    """Return the recipients for whom the server would take the message.

    When the connection is lost here, nobody has got it: none is returned, those not refused are postponed.
    """
    takers: list[str] = []
    for address, form in wanted.items():
        try:
            reply = ask(connection, f"RCPT TO:<{form}>")
        except LostError as error:
            unserved = wanted.keys() - verdict.refused.keys() - verdict.postponed.keys() - {address}
            verdict.lose(unserved, f"not sent: the connection was lost at {address}: {error}")
            verdict.lose([address], str(error))
            return []
        if reply.is_yes:
            takers.append(address)
        else:
            verdict.note([address], reply)
    return takers


def _send_content(
    connection: Patient, content: bytes, takers: list[str], verdict: Verdict, *, data_timeout: float
) -> None:
    """Send the content, and note for those who would take it whether the server has accepted it."""
    try:
        reply = ask(connection, "DATA", yes=3)
        if reply.is_yes:
            with connection.more_patient(data_timeout):
                reply = _send_to_the_end(connection, content)
    except LostError as error:
        verdict.lose(takers, str(error))
        return
    if reply.is_yes:
        verdict.accepted += takers
    else:
        verdict.note(takers, reply)


def _send_to_the_end(connection: Patient, content: bytes) -> Reply:
    connection.send(DOT.sub(b"..", content) + b".\r\n")
    try:
        return answer(connection)
    except LostError as error:
        raise LostError(f"{error}; whether the server has taken it is not known") from error


def _reset(connection: Patient) -> str:
    """Let the server forget a message that nobody gets; return why the connection cannot be used, or ""."""
    try:
        reply = ask(connection, "RSET")
    except (LostError, ServerError) as error:
        connection.close()
        return str(error)
    if not reply.is_yes:
        connection.close()
        return str(reply)
    return ""
