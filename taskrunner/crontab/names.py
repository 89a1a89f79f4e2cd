"""Names of classes for commands: that of the program, in CamelCase."""

from __future__ import annotations

import keyword
import re

LONGEST_NAME = 48
LONGEST_LOOKED_AT = 1000
"""Characters of a command that are looked at for its name."""

OPERATORS = re.compile(r"&&|\|\||[;|&(){}<>`\n]")
ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
COMPUTED = re.compile(r"\$\(\([^()]*\)\)|\$\([^()]*\)")
INTERPRETERS = re.compile(r"(php|python|perl|ruby|node|java|(ba|da|z)?sh|sudo|(io)?nice|env|time)[0-9.]*")
"""What only starts the program that is meant; so does `cd folder &&` before it."""

NOT_MEANT = frozenset({"[", "test", "cd", "sleep", "set", "export", "umask", ".", "source", "if", "then"})
TAKEN = frozenset({"ShellTask"})


def name_of(command: str) -> str:
    """Return the name of the program that a command starts, in CamelCase, or "" if there is none.

    >>> [name_of(text) for text in ("php /var/www/moodle/admin/cli/cron.php", "cd /x && docker system prune")]
    ['Cron', 'Docker']
    >>> [name_of(text) for text in ("A=b nice -n 10 rsync -a /data /x", "run-parts /etc/cron.daily", "'$x'")]
    ['Rsync', 'RunParts', '']
    """
    names = [
        name
        for part in OPERATORS.split(COMPUTED.sub(" ", command[:LONGEST_LOOKED_AT]))
        if (words := part.split()) and words[0].strip("'\"") not in NOT_MEANT and (name := _program(words))
    ]
    first = names[0] if names else _program(command[:LONGEST_LOOKED_AT].split())
    first = first.lstrip("0123456789")[:LONGEST_NAME]
    return first if len(first) > 1 else ""


class Names:
    """Names that were given already, each with the number of the next one like it."""

    def __init__(self) -> None:
        self._next = dict.fromkeys(TAKEN, 2)

    def new(self, command: str, *, line: int) -> str:
        """Return a name for a command that no other one has."""
        name = name_of(command) or f"Line{line}"
        name = candidate = f"Run{name}" if keyword.iskeyword(name) else name
        while candidate in self._next:
            candidate = f"{name}{self._next[name]}"
            self._next[name] += 1
        self._next[candidate] = 2
        return candidate


def _program(words: list[str]) -> str:
    """Return the program among words, in CamelCase: not an option, a number or a variable."""
    plain = [
        word.strip("'\"").rstrip("/").rpartition("/")[2]
        for word in words
        if not word.startswith(("-", "$")) and not ASSIGNMENT.match(word) and not word.isdigit()
    ]
    meant = [word for word in plain if not INTERPRETERS.fullmatch(word)]
    base = re.sub(r"\.(sh|php|py|pl|rb|js|jar)$", "", next(iter(meant or plain), ""))
    parts = re.split(r"[^A-Za-z0-9]+", base if base.isascii() else "")
    return "".join(part[:1].upper() + part[1:] for part in parts)
