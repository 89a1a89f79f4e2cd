"""taskrun report threshold: which tasks fail when they take long."""

from __future__ import annotations

import click

from taskrunner.cli.render import Column, Record, Table, format_options
from taskrunner.cli.render import show as show_records
from taskrunner.cli.report.source import Asked, open_source, source_options
from taskrunner.cli.site import config_option
from taskrunner.report.threshold import TaskThreshold, in_words, thresholds

THRESHOLDS = Table(
    keys=(
        "name",
        "threshold",
        "failed_over",
        "runs_over",
        "failed_under",
        "runs_under",
        "hard_limit",
        "area",
        "youden",
        "failures",
        "successes",
        "reason",
    ),
    columns=(Column("_words", "Length and failure", wraps=True),),
)


@click.command("threshold")
@click.argument("name", required=False)
@source_options
@format_options
@config_option
def show_thresholds(name: str | None, asked: Asked, output_format: str | None) -> None:
    """Show whether a task fails when it takes long.

    Over which length, and how surely. Without NAME: each task that may.
    """
    opened = open_source(asked, task=name)
    rows = thresholds(opened.source.tasks())
    if not opened.name:
        rows = [row for row in rows if row.threshold is not None or row.hard_limit is not None]
    empty = "no task is seen to fail over some length"
    show_records([_threshold(row) for row in rows], THRESHOLDS, output_format=output_format, empty=empty)


def _threshold(row: TaskThreshold) -> Record:
    return {
        "name": row.name,
        "threshold": row.threshold,
        "failed_over": row.over[0],
        "runs_over": row.over[1],
        "failed_under": row.under[0],
        "runs_under": row.under[1],
        "hard_limit": row.hard_limit,
        "area": row.area,
        "youden": row.youden,
        "failures": row.failures,
        "successes": row.successes,
        "reason": row.reason,
        "_words": in_words(row),
    }
