"""Many mails through a server that is killed and refuses at random, sent by processes that are killed too.

`python -m tests.contrib.mail_storm 1000 SEED` prints what came of it.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.contrib.plugin_site import PLUGINS, PluginSite
from tests.contrib.smtp_faults import plugin
from tests.contrib.smtp_server import free_port
from tests.patience import DEADLINE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

Mail = tuple[str, str]

KILLED = 0.6
"""How many of the sending processes are killed."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a storm; of each mail its Message-ID and one recipient."""

    messages: int
    posted: frozenset[Mail]
    refusable: frozenset[Mail]
    delivered: Counter[Mail]
    unanswered: int
    kills: int
    crashes: int
    refused: dict[Mail, str]
    left: int
    seconds: float

    @property
    def lost(self) -> int:
        return len(self.posted - self.delivered.keys() - self.refused.keys())

    @property
    def duplicates(self) -> int:
        return by_message({mail: count - 1 for mail, count in self.delivered.items()})

    def __str__(self) -> str:
        return (
            f"{self.messages} mails to {len(self.posted)} recipients posted, {len(self.delivered)} delivered "
            f"in {self.seconds:.0f} s, "
            f"{self.lost} lost, {self.duplicates} twice ({self.unanswered} taken without an answer, "
            f"{self.kills} senders killed), {len(self.refused)} of {len(self.refusable)} in failed/, "
            f"server crashed {self.crashes} times"
        )


def spool_module() -> ModuleType:
    """Return the plugin's own module for applications, imported from where it lies."""
    import importlib.util

    spec = importlib.util.spec_from_file_location("mail_spool", PLUGINS / "mail_queue" / "spool.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    was, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        spec.loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = was
    return module


def storm(folder: Path, *, messages: int, seed: int) -> Outcome:
    """Post messages, and send them till none is left."""
    chance = random.Random(seed)
    site = PluginSite.with_plugins(folder, "mail_queue")
    spool, ledger, port = folder / "spool", folder / "ledger", free_port()
    site.configure(
        f'[plugin_settings.mail_queue]\nspool = "spool"\nhost = "127.0.0.1"\nport = {port}\n'
        'security = "none"\ntimeout = 5\nattempts = 1000'
    )
    ledger.touch()
    posted = post_all(spool, messages, chance)
    started_at, kills, crashes = time.monotonic(), 0, 0
    server = start_server(port, ledger, seed)
    try:
        while any((spool / "new").iterdir()) or any((spool / "claimed").rglob("*.eml")):
            if server.poll() is not None:
                crashes += 1
                server.communicate()
                server = start_server(port, ledger, seed + crashes)
            let_time_pass(spool)
            kills += send_once(site, ledger, chance)
    finally:
        server.kill()
        server.communicate()
    lines = [line.split() for line in ledger.read_text("utf-8").splitlines()]
    return Outcome(
        messages=messages,
        posted=posted,
        refusable=frozenset(mail for mail in posted if mail[1].startswith("refused@")),
        delivered=Counter((message_id, to) for _, message_id, to in lines),
        unanswered=by_message(
            Counter((message_id, to) for word, message_id, to in lines if word == "unanswered")
        ),
        kills=kills,
        crashes=crashes,
        refused=reasons(spool),
        left=sum(1 for path in spool.rglob("*.eml") if path.parent.name != "failed"),
        seconds=time.monotonic() - started_at,
    )


def by_message(counts: Mapping[Mail, int]) -> int:
    """Return how many messages that is: one goes to all its recipients at once, and counts for each."""
    messages: Counter[str] = Counter()
    for (message_id, _), count in counts.items():
        messages[message_id] = max(messages[message_id], count)
    return messages.total()


def post_all(spool: Path, messages: int, chance: random.Random) -> frozenset[Mail]:
    """Post messages to one to three recipients, some of whom the server does not know; return all mails."""
    module, mails = spool_module(), []
    for number in range(messages):
        names = chance.sample(["ann", "bob", "eve", "refused"], chance.choice((1, 1, 2, 3)))
        to = [f"{name}@example.org" for name in names]
        mails += [(f"<{number}@example.org>", one) for one in to]
        text = (
            f"From: site@example.org\nTo: {', '.join(to)}\nMessage-ID: <{number}@example.org>\n"
            f"Subject: {number}\n\nFrom here\n.{number}\n"
        )
        module.post(spool, text.encode())
    return frozenset(mails)


def start_server(port: int, ledger: Path, seed: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.contrib.smtp_server", str(port), str(ledger), str(seed)]
    root = Path(__file__).parents[2]
    server = subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    assert server.stdout.readline() == "ready\n"
    return server


def let_time_pass(spool: Path) -> None:
    """Make everything due that waits for another try."""
    for path in (spool / "new").iterdir():
        os.utime(path, (0, 0))


def send_once(site: PluginSite, ledger: Path, chance: random.Random) -> bool:
    """Run the task once; kill it, now and then, when it has sent something; return whether it was killed."""
    is_to_die, seen = chance.random() < KILLED, ledger.stat().st_size
    process = site.start("cron", "--quiet")
    more = chance.randrange(30, 600)
    while is_to_die and process.poll() is None:
        if ledger.stat().st_size > seen + more:
            process.kill()
            process.communicate()
            site.taskrun("retry", "SendMails")
            return True
    process.communicate(timeout=DEADLINE)
    site.taskrun("retry", "SendMails")
    return False


def reasons(spool: Path) -> dict[Mail, str]:
    """Return the reason beside each message in failed/ for each of its recipients."""
    found = {}
    for path in (spool / "failed").glob("*.eml"):
        message = plugin("message").Message.parse(path.read_bytes())
        [message_id] = message.values("Message-ID")
        said = path.with_suffix(".txt").read_text("utf-8").rstrip("\n").split("; ")
        found |= {(message_id, to): reason for to, reason in zip(message.recipients(), said, strict=True)}
    return found


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        print(storm(Path(place) / "site", messages=int(sys.argv[1]), seed=int(sys.argv[2])))
