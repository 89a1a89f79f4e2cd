"""A pooler in transaction mode for machines without pgbouncer: each transaction on the next connection."""

from __future__ import annotations

import asyncio
import os
import struct
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import quote

from tests.patience import DEADLINE
from tests.server.postgres import PostgresServer

ENCRYPT = (80877103, 80877104)
"""Asked for in place of a version of the protocol: TLS, GSSAPI."""

CANCEL = 80877102
READY, ERROR, PARAMETER, TERMINATE = b"Z", b"E", b"S", b"X"
END_WITH_READY = (b"S", b"Q", b"F")
"""Sync, query, function call: what a client sends, and the server answers with READY in the end."""

NO_TRANSACTION = b"I"
AUTHENTICATED = b"R" + struct.pack("!ii", 8, 0)
IS_READY = READY + struct.pack("!i", 5) + NO_TRANSACTION
GONE = (asyncio.IncompleteReadError, ConnectionError)


@dataclass(frozen=True, slots=True)
class Line:
    """A connection, to a client or to the server."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def read(self) -> tuple[bytes, bytes]:
        """Return the kind of the next message, and all of it."""
        head = await self.reader.readexactly(5)
        return head[:1], head + await self.reader.readexactly(struct.unpack("!i", head[1:])[0] - 4)

    async def read_startup(self) -> tuple[int, bytes]:
        """Return what a client's first message asks for, and all of it."""
        head = await self.reader.readexactly(8)
        size, asked = struct.unpack("!ii", head)
        return asked, head + await self.reader.readexactly(size - 8)


@dataclass(slots=True)
class Pool:
    """The connections to the server that began with the same words: user, database, options."""

    port: int
    startup: bytes
    idle: deque[Line] = field(default_factory=deque)

    async def grow(self) -> bytes:
        """Open one more connection; return what the server says of itself, or why it refuses."""
        line = Line(*await asyncio.open_connection(PostgresServer.host, self.port))
        line.writer.write(self.startup)
        said = b""
        while True:
            kind, message = await line.read()
            if kind == ERROR:
                line.writer.close()
                return message
            if kind == READY:
                self.idle.append(line)
                return said
            if kind == PARAMETER:
                said += message

    async def take(self) -> Line:
        """Take the connection that nobody had for the longest time, of two at least."""
        while len(self.idle) < 2:
            await self.grow()
        return self.idle.popleft()


@dataclass(slots=True)
class Session:
    """A client, and the connection that it has for the length of a transaction."""

    client: Line
    pool: Pool
    server: Line | None = None
    answering: asyncio.Task[None] | None = None
    unanswered: int = 0
    unfinished: bool = False

    async def serve(self) -> None:
        """Hand on what the client asks until it leaves; a transaction that it left open goes with it."""
        try:
            while (received := await self.client.read())[0] != TERMINATE:
                await self._ask(*received)
        finally:
            if self.server and self.answering:
                self.answering.cancel()
                self.server.writer.close()

    async def _ask(self, kind: bytes, message: bytes) -> None:
        if self.server is None:
            self.server = await self.pool.take()
            self.answering = asyncio.create_task(self._answer(self.server))
        self.unfinished = kind not in END_WITH_READY
        self.unanswered += kind in END_WITH_READY
        self.server.writer.write(message)

    async def _answer(self, server: Line) -> None:
        """Hand on the server's answers until the transaction is over."""
        with suppress(*GONE):
            while not self._is_over(message := (await server.read())[1]):
                self.client.writer.write(message)
            self.server = None
            self.pool.idle.append(server)
            self.client.writer.write(message)
            return
        server.writer.close()
        self.client.writer.close()

    def _is_over(self, message: bytes) -> bool:
        self.unanswered -= message[:1] == READY
        return message == IS_READY and not (self.unanswered or self.unfinished)


@dataclass(slots=True)
class Pooler:
    """A pooler in front of a server; a client that is alone gets two connections by turns."""

    server: PostgresServer
    port: int = 0
    pools: dict[bytes, Pool] = field(default_factory=dict)
    listening: threading.Event = field(default_factory=threading.Event)

    def url(self, database: str = "postgres") -> str:
        """Return the address of a database behind it."""
        return f"postgresql://{self.server.user}@{self.server.host}:{self.port}/{quote(database)}"

    async def listen(self, ending: asyncio.Event) -> None:
        """Serve clients until told to end."""
        listener = await asyncio.start_server(self._meet, self.server.host)
        self.port = listener.sockets[0].getsockname()[1]
        self.listening.set()
        await ending.wait()
        listener.close()
        for line in (line for pool in self.pools.values() for line in pool.idle):
            line.writer.close()

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = Line(reader, writer)
        with suppress(*GONE), closing(writer):
            asked, startup = await client.read_startup()
            while asked in ENCRYPT:
                writer.write(b"N")
                asked, startup = await client.read_startup()
            if asked != CANCEL:
                await self._let_in(client, startup)

    async def _let_in(self, client: Line, startup: bytes) -> None:
        """Greet a client with a process id and a key that are no server's, then serve it."""
        pool = self.pools.setdefault(startup, Pool(self.server.port, startup))
        said = await pool.grow()
        if said[:1] == ERROR:
            client.writer.write(said)
            return
        key = b"K" + struct.pack("!i", 12) + os.urandom(8)
        client.writer.write(AUTHENTICATED + said + key + IS_READY)
        await Session(client, pool).serve()


@contextmanager
def running_pooler(server: PostgresServer) -> Iterator[Pooler]:
    """Run a pooler, in a thread of this process, until the block ends."""
    pooler, loop, ending = Pooler(server), asyncio.new_event_loop(), asyncio.Event()

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(pooler.listen(ending))

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert pooler.listening.wait(DEADLINE)
        yield pooler
    finally:
        loop.call_soon_threadsafe(ending.set)
        thread.join()
