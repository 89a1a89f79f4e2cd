"""Where a configuration stands: what relative paths and `~` in it mean."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Place:
    """A directory that relative paths start from, and the environment that says what `~` is."""

    directory: Path
    environ: Mapping[str, str] = field(repr=False)

    def path(self, text: str) -> Path:
        """Return the absolute path that `text` names here; symbolic links are not followed.

        Raises `ValueError` for no text, for `~other`, and for `~` without an absolute $HOME.
        """
        if not text:
            raise ValueError("is empty")
        if text.startswith("~"):
            return self._at_home(text)
        return self.directory / text

    def _at_home(self, text: str) -> Path:
        tilde, _, rest = text.partition("/")
        if tilde != "~":
            raise ValueError("names another user's home; write the whole path")
        home = self.environ.get("HOME", "")
        if not home.startswith("/"):
            raise ValueError("needs $HOME, which is not set")
        return Path(home, rest)
