"""Names of classes for commands."""

from __future__ import annotations

import keyword
import re
from itertools import takewhile

LONGEST_NAME = 48
MOST_WORDS = 3
LONGEST_LOOKED_AT = 1000
"""Characters of a command that are looked at for its name."""

QUOTES = "'\""
PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9._:-]+")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=.*", re.DOTALL)
OPERATORS = re.compile(r"&&|\|\||[;|&(){}<>\n]")
INTERPRETERS = re.compile(r"(php|python|perl|ruby|node|bash|sh|dash|zsh|java)[0-9.]*")
IN_LINE = re.compile(r"\$\(\([^()]*\)\)|\$\([^()]*\)|`[^`]*`|\s-[er]\s+('[^']*'|\"[^\"]*\")")
"""What a shell computes, and programs given to an interpreter."""

BEFORE = frozenset(
    {"!", "chrt", "chronic", "command", "cronic", "do", "else", "env", "exec", "if", "ionice", "nice"}
    | {"nohup", "setsid", "sudo", "systemd-cat", "then", "time", "timeout"}
)
"""What only says how the command after it is started."""

WITH_VALUE = frozenset({"-g", "-n", "-u", "-w"})
"""Options of those that are followed by a value."""

SELDOM_MEANT = frozenset(
    {".", ":", "[", "[[", "cd", "echo", "exit", "export", "set", "sleep", "source", "test", "true", "umask"}
)
"""What a line begins with, and seldom what it is for."""

FOLDERS = frozenset(
    {"bin", "home", "html", "lib", "local", "opt", "sbin", "share", "srv", "tmp", "usr", "var", "www"}
)
SAYS_LITTLE = frozenset({"cron", "index", "main", "manage", "run", "start"})
TAKEN = frozenset({"ShellTask"})


def name_of(command: str) -> str:
    """Return a name in CamelCase, made of the program and the words that say what it does; "" for none.

    >>> [name_of(text) for text in ("php /var/www/moodle/admin/cli/cron.php", "cd /x && docker system prune")]
    ['MoodleCron', 'DockerSystemPrune']
    >>> [name_of(text) for text in ("A=b nice -n 10 rsync -a /data /x", "run-parts /etc/cron.daily", "'$x'")]
    ['RsyncData', 'RunPartsCronDaily', '']
    """
    looked_at = IN_LINE.sub(" ", command[:LONGEST_LOOKED_AT])
    commands = [_without_preparation(part.split()) for part in OPERATORS.split(looked_at)]
    programs = [words for words in commands if words]
    meant = [words for words in programs if not _is_seldom_meant(words)]
    return _camel_case(next(iter(meant or programs), []))


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


def _without_preparation(words: list[str]) -> list[str]:
    """Leave out what comes before the program: variables, `nice -n 10`, `php`, each with its options."""
    while words:
        first = _last_part(words[0])
        if first in ("flock", "su"):
            words = _without_operand(words[1:])
        elif words[0] in WITH_VALUE:
            words = words[2:]
        elif first not in BEFORE and not _is_interpreter_of(words) and _is_program(words[0]):
            return words
        else:
            words = words[1:]
    return words


def _without_operand(words: list[str]) -> list[str]:
    """Leave out the options and what follows them: the file of a lock, a user."""
    while words and words[0].startswith("-"):
        words = words[2:] if words[0] in WITH_VALUE - {"-n"} else words[1:]
    return words[1:]


def _is_interpreter_of(words: list[str]) -> bool:
    return len(words) > 1 and INTERPRETERS.fullmatch(_last_part(words[0])) is not None


def _is_program(word: str) -> bool:
    is_plain = PLAIN.fullmatch(_last_part(word)) is not None and VARIABLE.fullmatch(word) is None
    return word.strip(QUOTES) in SELDOM_MEANT or (is_plain and not word.startswith("-"))


def _is_seldom_meant(words: list[str]) -> bool:
    return words[0].strip(QUOTES) in SELDOM_MEANT or INTERPRETERS.fullmatch(_last_part(words[0])) is not None


def _camel_case(words: list[str]) -> str:
    if not words:
        return ""
    arguments = list(takewhile(lambda word: not word.startswith(("'", '"')), words[1:]))
    plain = [word for word in arguments if PLAIN.fullmatch(word)]
    program = _program(words[0])
    paths = [base for word in arguments if word.startswith("/") and (base := _base(word)) not in program]
    told = [*program, *(plain[: MOST_WORDS - 1] or paths[:1])]
    parts = [part for word in told for part in re.split(r"[^A-Za-z0-9]+", word)]
    name = "".join(part[:1].upper() + part[1:] for part in parts).lstrip("0123456789")
    return name[:LONGEST_NAME]


def _program(word: str) -> list[str]:
    """Return what a program is called; where that says little, after the folder of what it belongs to."""
    base = _base(word)
    folders = [
        part for part in word.strip(QUOTES).split("/")[:-1] if part not in FOLDERS and PLAIN.fullmatch(part)
    ]
    return [folders[0], base] if base in SAYS_LITTLE and folders else [base]


def _base(word: str) -> str:
    """Return the name of a program or file without its folder and what says its kind."""
    return re.sub(r"\.(sh|php|py|pl|rb|js|jar|cgi|bash|conf)$", "", _last_part(word))


def _last_part(word: str) -> str:
    return word.strip(QUOTES).rstrip("/").rpartition("/")[2]
