"""What PyPI shows of README.md: its text, without the links into a checkout, which lead nowhere there."""

from __future__ import annotations

import re
from pathlib import Path

from hatchling.metadata.plugin.interface import MetadataHookInterface

RELATIVE_LINK = re.compile(r"\[([^\]\n]+)\]\((?!https?:|#)[^)\n]*\)")


class Description(MetadataHookInterface):
    """Hatchling's hook for the project's `readme`."""

    def update(self, metadata: dict[str, object]) -> None:
        """Set the description: a link to a file becomes the text of the link."""
        readme = Path(self.root, "README.md").read_text("utf-8")
        text = RELATIVE_LINK.sub(r"\1", readme)
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
