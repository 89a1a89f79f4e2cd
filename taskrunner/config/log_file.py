"""The kind of value that says what the log files are called."""

import re
from dataclasses import dataclass

from taskrunner.config.kinds import one_line
from taskrunner.config.place import Place

CODES = "aAbBdGHIjmMpSuUVwWyY%"
LONGEST = 200
NOT_UNDERSTOOD = re.compile(rf"%(?![{CODES}]).?|\{{(?!pid\}}).*|(?<!\{{pid)\}}")


@dataclass(frozen=True, slots=True)
class LogFilePattern:
    """The path of a log file below log_dir, with codes of strftime and {pid}.

    {pid} must be there: two processes that start in one minute would write into one file.
    """

    def read(self, value: object, place: Place) -> str:
        """Return the pattern."""
        pattern = one_line(value)
        _check_path(pattern)
        if unknown := NOT_UNDERSTOOD.search(pattern.replace("%%", "_")):
            codes = " ".join(f"%{code}" for code in CODES)
            raise ValueError(f"has '{unknown[0]}', which is not understood; right are {{pid}} {codes}")
        if "{pid}" not in pattern:
            raise ValueError("has no {pid}; two processes would write into one file")
        return pattern

    def parse(self, text: str) -> object:
        """Return the text."""
        return text


def _check_path(pattern: str) -> None:
    if len(pattern) > LONGEST:
        raise ValueError(f"is too long; at most {LONGEST} characters")
    if pattern.startswith(("/", "~")):
        raise ValueError("is not relative; it starts in log_dir")
    if any(part in ("", ".", "..") for part in pattern.split("/")):
        raise ValueError("has a part of the path that is empty, '.' or '..'")
