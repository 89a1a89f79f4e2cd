"""The minute in which nothing is due: `taskrun cron` sees that and leaves, before the program is imported.

It is a short cut, no second truth: plugins are looked for, the database is opened and its tables are asked as
the program does it. The minute is passed only where every answer is one on which the program would do nothing
but note its heartbeat. On any other answer, and on any error, nothing was done here, and the program does and
says the rest.
"""

from __future__ import annotations

import os
import sys

from taskrunner import __version__
from taskrunner.config.find import (
    FILE_VARIABLE,
    PREFIX,
    absolute_path,
    current_directory,
    find_file,
    is_reference,
    look_up,
)
from taskrunner.files import LARGEST_FILE, read_cache_file, read_text
from taskrunner.heartbeat import beat, last_beat
from taskrunner.store import Statements
from taskrunner.store.settings import CRONS, INSTANCE_ID, PAUSED, of_host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from taskrunner.db import Database
    from taskrunner.heartbeat import Heartbeat

COMPLETION = "_TASKRUN_COMPLETE"
"""Set by the shell that wants to know how a command line could go on; click answers."""


def config_of_plain_cron(arguments: Sequence[str], environ: Mapping[str, str]) -> str | None:
    """Return the file that `--config` names, "" without it, or None if this is not a plain `taskrun cron`.

    >>> lines = ("cron", "--config a.toml cron", "cron --config=a.toml", "cron --force", "--config= cron")
    >>> [config_of_plain_cron(line.split(), {}) for line in lines]
    ['', 'a.toml', 'a.toml', None, None]
    """
    match arguments:
        case ["cron"]:
            return None if environ.get(COMPLETION) else ""
        case ["--config", named, "cron"] | ["cron", "--config", named]:
            pass
        case [option, "cron"] | ["cron", option] if option.startswith("--config="):
            named = option.removeprefix("--config=")
        case _:
            return None
    return None if not named or named.startswith("-") or environ.get(COMPLETION) else named


COARSEST = 2.0
"""Seconds within which a file can change twice and keep its time, on the coarsest of file systems."""


def signature_of(path: str) -> str:
    """Return a text without blanks that changes when the file does, or what a link leads to."""
    signatures = []
    for follow in (False, True):
        try:
            status = os.stat(path, follow_symlinks=follow)
        except OSError:
            signatures.append("-")
        else:
            found = (status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino)
            signatures.append(".".join(map(str, found)))
    return ",".join(signatures)


def changed_since(path: str, moment: float) -> bool:
    """Return whether a file was, or may have been, changed since a moment (epoch seconds)."""
    try:
        latest = max(os.lstat(path).st_mtime, os.stat(path).st_mtime)
    except OSError:
        return False
    return latest > moment - COARSEST


def signature_of_environment(environ: Mapping[str, str], variables: Iterable[str]) -> str:
    """Return a text that changes with the host and with what the environment sets.

    That are $HOME, TASKRUN_* and the `variables` that secrets come from: these only as a digest.
    """
    place = f"{os.uname().nodename} {environ.get('HOME', '')}"
    settings = [name for name in environ if name.startswith(PREFIX) and name != FILE_VARIABLE]
    given = [(name, environ.get(name)) for name in sorted({*settings, *variables})]
    if not given:
        return place
    from hashlib import sha256

    return sha256(ascii((place, given)).encode()).hexdigest()


NAME = "idle.cache"
KIND = f"idle 3 {__version__}"
"""Its text has lines of a name and a value; a name may come several times."""


class Memo:
    """The few facts of a configuration that an idle minute needs. `plugin_dirs` and `state_dir` are absolute.

    `registry` is the fingerprint of what the plugins declare, `interpreter` which Python has read them;
    `settings` are those of the store that have the fingerprint of it and the configuration, by name, while
    nothing is to be declared or reported. After a gap of more than `longest_gap` seconds that is kept, and
    perhaps somebody notified.
    """

    __slots__ = ("database", "interpreter", "longest_gap", "plugin_dirs", "registry", "settings", "state_dir")

    def __init__(self, facts: Mapping[str, list[str]]) -> None:
        [self.database] = facts["database"]
        [self.state_dir] = facts["state_dir"]
        [self.registry] = facts["registry"]
        [self.interpreter] = facts["interpreter"]
        self.settings = dict(line.split(" ") for line in facts["setting"])
        self.plugin_dirs = facts.get("plugin_dir", [])
        self.longest_gap = float(facts.get("longest_gap", ["inf"])[0])


def recall(named: str, *, environ: Mapping[str, str], cwd: str) -> Memo | None:
    """Return what was noted for the configuration that is named, "" for the one that is found.

    None: nothing was, or the configuration may be another one since. Raises ConfigError: there is none.
    """
    _, config_file = find_file(named, environ=environ, cwd=cwd)
    try:
        state_dir = likely_state_dir(config_file, environ)
        if os.stat(state_dir).st_uid != os.geteuid():  # the program refuses to touch it
            return None
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
        and facts["environment"] == [signature_of_environment(environ, facts.get("variable", []))]
        and all(_is_unchanged(source) for source in facts["source"])
    )
    if not is_same:
        return None
    memo = Memo(facts)
    if is_reference(memo.database):
        memo.database = look_up(memo.database, directory=os.path.dirname(config_file), environ=environ)
    return memo


def _is_unchanged(source: str) -> bool:
    signature, _, path = source.partition(" ")
    return signature_of(path) == signature


def likely_state_dir(config_file: str, environ: Mapping[str, str]) -> str:
    """Return where the memo most likely lies. A wrong guess finds none, or one that names another file.

    Raises ValueError: the configuration cannot be read.
    """
    given = "state"
    for line in read_text(config_file, largest=LARGEST_FILE).split("\n"):  # nothing is parsed
        key, _, value = line.partition("=")
        if key.rstrip() == "state_dir":
            given = value.strip()[1:].partition(value.strip()[:1])[0]
            break
        if line.startswith("["):
            break
    given = environ.get("TASKRUN_STATE_DIR") or given
    return absolute_path(given, directory=os.path.dirname(config_file), environ=environ)


def passes_idly(arguments: Sequence[str], *, environ: Mapping[str, str], now: float) -> bool:
    """Return whether this is an idle minute, after doing all that `taskrun` has to do in one."""
    named = config_of_plain_cron(arguments, environ)
    if named is None:
        return False
    try:
        memo = recall(named, environ=environ, cwd=current_directory())
        if memo is None or _has_visits(memo) or os.path.exists(os.path.join(memo.state_dir, "cron_failure")):
            return False
        before = last_beat(memo.state_dir)
        if before is None or _is_odd_time(before, memo, now) or _plugins_changed(memo, now):
            return False
        counted = _ask_for_work(memo, before, now)
        if counted is None:
            return False
        beat(memo.state_dir, now, counted=counted)
    except Exception:  # whatever it is, the program meets it as well, and says what is wrong
        return False
    return True


def _has_visits(memo: Memo) -> bool:
    """Return whether visits of a web site have to know that a real cron is alive."""
    return os.path.exists(os.path.join(memo.state_dir, "web_tick"))


def _is_odd_time(before: Heartbeat, memo: Memo, now: float) -> bool:
    """Return whether the clock was set back, or no cron was started for so long that it must be reported."""
    return before.is_ahead_of(now) or now - before.started_at > memo.longest_gap


def _plugins_changed(memo: Memo, now: float) -> bool:
    from taskrunner.plugins.discover import (
        CACHE_FILE,
        find_sources,
        read_snapshot,
        signature_of_interpreter,
    )

    if memo.interpreter != signature_of_interpreter(sys.path):
        return True
    known = read_snapshot(os.path.join(memo.state_dir, CACHE_FILE))
    if known is None or known.fingerprint != memo.registry:
        return True
    return not known.holds(find_sources(memo.plugin_dirs, known.installed), now=now)


def _ask_for_work(memo: Memo, before: Heartbeat, now: float) -> str | None:
    """Return what is counted of this host's crons if there is nothing to do, or None if there may be."""
    from taskrunner.db import open_for_questions

    database = open_for_questions(memo.database)
    try:
        if has_work(database, expected=memo.settings, now=now, before=before):
            return None
        return beat_host(database, now, before) if database.is_shared else before.counted
    finally:
        database.close()


def has_work(database: Database, *, expected: Mapping[str, str], now: float, before: Heartbeat) -> bool:
    """Return whether the whole program might have something to do or to say.

    `before` is what the last cron noted.
    `expected` are the settings that are there once tasks are declared and problems shown. Raises StoreError.
    """
    return (
        _has_news(database, expected, before)
        or bool(Statements(database, "scheduled").rows("due", now=now))
        or _has_due_adhoc_tasks(database, now)
        or bool(Statements(database, "runners").rows("list"))  # at work, or dead: the program can tell
    )


def beat_host(database: Database, now: float, before: Heartbeat) -> str:
    """Note that a cron starts on this host, for the others that work with the database. Raises StoreError.

    Returns what is counted of this host's crons, as it is noted.
    """
    [row] = Statements(database, "hosts").rows("beat", hostname=os.uname().nodename, now=now)
    return f"{row['crons']} {before.counted.partition(' ')[2]}"


def _has_news(database: Database, expected: Mapping[str, str], before: Heartbeat) -> bool:
    """Return whether cron is paused, tasks have to be declared anew, or problems have to be reported.

    Such a problem is a database that knows of fewer crons than were noted: it is an older one.
    """
    settings = {row["name"]: row["value"] for row in Statements(database, "settings").rows("list")}
    if PAUSED in settings or any(settings.get(name) != value for name, value in expected.items()):
        return True
    hostname = os.uname().nodename
    noted = before.crons_of(settings[INSTANCE_ID], hostname)
    if database.is_shared and not noted:  # which each cron notes there
        return True
    return int(settings.get(of_host(CRONS, hostname), 0)) < noted


def _has_due_adhoc_tasks(database: Database, now: float) -> bool:
    return any(row["next_run_at"] <= now for row in Statements(database, "adhoc").rows("classes"))
