"""What `[plugin_settings.mail_queue]` may say."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

SECURITIES = ("starttls", "tls", "none")
LOOPBACK = ("localhost", "127.0.0.1", "::1")
FROM_ONE = ("timeout", "data_timeout", "seconds", "attempts", "largest")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The spool, the server and the bounds of one run; lengths in seconds.

    `security`: starttls, tls (from the first byte, port 465) or none; `ca_file`: who vouches for the server,
    default the system's. `password` may be "env:NAME" or "file:/path". `package`: mails over one connection,
    0 for any number. A message is tried `attempts` times.
    """

    spool: Path
    host: str = "localhost"
    port: int = 25
    security: str = "starttls"
    ca_file: Path = Path()
    user: str = ""
    password: str = field(default="", repr=False)
    timeout: int = 20
    data_timeout: int = 120
    package: int = 50
    seconds: int = 45
    attempts: int = 36
    largest: int = 26_214_400
    dry_run: bool = False

    def __post_init__(self) -> None:
        if self.security not in SECURITIES:
            raise ValueError(f"security = {self.security!r} is none of {', '.join(SECURITIES)}")
        if not self.host or not self.host.isprintable() or " " in self.host:
            raise ValueError(f"host = {self.host!r} is no name of a server")
        if not 1 <= self.port <= 65_535:
            raise ValueError(f"port = {self.port} is not between 1 and 65535")
        for name in FROM_ONE:
            if getattr(self, name) < 1:
                raise ValueError(f"{name} = {getattr(self, name)} is less than 1")
        if self.package < 0:
            raise ValueError(f"package = {self.package} is less than 0")
        if self.ca_file != Path() and not self.ca_file.is_file():
            raise ValueError(f"ca_file = {str(self.ca_file)!r} is no file")
        if self.user and self.security == "none" and self.host not in LOOPBACK:
            raise ValueError("security = none would send the password readable for everybody on the way")
        if self.user:
            self.secret()

    @property
    def authority(self) -> str | None:
        """The file that says who vouches for the server, or None for those the system knows."""
        return None if self.ca_file == Path() else str(self.ca_file)

    def secret(self) -> str:
        """Return the password itself. Raises ValueError where it stands elsewhere and is not there."""
        where, _, name = self.password.partition(":")
        if where == "env":
            if name not in os.environ:
                raise ValueError(f"password: there is no {name} in the environment")
            return os.environ[name]
        if where != "file":
            return self.password
        try:
            return Path(name).read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"password: {name} cannot be read: {error}") from error
