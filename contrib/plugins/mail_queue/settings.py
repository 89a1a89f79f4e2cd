"""What `[plugin_settings.mail_queue]` may say."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

SECURITIES = ("starttls", "tls", "none")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The spool, the server and the bounds of one run; lengths in seconds.

    `security`: starttls, tls (from the first byte, port 465) or none; `ca_file`: who vouches for the server,
    default the system's. `password` may be "env:NAME" or "file:/path". A message is tried `attempts` times.
    """

    spool: Path
    host: str = "localhost"
    port: int = 25
    security: str = "starttls"
    ca_file: str = ""
    user: str = ""
    password: str = field(default="", repr=False)
    timeout: int = 20
    package: int = 50
    seconds: int = 45
    attempts: int = 36
    largest: int = 26_214_400
    dry_run: bool = False

    def __post_init__(self) -> None:
        if self.security not in SECURITIES:
            raise ValueError(f"security is none of {', '.join(SECURITIES)}")
        if min(self.port, self.timeout, self.package, self.seconds, self.attempts, self.largest) < 1:
            raise ValueError("port, timeout, package, seconds, attempts and largest begin at 1")
        if self.user and self.security == "none" and self.host not in ("localhost", "127.0.0.1", "::1"):
            raise ValueError("security = none would send the password readable for everybody on the way")

    def secret(self) -> str:
        """Return the password itself. Raises OSError, KeyError where it stands elsewhere and is not there."""
        where, _, name = self.password.partition(":")
        if where == "env":
            return os.environ[name]
        return Path(name).read_text("utf-8").strip() if where == "file" else self.password
