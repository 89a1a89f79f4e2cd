"""The registry: what is remembered, what is read again, how a task is found by name."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from taskrunner.errors import UnknownTaskError
from taskrunner.plugins import Registry, load_registry
from taskrunner.plugins.discover import read_snapshot
from tests.plugins.plugin_site import Site

HOUR = 3600.0


def witness(tmp_path: Path, name: str = "imports") -> str:
    """Return a line for a plugin that leaves a trace of each import of it."""
    return f"open({str(tmp_path / name)!r}, 'a').write('.')\n"


def imports(tmp_path: Path, name: str = "imports") -> int:
    path = tmp_path / name
    return path.stat().st_size if path.exists() else 0


def tasks(registry: Registry) -> list[str]:
    return [name for name, task in registry.tasks.items() if task.plugin != "core"]


def written(file: Path) -> tuple[int, int]:
    """Return which file it is, and when it was written last."""
    status = file.stat()
    return status.st_ino, status.st_mtime_ns


def test_the_core_plugin_is_always_there(site: Site) -> None:
    assert site.load().plugins[0].name == "core"


def test_a_plugin_that_has_not_changed_is_not_imported_again(site: Site, tmp_path: Path) -> None:
    site.write_task("forum.py", extra=witness(tmp_path))
    first = site.load()

    second = site.load()
    assert (first.plugins, first.fingerprint) == (second.plugins, second.fingerprint)
    assert imports(tmp_path) == 1


def test_the_cache_is_not_written_when_nothing_has_changed(site: Site) -> None:
    site.write_task("forum.py")
    site.load()
    before = written(site.cache)

    site.load()
    assert before == written(site.cache)


def test_a_changed_file_is_read_again_and_no_other(site: Site, tmp_path: Path) -> None:
    site.write_task("forum.py", "Old")
    site.write_task("wiki.py", extra=witness(tmp_path))
    before = site.load()

    site.write_task("forum.py", "Newer")
    after = site.load()
    assert tasks(after) == ["forum.Newer", "wiki.Task"]
    assert before.fingerprint != after.fingerprint
    assert imports(tmp_path) == 1


@pytest.mark.parametrize("name", ["helper.py", "plugin.toml"])
def test_a_file_added_to_a_package_is_noticed(site: Site, tmp_path: Path, name: str) -> None:
    site.write_task("forum/__init__.py", extra=witness(tmp_path))
    site.load()

    site.write(f"forum/{name}")
    site.load()
    assert imports(tmp_path) == 2


def test_a_file_replaced_by_one_of_the_same_age_and_size_is_noticed(site: Site) -> None:
    old = site.write_task("forum.py", "One")
    site.load()

    new = site.write_task("forum.new", "Two")
    os.utime(new, ns=(old.stat().st_mtime_ns, old.stat().st_mtime_ns))
    os.replace(new, old)
    assert tasks(site.load()) == ["forum.Two"]


def test_a_vanished_class_and_a_vanished_plugin_are_gone(site: Site) -> None:
    site.write_task("forum.py", "Digest")
    path = site.write_task("wiki.py")
    before = site.load()

    site.write("forum.py")
    path.unlink()
    after = site.load()
    assert tasks(after) == []
    assert [plugin.name for plugin in after.plugins] == ["core", "forum"]
    assert before.fingerprint != after.fingerprint


def test_a_plugin_that_moves_to_another_directory_is_read_again(site: Site, tmp_path: Path) -> None:
    path = site.write_task("forum.py")
    site.load()

    other = tmp_path / "other"
    other.mkdir(mode=0o755)
    moved = path.rename(other / "forum.py")
    registry = load_registry([site.plugins, other], site.cache, now=0.0)
    assert str(moved) == registry.get("forum.Task").path


def test_the_fingerprint_is_the_same_with_and_without_a_cache(site: Site) -> None:
    site.write_task("forum.py")
    site.write("bad.py", "1 / 0")
    before = site.load()

    site.cache.unlink()
    assert before.fingerprint == site.load(now=HOUR).fingerprint


def test_what_is_no_plugin_is_among_the_findings(site: Site) -> None:
    site.write("my-plugin.py")
    site.write("bad.py", "1 / 0")

    first, second = site.load().findings, site.load().findings
    assert first == second
    assert [os.path.basename(finding.file) for finding in first] == ["my-plugin.py", "bad.py"]


def test_a_broken_plugin_is_read_anew_each_time(site: Site, tmp_path: Path) -> None:
    site.write("bad.py", witness(tmp_path) + "import no_such_thing\n")

    for moment in (0.0, 0.0, 1.0):
        site.load(now=moment)
    assert imports(tmp_path) == 3


def test_a_plugin_that_killed_its_process_is_read_anew_each_time(site: Site, tmp_path: Path) -> None:
    site.write("bad.py", witness(tmp_path) + "import os\nos.abort()\n")

    site.load(now=0.0)
    before = imports(tmp_path)
    site.load(now=0.0)
    assert imports(tmp_path) > before


def test_a_broken_plugin_is_mended_by_what_lies_elsewhere(site: Site, tmp_path: Path) -> None:
    site.write("bad.py", f"open({str(tmp_path / 'library')!r})\n")
    before = site.load(now=0.0)
    assert len(before.findings) == 1

    (tmp_path / "library").touch()
    after = site.load(now=0.0)
    assert after.findings == ()
    assert before.fingerprint != after.fingerprint


def test_a_broken_plugin_is_tried_again_when_it_changes(site: Site) -> None:
    site.write("bad.py", "import no_such_thing")
    site.load(now=0.0)

    site.write_task("bad.py")
    assert tasks(site.load(now=1.0)) == ["bad.Task"]


def test_trying_a_broken_plugin_leaves_the_others_alone(site: Site, tmp_path: Path) -> None:
    site.write("bad.py", "1 / 0")
    site.write_task("good.py", extra=witness(tmp_path))

    for moment in (0.0, 300.0, 600.0):
        site.load(now=moment)
    assert imports(tmp_path) == 1


def test_a_plugin_that_blocks_is_tried_again_after_five_minutes(site: Site, tmp_path: Path) -> None:
    site.write("bad.py", witness(tmp_path) + "import time; time.sleep(900)\n")

    counts = []
    for moment in (0.0, 299.0, 300.0):
        site.load(now=moment, import_timeout=1.0)
        counts.append(imports(tmp_path))
    assert counts == [1, 1, 2]


def test_the_cache_is_not_written_again_when_a_broken_plugin_still_is(site: Site) -> None:
    site.write("bad.py", ")")
    site.load(now=0.0)
    before = written(site.cache)

    site.load(now=1000 * HOUR)
    assert before == written(site.cache)


def test_the_cache_is_for_its_owner_only_and_nothing_lies_beside_it(site: Site, tmp_path: Path) -> None:
    site.load()

    assert site.cache.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["plugins", "registry"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[:-1],
        lambda content: content.replace(b"forum.Task", b"forum.Tusk"),
        lambda content: content.replace(b"registry 1 ", b"registry 0 "),
        lambda content: b"\xff" * 1000,
        lambda content: b"{}",
    ],
)
def test_a_damaged_cache_is_no_cache(site: Site, damage: object) -> None:
    site.write_task("forum.py")
    site.load()
    whole = site.cache.read_bytes()

    site.cache.write_bytes(damage(whole))
    assert tasks(site.load()) == ["forum.Task"]
    assert whole == site.cache.read_bytes()


def test_a_cache_of_somebody_else_is_no_cache(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.write_task("forum.py")
    site.load()
    ours = read_snapshot(site.cache)

    monkeypatch.setattr(os, "geteuid", lambda: 12345)

    assert ours != read_snapshot(site.cache)
    assert read_snapshot(tmp_path / "none") == read_snapshot(site.cache)


def test_a_cache_that_others_may_write_to_is_no_cache(site: Site, tmp_path: Path) -> None:
    site.write_task("forum.py", extra=witness(tmp_path))
    site.load()
    site.cache.chmod(0o666)

    site.load()
    assert imports(tmp_path) == 2


def test_a_link_is_no_cache_and_is_not_followed(site: Site, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("precious")
    site.cache.symlink_to(target)

    site.load()
    assert target.read_text() == "precious"
    assert not site.cache.is_symlink()


def test_a_cache_that_cannot_be_written_is_done_without(site: Site, tmp_path: Path) -> None:
    site.write_task("forum.py")

    registry = load_registry([site.plugins], tmp_path / "nowhere" / "registry", now=0.0)
    assert tasks(registry) == ["forum.Task"]


def test_a_folder_in_the_place_of_the_cache_is_done_without(site: Site) -> None:
    site.write_task("forum.py")
    site.cache.mkdir()

    assert tasks(site.load()) == ["forum.Task"]


def test_a_task_is_had_by_its_exact_name_only(site: Site) -> None:
    site.write_task("forum.py", "SendDigest")
    registry = site.load()

    assert registry.get("forum.SendDigest").class_name == "SendDigest"
    with pytest.raises(
        UnknownTaskError, match="no plugin declares SendDigest; did you mean forum.SendDigest"
    ):
        registry.get("SendDigest")


@pytest.mark.parametrize("name", ["forum.SendDigest", "SendDigest"])
def test_a_task_is_found_by_its_name_or_class_name(site: Site, name: str) -> None:
    site.write_task("forum.py", "SendDigest")

    assert site.load().find(name).name == "forum.SendDigest"


@pytest.mark.parametrize("name", ["forum.SendDigset", "SendDigset", "forum.sendDigest", "form.SendDigest"])
def test_a_wrong_name_gets_the_nearest_one(site: Site, name: str) -> None:
    site.write_task("forum.py", "SendDigest")

    with pytest.raises(UnknownTaskError) as caught:
        site.load().find(name)
    assert f"no plugin declares {name}; did you mean forum.SendDigest?" == str(caught.value)
    assert caught.value.hint == "taskrun list"


@pytest.mark.parametrize("name", ["Xyz", "", "Digest", ".SendDigest"])
def test_a_part_of_a_class_name_is_not_enough(site: Site, name: str) -> None:
    site.write_task("forum.py", "SendDigest")

    with pytest.raises(UnknownTaskError, match=f"no plugin declares {name}"):
        site.load().find(name)


def test_an_ambiguous_name_gets_all_that_it_could_mean(site: Site) -> None:
    site.write_task("forum.py", "Clean")
    site.write_task("wiki.py", "Clean")

    with pytest.raises(UnknownTaskError) as caught:
        site.load().find("Clean")
    assert str(caught.value) == "Clean could be forum.Clean or wiki.Clean"


def test_the_tasks_cannot_be_changed(site: Site) -> None:
    with pytest.raises(TypeError):
        site.load().tasks["forum.Task"] = None


def test_an_idle_minute_imports_neither_plugins_nor_what_reading_them_takes(site: Site) -> None:
    site.write_task("forum.py")
    site.load()
    read = f"load_registry([{str(site.plugins)!r}], {str(site.cache)!r}, now=0.0)"
    first = f"from taskrunner.plugins import load_registry; {read}"
    subprocess.run([sys.executable, "-c", first], check=True)
    heavy = "ast dataclasses difflib hashlib importlib.util inspect pathlib select tomllib taskrunner.task"
    script = (
        "import sys\nfrom taskrunner.plugins import load_registry\n"
        f"load_registry([{str(site.plugins)!r}], {str(site.cache)!r}, now=0.0).fingerprint\n"
        f"print([name for name in {heavy.split()} if name in sys.modules])\n"
    )

    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"
    assert len(tasks(site.load())) == 1


def test_five_hundred_plugins_are_read_and_remembered(site: Site) -> None:
    for number in range(500):
        site.write_task(f"plugin_{number:03}.py")
    first = site.load()

    assert len(tasks(first)) == 500
    assert first.plugins == site.load().plugins
