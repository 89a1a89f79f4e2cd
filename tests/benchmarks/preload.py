"""The library that is preloaded where the bench measures with another disk or another clock."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_suffix(".c")
COMPILER = shutil.which("gcc") or shutil.which("cc")


def build(folder: Path) -> dict[str, str] | None:
    """Compile it; return the environment in which programs have it, or None where there is no compiler."""
    if COMPILER is None:
        return None
    library = folder / "preload.so"
    subprocess.run([COMPILER, "-shared", "-fPIC", "-O1", "-o", library, SOURCE, "-ldl"], check=True)
    return {"LD_PRELOAD": str(library)}
