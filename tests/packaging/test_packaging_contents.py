"""What the wheel and the sdist hold, and that they come out the same whoever builds them."""

import os
import tarfile
import zipfile
from email import message_from_string
from email.message import Message
from pathlib import Path

import pytest

from taskrunner import __version__
from tests.contrib.example_site import output_folders
from tests.packaging.building import CHECKOUT, Built, build, copy_of_the_checkout
from tests.packaging.conftest import LEFT_OVERS

LONG_AGO = 1_000_000_000


def files_below(folder: str) -> set[str]:
    """Return the files of a folder of the checkout, but for what running it has left."""
    found = {path.relative_to(CHECKOUT) for path in (CHECKOUT / folder).rglob("*") if path.is_file()}
    return {path.as_posix() for path in found if not is_left_over(path)}


def is_left_over(path: Path) -> bool:
    """Tell what running the program, its tests or an example site has made."""
    made = output_folders() if path.parts[0] == "contrib" else []
    return bool({"__pycache__", ".env", *made} & set(path.parts))


def in_wheel(built: Built) -> set[str]:
    with zipfile.ZipFile(built.wheel) as archive:
        return set(archive.namelist())


def in_sdist(built: Built) -> set[str]:
    """Return the files of the sdist by their names in the checkout."""
    with tarfile.open(built.sdist) as archive:
        return {member.name.partition("/")[2] for member in archive.getmembers() if member.isfile()}


@pytest.fixture(scope="session")
def metadata(built: Built) -> Message:
    with zipfile.ZipFile(built.wheel) as archive:
        name = f"taskrunner_cron-{__version__}.dist-info/METADATA"
        return message_from_string(archive.read(name).decode())


def test_the_wheel_holds_the_package_with_all_its_data_and_nothing_else(built: Built) -> None:
    described = f"taskrunner_cron-{__version__}.dist-info/"
    beside = f"taskrunner_cron-{__version__}.data/data/share/man/man1/taskrun.1"

    held = {name for name in in_wheel(built) if not name.startswith(described)}
    pages = {f"taskrunner/{name}" for name in files_below("docs")}
    assert {
        *files_below("taskrunner"),
        *files_below("taskrun_contrib"),
        *files_below("taskrun_plugins"),
        *pages,
        beside,
    } == held


def test_the_wheel_says_under_which_licence_it_may_be_used(built: Built) -> None:
    assert f"taskrunner_cron-{__version__}.dist-info/licenses/LICENSE" in in_wheel(built)


def test_the_sdist_holds_what_a_checkout_does(built: Built) -> None:
    folders = set().union(
        *map(
            files_below,
            ("taskrun_contrib", "taskrun_plugins", "taskrunner", "tests", "contrib", "docs", ".ci"),
        )
    )
    top = {".gitignore", "CHANGELOG.md", "LICENSE", "Makefile", "README.md", "mkdocs.yml", "pyproject.toml"}

    assert folders | top | {"PKG-INFO"} == in_sdist(built)


def test_nothing_that_lies_about_in_a_checkout_is_published(built: Built) -> None:
    assert set() == set(LEFT_OVERS) & (in_wheel(built) | in_sdist(built))


def test_what_is_built_depends_neither_on_the_time_nor_on_who_builds_it(built: Built, tmp_path: Path) -> None:
    """Other times and rights of files; the wheel made from the tree, not from the sdist."""
    tree = copy_of_the_checkout(tmp_path / "elsewhere" / "taskrunner-main")
    for path in tree.rglob("*"):
        path.chmod(path.stat().st_mode & 0o700)
        os.utime(path, (LONG_AGO, LONG_AGO))

    again = build(tree, tmp_path / "again", "--sdist", "--wheel")

    assert built.sdist.read_bytes() == again.sdist.read_bytes()
    assert built.wheel.read_bytes() == again.wheel.read_bytes()


def test_the_metadata_has_the_version_of_the_program(metadata: Message) -> None:
    assert ("taskrunner-cron", __version__) == (metadata["Name"], metadata["Version"])


def test_the_description_is_readme_without_links_into_a_checkout(metadata: Message) -> None:
    description = str(metadata.get_payload())

    assert "text/markdown" == metadata["Description-Content-Type"].partition(";")[0]
    assert description.startswith("# taskrunner\n")
    assert "](contrib/" in (CHECKOUT / "README.md").read_text("utf-8")
    assert "](contrib/" not in description and "](tests/" not in description


def test_the_changelog_has_a_section_for_what_is_to_come() -> None:
    assert "\n## [Unreleased]\n" in (CHECKOUT / "CHANGELOG.md").read_text("utf-8")
