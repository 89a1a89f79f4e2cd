"""Sites in a minute in which nothing is due."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.idle.idle_site import YEARLY, IdleSite
from tests.runner.runner_site import adhoc, site_at


@pytest.fixture
def make_idle(tmp_path: Path) -> Callable[..., IdleSite]:
    """Make a site with what taskrunner.toml is to say, where nothing is due for months, after one cron."""

    def make_idle(config: str = "", environ: dict[str, str] | None = None) -> IdleSite:
        site = site_at(tmp_path, plugins={"forum": (YEARLY, adhoc("Mail"))})
        idle = IdleSite(site, {} if environ is None else environ)
        site.configure(config)
        idle.cron()
        return idle

    return make_idle


@pytest.fixture
def idle(make_idle: Callable[..., IdleSite]) -> IdleSite:
    return make_idle()
