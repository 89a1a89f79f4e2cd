"""Words: one for one thing, and first sentences that make sense alone: in the code, the SQL and the pages."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

from tests.guards.sentences import sentences

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "taskrunner"
FILES = sorted(
    file
    for file in (*PACKAGE.rglob("*"), *(ROOT / "docs").rglob("*.md"), ROOT / "README.md")
    if file.suffix in (".py", ".sql", ".toml", ".md")
)

RETIRED = {
    "aftermath": "run journal",
    "ailment": "finding",
    "companion": "helper process",
    "gauge": "progress line",
    "last words": "crash reason",
    "mend": "hint",
    "outlook": "queue state",
    "stamp": "signature, timestamp prefix, web tick file or claim info",
    "surroundings": "process state",
}
"""Word that is not used any more, neither in a name nor in a sentence -> the word for the thing."""

RETIRED_NAMES = {
    "blame": "finding",
    "ending": "outcome",
    "orders": "stop request",
    "tidying": "process state",
    "spare": "anonymous file",
    "stretch": "output range",
    "thing": "process state",
    "told": "message",
    "wish": "stop request",
}
"""The same for names only: in a sentence these are English words like others."""


def parts_of(text: str) -> set[str]:
    """Return the words of a name or a sentence, in lower case and without the `s` at their end.

    >>> sorted(parts_of("TickStamp stamps_of"))
    ['of', 'stamp', 'tick']
    """
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", text)
    return {word.removesuffix("s").lower() for word in re.findall(r"[A-Za-z]+", apart)}


def names_in(text: str) -> Iterator[str]:
    """Yield the names of Python source, and the strings that are one word, as the key of a dict is."""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.NAME or (
            token.type == tokenize.STRING and token.string[1:-1].isidentifier()
        ):
            yield token.string


METRICS = {"docs/checks.md", "taskrunner/diagnosis/metrics.py"}
"""Where a gauge is a type of metric."""


def retired_words(file: Path) -> set[str]:
    text = file.read_text("utf-8")
    names = " ".join(names_in(text)) if file.suffix == ".py" else ""
    sentences = parts_of(text) | {"last word" for _ in re.findall(r"last[ _]words", text.lower())}
    return {word for word in RETIRED if word.removesuffix("s") in sentences} | {
        word for word in RETIRED_NAMES if word.removesuffix("s") in parts_of(names)
    }


ODD = re.compile(
    r"(?<!there) is no (?!longer|more)\w|\bgoes on\b|\bright (?:is|are) \w|\ball the same\b|\bof one name\b"
    r"|\bsee to\b|\bsince \{length|\b1 (?!ms\b)\w+s\b|\bto be mended\b",
    re.IGNORECASE,
)
"""What has to be read twice, or is not said in English."""


def test_what_the_program_says_is_plain_english() -> None:
    assert [] == [(name, line, text) for name, line, text in sentences() if ODD.search(text)]


OLD_PHRASES = re.compile(r"(?<!there )\bis no (?!longer|more)\w|\bgoes on\b|\bof one name\b", re.IGNORECASE)


def test_docstrings_and_comments_have_no_phrase_that_is_read_twice() -> None:
    assert [] == [
        (file.name, number, line.strip())
        for file in FILES
        if file.is_relative_to(PACKAGE)
        for number, line in enumerate(file.read_text("utf-8").splitlines(), 1)
        if OLD_PHRASES.search(line)
    ]


def test_a_thing_has_one_word_everywhere() -> None:
    found = {
        name: retired_words(file) - ({"gauge"} if name in METRICS else set())
        for file in FILES
        for name in [str(file.relative_to(ROOT))]
    }

    assert {} == {name: words for name, words in found.items() if words}


COMPRESSED = re.compile(r"^(Say whether|Say why)\b|[;,(] ?(None|False|True|0|-1): |^None: ")
"""First sentences that make sense only to somebody who has read the body."""


def first_sentences(file: Path) -> Iterator[tuple[int, str]]:
    """Yield line and first sentence of each docstring."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, documented) and (text := ast.get_docstring(node)):
            yield getattr(node, "lineno", 1), re.split(r"\.(?:\s|$)", text, maxsplit=1)[0].replace("\n", " ")


def compressed() -> dict[str, list[tuple[int, str]]]:
    found = {
        str(file.relative_to(ROOT)): [
            (line, sentence) for line, sentence in first_sentences(file) if COMPRESSED.search(sentence)
        ]
        for file in FILES
        if file.suffix == ".py"
    }
    return {name: sentences for name, sentences in found.items() if sentences}


def test_the_first_sentence_of_a_docstring_makes_sense_alone() -> None:
    assert {} == compressed()
