"""Which files and folders are plugins."""

import grp
import os
import pwd
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from taskrunner.plugins.discover import CORE_FOLDER, PluginSource, find_sources, modules_of
from tests.plugins.plugin_site import Site


def names(*folders: Path) -> list[str]:
    return [source.name for source in find_sources(folders).sources]


def messages(*folders: Path) -> list[str]:
    return [str(finding) for finding in find_sources(folders).findings]


def source(site: Site, name: str) -> PluginSource:
    return next(found for found in find_sources([site.plugins]).sources if found.name == name)


def test_taskrunners_own_tasks_come_first(site: Site) -> None:
    site.write("admin.py")

    assert names(site.plugins) == ["core", "admin"]


def test_a_file_is_a_plugin_of_its_name(site: Site) -> None:
    path = site.write("forum.py")

    found = source(site, "forum")
    status = path.stat()
    assert ("file", str(path)) == (found.kind, found.path)
    signature = (str(path), status.st_mtime_ns, status.st_size, status.st_ino)
    assert [signature] == [file.signature for file in found.files]


def test_a_folder_with_an_init_file_is_a_plugin_made_of_its_modules_and_manifest(site: Site) -> None:
    for name in ("__init__.py", "Digest.py", "_private.py", "plugin.toml", "notes.txt", "data/more.py"):
        (site.plugins / "forum" / "data").mkdir(parents=True, exist_ok=True)
        site.write(f"forum/{name}")

    found = source(site, "forum")
    files = [os.path.basename(file.path) for file in found.files]
    assert found.kind == "package"
    assert files == ["Digest.py", "__init__.py", "_private.py", "plugin.toml"]


def test_the_main_module_of_a_package_comes_before_the_others(site: Site) -> None:
    for name in ("__init__.py", "Digest.py", "__main__.py", "mail.py", "plugin.toml"):
        site.write(f"forum/{name}")

    assert [name for name, _ in modules_of(source(site, "forum"))] == ["", "Digest", "mail"]


def test_plugins_are_sorted_within_their_directory(site: Site, tmp_path: Path) -> None:
    second = tmp_path / "second"
    second.mkdir(mode=0o755)
    for path in (site.plugins / "wiki.py", site.plugins / "blog.py", second / "audit.py"):
        path.touch(mode=0o644)

    assert names(site.plugins, second) == ["core", "blog", "wiki", "audit"]


def test_hidden_and_private_names_are_passed_over_in_silence(site: Site) -> None:
    for name in (
        "_draft.py",
        ".forum.py",
        "__pycache__/forum.py",
        "_old/__init__.py",
        ".git/hook.py",
        "README",
    ):
        site.write(name)

    assert (names(site.plugins), messages(site.plugins)) == (["core"], [])


def test_a_folder_without_python_files_is_passed_over_in_silence(site: Site) -> None:
    site.write("templates/mail.txt")

    assert (names(site.plugins), messages(site.plugins)) == (["core"], [])


def test_a_missing_plugin_directory_is_a_finding(tmp_path: Path) -> None:
    missing = tmp_path / "nowhere"

    expected = [f"{missing}: cannot be used as a plugin directory: No such file or directory"]
    assert expected == messages(missing)


def test_a_file_given_as_plugin_directory_is_a_finding(site: Site) -> None:
    file = site.write("forum.py")

    assert [f"{file}: cannot be used as a plugin directory: Not a directory"] == messages(file)


@contextmanager
def not_as_root() -> Iterator[None]:
    """Be nobody inside the block where the tests are run by root, who may read everything."""
    user = os.geteuid()
    os.seteuid(65534 if user == 0 else user)
    try:
        yield
    finally:
        os.seteuid(user)


def test_an_unreadable_plugin_directory_is_a_finding(site: Site) -> None:
    site.plugins.chmod(0o000)

    with not_as_root():
        found = messages(site.plugins)
    site.plugins.chmod(0o755)
    assert [f"{site.plugins}: cannot be used as a plugin directory: Permission denied"] == found


def test_a_folder_with_python_files_but_no_init_file_is_a_finding(site: Site) -> None:
    site.write("forum/digest.py")

    message = "has Python files but no __init__.py that could be used, so it is not a plugin"
    assert [f"{site.plugins}/forum: {message}"] == messages(site.plugins)


@pytest.mark.parametrize("name", ["my-plugin.py", "2fa.py", "my-plugin/__init__.py"])
def test_a_name_that_is_no_identifier_is_a_finding(site: Site, name: str) -> None:
    site.write(name)

    [message] = messages(site.plugins)
    assert names(site.plugins) == ["core"]
    assert message.startswith(f"{site.plugins}/{name.split('/')[0]}: ")
    assert "is not a Python identifier" in message


def test_a_file_name_that_is_not_unicode_is_a_finding_that_can_be_printed(site: Site) -> None:
    Path(os.fsdecode(os.fsencode(site.plugins) + b"/caf\xe9.py")).touch()

    [message] = messages(site.plugins)
    assert "caf\\xe9.py" in message.encode().decode()


def test_of_two_plugins_of_one_name_the_first_counts_and_the_second_is_named(
    site: Site, tmp_path: Path
) -> None:
    first = site.write("forum.py")
    second = tmp_path / "more" / "forum.py"
    second.parent.mkdir(mode=0o755)
    second.touch(mode=0o644)

    assert names(first.parent, second.parent) == ["core", "forum"]
    expected = [f"{second}: the plugin forum is at {first} already; this one is ignored"]
    assert expected == messages(first.parent, second.parent)


def test_a_directory_given_twice_is_read_once(site: Site) -> None:
    site.write("forum.py")

    assert messages(site.plugins, site.plugins) == []


@pytest.mark.parametrize("name", ["core.py", "core/__init__.py"])
def test_the_name_core_is_reserved(site: Site, name: str) -> None:
    site.write(name)

    path = site.plugins / name.split("/")[0]
    assert [f"{path}: the name 'core' is reserved for taskrunner's own tasks"] == messages(site.plugins)
    assert source(site, "core").path == CORE_FOLDER


def test_a_file_larger_than_a_mebibyte_is_a_finding(site: Site) -> None:
    path = site.write("forum.py", b"#" * ((1 << 20) + 1))

    assert names(site.plugins) == ["core"]
    assert [f"{path}: is larger than 1 MiB"] == messages(site.plugins)


def test_a_fifo_is_a_finding_and_is_not_opened(site: Site) -> None:
    os.mkfifo(site.plugins / "x.py")

    assert names(site.plugins) == ["core"]
    assert [f"{site.plugins}/x.py: is not a regular file"] == messages(site.plugins)


def test_a_link_to_a_file_is_a_plugin_and_a_dangling_one_is_a_finding(site: Site, tmp_path: Path) -> None:
    (tmp_path / "real.py").touch(mode=0o644)
    (site.plugins / "forum.py").symlink_to(tmp_path / "real.py")
    (site.plugins / "wiki.py").symlink_to(tmp_path / "gone.py")

    assert names(site.plugins) == ["core", "forum"]
    assert [f"{site.plugins}/wiki.py: cannot be read: No such file or directory"] == messages(site.plugins)


@pytest.mark.parametrize("name", ["real.py", "package"])
def test_a_link_to_where_others_may_put_something_else_is_a_finding(
    site: Site, tmp_path: Path, name: str
) -> None:
    loose = tmp_path / "loose"
    loose.mkdir()
    (loose / "real.py").touch(mode=0o644)
    (loose / "package").mkdir(mode=0o755)
    (loose / "package" / "__init__.py").touch(mode=0o644)
    loose.chmod(0o777)
    link = site.plugins / name.replace("real", "forum")
    link.symlink_to(loose / name)

    assert names(site.plugins) == ["core"]
    because = f"leads to {loose}/{name}, which lies in {loose}, which is writable by group or others"
    assert [f"{link}: {because} (chmod go-w)"] == messages(site.plugins)


def test_one_bad_file_in_a_package_does_not_cost_the_package(site: Site) -> None:
    site.write("forum/__init__.py")
    site.write("forum/not-a-module.py")

    assert names(site.plugins) == ["core", "forum"]
    assert len(messages(site.plugins)) == 1


@pytest.mark.parametrize("name", ["forum.py", "forum"])
def test_what_others_may_write_to_is_no_plugin(site: Site, name: str) -> None:
    site.write("forum.py" if name == "forum.py" else "forum/__init__.py")
    (site.plugins / name).chmod(0o757)

    assert names(site.plugins) == ["core"]
    assert [f"{site.plugins}/{name}: is writable by group or others (chmod go-w)"] == messages(site.plugins)


def test_no_plugin_of_a_directory_that_others_may_write_to_is_used(site: Site) -> None:
    site.write("forum.py")
    site.plugins.chmod(0o777)

    assert names(site.plugins) == ["core"]
    assert [f"{site.plugins}: is writable by group or others (chmod go-w)"] == messages(site.plugins)


def test_no_plugin_below_a_folder_that_others_may_write_to_is_used(site: Site, tmp_path: Path) -> None:
    site.write("forum.py")
    tmp_path.chmod(0o777)

    fault = f"lies in {tmp_path}, which is writable by group or others (chmod go-w)"
    assert names(site.plugins) == ["core"]
    assert [f"{site.plugins}: {fault}"] == messages(site.plugins)


def test_a_plugin_of_somebody_else_is_a_finding(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    path = site.write("forum.py")
    if os.geteuid() == 0:
        os.chown(path, 12345, 12345)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 12345)

    fault = f"is owned by uid {path.stat().st_uid}, neither root nor the user running taskrunner"
    assert fault in messages(site.plugins)[0]


@pytest.mark.parametrize(
    ("group", "found"), [(("me", []), 0), (("me", ["me"]), 0), (("staff", []), 1), (("me", ["you"]), 1)]
)
def test_only_a_group_that_is_the_users_own_may_write_a_plugin(
    site: Site, monkeypatch: pytest.MonkeyPatch, group: tuple[str, list[str]], found: int
) -> None:
    name, members = group
    site.write("forum.py").chmod(0o664)
    monkeypatch.setattr(pwd, "getpwuid", lambda uid: SimpleNamespace(pw_name="me"))
    monkeypatch.setattr(grp, "getgrgid", lambda gid: SimpleNamespace(gr_name=name, gr_mem=members))

    assert found == len(messages(site.plugins))


def test_five_hundred_plugins_are_found_in_a_moment(site: Site) -> None:
    for number in range(500):
        (site.plugins / f"plugin_{number:03}.py").touch(mode=0o644)

    started = time.process_time()
    found = find_sources([site.plugins])
    assert len(found.sources) == 501
    assert time.process_time() - started < 0.1
