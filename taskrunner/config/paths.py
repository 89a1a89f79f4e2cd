"""What a path in the configuration means: absolute, below ~, or relative to a directory."""

from __future__ import annotations

import os.path

TYPE_CHECKING = False  # spares an idle minute `typing`
if TYPE_CHECKING:
    from collections.abc import Mapping


def absolute_path(text: str, *, directory: str, environ: Mapping[str, str]) -> str:
    """Return the absolute path that `text` names in a directory; symbolic links are not followed.

    Raises `ValueError` for no text, for `~other`, and for `~` without an absolute $HOME.

    >>> [absolute_path(text, directory="/srv", environ={"HOME": "/home/a"}) for text in ("a/b", "/c", "~/d")]
    ['/srv/a/b', '/c', '/home/a/d']
    """
    if not text:
        raise ValueError("is empty")
    if text.startswith("~"):
        return _at_home(text, environ.get("HOME", ""))
    return os.path.join(directory, text)


def _at_home(text: str, home: str) -> str:
    tilde, _, rest = text.partition("/")
    if tilde != "~":
        raise ValueError("names another user's home; write the whole path")
    if not home.startswith("/"):
        raise ValueError("needs $HOME, which is not set")
    return os.path.join(home, rest)
