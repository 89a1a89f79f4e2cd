"""The documentation as a web site: built without a warning, with every page, asking no other server."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from taskrunner.cli.help import topics
from tests.guards.readme_session import README
from tests.patience import DEADLINE

TOP = README.parent


def build(tree: Path, into: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", into],
        cwd=tree, env={"PATH": "/usr/bin:/bin", "NO_MKDOCS_2_WARNING": "1"}, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=DEADLINE,
    )  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = build(TOP, folder)
    assert done.returncode == 0, done.stdout
    return folder


def article(page: Path) -> str:
    """Return what a page says, without its code."""
    found = re.search(r"(?s)<article.*?</article>", page.read_text("utf-8"))
    assert found, page
    return re.sub(r"(?s)<[^>]+>", "", re.sub(r"(?s)<pre.*?</pre>|<code>.*?</code>", "", found[0]))


def test_the_site_has_every_page_in_its_navigation(site: Path) -> None:
    links = re.findall(
        r'(?s)<a href="([\w-]+)\.html" class="md-nav__link', (site / "index.html").read_text("utf-8")
    )

    assert list(topics()) == [name for name in links if name != "index"]
    assert [] == [name for name in topics() if not (site / f"{name}.html").exists()]


def test_no_markdown_is_left_in_a_page(site: Path) -> None:
    left = {name: re.findall(r"\*\*|`|\]\(|\|---", article(site / f"{name}.html")) for name in topics()}

    assert {} == {name: marks for name, marks in left.items() if marks}


def test_a_page_asks_no_other_server(site: Path) -> None:
    loaded = re.compile(r'<(?:script|link|img)[^>]*(?:src|href)="?(?:https?:)?//([^/"> ]+)')

    assert {} == {
        page.name: asked for page in site.glob("*.html") if (asked := loaded.findall(page.read_text()))
    }


def test_the_site_has_a_list_of_its_pages_for_programs(site: Path) -> None:
    listed = re.findall(r"\]\(([\w-]+)\.html\): ", (site / "llms.txt").read_text("utf-8"))

    assert list(topics()) == listed


@pytest.mark.parametrize("wrong", ["[x](missing.md)", "[x](tasks.md#missing)"])
def test_a_dead_link_ends_the_build(tmp_path: Path, wrong: str) -> None:
    for name in ("docs", ".ci"):
        shutil.copytree(TOP / name, tmp_path / name)
    shutil.copy(TOP / "mkdocs.yml", tmp_path)
    with (tmp_path / "docs" / "plugins.md").open("a", encoding="utf-8") as page:
        page.write(f"\n{wrong}\n")

    done = build(tmp_path, tmp_path / "site")

    assert done.returncode == 1 and "missing" in done.stdout
