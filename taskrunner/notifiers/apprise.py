"""taskrun-notify-apprise: send what the [notify] command is given to any service that Apprise knows.

    [notify]
    command = ["taskrun-notify-apprise", "/etc/taskrunner/apprise-urls"]

The addresses are secrets and stand in files, one a line, or in the environment: `env:NAME`.
Needs `pip install 'taskrunner-cron[apprise]'`.
"""

from __future__ import annotations

import argparse
import sys
from importlib import import_module

from taskrunner.notifiers import looked_up, read_event, subject_of, text_of


def main() -> None:
    """Read one event from stdin and send it; end with code 1 where an address did not accept it."""
    parser = argparse.ArgumentParser(description="Send a taskrunner event (JSON on stdin) by Apprise.")
    parser.add_argument("addresses", nargs="+", help="files that hold addresses, or env:NAME")
    given = parser.parse_args()
    try:
        apprise = import_module("apprise")
    except ImportError:
        sys.exit("Apprise is not installed: pip install 'taskrunner-cron[apprise]'")
    sender, event = apprise.Apprise(), read_event()
    for address in given.addresses:
        for url in looked_up(address).split():
            if not sender.add(url):
                sys.exit(f"{address} holds an address that Apprise does not know")
    kind = "success" if event.get("event") in ("recovered", "test") else "failure"
    if not sender.notify(body=text_of(event), title=subject_of(event), notify_type=kind):
        sys.exit("an address did not accept it")


if __name__ == "__main__":
    main()
