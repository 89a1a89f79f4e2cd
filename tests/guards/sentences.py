"""Every text that a person reads of the program, with file and line, to be read in one go.

`python -m tests.guards.sentences` prints them: texts in the code that are more than one word, what the
commands and their options say in --help. The pages of docs are texts already.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "taskrunner"
QUERIES = ("select ", "insert ", "update ", "delete ", "create ", "pragma ", "begin", "set ", "alter ")


def shown(node: ast.expr) -> str | None:
    """Return the text of a string, parts that are filled in as {…}, or None if it is none."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        parts = (
            f"{{{ast.unparse(part.value)}}}"
            if isinstance(part, ast.FormattedValue)
            else ast.literal_eval(part)
            for part in node.values
        )
        return "".join(map(str, parts))
    return None


def is_command(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef) and any(
        "command" in ast.unparse(one) or "group" in ast.unparse(one) for one in node.decorator_list
    )


def texts_in(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield line and text of what may be read; docstrings are, where they are the help of a command."""
    for node in ast.walk(tree):
        if is_command(node) and (text := ast.get_docstring(node)):  # type: ignore[arg-type]
            yield node.lineno, text  # type: ignore[attr-defined]
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    silent = inside | {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)
    }  # docstrings of names and modules
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant | ast.JoinedStr) or id(node) in silent:
            continue
        if (text := shown(node)) is not None and is_sentence(text):
            yield node.lineno, text


def is_sentence(text: str) -> bool:
    """Return whether a text is more than a word, and no SQL."""
    words = text.split()
    return len(words) > 1 and any(word.isalpha() for word in words) and not text.lower().startswith(QUERIES)


def sentences() -> Iterator[tuple[str, int, str]]:
    """Yield file, line and text, file by file."""
    for file in sorted(PACKAGE.rglob("*.py")):
        found = {
            (line, " ".join(text.split())) for line, text in texts_in(ast.parse(file.read_text("utf-8")))
        }
        yield from ((str(file.relative_to(PACKAGE.parent)), line, text) for line, text in sorted(found))


if __name__ == "__main__":
    for name, number, sentence in sentences():
        print(f"{name}:{number}: {sentence}")
