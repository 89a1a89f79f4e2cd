"""taskrun_contrib/tidy_cache, with real files."""

import os
import subprocess
import sys
import time
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

import pytest

from tests.contrib.plugin_site import PLUGINS, PluginSite
from tests.contrib.tidying import tidy_files
from tests.patience import DEADLINE

TASK = "TidyCache"
HOUR = 3600


class CacheSite:
    """A site with a cache folder; files are made so many hours old."""

    def __init__(self, root: Path) -> None:
        self.site = PluginSite.with_plugins(root, "tidy_cache")
        self.cache = root / "cache"
        self.cache.mkdir()
        self.configure()

    def configure(self, extra: str = "", patterns: str = '["*.tmp"]') -> None:
        self.site.configure(f'[plugin_settings.tidy_cache]\nroot = "cache"\npatterns = {patterns}\n{extra}\n')

    def make(self, name: str, hours: float, size: int = 4) -> Path:
        path = self.cache / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * size)
        moment = time.time() - hours * HOUR
        os.utime(path, (moment, moment))
        return path

    def tidy(self) -> str:
        return self.site.run_task(TASK)

    def left(self) -> list[str]:
        return sorted(
            str(path.relative_to(self.cache)) for path in self.cache.rglob("*") if not path.is_dir()
        )


@pytest.fixture
def cache(tmp_path: Path) -> CacheSite:
    return CacheSite(tmp_path / "site")


def test_old_files_that_match_go_and_the_others_stay(cache: CacheSite) -> None:
    cache.make("old.tmp", 3)
    cache.make("a/b/old.tmp", 3)
    cache.make("new.tmp", 1)
    cache.make("old.html", 3)
    printed = cache.tidy()

    assert ["new.tmp", "old.html"] == cache.left()
    assert "3 files of the cache, 12 bytes\n2 deleted, 8 bytes\n" in printed


def test_of_too_much_the_oldest_go_first(cache: CacheSite) -> None:
    for hours in (0.1, 0.5, 1.0, 1.5):
        cache.make(f"{hours}.tmp", hours, size=100)
    cache.configure("max_bytes = 250")
    cache.tidy()

    assert ["0.1.tmp", "0.5.tmp"] == cache.left()


def test_a_symbolic_link_is_neither_deleted_nor_followed(cache: CacheSite, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    precious = outside / "precious.tmp"
    precious.write_text("precious")
    os.utime(precious, (0, 0))
    (cache.cache / "link.tmp").symlink_to(precious)
    (cache.cache / "folder").symlink_to(outside)
    os.utime(cache.cache / "link.tmp", (0, 0), follow_symlinks=False)
    cache.tidy()

    assert "precious" == precious.read_text()
    assert ["folder", "link.tmp"] == sorted(os.listdir(cache.cache))


def test_a_root_that_is_a_symbolic_link_is_refused(cache: CacheSite, tmp_path: Path) -> None:
    path = cache.make("old.tmp", 3)
    (tmp_path / "site" / "cache2").symlink_to(cache.cache)
    cache.site.configure('[plugin_settings.tidy_cache]\nroot = "cache2"\npatterns = ["*.tmp"]\n')

    assert "Not a directory" in cache.site.fails(TASK)
    assert path.exists()


def test_what_is_no_regular_file_is_left_alone(cache: CacheSite) -> None:
    os.mkfifo(cache.cache / "pipe.tmp")
    os.utime(cache.cache / "pipe.tmp", (0, 0))
    (cache.cache / "folder.tmp").mkdir()
    os.utime(cache.cache / "folder.tmp", (0, 0))
    cache.tidy()

    assert ["folder.tmp", "pipe.tmp"] == sorted(os.listdir(cache.cache))


def test_hidden_files_go_only_where_a_pattern_says_so(cache: CacheSite) -> None:
    cache.make(".htaccess", 3)
    cache.make("old.tmp", 3)
    cache.configure(patterns='["*"]')
    cache.tidy()
    first = cache.left()
    cache.configure(patterns='[".ht*"]')
    cache.tidy()

    assert ([".htaccess"], []) == (first, cache.left())


def test_a_dry_run_deletes_nothing(cache: CacheSite) -> None:
    cache.make("old.tmp", 3)
    cache.configure("dry_run = true")
    printed = cache.tidy()

    assert ["old.tmp"] == cache.left()
    assert "1 would be deleted, 4 bytes\n" in printed


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ('root = "cache"', "[plugin_settings.tidy_cache] patterns is not set"),
        ('root = "cache"\npatterns = []', "patterns are names such as *.tmp, one at least, without a /"),
        (
            'root = "cache"\npatterns = ["../*"]',
            "patterns are names such as *.tmp, one at least, without a /",
        ),
        ('root = "/"\npatterns = ["*"]', "root is the whole disk"),
        ('root = "cache"\npatterns = ["*"]\nmax_age = -1', "max_age = -1 is less than 0"),
        ('root = "cache"\npatterns = ["*"]\nseconds = 0', "seconds = 0 is less than 1"),
        ('root = "/srv/.."\npatterns = ["*"]', "root is the whole disk"),
        ('root = "nowhere"\npatterns = ["*"]', "No such file or directory"),
    ],
)
def test_a_wrong_setting_deletes_nothing_and_is_named(cache: CacheSite, settings: str, problem: str) -> None:
    cache.make("old.tmp", 3)
    cache.site.configure(f"[plugin_settings.tidy_cache]\n{settings}\n")

    assert problem in cache.site.fails(TASK)
    assert ["old.tmp"] == cache.left()


def test_a_folder_that_cannot_be_entered_is_named_and_the_others_are_tidied(cache: CacheSite) -> None:
    cache.make("old.tmp", 3)
    cache.make("x" * 200 + "/" + "y" * 200 + "/old.tmp", 3)
    deep = cache.cache
    for _ in range(70):
        deep = deep / "deeper"
    deep.mkdir(parents=True)
    stuck = cache.make("immutable/old.tmp", 3)
    subprocess.run(["chattr", "+i", str(stuck)], check=False, capture_output=True)
    try:
        is_immutable = (
            "i" in subprocess.run(["lsattr", stuck], capture_output=True, text=True).stdout.split(" ")[0]
        )
        printed = cache.site.fails(TASK) if is_immutable else cache.tidy()
    finally:
        subprocess.run(["chattr", "-i", str(stuck)], check=False, capture_output=True)

    assert (["immutable/old.tmp"] if is_immutable else []) == cache.left()
    assert is_immutable == ("1 could not be tidied, the first: immutable/old.tmp: " in printed)


def test_what_one_run_has_no_time_to_look_at_is_left_to_another(
    cache: CacheSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    plugin = SourceFileLoader("tidy_cache_in_tests", str(PLUGINS / "tidy_cache.py"))
    module = module_from_spec(spec_from_loader(plugin.name, plugin))  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, plugin.name, module)
    plugin.exec_module(module)
    for hours in range(1, 9):
        cache.make(f"{hours}.tmp", hours)
    settings = module.Settings(root=cache.cache, patterns=("*.tmp",), max_age=6 * HOUR, max_bytes=4)
    looked = []
    for until in (0.0, time.monotonic() + DEADLINE):
        its = module.Cache(settings, os.open(cache.cache, os.O_RDONLY))
        files = its.look(until=until)
        chosen = module.choose(files, settings, now=time.time(), is_whole=its.is_whole)
        looked.append((its.is_whole, len(files), len(list(chosen))))
        os.close(its.root)

    assert [False, True] == [is_whole for is_whole, _, _ in looked]
    assert looked[0][1] == 1 and looked[0][2] <= 1  # by its age, never for the size of what was not seen
    assert (8, 7) == looked[1][1:]


def test_without_a_root_the_task_is_off(cache: CacheSite) -> None:
    cache.site.configure("")
    code, printed = cache.site.taskrun("run-task", TASK)

    assert 1 == code
    assert "[plugin_settings.tidy_cache] root is not set" in printed


def test_killed_in_the_middle_and_run_again_it_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    outcome = tidy_files(tmp_path, items=2000, seed=1, kills=1)

    assert outcome.undisturbed == outcome.disturbed
    assert outcome.kills >= 1
    assert 1000 <= outcome.went < 2000
