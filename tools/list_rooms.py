"""List the rooms with their files in docs/architecture.md, each with the first line of its docstring.

python tools/list_rooms.py            fail if the page does not list what is in the tree; `make check` runs it
python tools/list_rooms.py --write    list it
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "architecture.md"

BEGINS, ENDS = "<!-- the files, made from their docstrings -->\n", "<!-- the end of the files -->\n"


def first_line(path: Path) -> str:
    """Return the first line of a module's docstring; empty where it has none."""
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return docstring.split("\n", 1)[0]


def listed(package: Path, rooms: list[str]) -> str:
    """Return a section for each room of a package: its sentence, its files, its folders.

    Parameters
    ----------
    rooms : list of str
        The names of its folders, in the order to list them.
    """
    return "\n".join(line for room in rooms for line in _section(package / room))


def replaced(page: str, tables: str) -> str:
    """Return the page with `tables` between its two marks."""
    before, begins, rest = page.partition(BEGINS)
    _, ends, after = rest.partition(ENDS)
    if not begins or not ends:
        raise ValueError("docs/architecture.md lacks the marks between which the files are listed")
    return f"{before}{begins}\n{tables}\n{ends}{after}"


def layers(contracts: str, package: str) -> list[str]:
    """Return the folders of a package from the top down, as its contract of layers lists them."""
    section = contracts.split(f"    {package}\nlayers =\n", 1)[1].split("\nexhaustive", 1)[0]
    return re.findall(r"\w+", section)


def _section(folder: Path) -> Iterator[str]:
    if not (folder / "__init__.py").exists():
        return
    yield from (f"### {folder.name}", "", first_line(folder / "__init__.py"), "", "| file | |", "|---|---|")
    yield from _rows(folder, folder)
    yield ""


def _rows(room: Path, folder: Path) -> Iterator[str]:
    for path in sorted(folder.iterdir(), key=lambda path: (path.is_dir(), path.name)):
        name = path.relative_to(room).as_posix()
        if path.suffix == ".py" and path.stem != "__init__":
            yield f"| `{name}` | {first_line(path)} |"
        elif (path / "__init__.py").exists():
            yield f"| **`{name}/`** | {first_line(path / '__init__.py')} |"
            yield from _rows(room, path)


def main(arguments: list[str]) -> int:
    """Check the page, or write it; return the exit code."""
    if arguments not in ([], ["--write"]):
        print(__doc__)
        return 2
    contracts = (ROOT / ".importlinter").read_text(encoding="utf-8")
    product, demonstration = (
        listed(ROOT / "src" / package, layers(contracts, package))
        for package in ("wicketgate", "wicketgate_demo")
    )
    page = PAGE.read_text(encoding="utf-8")
    made = replaced(page, f"{product}\n## The demonstration\n\n{demonstration}")
    if arguments:
        PAGE.write_text(made, encoding="utf-8")
    elif made != page:
        print(
            "docs/architecture.md: does not list what is in the tree: run `python tools/list_rooms.py --write`"
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
