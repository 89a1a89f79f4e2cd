"""Importing a plugin in a namespace of its own."""

import json
import sys
import traceback
from collections.abc import Iterator

import pytest

import taskrunner
from taskrunner.errors import PluginError, UnknownTaskError
from taskrunner.plugins.importer import NAMESPACE, PluginFinder, load_module, load_task
from tests.plugins.plugin_site import IMPORTS, Site, scheduled


@pytest.fixture(autouse=True)
def _clean_interpreter() -> Iterator[None]:
    path = list(sys.path)
    yield
    assert path == sys.path
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, PluginFinder)]
    for name in [name for name in sys.modules if name.partition(".")[0] == NAMESPACE]:
        del sys.modules[name]


def test_a_loaded_class_knows_its_name(site: Site) -> None:
    site.write_task("forum.py", "SendDigest")

    task = site.load().load("forum.SendDigest")
    assert (task.name, task.__module__) == ("forum.SendDigest", "taskrun_plugins.forum")


def test_the_other_classes_of_the_module_know_their_names_too(site: Site) -> None:
    site.write_task("forum.py", "First", extra=scheduled("Second"))

    module = sys.modules[site.load().load("forum.First").__module__]
    assert module.Second.name == "forum.Second"


def test_a_loaded_class_can_be_run(site: Site) -> None:
    site.write("forum/__init__.py")
    site.write("forum/words.py", "GREETING = 'hello'")
    site.write("forum/mail.py", IMPORTS + "from .words import GREETING\n" + scheduled("Send"))

    task = site.load().load("forum.Send")()
    assert task.execute() is None
    assert sys.modules[task.__module__].GREETING == "hello"


@pytest.mark.parametrize("line", ["from . import helper", "from .helper import VALUE"])
def test_modules_of_a_package_import_each_other(site: Site, line: str) -> None:
    site.write("forum/__init__.py", line)
    site.write("forum/helper.py", "VALUE = 1")

    module = load_module("forum", str(site.plugins / "forum"))
    assert module.helper.VALUE == 1


def test_a_folder_in_a_package_can_be_imported(site: Site) -> None:
    site.write("forum/__init__.py", "from .words.english import VALUE")
    (site.plugins / "forum" / "words").mkdir()
    site.write("forum/words/__init__.py")
    site.write("forum/words/english.py", "VALUE = 1")

    assert load_module("forum", str(site.plugins / "forum")).VALUE == 1


def test_the_helpers_of_two_plugins_do_not_meet(site: Site) -> None:
    for plugin in ("blog", "wiki"):
        site.write(f"{plugin}/__init__.py", "from .helper import OWNER")
        site.write(f"{plugin}/helper.py", f"OWNER = '{plugin}'")

    owners = [load_module(plugin, str(site.plugins / plugin)).OWNER for plugin in ("blog", "wiki")]
    assert owners == ["blog", "wiki"]


def test_plugins_named_like_modules_shadow_nothing(site: Site) -> None:
    for plugin in ("json", "taskrunner"):
        site.write_task(f"{plugin}.py", extra="import json\nTEXT = json.dumps([])\n")

    registry = site.load()
    for plugin in ("json", "taskrunner"):
        assert sys.modules[registry.load(f"{plugin}.Task").__module__].TEXT == "[]"
    assert sys.modules["json"] is json
    assert sys.modules["taskrunner"] is taskrunner


def test_a_helper_named_json_shadows_nothing(site: Site) -> None:
    site.write("forum/__init__.py")
    site.write("forum/json.py", "VALUE = 1")
    site.write("forum/mail.py", "import json\nfrom .json import VALUE\nTEXT = json.dumps([VALUE])\n")

    assert load_module("forum", str(site.plugins / "forum"), "mail").TEXT == "[1]"


def test_a_plugin_can_import_another_one(site: Site) -> None:
    site.write_task("blog.py", extra="from taskrun_plugins.wiki import VALUE\n")
    site.write("wiki.py", "VALUE = 1")

    assert sys.modules[site.load().load("blog.Task").__module__].VALUE == 1


def test_no_module_outside_the_plugin_is_found_in_its_folder(site: Site) -> None:
    site.write("forum/__init__.py", "import neighbour")
    site.write("forum/neighbour.py")

    with pytest.raises(ModuleNotFoundError, match="neighbour"):
        load_module("forum", str(site.plugins / "forum"))


def test_nothing_is_written_beside_the_sources(site: Site) -> None:
    site.write_task("forum/__init__.py")

    site.load().load("forum.Task")
    assert [path.name for path in (site.plugins / "forum").iterdir()] == ["__init__.py"]


def test_a_traceback_shows_the_lines_of_the_plugin(site: Site) -> None:
    site.write("forum.py", "def fail():\n    return 1 / 0  # here\n")

    with pytest.raises(ZeroDivisionError) as caught:
        load_module("forum", str(site.plugins / "forum.py")).fail()
    assert "return 1 / 0  # here" in "".join(traceback.format_exception(caught.value))


def test_only_the_plugin_of_the_task_is_imported(site: Site) -> None:
    site.write_task("forum.py")
    site.write_task("wiki.py")

    site.load().load("forum.Task")
    assert "taskrun_plugins.wiki" not in sys.modules


@pytest.mark.parametrize("name", ["wiki.py", "forum/__init__.py", "blog/mail.py"])
def test_a_declaration_is_enough_to_load_its_class(site: Site, name: str) -> None:
    site.write("blog/__init__.py")
    site.write_task(name)

    [declaration] = [task for task in site.load().tasks.values() if task.plugin != "core"]
    assert declaration.name == load_task(declaration).name


def test_an_import_that_fails_names_file_line_and_exception(site: Site) -> None:
    path = site.write_task("forum.py")
    declaration = site.load().get("forum.Task")
    site.write("forum.py", "\n\nimport there_is_no_such_module\n")

    with pytest.raises(PluginError) as caught:
        load_task(declaration)
    expected = f"{path}:3: ModuleNotFoundError: No module named 'there_is_no_such_module'"
    assert expected == str(caught.value)


def test_leaving_at_import_is_a_plugin_error_too(site: Site) -> None:
    path = site.write_task("forum.py")
    declaration = site.load().get("forum.Task")
    site.write("forum.py", "raise SystemExit(3)")

    with pytest.raises(PluginError, match=f"{path}:1: SystemExit: 3"):
        load_task(declaration)


def test_a_class_that_is_gone_is_a_plugin_error(site: Site) -> None:
    site.write_task("forum.py")
    declaration = site.load().get("forum.Task")

    with pytest.raises(PluginError, match="the class Gone is no longer there"):
        load_task(declaration._replace(class_name="Gone"))


def test_a_file_that_others_may_write_to_is_not_run(site: Site) -> None:
    path = site.write_task("forum.py")
    declaration = site.load().get("forum.Task")
    path.chmod(0o666)

    with pytest.raises(PluginError, match="is writable by group or others"):
        load_task(declaration)


def test_a_plugin_of_the_same_name_elsewhere_is_another_plugin(site: Site) -> None:
    site.write("here.py", "VALUE = 1")
    site.write("there.py", "VALUE = 2")

    values = [load_module("forum", str(site.plugins / name)).VALUE for name in ("here.py", "there.py")]
    assert values == [1, 2]


def test_a_task_is_imported_once_however_often_it_is_loaded(site: Site) -> None:
    path = site.write_task("forum.py")
    registry = site.load()
    first = registry.load("forum.Task")

    path.unlink()
    assert first is registry.load("forum.Task")


def test_a_task_that_nobody_declares_cannot_be_loaded(site: Site) -> None:
    with pytest.raises(UnknownTaskError, match="no plugin declares forum.Task"):
        site.load().load("forum.Task")
