"""The colours of the terminal: each can be read on black and on white, and says nothing that no word says."""

from __future__ import annotations

BAD = "red"
"""What failed, or keeps a task from running."""

ASIDE = "dim"
"""What does not run, and is not meant to."""

DONE = "magenta"
TO_DO = "bright_black"
"""The two parts of a bar."""
