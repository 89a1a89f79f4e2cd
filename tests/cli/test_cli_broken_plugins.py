"""A broken plugin is told: by the commands that are typed, by cron, and to the administrator's command."""

import json

import pytest

from tests.cli.program import Program

GOOD = "class A(ScheduledTask):\n    schedule = '@daily'\n    def execute(self): pass\n"
BAD = f"{GOOD}    def broken(:\n"


def events(site: Program) -> list[dict[str, object]]:
    file = site.root / "events"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def with_events(site: Program, more: str = "") -> None:
    command = f"cat >> {site.root}/events; echo >> {site.root}/events"
    site.configure(f"[notify]\ncommand = {json.dumps(['sh', '-c', command])}\n{more}")


def test_a_plugin_that_breaks_and_recovers_is_one_event_each(site: Program) -> None:
    with_events(site)
    site.write("bad", GOOD)
    site.prints("cron")

    site.write("bad", BAD)
    site.prints("cron")
    site.prints("cron")
    site.write("bad", GOOD)
    site.prints("cron")
    site.prints("cron")

    [broken, recovered] = [event for event in events(site) if "plugin" in event]
    assert (broken["event"], broken["plugin"]) == ("plugin_broken", "bad")
    assert "bad.py:10: SyntaxError" in str(broken["message"])
    assert (recovered["event"], recovered["plugin"], recovered["message"]) == (
        "plugin_recovered",
        "bad",
        None,
    )


def test_a_cron_that_says_failures_only_says_once_that_a_plugin_broke(site: Program) -> None:
    site.configure('[cron]\nstdout = "failures"\n')
    site.write("bad", GOOD)
    site.prints("cron")
    site.write("bad", BAD)

    told = [site.run("cron").stderr for _ in range(3)]

    assert told[0].startswith("taskrun: The plugin bad is broken: ")
    assert told[1:] == ["", ""]
    site.write("bad", GOOD)
    assert site.run("cron").stderr == "taskrun: The plugin bad can be imported again.\n"


@pytest.mark.parametrize(
    "command", [("list",), ("show", "forum.Mail"), ("run-task", "SendDigest"), ("list", "--json")]
)
def test_a_broken_plugin_is_one_line_on_stderr(site: Program, command: tuple[str, ...]) -> None:
    site.write("bad", BAD)

    done = site.run(*command)

    assert done.returncode == 0
    [line] = done.stderr.splitlines()
    assert line.startswith(f"taskrun: the plugin bad is broken: {site.root}/plugins/bad.py:10: SyntaxError")


def test_running_a_task_of_a_broken_plugin_says_what_is_wrong_with_it(site: Program) -> None:
    site.write("bad", BAD)

    done = site.run("run-task", "bad.A")

    assert done.returncode == 65
    assert f"taskrun: bad.A is missing: {site.root}/plugins/bad.py:10: SyntaxError" in done.stderr


@pytest.mark.parametrize("name", ["bad.A", "A"])
def test_running_a_refused_class_says_why_it_is_refused(site: Program, name: str) -> None:
    site.write("bad", GOOD.replace("def execute", "async def execute"))

    done = site.run("run-task", name)

    assert done.returncode == 65
    assert f"{name} cannot be run: {site.root}/plugins/bad.py:7: A: execute is a coroutine" in done.stderr


def test_a_byte_order_mark_in_a_manifest_is_passed_over(site: Program) -> None:
    folder = site.root / "plugins" / "shop"
    folder.mkdir(mode=0o755)
    (folder / "__init__.py").touch(mode=0o644)
    (folder / "plugin.toml").write_bytes(b"\xef\xbb\xbftitle = 'The shop'\n")
    (folder / "plugin.toml").chmod(0o644)

    assert "The shop" in site.prints("plugins")
    assert "plugin.toml" not in site.run("plugins").stderr
