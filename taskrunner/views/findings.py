"""Findings as they are shown: the gates of a task, the checks, what doctor found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskrunner.views.columns import BAD, PLAIN, Column, Listing

if TYPE_CHECKING:
    from taskrunner.finding import Finding
    from taskrunner.views.columns import Context

IS_OPEN = {"ok": True, "warning": False, "info": None}
"""Level of a gate -> whether it is open; None where another one decides."""

IN_WORDS = {True: "ok", False: "blocks", None: "-"}


def _hint_if_closed(gate: Finding, _: Context) -> str:
    return gate.hint if IS_OPEN[gate.level] is False else ""


def gates_of(subject: str) -> Listing[Finding]:
    """Return the columns of the gates of a task, which lists call `subject`."""
    return Listing(
        (
            Column("gate", "Gate", lambda gate, _: gate.area, place=1),
            Column(
                "open",
                "State",
                lambda gate, _: IS_OPEN[gate.level],
                lambda gate, _: IN_WORDS[IS_OPEN[gate.level]],
                is_state=True,
            ),
            Column("message", "Because", cut="end", least=30, place=2),
            Column("hint", "To change it", text=_hint_if_closed, cut="end", leaves=1, place=3),
            Column("task", value=lambda *_: subject),
        ),
        lambda gate, _: BAD if IS_OPEN[gate.level] is False else PLAIN,
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
