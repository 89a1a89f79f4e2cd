"""An SMTP server that breaks down at one moment in one way, and what then becomes of each recipient's mail.

`python -m tests.contrib.smtp_faults` prints the table.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import socket
import ssl
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.contrib.plugin_site import PLUGINS
from tests.contrib.smtp_server import CERTIFICATE, free_port
from tests.patience import DEADLINE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

SESSION_PHASES = ("connect", "greeting", "ehlo", "starttls", "auth")
MAIL_PHASES = ("mail", "rcpt 1", "rcpt 2", "rcpt 3", "data", "end", "rset", "quit")
FAULTS = ("4xx", "5xx", "530", "421", "disconnect", "drip", "garbage")
ANSWERS = {
    "4xx": b"451 4.3.0 try later\r\n",
    "5xx": b"554 5.3.0 never\r\n",
    "530": b"530 5.7.0 log in first\r\n",
}
DRIP_PAUSE = 0.1
PATIENCE = 4
"""Seconds that a client has for a server that drips: enough for all else it has to do."""

FIRST = ("ann@example.org", "bob@example.org", "eve@example.org")
SECOND = ("zoe@example.org",)
GOOD = {"mail": b"250 OK\r\n", "rset": b"250 OK\r\n", "quit": b"221 bye\r\n", "data": b"354 go on\r\n"}


class EndedError(Exception):
    """The server hangs up."""


@dataclass
class FaultyServer:
    """A server with STARTTLS and AUTH that has one `fault` in `phase`: once, or `always`.

    A phase before the first mail has it always. `answers` are given one by one to recipients that begin so;
    after `mails_each` mails it ends a connection.

    `accepted` are the recipients of each message it has taken, whether the client has heard of that or not.
    """

    phase: str
    fault: str
    refuses_all: bool = False
    extensions: tuple[str, ...] = ("SIZE 1000000", "8BITMIME")
    accepted: list[tuple[str, ...]] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    contents: list[bytes] = field(default_factory=list)
    answers: dict[str, list[bytes]] = field(default_factory=dict)
    always: bool = False
    mails_each: int = 1_000_000
    port: int = field(default_factory=free_port)
    _listening: socket.socket = field(init=False)

    def __enter__(self) -> FaultyServer:
        self._listening = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            conversation = Conversation(self, connection)
            with contextlib.suppress(EndedError, OSError):
                if not (self.fault == "disconnect" and self.is_broken("connect")):
                    conversation.hold()
            conversation.connection.close()

    def is_broken(self, phase: str) -> bool:
        if phase != self.phase:
            return False
        if phase in MAIL_PHASES and not self.always:
            self.phase = ""  # once
        return True


@dataclass
class Conversation:
    """One connection of a client."""

    server: FaultyServer
    connection: socket.socket
    received: bytes = b""
    refused: list[str] = field(default_factory=list)
    mails: int = 0

    def hold(self) -> None:
        self._answer("greeting", b"220 ready\r\n")
        recipients: list[str] = []
        while command := self._line():
            self.server.commands.append(command)
            verb = command.upper()
            if verb.startswith("EHLO"):
                lines = ["loopback", "STARTTLS", "AUTH PLAIN", *self.server.extensions, "HELP"]
                said = "".join(f"250-{line}\r\n" for line in lines[:-1]) + f"250 {lines[-1]}\r\n"
                self._answer("ehlo", said.encode())
            elif verb == "STARTTLS":
                self._answer("starttls", b"220 go on\r\n")
                self._encrypt()
            elif verb.startswith("AUTH"):
                self._answer("auth", b"235 welcome\r\n")
            elif verb.startswith("RCPT"):
                recipients.append(command.partition("<")[2].partition(">")[0])
                self._answer(f"rcpt {len(recipients)}", self._of_recipient(recipients[-1]))
            elif verb == "DATA":
                if self._answer("data", GOOD["data"]):
                    self._take_content(recipients)
            elif verb.startswith("MAIL") and self.mails >= self.server.mails_each:
                self.connection.sendall(b"421 4.7.0 enough for one connection\r\n")
                raise EndedError
            else:
                self.mails += verb.startswith("MAIL")
                if verb[:4] in ("MAIL", "RSET"):
                    recipients, self.refused = [], []
                self._answer(verb[:4].lower(), GOOD.get(verb[:4].lower(), b"502 what?\r\n"))

    def _of_recipient(self, address: str) -> bytes:
        if self.server.refuses_all:
            return b"550 5.1.1 nobody\r\n"
        for beginning, answers in self.server.answers.items():
            if address.startswith(beginning) and answers:
                self.refused.append(address)
                return answers.pop(0)
        return b"250 OK\r\n"

    def _take_content(self, recipients: list[str]) -> None:
        """Read a message, and take it unless the answer is a no; it is taken where the client cannot know."""
        lines = []
        while (line := self._raw_line()) != b".\r\n":
            lines.append(line)
        if self.server.phase != "end" or self.server.fault in ("disconnect", "drip", "garbage"):
            self.server.contents.append(b"".join(lines))
            self.server.accepted.append(tuple(one for one in recipients if one not in self.refused))
        self._answer("end", b"250 taken\r\n")

    def _answer(self, phase: str, said: bytes) -> bool:
        """Answer with `said`, or as broken; return whether it was `said` as it should be."""
        if not self.server.is_broken(phase):
            self.connection.sendall(said)
            return True
        fault = self.server.fault
        if phase.startswith("rcpt") and fault in ("4xx", "5xx"):
            self.refused.append(FIRST[int(phase[-1]) - 1])
        if fault in ANSWERS:
            self.connection.sendall(ANSWERS[fault])
        elif fault == "drip":
            while True:  # until the client has had enough
                self.connection.sendall(b"2")
                time.sleep(DRIP_PAUSE)
        elif fault == "garbage":
            self.connection.sendall(b"HTTP/1.1 400 Bad Request\r\n")
        else:
            if fault == "421":
                self.connection.sendall(b"421 4.7.0 too fast\r\n")
            raise EndedError
        return False

    def _encrypt(self) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATE)
        self.connection = context.wrap_socket(self.connection, server_side=True)

    def _raw_line(self) -> bytes:
        while b"\n" not in self.received:
            found = self.connection.recv(65536)
            if not found:
                raise EndedError
            self.received += found
        line, end, self.received = self.received.partition(b"\n")
        return line + end

    def _line(self) -> str:
        return self._raw_line().decode("utf-8").strip()


@dataclass
class Queue:
    """The plugin in this process, on a spool of its own."""

    spool: Path
    server: FaultyServer

    def settings(self, **others: Any) -> Any:
        given = {
            "spool": self.spool,
            "host": "localhost",
            "port": self.server.port,
            "ca_file": CERTIFICATE,
            "user": "site",
            "password": "s3cret",
            "timeout": PATIENCE if self.server.fault == "drip" else int(DEADLINE),
            "data_timeout": PATIENCE if self.server.fault == "drip" else int(DEADLINE),
        }
        return plugin("settings").Settings(**given | others)

    def post(self, *recipients: str, content: str | bytes = "") -> None:
        text = content or f"From: site@example.org\nTo: {', '.join(recipients)}\nSubject: hello\n\nhello\n"
        plugin("spool").post(self.spool, text.encode() if isinstance(text, str) else text)

    def send(self, **others: Any) -> str:
        """Send all that is due; return why the task has failed, "" if it has not."""
        module, spool = plugin(), plugin("spool").Spool(self.spool)
        sending = module.Sending(
            spool, self.settings(**others), until=time.monotonic() + others.get("seconds", DEADLINE)
        )
        due = spool.due(time.time())
        try:
            while due and not sending.is_over:
                due = sending.send(due)
        except plugin("connection").ServerError as error:
            return str(error)
        return ""

    def let_time_pass(self) -> None:
        for path in (self.spool / "new").iterdir():
            os.utime(path, (0, 0))

    def state(self, recipient: str) -> str:
        """Return where a recipient's mail is: sent, waits, again (it was tried), failed; with a + for and."""
        states = ["sent"] * sum(recipient in accepted for accepted in self.server.accepted)
        for path in sorted((self.spool / "new").iterdir()):
            if recipient in recipients_of(path):
                states.append("again" if ",tries=" in path.name else "waits")
        for path in sorted((self.spool / "failed").glob("*.eml")):
            states += ["failed"] * (recipient in recipients_of(path))
        return "+".join(states) or "LOST"

    def reason(self, recipient: str) -> str:
        """Return the reason beside the mail of a recipient in failed/."""
        found = [path for path in (self.spool / "failed").glob("*.eml") if recipient in recipients_of(path)]
        return "".join(path.with_suffix(".txt").read_text("utf-8") for path in found)


def recipients_of(path: Path) -> tuple[str, ...]:
    found: tuple[str, ...] = plugin("message").Message.parse(path.read_bytes()).recipients()
    return found


def plugin(part: str = "") -> ModuleType:
    """Return the plugin, or one of its modules, imported from where it lies."""
    name = "mail_queue_in_tests"
    if name not in sys.modules:
        folder = PLUGINS / "mail_queue"
        spec = importlib.util.spec_from_file_location(
            name, folder / "__init__.py", submodule_search_locations=[str(folder)]
        )
        assert spec is not None
        assert spec.loader is not None
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        was, sys.dont_write_bytecode = sys.dont_write_bytecode, True
        try:
            spec.loader.exec_module(module)
        finally:
            sys.dont_write_bytecode = was
    return sys.modules[f"{name}.{part}" if part else name]


def cases() -> Iterator[tuple[str, str]]:
    """Give each phase with each fault that it can have."""
    for phase in (*SESSION_PHASES, *MAIL_PHASES):
        for fault in FAULTS:
            if phase != "connect" or fault == "disconnect":
                yield phase, fault


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the mails to FIRST and to SECOND: with the fault, and after it."""

    states: tuple[str, ...]
    afterwards: tuple[str, ...]
    failure: str
    seconds: float


def suffer(folder: Path, phase: str, fault: str) -> Outcome:
    """Send two mails to a server with a fault, and again when it has none any more."""
    with FaultyServer(phase, fault, refuses_all=phase == "rset") as server:
        queue = Queue(folder, server)
        queue.post(*FIRST)
        queue.post(*SECOND)
        began = time.monotonic()
        failure = queue.send()
        seconds = time.monotonic() - began
        states = tuple(queue.state(address) for address in FIRST + SECOND)
        server.phase = ""
        queue.let_time_pass()
        queue.send()
        afterwards = tuple(queue.state(address) for address in FIRST + SECOND)
    return Outcome(states, afterwards, failure, seconds)


def main() -> None:
    print(f"{'phase':9} {'fault':11} {'ann bob eve | zoe':38} task     afterwards")
    for phase, fault in cases():
        with tempfile.TemporaryDirectory() as place, contextlib.redirect_stdout(None):
            outcome = suffer(Path(place), phase, fault)
        *first, second = outcome.states
        states = f"{' '.join(first)} | {second}"
        *first, second = outcome.afterwards
        print(
            f"{phase:9} {fault:11} {states:38} {'fails' if outcome.failure else 'ok':6} "
            f"{outcome.seconds:4.1f} s  {' '.join(first)} | {second}"
        )


if __name__ == "__main__":
    main()
