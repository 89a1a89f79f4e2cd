"""Plugins of installed distributions: by name only, remembered, and trusted like files."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from taskrunner.config import load_config
from taskrunner.errors import ConfigError, PluginError
from taskrunner.plugins import Registry, installed, load_registry
from taskrunner.plugins.discover import World
from taskrunner.plugins.importer import name_of
from taskrunner.task import AdhocTask
from tests.plugins.distributions import install
from tests.plugins.distributions import packages as packages
from tests.plugins.plugin_site import IMPORTS, scheduled


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., Registry]:
    def load(*names: str) -> Registry:
        (tmp_path / "plugins").mkdir(exist_ok=True)
        world = World(path=sys.path, settings=ascii(names), installed=names)
        return load_registry([tmp_path / "plugins"], tmp_path / "registry.json", now=0.0, world=world)

    return load


def names(registry: Registry) -> set[str]:
    return {name for name in registry.tasks if not name.startswith("core.")}


def findings(registry: Registry) -> list[str]:
    return [str(finding) for finding in registry.findings]


def test_a_plugin_is_used_only_where_its_distribution_is_named(
    packages: Path, load: Callable[..., Registry]
) -> None:
    install(packages, "shop-tasks", "shop = shop_tasks", shop_tasks=IMPORTS + scheduled("Tidy"))

    assert names(load()) == set()
    assert names(load("shop-tasks")) == {"shop.Tidy"}
    assert load("shop-tasks").load("shop.Tidy").name == "shop.Tidy"
    assert "shop_tasks" not in sys.modules


def test_one_plugin_of_a_distribution_can_be_named(packages: Path, load: Callable[..., Registry]) -> None:
    install(
        *(packages, "Shop_Tasks", "a = shop.a\nb = shop.b"),
        **{"shop.__init__": "raise SystemExit", "shop.a": IMPORTS + scheduled("A")},
        **{"shop.b": IMPORTS + scheduled("B")},
    )

    assert names(load("shop-tasks:b")) == {"b.B"}
    assert names(load("shop-tasks")) == {"a.A", "b.B"}


def test_a_package_is_read_like_a_folder_in_a_plugin_directory(
    packages: Path, load: Callable[..., Registry]
) -> None:
    modules = {"shop.__init__": "", "shop.tidy": f"{IMPORTS}from .dates import X\n" + scheduled("Tidy")}
    install(packages, "shop", "shop = shop", **modules, **{"shop.dates": "X = 1"})

    assert names(load("shop")) == {"shop.Tidy"}


@pytest.mark.parametrize(
    ("named", "entry_points", "said"),
    [
        ("other", "shop = shop_tasks", "[plugins] installed: other is not installed for "),
        ("shop:x", "shop = shop_tasks", "shop brings no plugin x along; it has: shop"),
        ("shop", "", "shop brings no plugin along; it has: none"),
        ("shop", "shop = nowhere.to.be", "shop: 'nowhere.to.be' names no module or package"),
        ("shop", "shop = shop_tasks:f", "shop: 'shop_tasks:f' names no module or package"),
        ("shop", "a-b = shop_tasks", "shop: 'a-b' is not a Python identifier"),
        ("shop", "core = shop_tasks", "the name 'core' is reserved"),
    ],
)
def test_what_cannot_be_used_is_a_finding(
    packages: Path, load: Callable[..., Registry], named: str, entry_points: str, said: str
) -> None:
    install(packages, "shop", entry_points, shop_tasks=IMPORTS + scheduled("Tidy"))

    registry = load(named)
    [finding] = findings(registry)
    assert said in finding
    assert names(registry) == set()


def test_a_file_that_others_can_write_is_not_used(packages: Path, load: Callable[..., Registry]) -> None:
    install(packages, "shop", "shop = shop_tasks", shop_tasks=IMPORTS + scheduled("Tidy"))
    (packages / "shop_tasks.py").chmod(0o666)

    [finding] = findings(load("shop"))
    assert "is writable by group or others" in finding


def test_entry_points_are_looked_for_again_only_when_something_was_installed(
    packages: Path, load: Callable[..., Registry], monkeypatch: pytest.MonkeyPatch
) -> None:
    install(packages, "shop", "shop = shop_tasks", shop_tasks=IMPORTS + scheduled("Tidy"))
    looked: list[object] = []
    plain = installed.find_installed
    monkeypatch.setattr(installed, "find_installed", lambda names: looked.append(names) or plain(names))

    before = [names(load("shop", "more")), names(load("shop", "more"))]
    install(packages, "more", "more = more_tasks", more_tasks=IMPORTS + scheduled("More"))

    assert before == [{"shop.Tidy"}] * 2
    assert names(load("shop", "more")) == {"shop.Tidy", "more.More"}
    assert len(looked) == 2


def test_a_class_imported_by_its_own_name_is_queued_as_that_of_the_plugin(packages: Path) -> None:
    class Mail(AdhocTask):
        def execute(self) -> None: ...

    install(packages, "shop", "mails = shop_mails", shop_mails="")
    module = type(sys)("shop_mails")
    module.__file__ = str(packages / "shop_mails.py")
    sys.modules["shop_mails"] = module
    Mail.__module__ = "shop_mails"
    try:
        assert name_of(Mail, [], ["shop"]) == "mails.Mail"
        with pytest.raises(PluginError, match="lies in no plugin directory"):
            name_of(Mail, [], [])
    finally:
        del sys.modules["shop_mails"]


@pytest.mark.parametrize(
    ("text", "environ", "found"),
    [
        ('[plugins]\ninstalled = ["a-b", "c:d"]\n[plugins.x]\nenabled = false', {}, ("a-b", "c:d")),
        ("[plugins.x]\nenabled = false", {"TASKRUN_PLUGINS__INSTALLED": "a, b"}, ("a", "b")),
        ("[plugins.installed]\nenabled = false\n[plugins.x]\nenabled = false", {}, ()),
    ],
)
def test_the_setting_stands_beside_the_sections_of_plugins(
    tmp_path: Path, text: str, environ: dict[str, str], found: tuple[str, ...]
) -> None:
    (tmp_path / "taskrunner.toml").write_text(text)

    config = load_config(tmp_path / "taskrunner.toml", environ=environ, cwd=tmp_path)

    assert found == config.installed
    assert not config.plugins["x"].enabled


def test_a_name_that_no_distribution_can_have_is_refused(tmp_path: Path) -> None:
    (tmp_path / "taskrunner.toml").write_text('[plugins]\ninstalled = ["../x"]\n')

    with pytest.raises(ConfigError, match=r'line 2: \[plugins\] installed = .* form "dist-name"'):
        load_config(tmp_path / "taskrunner.toml", environ={}, cwd=tmp_path)
