"""Where a configuration stands: what relative paths and `~` in it mean."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from taskrunner.config.paths import absolute_path


@dataclass(frozen=True, slots=True)
class Place:
    """A directory that relative paths start from, and the environment that says what `~` is."""

    directory: Path
    environ: Mapping[str, str] = field(repr=False)

    def path(self, text: str) -> Path:
        """Return the absolute path that `text` names here; symbolic links are not followed.

        Raises `ValueError` for no text, for `~other`, and for `~` without an absolute $HOME.
        """
        return Path(absolute_path(text, directory=str(self.directory), environ=self.environ))
