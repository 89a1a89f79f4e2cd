"""One thing that all tasks of a process share, and one of them may change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True, eq=False)
class Thing:
    """What it is called; `look` says how it is, `put_back` makes it so again as far as it can.

    `imported`: importing a plugin may change it for good, as one that sets DJANGO_SETTINGS_MODULE does.
    `replaced`: what is put back is as good as what was there, not the same.
    """

    name: str
    look: Callable[[], Any]
    put_back: Callable[[Any], object]
    imported: bool = False
    replaced: bool = False
