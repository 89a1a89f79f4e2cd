"""The program itself: compiled, so that a minute without work costs what it should."""

from __future__ import annotations

import sys
from importlib.util import cache_from_source
from pathlib import Path
from typing import TYPE_CHECKING

from taskrunner.doctor.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence

PACKAGE = Path(__file__).parents[1]
FEW = 3
"""Files without bytecode that are not worth a word: never imported yet."""


def program_findings() -> list[Finding]:
    """Return what is wrong with the program."""
    used = [module for name, module in sys.modules.items() if name.partition(".")[0] == PACKAGE.name]
    return uncompiled([file for module in used if (file := getattr(module, "__file__", None))], PACKAGE)


def uncompiled(files: Sequence[str], package: Path) -> list[Finding]:
    """Say if modules in use have no bytecode beside them: they are compiled anew at every start."""
    missing = [file for file in files if not Path(cache_from_source(file)).exists()]
    if len(missing) <= FEW:
        return []
    told = f"{len(missing)} of {len(files)} modules in use have no .pyc: each cron compiles them anew"
    return [Finding("program", told, f"{sys.executable} -m compileall -q {package}")]
