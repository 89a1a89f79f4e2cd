"""What a process trusts: not where it is started, not what others can write."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.processes import TASKRUN, RealSite
from tests.databases import ON_SQLITE
from tests.patience import DEADLINE

FORUM = """\
class Digest(ScheduledTask):
    schedule = Every(hours=1)

    def execute(self):
        witness("ran", os.getcwd() in sys.path or "" in sys.path)
        print(sys.argv, end="")
"""
SHADOWED = ("click", "tomllib", "croniter", "sqlite3", "dataclasses", "decimal", "helper")


@pytest.fixture
def elsewhere(site: RealSite) -> Path:
    """A folder whose modules have the names of modules that taskrunner imports; an imported one tells."""
    folder = site.root / "elsewhere"
    folder.mkdir()
    witness = str(site.root / "shadowed")
    for name in SHADOWED:
        told = f"open({witness!r}, 'a').write('{name}\\n')"
        (folder / f"{name}.py").write_text(f"{told}\nraise ImportError('{name} shadowed')\n")
    return folder


def start_from(
    folder: Path, site: RealSite, *program: object, **environ: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*map(str, program), "--config", site.config, "cron", "--quiet"],
        cwd=folder,
        env={"HOME": str(site.root), "PATH": "/usr/bin:/bin"} | environ,
        capture_output=True,
        encoding="utf-8",
        timeout=DEADLINE,
        check=False,
    )


@pytest.mark.parametrize("path", [None, "", ":", ".", "/nonexistent:"])
@pytest.mark.parametrize("program", [(TASKRUN,), (sys.executable, "-m", "taskrunner")])
def test_no_module_is_imported_from_the_current_directory(
    site: RealSite, elsewhere: Path, program: tuple[object, ...], path: str | None
) -> None:
    if path == "." and program != (TASKRUN,):
        path = None  # Python itself imports from there before this program begins
    site.write("forum", FORUM)

    done = start_from(elsewhere, site, *program, **({} if path is None else {"PYTHONPATH": path}))

    assert (0, "", "") == (done.returncode, done.stdout, done.stderr)
    assert not (site.root / "shadowed").exists()
    assert ["ran False"] == site.witnessed()


def test_a_folder_that_pythonpath_names_in_full_is_used_wherever_one_is(site: RealSite) -> None:
    library = site.root / "library"
    library.mkdir()
    (library / "of_the_site.py").write_text("WORD = 'known'\n")
    site.write("forum", "import of_the_site\n" + FORUM.replace('"ran"', "of_the_site.WORD"))

    start_from(library, site, TASKRUN, PYTHONPATH=str(library))

    assert ["known False"] == site.witnessed()  # tasks run in the folder of the site


@pytest.mark.parametrize(
    ("make_loose", "told"),
    [
        (
            lambda root: (root / "plugins").chmod(0o777),
            "/plugins: is writable by group or others (chmod go-w)",
        ),
        (
            lambda root: (root / "plugins" / "forum.py").chmod(0o666),
            "/plugins/forum.py: is writable by group or others (chmod go-w)",
        ),
    ],
)
def test_what_others_can_write_is_not_run_and_told_in_one_line(site: RealSite, make_loose, told: str) -> None:
    site.write("forum", FORUM)
    make_loose(site.root)

    done = site.run("cron")

    assert [] == site.witnessed()
    assert 0 == done.returncode
    assert 1 == sum(line.endswith(told) for line in done.stdout.splitlines())


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda root: (root / "taskrunner.toml").chmod(0o666), "is writable by group or others (chmod go-w)"),
        (
            lambda root: (
                (root / "taskrunner.toml").rename(root / "real.toml"),
                (root / "taskrunner.toml").symlink_to("real.toml"),
            ),
            "is a link; name the file it leads to",
        ),
    ],
)
def test_a_configuration_that_cannot_be_trusted_runs_nothing(site: RealSite, spoil, told: str) -> None:
    site.write("forum", FORUM)
    spoil(site.root)

    done = site.run("cron")

    assert (78, "", []) == (done.returncode, done.stdout, site.witnessed())
    assert f"taskrun: {site.config} {told}\n" == done.stderr


def test_root_runs_only_roots_files(site: RealSite) -> None:
    site.write("forum", FORUM)
    owner = 4711 if os.geteuid() == 0 else None
    if owner is None:
        pytest.skip("giving files away takes root")
    os.chown(site.root / "plugins" / "forum.py", owner, owner)

    done = site.run("cron")

    assert [] == site.witnessed()
    assert f"forum.py: is owned by uid {owner}, neither root nor the user running taskrunner" in done.stdout


@ON_SQLITE
def test_what_is_kept_is_closed_to_others(site: RealSite) -> None:
    site.write("forum", FORUM)

    site.run("cron")

    folders = [
        path for name in ("state", "log") for path in [site.root / name, *(site.root / name).rglob("*")]
    ]
    modes = {path: oct(path.stat().st_mode & 0o777) for path in folders}
    assert {"0o750"} == {mode for path, mode in modes.items() if path.is_dir()}
    assert {"0o640"} == {mode for path, mode in modes.items() if path.suffix == ".log"}
    assert "0o600" == modes[site.root / "state" / "taskrunner.db"]
    assert [] == [path for path, mode in modes.items() if int(mode, 8) & 0o022]


def test_a_secret_is_neither_in_the_arguments_nor_in_title_environment_of_others_log_or_errors(
    site: RealSite,
) -> None:
    secret = "s3cr3t"
    (site.root / "word").write_text(f"postgresql://cron:{secret}@127.0.0.1:1/none\n")
    (site.root / "word").chmod(0o600)
    site.config.write_text(f'timezone = "UTC"\n[task_database]\nurl = "file:{site.root / "word"}"\n')
    site.write(
        "forum",
        FORUM.replace(
            "print(sys.argv",
            "print(open('/proc/self/cmdline').read(), open('/proc/self/environ').read());"
            "self.db.execute('select 1'); print(sys.argv",
        ),
    )

    done = site.run("cron")
    shown = site.run("config")

    told = done.stdout + done.stderr + site.log() + shown.stdout + shown.stderr
    assert secret not in told
    assert "failed: Digest (forum.Digest)" in told
