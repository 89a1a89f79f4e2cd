"""Secrets are masked in everything that is shown of the configuration."""

import re
from collections.abc import Mapping
from datetime import date, time
from pathlib import PurePath

MASK = "***"
IN_USERINFO = r"(://[^:/?#@\s]*):\S*@"  # up to the last @: a password may hold / and @ unescaped
IN_PARAMETER = r"""(?i)(password|passwd|pwd)=(?:'[^']*'|"[^"]*"|[^&\s'"]*)"""
IN_NAME = r"(?i)passw|secret|token|credential|(api|private)_?key|dsn$"


def mask(text: str) -> str:
    """Return the text with the passwords in its URLs replaced by `***`.

    >>> mask("postgresql://cron:s3cret@db.example/site?sslmode=require")
    'postgresql://cron:***@db.example/site?sslmode=require'
    >>> mask("postgresql://db.example/site?user=cron&password=s3cret&sslmode=require")
    'postgresql://db.example/site?user=cron&password=***&sslmode=require'
    """
    return re.sub(IN_PARAMETER, rf"\1={MASK}", re.sub(IN_USERINFO, rf"\1:{MASK}@", text))


def plain(value: object) -> object:
    """Return a value as nested plain data, fit for JSON, with its secrets masked.

    >>> plain({"url": "https://me:pw@host/", "api_key": "k3y", "sizes": (1, 2)})
    {'url': 'https://me:***@host/', 'api_key': '***', 'sizes': [1, 2]}
    """
    if hasattr(value, "_asdict"):
        return {name: plain(part) for name, part in value._asdict().items()}
    if isinstance(value, Mapping):
        return {name: _plain_item(name, part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if isinstance(value, str | PurePath | date | time):
        return mask(str(value))
    return value


def _plain_item(name: str, value: object) -> object:
    is_secret = isinstance(value, str | list) and re.search(IN_NAME, name)
    return MASK if is_secret else plain(value)
