"""The commands, each imported when it is asked for; every error ends here, as one line and an exit code."""

from __future__ import annotations

import errno
from importlib import import_module

import click

from taskrunner import __version__
from taskrunner.errors import INTERRUPTED, StoreError, TaskrunnerError

COMMANDS = {
    "init": "init:init",
    "new": "new:new",
    "cron": "cron:cron",
    "run-task": "cron:run_task",
    "status": "status:status",
    "list": "tasks:list_tasks",
    "show": "tasks:show",
    "why": "diagnose:why",
    "schedule": "tasks:schedule",
    "enable": "tasks:enable",
    "disable": "tasks:disable",
    "retry": "tasks:retry",
    "rename": "tasks:rename",
    "forget": "tasks:forget",
    "adhoc": "adhoc:adhoc",
    "running": "running:running",
    "kill": "running:kill",
    "stop": "running:stop",
    "pause": "running:pause",
    "resume": "running:resume",
    "mute": "running:mute",
    "unmute": "running:unmute",
    "log": "log:log",
    "audit": "site:audit",
    "stats": "stats:stats",
    "report": "report:report",
    "check": "diagnose:check",
    "doctor": "diagnose:doctor",
    "notify": "notify:notify",
    "plugins": "site:plugins",
    "db": "db:db",
    "config": "site:config",
    "completion": "options:completion",
    "help": "help:help_",
}


REFUSALS = {
    *(errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.ENOLCK, errno.ESTALE),
    *(errno.EMFILE, errno.ENFILE, errno.ENOMEM),
}
"""What an operating system says when it cannot do what it does on any other day."""


class Suggesting(click.Group):
    """Commands of which a mistyped one gets the nearest that there is, whatever version click has."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command of an argument list."""
        known = self.list_commands(ctx)
        if args and args[0] not in known:
            from taskrunner.suggest import did_you_mean

            hint = did_you_mean(args[0], known)
            raise click.UsageError(f"no such command {args[0]!r}{hint}", ctx)
        return super().resolve_command(ctx, args)


class Commands(Suggesting):
    """The group of all commands, in the order a newcomer meets them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, its module imported now."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(import_module(f"taskrunner.cli.{module}"), name)
        return command

    def invoke(self, ctx: click.Context) -> object:
        """Run a command; say what is wrong in one line, and what to type next."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            ctx.exit(INTERRUPTED)
        except OSError as error:
            if error.errno not in REFUSALS:
                raise
            from taskrunner.cli.render import say

            say(f"taskrun: {error.filename or 'a file'}: {error.strerror}", err=True)
            say("  hint: taskrun doctor", err=True)
            ctx.exit(StoreError.exit_code)
        except TaskrunnerError as error:
            from taskrunner.cli.render import say

            say(f"taskrun: {error}", err=True)
            if error.hint:
                say(f"  hint: {error.hint}", err=True)
            ctx.exit(error.exit_code)


EPILOG = """\b
New here?  taskrun init DIR   makes a site, and prints its crontab line
           taskrun help       has the topics: tasks, schedules, config ...
"""


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=EPILOG,
)
@click.version_option(__version__, prog_name="taskrun", message="%(prog)s %(version)s")
@click.option(
    "--config", "config_file", metavar="FILE", help="The configuration, else taskrunner.toml is searched."
)
@click.pass_context
def main(context: click.Context, config_file: str | None) -> None:
    """Run Python maintenance tasks from one crontab line: * * * * * taskrun cron"""
    context.obj = {"config": config_file}
