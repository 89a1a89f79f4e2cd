"""The minute in which nothing is due: `taskrun cron` sees that and leaves, before the program is imported.

It is a short cut, no second truth: plugins are looked for, the database is opened and its tables are asked as
the program does it. The minute is passed only where every answer is one on which the program would do nothing
but note its heartbeat. On any other answer, and on any error, nothing was done here, and the program does and
says the rest.
"""

from __future__ import annotations

import os

from taskrunner.heartbeat import beat, last_beat
from taskrunner.idle.command_line import config_of_plain_cron
from taskrunner.idle.memo import recall

TYPE_CHECKING = False  # spares an idle minute `typing`
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from taskrunner.idle.memo import Memo


def passes_idly(arguments: Sequence[str], *, environ: Mapping[str, str], now: float) -> bool:
    """Do all that `taskrun` with these arguments has to do; False: it is more than an idle minute."""
    named = config_of_plain_cron(arguments, environ)
    if named is None:
        return False
    try:
        memo = recall(named, environ=environ, cwd=os.getcwd())
        if memo is None or _has_visits(memo) or _is_odd_time(memo, now):
            return False
        if _plugins_changed(memo, now) or _has_work(memo, now):
            return False
        beat(memo.state_dir, now)
    except Exception:  # whatever it is, the program meets it as well, and says what is wrong
        return False
    return True


def _has_visits(memo: Memo) -> bool:
    """Say whether visits of a web site wait to be told that a real cron is alive."""
    return os.path.exists(os.path.join(memo.state_dir, "web_tick"))


def _is_odd_time(memo: Memo, now: float) -> bool:
    """Say whether the clock was set back, or no cron was started for longer than goes without saying."""
    before = last_beat(memo.state_dir)
    return before is None or before.is_ahead_of(now) or now - before.started_at > memo.longest_gap


def _plugins_changed(memo: Memo, now: float) -> bool:
    from taskrunner.plugins.cache import CACHE_FILE, read_snapshot
    from taskrunner.plugins.discovery import find_sources

    known = read_snapshot(os.path.join(memo.state_dir, CACHE_FILE))
    if known is None or known.fingerprint != memo.registry:
        return True
    return not known.holds(find_sources(memo.plugin_dirs), now=now)


def _has_work(memo: Memo, now: float) -> bool:
    from taskrunner.db import open_for_questions
    from taskrunner.idle.questions import beat_host, has_work

    database = open_for_questions(memo.database)
    try:
        if has_work(database, expected=memo.settings, now=now):
            return True
        if database.is_shared:
            beat_host(database, now)
        return False
    finally:
        database.close()
