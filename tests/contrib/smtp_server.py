"""A real SMTP server on loopback, in this process or in one of its own that breaks down at random."""

from __future__ import annotations

import asyncio
import os
import random
import ssl
import sys
from dataclasses import dataclass, field
from email import message_from_bytes
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP as Server  # noqa: N811  (the client has that name already)
from aiosmtpd.smtp import AuthResult, LoginPassword

if TYPE_CHECKING:
    from aiosmtpd.smtp import Envelope, Session

REFUSED = "refused@"
LATER = "later@"
CERTIFICATE = Path(__file__).parents[1] / "data" / "smtp" / "loopback.pem"


@dataclass
class Received:
    """One message as it arrived."""

    sender: str
    recipients: list[str]
    content: bytes

    @property
    def message_id(self) -> str:
        return str(message_from_bytes(self.content)["Message-ID"])


@dataclass
class Handler:
    """Takes every message but those to `refused@` and `later@`; `answers` are given instead, one each.

    `pause`: the seconds it takes for a message.
    """

    received: list[Received] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    pause: float = 0.0

    async def handle_RCPT(  # noqa: N802
        self, server: Server, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address.startswith(REFUSED):
            return "550 5.1.1 no such user"
        if address.startswith(LATER):
            return "451 4.7.1 greylisted"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Server, session: Session, envelope: Envelope) -> str:  # noqa: N802
        await asyncio.sleep(self.pause)
        if self.answers:
            return self.answers.pop(0)
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        self.received.append(Received(envelope.mail_from or "", list(envelope.rcpt_tos), content))
        return "250 OK"


class LoopbackServer:
    """A server in threads of this process. `settings` are what a client has to know."""

    def __init__(self, *, with_tls: bool = False) -> None:
        self.handler = Handler()
        options: dict[str, Any] = {}
        if with_tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(CERTIFICATE)
            options = {
                "tls_context": context,
                "require_starttls": True,
                "authenticator": check_password,
                "auth_required": True,
            }
        self._controller = Controller(self.handler, hostname="127.0.0.1", port=free_port(), **options)

    @property
    def port(self) -> int:
        return int(self._controller.port)

    def __enter__(self) -> LoopbackServer:
        self._controller.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._controller.stop()


def check_password(
    server: Server, session: Session, envelope: Envelope, mechanism: str, data: Any
) -> AuthResult:
    is_right = isinstance(data, LoginPassword) and (data.login, data.password) == (b"site", b"s3cret")
    return AuthResult(success=is_right, handled=False)


def free_port() -> int:
    import socket

    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@dataclass
class BreakingHandler(Handler):
    """Notes what it takes in a ledger; now and then answers 451, hangs up, or dies before or after that."""

    ledger: Path = Path()
    chance: random.Random = field(default_factory=random.Random)

    async def handle_RCPT(  # noqa: N802
        self, server: Server, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        fate = self.chance.random()
        if fate < 0.05:
            return "452 4.2.2 mailbox is full"
        if fate < 0.08:
            assert server.transport is not None
            server.transport.write(b"421 4.7.0 too many recipients\r\n")
            server.transport.close()
            return "250 never heard"
        return await super().handle_RCPT(server, session, envelope, address, options)

    async def handle_DATA(self, server: Server, session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        received = Received(envelope.mail_from or "", list(envelope.rcpt_tos), content)
        fate = self.chance.random()
        if fate < 0.08:
            return "451 4.3.0 try again later"
        if fate < 0.10:
            os._exit(1)
        if fate < 0.12:
            assert server.transport is not None
            server.transport.abort()  # before it was taken
            return "250 never heard"
        if fate < 0.14:
            self._note("unanswered", received)
            os._exit(1)
        self._note("taken", received)
        return "250 OK"

    def _note(self, word: str, received: Received) -> None:
        with self.ledger.open("a") as ledger:
            ledger.writelines(f"{word} {received.message_id} {to}\n" for to in received.recipients)


async def serve(port: int, ledger: Path, seed: int) -> None:
    loop = asyncio.get_running_loop()
    handler = BreakingHandler(ledger=ledger, chance=random.Random(seed))
    server = await loop.create_server(lambda: Server(handler, loop=loop), "127.0.0.1", port)
    async with server:
        print("ready", flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])))
