"""Numbers that are counted from 1, as far as a database can count."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

LARGEST = 2**63 - 1

if TYPE_CHECKING:
    NumberType = click.ParamType[int]
else:
    NumberType = click.ParamType  # which older versions of click cannot be asked for with [int]


class Counted(NumberType):
    """A whole number from 1 on. click's own IntRange would show its largest in each help text."""

    name = "n"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number; one that is out of range is a usage error."""
        number = click.INT.convert(value, param, ctx)
        if not 1 <= number <= LARGEST:
            self.fail(f"{number} is not in the range 1 to {LARGEST}", param, ctx)
        return int(number)


COUNTED = Counted()
