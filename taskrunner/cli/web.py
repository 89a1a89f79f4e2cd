"""taskrun web: the administration in a browser."""

from __future__ import annotations

import logging
import os
import re
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from taskrunner.cli.options import administrator, config_option, configuration
from taskrunner.cli.render import say
from taskrunner.errors import TaskrunnerError

if TYPE_CHECKING:
    from taskrunner.config import Config
    from taskrunner.web.admin.login import OneTimeToken, PasswordFile
    from taskrunner.web.admin.serve import Bound

    AddressType = click.ParamType[tuple[str, int]]
else:
    AddressType = click.ParamType

LISTEN = re.compile(r"(?P<host>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]):(?P<port>[0-9]{1,5})")
DEFAULT = "127.0.0.1:8077"


class Address(AddressType):
    """An address and a port: 127.0.0.1:8077, [::1]:8077, admin.example.org:8077."""

    name = "address"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        """Return host and port; anything else is a usage error."""
        found = LISTEN.fullmatch(str(value))
        if found is None or int(found["port"]) > 65535:
            self.fail(f"{value!r} is not ADDRESS:PORT, such as {DEFAULT}", param, ctx)
        return found["host"].strip("[]"), int(found["port"])


@click.command()
@click.option(
    "--listen",
    metavar="ADDRESS:PORT",
    type=Address(),
    default=DEFAULT,
    show_default=True,
    help="Where browsers find it; another machine's need --password-file.",
)
@click.option("--read-only", "is_read_only", is_flag=True, help="Let everybody look, and nobody change.")
@click.option("--password-file", metavar="FILE", help="Who may log in, with their scrambled passwords.")
@click.option("--add-user", metavar="NAME", help="Ask for a password, write it into FILE, and end.")
@config_option
def web(listen: tuple[str, int], is_read_only: bool, password_file: str | None, add_user: str | None) -> None:
    """Show the administration in a browser.

    Prints an address that works once, for a browser on this machine. Ctrl-C ends it.

    \b
    taskrun web --password-file FILE --add-user ann              may change
    taskrun web --password-file FILE --add-user bob --read-only  may look only
    """
    if add_user is not None:
        _add_user(add_user, password_file, may_change=not is_read_only)
        return
    if find_spec("waitress") is None:
        raise TaskrunnerError("waitress is not installed", hint="pip install 'taskrunner-cron[web]'")
    config = configuration()
    from taskrunner.web.admin.login import OneTimeToken, PasswordFile, Person
    from taskrunner.web.admin.serve import bind

    passwords = PasswordFile(Path(password_file).absolute()) if password_file is not None else None
    bound = bind(*listen)
    if passwords is None and not bound.is_loopback:
        raise click.UsageError(f"browsers of other machines reach {bound.host}: it needs --password-file")
    token = None
    if passwords is None:
        token = OneTimeToken(Person(administrator().login, not is_read_only))
    _serve(config, bound, token, passwords, is_read_only=is_read_only)


def _serve(
    config: Config,
    bound: Bound,
    token: OneTimeToken | None,
    passwords: PasswordFile | None,
    *,
    is_read_only: bool,
) -> None:
    from taskrunner.web.admin import admin_app
    from taskrunner.web.admin.login import PERSON, Login
    from taskrunner.web.admin.serve import serve

    app = admin_app(
        config=config,
        may_view=lambda environ: PERSON in environ,
        may_change=lambda environ: bool(environ[PERSON].may_change),
        who=lambda environ: str(environ[PERSON].name),
    )
    door = Login(
        app,
        cookie=f"taskrun_{bound.port}",
        hosts=(*config.web.hosts, bound.host.lower()),
        token=token,
        passwords=passwords,
        is_read_only=is_read_only,
    )
    serve(door, bound, then=lambda: _tell(config, bound, token))


def _tell(config: Config, bound: Bound, token: OneTimeToken | None) -> None:
    """Print the address, and on stderr whom it is for; from now on log who comes."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    whom = "whoever opens this address first" if token else "whoever is in the password file"
    say(f"The administration of {config.file.parent}, for {whom}. Ctrl-C ends it.", err=True)
    if not bound.is_loopback:
        say("It is not encrypted. Put a web server with TLS in front: taskrun help administration", err=True)
    say(f"{bound.url}login?token={token.text}" if token else bound.url)
    sys.stdout.flush()


def _add_user(name: str, password_file: str | None, *, may_change: bool) -> None:
    """Ask for a password twice, or read it from a pipe, and write it into the file."""
    from taskrunner.web.admin.login import write_entry

    if password_file is None:
        raise click.UsageError("--add-user needs --password-file")
    if os.isatty(0):
        password = click.prompt(f"Password of {name}", hide_input=True, confirmation_prompt=True)
    else:
        password = sys.stdin.readline().removesuffix("\n")
    write_entry(Path(password_file).absolute(), name, password, may_change=may_change)
    say(f"{name} may log in and {'change everything' if may_change else 'look'}: {password_file}")
