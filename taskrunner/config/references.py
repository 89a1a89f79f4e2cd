"""Secrets that stand elsewhere: "env:NAME", "file:PATH"."""

from __future__ import annotations

from taskrunner.config.files import read_text
from taskrunner.config.paths import absolute_path

TYPE_CHECKING = False  # spares an idle minute `typing`
if TYPE_CHECKING:
    from collections.abc import Mapping

LARGEST_SECRET = 64 * 1024


def is_reference(value: object) -> bool:
    """Return whether a value says where the secret stands, instead of being it: "env:NAME", "file:PATH"."""
    return isinstance(value, str) and value.startswith(("env:", "file:"))


def look_up(reference: str, *, directory: str, environ: Mapping[str, str]) -> str:
    """Return what a reference stands for, without blanks around it; `directory` is the configuration file's.

    Raises `ValueError` with what is wrong, which names the variable or the file, never what it holds.
    """
    where, _, name = reference.partition(":")
    if where == "env":
        secret = _in_environment(name, environ)
    else:
        secret = _in_file(absolute_path(name, directory=directory, environ=environ))
    if not (secret := secret.strip()):
        raise ValueError(f"comes from {reference}, which is empty")
    return secret


def _in_environment(name: str, environ: Mapping[str, str]) -> str:
    if name not in environ:
        raise ValueError(f"comes from the environment variable {name}, which is not set")
    return environ[name]


def _in_file(path: str) -> str:
    try:
        return read_text(path, largest=LARGEST_SECRET)
    except ValueError as error:
        raise ValueError(f"comes from the file {path}, which {error}") from error
