"""What the shell completes: names of tasks from the registry's cache, ids from the database.

Somebody waits for it at each TAB, so it goes the short ways of an idle minute.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import click

from taskrunner.cli.site import configuration, named_config
from taskrunner.errors import StoreError, TaskrunnerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from click.shell_completion import CompletionItem

    from taskrunner.config import Config
    from taskrunner.idle.memo import Memo
    from taskrunner.store import Store

    TextType = click.ParamType[str]
else:
    TextType = click.ParamType  # which older versions of click cannot be asked for with [str]

MOST_RUNS = 50
MOST_QUEUED = 200


class Completed(TextType):
    """A text that the shell completes with what `offers` yield: pairs of a text and what it stands for.

    They are given what is typed already, and may leave out what does not begin so.
    """

    def __init__(self, name: str, *offers: Callable[[str], Iterator[tuple[str, str]]]) -> None:
        self.name = name
        self._offers = offers

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Take any text: what is no name is said where it is looked for, with what is near."""
        return value

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Return what begins so; nothing where there is no site, as a shell has nowhere to say it."""
        from click.shell_completion import CompletionItem

        root = ctx.find_root()
        root.ensure_object(dict).setdefault("config", root.params.get("config_file"))
        try:
            with ctx.scope(cleanup=False):  # in which the configuration is looked for
                found = [pair for offer in self._offers for pair in offer(incomplete)]
        except TaskrunnerError:
            return []
        beginning = [pair for pair in found if _begins(pair[0], incomplete)]
        return [CompletionItem(text, help=about or None) for text, about in beginning]


def _begins(text: str, incomplete: str) -> bool:
    """A task may be named by the end of its name as well: SendDi completes to forum.SendDigest."""
    lower = incomplete.lower()
    return text.lower().startswith(lower) or text.rpartition(".")[2].lower().startswith(lower)


def _names(kind: str) -> Iterator[tuple[str, str]]:
    """Yield the declared tasks of a kind ("": of both); no plugin is imported but one that has changed."""
    from taskrunner.plugins import load_registry
    from taskrunner.plugins.cache import CACHE_FILE

    place = _place()
    cache_file = os.path.join(place.state_dir, CACHE_FILE)
    for task in load_registry(place.plugin_dirs, cache_file, now=time.time()).tasks.values():
        if kind in ("", task.kind):
            yield task.name, task.title


def _kept_runs(_typed: str) -> Iterator[tuple[str, str]]:
    from taskrunner.store.log import LogFilter

    store = _store()
    try:
        for run in store.log.list(LogFilter(limit=MOST_RUNS)):
            yield run.run_id, f"{run.name} {run.outcome}"
    finally:
        store.close()


def _runs_under_way(_typed: str) -> Iterator[tuple[str, str]]:
    store = _store()
    try:
        for run in store.runners.running():
            yield run.run_id, f"{run.name} on {run.hostname}"
    finally:
        store.close()


def _queued(typed: str) -> Iterator[tuple[str, str]]:
    if typed and not typed.isdecimal():  # it is a name
        return
    store = _store()
    try:
        for row in store.adhoc.list(limit=MOST_QUEUED):
            yield str(row.id), row.name
    finally:
        store.close()


def _store() -> Store:
    from taskrunner.db import open_for_questions
    from taskrunner.store import Store, open_store

    try:
        return Store(open_for_questions(_place().database))
    except StoreError:  # it goes on the long way, or not at all
        config = configuration()
        return open_store(config.database, lock_database=config.lock_database)


def _place() -> Memo | Config:
    """Return what tells where things are: what a cron noted, else the configuration."""
    from taskrunner.idle.memo import recall

    return recall(named_config() or "", environ=os.environ, cwd=os.getcwd()) or configuration()


TASK = Completed("text", lambda _: _names(""))
SCHEDULED_TASK = Completed("text", lambda _: _names("scheduled"))
ADHOC_CLASS = Completed("text", lambda _: _names("adhoc"))
TASK_OR_ID = Completed("text", lambda _: _names(""), _queued)
KEPT_RUN = Completed("text", _kept_runs)
RUN_UNDER_WAY = Completed("text", _runs_under_way)
KEPT_OR_RUNNING = Completed("text", _runs_under_way, _kept_runs)
