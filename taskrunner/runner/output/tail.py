"""What a run writes to the log file of its process, found again from outside."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

PIECE = 1024 * 1024

AFTERWARDS = re.compile(
    rb"^[^\n]{0,64}(?:Execute (?:scheduled|adhoc) task: |Ran \d{1,9} adhoc tasks found at |Cron run comp)",
    re.MULTILINE,
)
"""How lines behind those of a run begin, perhaps after a time: the next run, the end of the process."""


def start_of_run(descriptor: int, run_id: str) -> int | None:
    """Return where in a log file the output of a run begins; None: it is not in there (yet)."""
    text = f"... run id {run_id}\n".encode()
    offset = 0
    while piece := os.pread(descriptor, PIECE + len(text), offset):
        found = piece.find(text)
        if found >= 0:
            return offset + found + len(text)
        offset += PIECE
    return None


@dataclass(slots=True)
class Tail:
    """Reads what is appended to a log file from `offset` on."""

    descriptor: int
    offset: int

    def read(self, end: int) -> bytes:
        """Return what was written since the last time, up to an offset."""
        pieces = []
        while piece := os.pread(self.descriptor, min(PIECE, max(0, end - self.offset)), self.offset):
            self.offset += len(piece)
            pieces.append(piece)
        return b"".join(pieces)

    def rest(self) -> bytes:
        """Return what is left of a run that has ended: not what its process wrote afterwards."""
        left = self.read(self.size())
        following = AFTERWARDS.search(left)
        return left[: following.start()] if following else left

    def size(self) -> int:
        """Return how long the file is by now."""
        return os.fstat(self.descriptor).st_size
