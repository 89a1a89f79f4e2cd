"""What the commands share: the --config option and the installation it names."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import tzinfo

    from taskrunner.config import Config
    from taskrunner.site import Site

F = TypeVar("F", bound="Callable[..., Any]")


def config_option(function: F) -> F:
    """Let a command take --config after its name as well as before."""
    option = click.option(
        "--config",
        metavar="FILE",
        expose_value=False,
        callback=_remember,
        help="The configuration, else taskrunner.toml is searched.",
    )
    return option(function)


def _remember(context: click.Context, _parameter: click.Parameter, value: str | None) -> None:
    if value is not None:
        context.find_root().ensure_object(dict)["config"] = value


def configuration() -> Config:
    """Return the configuration a command is to use. Raises ConfigError."""
    from pathlib import Path

    from taskrunner.config import load_config

    named = named_config()
    config = load_config(Path(named) if named else None, environ=os.environ, cwd=Path.cwd())
    os.environ["TASKRUN_CONFIG"] = str(config.file)  # for what tasks start, and for queueing
    return config


def named_config() -> str | None:
    """Return what --config names."""
    named: str | None = click.get_current_context().find_root().obj["config"]
    return named


def opened_site() -> Site:
    """Return the installation a command is to work with. Raises ConfigError, StoreError."""
    from taskrunner.site import open_site

    return open_site(configuration(), now=time.time())


def tell_visits(site: Site, due_at: float) -> None:
    """Let visits of a web site know that something is due, perhaps earlier than the last cron knew."""
    from taskrunner.visits import TickStamp

    TickStamp(site.config.state_dir).bring_forward(due_at)


def zone_of(site: Site) -> tzinfo:
    """Return the zone in which times are shown and read."""
    from taskrunner.schedule.zones import get_zone

    return get_zone(site.config.timezone)
