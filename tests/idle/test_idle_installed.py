"""What plugins of installed distributions cost a minute in which nothing is due."""

import sys
from pathlib import Path

import pytest

from taskrunner.plugins import installed
from tests.idle.idle_site import YEARLY, IdleSite
from tests.plugins.distributions import install
from tests.plugins.distributions import packages as packages
from tests.plugins.plugin_site import IMPORTS
from tests.runner.runner_site import scheduled


def test_an_idle_minute_asks_no_distribution(
    idle: IdleSite, packages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The checkout is on the path as well, and other tests make files there: that looks like an installation.
    monkeypatch.setattr(sys, "path", [str(packages), *(path for path in sys.path if "lib/python" in path)])
    for number in range(500):
        install(packages, f"other{number}", f"p{number} = nowhere")
    install(packages, "shop", "shop = shop_tasks", shop_tasks=IMPORTS + YEARLY)
    text = idle.config.read_text()
    idle.config.write_text(f'{text}\n[plugins]\ninstalled = ["shop"]\n')
    idle.cron()
    idle.cron()
    monkeypatch.setattr(installed, "find_installed", None)
    monkeypatch.setattr("importlib.metadata.Distribution.from_name", None)

    assert idle.passes()
    (packages / "shop_tasks.py").write_text(IMPORTS + YEARLY + scheduled("Other"))
    assert not idle.passes()
