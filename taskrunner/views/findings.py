"""Findings as they are shown: the gates of a task, the checks, what doctor found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskrunner.views.columns import BAD, PLAIN, Column, Listing

if TYPE_CHECKING:
    from taskrunner.finding import Finding

IS_OPEN = {"ok": True, "warning": False, "info": None}
"""Level of a gate -> whether it is open; None where another one decides."""

IN_WORDS = {True: "yes", False: "no", None: "-"}


def gates_of(subject: str) -> Listing[Finding]:
    """Return the columns of the gates of a task, which lists call `subject`."""
    return Listing(
        (
            Column("gate", "Gate", lambda gate, _: gate.area),
            Column(
                "open",
                "Open",
                lambda gate, _: IS_OPEN[gate.level],
                lambda gate, _: IN_WORDS[IS_OPEN[gate.level]],
            ),
            Column("message", "Because", wraps=True),
            Column("hint"),
            Column("task", value=lambda *_: subject),
        ),
        lambda gate: BAD if IS_OPEN[gate.level] is False else PLAIN,
    )


CHECKS: Listing[Finding] = Listing(
    (
        Column("check", value=lambda finding, _: finding.area),
        Column("level"),
        Column("exit_code"),
        Column("message"),
        Column("values", value=lambda finding, _: dict(finding.values)),
        Column("hint"),
    )
)

FINDINGS: Listing[Finding] = Listing((Column("area"), Column("message"), Column("hint")))
"""What doctor found."""
