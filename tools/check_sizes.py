"""Measure modules and functions; `make check` runs it, and fails where one is too long to be read at once.

Lines are physical, docstrings and comments included. A function begins at its first decorator. Tests are left out: a
table of cases is long and easily read.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("src", "bench", "tools")
MODULE_LINES = 500
FUNCTION_LINES = 80


def functions(source: str) -> Iterator[tuple[str, int, int]]:
    """Yield the name, the first line and the number of lines of each function, nested ones too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = min([decorator.lineno for decorator in node.decorator_list] + [node.lineno])
            yield node.name, first, (node.end_lineno or first) - first + 1


def faults(name: str, source: str) -> Iterator[str]:
    """Yield what is too long in a module of the name `name`."""
    lines = len(source.splitlines())
    if lines > MODULE_LINES:
        yield f"{name} has {lines} lines of at most {MODULE_LINES}: give a part of it a module of its own"
    for function, first, length in functions(source):
        if length > FUNCTION_LINES:
            yield f"{name}:{first}: `{function}` has {length} lines of at most {FUNCTION_LINES}: name its steps"


def main() -> int:
    """Print what is too long; return 1 if anything is."""
    paths = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]
    found = [
        fault
        for path in paths
        for fault in faults(path.relative_to(ROOT).as_posix(), path.read_text("utf-8"))
    ]
    print("\n".join(found) or f"sizes: {len(paths)} modules, none too long")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
