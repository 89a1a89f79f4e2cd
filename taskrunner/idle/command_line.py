"""Telling a plain `taskrun cron` from all else, without the library that reads command lines."""

from __future__ import annotations

TYPE_CHECKING = False  # spares an idle minute `typing`
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

COMPLETION = "_TASKRUN_COMPLETE"
"""Set by the shell that wants to know how a command line could go on; click answers."""


def config_of_plain_cron(arguments: Sequence[str], environ: Mapping[str, str]) -> str | None:
    """Return the file that `--config` names, "" without it; None: this is not a cron without other options.

    >>> lines = ("cron", "--config a.toml cron", "cron --config=a.toml", "cron --force", "--config= cron")
    >>> [config_of_plain_cron(line.split(), {}) for line in lines]
    ['', 'a.toml', 'a.toml', None, None]
    """
    match arguments:
        case ["cron"]:
            return None if environ.get(COMPLETION) else ""
        case ["--config", named, "cron"] | ["cron", "--config", named]:
            pass
        case [option, "cron"] | ["cron", option] if option.startswith("--config="):
            named = option.removeprefix("--config=")
        case _:
            return None
    return None if not named or named.startswith("-") or environ.get(COMPLETION) else named
