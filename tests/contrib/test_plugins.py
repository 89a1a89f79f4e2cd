"""The plugins of taskrun_contrib as docs/housekeeping.md tells of them, and contrib/example_web."""

import doctest
import importlib.util
import re
import sys
import tomllib
from pathlib import Path

import pytest

from tests.contrib.example_site import CONTRIB
from tests.contrib.plugin_site import PLUGINS, PluginSite

PAGE = (PLUGINS.parent / "docs" / "housekeeping.md").read_text("utf-8")
NAMES = ["mail_queue", "tidy_cache", "tidy_database", "tidy_search", "tidy_sessions", "tidy_warnings"]
TASKS = re.findall(r"\| `(\w+\.[A-Z]\w+)` \|", PAGE)
WITH_EXAMPLES = [
    PLUGINS / "site_tables.py",
    PLUGINS / "mail_queue" / "spool.py",
    PLUGINS / "mail_queue" / "connection.py",
    PLUGINS / "mail_queue" / "message.py",
    CONTRIB / "example_web" / "plugins" / "visits.py",
]


@pytest.fixture
def site(tmp_path: Path) -> PluginSite:
    return PluginSite.with_plugins(tmp_path / "site", *NAMES)


def test_each_can_be_named_as_an_installed_plugin() -> None:
    project = tomllib.loads((PLUGINS.parent / "pyproject.toml").read_text("utf-8"))["project"]
    places = {name: f"taskrun_contrib.{name}" for name in NAMES}

    assert places | {"django": "taskrunner.django.plugin"} == project["entry-points"]["taskrunner.plugins"]
    with_tasks = {path.stem for path in PLUGINS.iterdir() if path.name.startswith(("tidy_", "mail_"))}
    assert with_tasks == set(NAMES)


def test_the_page_names_every_task_and_each_is_off_until_it_is_configured(site: PluginSite) -> None:
    listed = [
        line.split()[0] for line in site.taskrun("list")[1].splitlines()[1:] if not line.startswith("core.")
    ]
    answers = [site.taskrun("run-task", name) for name in TASKS]

    assert sorted(TASKS) == sorted(listed)
    assert {1} == {code for code, _ in answers}
    assert [] == [printed for _, printed in answers if "[plugin_settings." not in printed]


def test_no_plugin_has_findings(site: PluginSite) -> None:
    assert set(NAMES) == set(re.findall(r"^(\w+) .* ok ", site.taskrun("plugins")[1], re.MULTILINE)) - {
        "core"
    }


def test_every_setting_on_the_page_is_one(site: PluginSite) -> None:
    blocks = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    settings = [block for block in blocks if "[plugin_settings." in block]
    text = "\n".join(re.sub(r"^# (?=\w+ = )", "", block, flags=re.MULTILINE) for block in settings)
    site.configure(text)
    printed = "".join(site.taskrun("run-task", name, "--force")[1] for name in TASKS)

    assert set(NAMES) == set(tomllib.loads(text)["plugin_settings"])
    assert "is unknown" not in printed
    assert 6 == printed.count("Execute scheduled task")


@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=lambda path: str(path.relative_to(CONTRIB.parent)))
def test_the_examples_in_a_plugin_are_true(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    name = f"plugin_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
    found = doctest.testmod(module)

    assert (0, True) == (found.failed, found.attempted > 0)
