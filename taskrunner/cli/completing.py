"""What the shell completes: names of tasks from the registry's cache, ids from the database."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from taskrunner.cli.site import configuration
from taskrunner.errors import TaskrunnerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from click.shell_completion import CompletionItem

    from taskrunner.store import Store

    TextType = click.ParamType[str]
else:
    TextType = click.ParamType  # which older versions of click cannot be asked for with [str]

MOST_RUNS = 50
MOST_QUEUED = 200


class Completed(TextType):
    """A text that the shell completes with what `offers` yields: pairs of a text and what it stands for."""

    def __init__(self, name: str, *offers: Callable[[], Iterator[tuple[str, str]]]) -> None:
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
                found = [pair for offer in self._offers for pair in offer()]
        except TaskrunnerError:
            return []
        beginning = [pair for pair in found if _begins(pair[0], incomplete)]
        return [CompletionItem(text, help=about or None) for text, about in beginning]


def _begins(text: str, incomplete: str) -> bool:
    """A task may be named by the end of its name as well: SendDi completes to forum.SendDigest."""
    lower = incomplete.lower()
    return text.lower().startswith(lower) or text.rpartition(".")[2].lower().startswith(lower)


def _names(kind: str) -> Iterator[tuple[str, str]]:
    """Yield the declared tasks of a kind ("": of both) without importing or looking at a plugin."""
    from taskrunner.plugins.cache import read_snapshot

    snapshot = read_snapshot(configuration().state_dir / "registry.json")
    if snapshot is None:
        return
    for reading in json.loads(snapshot.readings).values():
        for task in reading["plugin"]["tasks"]:
            if kind in ("", task["kind"]):
                yield task["name"], task["title"]


def _kept_runs() -> Iterator[tuple[str, str]]:
    from taskrunner.store.log import LogFilter

    store = _store()
    try:
        for run in store.log.list(LogFilter(limit=MOST_RUNS)):
            yield run.run_id, f"{run.name} {run.outcome}"
    finally:
        store.close()


def _runs_under_way() -> Iterator[tuple[str, str]]:
    store = _store()
    try:
        for run in store.runners.running():
            yield run.run_id, f"{run.name} on {run.hostname}"
    finally:
        store.close()


def _queued() -> Iterator[tuple[str, str]]:
    store = _store()
    try:
        for row in store.adhoc.list(limit=MOST_QUEUED):
            yield str(row.id), row.name
    finally:
        store.close()


def _store() -> Store:
    from taskrunner.store import open_store

    config = configuration()
    return open_store(config.database, lock_database=config.lock_database)


TASK = Completed("text", lambda: _names(""))
SCHEDULED_TASK = Completed("text", lambda: _names("scheduled"))
ADHOC_CLASS = Completed("text", lambda: _names("adhoc"))
TASK_OR_ID = Completed("text", lambda: _names(""), _queued)
KEPT_RUN = Completed("text", _kept_runs)
RUN_UNDER_WAY = Completed("text", _runs_under_way)
KEPT_OR_RUNNING = Completed("text", _runs_under_way, _kept_runs)
