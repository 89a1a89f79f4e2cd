"""The errors taskrunner raises, each with the exit code that `taskrun` ends with.

TaskrunnerError
├── ConfigError               78   the configuration cannot be used
├── NotOwnerError             77   the site belongs to another user
├── ChangedMeanwhileError      1   somebody else has changed what is to be changed since it was looked at
├── RunnerError               70   a process that runs tasks could not go on
├── PluginError               65   a plugin, or what it declares, is wrong
│   ├── InvalidScheduleError       says which field, which text, what would be right
│   ├── UnknownTaskError           no plugin declares a task of that name
│   └── CustomDataError            what is to be queued with a task is not JSON that can be kept
└── StoreError                69   the database did not answer
    ├── StoreBusyError        75   another process holds it; trying again may work
    ├── StoreFullError        69   its disk is full
    ├── StoreRefusedError     69   it refuses what it is to keep, and would again
    └── SchemaMismatchError   78   the tables are older or newer than this program

The codes are those of sysexits.h: 65 EX_DATAERR, 69 EX_UNAVAILABLE, 70 EX_SOFTWARE,
75 EX_TEMPFAIL, 77 EX_NOPERM, 78 EX_CONFIG.
What a task raises is not an error of taskrunner: it is data, and ends in its run.
"""

INTERRUPTED = 130
"""What a command ends with that Ctrl-C ended, as shells count it."""


class TaskrunnerError(Exception):
    """Any error of taskrunner: one line that says what is wrong and where, perhaps with a hint.

    `hint` is what to type or to change next; `exit_code` is what `taskrun` ends with.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class ConfigError(TaskrunnerError):
    """The configuration cannot be used."""

    exit_code = 78


class NotOwnerError(TaskrunnerError):
    """The site belongs to another user, named `owner`; nothing was touched."""

    exit_code = 77

    def __init__(self, message: str, *, owner: str, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.owner = owner


class ChangedMeanwhileError(TaskrunnerError):
    """What is to be changed is not as it was when the person looked at it; nothing was changed."""


class RunnerError(TaskrunnerError):
    """A process that runs tasks could not go on: a task has spoilt it, or it is an error of taskrunner."""

    exit_code = 70


class PluginError(TaskrunnerError):
    """A plugin, or what it declares, is wrong."""

    exit_code = 65


class InvalidScheduleError(PluginError):
    """A schedule that cannot be understood or never comes: names field and text, and what would be right."""


class UnknownTaskError(PluginError):
    """No plugin declares a task of that name."""


class CustomDataError(PluginError):
    """What is to be queued with a task is not JSON that both databases can keep."""


class StoreError(TaskrunnerError):
    """The database did not answer, or not as it should."""

    exit_code = 69


class StoreBusyError(StoreError):
    """Another process holds the database; trying again may work."""

    exit_code = 75


class StoreFullError(StoreError):
    """The disk of the database is full."""


class StoreRefusedError(StoreError):
    """The database refuses what it is to keep, and would again: a text or a number that it cannot hold."""


class SchemaMismatchError(StoreError):
    """The tables are older or newer than this program, or are not taskrunner's."""

    exit_code = 78
