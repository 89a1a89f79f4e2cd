"""What an idle minute knows of the configuration without reading it: noted by the cron before."""

from __future__ import annotations

import os

from taskrunner import __version__
from taskrunner.cache_file import read_cache_file
from taskrunner.config.files import LARGEST_FILE, read_text
from taskrunner.config.paths import absolute_path
from taskrunner.config.references import is_reference, look_up
from taskrunner.config.search import find_file
from taskrunner.idle.sources import stamp_of, stamp_of_environment

TYPE_CHECKING = False  # spares an idle minute `typing`
if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "idle.cache"
KIND = f"idle 1 {__version__}"
"""Its text has lines of a name and a value; a name may come several times."""


class Memo:
    """The few facts that matter. `plugin_dirs` and `state_dir` are absolute.

    `registry` is the fingerprint of what the plugins declare; `settings` are those of the store that have the
    fingerprint of it and the configuration, by name, while nothing is to be declared or told. After a gap of
    more than `longest_gap` seconds somebody is to be told of it.
    """

    __slots__ = ("database", "longest_gap", "plugin_dirs", "registry", "settings", "state_dir")

    def __init__(self, facts: Mapping[str, list[str]]) -> None:
        [self.database] = facts["database"]
        [self.state_dir] = facts["state_dir"]
        [self.registry] = facts["registry"]
        self.settings = dict(line.split(" ") for line in facts["setting"])
        self.plugin_dirs = facts.get("plugin_dir", [])
        self.longest_gap = float(facts.get("longest_gap", ["inf"])[0])


def recall(named: str, *, environ: Mapping[str, str], cwd: str) -> Memo | None:
    """Return what was noted for the configuration that is named, "" for the one that is found.

    None: nothing was, or the configuration may be another one since. Raises ConfigError: there is none.
    """
    _, config_file = find_file(named, environ=environ, cwd=cwd)
    try:
        state_dir = _likely_state_dir(config_file, environ)
        text = read_cache_file(os.path.join(state_dir, NAME), KIND)
        return None if text is None else _believed(text, config_file, environ)
    except (OSError, ValueError):
        return None


def _believed(text: str, config_file: str, environ: Mapping[str, str]) -> Memo | None:
    facts: dict[str, list[str]] = {}
    for line in text.split("\n"):
        name, _, value = line.partition(" ")
        facts.setdefault(name, []).append(value)
    is_same = (
        facts["config"] == [config_file]
        and facts["environment"] == [stamp_of_environment(environ, facts.get("variable", []))]
        and all(_is_unchanged(source) for source in facts["source"])
    )
    if not is_same:
        return None
    memo = Memo(facts)
    if is_reference(memo.database):
        memo.database = look_up(memo.database, directory=os.path.dirname(config_file), environ=environ)
    return memo


def _is_unchanged(source: str) -> bool:
    stamp, _, path = source.partition(" ")
    return stamp_of(path) == stamp


def _likely_state_dir(config_file: str, environ: Mapping[str, str]) -> str:
    """Return where the memo most likely lies. A wrong guess finds none, or one that names another file."""
    text = _written_state_dir(config_file)
    given = environ.get("TASKRUN_STATE_DIR") or text
    return absolute_path(given, directory=os.path.dirname(config_file), environ=environ)


def _written_state_dir(config_file: str) -> str:
    """Return the state directory that a line of a usual shape sets, else the default; nothing is parsed."""
    for line in read_text(config_file, largest=LARGEST_FILE).split("\n"):
        key, _, value = line.partition("=")
        if key.rstrip() == "state_dir":
            return value.strip()[1:].partition(value.strip()[:1])[0]
        if line.startswith("["):
            break
    return "state"
