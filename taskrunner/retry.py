"""How long a failed task waits."""

FIRST_DELAY = 60
LONGEST_DELAY = 86_400


def next_fail_delay(fail_delay: int) -> int:
    """Return the seconds to wait after one more failure, given those waited before, 0 if there were none.

    The rule is that of Moodle's Task API: a minute, doubled at each failure, at most a day.

    >>> [next_fail_delay(delay) for delay in (0, 60, 120, 61_440, 80_000, 86_400)]
    [60, 120, 240, 86400, 86400, 86400]
    """
    return min(max(FIRST_DELAY, fail_delay * 2), LONGEST_DELAY)


def delay_of_attempt(attempt: int) -> int:
    """Return the seconds to wait after a try, counted from 1, that asked for another without saying when.

    >>> [delay_of_attempt(attempt) for attempt in (1, 2, 3, 12, 400)]
    [60, 120, 240, 86400, 86400]
    """
    return min(FIRST_DELAY << min(attempt - 1, 12), LONGEST_DELAY)
