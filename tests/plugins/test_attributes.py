"""Classes that would be recorded as ok without having done their work are refused, with file and line."""

import pytest

from tests.plugins.plugin_site import IMPORTS, Site

HEAD = (
    "import functools\nfrom abc import ABC, abstractmethod\n"
    "from taskrunner import AdhocTask, Every, ScheduledTask\nfrom taskrunner.tasks import ShellTask\n"
    "async def work(self): pass\n"
)
DAILY = "schedule = '@daily'"
DO = "def execute(self): pass"
ASYNC = "execute is a coroutine (async def), of which nothing would run"
GENERATOR = "execute is a generator (it has yield), of which nothing would run"
ASYNC_GENERATOR = "execute is an async generator, of which nothing would run"
MISSING = "execute is missing, so nothing would be done"


def refused(site: Site, base: str, *lines: str, extra: str = "") -> list[str]:
    """Return what is said of the class Task, which is on line 6, without the place."""
    body = "".join(f"    {line}\n" for line in lines)
    site.write("forum.py", f"{HEAD}class Task({base}):\n{body}{extra}")
    plugin = site.plugin("forum")
    assert [task.name for task in plugin.tasks if task.class_name == "Task"] == []
    findings = site.findings("forum")
    assert all(finding.startswith("forum.py:6: Task: ") for finding in findings)
    return [finding.removeprefix("forum.py:6: Task: ") for finding in findings]


@pytest.mark.parametrize(("base", "first"), [("ScheduledTask", DAILY), ("AdhocTask", "attempts = 3")])
@pytest.mark.parametrize(
    ("execute", "message"),
    [
        ("async def execute(self): pass", ASYNC),
        ("def execute(self): yield", GENERATOR),
        ("async def execute(self): yield", ASYNC_GENERATOR),
        ("execute = work", ASYNC),
        ("execute = functools.partial(work)", ASYNC),
        ("execute = functools.partialmethod(work)", ASYNC),
        ("execute = staticmethod(work)", ASYNC),
        ("execute = classmethod(work)", ASYNC),
        ("execute = lambda self: (yield)", GENERATOR),
        ("execute = type('Call', (), {'__call__': work})()", ASYNC),
        ("execute = None", "execute must be a method, not None"),
        ("execute = 5", "execute must be a method, not 5"),
        ("execute = property(lambda self: None)", "execute must be a method, not <property"),
        ("pass", MISSING),
        ("def run(self): pass", f"{MISSING}; did you mean run() to be called execute()?"),
        ("def handle(self): pass", f"{MISSING}; did you mean handle() to be called execute()?"),
    ],
)
def test_an_execute_that_would_not_do_the_work_is_refused(
    site: Site, base: str, first: str, execute: str, message: str
) -> None:
    [found] = refused(site, base, first, execute)
    assert found.startswith(message)


def test_an_inherited_async_execute_is_refused_in_each_class_that_has_it(site: Site) -> None:
    site.write(
        "forum.py", f"{HEAD}class _Base(ScheduledTask):\n    execute = work\nclass A(_Base): {DAILY}\n"
    )

    [finding] = site.findings("forum")
    assert finding.startswith(f"forum.py:8: A: {ASYNC}")


def test_a_sync_wrapper_around_an_async_function_is_a_task(site: Site) -> None:
    wrapper = "def sync(f):\n    @functools.wraps(f)\n    def call(self): pass\n    return call\n"
    site.write(
        "forum.py",
        f"{HEAD}{wrapper}class Task(ScheduledTask):\n    {DAILY}\n"
        "    @sync\n    async def execute(self): pass\n",
    )

    assert site.findings("forum") == []
    assert [task.name for task in site.plugin("forum").tasks] == ["forum.Task"]


@pytest.mark.parametrize(
    ("base", "line", "message"),
    [
        ("ScheduledTask", "time_out = 5", "unknown attribute time_out; did you mean timeout?"),
        ("ScheduledTask", "timeOut = 5", "unknown attribute timeOut; did you mean timeout?"),
        ("ScheduledTask", "timeuot = 5", "unknown attribute timeuot; did you mean timeout?"),
        ("ScheduledTask", "timeouts = 5", "unknown attribute timeouts; did you mean timeout?"),
        ("ScheduledTask", "isolaton = 'fork'", "unknown attribute isolaton; did you mean isolation?"),
        ("ScheduledTask", "Disabled = True", "unknown attribute Disabled; did you mean disabled?"),
        ("ScheduledTask", "time_zone = 'UTC'", "unknown attribute time_zone; did you mean timezone?"),
        ("ScheduledTask", "misfire_grce = 5", "unknown attribute misfire_grce; did you mean misfire_grace?"),
        ("ScheduledTask", "scedule = '@daily'", "unknown attribute scedule; did you mean schedule?"),
        (
            "ScheduledTask",
            "def is_runable(self): return False",
            "unknown attribute is_runable; did you mean is_runnable?",
        ),
        (
            "ScheduledTask",
            "def shouldRun(self): return False",
            "unknown attribute shouldRun; did you mean should_run?",
        ),
        (
            "ScheduledTask",
            "attempts = 3",
            "attempts belongs to an AdhocTask: in this ScheduledTask it would be ignored",
        ),
        (
            "ScheduledTask",
            "retry = False",
            "retry belongs to an AdhocTask: in this ScheduledTask it would be ignored",
        ),
        (
            "ScheduledTask",
            "concurrency_limit = 1",
            "concurrency_limit belongs to an AdhocTask: in this ScheduledTask it would be ignored",
        ),
        (
            "ScheduledTask",
            "attempt = 3",
            "attempt is what a running task asks for, and cannot be set; did you mean attempts?",
        ),
        ("ScheduledTask", "timeout: 5", "timeout: 5 is an annotation and sets nothing; write timeout = 5"),
        ("ScheduledTask", "name = 'x'", "name = 'x' would be ignored: the class is its name"),
        ("ScheduledTask", "schedule = Every(seconds=30)", "every 30s: an interval is at least a minute"),
        ("ScheduledTask", "schedule = 'every 59 s'", "every 59 s: an interval is at least a minute"),
        ("ShellTask", "comand = 'true'", "unknown attribute comand; did you mean command?"),
        ("ShellTask", "command = 'true'; enviroment = {}", "unknown attribute enviroment; did you mean env"),
        (
            "AdhocTask",
            "concurency_limit = 1",
            "unknown attribute concurency_limit; did you mean concurrency_limit?",
        ),
        ("AdhocTask", "attemps = 1", "unknown attribute attemps; did you mean attempts?"),
        ("AdhocTask", "Retry = False", "unknown attribute Retry; did you mean retry?"),
        ("AdhocTask", "user = 'ada'", "user is what a running task asks for, and cannot be set"),
        (
            "AdhocTask",
            "schedule = '@daily'",
            "schedule belongs to a ScheduledTask: in this AdhocTask it would be ignored",
        ),
        (
            "AdhocTask",
            "misfire = 'skip'",
            "misfire belongs to a ScheduledTask: in this AdhocTask it would be ignored",
        ),
        (
            "AdhocTask",
            "def should_run(self): return False",
            "should_run belongs to a ScheduledTask: in this AdhocTask it would be ignored",
        ),
    ],
)
def test_an_attribute_that_would_be_ignored_is_refused(
    site: Site, base: str, line: str, message: str
) -> None:
    needed = [DO] if base != "ShellTask" else []
    schedule = [DAILY] if base != "AdhocTask" and not line.startswith("schedule") else []

    assert refused(site, base, *schedule, *needed, line)[0].startswith(message)


def test_a_misspelt_attribute_of_a_private_base_is_told_of_the_class_that_is_run(site: Site) -> None:
    text = f"{HEAD}class _Base(ScheduledTask):\n    time_out = 5\n    {DO}\nclass A(_Base): {DAILY}\n"
    site.write("forum.py", text)

    assert site.findings("forum") == ["forum.py:9: A: unknown attribute time_out; did you mean timeout?"]


def test_attributes_of_the_authors_own_are_allowed(site: Site) -> None:
    lines = (
        DAILY,
        DO,
        "limit = 5; customers = (); _time_out = 3; recipients = []; retries = 3",
        "def schedules(self): pass",
        "user: str",
        "settings = property(lambda self: {})",
    )
    site.write("forum.py", HEAD + "class Task(ScheduledTask):\n" + "".join(f"    {line}\n" for line in lines))

    assert site.findings("forum") == []


@pytest.mark.parametrize(
    "base",
    [
        "class Base(ScheduledTask, ABC): pass",
        "class Base(ScheduledTask):\n    @abstractmethod\n    def query(self): pass",
        "class _Base(ScheduledTask): pass",
        "class Base(ShellTask): environment = {}",
    ],
)
def test_a_base_class_that_says_so_is_no_task_and_no_error(site: Site, base: str) -> None:
    site.write("forum.py", f"{HEAD}{base}\n")

    assert site.findings("forum") == []


def test_a_base_class_that_does_not_say_so_is_told_how_to(site: Site) -> None:
    hint = "if Task is a base of other classes, name it _Task or write class Task(…, ABC)"

    assert refused(site, "ScheduledTask", DO) == [
        f'schedule is missing; write for example schedule = "0 3 * * *"; {hint}'
    ]
    [first, _] = refused(site, "ScheduledTask", "def help(self): pass")
    assert first == f"{MISSING}; {hint}"


def test_a_class_that_lacks_what_its_abstract_base_asks_for_is_refused(site: Site) -> None:
    base = "class Base(ScheduledTask):\n    @abstractmethod\n    def query(self): pass\n"
    site.write("forum.py", f"{HEAD}{base}    {DO}\nclass Task(Base): {DAILY}\n")

    assert site.findings("forum") == [
        "forum.py:10: Task: does not implement query(), which a base class asks for; "
        "if Task is a base of other classes, name it _Task or write class Task(…, ABC)"
    ]


def test_a_refused_class_does_not_keep_the_others_of_its_plugin_from_running(site: Site) -> None:
    good = f"class Good(ScheduledTask):\n    {DAILY}\n    {DO}\n"
    refused(site, "ScheduledTask", DAILY, "async def execute(self): pass", extra=good)

    assert [task.name for task in site.plugin("forum").tasks] == ["forum.Good"]


def test_a_module_or_class_imported_in_a_class_body_is_no_attribute(site: Site) -> None:
    line = "from taskrunner.schedule import Schedule"
    site.write("forum.py", f"{IMPORTS}class Task(ScheduledTask):\n    {line}\n    {DAILY}\n    {DO}\n")

    assert site.findings("forum") == []
