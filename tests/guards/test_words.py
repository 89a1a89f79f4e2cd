"""Words: one for one thing, and first sentences that make sense alone: in the code, the SQL and the pages."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

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

STILL_IN: dict[str, str] = {
    "taskrunner/idle_cache.py": "told",
    "taskrunner/runner/claim.py": "orders",
    "taskrunner/runner/console.py": "told",
    "taskrunner/runner/execute.py": "told",
    "taskrunner/runner/notify.py": "told",
    "taskrunner/runner/recovery.py": "told",
    "taskrunner/store/settings.py": "stamp, told",
}
"""File -> retired words that may still stand there; the list only gets shorter."""


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


METRICS = {"docs/checks.md", "taskrunner/diagnosis/check.py"}
"""Where a gauge is a type of metric."""


def retired_words(file: Path) -> set[str]:
    text = file.read_text("utf-8")
    names = " ".join(names_in(text)) if file.suffix == ".py" else ""
    sentences = parts_of(text) | {"last word" for _ in re.findall(r"last[ _]words", text.lower())}
    return {word for word in RETIRED if word.removesuffix("s") in sentences} | {
        word for word in RETIRED_NAMES if word.removesuffix("s") in parts_of(names)
    }


def surplus(one: dict[str, set[str]], other: dict[str, set[str]]) -> dict[str, set[str]]:
    """Return what stands in `one` and not in `other`."""
    return {name: more for name, words in one.items() if (more := words - other.get(name, set()))}


FOUND = {
    name: retired_words(file) - ({"gauge"} if name in METRICS else set())
    for file in FILES
    for name in [str(file.relative_to(ROOT))]
}
LEFT = {name: set(words.split(", ")) for name, words in STILL_IN.items()}


def test_a_thing_has_one_word_everywhere() -> None:
    assert {} == surplus(FOUND, LEFT)


def test_the_list_of_files_with_retired_words_is_as_short_as_it_can_be() -> None:
    assert {} == surplus(LEFT, FOUND)


COMPRESSED = re.compile(r"^(Say whether|Say why)\b|[;,(] ?(None|False|True|0|-1): |^None: ")
"""First sentences that make sense only to somebody who has read the body."""

STILL_COMPRESSED: set[str] = {
    "taskrunner/runner/signals.py",
}
"""Files that may still have such sentences; the list only gets shorter."""


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
    assert {} == {name: found for name, found in compressed().items() if name not in STILL_COMPRESSED}


def test_the_list_of_files_with_compressed_sentences_is_as_short_as_it_can_be() -> None:
    assert set() == STILL_COMPRESSED - set(compressed())
