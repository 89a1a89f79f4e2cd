"""The settings of a plugin, checked against its dataclass."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from taskrunner.errors import ConfigError
from taskrunner.validate import Table, read_settings

TABLE = Table("plugin_settings.mail", Path("/srv/site"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    table: str
    share: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    spool: Path
    port: int = 25
    names: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()
    dry_run: bool = False

    def __post_init__(self) -> None:
        if self.port < 1:
            raise ValueError("port begins at 1")


def read(**given: Any) -> Settings:
    return read_settings(Settings, {"spool": "spool"} | given, TABLE)


def test_what_is_not_given_has_its_default() -> None:
    assert Settings(spool=Path("/srv/site/spool")) == read()


def test_what_is_given_has_its_type() -> None:
    rules = [{"table": "posts", "share": 1}, {"table": "topics"}]
    given = read(spool="/var/spool", port=587, names=["a", "b"], rules=rules, dry_run=True)

    assert given == Settings(
        spool=Path("/var/spool"),
        port=587,
        names=("a", "b"),
        rules=(Rule(table="posts", share=1.0), Rule(table="topics")),
        dry_run=True,
    )


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (
            {"prot": 25},
            "[plugin_settings.mail] prot is unknown; there are spool, port, names, rules, dry_run",
        ),
        ({"port": "25"}, "[plugin_settings.mail] port is not a whole number"),
        ({"port": True}, "[plugin_settings.mail] port is not a whole number"),
        ({"port": 0}, "[plugin_settings.mail] port begins at 1"),
        ({"dry_run": 1}, "[plugin_settings.mail] dry_run is not true or false"),
        ({"spool": ""}, "[plugin_settings.mail] spool is not a path"),
        ({"names": "a"}, "[plugin_settings.mail] names is not a list"),
        ({"names": ["a", 1]}, "[plugin_settings.mail] names is not a text in quotes"),
        ({"rules": ["posts"]}, "[plugin_settings.mail] rules is not a table"),
        ({"rules": [{}]}, "[plugin_settings.mail.rules] table is not set"),
        ({"rules": [{"table": "t", "share": "x"}]}, "[plugin_settings.mail.rules] share is not a number"),
    ],
)
def test_what_is_wrong_is_named(given: dict[str, object], problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(**given)

    assert problem == str(caught.value)


def test_what_has_no_default_must_be_given() -> None:
    with pytest.raises(ConfigError, match=r"\[plugin_settings.mail\] spool is not set"):
        read_settings(Settings, {}, TABLE)
