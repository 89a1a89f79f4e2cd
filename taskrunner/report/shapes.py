"""The shapes of the lines that cron processes write, Moodle's and our own."""

from __future__ import annotations

import re

SHAPES = {
    "header": "Server Time: ",
    "scheduled_start": "Execute scheduled task: ",
    "adhoc_start": "Execute adhoc task: ",
    "adhoc_id": "Adhoc task id: ",
    "adhoc_data": "Adhoc task custom data: ",
    "started": r"\.\.\. started (?=[0-9][0-9]:[0-9][0-9]:[0-9][0-9]\. )",
    "run_id": r"\.\.\. run id (?=[0-9A-Z]{26}$)",
    "fail_delay": "Debugging increased temporarily due to faildelay of ",
    "complete": "(?:Scheduled|Adhoc) task complete: ",
    "failed": "(?:Scheduled|Adhoc) task failed: ",
    "delayed": "(?:Scheduled|Adhoc) task delayed: ",
    "user": "User ",
    "between": r"(?:Skipping|Stopping) processing of (?:scheduled|adhoc) tasks[ .]"
    r"|Skipping (?=\S{1,500} adhoc task class as the per-task limit)"
    r"|Waiting for more adhoc tasks to be queued",
    "ran": "Ran [0-9]{1,9} adhoc tasks found at ",
    "correctly": "Cron (?:run|script) completed correctly$",
    "completed": r"Cron completed at (?=[0-9][0-9]:[0-9][0-9]:[0-9][0-9])",
    "took": "Execution took (?=[0-9.,]{1,30} sec)",
    "refused": "CLI maintenance mode active, cron execution suspended|Cron is disabled"
    "|(?=[^,]{1,80} upgrade pending, cron execution)",
    "trace": r"Debug info:|Backtrace:|\* line [0-9?]{1,9} of ",
    "fatal": "PHP Fatal error: |Fatal error: |!!! |Default exception handler: |Killed$|Terminated$"
    r"|Segmentation fault|Traceback \(most recent call last\):|Allowed memory size of ",
}
"""Shape -> how its lines begin. What follows stays to be read; every repetition is bounded."""

ANY = re.compile("|".join(f"(?P<{name}>{shape})" for name, shape in SHAPES.items()).encode())
STAMP = re.compile(
    rb"(?:(?P<host>[^\s:]{1,255}):(?P<pid>[0-9]{1,10}) )?(?P<at>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) "
)
"""What some sites put before each line: HOST:PID and a time; ours put the time alone."""

USED = b"... used "
CANCELLED = b". Cancelling task."


def recognise(line: bytes) -> tuple[str, bytes]:
    r"""Return the shape of a line and what follows its beginning; ("", line) for any other text.

    A usage line may stand behind text that a task left without a line end.

    >>> recognise(b"Execute adhoc task: backup.CourseBackup")
    ('adhoc_start', b'backup.CourseBackup')
    >>> recognise(b"half a line... used 27 dbqueries"), recognise(b" Execute adhoc task: x")
    (('used', b'27 dbqueries'), ('', b' Execute adhoc task: x'))
    """
    if not line.startswith(b" ") and (found := ANY.match(line)):
        return found.lastgroup or "", line[found.end() :]
    at = line.rfind(USED)
    return ("used", line[at + len(USED) :]) if at >= 0 else ("", line)


def kind_of_end(line: str) -> str:
    """Return what a line that tells of a fatal end means, "" if it does not.

    >>> [kind_of_end(line) for line in ("PHP Fatal error: Allowed memory size of 9 bytes exhausted", "!!! x")]
    ['memory', 'exception']
    """
    if "Allowed memory size" in line or "MemoryError" in line or "Out of memory" in line:
        return "memory"
    for text, kind in KINDS_OF_END.items():
        if line.startswith(text):
            return kind
    return ""


KINDS_OF_END = {
    "PHP Fatal error": "fatal error",
    "Fatal error": "fatal error",
    "!!! ": "exception",
    "Default exception handler": "exception",
    "Killed": "killed",
    "Terminated": "killed",
    "Segmentation fault": "segmentation fault",
    "Traceback": "exception",
}
"""How the last words of a process begin -> what ended it."""
