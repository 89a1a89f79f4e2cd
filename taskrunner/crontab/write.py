"""A crontab as a plugin that people read and change: a class for each line, and remarks.

The remarks say what is different when taskrunner, not cron, runs the lines.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

from taskrunner.crontab.parse import split_comment
from taskrunner.crontab.records import Comment, Job, Left
from taskrunner.schedule.parse import Fields, parse_fields, split_fields
from taskrunner.tasks import ShellTask
from taskrunner.zones import get_zone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from taskrunner.crontab.records import Account, Crontab, Entry, Variables


def mapping(name: str, values: Mapping[str, str]) -> str:
    """Return `name = {…}` with a line for each pair."""
    lines = [f"        {key!r}: {value!r},\n" for key, value in values.items()]
    return f"    {name} = {{\n{''.join(lines)}    }}"


def comment(text: str, *, indent: int = 0) -> str:
    r"""Return a text as a comment of one line.

    >>> comment("a\tb\n\x1b "), comment("")
    ('# a b\\n\\x1b', '#')
    """
    shown = visible(text)
    return f"{' ' * indent}# {shown}" if shown else f"{' ' * indent}#"


def docstring(lines: Sequence[str]) -> str | None:
    """Return lines as a docstring of a class, or None if they hold what could end it or cannot be shown."""
    texts = [line.replace("\t", " ").strip() for line in lines]
    text = "\n    ".join(texts)
    plain = all(map(str.isprintable, texts)) and "\\" not in text and '"""' not in text
    if not plain or not text or text[0] == '"' or text[-1] == '"':
        return None
    if len(texts) == 1:
        return f'    """{text}"""'
    return f'    """{texts[0]}\n\n    {text.partition(chr(10))[2].strip()}\n    """'


def visible(text: str) -> str:
    """Return a text in one line, of which every character can be shown and stored."""
    return "".join(map(_visible, text)).strip()


def _visible(character: str) -> str:
    if character == "\t":
        return " "
    return character if character.isprintable() else repr(character)[1:-1]


HEAD = '''\
"""What was in the crontab: a class for each line, to be changed as you like."""

from taskrunner.tasks import ShellTask'''

BASE = "_Crontab"

DEFAULTS = {"SHELL": "/bin/sh", "PATH": "/usr/bin:/bin"}
"""What cron sets where a crontab does not (man 5 crontab)."""

NOT_FOR_COMMANDS = frozenset({"LOGNAME", "USER"})
"""What cron sets whatever a crontab says."""


def write_plugin(crontab: Crontab) -> str:
    """Return the source of the plugin; it compiles, whatever the crontab holds.

    What is not carried over, and comments, stand as comments where they stood.
    """
    blocks, base, variables = [HEAD], "", None
    for item in crontab.items:
        if not isinstance(item, Job):
            blocks.append(_as_comment(item))
            continue
        if item.variables != variables:
            variables, base = item.variables, f"{BASE}FromLine{item.variables.line}" if base else BASE
            blocks.append(_base_class(base, variables, crontab.account))
        blocks.append(_class(item, base))
    return "\n\n\n".join(blocks) + "\n"


def _as_comment(item: Comment | Left) -> str:
    if isinstance(item, Left):
        return f"{comment(f'Line {item.line} was not carried over: {item.reason}')}\n{comment(item.text)}"
    return "\n".join(map(comment, item.texts))


def _base_class(name: str, variables: Variables, account: Account) -> str:
    given = {"HOME": account.home} | DEFAULTS | dict(variables.values)
    lines = [
        f"class {name}(ShellTask):",
        f'    """What cron gives its commands{_from_line(name, variables)}."""\n',
        f"    cwd = {given['HOME']!r}",
    ]
    if given["SHELL"] != ShellTask.shell:
        lines.append(f"    shell = {given['SHELL']!r}")
    if zone := variables.get("CRON_TZ"):
        lines.append(f"    timezone = {zone!r}")
    commands_get = {key: value for key, value in given.items() if key not in NOT_FOR_COMMANDS}
    return "\n".join([*lines, mapping("environment", commands_get)])


def _from_line(name: str, variables: Variables) -> str:
    return "" if name == BASE else f" from line {variables.line} on"


def _class(job: Job, base: str) -> str:
    _, at_end = split_comment(job.entry.command)
    about = [*job.about] or [at_end or f"Line {job.line} of the crontab"]
    documented = docstring(about)
    lines = [
        f"class {job.name}({base}):",
        *([f"{documented}\n"] if documented else []),
        comment(job.text, indent=4),
    ]
    if documented is None:
        lines.append(f"    title = {visible(about[0])!r}")
    lines.append(f"    schedule = {job.entry.schedule!r}")
    lines.append(f"    command = {job.entry.command!r}")
    if job.entry.stdin:
        lines.append(f"    stdin = {job.entry.stdin!r}")
    return "\n".join(lines)


HALF_AN_HOUR = timedelta(minutes=30)
IN_A_YEAR = 366 * 48


def changed_hours(zone: str, now: datetime) -> frozenset[int]:
    """Return the hours of the day that are left out or come twice within a year from `now` (aware) on.

    >>> sorted(changed_hours("Europe/Paris", datetime(2026, 11, 22, tzinfo=UTC)))
    [2]
    >>> sorted(changed_hours("UTC", datetime(2026, 11, 22, tzinfo=UTC)))
    []
    """
    left_out, repeated = _changes(zone, now)
    return left_out | repeated


@cache
def _changes(zone: str, now: datetime) -> tuple[frozenset[int], frozenset[int]]:
    """Return the hours that are left out, and those that come twice."""
    info, left_out, repeated = get_zone(zone), set[int](), set[int]()
    moment = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    before = moment.astimezone(info)
    for _ in range(IN_A_YEAR):
        moment += HALF_AN_HOUR
        after = moment.astimezone(info)
        expected, shown = (before + HALF_AN_HOUR).replace(tzinfo=None), after.replace(tzinfo=None)
        first, last = sorted((expected, shown))
        while first < last:
            (left_out if expected < shown else repeated).add(first.hour)
            first += HALF_AN_HOUR
        before = after
    return frozenset(left_out), frozenset(repeated)


def has_several_in_gap(entry: Entry, zone: str, now: datetime) -> bool:
    """Return whether a line names several times of an hour that is left out in spring."""
    fields: Fields = parse_fields(split_fields(entry.schedule), entry.schedule)
    times = len(fields.minutes) * len(_changes(zone, now)[0].intersection(fields.hours))
    return times > 1 and not entry.by_clock and not fields.every_hour


def has_other_rule(entry: Entry, hours: frozenset[int]) -> bool:
    """Return whether cron and taskrunner treat a line differently in such hours.

    Both skip and repeat some lines as the clock does, and give the others a run each that the clock names:
    to cron the first are those with * in minute or hour, to taskrunner those of every hour.
    """
    fields: Fields = parse_fields(split_fields(entry.schedule), entry.schedule)
    return entry.by_clock != fields.every_hour and not hours.isdisjoint(fields.hours)


SLEEPS = re.compile(r"(^|[\s;&|('\"])sleep\s")

QUESTIONS = ("[", "test ", "command -v ", "pgrep ", "pidof ", "mountpoint ")

ALWAYS = (
    "An exit code other than 0 is a failure, tried again after 1, 2, 4 … minutes, unless the class"
    " accepts it: accepted_exit_codes = (0, 1)",
    "What was due while the machine was off runs once when it is on again, unless the class says"
    ' misfire = "skip"',
    "A task never runs twice at once; while all processes are busy (scheduled_concurrency_limit)"
    " it starts later",
)


def remarks_on(crontab: Crontab, *, zone: str, now: datetime) -> list[str]:
    """Return what to know about the lines that are carried over; `zone` is that of the site."""
    if not crontab.jobs:
        return []
    return [*_of_bad_lines(crontab), *_of_lines(crontab, zone, now), *ALWAYS]


def mail_of(crontab: Crontab) -> str | None:
    """Return to whom most lines mail what they print, "" for nobody, None for their owner."""
    addresses = [dict(job.variables.values).get("MAILTO") for job in crontab.jobs]
    return max(addresses, key=addresses.count) if addresses else None


def lines_of(jobs: Sequence[Job | Left]) -> str:
    """Return the numbers of lines in words.

    >>> from types import SimpleNamespace as Line
    >>> lines_of([Line(line=4)]), lines_of([Line(line=4), Line(line=6), Line(line=7), Line(line=8)])
    ('line 4', 'lines 4, 6-8')
    """
    numbers = sorted(job.line for job in jobs)
    spans: list[list[int]] = []
    for number in numbers:
        if spans and spans[-1][-1] == number - 1:
            spans[-1] = [spans[-1][0], number]
        else:
            spans.append([number, number])
    numbers_text = ", ".join(f"{first}-{last}" if last > first else str(first) for first, last in spans)
    return f"line{'s' * (len(numbers) > 1)} {numbers_text}"


def _of_bad_lines(crontab: Crontab) -> Iterator[str]:
    """Yield that Debian's cron ran nothing of a crontab with such a line, where that is so."""
    if bad := [left for left in crontab.left if left.is_bad]:
        yield (
            f"Debian's cron ignores a crontab as a whole that has what stands in {lines_of(bad)}: if it is in"
            " use there, no line of it ran; cronie leaves out such a line only"
        )


def _of_lines(crontab: Crontab, zone: str, now: datetime) -> Iterator[str]:
    if crontab.windows:
        yield "The lines end as on Windows; cron would hand that to the shell, here it is left out"
    if crontab.has_mark:
        yield "It begins with a byte order mark, which cron takes for part of a line; here it is left out"
    mail = mail_of(crontab)
    conditions: list[tuple[Callable[[Job], object], str]] = [
        *OF_LINES,
        (lambda job: dict(job.variables.values).get("MAILTO") != mail, MAIL_DIFFERS),
        (lambda job: has_several_in_gap(job.entry, _zone_of(job, zone), now), SEVERAL_IN_GAP),
        (lambda job: has_other_rule(job.entry, changed_hours(_zone_of(job, zone), now)), CLOCK_CHANGES),
    ]
    for condition, remark in conditions:
        if jobs := [job for job in crontab.jobs if condition(job)]:
            yield remark.replace("LINES", lines_of(jobs))


def _zone_of(job: Job, zone: str) -> str:
    return job.variables.get("CRON_TZ") or zone


def _asks_first(job: Job) -> bool:
    """Return whether a command ends with 1 where there is nothing to do; with || it says what then."""
    question, and_then, _ = job.entry.command.partition("&&")
    return bool(and_then) and "||" not in job.entry.command and question.lstrip().startswith(QUESTIONS)


MAIL_DIFFERS = "MAILTO differs for LINES: cron mails to one address only; [notify] can tell them apart"
SEVERAL_IN_GAP = (
    "In the night that leaves an hour out, LINES run once for all their times in it; Debian's cron starts"
    " each of them"
)
CLOCK_CHANGES = "When the clock is changed, LINES run by taskrunner's rule, once at each time they name"
OF_LINES: tuple[tuple[Callable[[Job], object], str], ...] = (
    (
        lambda job: job.text.startswith("-"),
        "The - before the minute of LINES is cronie's; Debian's cron ignores a crontab as a whole"
        " that has one",
    ),
    (
        lambda job: "\\\\" in job.text,
        "Two backslashes in LINES are one to the shell, as with Debian's cron; cronie hands on both",
    ),
    (
        lambda job: job.variables.get("CRON_TZ"),
        "CRON_TZ is the time zone of LINES, as with cronie; Debian's cron looks at the system's",
    ),
    (
        lambda job: job.variables.get("TZ"),
        "TZ is handed to the commands of LINES; it changes nothing of when they start, as with cron",
    ),
    (
        lambda job: job.variables.get("RANDOM_DELAY"),
        "RANDOM_DELAY is not followed: LINES start at the minute; H in a schedule spreads them",
    ),
    (
        _asks_first,
        "Where the question of LINES is answered with no, that is exit code 1: [ ! … ] || … is 0",
    ),
    (
        lambda job: SLEEPS.search(job.entry.command),
        "A command that sleeps keeps others waiting (LINES): H in the schedule spreads as well",
    ),
)
"""Which lines something is to be known of, and what."""
