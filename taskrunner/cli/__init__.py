"""The commands, each imported when it is asked for; every error ends here, as one line and an exit code."""

from __future__ import annotations

import errno
from importlib import import_module

import click

from taskrunner import __version__
from taskrunner.errors import INTERRUPTED, StoreError, TaskrunnerError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from click.shell_completion import CompletionItem

COMMANDS = {
    "init": ("init:init", "Make a site in DIRECTORY, ready to run."),
    "new": ("init:new", "Write a task with its test: taskrun new forum.SendDigest"),
    "cron": ("cron:cron", "Run what is due; the crontab line calls this."),
    "run-task": ("cron:run_task", "Run one task now, whatever its schedule."),
    "status": ("status:status", "Show how the site stands, on one screen."),
    "list": ("tasks:list_tasks", "Show every scheduled task."),
    "show": ("tasks:show", "Show one task in full."),
    "why": ("diagnose:why", "Show whether a task runs now, and if not, why."),
    "plan": ("status:plan", "Show what runs when in the coming days."),
    "schedule": ("tasks:schedule", "Give a task a schedule of your own."),
    "enable": ("tasks:enable", "Let disabled tasks run again."),
    "disable": ("tasks:disable", "Keep tasks from running."),
    "retry": ("tasks:retry", "Forget the fail delay of tasks and make them due now."),
    "rename": ("tasks:rename", "Carry a task over to the new name of its class."),
    "forget": ("tasks:forget", "Remove tasks whose class is gone."),
    "adhoc": ("adhoc:adhoc", "Show and change the queue of adhoc tasks."),
    "running": ("running:running", "Show the runs under way."),
    "kill": ("running:kill", "End a running task: TERM, and KILL after the grace."),
    "stop": ("running:stop", "Stop every runner after its current task."),
    "pause": ("running:pause", "Start no more tasks until `taskrun resume`."),
    "resume": ("running:resume", "Let cron start tasks again after a pause."),
    "mute": ("running:mute", "Mute a known failure."),
    "unmute": ("running:unmute", "Stop muting failures."),
    "log": ("log:log", "Show the runs that ended."),
    "audit": ("site:audit", "Show who changed what, the latest first."),
    "stats": ("log:stats", "Show how often tasks run and fail, and how long they take."),
    "report": ("report:report", "Read log files, count what they tell, and draw it."),
    "check": ("diagnose:check", "Show whether all is well, for monitoring programs."),
    "doctor": ("diagnose:doctor", "Find out what is wrong with this installation."),
    "web": ("web:web", "Show the administration in a browser."),
    "notify": ("diagnose:notify", "Test the notifications that [notify] configures."),
    "plugins": ("site:plugins", "Show every plugin and what is wrong with it."),
    "db": ("site:db", "Show and upgrade the tables, and print the rights of roles."),
    "config": ("site:config", "Show the configuration in force."),
    "completion": ("options:completion", "Print the script with which SHELL completes commands and names."),
    "help": ("help:help_", "Explain a topic or a command."),
}
"""Where each command is, and the first sentence of its help: listing them imports none."""


REFUSALS = {
    *(errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.ENOLCK, errno.ESTALE),
    *(errno.EMFILE, errno.ENFILE, errno.ENOMEM),
}
"""What an operating system says when it cannot do what it does on any other day."""


OTHER_WORDS = {
    "dequeue": "adhoc cancel",
    "exec": "run-task",
    "execute": "run-task",
    "health": "check",
    "history": "log",
    "jobs": "list",
    "logs": "log",
    "ls": "list",
    "next": "plan",
    "ps": "running",
    "queue": "adhoc queue",
    "run": "run-task",
    "start": "run-task",
    "tail": "log follow",
    "tasks": "list",
    "top": "running --watch",
    "upgrade": "db upgrade",
    "validate": "doctor",
    "version": "--version",
}
"""What people type who know another program -> what they mean here."""


class Suggesting(click.Group):
    """Commands of which a mistyped one gets the nearest that there is, whatever version click has."""

    other_words: Mapping[str, str] = {}

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command of an argument list."""
        known = self.list_commands(ctx)
        if args and args[0] not in known:
            from taskrunner.validate import did_you_mean

            meant = self.other_words.get(args[0].lower())
            hint = f"; did you mean '{meant}'?" if meant else did_you_mean(args[0], known)
            raise click.UsageError(f"no such command {args[0]!r}{hint}", ctx)
        return super().resolve_command(ctx, args)


class Commands(Suggesting):
    """The group of all commands, in the order a newcomer meets them."""

    other_words = OTHER_WORDS

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, its module imported now."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(f"taskrunner.cli.{module}"), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, about) for name, (_, about) in COMMANDS.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the commands and options that begin so."""
        from click.shell_completion import CompletionItem

        named = [(name, about) for name, (_, about) in COMMANDS.items() if name.startswith(incomplete)]
        items = [CompletionItem(name, help=about) for name, about in named]
        return [*items, *click.Command.shell_complete(self, ctx, incomplete)]

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
