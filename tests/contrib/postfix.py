"""A Postfix of the tests' own on loopback, which keeps what it gets in a folder; Debian's `postfix`, as root.

`python -m tests.contrib.postfix 1000 SEED` sends so many mails to it, by processes that are killed.
"""

from __future__ import annotations

import os
import pwd
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from email import message_from_bytes
from pathlib import Path
from typing import TYPE_CHECKING

from tests.contrib.mail_storm import Outcome, let_time_pass, post_all, reasons, send_once
from tests.contrib.plugin_site import PluginSite
from tests.contrib.smtp_server import free_port
from tests.patience import until

if TYPE_CHECKING:
    from tests.contrib.mail_storm import Mail

POSTFIX = "/usr/sbin/postfix"
USER = "postfix"

MAIN = """\
compatibility_level = 3.6
queue_directory = {root}/queue
data_directory = {root}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = {user}
setgid_group = postdrop
myhostname = mail.example.org
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
maillog_file = {root}/log/mail.log
maillog_file_prefixes = {root}/log
virtual_mailbox_domains = example.org
virtual_mailbox_base = {root}/mail
virtual_mailbox_maps = static:all/
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
smtpd_relay_restrictions = reject_unauth_destination
smtpd_recipient_restrictions =
    check_recipient_access inline:{{ {{ refused@example.org = 550 5.1.1 no such user }} }}
smtpd_client_event_limit_exceptions =
smtpd_client_message_rate_limit = 20
smtpd_client_recipient_rate_limit = 35
anvil_rate_time_unit = 1s
"""
MASTER = "127.0.0.1:{port} inet n - n - - smtpd\n"
OTHERS = ("maildrop", "uucp", "ifmail", "bsmtp", "scalemail-backend", "mailman", "smtp      inet")


@dataclass
class Postfix:
    """Takes mail for example.org but for `refused@`, and says 450 to who sends too much in a second."""

    root: Path
    port: int = field(default_factory=free_port)

    def __enter__(self) -> Postfix:
        user = pwd.getpwnam(USER)
        for folder in ("queue", "data", "mail", "log", "config"):
            (self.root / folder).mkdir(parents=True)
        for folder in ("data", "mail"):
            shutil.chown(self.root / folder, user.pw_uid, user.pw_gid)
        main = MAIN.format(root=self.root, user=USER, uid=user.pw_uid, gid=user.pw_gid)
        (self.root / "config" / "main.cf").write_text(main)
        (self.root / "config" / "master.cf").write_text(self._services())
        self._run("start")
        until(lambda: "daemon started" in self.log.read_text(), "Postfix has started")
        return self

    def __exit__(self, *error: object) -> None:
        self._run("stop")

    @property
    def log(self) -> Path:
        return self.root / "log" / "mail.log"

    def restart(self) -> None:
        """Let every connection end that is open."""
        self._run("abort")
        self._run("start")

    def delivered(self) -> Counter[Mail]:
        """Return Message-ID and recipient of what it has put into the folder."""
        found: Counter[Mail] = Counter()
        for path in (self.root / "mail" / "all" / "new").glob("*"):
            message = message_from_bytes(path.read_bytes())
            found[message["Message-ID"], message["Delivered-To"]] += 1
        return found

    def is_idle(self) -> bool:
        """Return whether it has delivered all it has taken."""
        queues = (self.root / "queue" / name for name in ("maildrop", "incoming", "active", "deferred"))
        return not any(path.is_file() for queue in queues for path in queue.rglob("*"))

    def _services(self) -> str:
        """Return Debian's services without chroot, and without those for other programs."""
        lines = Path("/etc/postfix/master.cf").read_text().splitlines()
        services = [line for line in lines if line.strip() and line[0] not in "# \t"]
        kept = [line.split() for line in services if not line.startswith(OTHERS)]
        own = ["\t".join([*words[:4], "n", *words[5:]]) for words in kept]
        return MASTER.format(port=self.port) + "\n".join(own) + "\n"

    def _run(self, command: str) -> None:
        subprocess.run([POSTFIX, "-c", self.root / "config", command], check=True, capture_output=True)


def storm(folder: Path, *, messages: int, seed: int) -> Outcome:
    """Post messages, and send them through Postfix till none is left; now and then kill senders and it."""
    chance = random.Random(seed)
    site = PluginSite.with_plugins(folder / "site", "mail_queue")
    spool = site.root / "spool"
    with Postfix(folder / "postfix") as server:
        site.configure(
            f'[plugin_settings.mail_queue]\nspool = "spool"\nhost = "127.0.0.1"\nport = {server.port}\n'
            'security = "none"\nattempts = 1000'
        )
        posted = post_all(spool, messages, chance)
        started_at, kills, crashes = time.monotonic(), 0, 0
        while any((spool / "new").iterdir()) or any((spool / "claimed").rglob("*.eml")):
            let_time_pass(spool)
            kills += send_once(site, server.log, chance)
            if chance.random() < 0.1:
                server.restart()
                crashes += 1
        seconds = time.monotonic() - started_at
        until(server.is_idle, "Postfix has delivered everything")
        delivered = server.delivered()
    return Outcome(
        messages=messages,
        posted=posted,
        refusable=frozenset(mail for mail in posted if mail[1].startswith("refused@")),
        delivered=delivered,
        unanswered=0,
        kills=kills,
        crashes=crashes,
        refused=reasons(spool),
        left=sum(1 for path in spool.rglob("*.eml") if path.parent.name != "failed"),
        seconds=seconds,
    )


def main(messages: int, seed: int) -> int:
    with tempfile.TemporaryDirectory() as place:
        os.chmod(place, 0o755)
        outcome = storm(Path(place), messages=messages, seed=seed)
    print(outcome)
    return int(bool(outcome.lost or outcome.left or outcome.refusable != outcome.refused.keys()))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
