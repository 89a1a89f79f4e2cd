"""What the commands share: the --config option and the installation it names."""

from __future__ import annotations

import os
import time
from datetime import UTC, tzinfo
from typing import TYPE_CHECKING, Any, TypeVar

import click

from taskrunner.cli.render import say
from taskrunner.config.find import current_directory
from taskrunner.errors import StoreError, TaskrunnerError
from taskrunner.formatting import length as length
from taskrunner.formatting import long_moment as long_moment
from taskrunner.formatting import short_moment as short_moment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from click.shell_completion import CompletionItem

    from taskrunner.administration.audit import Who
    from taskrunner.config import Config
    from taskrunner.idle import Memo
    from taskrunner.installation import Site
    from taskrunner.records import Suspension
    from taskrunner.store import Store
    from taskrunner.views.columns import Context

    NumberType = click.ParamType[int]
    TextType = click.ParamType[str]
else:
    NumberType = click.ParamType
    TextType = click.ParamType

F = TypeVar("F", bound="Callable[..., Any]")


def config_option(function: F) -> F:
    """Let a command take --config after its name as well as before."""
    option = click.option(
        "--config",
        metavar="FILE",
        expose_value=False,
        callback=_remember,
        help="The configuration, else taskrunner.toml is searched.",
    )
    return option(function)


def _remember(context: click.Context, _parameter: click.Parameter, value: str | None) -> None:
    if value is not None:
        context.find_root().ensure_object(dict)["config"] = value


def configuration(*, by_anybody: bool = False) -> Config:
    """Return the configuration a command is to use. Raises ConfigError.

    Raises NotOwnerError for whoever does not own the site, unless the command is one `by_anybody`.
    """
    from taskrunner.config.load import apply_run_settings, load_config
    from taskrunner.errors import ConfigError, NotOwnerError
    from taskrunner.ownership import refuse_others

    named = named_config()
    try:
        try:
            config = load_config(named, environ=os.environ, cwd=current_directory())
        except ConfigError:
            _refuse_others_of(named)
            raise
        if not by_anybody:
            refuse_others(config.state_dir)
    except NotOwnerError as error:
        raise NotOwnerError(f"{error}: {_command_as(error.owner, named)}", owner=error.owner) from None
    os.environ["TASKRUN_CONFIG"] = str(config.file)  # for what tasks start, and for queueing
    apply_run_settings(config)
    return config


def _refuse_others_of(named: str | None) -> None:
    """Raise NotOwnerError if a configuration that cannot be used is that of another user's site."""
    from taskrunner.config.find import find_file
    from taskrunner.errors import NotOwnerError
    from taskrunner.idle import likely_state_dir
    from taskrunner.ownership import owner_behind, refuse_others, user_name

    _, file = find_file(named, environ=os.environ, cwd=current_directory())
    if (owner := owner_behind(file, uid=os.geteuid())) is not None:
        raise NotOwnerError(f"this site belongs to {user_name(owner)}", owner=user_name(owner))
    try:
        state_dir = likely_state_dir(file, os.environ)
    except ValueError:  # there is no such file, or nothing that could be read
        return
    refuse_others(state_dir)


def _command_as(user: str, named: str | None) -> str:
    """Return the command that was given, for its user to paste, as another user gives it."""
    import shlex
    import sys

    from taskrunner.config.find import find_file
    from taskrunner.formatting import program_words

    _, file = find_file(named, environ=os.environ, cwd=current_directory())
    words, given = [], iter(sys.argv[1:])
    for word in given:
        if word == "--config":
            next(given, None)
        elif not word.startswith("--config="):
            words.append(word)
    return shlex.join(["sudo", "-u", user, *program_words(), "--config", file, *words])


def named_config() -> str | None:
    """Return what --config names."""
    named: str | None = click.get_current_context().find_root().obj["config"]
    return named


def opened_site(*, for_reading: bool = False) -> Site:
    """Return the installation a command is to work with. Raises ConfigError, StoreError.

    `for_reading`: the command changes nothing, and is to start quickly.
    """
    from taskrunner.installation import open_site

    site = open_site(configuration(), now=time.time(), for_reading=for_reading)
    if for_reading:  # libpq, unlike a driver, does not leave the server by itself
        click.get_current_context().call_on_close(site.store.close)
    return site


def tell_broken(site: Site) -> None:
    """Say on stderr, in one line each, which plugins cannot be imported: their tasks are not run."""
    for plugin, message in site.registry.broken.items():
        say(f"taskrun: the plugin {plugin} is broken: {message}", err=True)


def administrator() -> Who:
    """Return who gives this command, for the trail of changes."""
    from taskrunner.administration.audit import Who

    return Who(login(os.environ, os.getuid()), os.getuid())


def login(environ: Mapping[str, str], uid: int) -> str:
    """Return who somebody is: the name of the user, and of the person who became that user by sudo.

    >>> login({"SUDO_USER": "ada"}, 0), login({}, 0), login({}, 987_654)
    ('root (ada)', 'root', '987654')
    """
    import pwd

    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = str(uid)
    person = environ.get("SUDO_USER", "")[:128]
    return f"{name} ({person})" if person and person != name else name


def zone_of(site: Site) -> tzinfo:
    """Return the zone in which times are shown and read."""
    from taskrunner.zones import get_zone

    return get_zone(site.config.timezone)


def context_of(site: Site, now: float) -> Context:
    """Return what texts for people depend on."""
    from taskrunner.views.columns import context_of

    return context_of(site, now)


def context_without_site() -> Context:
    """Return the same where there may be no site to ask for its zone."""
    from taskrunner.views.columns import Context

    return Context(time.time(), UTC)


def pause_sentence(paused: Suspension, context: Context) -> str:
    """Return since when cron has been paused, why, and what to type."""
    why = f" ({paused.reason})" if paused.reason else ""
    until = f", until {long_moment(paused.until, context.zone)}" if paused.until is not None else ""
    return (
        f"Cron has been paused since {long_moment(paused.since, context.zone)}{until}{why}. "
        "`taskrun resume` lets it start tasks again, `taskrun cron --force` runs once."
    )


LARGEST = 2**63 - 1


class Counted(NumberType):
    """A whole number from 1 on. click's own IntRange would show its largest in each help text."""

    name = "n"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number; one that is out of range is a usage error."""
        number = click.INT.convert(value, param, ctx)
        if not 1 <= number <= LARGEST:
            self.fail(f"{number} is not in the range 1 to {LARGEST}", param, ctx)
        return int(number)


COUNTED = Counted()


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
        """Take any text: where the name is looked for, a wrong one is refused, with what is near."""
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
    """Yield the declared tasks of a kind ("": of both) that are known; no plugin is imported again."""
    from taskrunner.plugins import Registry, load_registry
    from taskrunner.plugins.discover import CACHE_FILE, read_snapshot

    place = _place()
    cache_file = os.path.join(place.state_dir, CACHE_FILE)
    known = read_snapshot(cache_file)
    registry = Registry(known) if known else load_registry(place.plugin_dirs, cache_file, now=time.time())
    for task in registry.tasks.values():
        if kind in ("", task.kind):
            yield task.name, task.title


def _missing(_typed: str) -> Iterator[tuple[str, str]]:
    store = _store()
    try:
        for row in store.scheduled.list():
            if (row.blocked or "").startswith("missing"):
                yield row.name, row.title
    finally:
        store.close()


def _kept_runs(_typed: str) -> Iterator[tuple[str, str]]:
    from taskrunner.store.runs import LogFilter

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
    except StoreError:  # the command opens the database itself, or ends with what is wrong
        config = configuration()
        return open_store(config.database, lock_database=config.lock_database, older="refuse")


def _place() -> Memo | Config:
    """Return what says where everything is: what a cron noted, else the configuration."""
    from taskrunner.idle import recall

    return recall(named_config() or "", environ=os.environ, cwd=current_directory()) or configuration()


TASK = Completed("text", lambda _: _names(""))
MISSING_TASK = Completed("text", _missing)
SCHEDULED_TASK = Completed("text", lambda _: _names("scheduled"))
ADHOC_CLASS = Completed("text", lambda _: _names("adhoc"))
TASK_OR_ID = Completed("text", lambda _: _names(""), _queued)
KEPT_RUN = Completed("text", _kept_runs, lambda _: _names(""))
RUN_UNDER_WAY = Completed("text", _runs_under_way, lambda _: _names(""))
KEPT_OR_RUNNING = Completed("text", _runs_under_way, _kept_runs, lambda _: _names(""))


def parse_length(text: str) -> float:
    """Return the seconds that a length of time means; a bare number is seconds. Raises click.BadParameter."""
    from taskrunner.formatting import parse_length

    try:
        return parse_length(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def parse_moment(text: str, *, now: float, zone: tzinfo, ahead: bool = False) -> float:
    """Return the epoch seconds of a text, as `taskrunner.formatting` says. Raises click.BadParameter."""
    from taskrunner.formatting import parse_moment

    try:
        return parse_moment(text, now=now, zone=zone, ahead=ahead)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


SHELLS = ("bash", "zsh", "fish")

BASH = """\
_taskrun_completion() {
    local IFS=$'\\n' response completion type value
    response=$(env COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD=$COMP_CWORD _TASKRUN_COMPLETE=bash_complete "$1")
    for completion in $response; do
        IFS=',' read type value <<< "$completion"
        if [[ $type == 'dir' ]]; then
            COMPREPLY=(); compopt -o dirnames 2>/dev/null
        elif [[ $type == 'file' ]]; then
            COMPREPLY=(); compopt -o default 2>/dev/null
        elif [[ $type == 'plain' ]]; then
            COMPREPLY+=("$value")
        fi
    done
    return 0
}
complete -o nosort -F _taskrun_completion taskrun 2>/dev/null || complete -F _taskrun_completion taskrun
"""
"""That of click asks bash for its version at every start of a shell; this one needs none."""


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print the script with which SHELL completes commands and names.

    Commands, options, names of tasks, ids of runs and of queued tasks.

    \b
    bash: eval "$(taskrun completion bash)"       in ~/.bashrc
    zsh:  eval "$(taskrun completion zsh)"        in ~/.zshrc
    fish: taskrun completion fish | source        in ~/.config/fish/config.fish
    """
    from click.shell_completion import get_completion_class

    if shell == "bash":
        say(BASH, nl=False)
        return
    completer = get_completion_class(shell)
    if completer is None:
        raise click.UsageError(f"the installed click has no completion for {shell}")
    root = click.get_current_context().find_root().command
    say(completer(root, {}, "taskrun", "_TASKRUN_COMPLETE").source())
