"""MkDocs' hooks: the navigation and llms.txt from the index, and links into a checkout as text."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

SECTION = re.compile(r"(?ms)^## (.*?)\n\n(.*?)(?=^## |\Z)")
LISTED = re.compile(r"(?m)^- \[([^\]]+)\]\(([\w-]+\.md)\)")
CODE_IN_A_TABLE = re.compile(r"(?m)`[^`\n]*`(?=[^\n]*\|$)")
LINK_INTO_CHECKOUT = re.compile(r"\[([^\]\n]+)\]\(\.\./[^)\n]*\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Set the navigation: the sections of docs/index.md with their pages."""
    index = files.src_uris["index.md"].content_string
    config.nav = [{"Overview": "index.md"}] + [
        {title: [{name: page} for name, page in LISTED.findall(pages)]}
        for title, pages in SECTION.findall(index)
    ]
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Return the page without links to files that are not part of the site.

    A bar in the code of a table is escaped for GitHub, and shown with its backslash by Python's Markdown.
    """
    text = CODE_IN_A_TABLE.sub(lambda code: code[0].replace("\\|", "|"), markdown)
    return LINK_INTO_CHECKOUT.sub(r"\1", text)


def on_post_build(config: MkDocsConfig) -> None:
    """Write llms.txt: the index has the form that programs which read it expect."""
    index = Path(config.docs_dir, "index.md").read_text("utf-8")
    Path(config.site_dir, "llms.txt").write_text(index.replace(".md)", ".html)"), "utf-8")
