"""The pages that are made from the code say what it says now: `python .ci/reference.py` writes them anew."""

import runpy
from pathlib import Path

import pytest

from tests.guards.readme_session import DOCS

MADE = runpy.run_path(str(Path(__file__).parents[2] / ".ci" / "reference.py"))


@pytest.mark.parametrize("name", ["api", "json"])
def test_the_page_is_that_of_the_code(name: str) -> None:
    assert (DOCS / f"{name}.md").read_text("utf-8") == MADE[f"{name}_page"]()
