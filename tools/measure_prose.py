"""Print how a tree of Python reads: the sizes of its modules and functions, and the form of its docstrings.

    python tools/measure_prose.py [folder …] [--worst [N]]

Prints one row for each folder and one for each room in it; without a folder, for the two packages of this tree.
`--worst` lists the N longest first lines of docstrings (20 without a number) and all that break a rule. The figures are
a mirror, not a gate: the exit code is 0 whatever they say.

The rules: verb first, one clause, about eight words, no semicolon, and no module that begins with a question's word.
"""

from __future__ import annotations

import argparse
import ast
import io
import re
import statistics
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TREES = (ROOT / "src" / "wicketgate", ROOT / "src" / "wicketgate_demo")

_CLAUSE = re.compile(r"\b(that|what|which|who)\b", re.IGNORECASE)
_QUESTION = re.compile(r"(What|Whether|From)\b")
_PRAGMA = re.compile(r"#\s*(type:|noqa|pragma:|!)")
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstLine:
    """The first line of one docstring, with its place."""

    place: str
    text: str
    is_module: bool

    @property
    def words(self) -> int:
        """The number of words."""
        return len(self.text.split())

    @property
    def faults(self) -> tuple[str, ...]:
        """The rules that the line breaks, in words."""
        found = (
            ("clause", _CLAUSE.search(self.text)),
            ("semicolon", ";" in self.text),
            ("question", self.is_module and _QUESTION.match(self.text)),
        )
        return tuple(name for name, broken in found if broken)


@dataclass(slots=True, kw_only=True)
class Measures:
    """The counts of one tree or room; `add` counts one module more."""

    modules: list[int] = field(default_factory=list)
    functions: list[int] = field(default_factory=list)
    firsts: list[FirstLine] = field(default_factory=list)
    public: int = 0
    documented: int = 0
    comments: int = 0

    def add(self, place: str, text: str) -> None:
        """Count the module `text`, named `place` in what is printed."""
        tree = ast.parse(text)
        self.modules.append(len(text.splitlines()))
        self.comments += sum(
            token.type == tokenize.COMMENT and not _PRAGMA.match(token.string)
            for token in tokenize.generate_tokens(io.StringIO(text).readline)
        )
        for node, name, is_public in _documentable(tree):
            docstring = ast.get_docstring(node)
            if isinstance(node, _FUNCTIONS):
                self.functions.append((node.end_lineno or node.lineno) - node.lineno + 1)
            if is_public:
                self.public += 1
                self.documented += bool(docstring)
            if docstring:
                self.firsts.append(
                    FirstLine(
                        place=f"{place}:{getattr(node, 'lineno', 1)} {name}".rstrip(),
                        text=docstring.splitlines()[0],
                        is_module=isinstance(node, ast.Module),
                    )
                )

    def row(self) -> tuple[str, ...]:
        """Return the figures as text, in the order of `COLUMNS`."""
        lines, count = sum(self.modules), len(self.firsts)
        return (
            str(len(self.modules)),
            str(lines),
            f"{statistics.median(self.modules or [0]):.0f}",
            str(max(self.modules, default=0)),
            f"{statistics.fmean(self.functions or [0]):.1f}",
            str(max(self.functions, default=0)),
            f"{100 * self.documented / max(self.public, 1):.0f} %",
            f"{1000 * self.comments / max(lines, 1):.0f}",
            f"{sum(one.words for one in self.firsts) / max(count, 1):.1f}",
            f"{100 * self.broken('clause') / max(count, 1):.0f} %",
            f"{100 * self.broken('semicolon') / max(count, 1):.0f} %",
            str(self.broken("question")),
        )

    def broken(self, rule: str) -> int:
        """Return the number of first lines that break a rule."""
        return sum(rule in one.faults for one in self.firsts)


COLUMNS = (
    "files",
    "lines",
    "median module",
    "max module",
    "mean function",
    "max function",
    "public documented",
    "comments per 1,000 lines",
    "words in a first line",
    "with that/what/which/who",
    "with a semicolon",
    "modules of What/Whether/From",
)


def measure(folder: Path) -> dict[str, Measures]:
    """Return the measures of a tree under "", and of each room in it under the room's name.

    A room is a folder directly in the tree; modules beside the rooms count in the tree alone. An empty module counts
    in nothing.
    """
    found: dict[str, Measures] = {"": Measures()}
    for path in sorted(folder.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if not text.strip():
            continue
        inside = path.relative_to(folder)
        found[""].add(inside.as_posix(), text)
        if len(inside.parts) > 1:
            found.setdefault(inside.parts[0], Measures()).add(inside.as_posix(), text)
    return found


def _documentable(
    node: ast.AST, prefix: str = "", is_public: bool = True
) -> Iterator[tuple[ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef, str, bool]]:
    """Yield a module, its classes and its functions, with their dotted names and whether others may use them."""
    if isinstance(node, ast.Module):
        yield node, "", True
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.ClassDef, *_FUNCTIONS)):
            shown = is_public and not child.name.startswith("_")
            yield child, prefix + child.name, shown
            # What stands inside a function is nobody else's.
            inside = shown and isinstance(child, ast.ClassDef)
            yield from _documentable(child, f"{prefix}{child.name}.", inside)
        else:
            yield from _documentable(child, prefix, is_public)


def worst(measures: Measures, count: int) -> list[FirstLine]:
    """Return the `count` longest first lines and all that break a rule, the most words first."""
    firsts = sorted(measures.firsts, key=lambda one: (-one.words, one.place))
    return [one for number, one in enumerate(firsts) if number < count or one.faults]


def table(rows: Sequence[tuple[str, ...]]) -> str:
    """Return rows as a table of aligned columns, the first of them to the left."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the measures, a column for each folder and room."""
    parser = argparse.ArgumentParser(description="Print how a tree of Python reads; a mirror, not a gate.")
    parser.add_argument("folders", nargs="*", type=Path, default=TREES)
    parser.add_argument("--worst", nargs="?", type=int, const=20, metavar="N")
    given = parser.parse_args(arguments)
    for folder in given.folders:
        found = measure(folder)
        print(folder.name)
        shown = [("", *COLUMNS), *((name or "all", *one.row()) for name, one in found.items())]
        print(table(list(zip(*shown, strict=True))))
        if given.worst is not None:
            for one in worst(found[""], given.worst):
                print(f"{one.words:3d} {','.join(one.faults) or '-'} {one.place}: {one.text}")
        print()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
