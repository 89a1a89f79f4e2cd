"""What a plugin's classes declare, and what they may not."""

import pytest

from taskrunner.plugins import Declaration
from tests.plugins.plugin_site import IMPORTS, Site, scheduled, task_class


def declared(site: Site, name: str = "forum") -> list[str]:
    return [task.name for task in site.plugin(name).tasks]


def test_a_scheduled_task_is_declared_with_its_defaults(site: Site) -> None:
    path = site.write("forum.py", IMPORTS + "\n\n" + scheduled("SendDigest"))

    expected = Declaration(
        name="forum.SendDigest",
        kind="scheduled",
        plugin="forum",
        module="taskrun_plugins.forum",
        class_name="SendDigest",
        path=str(path),
        line=4,
        title="SendDigest",
        schedule="0 3 * * *",
    )
    assert expected == site.load().get("forum.SendDigest")


def test_an_adhoc_task_is_declared_with_its_defaults(site: Site) -> None:
    declaration = site.declare("pass", "AdhocTask")

    assert (
        declaration.kind,
        declaration.schedule,
        declaration.concurrency_limit,
        declaration.retry,
        declaration.attempts,
    ) == ("adhoc", None, None, True, 12)


def test_every_attribute_of_a_scheduled_task_is_declared(site: Site) -> None:
    plain = site.declare("schedule = '@daily'")
    full = site.declare(
        "title, schedule, timezone = 'Digest', 'every 2h', 'Europe/Paris'\n    disabled = True\n"
        "    misfire, misfire_grace, timeout = 'skip', 60, 1.5\n"
        "    isolation, run_if_plugin_disabled = 'fork', True"
    )

    expected = plain._replace(
        title="Digest",
        schedule="every 2h",
        timezone="Europe/Paris",
        disabled=True,
        misfire="skip",
        misfire_grace=60,
        timeout=1.5,
        isolation="fork",
        run_if_plugin_disabled=True,
    )
    assert expected == full


def test_every_attribute_of_an_adhoc_task_is_declared(site: Site) -> None:
    declaration = site.declare("concurrency_limit, retry, attempts = 2, False, 3", "AdhocTask")

    assert (declaration.concurrency_limit, declaration.retry, declaration.attempts) == (2, False, 3)


@pytest.mark.parametrize(
    ("given", "schedule", "timezone"),
    [
        ("Every(hours=2)", "every 2h", None),
        ("Schedule('5 4 * * *')", "5 4 * * *", None),
        ("Schedule('5 4 * * *', timezone='Asia/Kathmandu')", "5 4 * * *", "Asia/Kathmandu"),
    ],
)
def test_a_schedule_may_be_an_object(site: Site, given: str, schedule: str, timezone: str | None) -> None:
    line = "from taskrunner.schedule import Every, Schedule"

    declaration = site.declare(f"{line}\n    schedule = {given}")
    assert (schedule, timezone) == (declaration.schedule, declaration.timezone)


@pytest.mark.parametrize(
    ("lines", "title"),
    [
        ('"""Send the digest.\n\n    In the morning.\n    """', "Send the digest"),
        ('"""\n    Send the digest.\n    """', "Send the digest"),
        ('"""Send it."""\n    title = "Digest"', "Digest"),
        ('""" """', "Task"),
        ("pass", "Task"),
    ],
)
def test_the_title_is_given_or_the_first_line_of_the_docstring_or_the_class_name(
    site: Site, lines: str, title: str
) -> None:
    assert title == site.declare(lines, "AdhocTask").title


def test_a_docstring_is_not_inherited(site: Site) -> None:
    site.write(
        "forum.py", IMPORTS + task_class("Base", "AdhocTask", "'''One.'''") + "class Other(Base): pass"
    )

    assert site.load().get("forum.Other").title == "Other"


def test_imported_abstract_and_private_classes_are_no_tasks(site: Site) -> None:
    site.write("forum/__init__.py", IMPORTS + "from .base import Common\n" + scheduled("_Private"))
    site.write(
        "forum/base.py",
        IMPORTS + scheduled("Common") + "import abc\nclass Abstract(AdhocTask, abc.ABC): limit = 1\n",
    )
    site.write("forum/own.py", "from .base import Common\nclass Own(Common): pass\n")

    assert declared(site) == ["forum.Common", "forum.Own"]
    assert site.findings("forum") == []


def test_a_class_with_a_second_name_is_declared_once(site: Site) -> None:
    site.write_task("forum.py", "New")
    site.write("forum.py", IMPORTS + scheduled("New") + "Old = New\n")

    assert declared(site) == ["forum.New"]


def test_a_class_made_by_a_function_is_declared_by_the_name_it_is_kept_under(site: Site) -> None:
    text = "def make():\n    class Made(AdhocTask):\n        def execute(self): pass\n    return Made\n"
    site.write("forum.py", IMPORTS + text + "First = make()\nSecond = make()\n")

    assert declared(site) == ["forum.First", "forum.Second"]
    assert site.load().load("forum.Second").name == "forum.Second"


def test_the_line_of_a_class_is_that_of_its_class_statement(site: Site) -> None:
    text = "'''class Task: no'''\ndef same(c): return c\nif True:\n    @same\n    class Task(AdhocTask):\n"
    site.write("forum.py", IMPORTS + text + "        def execute(self): pass\n")

    assert site.load().get("forum.Task").line == 6


def test_of_two_classes_of_one_name_in_a_package_the_first_counts(site: Site) -> None:
    site.write("forum/__init__.py")
    first = site.write_task("forum/digest.py", extra="\n")
    site.write_task("forum/mail.py")

    message = f"forum.Task is declared in {first}:3 already; this one is ignored"
    assert ["forum/mail.py:2: " + message.replace(f"{site.plugins}/", "")] == site.findings("forum")
    assert str(first) == site.load().get("forum.Task").path


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (
            "pass",
            'schedule is missing; write for example schedule = "0 3 * * *"; '
            "if Task is a base of other classes, name it _Task or write class Task(…, ABC)",
        ),
        ("schedule = 5", "schedule must be a text, a Schedule or an Every, not 5"),
        ("schedule = '@daily'; timezone = 5", "timezone must be None or the name of a time zone, not 5"),
        ("schedule = '@daily'; disabled = 1", "disabled must be True or False, not 1"),
        ("schedule = '@daily'; misfire = 'no'", 'misfire must be "run" or "skip", not \'no\''),
        ("schedule = '@daily'; misfire = None", 'misfire must be "run" or "skip", not None'),
        (
            "schedule = '@daily'; misfire_grace = -1",
            "misfire_grace must be a whole number of seconds from 0 on, not -1",
        ),
        ("schedule = '@daily'; timeout = 0", "timeout must be None or a number of seconds above 0, not 0"),
        (
            "schedule = '@daily'; timeout = float('nan')",
            "timeout must be None or a number of seconds above 0, not nan",
        ),
        (
            "schedule = '@daily'; timeout = True",
            "timeout must be None or a number of seconds above 0, not True",
        ),
        ("schedule = '@daily'; isolation = []", 'isolation must be "none", "fork" or None, not []'),
        ("schedule = '@daily'; title = None", "title must be a text, not None"),
        (
            "schedule = '@daily'; run_if_plugin_disabled = 'no'",
            "run_if_plugin_disabled must be True or False, not 'no'",
        ),
    ],
)
def test_a_wrong_attribute_of_a_scheduled_task_is_a_finding(site: Site, line: str, problem: str) -> None:
    assert [f"forum.py:2: Task: {problem}"] == site.refuse(line)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("concurrency_limit = -1", "concurrency_limit must be None or a whole number from 0 on, not -1"),
        ("concurrency_limit = 1.0", "concurrency_limit must be None or a whole number from 0 on, not 1.0"),
        ("retry = None", "retry must be True or False, not None"),
        ("attempts = 0", "attempts must be a whole number from 1 on, not 0"),
        ("attempts = 2**31", "attempts must be a whole number from 1 on, not 2147483648"),
    ],
)
def test_a_wrong_attribute_of_an_adhoc_task_is_a_finding(site: Site, line: str, problem: str) -> None:
    assert [f"forum.py:2: Task: {problem}"] == site.refuse(line, "AdhocTask")


@pytest.mark.parametrize("schedule", ["99 3 * * *", "every 0h", "0 0 31 2 *"])
def test_a_schedule_that_cannot_be_used_is_a_finding(site: Site, schedule: str) -> None:
    [finding] = site.refuse(f"schedule = {schedule!r}")

    assert finding.startswith("forum.py:2: Task: ")


@pytest.mark.parametrize("zone", ["Europe/Pariss", "", "../../etc/passwd", "Europe"])
def test_an_unknown_zone_is_a_finding(site: Site, zone: str) -> None:
    [finding] = site.refuse(f"schedule = '@daily'; timezone = {zone!r}")

    assert finding.startswith(f"forum.py:2: Task: timezone: {zone!r} is not known")


def test_a_name_of_more_than_128_characters_is_a_finding(site: Site) -> None:
    longest = "T" * (128 - len("forum."))
    site.write("forum.py", IMPORTS + scheduled(longest) + scheduled(longest + "T"))

    assert [f"forum.{longest}"] == declared(site)
    assert [text[-36:] for text in site.findings("forum")] == ["has 129 characters; there may be 128"]


def test_a_task_is_not_scheduled_and_adhoc_at_once(site: Site) -> None:
    problem = "a task is a ScheduledTask or an AdhocTask, not both"

    assert [f"forum.py:2: Task: {problem}"] == site.refuse("schedule = '@daily'", "ScheduledTask, AdhocTask")


def test_one_wrong_class_does_not_cost_the_others(site: Site) -> None:
    site.write("forum.py", IMPORTS + task_class("Wrong", "ScheduledTask") + scheduled("Right"))

    assert declared(site) == ["forum.Right"]
    assert len(site.findings("forum")) == 1


def test_a_manifest_names_title_version_and_requirements(site: Site) -> None:
    site.write("wiki.py")
    site.write("forum/__init__.py")
    site.write("forum/plugin.toml", 'title = "The forum"\nversion = "1.2"\nrequires = ["wiki", "core"]')

    plugin = site.plugin("forum")
    assert (plugin.title, plugin.version, plugin.requires) == ("The forum", "1.2", ("wiki", "core"))
    assert plugin.findings == ()


def test_without_a_manifest_the_title_is_the_name(site: Site) -> None:
    site.write("forum.py")

    assert (site.plugin("forum").title, site.plugin("forum").version) == ("forum", "")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("titel = 'Forum'", "plugin.toml: unknown key 'titel'; there are title, version, requires"),
        ("version = 1", "plugin.toml: version must be a text"),
        ("requires = 'wiki'", "plugin.toml: requires must be a list of plugin names"),
        ("requires = [1]", "plugin.toml: requires must be a list of plugin names"),
        ("\ntitle 1\n", "plugin.toml:2: Expected '=' after a key"),
    ],
)
def test_a_wrong_manifest_is_a_finding_and_the_tasks_stay(site: Site, text: str, problem: str) -> None:
    site.write_task("forum/__init__.py")
    site.write("forum/plugin.toml", text)

    [finding] = site.findings("forum")
    assert finding.startswith(f"forum/{problem}")
    assert declared(site) == ["forum.Task"]


def test_a_manifest_that_is_no_unicode_is_a_finding(site: Site) -> None:
    site.write_task("forum/__init__.py")
    site.write("forum/plugin.toml", b"title = '\xe9'")

    assert len(site.findings("forum")) == 1
    assert declared(site) == ["forum.Task"]


@pytest.mark.parametrize("wiki", [None, "1 / 0"])
def test_a_plugin_that_requires_an_absent_or_broken_one_declares_nothing(
    site: Site, wiki: str | None
) -> None:
    site.write_task("forum/__init__.py")
    site.write("forum/plugin.toml", "requires = ['wiki']")
    if wiki:
        site.write("wiki.py", wiki)

    assert declared(site) == []
    assert site.findings("forum") == [
        "forum/plugin.toml: requires the plugin wiki, which is absent or broken"
    ]


def test_a_requirement_that_lacks_its_own_is_not_met(site: Site) -> None:
    for plugin, required in (("forum", "wiki"), ("wiki", "blog")):
        site.write_task(f"{plugin}/__init__.py")
        site.write(f"{plugin}/plugin.toml", f"requires = ['{required}']")

    assert declared(site) == []


def test_plugins_may_require_each_other(site: Site) -> None:
    for plugin, required in (("forum", "wiki"), ("wiki", "forum")):
        site.write_task(f"{plugin}/__init__.py")
        site.write(f"{plugin}/plugin.toml", f"requires = ['{required}']")

    assert (declared(site), declared(site, "wiki")) == (["forum.Task"], ["wiki.Task"])


def test_a_requirement_is_met_as_soon_as_the_plugin_is_there(site: Site) -> None:
    site.write_task("forum/__init__.py")
    site.write("forum/plugin.toml", "requires = ['wiki']")
    assert declared(site) == []

    site.write("wiki.py")
    assert declared(site) == ["forum.Task"]


def test_what_would_be_right_is_said_with_what_is_wrong(site: Site) -> None:
    [finding] = site.refuse("schedule = '@daily'; timezone = 'Europe/Pariss'")

    assert finding.endswith("; did you mean Europe/Paris?")
