"""What the file says about single tasks, and which of several sections decides."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from taskrunner.config.addresses import Zone
from taskrunner.config.kinds import Choice, Number, Text, Truth, Whole
from taskrunner.config.schema import setting, settings_of

LONGEST_SCHEDULE = 256
LONGEST_NAME = 128
OTHER_PATTERNS = "?[]{}^$\\|"
ISOLATIONS = ("none", "fork")


@dataclass(frozen=True, slots=True)
class TaskOverride:
    """What `[tasks."KEY"]` says; None where it says nothing.

    `*` in the key stands for any characters, also none; the key matches whole names. `line` is the section's
    in the file. A timeout or a limit of 0 lifts what the class says.
    """

    key: str
    line: int
    schedule: str | None = setting(Text(LONGEST_SCHEDULE), None)
    timezone: str | None = setting(Zone(), None)
    disabled: bool | None = setting(Truth(), None)
    timeout: float | None = setting(Number(0, 604_800), None)
    isolation: str | None = setting(Choice(ISOLATIONS), None)
    concurrency_limit: int | None = setting(Whole(0, 1000), None)

    @property
    def specificity(self) -> tuple[bool, int]:
        """Greater for the key that says more: without wildcard first, then the more literal characters."""
        return "*" not in self.key, len(self.key.replace("*", ""))


def check_key(key: str, content: Mapping[str, object]) -> None:
    """Raise `ValueError` if a section's key can match no task, or is a name written without quotes."""
    if tables := [name for name, value in content.items() if isinstance(value, Mapping)]:
        raise ValueError(f'holds a table; a name with a dot needs quotes: [tasks."{key}.{tables[0]}"]')
    if not 0 < len(key) <= LONGEST_NAME or any(
        character in OTHER_PATTERNS or character <= " " for character in key
    ):
        raise ValueError("is no task's name; only * stands for other characters")


def matches(key: str, name: str) -> bool:
    """Return whether the key matches the whole name.

    >>> [matches("forum.*", name) for name in ("forum.SendDigest", "forum.", "forums.Tidy", "my.forum.Tidy")]
    [True, True, False, False]
    >>> [matches("*.Send*st", name) for name in ("forum.SendDigest", "forum.Sendst", "forum.SendDigests")]
    [True, True, False]
    >>> matches("ab*ba", "aba")
    False
    """
    first, *middle = key.split("*")
    if not middle:
        return key == name
    last = middle.pop()
    at, end = len(first), len(name) - len(last)
    for part in middle:
        found = name.find(part, at, max(at, end))
        if found < 0:
            return False
        at = found + len(part)
    return at <= end and name.startswith(first) and name.endswith(last)


def most_specific_first(overrides: Iterable[TaskOverride], name: str) -> list[TaskOverride]:
    """Return what matches the task's name; of equally specific ones the first of the file comes first."""
    found = [override for override in overrides if matches(override.key, name)]
    return sorted(found, key=lambda override: override.specificity, reverse=True)


def merged(overrides: Iterable[TaskOverride], name: str) -> TaskOverride:
    """Return for each setting what the most specific section that sets it says; key is the name, line 0."""
    values: dict[str, object] = {}
    for override in reversed(most_specific_first(overrides, name)):
        values |= said_by(override)
    return TaskOverride(name, 0, **values)  # type: ignore[arg-type]  # each value comes from the same field


def deciding(overrides: Iterable[TaskOverride], name: str, setting: str) -> TaskOverride | None:
    """Return the section that decides one setting of a task, None if the file leaves it to the class."""
    ordered = most_specific_first(overrides, name)
    return next((override for override in ordered if setting in said_by(override)), None)


def said_by(override: TaskOverride) -> dict[str, object]:
    """Return the settings that a section sets, by name."""
    values = {name: getattr(override, name) for name in settings_of(TaskOverride)}
    return {name: value for name, value in values.items() if value is not None}
